//! What a finding may do to money, asked of each store in the same words.
#![allow(clippy::unwrap_used, reason = "tests")]

use farthing_rules::commit::ReviewRefusal;
use farthing_rules::findings::{Act, FindingRef, FindingState, Standing};
use farthing_rules::{Answer, Command, CreatorRef, EntryNumber, Policy, WalletRef};
use farthing_shared::{Claim, Micros, Outcome, Refund, RefundOutcome};
use farthing_tests::actors::{Visitor, micros};
use farthing_tests::ledger::{CREATOR, Ledger, policy};
use farthing_tests::suspicion::draft;
use farthing_verifier::store::Writer;
use farthing_verifier::store::sqlite::{Durability, SqliteWriter};

/// Longer than the refund window.
const LATER_MS: u64 = 1_000_000;

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
    every_hold_has_its_row
    a_share_goes_where_it_would_be_without_the_finding
    an_upheld_payment_goes_back_whole
    a_claim_is_held_once_and_for_good
    a_release_in_the_same_batch_leaves_what_is_held
    a_decision_stands
    an_answer_reopens_nothing
    answers_of_one_party_are_counted
    a_finding_is_recorded_once
    a_wallet_is_slowed_frozen_and_thawed
    free_credit_is_spent_first_and_credited_to_nobody
    origins_are_forgotten
    a_refund_and_a_hold_exclude_each_other
    a_lifted_payment_can_be_refunded_within_its_window
}

type Make<'a> = &'a mut dyn FnMut() -> Writer;

fn pay(
    ledger: &mut Ledger,
    visitor: &mut Visitor,
    key: farthing_rules::KeyRef,
    amount: &str,
) -> EntryNumber {
    let claim = visitor.donation(CREATOR, amount, ledger.now);
    let answer = ledger.charge(visitor, key, &claim);
    assert_eq!(answer.outcome, Outcome::Accepted);
    answer.receipt.unwrap().entry
}

fn release(ledger: &mut Ledger) {
    ledger.now = ledger.now.plus_ms(LATER_MS);
    ledger.apply(&[Command::ReleaseHolds]);
}

/// Which wallet and creator the finding names, whether it accuses, and what it holds of a payment of 0.10
/// by wallet 1 to creator 1.
const HOLDS: &[(&str, u64, u64, bool, u64)] = &[
    ("the payer", 1, 1, true, 1),
    ("another wallet", 2, 1, true, 0),
    ("another creator", 1, 2, true, 0),
    ("only watched", 1, 1, false, 0),
    ("nobody's money", 1, 0, true, 0),
];

fn every_hold_has_its_row(make: Make<'_>) {
    for released in [false, true] {
        for (name, wallet, creator, accuse, held) in HOLDS {
            let mut ledger = Ledger::new(make());
            let (mut ada, key) = ledger.visitor(1, "1.00");
            let claim = pay(&mut ledger, &mut ada, key, "0.10");
            if released {
                release(&mut ledger);
            }
            let finding = ledger.find(draft(*wallet, *creator, 0, *accuse));
            // Entries that are no claim, or do not exist, are passed over.
            let answer = ledger.hold(finding, &[EntryNumber(1), claim, EntryNumber(99)]);
            let sum = if *held == 1 { micros("0.10") } else { Micros::ZERO };
            assert_eq!(answer, (*held, sum), "{name}");
            let review = &ledger.shares()[2];
            assert_eq!(review, &sum.to_decimal(), "{name}");
            ledger.assert_sound();
        }
        let mut ledger = Ledger::new(make());
        assert_eq!(ledger.hold(FindingRef(7), &[EntryNumber(1)]), (0, Micros::ZERO));
    }
}

