//! The names of things: fixed-size byte strings that cannot be mistaken for one another, and the
//! hashes that turn readable names (items, origins, titles) into them.
//!
//! Text form: base64url without padding (RFC 4648 §5), except a creator id, which carries the
//! prefix `cr_` so that people recognise it in a tag. One text form per value: other spellings
//! are refused, never normalised.

use alloc::string::String;
use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};

use crate::limits;

/// Why a text is not the name it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadId {
    /// What was expected, for a message to people.
    pub expected: &'static str,
}

impl fmt::Display for BadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.expected)
    }
}

impl core::error::Error for BadId {}

macro_rules! byte_name {
    ($(#[$doc:meta])* $name:ident, $len:expr, $prefix:expr, $expected:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// The single text form of these bytes.
            #[must_use]
            pub fn to_text(&self) -> String {
                let mut text = String::from($prefix);
                text.push_str(&Base64UrlUnpadded::encode_string(&self.0));
                text
            }

            /// Reads the text form; every other spelling is refused.
            ///
            /// # Errors
            /// [`BadId`] names the expected form.
            pub fn parse(text: &str) -> Result<Self, BadId> {
                let bad = BadId { expected: $expected };
                let encoded = text.strip_prefix($prefix).ok_or(bad)?;
                let mut bytes = [0; $len];
                let decoded = Base64UrlUnpadded::decode(encoded, &mut bytes).map_err(|_| bad)?;
                if decoded.len() == $len { Ok(Self(bytes)) } else { Err(bad) }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.to_text())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_text())
            }
        }
    };
}

byte_name!(
    /// An Ed25519 public key (RFC 8032): a wallet's root key, a spending key, a creator's offer key.
    PublicKey, 32, "", "an Ed25519 public key: 43 characters of base64url"
);
byte_name!(
    /// Under which a root key that a passkey has sealed is asked for; the passkey alone tells it.
    BackupName, 32, "", "a backup's name: 43 characters of base64url"
);
byte_name!(
    /// Names one verifier: the hash of the provider's first public key, kept when keys rotate.
    VerifierId, 32, "", "a verifier id: 43 characters of base64url"
);
byte_name!(
    /// Names a creator at one verifier: 16 random bytes.
    CreatorId, 16, "cr_", "a creator id: cr_ and 22 characters of base64url"
);
byte_name!(
    /// SHA-256 of creator and canonical item name; all zero for "no item" (a donation).
    ItemHash, 32, "", "an item hash: 43 characters of base64url"
);
byte_name!(
    /// SHA-256 of a page's origin in its ASCII form (RFC 6454 §6.2).
    OriginHash, 32, "", "an origin hash: 43 characters of base64url"
);
byte_name!(
    /// SHA-256 of an item's title, so that an offer binds what the visitor reads.
    TitleHash, 32, "", "a title hash: 43 characters of base64url"
);
byte_name!(
    /// SHA-256 of a claim's signed body *without* its signature: Ed25519 signatures are not unique.
    ClaimId, 32, "", "a claim id: 43 characters of base64url"
);

impl ItemHash {
    /// Stands for "no item": what a donation carries.
    pub const NONE: Self = Self([0; 32]);

    /// Hash of a name that was checked elsewhere: the frame signs only names that the verifier has
    /// just quoted, and a check of its own would be a tenth of its download. Everybody else calls
    /// [`item_hash`].
    #[must_use]
    pub fn of_checked(creator: &CreatorId, name: &str) -> Self {
        Self(tagged_hash(b"farthing/item/1\0", &[&creator.0, name.as_bytes()]))
    }

    /// The first eight bytes, for compact indexes; equal prefixes still need a full comparison.
    #[must_use]
    pub fn prefix(&self) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        [a, b, c, d, e, f, g, h]
    }
}

impl OriginHash {
    /// Hash of an origin that was checked elsewhere, as [`ItemHash::of_checked`]: the frame has it
    /// from the browser. Everybody else calls [`origin_hash`].
    #[must_use]
    pub fn of_checked(origin: &str) -> Self {
        Self(tagged_hash(b"farthing/site/1\0", &[origin.as_bytes()]))
    }
}

impl VerifierId {
    /// The id of a verifier whose first signing key is `key`.
    #[must_use]
    pub fn of_first_key(key: &PublicKey) -> Self {
        Self(tagged_hash(b"farthing/verif/1", &[&key.0]))
    }
}

/// Hash of an item's canonical name at one creator, or why the name is not canonical.
///
/// # Errors
/// [`BadName`] when the name is empty, longer than [`limits::ITEM_NAME_BYTES_MAX`], has control
/// characters, or begins or ends with white space.
pub fn item_hash(creator: &CreatorId, name: &str) -> Result<ItemHash, BadName> {
    check_name(name, limits::ITEM_NAME_BYTES_MAX)?;
    Ok(ItemHash::of_checked(creator, name))
}

/// Hash of an item's title.
///
/// # Errors
/// As [`item_hash`], with [`limits::TITLE_BYTES_MAX`].
pub fn title_hash(title: &str) -> Result<TitleHash, BadName> {
    check_name(title, limits::TITLE_BYTES_MAX)?;
    Ok(TitleHash(tagged_hash(b"farthing/title/1", &[title.as_bytes()])))
}

/// Hash of a page's origin, which must be in the browser's own spelling: scheme, `://`, host in
/// lower case, and a port only where it is not the scheme's default (`https://blog.example`).
///
/// # Errors
/// [`BadName::NotAnOrigin`] for every other spelling.
pub fn origin_hash(origin: &str) -> Result<OriginHash, BadName> {
    check_origin(origin)?;
    Ok(OriginHash::of_checked(origin))
}

