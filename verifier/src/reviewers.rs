//! Who reviews findings: links that sign in once, and the sessions that they open.
//!
//! ```text
//!  0 nonce 16 · 16 issued_at 8 · 24 name 1 to 100 · tag 32
//! ```
//!
//! The command line makes a link: it has the master key, and no way to talk to the server. The server keeps
//! used nonces until their links would have expired, and refuses links that are older than itself, so that a
//! restart gives none of them a second life. Sessions live in its memory alone: a restart ends them all. The
//! name in the link is the one that decisions are kept under, so nobody can decide under another's.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_shared::{UnixMillis, limits};
use sha2::{Digest, Sha256};

use crate::secrets::{Mac256, Secrets};

/// A link may be used for ten minutes, once.
pub const LINK_LIFE_MS: u64 = 10 * 60_000;
/// A session lasts for twelve hours: a day's work.
pub const SESSION_LIFE_MS: u64 = 12 * 3_600_000;
/// Sessions at once; beyond that the one that ends first makes room. 64 × some 250 B.
const SESSIONS_MAX: usize = 64;
const HEAD: usize = 24;
const TAG: usize = 32;

/// A session as it is given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// To be sent with each request.
    pub token: String,
    /// Under which name decisions are kept.
    pub who: String,
    /// Until when.
    pub expires_at: UnixMillis,
}

/// Reads links and keeps sessions.
#[derive(Debug)]
pub struct Reviewers {
    mac: Mac256,
    started_at: UnixMillis,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// Nonces of used links, and until when they are kept.
    used: HashMap<[u8; 16], UnixMillis>,
    /// By the hash of the token, so that no comparison tells how much of a guess was right.
    sessions: HashMap<[u8; 32], (String, UnixMillis)>,
}

/// A link's token. The name must be 1 to 100 bytes.
///
/// # Errors
/// In words.
pub fn link_token(
    secrets: &Secrets,
    who: &str,
    nonce: [u8; 16],
    issued_at: UnixMillis,
) -> Result<String, String> {
    let who = who.trim();
    if who.is_empty() || who.len() > limits::REVIEWER_BYTES_MAX {
        return Err("the name must have 1 to 100 bytes".into());
    }
    let mut bytes = nonce.to_vec();
    bytes.extend(issued_at.0.to_be_bytes());
    bytes.extend(who.as_bytes());
    let tag = secrets.mac("reviewer").tag(&[&bytes]);
    bytes.extend(tag);
    Ok(Base64UrlUnpadded::encode_string(&bytes))
}

impl Reviewers {
    /// Of a server that started then; nobody is signed in.
    #[must_use]
    pub fn new(secrets: &Secrets, started_at: UnixMillis) -> Self {
        Self { mac: secrets.mac("reviewer"), started_at, open: Mutex::default() }
    }

    /// Opens a session for a link that was not used before.
    #[must_use]
    pub fn sign_in(&self, link: &str, now: UnixMillis) -> Option<Session> {
        let bytes = Base64UrlUnpadded::decode_vec(link).ok()?;
        let (said, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG)?)?;
        if !self.mac.holds(&[said], tag) {
            return None;
        }
        let (head, who) = said.split_first_chunk::<HEAD>()?;
        let (nonce, issued_at) = head.split_first_chunk::<16>()?;
        let issued_at = UnixMillis(u64::from_be_bytes(issued_at.try_into().ok()?));
        let who = std::str::from_utf8(who).ok()?.to_owned();
        if issued_at < self.started_at || issued_at > now || now.since(issued_at) >= LINK_LIFE_MS {
            return None;
        }
        let mut random = [0; 32];
        getrandom::fill(&mut random).ok()?;
        let token = Base64UrlUnpadded::encode_string(&random);
        let expires_at = now.plus_ms(SESSION_LIFE_MS);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.forget(now);
        if open.used.insert(*nonce, issued_at.plus_ms(LINK_LIFE_MS)).is_some() {
            return None;
        }
        open.sessions.insert(named(&token), (who.clone(), expires_at));
        Some(Session { token, who, expires_at })
    }

    /// Who a session is of.
    #[must_use]
    pub fn who(&self, token: &str, now: UnixMillis) -> Option<(String, UnixMillis)> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.sessions.get(&named(token)).filter(|(_, expires_at)| now < *expires_at).cloned()
    }

    /// Ends a session.
    pub fn sign_out(&self, token: &str) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.sessions.remove(&named(token));
    }
}

