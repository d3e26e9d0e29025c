//! Visitors and creators as tests play them: real keys, real signatures, no browser.
//!
//! Keys come from a number, so that a failure can be played again.

use farthing_shared::{
    Allowance, Backup, BackupName, Budget, Challenge, Claim, CreatorId, Currency, ItemHash, Kind,
    Micros, Opening, OriginHash, Permission, PublicKey, Reason, Refund, Rotation, SignedAllowance,
    SignedClaim, SignedOpening, SigningKey, UnixMillis, Verified, VerifiedClaim, VerifierId,
    VerifyingKey, item_hash, origin_hash,
};

/// The site that tests pay from unless they say otherwise.
pub const ORIGIN: &str = "https://blog.example";

/// Micros of a decimal that the test wrote down.
#[must_use]
pub fn micros(decimal: &str) -> Micros {
    Micros::parse(decimal).expect("a decimal in a test")
}

/// The currency of tests.
#[must_use]
pub fn eur() -> Currency {
    Currency::parse("EUR").expect("three capitals")
}

/// A seed that depends on a number and a purpose.
#[must_use]
pub fn seed(number: u64, purpose: u8) -> [u8; 32] {
    let mut seed = [purpose; 32];
    let (head, _) = seed.split_at_mut(8);
    head.copy_from_slice(&number.to_be_bytes());
    seed
}

/// A visitor with a wallet and one spending key.
#[derive(Debug)]
pub struct Visitor {
    /// The wallet's root key.
    pub root: SigningKey,
    /// The spending key.
    pub spending: SigningKey,
    /// The verifier that everything is made out to.
    pub verifier: VerifierId,
    /// The creator's site.
    pub origin: OriginHash,
    /// The next number of the spending key.
    pub next: u64,
}

impl Visitor {
    /// The visitor of a number.
    #[must_use]
    pub fn new(number: u64, verifier: VerifierId) -> Self {
        Self {
            root: SigningKey::from_seed(&seed(number, 1)),
            spending: SigningKey::from_seed(&seed(number, 2)),
            verifier,
            origin: origin_hash(ORIGIN).expect("a constant origin"),
            next: 1,
        }
    }

    /// The wallet's name.
    #[must_use]
    pub fn root_key(&self) -> PublicKey {
        self.root.public()
    }

    /// A wallet opening for a challenge, solved.
    #[must_use]
    pub fn opening(&self, challenge: Challenge) -> SignedOpening {
        let root = self.root.public();
        let solution = challenge.search(&root, 0, u64::MAX).expect("every challenge is solvable");
        Opening { verifier: self.verifier, root, challenge, solution }.sign(&self.root)
    }

    /// A checked opening, for tests below HTTP.
    #[must_use]
    pub fn checked_opening(&self) -> Verified<SignedOpening> {
        let challenge = Challenge { issued_at: UnixMillis(0), bits: 0, mac: [0; 32] };
        self.opening(challenge).verify().expect("it was just signed")
    }

    /// The terms of an allowance for this visitor's key: 2.00 in all, 0.50 a claim.
    #[must_use]
    pub fn terms(&self, creator: CreatorId, expires_at: UnixMillis) -> Allowance {
        Allowance {
            verifier: self.verifier,
            root: self.root.public(),
            key: self.spending.public(),
            creator,
            origin: self.origin,
            cap: micros("2.00"),
            per_claim_max: micros("0.50"),
            expires_at,
            serial: 1,
            grant: 1,
            device: 1,
            currency: eur(),
        }
    }

    /// A budget of this visitor's wallet that limits nothing.
    #[must_use]
    pub fn budget(&self, number: u64, now: UnixMillis) -> Budget {
        Budget {
            verifier: self.verifier,
            root: self.root.public(),
            number,
            set_at: now,
            per_day: None,
            per_month: None,
            paused: false,
            currency: eur(),
        }
    }

    /// A permission of this visitor's wallet for a creator, up to so much a month.
    #[must_use]
    pub fn permission(
        &self,
        number: u64,
        creator: CreatorId,
        per_month: &str,
        now: UnixMillis,
    ) -> Permission {
        Permission {
            verifier: self.verifier,
            root: self.root.public(),
            number,
            set_at: now,
            creator,
            per_month: micros(per_month),
            currency: eur(),
        }
    }

    /// A rotation of this visitor's wallet to another root key.
    #[must_use]
    pub fn rotation(&self, next: &SigningKey, now: UnixMillis) -> Rotation {
        Rotation::to(next, self.verifier, self.root.public(), now)
    }

    /// A backup of this visitor's wallet under a name that a byte stands for.
    #[must_use]
    pub fn backup(&self, name: u8, now: UnixMillis) -> Backup {
        Backup {
            verifier: self.verifier,
            root: self.root.public(),
            name: BackupName([name; 32]),
            at: now,
            sealed: [name; Backup::SEALED_LEN],
        }
    }

    /// Signs an allowance.
    #[must_use]
    pub fn allow(&self, terms: &Allowance) -> SignedAllowance {
        terms.sign(&self.root)
    }

    /// A checked allowance, for tests below HTTP.
    #[must_use]
    pub fn checked_allowance(&self, terms: &Allowance) -> Verified<SignedAllowance> {
        self.allow(terms).verify().expect("it was just signed")
    }

    /// The fields of the next view of an item.
    pub fn view(&mut self, creator: CreatorId, item: &str, amount: &str, now: UnixMillis) -> Claim {
        let hash = item_hash(&creator, item).expect("a canonical name in a test");
        self.claim(creator, hash, Kind::View, micros(amount), now)
    }

    /// The fields of the next donation.
    pub fn donation(&mut self, creator: CreatorId, amount: &str, now: UnixMillis) -> Claim {
        self.claim(creator, ItemHash::NONE, Kind::Donation, micros(amount), now)
    }

    fn claim(
        &mut self,
        creator: CreatorId,
        item: ItemHash,
        kind: Kind,
        amount: Micros,
        now: UnixMillis,
    ) -> Claim {
        let sequence = self.next;
        self.next = sequence.saturating_add(1);
        Claim {
            verifier: self.verifier,
            key: self.spending.public(),
            sequence,
            creator,
            item,
            amount,
            currency: eur(),
            kind,
            origin: self.origin,
            expires_at: now.plus_ms(60_000),
        }
    }

    /// A request to refund a claim that an entry charged, signed by the spending key.
    #[must_use]
    pub fn refund(&self, claim: &Claim, entry: u64, now: UnixMillis) -> Refund {
        Refund {
            verifier: self.verifier,
            signer: self.spending.public(),
            claim: self.sign(claim).id(),
            entry,
            asked_at: now,
            reason: Reason::Mistake,
        }
    }

    /// Signs a claim.
    #[must_use]
    pub fn sign(&self, claim: &Claim) -> SignedClaim {
        claim.sign(&self.spending)
    }

    /// A checked claim, for tests below HTTP.
    #[must_use]
    pub fn checked(&self, claim: &Claim) -> VerifiedClaim {
        let key = VerifyingKey::new(&claim.key).expect("a key made from a seed");
        self.sign(claim).verify(&key).expect("it was just signed")
    }
}
