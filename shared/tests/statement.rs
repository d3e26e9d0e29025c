//! Statements: whole ones hold, and each lie is called by its name at its entry. The provider of these
//! tests signs whatever log it likes, as a lying one would.
#![allow(
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use farthing_shared::checkpoint::Checkpoint;
use farthing_shared::leaf::{ClaimLeaf, Leaf, LeafBody, OtherKind, OtherLeaf, RefundLeaf};
use farthing_shared::merkle::{self, Hash, Nodes, node_hash};
use farthing_shared::note::{ED25519, NoteKey};
use farthing_shared::statement::{BLOCK, BadStatement, NotMade, Statement, Verdict};
use farthing_shared::{
    Claim, CreatorId, Currency, ItemHash, Kind, Micros, OriginHash, SignedClaim, SigningKey,
    UnixMillis, VerifierId, sha256,
};

const CREATOR: CreatorId = CreatorId([7; 16]);
const VERIFIER: VerifierId = VerifierId([5; 32]);
const ORIGIN: &str = "pay.example/log";

fn eur() -> Currency {
    Currency::parse("EUR").unwrap()
}

fn micros(value: u64) -> Micros {
    Micros::new(value).unwrap()
}

fn log_key() -> SigningKey {
    SigningKey::from_seed(&[4; 32])
}

fn key() -> NoteKey {
    NoteKey::new(ORIGIN, ED25519, &log_key().public()).unwrap()
}

struct Log(Vec<Leaf>);

impl Nodes for Log {
    type Error = ();
    fn node(&mut self, level: u8, index: u64) -> Result<Hash, ()> {
        if level == 0 {
            return self.0.get(index as usize).map(Leaf::hash).ok_or(());
        }
        let left = self.node(level - 1, index * 2)?;
        Ok(node_hash(&left, &self.node(level - 1, index * 2 + 1)?))
    }
}

impl Log {
    /// Each `every`-th entry is a payment to the creator, the others are top-ups.
    fn new(payments: u64, every: u64) -> Self {
        let mut log = Self(Vec::new());
        for entry in 1..=payments * every {
            let body = if entry % every == 0 { paid(entry / every) } else { other(entry) };
            log.0.push(Leaf { entry, at: UnixMillis(1_700_000_000_000 + entry), body });
        }
        log
    }

    fn payments(&self) -> Vec<Leaf> {
        let ours = |leaf: &&Leaf| matches!(leaf.body, LeafBody::Claim(_));
        self.0.iter().filter(ours).cloned().collect()
    }

    fn checkpoint(&mut self, size: u64) -> Checkpoint {
        Checkpoint { origin: ORIGIN.into(), size, root: merkle::root(self, size).unwrap() }
    }

    fn statement(&mut self, leaves: &[Leaf], since: u64) -> Statement {
        let size = self.0.len() as u64;
        let note = self.checkpoint(size).sign(&log_key()).unwrap();
        Statement::make((CREATOR, VERIFIER, eur()), leaves, self, (size, since), note).unwrap()
    }

    /// Verdict on the statement that an honest verifier would make of this log, honest or not.
    fn verdict(&mut self) -> Result<Verdict, BadStatement> {
        let leaves = self.payments();
        self.statement(&leaves, 0).verify(&key(), Some(&CREATOR), None)
    }

    fn claim(&mut self, entry: usize) -> &mut ClaimLeaf {
        match &mut self.0[entry - 1].body {
            LeafBody::Claim(claim) => claim,
            LeafBody::Refund(_) | LeafBody::Other(_) => panic!("entry {entry} is a claim"),
        }
    }
}

fn other(entry: u64) -> LeafBody {
    LeafBody::Other(OtherLeaf {
        kind: OtherKind::TopUp,
        account: entry,
        amount: micros(1),
        detail: 0,
        reference: [0; 32],
        salt: [9; 16],
    })
}

fn signed(number: u64, creator: CreatorId, key: &SigningKey) -> SignedClaim {
    let claim = Claim {
        verifier: VERIFIER,
        key: key.public(),
        sequence: number,
        creator,
        item: ItemHash(sha256(&number.to_be_bytes())),
        amount: micros(10_000 + number),
        currency: eur(),
        kind: Kind::View,
        origin: OriginHash([3; 32]),
        expires_at: UnixMillis(1_800_000_000_000),
    };
    claim.sign(key)
}

