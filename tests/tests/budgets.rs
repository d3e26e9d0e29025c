//! Budgets, asked of each store in the same words: what a wallet may pay at most, from when, and for
//! how long.
#![allow(clippy::unwrap_used, reason = "tests")]

use farthing_rules::commit::BudgetRefusal;
use farthing_rules::rows::BudgetRow;
use farthing_rules::{Answer, Command, KeyRef, Names};
use farthing_shared::time::DAY_MS;
use farthing_shared::{
    Allowance, Budget, Currency, Micros, Outcome, RefundOutcome, SigningKey, UnixMillis,
    VerifierId, limits,
};
use farthing_tests::actors::{Visitor, micros, seed};
use farthing_tests::ledger::{CREATOR, Ledger, START, VERIFIER, asked, on_each_store};
use farthing_verifier::store::sqlite::{Durability, SqliteWriter};
use farthing_verifier::store::{Snapshot, Writer};

/// Donates, and gives the outcome.
fn give(ledger: &mut Ledger, visitor: &mut Visitor, key: KeyRef, amount: &str) -> Outcome {
    let claim = visitor.donation(CREATOR, amount, ledger.now);
    ledger.outcome(visitor, key, &claim)
}

fn spent(ledger: &Ledger, visitor: &Visitor) -> (Micros, Micros) {
    let all = ledger.writer.snapshot().unwrap();
    let row = all.wallets.values().find(|row| row.root == visitor.root_key()).unwrap();
    let spent = row.budget.unwrap().spent.at(ledger.now);
    (spent.in_day, spent.in_month)
}

/// Counting a month is work for the one thread that writes: whoever sends budgets that cannot be first ones causes
/// none.
#[test]
fn only_a_first_budget_has_a_month_counted() {
    let ada = Visitor::new(1, VERIFIER);
    for (number, counted) in [(1, 1), (2, 0), (7, 0), (u64::MAX, 0)] {
        let budget = ada.budget(number, START).sign(&ada.root).verify().unwrap();
        let names = Names::of(&[Command::SetBudget { budget }]);
        assert_eq!((names.roots.len(), names.spent.len()), (1, counted), "{number}");
    }
}

#[test]
fn a_day_and_a_month_end() {
    on_each_store(|make| {
        let mut ledger = Ledger::new(make());
        let (mut ada, key) = ledger.visitor(1, "9.00");
        let limits = Budget {
            per_day: Some(micros("0.10")),
            per_month: Some(micros("0.25")),
            ..ada.budget(1, ledger.now)
        };
        ledger.set_budget(&ada, &limits).unwrap();
        for (hours, amount, outcome) in [
            (0, "0.06", Outcome::Accepted),
            (1, "0.05", Outcome::OverDayBudget),
            (23, "0.04", Outcome::Accepted),
            (23, "0.000001", Outcome::OverDayBudget),
            (24, "0.10", Outcome::Accepted),
            (48, "0.06", Outcome::OverMonthBudget),
            (48, "0.05", Outcome::Accepted),
            (72, "0.000001", Outcome::OverMonthBudget),
            // 2026-12-01T00:00Z.
            (8 * 24, "0.10", Outcome::Accepted),
        ] {
            ledger.now = START.plus_ms(hours * 3_600_000);
            assert_eq!(give(&mut ledger, &mut ada, key, amount), outcome, "{amount} at {hours} h");
            ledger.assert_sound();
        }
        assert_eq!(spent(&ledger, &ada), (micros("0.10"), micros("0.10")));
        assert_eq!(ledger.balance(&ada), micros("8.65"));
    });
}

#[test]
fn the_answer_stays_when_the_budget_is_raised() {
    on_each_store(|make| {
        let mut ledger = Ledger::new(make());
        let (mut ada, key) = ledger.visitor(1, "1.00");
        let tight = Budget { per_day: Some(micros("0.01")), ..ada.budget(1, ledger.now) };
        ledger.set_budget(&ada, &tight).unwrap();
        let claim = ada.view(CREATOR, "essay", "0.05", ledger.now);
        assert_eq!(ledger.outcome(&ada, key, &claim), Outcome::OverDayBudget);
        let wide = Budget { per_day: Some(micros("0.05")), ..ada.budget(2, ledger.now) };
        ledger.set_budget(&ada, &wide).unwrap();
        // The refused claim cannot be fed in again; a new one is charged.
        assert_eq!(ledger.outcome(&ada, key, &claim), Outcome::OverDayBudget);
        let fresh = ada.view(CREATOR, "essay", "0.05", ledger.now);
        assert_eq!(ledger.outcome(&ada, key, &fresh), Outcome::Accepted);
        // What is owned costs nothing, so no budget is asked.
        let again = ada.view(CREATOR, "essay", "0.05", ledger.now);
        assert_eq!(ledger.outcome(&ada, key, &again), Outcome::AlreadyOwned);
        ledger.assert_sound();
    });
}

