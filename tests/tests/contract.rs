//! What every store promises, asked of each of them in the same words.
#![allow(clippy::unwrap_used, reason = "tests")]

use farthing_rules::commit::{AllowanceRefusal, SaveRefusal, TopUpRefusal};
use farthing_rules::rows::KeyRow;
use farthing_rules::{Answer, Command, VoucherHash};
use farthing_shared::{
    Allowance, Claim, CreatorId, Currency, ItemHash, Kind, Micros, Outcome, SignedClaim,
    SigningKey, UnixMillis, VerifyingKey, item_hash,
};
use farthing_tests::actors::{Visitor, micros, seed};
use farthing_tests::ledger::{CREATOR, Ledger, OTHER, START, VERIFIER, policy};
use farthing_verifier::store::Writer;
use farthing_verifier::store::sqlite::{Durability, SqliteWriter};

/// Runs each check on each store.
macro_rules! contract {
    ($($name:ident)*) => {
        mod memory {
            $(#[test] fn $name() {
                super::$name(&mut || super::Writer::Memory(Box::default()));
            })*
        }
        mod sqlite {
            $(#[test] fn $name() {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let mut count = 0;
                super::$name(&mut || {
                    count += 1;
                    let path = folder.path().join(format!("ledger-{count}.db"));
                    let writer = super::SqliteWriter::open(&path, super::Durability::Full);
                    super::Writer::Sqlite(Box::new(writer.expect("an empty ledger opens")))
                });
            })*
        }
    };
}

contract! {
    every_refusal_has_its_row
    the_first_answer_holds_for_ever
    a_refused_claim_stays_refused_after_a_top_up
    another_signature_is_a_repeat_another_body_is_equivocation
    equivocation_is_proved_whatever_the_first_outcome_was
    an_owned_item_is_not_charged_again
    owning_many_items_is_remembered
    claims_of_one_batch_see_each_other
    allowances_replace_each_other
    the_grant_carries_what_was_spent
    vouchers_are_redeemed_once
    vouchers_have_a_ceiling
    held_money_is_released_when_it_is_due
    fees_are_taken_from_the_creators_share
    the_last_cent_is_spent_once
    too_fast_is_refused_and_forgotten_a_minute_later
}

type Make<'a> = &'a mut dyn FnMut() -> Writer;

