//! Creators' sign-in links and sessions: stateless tokens under a keyed hash. A creator's generation
//! is in each, so that making a new one voids all that came before.
//!
//! ```text
//!  0 creator 16 · 16 expires_at 8 · 24 generation 4 · 28 purpose 1 · 29 zero 3 · 32 tag 32
//! ```

use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_shared::{CreatorId, UnixMillis};

use crate::secrets::Mac256;

/// A sign-in link may be used for a week, as often as needed.
pub const LINK_LIFE_MS: u64 = 7 * 86_400_000;
/// A session lasts for 30 days.
pub const SESSION_LIFE_MS: u64 = 30 * 86_400_000;

const BODY: usize = 32;

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be exchanged for a session.
    Link,
    /// To be sent with each request.
    Session,
}

/// What a token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Whose.
    pub creator: CreatorId,
    /// Until when.
    pub expires_at: UnixMillis,
    /// Tokens of another generation are void.
    pub generation: u32,
}

/// Makes and reads tokens.
#[derive(Debug, Clone)]
pub struct Sessions(Mac256);

impl Sessions {
    /// Under a keyed hash of their own.
    #[must_use]
    pub fn new(mac: Mac256) -> Self {
        Self(mac)
    }

    /// The token's text: 86 characters of base64url.
    #[must_use]
    pub fn write(&self, purpose: Purpose, token: &Token) -> String {
        let body = body(purpose, token);
        let mut bytes = body.to_vec();
        bytes.extend(self.0.tag(&[&body]));
        Base64UrlUnpadded::encode_string(&bytes)
    }

    /// What a text says, if it was made here for this purpose and has not expired.
    #[must_use]
    pub fn read(&self, purpose: Purpose, text: &str, now: UnixMillis) -> Option<Token> {
        let bytes = Base64UrlUnpadded::decode_vec(text).ok()?;
        let (said, tag) = bytes.split_first_chunk::<BODY>()?;
        if tag.len() != 32 || !self.0.holds(&[said], tag) {
            return None;
        }
        let token = Token {
            creator: CreatorId(said.get(..16)?.try_into().ok()?),
            expires_at: UnixMillis(u64::from_be_bytes(said.get(16..24)?.try_into().ok()?)),
            generation: u32::from_be_bytes(said.get(24..28)?.try_into().ok()?),
        };
        (*said == body(purpose, &token) && now < token.expires_at).then_some(token)
    }
}

fn body(purpose: Purpose, token: &Token) -> [u8; BODY] {
    let mut bytes = [0; BODY];
    let purpose = match purpose {
        Purpose::Link => 1,
        Purpose::Session => 2,
    };
    let parts: [&[u8]; 4] = [
        &token.creator.0,
        &token.expires_at.0.to_be_bytes(),
        &token.generation.to_be_bytes(),
        &[purpose],
    ];
    let mut at = bytes.iter_mut();
    for byte in parts.into_iter().flatten() {
        if let Some(place) = at.next() {
            *place = *byte;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secrets;

    #[test]
    fn only_whole_unexpired_tokens_of_the_right_purpose_are_read() {
        let sessions = Sessions::new(Secrets::new(&[1; 32], [2; 32]).mac("session"));
        let other = Sessions::new(Secrets::new(&[1; 32], [3; 32]).mac("session"));
        let token =
            Token { creator: CreatorId([5; 16]), expires_at: UnixMillis(1_000), generation: 7 };
        let text = sessions.write(Purpose::Link, &token);
        assert_eq!(sessions.read(Purpose::Link, &text, UnixMillis(999)), Some(token));
        assert_eq!(sessions.read(Purpose::Link, &text, UnixMillis(1_000)), None);
        assert_eq!(sessions.read(Purpose::Session, &text, UnixMillis(0)), None);
        assert_eq!(other.read(Purpose::Link, &text, UnixMillis(0)), None);
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(sessions.read(Purpose::Link, &changed, UnixMillis(0)), None, "{at}");
        }
    }
}