impl Open {
    fn forget(&mut self, now: UnixMillis) {
        self.used.retain(|_, until| now < *until);
        self.sessions.retain(|_, (_, expires_at)| now < *expires_at);
        while self.sessions.len() >= SESSIONS_MAX {
            let first = self.sessions.iter().min_by_key(|(_, (_, at))| *at).map(|(name, _)| *name);
            let Some(first) = first else { return };
            self.sessions.remove(&first);
        }
    }
}

fn named(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(10_000_000);

    fn secrets(master: u8) -> Secrets {
        Secrets::new(&[1; 32], [master; 32])
    }

    fn link(master: u8, who: &str, nonce: u8, issued_at: UnixMillis) -> String {
        link_token(&secrets(master), who, [nonce; 16], issued_at).unwrap()
    }

    #[test]
    fn a_link_signs_in_once_and_only_while_it_is_fresh() {
        let rows = [
            (link(2, "Ada", 1, NOW), NOW, true),
            (link(2, "Ada", 1, NOW), NOW.plus_ms(LINK_LIFE_MS - 1), true),
            (link(2, "Ada", 1, NOW), NOW.plus_ms(LINK_LIFE_MS), false),
            // From before the server began, from the future, under another key, and no link at all.
            (link(2, "Ada", 1, UnixMillis(NOW.0 - 1)), NOW, false),
            (link(2, "Ada", 1, NOW.plus_ms(1)), NOW, false),
            (link(3, "Ada", 1, NOW), NOW, false),
            (String::new(), NOW, false),
            ("AAAA".repeat(20), NOW, false),
        ];
        for (link, at, works) in rows {
            let reviewers = Reviewers::new(&secrets(2), NOW);
            let session = reviewers.sign_in(&link, at);
            assert_eq!(session.is_some(), works, "{link} at {at:?}");
            let Some(session) = session else { continue };
            assert_eq!(session.who, "Ada");
            assert_eq!(reviewers.sign_in(&link, at), None, "a second time");
            assert_eq!(reviewers.who(&session.token, at), Some(("Ada".into(), session.expires_at)));
            assert_eq!(reviewers.who(&session.token, session.expires_at), None);
            reviewers.sign_out(&session.token);
            assert_eq!(reviewers.who(&session.token, at), None);
        }
    }

    #[test]
    fn no_letter_of_a_link_can_be_changed_and_names_have_a_length() {
        let text = link(2, "Ada", 1, NOW);
        let reviewers = Reviewers::new(&secrets(2), NOW);
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(reviewers.sign_in(&changed, NOW), None, "{at}");
        }
        for who in ["", "  ", &"x".repeat(101)] {
            assert!(link_token(&secrets(2), who, [1; 16], NOW).is_err(), "{who}");
        }
    }

    #[test]
    fn sessions_are_bounded_and_the_oldest_makes_room() {
        let reviewers = Reviewers::new(&secrets(2), NOW);
        let sign_in = |n: u8| {
            let at = NOW.plus_ms(u64::from(n));
            reviewers.sign_in(&link(2, "Ada", n, at), at).unwrap().token
        };
        let all: Vec<String> = (0..80).map(sign_in).collect();
        let open = |token: &String| reviewers.who(token, NOW.plus_ms(100)).is_some();
        assert_eq!(all.iter().filter(|token| open(token)).count(), SESSIONS_MAX);
        assert!(!open(&all[0]) && open(&all[79]));
    }
}