fn paid(number: u64) -> LeafBody {
    let key = SigningKey::from_seed(&sha256(&(number % 7).to_be_bytes()));
    LeafBody::Claim(Box::new(ClaimLeaf {
        number,
        total: micros(10_000 * number + number * (number + 1) / 2 - 100 * number),
        credited: micros(10_000 + number - 100),
        signed: signed(number, CREATOR, &key),
    }))
}

#[test]
fn a_whole_statement_holds_and_is_read_as_it_was_written() {
    for (payments, every) in [(0, 1), (1, 1), (3, 2), (64, 1), (65, 3), (200, 5)] {
        let mut log = Log::new(payments, every);
        let leaves = log.payments();
        let statement = log.statement(&leaves, 0);
        let bytes = statement.encode();
        let read = Statement::parse(&bytes).unwrap();
        assert_eq!((&read, read.encode()), (&statement, bytes));
        let verdict = read.verify(&key(), Some(&CREATOR), None).unwrap();
        let paid: u64 = (1..=payments).map(|number| 10_000 + number).sum();
        assert_eq!(
            (verdict.payments, verdict.last, verdict.paid, verdict.credited, verdict.total),
            (
                payments,
                payments,
                micros(paid),
                micros(paid - 100 * payments),
                micros(paid - 100 * payments)
            )
        );
    }
    let mut log = Log::new(20, 2);
    let part = log.payments()[4..9].to_vec();
    let verdict = log.statement(&part, 0).verify(&key(), None, None).unwrap();
    assert_eq!((verdict.payments, verdict.first, verdict.last), (5, 5, 9));
}

/// Nine payments in the even entries, three of them refunded in between.
fn refunding() -> Log {
    let mut log = Log::new(9, 2);
    for (number, (entry, claim)) in (1..).zip([(7_usize, 2_u64), (11, 10), (17, 8)]) {
        let taken = log.claim(claim as usize).credited;
        let before = number - 1;
        log.0[entry - 1].body = LeafBody::Refund(RefundLeaf {
            number,
            total: [2, 10, 8][..=before as usize]
                .iter()
                .map(|claim| log.claim(*claim).credited)
                .fold(Micros::ZERO, |sum, taken| sum.plus(taken).unwrap()),
            taken,
            claim,
            request: [number as u8; 32],
            salt: [8; 16],
        });
    }
    log
}

impl Log {
    fn refund(&mut self, entry: usize) -> &mut RefundLeaf {
        match &mut self.0[entry - 1].body {
            LeafBody::Refund(refund) => refund,
            _ => panic!("entry {entry} is a refund"),
        }
    }

    fn refunds(&self) -> Vec<Leaf> {
        let ours = |leaf: &&Leaf| matches!(leaf.body, LeafBody::Refund(_));
        self.0.iter().filter(ours).cloned().collect()
    }

    fn verdict_with_refunds(&mut self) -> Result<Verdict, BadStatement> {
        let leaves = [self.payments(), self.refunds()].concat();
        let bytes = self.statement(&leaves, 0).encode();
        Statement::parse(&bytes)?.verify(&key(), Some(&CREATOR), None)
    }
}

#[test]
fn refunds_have_numbers_and_totals_of_their_own() {
    let mut log = refunding();
    let verdict = log.verdict_with_refunds().unwrap();
    let back: u64 = [2, 10, 8].iter().map(|claim| log.claim(*claim).credited.get()).sum();
    assert_eq!((verdict.payments, verdict.refunds, verdict.refunded), (9, 3, micros(back)));
    // The payments of another part: their refunds are not false for that.
    let leaves = [log.payments()[5..].to_vec(), log.refunds()[1..].to_vec()].concat();
    let verdict = log.statement(&leaves, 0).verify(&key(), None, None).unwrap();
    assert_eq!((verdict.first, verdict.refunds, verdict.first_refund), (6, 2, 2));
    let bytes = log.statement(&[log.payments(), log.refunds()].concat(), 7).encode();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        let verdict = Statement::parse(&flipped).and_then(|read| read.verify(&key(), None, None));
        assert!(verdict.is_err(), "byte {at}");
    }
}

