//! Opening the wallet: root key, challenge, proof of work, opening.
//!
//! Order matters: the root key is stored before the verifier hears of it. A page that is closed in
//! between finds the key again, is told that the wallet is unknown, and opens it then.

use alloc::string::String;
use alloc::vec::Vec;

use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_shared::limits::POW_BITS_MAX;
use farthing_shared::{Challenge, Opening, SigningKey};

use super::Wallet;
use super::effect::{Effect, Signer};
use crate::fields::Fields;
use crate::signer::{base64, public_of};
use crate::words::wallet as words;

impl Wallet {
    pub(super) fn open_wallet(&mut self) -> Vec<Effect> {
        let mut effects =
            Vec::from([Effect::Set("work", words::OPENING.into()), Effect::View("work")]);
        effects.extend(if self.root.is_empty() {
            self.busy = "root";
            Vec::from([Effect::MakeRoot])
        } else if let Some(opening) = self.opening.clone() {
            let body = ["{\"opening\":\"", &opening, "\"}"].concat();
            self.ask("open", "POST", "/v1/wallets", &body, Signer::Nobody)
        } else if self.solution.is_some() {
            self.busy = "sign";
            Vec::from([Effect::SignOpening])
        } else if self.challenge.is_some() {
            self.busy = "work";
            Vec::from([Effect::Work])
        } else {
            self.ask("challenge", "POST", "/v1/challenges", "{}", Signer::Nobody)
        });
        effects
    }

    pub(super) fn challenged(&mut self, fields: Fields<'_>, now_ms: u64) -> Vec<Effect> {
        let bytes = Base64UrlUnpadded::decode_vec(fields.text("challenge")).unwrap_or_default();
        match Challenge::decode(&bytes) {
            // More bits than the protocol allows would let a provider burn the visitor's battery.
            Ok(challenge) if challenge.bits <= POW_BITS_MAX => {
                self.challenge = Some(challenge);
                self.solution = None;
                self.advance(now_ms)
            }
            _ => self.problem(words::STALE),
        }
    }

    /// Tries `count` solutions from `from` on: a slice of the work, short enough for the page to
    /// stay responsive.
    #[must_use]
    pub fn work(&self, from: u64, count: u64) -> Option<u64> {
        self.challenge?.search(&public_of(&self.root)?, from, count)
    }

    /// The bits that the challenge asks for, from which the page reckons its progress.
    #[must_use]
    pub fn work_bits(&self) -> u8 {
        self.challenge.map_or(0, |challenge| challenge.bits)
    }

    /// The page found a solution.
    pub fn worked(&mut self, fields: Fields<'_>, now_ms: u64) -> Vec<Effect> {
        self.busy = "";
        self.solution = fields.number("solution");
        self.advance(now_ms)
    }

    /// Signs the opening at hand.
    #[must_use]
    pub fn sign_opening(&self, key: &SigningKey) -> Option<String> {
        let opening = Opening {
            verifier: self.verifier()?,
            root: key.public(),
            challenge: self.challenge?,
            solution: self.solution?,
        };
        Some(base64(&opening.sign(key).encode()))
    }

    /// The opening is signed.
    pub fn opening_signed(&mut self, fields: Fields<'_>, now_ms: u64) -> Vec<Effect> {
        self.busy = "";
        let opening = fields.owned("opening");
        if opening.is_empty() {
            return self.problem(words::NO_STORAGE);
        }
        self.opening = Some(opening);
        self.advance(now_ms)
    }

    /// The challenge was too old, or from another address: a new one, a few times.
    pub(super) fn reopen(&mut self, now_ms: u64) -> Vec<Effect> {
        self.challenge = None;
        self.solution = None;
        self.opening = None;
        self.restarts += 1;
        if self.restarts > 3 {
            self.restarts = 0;
            return self.problem(words::STALE);
        }
        self.advance(now_ms)
    }
}
