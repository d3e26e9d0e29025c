//! A wallet opening: a root key introduces itself, with a proof of work for the verifier's
//! challenge, so that opening wallets in bulk costs something.
//!
//! ```text
//!   0  tag          16   "farthing/open/1\0"
//!  16  verifier     32   VerifierId
//!  48  root         32   root key of the new wallet
//!  80  challenge    48   issued_at 8 · bits 1 · zero 7 · mac 32
//! 128  solution      8   any number that solves the challenge
//! 136  signature    64   Ed25519 by the root key over bytes 0..136
//! ```
//!
//! Solved when SHA-256("farthing/work/1\0" · challenge · root · solution) begins with at least
//! `bits` zero bits. The challenge is stateless: `mac` is the verifier's own and checks itself.

use crate::encoding::{DecodeError, Reader, SIGNATURE_LEN, Writer, split_signed};
use crate::ids::{PublicKey, VerifierId, tagged_hash};
use crate::signing::{Forged, SigningKey, Verified, VerifyingKey};
use crate::time::UnixMillis;

/// What the verifier asks of a new wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge {
    /// When it was made.
    pub issued_at: UnixMillis,
    /// Leading zero bits asked for.
    pub bits: u8,
    /// The verifier's keyed hash of time, bits and the asker's network prefix.
    pub mac: [u8; 32],
}

impl Challenge {
    /// Length in bytes.
    pub const LEN: usize = 48;

    /// The 48 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let (issued_at, rest) = bytes.split_at_mut(8);
        let (bits, mac) = rest.split_at_mut(8);
        issued_at.copy_from_slice(&self.issued_at.0.to_be_bytes());
        bits.copy_from_slice(&[self.bits, 0, 0, 0, 0, 0, 0, 0]);
        mac.copy_from_slice(&self.mac);
        bytes
    }

    /// Reads 48 bytes; the exact inverse of [`Challenge::encode`].
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let wrong = DecodeError::Length { expected: Self::LEN, found: bytes.len() };
        let bytes: &[u8; Self::LEN] = bytes.try_into().map_err(|_| wrong)?;
        let (issued_at, rest) = bytes.split_first_chunk::<8>().ok_or(wrong)?;
        let (bits, mac) = rest.split_first_chunk::<8>().ok_or(wrong)?;
        let [bits, zeros @ ..] = *bits;
        if zeros != [0; 7] {
            return Err(DecodeError::Reserved);
        }
        let mac = mac.try_into().map_err(|_| wrong)?;
        Ok(Self { issued_at: UnixMillis(u64::from_be_bytes(*issued_at)), bits, mac })
    }

    /// Whether `solution` solves it for `root`.
    #[must_use]
    pub fn is_solved_by(&self, root: &PublicKey, solution: u64) -> bool {
        let hash =
            tagged_hash(b"farthing/work/1\0", &[&self.encode(), &root.0, &solution.to_be_bytes()]);
        leading_zero_bits(&hash) >= u32::from(self.bits)
    }

    /// Tries `count` solutions from `from` on; gives the first that solves it. The caller decides
    /// how long to go on, so that a page stays responsive.
    #[must_use]
    pub fn search(&self, root: &PublicKey, from: u64, count: u64) -> Option<u64> {
        (from..from.saturating_add(count)).find(|solution| self.is_solved_by(root, *solution))
    }
}

fn leading_zero_bits(hash: &[u8; 32]) -> u32 {
    let mut bits = 0_u32;
    for byte in hash {
        bits = bits.saturating_add(byte.leading_zeros());
        if *byte != 0 {
            break;
        }
    }
    bits
}

/// The fields of a wallet opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// The verifier at which the wallet opens.
    pub verifier: VerifierId,
    /// The wallet's root key.
    pub root: PublicKey,
    /// The challenge that was solved.
    pub challenge: Challenge,
    /// Its solution.
    pub solution: u64,
}

impl Opening {
    /// Length of the signed body in bytes.
    pub const BODY_LEN: usize = 136;
    /// Length with its signature.
    pub const SIGNED_LEN: usize = 200;
    /// The domain tag and version.
    pub const TAG: &'static [u8; 16] = b"farthing/open/1\0";

    /// The body's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::BODY_LEN] {
        let mut writer = Writer::new(Self::TAG);
        writer.put(&self.verifier.0);
        writer.put(&self.root.0);
        writer.put(&self.challenge.encode());
        writer.put_u64(self.solution);
        writer.finish()
    }

    /// Reads a body; the exact inverse of [`Opening::encode`].
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, Self::BODY_LEN, Self::TAG)?;
        let opening = Self {
            verifier: VerifierId(reader.take()),
            root: PublicKey(reader.take()),
            challenge: Challenge::decode(&reader.take::<{ Challenge::LEN }>())?,
            solution: reader.take_u64(),
        };
        reader.finish();
        Ok(opening)
    }

    /// Signs it with the wallet's root key.
    #[must_use]
    pub fn sign(&self, root: &SigningKey) -> SignedOpening {
        SignedOpening { opening: *self, signature: root.sign(&self.encode()) }
    }
}

/// A wallet opening with a signature that nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedOpening {
    opening: Opening,
    signature: [u8; SIGNATURE_LEN],
}

impl SignedOpening {
    /// Reads 200 bytes.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (body, signature) = split_signed::<{ Opening::BODY_LEN }>(bytes)?;
        Ok(Self { opening: Opening::decode(&body)?, signature })
    }

    /// The 200 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Opening::SIGNED_LEN] {
        let mut bytes = [0; Opening::SIGNED_LEN];
        let (body, signature) = bytes.split_at_mut(Opening::BODY_LEN);
        body.copy_from_slice(&self.opening.encode());
        signature.copy_from_slice(&self.signature);
        bytes
    }

    /// The fields.
    #[must_use]
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// Checks the root key's signature. The proof of work is the verifier's to check.
    ///
    /// # Errors
    /// [`Forged`] when it does not hold.
    pub fn verify(self) -> Result<Verified<Self>, Forged> {
        VerifyingKey::new(&self.opening.root)?.verify(&self.opening.encode(), &self.signature)?;
        Ok(Verified::vouch(self))
    }
}
