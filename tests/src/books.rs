//! A provider's log made up by a test: payments to one creator among other entries, signed by a key of the
//! test's own, honest until the test changes a leaf.

use farthing_shared::checkpoint::Checkpoint;
use farthing_shared::leaf::{ClaimLeaf, Leaf, LeafBody, OtherKind, OtherLeaf, RefundLeaf};
use farthing_shared::merkle::{self, Hash, Nodes, node_hash};
use farthing_shared::note::{ED25519, NoteKey};
use farthing_shared::statement::Statement;
use farthing_shared::{
    Claim, CreatorId, Currency, ItemHash, Kind, Micros, OriginHash, SigningKey, UnixMillis,
    VerifierId, sha256,
};

/// Visitors who take turns in paying.
const VISITORS: u64 = 200;
const VERIFIER: VerifierId = VerifierId([5; 32]);

/// The log and who is paid by it.
#[derive(Clone)]
pub struct Books {
    /// Whose payments.
    pub creator: CreatorId,
    /// The log's name.
    pub origin: String,
    /// Every entry, from 1.
    pub leaves: Vec<Leaf>,
}

struct Rows(Vec<Vec<Hash>>);

impl Nodes for Rows {
    type Error = ();
    fn node(&mut self, level: u8, index: u64) -> Result<Hash, ()> {
        let row = self.0.get(usize::from(level)).ok_or(())?;
        usize::try_from(index).ok().and_then(|index| row.get(index)).copied().ok_or(())
    }
}

impl Books {
    /// So many payments of 0.01; each `every`-th entry is one, the others are top-ups.
    #[must_use]
    pub fn new(creator: CreatorId, payments: u64, every: u64) -> Self {
        let keys: Vec<SigningKey> =
            (0..VISITORS).map(|n| SigningKey::from_seed(&sha256(&n.to_be_bytes()))).collect();
        let leaf = |entry: u64| {
            let at = UnixMillis(1_700_000_000_000 + entry * 1_000);
            let body = if entry.is_multiple_of(every) {
                let number = entry / every;
                let key = &keys[usize::try_from(number % VISITORS).unwrap_or(0)];
                payment(creator, number, at, key)
            } else {
                LeafBody::Other(OtherLeaf {
                    kind: OtherKind::TopUp,
                    account: entry,
                    amount: cents(1),
                    detail: 0,
                    reference: [0; 32],
                    salt: [9; 16],
                })
            };
            Leaf { entry, at, body }
        };
        let leaves = (1..=payments * every).map(leaf).collect();
        Self { creator, origin: "made.up/log".into(), leaves }
    }

    /// The key that signs the log, as `/log/key` says it.
    ///
    /// # Panics
    /// Never: the origin can be a key's name.
    #[must_use]
    pub fn key(&self) -> NoteKey {
        NoteKey::new(&self.origin, ED25519, &log_key().public()).expect("a name without spaces")
    }

    /// The payment with this running number.
    ///
    /// # Panics
    /// When there is none.
    pub fn payment(&mut self, number: u64) -> &mut ClaimLeaf {
        let mut claims = self.leaves.iter_mut().filter_map(|leaf| match &mut leaf.body {
            LeafBody::Claim(claim) => Some(&mut **claim),
            LeafBody::Refund(_) | LeafBody::Other(_) => None,
        });
        claims.find(|claim| claim.number == number).expect("a payment with this number")
    }

    /// Adds a refund of the payment with this running number, as the newest entry.
    ///
    /// # Panics
    /// When there is no such payment, or the refunds are worth more than an amount holds.
    pub fn refund(&mut self, number: u64) {
        let claim = self.leaves.iter().find_map(|leaf| match &leaf.body {
            LeafBody::Claim(claim) if claim.number == number => Some((leaf.entry, claim.credited)),
            _ => None,
        });
        let (claim, taken) = claim.expect("a payment with this number");
        let (mut count, mut total) = (1, taken);
        for leaf in &self.leaves {
            if let LeafBody::Refund(refund) = &leaf.body {
                count += 1;
                total = total.plus(refund.taken).expect("an amount");
            }
        }
        let entry = u64::try_from(self.leaves.len()).unwrap_or(0) + 1;
        let at = UnixMillis(1_700_000_000_000 + entry * 1_000);
        let (request, salt) = ([8; 32], [9; 16]);
        let refund = RefundLeaf { number: count, total, taken, claim, request, salt };
        self.leaves.push(Leaf { entry, at, body: LeafBody::Refund(refund) });
    }