/// When it is held and when it is lifted, and where the share then is: payable, held, under review.
fn a_share_goes_where_it_would_be_without_the_finding(make: Make<'_>) {
    let rows = [
        (false, false, ["0.00", "0.30", "0.00"]),
        (false, true, ["0.30", "0.00", "0.00"]),
        (true, true, ["0.30", "0.00", "0.00"]),
    ];
    for (released_before, released_between, expected) in rows {
        let mut ledger = Ledger::new(make());
        let (mut ada, ada_key) = ledger.visitor(1, "1.00");
        let (mut bob, bob_key) = ledger.visitor(2, "1.00");
        let claim = pay(&mut ledger, &mut ada, ada_key, "0.10");
        pay(&mut ledger, &mut bob, bob_key, "0.20");
        if released_before {
            release(&mut ledger);
        }
        let finding = ledger.find(draft(1, 1, 0, true));
        assert_eq!(ledger.hold(finding, &[claim]), (1, micros("0.10")));
        // Bob's payment in the same bucket is nobody's business.
        if !released_before {
            assert_eq!(ledger.shares(), ["0.00", "0.20", "0.10"]);
        }
        if released_between {
            release(&mut ledger);
            assert_eq!(ledger.shares(), ["0.20", "0.00", "0.10"]);
        }
        ledger.assert_sound();
        assert_eq!(ledger.decide(finding, Act::Lift), Some(1));
        assert_eq!(ledger.shares(), expected);
        ledger.assert_sound();
        release(&mut ledger);
        assert_eq!(ledger.shares(), ["0.30", "0.00", "0.00"]);
        ledger.assert_sound();
    }
}

fn an_upheld_payment_goes_back_whole(make: Make<'_>) {
    let mut ledger = Ledger::with_policy(make(), Policy { fee_ppm: 100_000, ..policy() });
    let (mut ada, key) = ledger.visitor(1, "1.00");
    let claims = [pay(&mut ledger, &mut ada, key, "0.10"), pay(&mut ledger, &mut ada, key, "0.20")];
    release(&mut ledger);
    assert_eq!(ledger.shares(), ["0.27", "0.00", "0.00"]);
    let finding = ledger.find(draft(1, 1, 0, true));
    assert_eq!(ledger.hold(finding, &claims), (2, micros("0.27")));
    assert_eq!(ledger.finding(finding).held, micros("0.27"));
    assert_eq!(ledger.decide(finding, Act::Uphold), Some(2));
    assert_eq!(ledger.balance(&ada), micros("1.00"));
    assert_eq!(ledger.shares(), ["0.00", "0.00", "0.00"]);
    assert_eq!(ledger.writer.snapshot().unwrap().accounts.fees, 0);
    let row = ledger.finding(finding);
    assert_eq!(
        (row.state, row.held, row.held_claims, row.ever_held),
        (FindingState::Upheld, Micros::ZERO, 0, 2)
    );
    // The money can be spent again, and the running figures stay as they were proved.
    pay(&mut ledger, &mut ada, key, "0.50");
    let all = ledger.writer.snapshot().unwrap();
    assert_eq!(all.creators[&CreatorRef(1)].total, micros("0.72"));
    ledger.assert_sound();
}

fn a_claim_is_held_once_and_for_good(make: Make<'_>) {
    let mut ledger = Ledger::new(make());
    let (mut ada, key) = ledger.visitor(1, "1.00");
    let claim = pay(&mut ledger, &mut ada, key, "0.10");
    let first = ledger.find(draft(1, 1, 1, true));
    let second = ledger.find(draft(1, 1, 2, true));
    assert_eq!(ledger.hold(first, &[claim, claim]), (1, micros("0.10")));
    assert_eq!(ledger.hold(first, &[claim]), (0, Micros::ZERO));
    assert_eq!(ledger.hold(second, &[claim]), (0, Micros::ZERO));
    // Both in one batch, and a decision about the one that holds nothing.
    assert_eq!(ledger.decide(second, Act::Uphold), Some(0));
    assert_eq!(ledger.shares(), ["0.00", "0.00", "0.10"]);
    assert_eq!(ledger.decide(first, Act::Lift), Some(1));
    let third = ledger.find(draft(1, 1, 3, true));
    assert_eq!(ledger.hold(third, &[claim]), (0, Micros::ZERO), "what was decided stays decided");
    let later = pay(&mut ledger, &mut ada, key, "0.05");
    assert_eq!(ledger.hold(first, &[later]), (0, Micros::ZERO), "a lifted finding holds nothing");
    assert_eq!(ledger.hold(third, &[later]), (1, micros("0.05")));
    ledger.assert_sound();
}

