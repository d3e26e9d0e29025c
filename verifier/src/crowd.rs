//! How many claims pay at the same time, and how many of them a batch waits for.
//!
//! One commit costs much the same for one claim as for thirty, so a batch waits a moment for those that are
//! being checked. It does not wait for all: who is answered sends the next claim, and while half of the crowd
//! is synced the other half can be checked. A batch of all would leave the processors idle during each sync.

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

    /// Claims that a batch waits for while so many are under way.
    #[must_use]
    pub fn worth_waiting_for(self, under_way: usize) -> usize {
        under_way.max(self.size) / 2
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
    fn half_of_a_crowd_is_waited_for_and_a_crowd_that_left_is_forgotten() {
        let mut crowd = Crowd::default();
        assert!(!crowd.is_there());
        assert_eq!(
            (crowd.worth_waiting_for(1), crowd.worth_waiting_for(2)),
            (0, 1),
            "a lone claim waits for nobody"
        );
        crowd.count(64);
        assert!(crowd.is_there());
        assert_eq!(crowd.worth_waiting_for(10), 32, "the others are on their way");
        assert_eq!(crowd.worth_waiting_for(100), 50);
        let mut batches = 0;
        while crowd.is_there() {
            crowd.count(1);
            batches += 1;
        }
        assert_eq!(batches, 12);
        crowd.count(1);
        assert_eq!(crowd.worth_waiting_for(1), 0);
    }
}