#[test]
fn lies_about_refunds_are_named() {
    let in_refunds = |lie| Err(BadStatement::InRefunds(Box::new(lie)));
    // Left out of the file or of the log.
    let mut log = refunding();
    let mut leaves = [log.payments(), log.refunds()].concat();
    leaves.remove(10);
    let verdict = log.statement(&leaves, 0).verify(&key(), None, None);
    assert_eq!(verdict, in_refunds(BadStatement::Dropped { first: 2, last: 2, entry: 17 }));
    // Totals that do not add up.
    let mut log = refunding();
    let honest = log.refund(11).total;
    log.refund(11).total = honest.plus(micros(1)).unwrap();
    let found = log.refund(11).total;
    let lie = BadStatement::WrongTotal { entry: 11, expected: Some(honest), found };
    assert_eq!(log.verdict_with_refunds(), in_refunds(lie));
    // More than the payment had brought; a payment that is nobody's; one that comes later; one twice.
    let rows: [fn(&mut RefundLeaf); 4] = [
        |refund| refund.claim = 12,
        |refund| refund.claim = 9,
        |refund| refund.claim = 18,
        |refund| refund.claim = 2,
    ];
    for change in rows {
        let mut log = refunding();
        change(log.refund(17));
        let claim = log.refund(17).claim;
        assert_eq!(log.verdict_with_refunds(), Err(BadStatement::FalseRefund { entry: 17, claim }));
    }
    // Changed in the file only.
    let mut log = refunding();
    let mut statement = log.statement(&[log.payments(), log.refunds()].concat(), 0);
    statement.refunds[0][95] ^= 1;
    let verdict = statement.verify(&key(), None, None);
    assert_eq!(verdict, in_refunds(BadStatement::NotInLog { first: 7, last: 17 }));
}

#[test]
fn every_flipped_byte_is_noticed() {
    let mut log = Log::new(5, 3);
    let leaves = log.payments();
    for since in [0, 7] {
        let bytes = log.statement(&leaves, since).encode();
        for at in 0..bytes.len() {
            for mask in [1, 0x80, 0xff] {
                let mut flipped = bytes.clone();
                flipped[at] ^= mask;
                let verdict =
                    Statement::parse(&flipped).and_then(|read| read.verify(&key(), None, None));
                assert!(verdict.is_err(), "byte {at} mask {mask}: {verdict:?}");
            }
        }
        for length in 0..bytes.len() {
            let read = Statement::parse(&bytes[..length]);
            assert!(read.and_then(|read| read.verify(&key(), None, None)).is_err(), "{length}");
        }
    }
}

#[test]
fn a_hash_too_many_or_too_few_is_noticed() {
    let mut log = refunding();
    let leaves = [log.payments(), log.refunds()].concat();
    let honest = log.statement(&leaves, 0);
    let verdict = |change: &dyn Fn(&mut Statement)| {
        let mut statement = honest.clone();
        change(&mut statement);
        statement.verify(&key(), None, None)
    };
    assert!(verdict(&|_| {}).is_ok());
    let over = verdict(&|statement| statement.proof.push(statement.proof[0]));
    assert_eq!(over, Err(BadStatement::Malformed("hashes are left over")));
    let short = verdict(&|statement| _ = statement.proof.pop());
    assert!(matches!(short, Err(BadStatement::InRefunds(_))), "{short:?}");
}

#[test]
fn a_dropped_payment_is_named() {
    // Left out of the file.
    let mut log = Log::new(9, 2);
    let mut leaves = log.payments();
    leaves.drain(3..5);
    let verdict = log.statement(&leaves, 0).verify(&key(), None, None);
    assert_eq!(verdict, Err(BadStatement::Dropped { first: 4, last: 5, entry: 12 }));
    // Left out of the log.
    let mut log = Log::new(9, 2);
    log.0[5].body = other(6);
    assert_eq!(log.verdict(), Err(BadStatement::Dropped { first: 3, last: 3, entry: 8 }));
    // Left out, and the numbers closed up: the totals tell.
    let mut log = Log::new(9, 1);
    for entry in 3..=8_usize {
        log.0[entry - 1].body = paid(entry as u64 + 1);
        log.claim(entry).number = entry as u64;
    }
    log.0.truncate(8);
    let found = micros(10_000 * 4 + 10 - 400);
    let expected = Some(micros(10_000 * 3 + 7 - 300));
    assert_eq!(log.verdict(), Err(BadStatement::WrongTotal { entry: 3, expected, found }));
}

