//! Whether a click is the visitor's own: the rules against clickjacking.
//!
//! The page around the frame is hostile: it can move the frame under the pointer, cover it, make
//! it transparent. Nothing here can be perfect (a claim is bounded by the allowance for that),
//! but a click that could be stolen is never charged at once: the button asks again in place.

/// The pointer rests on the button, or the keyboard's focus does, at least this long first.
pub const DWELL_MS_MIN: u64 = 250;
/// The frame has stood still, and in full view, at least this long.
pub const SETTLED_MS_MIN: u64 = 500;
/// A second click sooner than this is the other half of a double click.
pub const REPEAT_MS_MIN: u64 = 1_000;
/// A pointer that moved at least this far on the screen, over a frame that did not, came by itself.
pub const MOVED_PX_MIN: u64 = 4;

/// What the page observed about a click. Durations are milliseconds up to the click.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// The browser says that a person made it.
    pub trusted: bool,
    /// By which means.
    pub by: By,
    /// How long the pointer was over the button.
    pub dwell_ms: u64,
    /// How long the button had the focus.
    pub focus_ms: u64,
    /// How long the frame's place on the screen did not change, as far as it was seen.
    pub still_ms: u64,
    /// How far the pointer moved on the screen while the frame's place did not change.
    pub moved_px: u64,
    /// How long the button was fully in view (`IntersectionObserver` v1).
    pub in_view_ms: u64,
    /// Whether nothing covers or distorts the button (v2); `None` where the browser cannot say.
    pub uncovered: Option<bool>,
    /// Since the last click, or since the button last changed its meaning.
    pub since_last_ms: u64,
}

/// What made the click.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A mouse or another pointer that can hover.
    Hover,
    /// A finger or pen: it touches down without having been there before.
    Touch,
    /// A key, a screen reader, a voice: no pointer evidence may be asked for.
    Keyboard,
    /// Nothing: the page's clock, within what the visitor permitted (docs/decisions/0022-automatic-payments.md).
    Nobody,
}

/// What a click is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The visitor's own.
    Sure,
    /// Perhaps: ask again in place.
    Doubtful,
    /// Perhaps, and the button may not even be seen: only a window of our own can ask.
    Unseen,
    /// Made by a script, or half of a double click: nothing happens.
    Nothing,
}

impl Evidence {
    /// Judges a click; `asked` when the button already says "Confirm".
    #[must_use]
    pub fn judge(&self, asked: bool) -> Verdict {
        if !self.trusted || self.since_last_ms < REPEAT_MS_MIN {
            return Verdict::Nothing;
        }
        let seen = self.uncovered != Some(false) && self.in_view_ms >= SETTLED_MS_MIN;
        let still = self.still_ms >= SETTLED_MS_MIN || self.moved_px >= MOVED_PX_MIN;
        let own = match self.by {
            By::Hover => self.dwell_ms >= DWELL_MS_MIN && still,
            // A finger gives one more sign at least: the frame stood in view before it came.
            // Where nobody clicked, nothing speaks for a click but that the button was seen.
            By::Touch | By::Nobody => true,
            By::Keyboard => self.focus_ms >= DWELL_MS_MIN,
        };
        match (seen, own, asked) {
            (true, true, _) | (true, false, true) => Verdict::Sure,
            (_, _, false) => Verdict::Doubtful,
            (false, _, true) => Verdict::Unseen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HONEST: Evidence = Evidence {
        trusted: true,
        by: By::Hover,
        dwell_ms: 300,
        focus_ms: 0,
        still_ms: 600,
        moved_px: 0,
        in_view_ms: 900,
        uncovered: Some(true),
        since_last_ms: 5_000,
    };

    #[test]
    fn clicks_are_judged() {
        use Verdict::{Doubtful, Nothing, Sure, Unseen};
        let keyboard = Evidence { by: By::Keyboard, dwell_ms: 0, focus_ms: 300, ..HONEST };
        let nobody = Evidence { by: By::Nobody, dwell_ms: 0, still_ms: 0, ..HONEST };
        let touch = Evidence { by: By::Touch, dwell_ms: 0, still_ms: 0, ..HONEST };
        let rows = [
            ("an honest click", HONEST, Sure, Sure),
            ("no second observer", Evidence { uncovered: None, ..HONEST }, Sure, Sure),
            ("came in and clicked", Evidence { still_ms: 300, moved_px: 9, ..HONEST }, Sure, Sure),
            ("keyboard", keyboard, Sure, Sure),
            ("touch", touch, Sure, Sure),
            ("nobody", nobody, Sure, Sure),
            ("nobody, just in view", Evidence { in_view_ms: 100, ..nobody }, Doubtful, Unseen),
            ("a script", Evidence { trusted: false, ..HONEST }, Nothing, Nothing),
            ("a double click", Evidence { since_last_ms: 200, ..HONEST }, Nothing, Nothing),
            ("moved under the pointer", Evidence { dwell_ms: 0, ..HONEST }, Doubtful, Sure),
            ("moved just now", Evidence { still_ms: 300, ..HONEST }, Doubtful, Sure),
            ("covered", Evidence { uncovered: Some(false), ..HONEST }, Doubtful, Unseen),
            ("just came into view", Evidence { in_view_ms: 100, ..HONEST }, Doubtful, Unseen),
            (
                "covered, keyboard",
                Evidence { uncovered: Some(false), ..keyboard },
                Doubtful,
                Unseen,
            ),
            ("no focus yet", Evidence { focus_ms: 10, ..keyboard }, Doubtful, Sure),
            ("touch, just in view", Evidence { in_view_ms: 100, ..touch }, Doubtful, Unseen),
        ];
        for (what, evidence, first, asked) in rows {
            assert_eq!((evidence.judge(false), evidence.judge(true)), (first, asked), "{what}");
        }
    }
}
