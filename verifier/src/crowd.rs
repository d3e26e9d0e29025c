//! How many claims pay at the same time, and how many of them a batch waits for.
//!
//! One commit costs much the same for one claim as for thirty, so a batch waits a moment for those that are
//! being checked. It does not wait for all: who is answered sends the next claim, and while most of the crowd
//! is synced the rest can be checked. A batch of all would leave the processors idle during each sync.

/// Claims that are enough for a batch of two thirds: a commit takes some 140 µs of processor besides its
/// claims, which is little among so many. From there on it matters more that the other claims are enough
/// work for the processors meanwhile: of four requests of a thousand claims one at least is to be left.
const ENOUGH: usize = 256;

/// The crowd, as it was seen lately.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Crowd {
    /// The most claims under way at once, each batch a quarter less unless there are as many again.
    size: usize,
}

impl Crowd {
    /// Counts how many claims were under way when a batch was closed.
    pub fn count(&mut self, under_way: usize) {
        self.size = under_way.max(self.size.saturating_mul(3) / 4);
    }

    /// Claims that a batch waits for while so many are under way: two thirds of those that come one by one, but
    /// not beyond [`ENOUGH`] where half are more (measured in docs/decisions/0003-verify-before-the-queue.md).
    ///
    /// Half where senders bring several at once: two of them are half each, and the one's are checked while the
    /// other's are synced.
    #[must_use]
    pub fn worth_waiting_for(self, under_way: usize, one_by_one: bool) -> usize {
        let crowd = under_way.max(self.size);
        let two_thirds = crowd.saturating_mul(2) / 3;
        if one_by_one { two_thirds.min(ENOUGH).max(crowd / 2) } else { crowd / 2 }
    }

    /// Whether a claim that comes now has others about it, even if none is under way at this moment: those
    /// that were answered just now send their next ones.
    #[must_use]
    pub fn is_there(self) -> bool {
        self.size > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_thirds_of_a_small_crowd_are_waited_for_and_half_of_a_large_one() {
        let rows = [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (64, 42), (384, 256), (400, 256)];
        for (crowd, expected) in rows.into_iter().chain([(512, 256), (600, 300), (4_000, 2_000)]) {
            assert_eq!(Crowd::default().worth_waiting_for(crowd, true), expected, "of {crowd}");
            assert_eq!(Crowd::default().worth_waiting_for(crowd, false), crowd / 2, "of {crowd}");
        }
    }

    #[test]
    fn a_crowd_is_expected_for_a_while_and_forgotten_when_it_left() {
        let mut crowd = Crowd::default();
        assert!(!crowd.is_there());
        crowd.count(64);
        assert!(crowd.is_there());
        assert_eq!(crowd.worth_waiting_for(10, true), 42, "the others are on their way");
        assert_eq!(crowd.worth_waiting_for(100, true), 66);
        let mut batches = 0;
        while crowd.is_there() {
            crowd.count(1);
            batches += 1;
        }
        assert_eq!(batches, 12);
        crowd.count(1);
        assert_eq!(crowd.worth_waiting_for(1, true), 0, "a lone claim waits for nobody");
    }
}
