//! Signed notes (C2SP signed-note): a text, a blank line, and signature lines. Used for checkpoints.
//!
//! ```text
//!  text, one or more lines\n
//!  \n
//!  — <name> <base64(key hash 4 · signature)>\n
//! ```
//!
//! A verifier key is written `<name>+<key hash, 8 hex digits>+<base64(type 1 · public key)>`. Type 1 is
//! Ed25519 over the text; type 4 is a witness's cosignature with a time (C2SP tlog-cosignature).
//! Lines of keys that the reader does not know are passed over, as the format demands.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};

use crate::encoding::SIGNATURE_LEN;
use crate::ids::PublicKey;
use crate::signing::{SigningKey, VerifyingKey};

/// Bytes of a note at most: a checkpoint has three short lines and at most 16 signatures.
pub const NOTE_BYTES_MAX: usize = 16 << 10;
/// Signature lines at most (C2SP asks for at least 16).
pub const SIGNATURES_MAX: usize = 32;
/// Bytes of a key's name at most.
pub const NAME_BYTES_MAX: usize = 255;

const SIGNATURE_MARK: &str = "\u{2014} ";
/// Ed25519 over the text.
pub const ED25519: u8 = 1;
/// A witness's Ed25519 cosignature.
pub const COSIGNATURE: u8 = 4;

/// Why a note or key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteError {
    /// It is not in the form of a signed note, for this reason.
    Malformed(&'static str),
    /// None of its signatures is by the key that was asked for.
    Unsigned,
    /// It has a signature in the name of the key that does not hold.
    Forged,
}

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "it is not a signed note: {why}"),
            Self::Unsigned => f.write_str("it carries no signature by this key"),
            Self::Forged => f.write_str("its signature by this key does not hold"),
        }
    }
}

impl core::error::Error for NoteError {}

/// A public key with the name it signs under.
#[derive(Debug, Clone)]
pub struct NoteKey {
    name: String,
    kind: u8,
    public: PublicKey,
    verifying: VerifyingKey,
}

impl NoteKey {
    /// The key that signs notes under this name.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] for a name or key that cannot be used.
    pub fn new(name: &str, kind: u8, public: &PublicKey) -> Result<Self, NoteError> {
        check_name(name)?;
        let verifying = VerifyingKey::new(public)
            .map_err(|_| NoteError::Malformed("the key is not an Ed25519 public key"))?;
        Ok(Self { name: name.into(), kind, public: *public, verifying })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// [`ED25519`] or [`COSIGNATURE`].
    #[must_use]
    pub const fn kind(&self) -> u8 {
        self.kind
    }

    /// Reads the text form; the exact inverse of its `Display`.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let bad = NoteError::Malformed(
            "a verifier key is written name+8 hex digits+base64 of type and key",
        );
        let (name, rest) = text.split_once('+').ok_or(bad)?;
        let (_, encoded) = rest.split_once('+').ok_or(bad)?;
        let mut bytes = [0; 33];
        let length = Base64::decode(encoded, &mut bytes).map_err(|_| bad)?.len();
        let [kind, key @ ..] = bytes;
        if length != 33 || ![ED25519, COSIGNATURE].contains(&kind) {
            return Err(bad);
        }
        let parsed = Self::new(name, kind, &PublicKey(key))?;
        if parsed.to_string() == text {
            Ok(parsed)
        } else {
            Err(NoteError::Malformed("the key hash in the verifier key belongs to another key"))
        }
    }

    fn hash(&self) -> [u8; 4] {
        key_hash(&self.name, self.kind, &self.public)
    }

    /// Finds this key's signature on a note and checks it.
    ///
    /// # Errors
    /// [`NoteError::Unsigned`] or [`NoteError::Forged`].
    pub fn check(&self, note: &Note) -> Result<(), NoteError> {
        let mut mine = note.signatures.iter().filter(|s| s.is_by(&self.name, self.hash()));
        let line = mine.next().ok_or(NoteError::Unsigned)?;
        if mine.next().is_some() {
            return Err(NoteError::Malformed("it has two signatures by one key"));
        }
        let (message, signature) = match self.kind {
            COSIGNATURE => {
                let (time, signature) =
                    line.signature.split_first_chunk::<8>().ok_or(NoteError::Forged)?;
                let time = u64::from_be_bytes(*time);
                (format!("cosignature/v1\ntime {time}\n{}", note.text), signature)
            }
            _ => (note.text.clone(), line.signature.as_slice()),
        };
        let signature: &[u8; SIGNATURE_LEN] =
            signature.try_into().map_err(|_| NoteError::Forged)?;
        self.verifying.verify(message.as_bytes(), signature).map_err(|_| NoteError::Forged)
    }
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.hash();
        let mut typed = Vec::with_capacity(33);
        typed.push(self.kind);
        typed.extend_from_slice(&self.public.0);
        write!(f, "{}+{a:02x}{b:02x}{c:02x}{d:02x}+{}", self.name, Base64::encode_string(&typed))
    }
}

fn check_name(name: &str) -> Result<(), NoteError> {
    let bad = name.is_empty()
        || name.len() > NAME_BYTES_MAX
        || name.contains(|c: char| c == '+' || c.is_whitespace() || c.is_control());
    if bad {
        return Err(NoteError::Malformed(
            "a key's name has 1 to 255 bytes without white space or plus signs",
        ));
    }
    Ok(())
}