#[test]
fn a_pause_stops_everything_but_what_is_owned() {
    on_each_store(|make| {
        let mut ledger = Ledger::new(make());
        let (mut ada, key) = ledger.visitor(1, "1.00");
        let (mut bob, bobs) = ledger.visitor(2, "1.00");
        let essay = ada.view(CREATOR, "essay", "0.05", ledger.now);
        assert_eq!(ledger.outcome(&ada, key, &essay), Outcome::Accepted);
        let paused = Budget { paused: true, ..ada.budget(1, ledger.now) };
        ledger.set_budget(&ada, &paused).unwrap();
        let film = ada.view(CREATOR, "film", "0.50", ledger.now);
        assert_eq!(ledger.outcome(&ada, key, &film), Outcome::PaymentsPaused);
        let essay = ada.view(CREATOR, "essay", "0.05", ledger.now);
        assert_eq!(ledger.outcome(&ada, key, &essay), Outcome::AlreadyOwned);
        assert_eq!(give(&mut ledger, &mut bob, bobs, "0.01"), Outcome::Accepted);
        ledger.set_budget(&ada, &ada.budget(2, ledger.now)).unwrap();
        let film = ada.view(CREATOR, "film", "0.50", ledger.now);
        assert_eq!(ledger.outcome(&ada, key, &film), Outcome::Accepted);
        // A pause that comes with a claim is obeyed by it.
        let claim = ada.donation(CREATOR, "0.01", ledger.now);
        let budget = Budget { paused: true, ..ada.budget(3, ledger.now) };
        let answers = ledger.apply(&[
            Command::Claim { claim: ada.checked(&claim), key },
            Command::SetBudget { budget: budget.sign(&ada.root).verify().unwrap() },
        ]);
        assert!(
            matches!(&answers[0], Answer::Claim(answer) if answer.outcome == Outcome::PaymentsPaused)
        );
        ledger.assert_sound();
    });
}

type Change = fn(&mut Budget);

/// Budgets after number 2 was set, and what becomes of them.
const ORDERS: &[(&str, Change, Option<BudgetRefusal>)] = &[
    ("the same again", |_| {}, None),
    ("its number for more", |b| b.per_day = None, Some(BudgetRefusal::Superseded)),
    ("an older one", |b| b.number = 1, Some(BudgetRefusal::Superseded)),
    ("one that leaves a gap", |b| b.number = 4, Some(BudgetRefusal::Superseded)),
    (
        "signed long ago",
        |b| {
            b.number = 3;
            b.set_at = UnixMillis(START.0 - limits::BUDGET_LIFE_MS - 1);
        },
        Some(BudgetRefusal::Expired),
    ),
    (
        "signed ahead",
        |b| {
            b.number = 3;
            b.set_at = START.plus_ms(limits::BUDGET_LIFE_MS + 1);
        },
        Some(BudgetRefusal::Expired),
    ),
    ("verifier", |b| b.verifier = VerifierId([1; 32]), Some(BudgetRefusal::WrongVerifier)),
    (
        "currency",
        |b| b.currency = Currency::parse("USD").unwrap(),
        Some(BudgetRefusal::WrongCurrency),
    ),
    (
        "the last moment",
        |b| {
            b.number = 3;
            b.set_at = UnixMillis(START.0 - limits::BUDGET_LIFE_MS);
        },
        None,
    ),
];

#[test]
fn an_old_budget_never_replaces_a_newer_one() {
    on_each_store(|make| {
        let mut ledger = Ledger::new(make());
        let (ada, _) = ledger.visitor(1, "1.00");
        let first = Budget { per_day: Some(micros("5.00")), ..ada.budget(1, START) };
        assert_eq!(ledger.set_budget(&ada, &first).map(|row| row.number), Ok(1));
        let second = Budget { per_day: Some(micros("1.00")), ..ada.budget(2, START) };
        assert_eq!(ledger.set_budget(&ada, &second).map(|row| row.number), Ok(2));
        assert_eq!(ledger.set_budget(&ada, &first), Err(BudgetRefusal::Superseded));
        for (name, change, refusal) in ORDERS {
            let mut budget = second;
            change(&mut budget);
            assert_eq!(ledger.set_budget(&ada, &budget).err(), *refusal, "{name}");
            ledger.assert_sound();
        }
        // Nobody else's key sets it.
        let stranger = Visitor::new(3, VERIFIER);
        let unopened = stranger.budget(1, START);
        assert_eq!(ledger.set_budget(&stranger, &unopened), Err(BudgetRefusal::UnknownWallet));
    });
}

