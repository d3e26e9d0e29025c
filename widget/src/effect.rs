//! What a machine asks the page to do, as text.
//!
//! ```text
//! op US argument US argument RS op US …     US = 0x1f, RS = 0x1e
//! ```
//!
//! The page carries effects out in order and within the same turn, so that a window that answers a
//! click is still opened by that click (WebKit blocks it after any `await`).

use alloc::string::String;

use crate::fields::UNIT;

/// Separates effects.
pub const RECORD: char = '\u{1e}';

/// Effects in the order in which they are to be carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects(String);

impl Effects {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self(String::new())
    }

    /// Adds one: the operation's name and its arguments.
    #[inline(never)]
    pub fn add(&mut self, units: &[&str]) {
        if !self.0.is_empty() {
            self.0.push(RECORD);
        }
        for (index, unit) in units.iter().enumerate() {
            if index > 0 {
                self.0.push(UNIT);
            }
            // A separator inside a text would let it pass for an effect of its own.
            for part in unit.split([UNIT, RECORD]) {
                self.0.push_str(part);
            }
        }
    }

    /// Takes them out, for the page.
    pub fn take(&mut self) -> String {
        core::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_smuggle_an_effect_in() {
        let mut effects = Effects::new();
        effects.add(&["settle", "x\u{1e}popup\u{1f}/evil"]);
        effects.add(&["close"]);
        assert_eq!(effects.take(), "settle\u{1f}xpopup/evil\u{1e}close");
        assert_eq!(effects, Effects::new());
    }
}
