//! What the verifier says about this wallet.

use alloc::string::String;
use alloc::vec::Vec;

use farthing_shared::{CreatorId, Currency, Micros, OriginHash, PublicKey, VerifierId};

use crate::fields::{Fields, decimal};
use crate::quote::Limits;

/// The provider, as it introduces itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its name.
    pub name: String,
    /// Signed structures are made out to it.
    pub verifier: VerifierId,
    /// The ledger's currency.
    pub currency: Currency,
    /// Whether this is demo money.
    pub demo: bool,
    /// What a new wallet gets.
    pub welcome_credit: Micros,
    /// Whether vouchers are taken.
    pub vouchers: bool,
}

impl Provider {
    /// Reads `GET /v1/provider`.
    #[must_use]
    pub fn read(fields: Fields<'_>) -> Option<Self> {
        Some(Self {
            name: fields.owned("name"),
            verifier: VerifierId::parse(fields.text("verifier")).ok()?,
            currency: Currency::parse(fields.text("currency"))?,
            demo: fields.flag("demo"),
            welcome_credit: fields.micros("welcome_credit").unwrap_or_default(),
            vouchers: fields.flag("voucher_rail"),
        })
    }
}

/// An open wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// What it holds.
    pub balance: Micros,
    /// What it allowed, in the verifier's order.
    pub allowances: Vec<Known>,
}

/// One allowance that the verifier knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Cap, spent, expiry, serial and so on.
    pub limits: Limits,
    /// Whose sites.
    pub creator: CreatorId,
    /// The creator's name.
    pub creator_name: String,
    /// Which site.
    pub origin: OriginHash,
    /// In which browser.
    pub device: u32,
    /// What the creator takes in a month at most, and what it took of that.
    pub month: Option<(Micros, Micros)>,
}

impl Account {
    /// Reads a wallet object.
    #[must_use]
    pub fn read(fields: Fields<'_>) -> Option<Self> {
        let mut allowances = Vec::new();
        for index in 0_u64.. {
            let prefix = ["allowances.", &decimal(index), "."].concat();
            let row = fields.below(&prefix);
            if !row.has("key") {
                break;
            }
            // A row that this build cannot read is not a reason to hide the balance.
            allowances.extend(Known::read(row));
        }
        Some(Self { balance: fields.micros("balance")?, allowances })
    }

    /// The highest serial for this creator, site and browser.
    #[must_use]
    pub fn serial_of(&self, creator: CreatorId, origin: OriginHash, device: u32) -> u64 {
        self.of(creator, origin, device).map(|known| known.limits.serial).max().unwrap_or(0)
    }

    /// The newest allowance for this creator, site and browser.
    #[must_use]
    pub fn newest(&self, creator: CreatorId, origin: OriginHash, device: u32) -> Option<&Known> {
        self.of(creator, origin, device).max_by_key(|known| known.limits.serial)
    }

    /// The allowance of one spending key.
    #[must_use]
    pub fn of_key(&self, key: &PublicKey) -> Option<&Known> {
        let key = key.to_text();
        self.allowances.iter().find(|known| known.limits.key == key)
    }

    fn of(
        &self,
        creator: CreatorId,
        origin: OriginHash,
        device: u32,
    ) -> impl Iterator<Item = &Known> {
        self.allowances.iter().filter(move |known| {
            (known.creator, known.origin, known.device) == (creator, origin, device)
        })
    }
}

impl Known {
    fn read(row: Fields<'_>) -> Option<Self> {
        Some(Self {
            limits: Limits::read(row)?,
            creator: CreatorId::parse(row.text("creator.id")).ok()?,
            creator_name: row.owned("creator.name"),
            origin: OriginHash::parse(row.text("origin_hash")).ok()?,
            device: row.number("device").and_then(|n| u32::try_from(n).ok())?,
            month: row.micros("month.most").zip(row.micros("month.paid")),
        })
    }
}