/// The first four bytes of SHA-256(name · "\n" · type · public key).
fn key_hash(name: &str, kind: u8, public: &PublicKey) -> [u8; 4] {
    let mut hash = Sha256::new();
    hash.update(name.as_bytes());
    hash.update([b'\n', kind]);
    hash.update(public.0);
    let [a, b, c, d, ..]: [u8; 32] = hash.finalize().into();
    [a, b, c, d]
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SignatureLine {
    name: String,
    key_hash: [u8; 4],
    signature: Vec<u8>,
}

impl SignatureLine {
    fn is_by(&self, name: &str, key_hash: [u8; 4]) -> bool {
        self.name == name && self.key_hash == key_hash
    }

    fn parse(line: &str) -> Result<Self, NoteError> {
        let bad = NoteError::Malformed("a signature line is: \u{2014} name base64");
        let rest = line.strip_prefix(SIGNATURE_MARK).ok_or(bad)?;
        let (name, encoded) = rest.split_once(' ').ok_or(bad)?;
        check_name(name)?;
        let bytes = Base64::decode_vec(encoded).map_err(|_| bad)?;
        let (key_hash, signature) = bytes.split_first_chunk::<4>().ok_or(bad)?;
        if signature.is_empty() {
            return Err(bad);
        }
        Ok(Self { name: name.into(), key_hash: *key_hash, signature: signature.to_vec() })
    }

    fn write(&self, text: &mut String) {
        let mut bytes = self.key_hash.to_vec();
        bytes.extend_from_slice(&self.signature);
        text.push_str(&format!(
            "{SIGNATURE_MARK}{} {}\n",
            self.name,
            Base64::encode_string(&bytes)
        ));
    }
}

/// A text with signatures that nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<SignatureLine>,
}

impl Note {
    /// Signs a text, which must end its last line, under a name.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] for a text or name that a note cannot hold.
    pub fn sign(text: String, name: &str, key: &SigningKey) -> Result<Self, NoteError> {
        check_name(name)?;
        check_text(&text)?;
        let signature = key.sign_bytes(text.as_bytes()).to_vec();
        let key_hash = key_hash(name, ED25519, &key.public());
        Ok(Self {
            text,
            signatures: alloc::vec![SignatureLine { name: name.into(), key_hash, signature }],
        })
    }

    /// Reads a note; the exact inverse of its `Display`.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(NoteError::Malformed("it is longer than 16 KiB"));
        }
        let at = note.rfind("\n\n").ok_or(NoteError::Malformed("it has no blank line"))?;
        let (text, rest) = note.split_at(at.saturating_add(1));
        check_text(text)?;
        let lines = rest.strip_prefix('\n').and_then(|rest| rest.strip_suffix('\n'));
        let lines = lines.ok_or(NoteError::Malformed("its last line does not end"))?;
        let signatures: Vec<_> =
            lines.split('\n').map(SignatureLine::parse).collect::<Result<_, _>>()?;
        if signatures.len() > SIGNATURES_MAX {
            return Err(NoteError::Malformed("it has more than 32 signatures"));
        }
        Ok(Self { text: text.into(), signatures })
    }

    /// What was signed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Adds a witness's cosignature out of the lines that it answered; lines of other keys are passed
    /// over, as the protocol demands.
    ///
    /// # Errors
    /// [`NoteError`] when none of the lines holds a good signature by this key.
    pub fn add_cosignature(&mut self, lines: &str, key: &NoteKey) -> Result<(), NoteError> {
        let lines = lines.split('\n').filter_map(|line| SignatureLine::parse(line).ok());
        let mut mine = lines.filter(|line| line.is_by(&key.name, key.hash()));
        let line = mine.next().ok_or(NoteError::Unsigned)?;
        key.check(&Self { text: self.text.clone(), signatures: alloc::vec![line.clone()] })?;
        if self.signatures.len() >= SIGNATURES_MAX {
            return Err(NoteError::Malformed("it has more than 32 signatures"));
        }
        // A second cosignature by the same witness, at another time, says nothing new.
        if !self.signatures.iter().any(|there| there.is_by(&key.name, key.hash())) {
            self.signatures.push(line);
        }
        Ok(())
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = String::new();
        self.signatures.iter().for_each(|line| line.write(&mut lines));
        write!(f, "{}\n{lines}", self.text)
    }
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if text.len() < 2 || !text.ends_with('\n') {
        return Err(NoteError::Malformed("its text is empty or does not end its last line"));
    }
    if text.chars().any(|c| c != '\n' && c.is_control()) {
        return Err(NoteError::Malformed("its text holds control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of C2SP signed-note and Go's sumdb/note.
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn reads_what_others_signed() {
        let key = NoteKey::parse(KEY).unwrap();
        assert_eq!(key.to_string(), KEY);
        let note = Note::parse(NOTE).unwrap();
        assert_eq!(note.to_string(), NOTE);
        assert_eq!(key.check(&note), Ok(()));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let key = NoteKey::parse(KEY).unwrap();
        for at in 0..NOTE.len() {
            for bit in 0..8 {
                let mut bytes = NOTE.as_bytes().to_vec();
                bytes[at] ^= 1 << bit;
                let Ok(text) = String::from_utf8(bytes) else { continue };
                let verdict = Note::parse(&text).and_then(|note| key.check(&note));
                assert!(verdict.is_err(), "byte {at} bit {bit}");
            }
        }
        for at in 0..KEY.len() {
            let mut bytes = KEY.as_bytes().to_vec();
            bytes[at] ^= 1;
            let other = String::from_utf8(bytes).unwrap();
            let note = Note::parse(NOTE).unwrap();
            assert!(NoteKey::parse(&other).and_then(|key| key.check(&note)).is_err(), "{other}");
        }
    }
}
