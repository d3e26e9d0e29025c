//! Names of wallets, creators, prefixes and funding sources as dense numbers.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::book::NONE;

/// A table of names; the number of a name is its order of first sight, so it is the same in each replay. Each name is
/// kept once, all in one text: the table holds numbers only.
#[derive(Debug, Default)]
pub struct Names {
    hasher: DefaultHashBuilder,
    numbers: HashTable<u32>,
    text: String,
    /// Where each name ends in `text`.
    ends: Vec<usize>,
}

impl Names {
    /// The number of `name`, given on first sight. Saturates at `u32::MAX - 1` names, far beyond memory.
    pub fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.known(name) {
            return number;
        }
        let number = u32::try_from(self.ends.len()).unwrap_or(u32::MAX - 1);
        self.text.push_str(name);
        self.ends.push(self.text.len());
        let Self { hasher, numbers, text, ends } = self;
        let again = |&number: &u32| hasher.hash_one(part(text, ends, number));
        numbers.insert_unique(hasher.hash_one(name), number, again);
        number
    }

    /// The number of `name`; [`NONE`] of none and of an empty one.
    pub fn number_if_any(&mut self, name: Option<&str>) -> u32 {
        match name {
            Some(name) if !name.is_empty() => self.number(name),
            _ => NONE,
        }
    }

    /// The number of a name that was seen before.
    #[must_use]
    pub fn known(&self, name: &str) -> Option<u32> {
        let same = |&number: &u32| self.name(number) == name;
        self.numbers.find(self.hasher.hash_one(name), same).copied()
    }

    /// The name behind a number.
    #[must_use]
    pub fn name(&self, number: u32) -> &str {
        part(&self.text, &self.ends, number)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

fn part<'a>(text: &'a str, ends: &[usize], number: u32) -> &'a str {
    let at = number as usize;
    let from = at.checked_sub(1).map_or(0, |before| ends.get(before).copied().unwrap_or(0));
    ends.get(at).and_then(|&to| text.get(from..to)).unwrap_or("?")
}

/// All names of a trace.
#[derive(Debug, Default)]
pub struct Tables {
    pub wallets: Names,
    pub creators: Names,
    pub prefixes: Names,
    pub funds: Names,
}