/// What is changed about an honest claim, how much later it comes, and what becomes of it.
type Row = (&'static str, fn(&mut Claim), u64, Outcome);

const ROWS: &[Row] = &[
    ("honest", |_| {}, 0, Outcome::Accepted),
    ("verifier", |c| c.verifier.0 = [1; 32], 0, Outcome::WrongVerifier),
    ("currency", |c| c.currency = Currency::parse("USD").unwrap(), 0, Outcome::WrongCurrency),
    ("zero", |c| c.amount = Micros::ZERO, 0, Outcome::AmountOutOfRange),
    ("fortune", |c| c.amount = Micros::MAX, 0, Outcome::AmountOutOfRange),
    ("far expiry", |c| c.expires_at = START.plus_ms(150_001), 0, Outcome::ExpiresTooLate),
    ("expired", |_| {}, 60_000, Outcome::Expired),
    ("creator", |c| c.creator = OTHER, 0, Outcome::WrongCreator),
    ("origin", |c| c.origin.0 = [9; 32], 0, Outcome::WrongOrigin),
    ("item", |c| c.item.0 = [9; 32], 0, Outcome::UnknownItem),
    ("less", |c| c.amount = micros("0.04"), 0, Outcome::PriceChanged),
    ("more", |c| c.amount = micros("0.06"), 0, Outcome::PriceChanged),
    ("poor", film, 0, Outcome::InsufficientBalance),
    ("generous", donation_above_limit, 0, Outcome::OverClaimMax),
    ("allowance over", |c| c.expires_at = late(), 31 * 86_400_000, Outcome::AllowanceExpired),
];

fn film(claim: &mut Claim) {
    claim.item = item_hash(&CREATOR, "film").unwrap();
    claim.amount = micros("0.50");
}

fn donation_above_limit(claim: &mut Claim) {
    claim.item = ItemHash::NONE;
    claim.kind = Kind::Donation;
    claim.amount = micros("0.51");
}

fn late() -> UnixMillis {
    START.plus_ms(31 * 86_400_000 + 60_000)
}

fn every_refusal_has_its_row(make: Make<'_>) {
    for (name, change, later_ms, expected) in ROWS {
        let mut ledger = Ledger::new(make());
        let (mut visitor, key) = ledger.visitor(1, "0.40");
        let mut claim = visitor.view(CREATOR, "essay", "0.05", ledger.now);
        change(&mut claim);
        ledger.now = ledger.now.plus_ms(*later_ms);
        let answer = ledger.charge(&visitor, key, &claim);
        assert_eq!(answer.outcome, *expected, "{name}");
        let charged = micros("0.40").minus(ledger.balance(&visitor)).unwrap();
        let accepted = *expected == Outcome::Accepted;
        assert_eq!(charged, if accepted { micros("0.05") } else { Micros::ZERO }, "{name}");
        assert_eq!(answer.receipt.is_some(), accepted, "{name}");
        ledger.assert_sound();
    }
}

fn the_first_answer_holds_for_ever(make: Make<'_>) {
    let mut ledger = Ledger::new(make());
    let (mut visitor, key) = ledger.visitor(1, "1.00");
    let first = visitor.view(CREATOR, "essay", "0.05", ledger.now);
    let accepted = ledger.charge(&visitor, key, &first);
    let donations: Vec<Claim> =
        (0..5).map(|_| visitor.donation(CREATOR, "0.01", ledger.now)).collect();
    for donation in &donations {
        assert_eq!(ledger.outcome(&visitor, key, donation), Outcome::Accepted);
    }
    // Long after it expired, and after other numbers, the first answer is given again.
    ledger.now = ledger.now.plus_ms(86_400_000);
    let again = ledger.charge(&visitor, key, &first);
    assert!(again.repeat && !accepted.repeat);
    assert_eq!((again.outcome, again.receipt), (accepted.outcome, accepted.receipt));
    assert!(donations.iter().all(|claim| ledger.charge(&visitor, key, claim).repeat));
    assert_eq!(ledger.balance(&visitor), micros("0.90"));
    ledger.assert_sound();
}

fn a_refused_claim_stays_refused_after_a_top_up(make: Make<'_>) {
    let mut ledger = Ledger::new(make());
    let (mut visitor, key) = ledger.visitor(1, "0");
    let claim = visitor.view(CREATOR, "essay", "0.05", ledger.now);
    assert_eq!(ledger.outcome(&visitor, key, &claim), Outcome::InsufficientBalance);
    ledger.top_up(&visitor, "5.00");
    let again = ledger.charge(&visitor, key, &claim);
    assert_eq!((again.outcome, again.repeat), (Outcome::InsufficientBalance, true));
    assert_eq!(ledger.balance(&visitor), micros("5.00"));
    let fresh = visitor.view(CREATOR, "essay", "0.05", ledger.now);
    assert_eq!(ledger.outcome(&visitor, key, &fresh), Outcome::Accepted);
    // Passed over by a newer number, its answer is "used, not charged", for ever.
    assert_eq!(ledger.outcome(&visitor, key, &claim), Outcome::NumberUsed);
    ledger.assert_sound();
}

fn another_signature_is_a_repeat_another_body_is_equivocation(make: Make<'_>) {
    let mut ledger = Ledger::new(make());
    let (mut visitor, key) = ledger.visitor(1, "1.00");
    let claim = visitor.view(CREATOR, "essay", "0.05", ledger.now);
    let honest = visitor.sign(&claim);
    assert_eq!(ledger.outcome(&visitor, key, &claim), Outcome::Accepted);

    let again = sign_with_other_nonce(&claim, &seed(1, 2));
    assert_ne!(again.encode(), honest.encode());
    let checked = again.verify(&VerifyingKey::new(&claim.key).unwrap()).unwrap();
    let answers = ledger.apply(&[Command::Claim { claim: checked, key }]);
    let [Answer::Claim(answer)] = answers[..] else { panic!("{answers:?}") };
    assert_eq!((answer.repeat, answer.outcome), (true, Outcome::Accepted));
    assert!(ledger.writer.snapshot().unwrap().equivocations.is_empty());

    let other = twin(&claim, 1);
    assert_eq!(ledger.outcome(&visitor, key, &other), Outcome::Equivocation);
    let proofs = ledger.writer.snapshot().unwrap().equivocations;
    let [proof] = &proofs[..] else { panic!("one proof: {proofs:?}") };
    let id = |bytes: &[u8; 256]| SignedClaim::decode(bytes).unwrap().id();
    assert_eq!((id(&proof.first), id(&proof.second)), (claim.id(), other.id()));
    assert_eq!(ledger.balance(&visitor), micros("0.95"));
    ledger.assert_sound();
}

/// Another body under the same number.
fn twin(claim: &Claim, by_ms: u64) -> Claim {
    Claim { expires_at: claim.expires_at.plus_ms(by_ms), ..*claim }
}

/// The same body under the same key with another, equally valid signature.
fn sign_with_other_nonce(claim: &Claim, seed: &[u8; 32]) -> SignedClaim {
    use sha2::Digest;
    let mut expanded = ed25519_dalek::hazmat::ExpandedSecretKey::from(seed);
    expanded.hash_prefix = sha2::Sha256::digest(b"another prefix").into();
    let public = ed25519_dalek::SigningKey::from_bytes(seed).verifying_key();
    let body = claim.encode();
    let signature =
        ed25519_dalek::hazmat::raw_sign::<sha2::Sha512>(&expanded, &body, &public).to_bytes();
    SignedClaim::decode(&[&body[..], &signature[..]].concat()).unwrap()
}

fn equivocation_is_proved_whatever_the_first_outcome_was(make: Make<'_>) {
    let mut ledger = Ledger::new(make());
    let (mut visitor, key) = ledger.visitor(1, "0.06");
    let bought = visitor.view(CREATOR, "essay", "0.05", ledger.now);
    let owned = visitor.view(CREATOR, "essay", "0.05", ledger.now);
    let refused = visitor.view(CREATOR, "film", "0.50", ledger.now);
    let donated = visitor.donation(CREATOR, "0.01", ledger.now);
    let rows = [
        (bought, Outcome::Accepted),
        (owned, Outcome::AlreadyOwned),
        (refused, Outcome::InsufficientBalance),
        (donated, Outcome::Accepted),
    ];
    for (at, (claim, expected)) in rows.into_iter().enumerate() {
        assert_eq!(ledger.outcome(&visitor, key, &claim), expected);
        assert_eq!(ledger.outcome(&visitor, key, &twin(&claim, 1)), Outcome::Equivocation);
        let proofs = ledger.writer.snapshot().unwrap().equivocations;
        assert_eq!(proofs.len(), at + 1, "{expected:?}");
    }
    // An older number with an entry convicts too, but no more proofs are kept than bounded.
    assert_eq!(ledger.outcome(&visitor, key, &twin(&bought, 2)), Outcome::Equivocation);
    assert_eq!(ledger.writer.snapshot().unwrap().equivocations.len(), 4);
    ledger.assert_sound();
}

fn an_owned_item_is_not_charged_again(make: Make<'_>) {
    let mut ledger = Ledger::new(make());
    let (mut visitor, key) = ledger.visitor(1, "1.00");
    let claim = visitor.view(CREATOR, "essay", "0.05", ledger.now);
    let first = ledger.charge(&visitor, key, &claim);
    ledger.price("essay", "0.40");
    let claim = visitor.view(CREATOR, "essay", "0.05", ledger.now);
    let second = ledger.charge(&visitor, key, &claim);
    assert_eq!(second.outcome, Outcome::AlreadyOwned);
    assert_eq!(second.receipt, first.receipt);
    assert_eq!(ledger.balance(&visitor), micros("0.95"));
    ledger.assert_sound();
}

fn owning_many_items_is_remembered(make: Make<'_>) {
    let mut ledger = Ledger::new(make());
    let (mut visitor, key) = ledger.visitor(1, "1.50");
    let names: Vec<String> = (0..50).map(|n| format!("page-{n}")).collect();
    for name in &names {
        ledger.price(name, "0.02");
        let claim = visitor.view(CREATOR, name, "0.02", ledger.now);
        assert_eq!(ledger.outcome(&visitor, key, &claim), Outcome::Accepted, "{name}");
    }
    ledger.now = ledger.now.plus_ms(60_000);
    for name in &names {
        let claim = visitor.view(CREATOR, name, "0.02", ledger.now);
        assert_eq!(ledger.outcome(&visitor, key, &claim), Outcome::AlreadyOwned, "{name}");
    }
    assert_eq!(ledger.balance(&visitor), micros("0.50"));
    assert_eq!(ledger.writer.snapshot().unwrap().owned.len(), 50);
    ledger.assert_sound();
}

fn claims_of_one_batch_see_each_other(make: Make<'_>) {
    let mut ledger = Ledger::new(make());
    let (mut visitor, key) = ledger.visitor(1, "0.07");
    let essay = visitor.view(CREATOR, "essay", "0.05", ledger.now);
    let same_item = visitor.view(CREATOR, "essay", "0.05", ledger.now);
    let too_much = visitor.donation(CREATOR, "0.03", ledger.now);
    let enough = visitor.donation(CREATOR, "0.02", ledger.now);
    // They overtook each other on the way; decided in order of their numbers, all are honoured.
    let sent = [enough, too_much, essay, same_item, essay, twin(&essay, 1)];
    let commands: Vec<Command> =
        sent.iter().map(|claim| Command::Claim { claim: visitor.checked(claim), key }).collect();
    let outcomes: Vec<(Outcome, bool)> = ledger
        .apply(&commands)
        .into_iter()
        .map(|answer| match answer {
            Answer::Claim(answer) => (answer.outcome, answer.repeat),
            other => panic!("another answer: {other:?}"),
        })
        .collect();
    assert_eq!(
        outcomes,
        [
            (Outcome::Accepted, false),
            (Outcome::InsufficientBalance, false),
            (Outcome::Accepted, false),
            (Outcome::AlreadyOwned, false),
            (Outcome::Accepted, true),
            (Outcome::Equivocation, false),
        ]
    );
    assert_eq!(ledger.balance(&visitor), Micros::ZERO);
    ledger.assert_sound();
}

fn register(
    ledger: &mut Ledger,
    visitor: &Visitor,
    terms: &Allowance,
) -> Result<KeyRow, AllowanceRefusal> {
    let allowance = visitor.checked_allowance(terms);
    match ledger.apply(&[Command::RegisterAllowance { allowance }]).pop() {
        Some(Answer::Allowance(answer)) => answer,
        other => panic!("another answer: {other:?}"),
    }
}

/// What is changed about an allowance, and why it is refused.
type TermsRow = (&'static str, fn(&mut Allowance), AllowanceRefusal);

const TERMS: &[TermsRow] = &[
    ("verifier", |t| t.verifier.0 = [1; 32], AllowanceRefusal::WrongVerifier),
    ("currency", |t| t.currency = Currency::parse("USD").unwrap(), AllowanceRefusal::WrongCurrency),
    ("creator", |t| t.creator = CreatorId([7; 16]), AllowanceRefusal::UnknownCreator),
    ("origin", |t| t.origin.0 = [7; 32], AllowanceRefusal::WrongOrigin),
    ("expired", |t| t.expires_at = START, AllowanceRefusal::BadExpiry),
    ("for ever", |t| t.expires_at = START.plus_ms(500 * 86_400_000), AllowanceRefusal::BadExpiry),
    ("another browser", |t| t.device = 2, AllowanceRefusal::KeyTaken),
];

fn allowances_replace_each_other(make: Make<'_>) {
    let mut ledger = Ledger::new(make());
    let (mut visitor, key) = ledger.visitor(1, "1.00");
    let terms = visitor.terms(CREATOR, ledger.now.plus_ms(30 * 86_400_000));
    assert_eq!(register(&mut ledger, &visitor, &terms).map(|row| row.key), Ok(key), "a repeat");
    let more = Allowance { cap: micros("9.00"), ..terms };
    assert_eq!(register(&mut ledger, &visitor, &more), Err(AllowanceRefusal::Superseded));
    let more = Allowance { serial: 2, ..more };
    assert_eq!(register(&mut ledger, &visitor, &more).map(|row| row.cap), Ok(micros("9.00")));
    assert_eq!(register(&mut ledger, &visitor, &terms), Err(AllowanceRefusal::Superseded));

    for (name, change, refusal) in TERMS {
        let mut wrong = Allowance { serial: 3, ..terms };
        change(&mut wrong);
        assert_eq!(register(&mut ledger, &visitor, &wrong), Err(*refusal), "{name}");
    }
    let thief =
        Visitor { spending: SigningKey::from_seed(&seed(1, 2)), ..Visitor::new(2, VERIFIER) };
    ledger.open(&thief);
    let stolen = thief.terms(CREATOR, terms.expires_at);
    assert_eq!(register(&mut ledger, &thief, &stolen), Err(AllowanceRefusal::KeyTaken));
    let stranger = Visitor::new(3, VERIFIER);
    let unopened = stranger.terms(CREATOR, terms.expires_at);
    assert_eq!(register(&mut ledger, &stranger, &unopened), Err(AllowanceRefusal::UnknownWallet));

    // A cap of zero withdraws.
    let withdrawn = Allowance { serial: 4, cap: Micros::ZERO, ..more };
    assert!(register(&mut ledger, &visitor, &withdrawn).is_ok());
    let claim = visitor.view(CREATOR, "essay", "0.05", ledger.now);
    assert_eq!(ledger.outcome(&visitor, key, &claim), Outcome::OverCap);
    ledger.assert_sound();
}

fn the_grant_carries_what_was_spent(make: Make<'_>) {
    let mut ledger = Ledger::new(make());
    let (mut visitor, old_key) = ledger.visitor(1, "5.00");
    let film = visitor.view(CREATOR, "film", "0.50", ledger.now);
    assert_eq!(ledger.outcome(&visitor, old_key, &film), Outcome::Accepted);

    // The frame lost its key: the same consent, a new key, within what is left.
    visitor.spending = SigningKey::from_seed(&seed(1, 3));
    visitor.next = 1;
    let terms = visitor.terms(CREATOR, ledger.now.plus_ms(86_400_000));
    let terms = Allowance { serial: 2, cap: micros("0.60"), ..terms };
    let row = register(&mut ledger, &visitor, &terms).unwrap();
    assert_eq!((row.spent, row.cap), (micros("0.50"), micros("0.60")));

    let mut lost = Visitor { next: 2, ..Visitor::new(1, VERIFIER) };
    let claim = lost.donation(CREATOR, "0.01", ledger.now);
    assert_eq!(ledger.outcome(&lost, old_key, &claim), Outcome::KeyRevoked);
    let claim = visitor.donation(CREATOR, "0.11", ledger.now);
    assert_eq!(ledger.outcome(&visitor, row.key, &claim), Outcome::OverCap);
    let claim = visitor.donation(CREATOR, "0.10", ledger.now);
    assert_eq!(ledger.outcome(&visitor, row.key, &claim), Outcome::Accepted);

    // A new consent begins from nothing.
    let renewed = Allowance { serial: 3, grant: 2, ..terms };
    let row = register(&mut ledger, &visitor, &renewed);
    assert_eq!(row.map(|row| row.spent), Ok(Micros::ZERO));
    ledger.assert_sound();
}

fn vouchers_have_a_ceiling(make: Make<'_>) {
    let mut ledger = Ledger::new(make());
    let expires_at = ledger.now.plus_ms(1_000);
    let rows: [(&str, usize, bool); 6] = [
        ("0", 1, false),
        ("0.000001", 1, true),
        ("10000", 1, true),
        ("10000.000001", 1, false),
        ("1000", 1_000, true),
        ("1000", 1_001, false),
    ];
    for (row, (amount, count, taken)) in (1..).zip(rows) {
        let hash = |number: usize| {
            let mut hash = [row; 32];
            hash[..8].copy_from_slice(&number.to_le_bytes());
            VoucherHash(hash)
        };
        let vouchers = (0..count).map(hash).collect();
        let issue = Command::IssueVouchers { vouchers, amount: micros(amount), expires_at };
        let expected = if taken { Ok(()) } else { Err(SaveRefusal::BadAmount) };
        let answer = ledger.apply(&[issue]).pop();
        assert_eq!(answer, Some(Answer::Saved(expected)), "{count} of {amount}");
    }
    ledger.assert_sound();
}

fn vouchers_are_redeemed_once(make: Make<'_>) {
    let mut ledger = Ledger::new(make());
    let (ada, _) = ledger.visitor(1, "0");
    let (bob, _) = ledger.visitor(2, "0");
    let (voucher, expired) = (VoucherHash([90; 32]), VoucherHash([91; 32]));
    let expires_at = ledger.now.plus_ms(1_000);
    for hash in [voucher, expired] {
        let amount = micros("5.00");
        ledger.save(Command::IssueVouchers { vouchers: vec![hash], amount, expires_at });
    }
    let redeem = |ledger: &mut Ledger, who: &Visitor, voucher| match ledger
        .apply(&[Command::TopUp { root: who.root_key(), voucher }])
        .pop()
    {
        Some(Answer::TopUp(answer)) => answer,
        other => panic!("another answer: {other:?}"),
    };
    let first = redeem(&mut ledger, &ada, voucher).unwrap();
    let again = redeem(&mut ledger, &ada, voucher).unwrap();
    assert!(!first.repeat && again.repeat);
    assert_eq!(first.receipt, again.receipt);
    assert_eq!(redeem(&mut ledger, &bob, voucher), Err(TopUpRefusal::UsedByAnother));
    let unknown = VoucherHash([92; 32]);
    assert_eq!(redeem(&mut ledger, &bob, unknown), Err(TopUpRefusal::UnknownVoucher));
    let stranger = Visitor::new(9, VERIFIER);
    assert_eq!(redeem(&mut ledger, &stranger, expired), Err(TopUpRefusal::UnknownWallet));
    // What was redeemed cannot be taken back, what was not is void at once, all together or none.
    let lost = VoucherHash([93; 32]);
    let amount = micros("5.00");
    ledger.save(Command::IssueVouchers { vouchers: vec![lost], amount, expires_at });
    let revoke = |vouchers| Command::RevokeVouchers { vouchers };
    let answer = ledger.apply(&[revoke(vec![lost, unknown])]).pop();
    assert_eq!(answer, Some(Answer::Saved(Err(SaveRefusal::UnknownVoucher))));
    let issued = ledger.now;
    ledger.now = issued.plus_ms(500);
    ledger.save(revoke(vec![lost, voucher]));
    assert_eq!(redeem(&mut ledger, &bob, lost), Err(TopUpRefusal::Expired));
    ledger.now = issued;
    assert_eq!(
        redeem(&mut ledger, &bob, lost),
        Err(TopUpRefusal::Expired),
        "also by an older clock"
    );
    assert!(redeem(&mut ledger, &ada, voucher).unwrap().repeat, "it was redeemed before");
    ledger.now = expires_at;
    assert_eq!(redeem(&mut ledger, &bob, expired), Err(TopUpRefusal::Expired));
    assert!(redeem(&mut ledger, &ada, voucher).unwrap().repeat, "also after it expired");
    assert_eq!(ledger.balance(&ada), micros("5.00"));
    assert_eq!(ledger.balance(&bob), Micros::ZERO);
    ledger.assert_sound();
}

fn held_money_is_released_when_it_is_due(make: Make<'_>) {
    let mut ledger = Ledger::new(make());
    let (mut visitor, key) = ledger.visitor(1, "1.00");
    let claim = visitor.view(CREATOR, "essay", "0.05", ledger.now);
    assert_eq!(ledger.outcome(&visitor, key, &claim), Outcome::Accepted);
    let money = |ledger: &Ledger| {
        let all = ledger.writer.snapshot().unwrap();
        let row = all.creators.values().find(|row| row.id == CREATOR).copied().unwrap();
        (row.held, row.payable)
    };
    let release = |ledger: &mut Ledger| ledger.apply(&[Command::ReleaseHolds]).pop();
    assert_eq!(money(&ledger), (micros("0.05"), Micros::ZERO));
    ledger.now = START.plus_ms(900_000);
    assert_eq!(release(&mut ledger), Some(Answer::Released(0)), "not before the window is over");
    ledger.now = START.plus_ms(960_000);
    assert_eq!(release(&mut ledger), Some(Answer::Released(1)));
    assert_eq!(money(&ledger), (Micros::ZERO, micros("0.05")));
    assert_eq!(release(&mut ledger), Some(Answer::Released(0)));
    ledger.assert_sound();
}

fn fees_are_taken_from_the_creators_share(make: Make<'_>) {
    let policy = farthing_rules::Policy { fee_ppm: 30_000, ..policy() };
    let mut ledger = Ledger::with_policy(make(), policy);
    let (mut visitor, key) = ledger.visitor(1, "1.00");
    for claim in [
        visitor.view(CREATOR, "essay", "0.05", ledger.now),
        visitor.donation(CREATOR, "0.00001", ledger.now),
    ] {
        assert_eq!(ledger.outcome(&visitor, key, &claim), Outcome::Accepted);
    }
    let all = ledger.writer.snapshot().unwrap();
    let row = all.creators.values().find(|row| row.id == CREATOR).copied().unwrap();
    // 3 % of 50,000 micros is 1,500; 3 % of 10 micros rounds down to nothing.
    assert_eq!(all.accounts.fees, 1_500);
    assert_eq!(row.held.get(), 48_500 + 10);
    assert_eq!(row.total, row.held);
    ledger.assert_sound();
}

fn the_last_cent_is_spent_once(make: Make<'_>) {
    let mut ledger = Ledger::new(make());
    let (mut ada, key) = ledger.visitor(1, "0.01");
    // A second browser of the same wallet.
    let mut phone =
        Visitor { spending: SigningKey::from_seed(&seed(1, 3)), ..Visitor::new(1, VERIFIER) };
    let terms = phone.terms(CREATOR, ledger.now.plus_ms(86_400_000));
    let row = register(&mut ledger, &phone, &Allowance { device: 2, ..terms }).unwrap();
    let one = ada.donation(CREATOR, "0.01", ledger.now);
    let two = phone.donation(CREATOR, "0.01", ledger.now);
    let answers = ledger.apply(&[
        Command::Claim { claim: phone.checked(&two), key: row.key },
        Command::Claim { claim: ada.checked(&one), key },
    ]);
    let charged = answers
        .iter()
        .filter(|answer| matches!(answer, Answer::Claim(a) if a.outcome == Outcome::Accepted))
        .count();
    assert_eq!(charged, 1);
    assert_eq!(ledger.balance(&ada), Micros::ZERO);
    ledger.assert_sound();
}

fn too_fast_is_refused_and_forgotten_a_minute_later(make: Make<'_>) {
    let policy = farthing_rules::Policy { claims_per_key_per_minute: 3, ..policy() };
    let mut ledger = Ledger::with_policy(make(), policy);
    let (mut visitor, key) = ledger.visitor(1, "1.00");
    let mut pay = |ledger: &mut Ledger| {
        let claim = visitor.donation(CREATOR, "0.01", ledger.now);
        ledger.outcome(&visitor, key, &claim)
    };
    let outcomes: Vec<Outcome> = (0..5).map(|_| pay(&mut ledger)).collect();
    assert_eq!(outcomes[2..], [Outcome::Accepted, Outcome::TooFast, Outcome::TooFast]);
    ledger.now = ledger.now.plus_ms(60_000);
    assert_eq!(pay(&mut ledger), Outcome::Accepted);
    ledger.assert_sound();
}
