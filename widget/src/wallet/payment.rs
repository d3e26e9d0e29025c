//! The item page's own claim: its bytes and texts beside the machine that follows its fate.

use alloc::string::String;

use crate::fields::Fields;
use crate::payment::Track;

/// A claim that was signed and stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    pub id: String,
    claim: String,
    pub key: String,
    sequence: String,
    pub track: Track,
}

/// One request about a claim: method, path, body.
pub type Request = (&'static str, String, String);

impl Payment {
    /// A claim that was just signed, or found in storage; `None` when the row holds none.
    pub fn read(fields: Fields<'_>, track: fn(u64) -> Track) -> Option<Self> {
        Some(Self {
            id: fields.owned("id"),
            claim: fields.owned("claim"),
            key: fields.owned("key"),
            sequence: fields.owned("sequence"),
            track: track(fields.number("expires")?),
        })
    }

    /// The next request: send it while it can be accepted, ask about it after.
    pub fn request(&self, now_ms: u64) -> Request {
        if !self.track.can_be_sent(now_ms) {
            return self.question();
        }
        ("POST", "/v1/claims".into(), ["{\"claim\":\"", &self.claim, "\"}"].concat())
    }

    /// The request that asks whether it was charged.
    pub fn question(&self) -> Request {
        let path = ["/v1/claims/", &self.id, "?key=", &self.key, "&sequence=", &self.sequence];
        ("GET", path.concat(), String::new())
    }
}