fn a_release_in_the_same_batch_leaves_what_is_held(make: Make<'_>) {
    for hold_first in [true, false] {
        let mut ledger = Ledger::new(make());
        let (mut ada, ada_key) = ledger.visitor(1, "1.00");
        let (mut bob, bob_key) = ledger.visitor(2, "1.00");
        let claim = pay(&mut ledger, &mut ada, ada_key, "0.10");
        pay(&mut ledger, &mut bob, bob_key, "0.20");
        let finding = ledger.find(draft(1, 1, 0, true));
        ledger.now = ledger.now.plus_ms(LATER_MS);
        let hold = Command::HoldClaims { finding, claims: vec![claim] };
        let batch =
            if hold_first { [hold, Command::ReleaseHolds] } else { [Command::ReleaseHolds, hold] };
        ledger.apply(&batch);
        assert_eq!(ledger.shares(), ["0.20", "0.00", "0.10"], "{hold_first}");
        ledger.assert_sound();
    }
    // A bucket that is all held is released as nothing.
    let mut ledger = Ledger::new(make());
    let (mut ada, key) = ledger.visitor(1, "1.00");
    let claim = pay(&mut ledger, &mut ada, key, "0.10");
    let finding = ledger.find(draft(1, 1, 0, true));
    ledger.now = ledger.now.plus_ms(LATER_MS);
    let hold = Command::HoldClaims { finding, claims: vec![claim] };
    ledger.apply(&[hold, Command::ReleaseHolds]);
    assert_eq!(ledger.shares(), ["0.00", "0.00", "0.10"]);
    ledger.assert_sound();
    assert_eq!(ledger.decide(finding, Act::Lift), Some(1));
    assert_eq!(ledger.shares(), ["0.10", "0.00", "0.00"]);
    ledger.assert_sound();
}

fn a_decision_stands(make: Make<'_>) {
    let mut ledger = Ledger::new(make());
    let (mut ada, key) = ledger.visitor(1, "1.00");
    let claim = pay(&mut ledger, &mut ada, key, "0.10");
    let finding = ledger.find(draft(1, 1, 0, true));
    ledger.hold(finding, &[claim]);
    let undecided = ledger.apply(&[Command::SettleFinding { finding }]);
    assert!(matches!(undecided[..], [Answer::Settled(Err(_))]), "{undecided:?}");
    let nameless = Command::Review { finding, act: Act::Lift, who: " ".into(), why: "x".into() };
    let refused = ledger.apply(&[nameless]);
    assert!(matches!(refused[..], [Answer::Reviewed(Err(_))]), "{refused:?}");
    assert_eq!(ledger.decide(finding, Act::Lift), Some(1));
    assert_eq!(ledger.decide(finding, Act::Lift), None, "lifted twice");
    assert_eq!(ledger.decide(finding, Act::Uphold), None, "upheld after it was lifted");
    let again = ledger.apply(&[Command::SettleFinding { finding }]);
    assert_eq!(again, [Answer::Settled(Ok((0, 0)))]);
    assert_eq!(ledger.balance(&ada), micros("0.90"));
    assert_eq!(ledger.writer.snapshot().unwrap().decisions.len(), 1);
    assert_eq!(ledger.decide(FindingRef(9), Act::Lift), None, "there is no such finding");
    ledger.assert_sound();
}

fn an_answer_reopens_nothing(make: Make<'_>) {
    let mut ledger = Ledger::new(make());
    ledger.visitor(1, "1.00");
    let finding = ledger.find(draft(1, 1, 0, true));
    ledger.apply(&[answer(finding)]);
    assert_eq!(ledger.finding(finding).state, FindingState::Appealed);
    assert_eq!(ledger.decide(finding, Act::Uphold), Some(0));
    ledger.apply(&[answer(finding)]);
    assert_eq!(ledger.finding(finding).state, FindingState::Upheld);
    assert_eq!(ledger.writer.snapshot().unwrap().decisions.len(), 3);
    ledger.assert_sound();
}

/// One party cannot fill the disk with answers, nor use up those of the other.
fn answers_of_one_party_are_counted(make: Make<'_>) {
    let mut ledger = Ledger::new(make());
    ledger.visitor(1, "1.00");
    let finding = ledger.find(draft(1, 1, 0, true));
    let fits = vec![Answer::Reviewed(Ok(())); 15];
    assert_eq!(ledger.apply(&vec![answer(finding); 15]), fits);
    // Five more in one batch, and no sixth.
    let answers = ledger.apply(&vec![answer(finding); 6]);
    assert_eq!(answers[..5], fits[..5]);
    assert_eq!(answers[5], Answer::Reviewed(Err(ReviewRefusal::TooManyAnswers)));
    let (who, why) = ("the wallet's owner".into(), "I did not pay this".into());
    let other = Command::Review { finding, act: Act::Answer, who, why };
    assert_eq!(ledger.apply(&[other]), [Answer::Reviewed(Ok(()))]);
    assert_eq!(ledger.writer.snapshot().unwrap().decisions.len(), 21);
    assert_eq!(ledger.decide(finding, Act::Lift), Some(0), "a person decides all the same");
    ledger.assert_sound();
}

