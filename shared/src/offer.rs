//! An offer: the creator's signed price for one item, carried in the tag.
//!
//! ```text
//!   0  tag          16   "farthing/offer/1"
//!  16  verifier     32   VerifierId
//!  48  creator      16   CreatorId
//!  64  key          32   the creator's offer key
//!  96  item         32   ItemHash
//! 128  title        32   TitleHash of what the visitor reads
//! 160  price         8   micros
//! 168  issued_at     8   Unix milliseconds; the newest offer of an item is in force
//! 176  expires_at    8   Unix milliseconds
//! 184  currency      3   ISO 4217
//! 187  reserved      5   zero
//! 192  signature    64   Ed25519 by the offer key over bytes 0..192
//! ```

use crate::amount::{Currency, Micros};
use crate::encoding::{DecodeError, Reader, SIGNATURE_LEN, Writer, split_signed};
use crate::ids::{CreatorId, ItemHash, PublicKey, TitleHash, VerifierId};
use crate::signing::{Forged, SigningKey, Verified, VerifyingKey};
use crate::time::UnixMillis;

/// The fields of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// The verifier that honours it.
    pub verifier: VerifierId,
    /// Whose item it is.
    pub creator: CreatorId,
    /// The creator's registered offer key.
    pub key: PublicKey,
    /// The item.
    pub item: ItemHash,
    /// What the visitor reads as its title.
    pub title: TitleHash,
    /// Its price.
    pub price: Micros,
    /// When the creator signed it.
    pub issued_at: UnixMillis,
    /// After this time the item is not for sale under it.
    pub expires_at: UnixMillis,
    /// Currency of the price.
    pub currency: Currency,
}

impl Offer {
    /// Length of the signed body in bytes.
    pub const BODY_LEN: usize = 192;
    /// Length with its signature.
    pub const SIGNED_LEN: usize = 256;
    /// The domain tag and version.
    pub const TAG: &'static [u8; 16] = b"farthing/offer/1";

    /// The body's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::BODY_LEN] {
        let mut writer = Writer::new(Self::TAG);
        writer.put(&self.verifier.0);
        writer.put(&self.creator.0);
        writer.put(&self.key.0);
        writer.put(&self.item.0);
        writer.put(&self.title.0);
        writer.put_u64(self.price.get());
        writer.put_u64(self.issued_at.0);
        writer.put_u64(self.expires_at.0);
        writer.put(&self.currency.bytes());
        writer.put(&[0; 5]);
        writer.finish()
    }

    /// Reads a body; the exact inverse of [`Offer::encode`].
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, Self::BODY_LEN, Self::TAG)?;
        let offer = Self {
            verifier: VerifierId(reader.take()),
            creator: CreatorId(reader.take()),
            key: PublicKey(reader.take()),
            item: ItemHash(reader.take()),
            title: TitleHash(reader.take()),
            price: reader.take_micros("price")?,
            issued_at: UnixMillis(reader.take_u64()),
            expires_at: UnixMillis(reader.take_u64()),
            currency: reader.take_currency()?,
        };
        reader.take_zeros::<5>()?;
        reader.finish();
        if offer.item == ItemHash::NONE {
            return Err(DecodeError::Field("item"));
        }
        if i64::try_from(offer.expires_at.0).is_err() {
            return Err(DecodeError::Field("expires_at"));
        }
        Ok(offer)
    }

    /// Signs it with the creator's offer key.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> SignedOffer {
        SignedOffer { offer: *self, signature: key.sign(&self.encode()) }
    }
}

/// An offer with a signature that nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedOffer {
    offer: Offer,
    signature: [u8; SIGNATURE_LEN],
}

impl SignedOffer {
    /// Reads 256 bytes.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (body, signature) = split_signed::<{ Offer::BODY_LEN }>(bytes)?;
        Ok(Self { offer: Offer::decode(&body)?, signature })
    }

    /// The 256 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Offer::SIGNED_LEN] {
        let mut bytes = [0; Offer::SIGNED_LEN];
        let (body, signature) = bytes.split_at_mut(Offer::BODY_LEN);
        body.copy_from_slice(&self.offer.encode());
        signature.copy_from_slice(&self.signature);
        bytes
    }

    /// The fields.
    #[must_use]
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Checks the signature under the key that the offer names; whether that is the creator's
    /// registered key is the ledger's question.
    ///
    /// # Errors
    /// [`Forged`] when it does not hold.
    pub fn verify(self) -> Result<Verified<Self>, Forged> {
        VerifyingKey::new(&self.offer.key)?.verify(&self.offer.encode(), &self.signature)?;
        Ok(Verified::vouch(self))
    }
}