#[test]
fn the_first_budget_counts_what_was_paid_before_it() {
    on_each_store(|make| {
        let mut ledger = Ledger::new(make());
        let (mut ada, key) = ledger.visitor(1, "9.00");
        assert_eq!(give(&mut ledger, &mut ada, key, "0.20"), Outcome::Accepted);
        // 2026-12-01 and 02.
        ledger.now = START.plus_ms(8 * DAY_MS);
        assert_eq!(give(&mut ledger, &mut ada, key, "0.03"), Outcome::Accepted);
        ledger.now = ledger.now.plus_ms(DAY_MS);
        assert_eq!(give(&mut ledger, &mut ada, key, "0.04"), Outcome::Accepted);
        let essay = ada.view(CREATOR, "essay", "0.05", ledger.now);
        let entry = ledger.charge(&ada, key, &essay).receipt.unwrap().entry.0;
        let film = ada.view(CREATOR, "film", "0.50", ledger.now);
        let films = ledger.charge(&ada, key, &film).receipt.unwrap().entry.0;
        let request = ada.refund(&film, films, ledger.now);
        assert_eq!(ledger.refund(&request, &ada.spending).outcome, RefundOutcome::Refunded);
        // One more refund in the very batch that sets the budget.
        let request = ada.refund(&essay, entry, ledger.now);
        let limits = Budget { per_month: Some(micros("0.10")), ..ada.budget(1, ledger.now) };
        ledger.apply(&[
            Command::Refund { refund: asked(&request, &ada.spending) },
            Command::SetBudget { budget: limits.sign(&ada.root).verify().unwrap() },
        ]);
        assert_eq!(spent(&ledger, &ada), (micros("0.04"), micros("0.07")));
        assert_eq!(give(&mut ledger, &mut ada, key, "0.04"), Outcome::OverMonthBudget);
        assert_eq!(give(&mut ledger, &mut ada, key, "0.03"), Outcome::Accepted);
        ledger.assert_sound();
    });
}

#[test]
fn a_refund_gives_back_to_the_day_it_was_paid_in() {
    on_each_store(|make| {
        let mut ledger = Ledger::new(make());
        // Late in the last evening of November: the refund window reaches into December.
        ledger.now = START.plus_ms(8 * DAY_MS - 300_000);
        let (mut ada, key) = ledger.visitor(1, "9.00");
        let limits = Budget {
            per_day: Some(micros("0.50")),
            per_month: Some(micros("0.50")),
            ..ada.budget(1, ledger.now)
        };
        ledger.set_budget(&ada, &limits).unwrap();
        let essay = ada.view(CREATOR, "essay", "0.05", ledger.now);
        let essays = ledger.charge(&ada, key, &essay).receipt.unwrap().entry.0;
        let other = ada.donation(CREATOR, "0.45", ledger.now);
        let others = ledger.charge(&ada, key, &other).receipt.unwrap().entry.0;
        assert_eq!(give(&mut ledger, &mut ada, key, "0.01"), Outcome::OverDayBudget);
        let request = ada.refund(&essay, essays, ledger.now);
        assert_eq!(ledger.refund(&request, &ada.spending).outcome, RefundOutcome::Refunded);
        assert_eq!(spent(&ledger, &ada), (micros("0.45"), micros("0.45")));
        assert_eq!(give(&mut ledger, &mut ada, key, "0.05"), Outcome::Accepted);
        ledger.now = ledger.now.plus_ms(600_000);
        assert_eq!(give(&mut ledger, &mut ada, key, "0.50"), Outcome::Accepted);
        let request = ada.refund(&other, others, ledger.now);
        assert_eq!(ledger.refund(&request, &ada.spending).outcome, RefundOutcome::Refunded);
        assert_eq!(spent(&ledger, &ada), (micros("0.50"), micros("0.50")));
        assert_eq!(give(&mut ledger, &mut ada, key, "0.01"), Outcome::OverDayBudget);
        ledger.assert_sound();
    });
}