fn answer(finding: FindingRef) -> Command {
    let (who, why) = ("the creator".into(), "they are my readers".into());
    Command::Review { finding, act: Act::Answer, who, why }
}

fn a_finding_is_recorded_once(make: Make<'_>) {
    let mut ledger = Ledger::new(make());
    ledger.visitor(1, "1.00");
    let both = vec![draft(1, 1, 0, true), draft(1, 1, 0, true), draft(1, 1, 5, true)];
    let answers = ledger.apply(&[Command::RecordFindings(both)]);
    let expected = vec![(FindingRef(1), true), (FindingRef(1), false), (FindingRef(2), true)];
    assert_eq!(answers, [Answer::Recorded(expected)]);
    let answers = ledger.apply(&[Command::RecordFindings(vec![draft(1, 1, 5, true)])]);
    assert_eq!(answers, [Answer::Recorded(vec![(FindingRef(2), false)])]);
    ledger.assert_sound();
}

fn a_wallet_is_slowed_frozen_and_thawed(make: Make<'_>) {
    let mut ledger = Ledger::new(make());
    let (mut ada, key) = ledger.visitor(1, "1.00");
    let mut outcome = |ledger: &mut Ledger| {
        let claim = ada.donation(CREATOR, "0.01", ledger.now);
        ledger.outcome(&ada, key, &claim)
    };
    ledger.stand(WalletRef(1), Standing::Slowed);
    let slowed: Vec<Outcome> = (0..3).map(|_| outcome(&mut ledger)).collect();
    assert_eq!(slowed, [Outcome::Accepted, Outcome::Accepted, Outcome::WalletSlowed]);
    ledger.now = ledger.now.plus_ms(60_000);
    assert_eq!(outcome(&mut ledger), Outcome::Accepted, "a minute later");
    ledger.stand(WalletRef(1), Standing::Frozen);
    assert_eq!(outcome(&mut ledger), Outcome::WalletFrozen);
    ledger.stand(WalletRef(1), Standing::Free);
    assert_eq!(outcome(&mut ledger), Outcome::Accepted);
    let (who, why) = ("Ada".to_owned(), "x".to_owned());
    let wallet = WalletRef(9);
    let unknown = Command::SetStanding { wallet, standing: Standing::Frozen, who, why };
    let answers = ledger.apply(&[unknown]);
    assert!(matches!(answers[..], [Answer::Reviewed(Err(_))]), "{answers:?}");
    assert_eq!(ledger.writer.snapshot().unwrap().decisions.len(), 3);
    ledger.assert_sound();
}

fn free_credit_is_spent_first_and_credited_to_nobody(make: Make<'_>) {
    let policy = Policy { welcome: micros("0.30"), fee_ppm: 100_000, ..policy() };
    let mut ledger = Ledger::with_policy(make(), policy);
    let (mut ada, key) = ledger.visitor(1, "1.00");
    assert_eq!(ledger.balance(&ada), micros("1.30"));
    let free = pay(&mut ledger, &mut ada, key, "0.20");
    assert_eq!(ledger.shares(), ["0.00", "0.00", "0.00"]);
    let mixed = pay(&mut ledger, &mut ada, key, "0.30");
    // 0.10 of it was free; of the other 0.20 a tenth is the fee.
    assert_eq!(ledger.shares(), ["0.00", "0.18", "0.00"]);
    let all = ledger.writer.snapshot().unwrap();
    let row = all.creators[&CreatorRef(1)];
    assert_eq!((row.number, row.total, row.free), (2, micros("0.18"), micros("0.30")));
    assert_eq!((all.accounts.fees, all.accounts.welcome), (20_000, 0));
    // A finding holds what was credited, and gives back what was the wallet's own.
    let finding = ledger.find(draft(1, 1, 0, true));
    assert_eq!(ledger.hold(finding, &[free, mixed]), (1, micros("0.18")));
    assert_eq!(ledger.decide(finding, Act::Uphold), Some(1));
    assert_eq!(ledger.balance(&ada), micros("1.00"));
    let all = ledger.writer.snapshot().unwrap();
    assert_eq!(all.wallets[&WalletRef(1)].free, Micros::ZERO);
    ledger.assert_sound();
    release(&mut ledger);
    assert_eq!(ledger.shares(), ["0.00", "0.00", "0.00"]);
    ledger.assert_sound();
}

