//! What the frame signs.

use alloc::string::String;

use farthing_shared::SigningKey;

use crate::fields::whole;
pub(super) use crate::frame::Frame as Machine;
use crate::signer::{access, public_text};

impl Machine {
    pub(super) fn sign(
        &self,
        key: &SigningKey,
        name: &str,
        rest: &str,
        now_ms: u64,
    ) -> Option<String> {
        let server_ms = self.server_ms(now_ms);
        match name {
            "public" => Some(public_text(key)),
            "read" => Some(access(key, self.verifier()?, rest, server_ms)),
            _ => self.draft()?.sign(key, whole(rest)?, server_ms),
        }
    }
}