    /// The nodes of its tree.
    #[must_use]
    pub fn nodes(&self) -> impl Nodes<Error = ()> + use<> {
        self.rows()
    }

    fn rows(&self) -> Rows {
        let mut rows = vec![self.leaves.iter().map(Leaf::hash).collect::<Vec<_>>()];
        while let Some(row) = rows.last().filter(|row| row.len() > 1) {
            rows.push(row.as_chunks::<2>().0.iter().map(|[l, r]| node_hash(l, r)).collect());
        }
        Rows(rows)
    }

    /// The checkpoint over the first `size` entries.
    ///
    /// # Panics
    /// When there are fewer.
    #[must_use]
    pub fn checkpoint(&self, size: u64) -> Checkpoint {
        let root = merkle::root(&mut self.rows(), size).expect("so many entries");
        Checkpoint { origin: self.origin.clone(), size, root }
    }

    /// The statement over the payments with these running numbers, and all refunds.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn statement(&self, from: u64, to: u64, since: u64) -> Vec<u8> {
        self.part((from, to), since, (1, u64::MAX))
    }

    /// The statement over the payments and the refunds with these running numbers.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn part(&self, payments: (u64, u64), since: u64, refunds: (u64, u64)) -> Vec<u8> {
        let within = |number: u64, (from, to): (u64, u64)| (from..=to).contains(&number);
        let claims = self.leaves.iter().filter(|leaf| match &leaf.body {
            LeafBody::Claim(claim) => within(claim.number, payments),
            LeafBody::Refund(_) | LeafBody::Other(_) => false,
        });
        let back = self.leaves.iter().filter(|leaf| match &leaf.body {
            LeafBody::Refund(refund) => within(refund.number, refunds),
            LeafBody::Claim(_) | LeafBody::Other(_) => false,
        });
        let leaves: Vec<Leaf> = claims.chain(back).cloned().collect();
        self.of(&leaves, since)
    }

    /// The statement over these leaves, payments first, whatever they are.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn of(&self, leaves: &[Leaf], since: u64) -> Vec<u8> {
        let size = u64::try_from(self.leaves.len()).unwrap_or(0);
        let mut rows = self.rows();
        let root = merkle::root(&mut rows, size).expect("all entries");
        let checkpoint = Checkpoint { origin: self.origin.clone(), size, root };
        let note = checkpoint.sign(&log_key()).expect("a name without spaces");
        let heads = (self.creator, VERIFIER, euro());
        Statement::make(heads, leaves, &mut rows, (size, since.min(size)), note)
            .expect("a statement")
            .encode()
    }
}

fn log_key() -> SigningKey {
    SigningKey::from_seed(&[4; 32])
}

fn euro() -> Currency {
    Currency::parse("EUR").expect("a currency")
}

fn cents(count: u64) -> Micros {
    Micros::new(count * 10_000).expect("a small amount")
}

fn payment(creator: CreatorId, number: u64, at: UnixMillis, key: &SigningKey) -> LeafBody {
    let claim = Claim {
        verifier: VERIFIER,
        key: key.public(),
        sequence: number,
        creator,
        item: ItemHash(sha256(&(number % 20).to_be_bytes())),
        amount: cents(1),
        currency: euro(),
        kind: Kind::View,
        origin: OriginHash([3; 32]),
        expires_at: UnixMillis(at.0 + 60_000),
    };
    LeafBody::Claim(Box::new(ClaimLeaf {
        number,
        total: cents(number),
        credited: cents(1),
        signed: claim.sign(key),
    }))
}