#[test]
fn an_altered_payment_is_named() {
    // Amount changed in the log: nobody signed that.
    let mut log = Log::new(9, 2);
    let mut bytes = log.claim(8).signed.encode();
    bytes[143] ^= 2;
    log.claim(8).signed = SignedClaim::decode(&bytes).unwrap();
    assert_eq!(log.verdict(), Err(BadStatement::Invented { entry: 8 }));
    // Time changed in the file only: the log says something else. The block of its proof is named.
    let mut log = Log::new(130, 1);
    let statement = log.statement(&log.payments(), 0);
    for (at, first, last) in [(70, 65, 128), (129, 129, 130)] {
        let mut altered = statement.clone();
        altered.records[at - 1][15] ^= 1;
        let verdict = altered.verify(&key(), None, None);
        assert_eq!(verdict, Err(BadStatement::NotInLog { first, last }));
    }
    assert_eq!(BLOCK, 64);
}

#[test]
fn reordered_payments_are_named() {
    let mut log = Log::new(9, 2);
    let leaves = log.payments();
    let mut statement = log.statement(&leaves, 0);
    statement.records.swap(3, 4);
    let verdict = statement.verify(&key(), None, None);
    assert_eq!(verdict, Err(BadStatement::Reordered { entry: 8 }));
    let mut statement = log.statement(&leaves, 0);
    let again = statement.records[2];
    statement.records.insert(3, again);
    let verdict = statement.verify(&key(), None, None);
    assert_eq!(verdict, Err(BadStatement::Reordered { entry: 6 }));
    // Numbers in another order than the entries of the log.
    let mut log = Log::new(3, 1);
    (log.claim(2).number, log.claim(3).number) = (3, 2);
    assert_eq!(log.verdict(), Err(BadStatement::Reordered { entry: 3 }));
}

#[test]
fn an_invented_payment_is_named() {
    let mut log = Log::new(9, 2);
    let forger = SigningKey::from_seed(&[66; 32]);
    let mut bytes = signed(4, CREATOR, &forger).encode();
    let honest = log.claim(8).signed.encode();
    bytes[48..80].copy_from_slice(&honest[48..80]);
    log.claim(8).signed = SignedClaim::decode(&bytes).unwrap();
    assert_eq!(log.verdict(), Err(BadStatement::Invented { entry: 8 }));
    // Newer than the log.
    let mut log = Log::new(9, 2);
    let mut statement = log.statement(&log.payments(), 0);
    statement.checkpoint = log.checkpoint(17).sign(&log_key()).unwrap();
    let verdict = statement.verify(&key(), None, None);
    assert_eq!(verdict, Err(BadStatement::NotCovered { entry: 18, size: 17 }));
}

#[test]
fn a_wrong_total_is_named() {
    let mut log = Log::new(9, 2);
    let honest = log.claim(10).total;
    let found = micros(honest.get() - 1);
    log.claim(10).total = found;
    let expected = Some(honest);
    assert_eq!(log.verdict(), Err(BadStatement::WrongTotal { entry: 10, expected, found }));
    // Credited less than the total grows.
    let mut log = Log::new(9, 2);
    let found = log.claim(2).total;
    log.claim(2).credited = micros(found.get() - 5);
    let expected = Some(micros(found.get() - 5));
    assert_eq!(log.verdict(), Err(BadStatement::WrongTotal { entry: 2, expected, found }));
}

#[test]
fn a_rolled_back_log_and_a_split_view_are_named() {
    let mut log = Log::new(9, 2);
    let leaves = log.payments();
    let seen: Vec<Checkpoint> = [0, 1, 7, 18].map(|size| log.checkpoint(size)).into();
    for seen in &seen {
        let statement = log.statement(&leaves, seen.size);
        assert!(statement.verify(&key(), None, Some(seen)).is_ok(), "{seen:?}");
        let mut other = seen.clone();
        other.root.0[0] ^= 1;
        let verdict = statement.verify(&key(), None, Some(&other));
        assert_eq!(verdict, Err(BadStatement::SplitView { seen: seen.size }));
    }
    let without = log.statement(&leaves, 0);
    let verdict = without.verify(&key(), None, Some(&seen[2]));
    assert_eq!(verdict, Err(BadStatement::NoProofSince { seen: 7 }));
    let foreign = Checkpoint { origin: "other.example/log".into(), ..seen[2].clone() };
    assert_eq!(without.verify(&key(), None, Some(&foreign)), Err(BadStatement::OtherLog));
    let mut shorter = Log::new(8, 2);
    let leaves = shorter.payments();
    let verdict = shorter.statement(&leaves, 0).verify(&key(), None, Some(&seen[3]));
    assert_eq!(verdict, Err(BadStatement::RolledBack { seen: 18, size: 16 }));
    // A history of its own for this creator: it cannot be tied to what was seen.
    let mut split = Log::new(9, 2);
    split.0[0].at = UnixMillis(1);
    let mut statement = split.statement(&split.payments(), 7);
    let verdict = statement.verify(&key(), None, Some(&seen[2]));
    assert_eq!(verdict, Err(BadStatement::SplitView { seen: 7 }));
    if let Some(since) = &mut statement.since {
        since.root = seen[2].root;
    }
    let verdict = statement.verify(&key(), None, Some(&seen[2]));
    assert_eq!(verdict, Err(BadStatement::SplitView { seen: 7 }));
}