/// Why a readable name cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadName {
    /// No characters at all.
    Empty,
    /// More bytes of UTF-8 than allowed.
    TooLong {
        /// Bytes allowed.
        bytes_max: usize,
    },
    /// A control or direction-changing character, which could make a name read as another one.
    Control,
    /// White space at the beginning or end.
    Padded,
    /// Not an origin as a browser writes it.
    NotAnOrigin,
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::TooLong { bytes_max } => write!(f, "it is longer than {bytes_max} bytes"),
            Self::Control => f.write_str("it holds a control or direction character"),
            Self::Padded => f.write_str("it begins or ends with white space"),
            Self::NotAnOrigin => f.write_str(
                "it is not an origin as a browser writes it, such as https://blog.example",
            ),
        }
    }
}

impl core::error::Error for BadName {}

/// Checks a readable name: not empty, bounded, no control or bidirectional format characters.
///
/// # Errors
/// The first rule of [`BadName`] that it breaks.
pub fn check_name(name: &str, bytes_max: usize) -> Result<(), BadName> {
    if name.is_empty() {
        return Err(BadName::Empty);
    }
    if name.len() > bytes_max {
        return Err(BadName::TooLong { bytes_max });
    }
    if name.chars().any(|c| c.is_control() || changes_direction(c)) {
        return Err(BadName::Control);
    }
    if name.trim() != name {
        return Err(BadName::Padded);
    }
    Ok(())
}

/// Unicode's bidirectional embeddings, overrides and isolates, and the invisible joiners that
/// make two different names look alike.
fn changes_direction(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn check_origin(origin: &str) -> Result<(), BadName> {
    let bad = BadName::NotAnOrigin;
    if origin.len() > limits::ORIGIN_BYTES_MAX {
        return Err(BadName::TooLong { bytes_max: limits::ORIGIN_BYTES_MAX });
    }
    let (rest, default_port) =
        match (origin.strip_prefix("https://"), origin.strip_prefix("http://")) {
            (Some(rest), _) => (rest, "443"),
            (_, Some(rest)) => (rest, "80"),
            _ => return Err(bad),
        };
    let (host, port) = match rest.strip_prefix('[') {
        Some(v6) => {
            let (inner, after) = v6.split_once(']').ok_or(bad)?;
            if inner.is_empty()
                || !inner.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b':' | b'.'))
            {
                return Err(bad);
            }
            ("v6", if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or(bad)?) })
        }
        None => match rest.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        },
    };
    let host_ok = !host.is_empty()
        && host.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_'));
    let port_ok = port.is_none_or(|port| {
        port != default_port
            && !port.starts_with('0')
            && port.parse::<u16>().is_ok_and(|p| p > 0)
            && port.bytes().all(|b| b.is_ascii_digit())
    });
    if host_ok && port_ok { Ok(()) } else { Err(bad) }
}

/// Plain SHA-256, for forms of other standards.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 over a 16-byte domain tag and then the parts. Only the last part may vary in length.
pub(crate) fn tagged_hash(tag: &[u8; 16], parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(tag);
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_form_per_value() {
        let id = CreatorId([7; 16]);
        let text = id.to_text();
        assert_eq!(CreatorId::parse(&text), Ok(id));
        for wrong in ["", "cr_", "cr_BwcHBwcHBwcHBwcHBwcHBx", "BwcHBwcHBwcHBwcHBwcHBw"] {
            assert!(CreatorId::parse(wrong).is_err(), "{wrong}");
        }
        let mut padded = text.clone();
        padded.push('=');
        assert!(CreatorId::parse(&padded).is_err());
    }

    #[test]
    fn origins_have_one_spelling() {
        let good =
            ["https://blog.example", "http://creator.localhost:8101", "https://[2001:db8::1]:8443"];
        for origin in good {
            assert!(origin_hash(origin).is_ok(), "{origin}");
        }
        let bad = [
            "",
            "null",
            "https://",
            "https://Blog.example",
            "https://blog.example/",
            "https://blog.example:443",
            "http://blog.example:80",
            "https://blog.example:0",
            "https://blog.example:080",
            "https://blog.example:+81",
            "ftp://blog.example",
            "https://user@blog.example",
            "https://blog.example:65536",
            "https://[::1",
            "https://bl\u{f6}g.example",
        ];
        for origin in bad {
            assert_eq!(origin_hash(origin), Err(BadName::NotAnOrigin), "{origin}");
        }
    }

    #[test]
    fn names_that_deceive_are_refused() {
        let rows = [
            ("", BadName::Empty),
            (" a", BadName::Padded),
            ("a\n", BadName::Control),
            ("a\0b", BadName::Control),
            ("a\u{202e}b", BadName::Control),
            ("a\u{200b}b", BadName::Control),
        ];
        for (name, why) in rows {
            assert_eq!(check_name(name, 10), Err(why), "{name:?}");
        }
        assert_eq!(check_name("elf characters", 10), Err(BadName::TooLong { bytes_max: 10 }));
        assert_eq!(check_name("\u{e9}t\u{e9}", 10), Ok(()));
    }

    #[test]
    fn the_same_item_name_differs_between_creators() {
        let a = item_hash(&CreatorId([1; 16]), "essay");
        let b = item_hash(&CreatorId([2; 16]), "essay");
        assert_ne!(a, b);
    }
}
