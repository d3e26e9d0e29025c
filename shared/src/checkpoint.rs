//! A checkpoint (C2SP tlog-checkpoint): the signed head of the log.
//!
//! ```text
//!  <origin>\n<size>\n<base64 root>\n        then the signatures of a note
//! ```

use alloc::format;
use alloc::string::String;
use core::fmt;

use crate::merkle::Hash;
use crate::note::{Note, NoteError, NoteKey};
use crate::signing::SigningKey;

/// How long the log is and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// Leaves.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// Signs it in the log's name.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] when the origin cannot be a key's name.
    pub fn sign(&self, key: &SigningKey) -> Result<Note, NoteError> {
        Note::sign(self.text(), &self.origin, key)
    }

    /// Reads a note's text. Extension lines after the third are passed over.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let bad = NoteError::Malformed("a checkpoint begins with origin, size and root");
        let mut lines = text.lines();
        let origin = lines.next().filter(|origin| !origin.is_empty()).ok_or(bad)?;
        let digits = lines.next().ok_or(bad)?;
        let size = digits.parse::<u64>().map_err(|_| bad)?;
        if i64::try_from(size).is_err() || format!("{size}") != digits {
            return Err(bad);
        }
        let root = lines.next().and_then(Hash::parse).ok_or(bad)?;
        if lines.any(str::is_empty) {
            return Err(NoteError::Malformed("an extension line is empty"));
        }
        Ok(Self { origin: origin.into(), size, root })
    }

    /// Reads a note that the log's key has signed, in the key's own name.
    ///
    /// # Errors
    /// [`NoteError`].
    pub fn open(note: &Note, key: &NoteKey) -> Result<Self, NoteError> {
        key.check(note)?;
        let checkpoint = Self::parse(note.text())?;
        if checkpoint.origin == key.name() {
            Ok(checkpoint)
        } else {
            Err(NoteError::Malformed("its origin is not the name of the log's key"))
        }
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::empty_root;
    use crate::note::ED25519;

    /// The key of one log may sign another one's head, which is then no head of this log.
    #[test]
    fn a_checkpoint_of_another_log_under_this_keys_name_is_refused() {
        let secret = SigningKey::from_seed(&[4; 32]);
        let key = NoteKey::new("a.example/log", ED25519, &secret.public()).unwrap();
        for (origin, holds) in [("a.example/log", true), ("b.example/log", false)] {
            let head = Checkpoint { origin: origin.into(), size: 0, root: empty_root() };
            let note = Note::sign(head.text(), key.name(), &secret).unwrap();
            assert_eq!(Checkpoint::open(&note, &key).is_ok(), holds, "{origin}");
        }
    }
}