#[test]
fn the_last_cent_of_a_day_is_spent_once() {
    on_each_store(|make| {
        let mut ledger = Ledger::new(make());
        let (mut ada, key) = ledger.visitor(1, "9.00");
        let limits = Budget { per_day: Some(micros("0.01")), ..ada.budget(1, ledger.now) };
        ledger.set_budget(&ada, &limits).unwrap();
        // Sixteen more browsers of the same wallet, each with a key of its own.
        let mut claims = vec![(ada.donation(CREATOR, "0.01", START), key)];
        let mut phones = Vec::new();
        for device in 2..18_u8 {
            let spending = SigningKey::from_seed(&seed(1, device + 1));
            let mut phone = Visitor { spending, ..Visitor::new(1, VERIFIER) };
            let terms = phone.terms(CREATOR, ledger.now.plus_ms(DAY_MS));
            let allowance =
                phone.checked_allowance(&Allowance { device: u32::from(device), ..terms });
            let answers = ledger.apply(&[Command::RegisterAllowance { allowance }]);
            let [Answer::Allowance(Ok(row))] = &answers[..] else { panic!("{answers:?}") };
            claims.push((phone.donation(CREATOR, "0.01", START), row.key));
            phones.push(phone);
        }
        let whose = std::iter::once(&ada).chain(&phones);
        let commands: Vec<Command> = claims
            .iter()
            .zip(whose)
            .map(|((claim, key), who)| Command::Claim { claim: who.checked(claim), key: *key })
            .collect();
        let answers = ledger.apply(&commands);
        let outcomes: Vec<Outcome> = answers
            .iter()
            .map(|answer| match answer {
                Answer::Claim(answer) => answer.outcome,
                other => panic!("another answer: {other:?}"),
            })
            .collect();
        let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
        assert_eq!((count(Outcome::Accepted), count(Outcome::OverDayBudget)), (1, 16));
        ledger.assert_sound();
    });
}

#[test]
fn a_budget_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let open = || Writer::Sqlite(Box::new(SqliteWriter::open(&path, Durability::Full).unwrap()));
    let mut ledger = Ledger::new(open());
    let (mut ada, key) = ledger.visitor(1, "9.00");
    let limits = Budget { per_day: Some(micros("0.10")), ..ada.budget(1, ledger.now) };
    ledger.set_budget(&ada, &limits).unwrap();
    assert_eq!(give(&mut ledger, &mut ada, key, "0.06"), Outcome::Accepted);
    let before = ledger.writer.snapshot().unwrap();
    // As after a kill: what was held back is in no table yet, only in `redo`.
    let copy = folder.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    std::fs::copy(path.with_extension("db-wal"), copy.with_extension("db-wal")).unwrap();
    let killed = Writer::Sqlite(Box::new(SqliteWriter::open(&copy, Durability::Full).unwrap()));
    assert_eq!(killed.snapshot().unwrap(), before);
    // And closed in good order, with everything in the tables.
    ledger.writer = Writer::Memory(Box::default());
    ledger.writer = open();
    assert_eq!(ledger.writer.snapshot().unwrap(), before);
    assert_eq!(give(&mut ledger, &mut ada, key, "0.05"), Outcome::OverDayBudget);
    assert_eq!(give(&mut ledger, &mut ada, key, "0.04"), Outcome::Accepted);
    ledger.assert_sound();
}

type Tamper = fn(&mut Snapshot);

#[test]
fn the_audit_sees_a_budget_that_was_tampered_with() {
    let mut ledger = Ledger::new(Writer::Memory(Box::default()));
    let (mut ada, key) = ledger.visitor(1, "9.00");
    let limits = Budget { per_day: Some(micros("0.10")), ..ada.budget(1, ledger.now) };
    ledger.set_budget(&ada, &limits).unwrap();
    assert_eq!(give(&mut ledger, &mut ada, key, "0.06"), Outcome::Accepted);
    let sound = ledger.writer.snapshot().unwrap();
    let tampers: &[(&str, Tamper)] = &[
        ("raised", |all| row(all).per_day = Some(micros("1.00"))),
        ("lifted", |all| row(all).per_day = None),
        ("paused", |all| row(all).paused = true),
        ("spent less", |all| row(all).spent.in_day = Micros::ZERO),
        ("spent less in the month", |all| row(all).spent.in_month = Micros::ZERO),
        ("unsigned", |all| all.budgets.clear()),
        ("forged", |all| all.budgets.values_mut().for_each(|bytes| bytes[112 + 20] ^= 1)),
        ("gone", |all| all.wallets.values_mut().for_each(|row| row.budget = None)),
    ];
    for (name, tamper) in tampers {
        let mut all = sound.clone();
        tamper(&mut all);
        let report = farthing_verifier::audit::audit(&all);
        assert_ne!(report.differences, Vec::<String>::new(), "{name}");
    }
}

fn row(all: &mut Snapshot) -> &mut BudgetRow {
    all.wallets.values_mut().next().unwrap().budget.as_mut().unwrap()
}