#[test]
fn other_creators_keys_and_claims_are_refused() {
    let mut log = Log::new(3, 2);
    let leaves = log.payments();
    let statement = log.statement(&leaves, 0);
    let verdict = statement.verify(&key(), Some(&CreatorId([8; 16])), None);
    assert_eq!(verdict, Err(BadStatement::OtherCreator { found: CREATOR }));
    let stranger = SigningKey::from_seed(&[1; 32]).public();
    let stranger = NoteKey::new(ORIGIN, ED25519, &stranger).unwrap();
    let verdict = statement.verify(&stranger, None, None);
    assert!(matches!(verdict, Err(BadStatement::Checkpoint(_))), "{verdict:?}");
    log.claim(4).signed = signed(2, CreatorId([8; 16]), &SigningKey::from_seed(&[2; 32]));
    let (leaves, note) = (log.payments(), statement.checkpoint.clone());
    let made = Statement::make((CREATOR, VERIFIER, eur()), &leaves, &mut log, (6, 0), note);
    assert_eq!(made, Err(NotMade::Entry(4)));
}

#[test]
fn counts_that_promise_more_than_came_take_no_memory() {
    let mut log = Log::new(3, 2);
    let bytes = log.statement(&log.payments(), 0).encode();
    for at in [72, 80, 96, 104, 112] {
        let mut greedy = bytes.clone();
        greedy[at..at + 8].copy_from_slice(&u64::MAX.to_be_bytes());
        assert!(matches!(Statement::parse(&greedy), Err(BadStatement::Malformed(_))), "{at}");
    }
}

/// Cut, grown, and with numbers that nothing can hold: a file is refused, or it is what it was and says the same.
#[test]
fn whatever_is_done_to_a_file_proves_nothing_else() {
    let mut log = refunding();
    let leaves = [log.payments(), log.refunds()].concat();
    let honest = log.statement(&leaves, 7).encode();
    let proven = Statement::parse(&honest).unwrap().verify(&key(), None, None).unwrap();
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % below
    };
    let numbers = [0, 1, 64, u64::from(u32::MAX), i64::MAX as u64, u64::MAX - 1, u64::MAX];
    let mut read = 0;
    for _ in 0..20_000 {
        let mut bytes = honest.clone();
        for _ in 0..=next(2) {
            let (from, to) = (next(bytes.len()), next(bytes.len()));
            let (from, to) = (from.min(to), from.max(to));
            match next(5) {
                0 => bytes.truncate(to.max(1)),
                1 => drop(bytes.drain(from..to.min(from + 40))),
                2 => bytes.extend_from_within(from..to),
                3 => {
                    let more: Vec<u8> = honest.iter().skip(from).take(96).copied().collect();
                    bytes.splice(from..from, more);
                }
                _ => {
                    let at = [72, 80, 88, 96, 104, 112, 120 + next(400)][next(7)];
                    let number = numbers[next(numbers.len())].to_be_bytes();
                    if let Some(place) = bytes.get_mut(at..at + 8) {
                        place.copy_from_slice(&number);
                    }
                }
            }
            if bytes.is_empty() {
                bytes.push(0);
            }
        }
        let Ok(statement) = Statement::parse(&bytes) else { continue };
        read += 1;
        assert_eq!(statement.encode(), bytes, "another spelling was taken");
        if let Ok(verdict) = statement.verify(&key(), None, None) {
            assert!(bytes == honest && verdict == proven, "it proves something else");
        }
    }
    assert!(read > 100, "only {read} files were read, so nothing was tried");
}