/// The payer asks for the payment's money back.
fn refund(
    ledger: &mut Ledger,
    visitor: &Visitor,
    claim: &Claim,
    entry: EntryNumber,
) -> RefundOutcome {
    let request = visitor.refund(claim, entry.0, ledger.now);
    let request = Refund { signer: visitor.root.public(), ..request };
    ledger.refund(&request, &visitor.root).outcome
}

fn paid(
    ledger: &mut Ledger,
    visitor: &mut Visitor,
    key: farthing_rules::KeyRef,
) -> (Claim, EntryNumber) {
    let claim = visitor.donation(CREATOR, "0.10", ledger.now);
    let answer = ledger.charge(visitor, key, &claim);
    (claim, answer.receipt.unwrap().entry)
}

fn a_refund_and_a_hold_exclude_each_other(make: Make<'_>) {
    let mut ledger = Ledger::new(make());
    let (mut ada, key) = ledger.visitor(1, "1.00");
    let (refunded, refunded_entry) = paid(&mut ledger, &mut ada, key);
    let (held, held_entry) = paid(&mut ledger, &mut ada, key);
    let (_, other) = paid(&mut ledger, &mut ada, key);
    assert_eq!(refund(&mut ledger, &ada, &refunded, refunded_entry), RefundOutcome::Refunded);
    let finding = ledger.find(draft(1, 1, 0, true));
    assert_eq!(ledger.hold(finding, &[refunded_entry, held_entry]), (1, micros("0.10")));
    // What is left in the bucket is another payment's, and stays so.
    assert_eq!(ledger.shares(), ["0.00", "0.10", "0.10"]);
    assert_eq!(refund(&mut ledger, &ada, &held, held_entry), RefundOutcome::NotHeld);
    ledger.assert_sound();
    assert_eq!(ledger.decide(finding, Act::Uphold), Some(1));
    ledger.now = ledger.now.plus_ms(1);
    assert_eq!(refund(&mut ledger, &ada, &held, held_entry), RefundOutcome::NotHeld);
    assert_eq!(ledger.balance(&ada), micros("0.90"));
    assert_eq!(ledger.shares(), ["0.00", "0.10", "0.00"]);
    let late = ledger.find(draft(1, 1, 1, true));
    assert_eq!(ledger.hold(late, &[other]), (1, micros("0.10")));
    ledger.assert_sound();
}

fn a_lifted_payment_can_be_refunded_within_its_window(make: Make<'_>) {
    let policy = Policy { welcome: micros("0.04"), fee_ppm: 100_000, ..policy() };
    let mut ledger = Ledger::with_policy(make(), policy);
    let (mut ada, key) = ledger.visitor(1, "1.00");
    let (claim, entry) = paid(&mut ledger, &mut ada, key);
    assert_eq!(ledger.shares(), ["0.00", "0.054", "0.00"]);
    let finding = ledger.find(draft(1, 1, 0, true));
    assert_eq!(ledger.hold(finding, &[entry]), (1, micros("0.054")));
    assert_eq!(ledger.decide(finding, Act::Lift), Some(1));
    assert_eq!(refund(&mut ledger, &ada, &claim, entry), RefundOutcome::Refunded);
    assert_eq!(ledger.balance(&ada), micros("1.04"));
    let all = ledger.writer.snapshot().unwrap();
    assert_eq!(all.wallets[&WalletRef(1)].free, micros("0.04"), "free credit is free credit again");
    assert_eq!((all.accounts.fees, all.accounts.welcome), (0, -40_000));
    assert_eq!(ledger.shares(), ["0.00", "0.00", "0.00"]);
    ledger.assert_sound();
}

fn origins_are_forgotten(make: Make<'_>) {
    let mut ledger = Ledger::new(make());
    let mut second = ledger.now;
    for number in 1..3 {
        second = ledger.now;
        let visitor = Visitor::new(number, farthing_tests::ledger::VERIFIER);
        let opening = visitor.checked_opening();
        ledger.apply(&[Command::OpenWallet { opening, origin: Some(77) }]);
        ledger.now = ledger.now.plus_ms(LATER_MS);
    }
    ledger.save(Command::ForgetOrigins { before: second });
    let seen = ledger.writer.snapshot().unwrap().observations;
    let origins: Vec<Option<u64>> = seen.iter().map(|seen| seen.origin).collect();
    assert_eq!(origins, [None, Some(77)]);
    ledger.assert_sound();
}