#[test]
fn a_proven_payment_takes_at_most_400_bytes() {
    // By how thin the payments stand in the log, at random places. Either each is by another visitor for
    // another item, or twenty visitors come again for twenty items. Strangers
    // above 400 from one in five hundred on: a signature, a key and an item have 128 bytes, and what the tree
    // itself demands is 32 for each doubling of the distance between two payments.
    let table =
        [(1, 160, 100), (10, 250, 190), (100, 350, 290), (500, 450, 400), (1_000, 480, 400)];
    for (every, most_strange, most_known) in table {
        for (visitors, items, most) in [(u64::MAX, u64::MAX, most_strange), (20, 20, most_known)] {
            let mut thin = Thin::new(300, every, visitors, items);
            let bytes = thin.statement().encode().len();
            let (payments, of) = (300, if items == 20 { "known" } else { "strange" });
            println!("one in {every}, {of}: {} bytes a payment", bytes / payments);
            assert!(bytes <= most * payments, "one in {every}, {of}: {bytes} bytes");
        }
    }
}

/// A log of hashes alone, but for a creator's payments at random places.
struct Thin {
    rows: Vec<Vec<Hash>>,
    leaves: Vec<Leaf>,
}

impl Nodes for Thin {
    type Error = ();
    fn node(&mut self, level: u8, index: u64) -> Result<Hash, ()> {
        self.rows.get(level as usize).and_then(|row| row.get(index as usize)).copied().ok_or(())
    }
}

impl Thin {
    fn new(payments: u64, every: u64, visitors: u64, items: u64) -> Self {
        let mut leaves: Vec<Leaf> = Vec::new();
        let mut hashes = Vec::new();
        for entry in 1..=payments * every {
            let chance = sha256(&entry.to_be_bytes());
            let draw = u64::from_be_bytes(*chance.first_chunk().unwrap());
            let left = payments * every - entry + 1;
            let due = payments - leaves.len() as u64;
            if draw % left >= due {
                hashes.push(Hash(chance));
                continue;
            }
            let number = leaves.len() as u64 + 1;
            let at = UnixMillis(1_700_000_000_000 + entry * 40 + draw % 40);
            let key = SigningKey::from_seed(&sha256(&(number % visitors).to_be_bytes()));
            let claim = Claim {
                verifier: VERIFIER,
                key: key.public(),
                sequence: number / visitors + 1,
                creator: CREATOR,
                item: ItemHash(sha256(&(number % items).to_be_bytes())),
                amount: micros(50_000),
                currency: eur(),
                kind: Kind::View,
                origin: OriginHash([3; 32]),
                expires_at: UnixMillis(at.0 + 60_000 - draw % 300),
            };
            let (total, credited) = (micros(49_500 * number), micros(49_500));
            let signed = claim.sign(&key);
            let body = LeafBody::Claim(Box::new(ClaimLeaf { number, total, credited, signed }));
            leaves.push(Leaf { entry, at, body });
            hashes.push(leaves.last().unwrap().hash());
        }
        let mut rows = vec![hashes];
        while let Some(row) = rows.last().filter(|row| row.len() > 1) {
            rows.push(row.as_chunks::<2>().0.iter().map(|[l, r]| node_hash(l, r)).collect());
        }
        Self { rows, leaves }
    }

    fn statement(&mut self) -> Statement {
        let size = self.rows[0].len() as u64;
        let root = merkle::root(self, size).unwrap();
        let note = Checkpoint { origin: ORIGIN.into(), size, root }.sign(&log_key()).unwrap();
        let leaves = self.leaves.clone();
        let heads = (CREATOR, VERIFIER, eur());
        let made = Statement::make(heads, &leaves, self, (size, 0), note).unwrap();
        assert!(made.verify(&key(), None, None).is_ok());
        made
    }
}

#[test]
fn the_golden_statement() {
    let mut log = Log::new(3, 2);
    let bytes = log.statement(&log.payments(), 3).encode();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/statement.json");
    let text = std::fs::read_to_string(path).unwrap();
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let golden = file["statement"].as_str().unwrap();
    use base64ct::{Base64UrlUnpadded, Encoding};
    assert_eq!(Base64UrlUnpadded::encode_string(&bytes), golden, "the golden bytes");
    let read = Statement::parse(&Base64UrlUnpadded::decode_vec(golden).unwrap()).unwrap();
    assert_eq!(key().to_string(), file["key"].as_str().unwrap());
    let key = NoteKey::parse(file["key"].as_str().unwrap()).unwrap();
    let verdict = read.verify(&key, Some(&CREATOR), None).unwrap();
    assert_eq!((verdict.payments, verdict.total), (3, micros(29_706)));
}
