//! Permissions, asked of each store in the same words: what a creator may be paid without a click, and what never.
#![allow(clippy::unwrap_used, reason = "tests")]

use farthing_rules::command::CreatorDraft;
use farthing_rules::commit::PermissionRefusal;
use farthing_rules::findings::Standing;
use farthing_rules::past::ENTRIES_MAX;
use farthing_rules::{Answer, Command, KeyRef, WalletRef};
use farthing_shared::time::DAY_MS;
use farthing_shared::{
    Allowance, Budget, Claim, CreatorId, Currency, Micros, Outcome, Permission, RefundOutcome,
    SigningKey, UnixMillis, VerifierId, limits,
};
use farthing_tests::actors::{ORIGIN, Visitor, micros, seed};
use farthing_tests::ledger::{
    CREATOR, Ledger, OTHER, START, VERIFIER, asked, draft_of, on_each_store,
};
use farthing_verifier::store::Writer;
use farthing_verifier::store::sqlite::{Durability, SqliteWriter};

/// A ledger with ten songs at 0.04, and a visitor with money, an allowance and a permission of so much a month.
fn permitted(writer: Writer, most: &str) -> (Ledger, Visitor, KeyRef) {
    let mut ledger = Ledger::new(writer);
    (0..10).for_each(|number| ledger.price(&format!("song-{number}"), "0.04"));
    let (ada, key) = ledger.visitor(1, "9.00");
    ledger.permit(&ada, &ada.permission(1, CREATOR, most, START)).unwrap();
    (ledger, ada, key)
}

fn unasked(ledger: &mut Ledger, who: &mut Visitor, key: KeyRef, item: &str) -> Outcome {
    let amount = if item.starts_with("song") { "0.04" } else { "0.05" };
    let claim = who.view(CREATOR, item, amount, ledger.now);
    let outcome = ledger.automatic(who, key, &claim);
    ledger.assert_sound();
    outcome
}

/// Buys by a click; gives the entry.
fn click(ledger: &mut Ledger, who: &mut Visitor, key: KeyRef, item: &str) -> u64 {
    let claim = who.view(CREATOR, item, "0.04", ledger.now);
    let answer = ledger.charge(who, key, &claim);
    assert_eq!(answer.outcome, Outcome::Accepted, "{item}");
    answer.receipt.unwrap().entry.0
}

fn phone(ledger: &mut Ledger, device: u8) -> (Visitor, KeyRef) {
    let spending = SigningKey::from_seed(&seed(1, device + 1));
    let phone = Visitor { spending, ..Visitor::new(1, VERIFIER) };
    let terms = phone.terms(CREATOR, ledger.now.plus_ms(60 * DAY_MS));
    let allowance = phone.checked_allowance(&Allowance { device: device.into(), ..terms });
    let answers = ledger.apply(&[Command::RegisterAllowance { allowance }]);
    let [Answer::Allowance(Ok(row))] = &answers[..] else { panic!("{answers:?}") };
    (phone, row.key)
}

#[test]
fn without_a_permission_nothing_is_paid_without_a_click() {
    on_each_store(|make| {
        let mut ledger = Ledger::new(make());
        let (mut ada, key) = ledger.visitor(1, "9.00");
        let claim = ada.view(CREATOR, "essay", "0.05", ledger.now);
        assert_eq!(ledger.automatic(&ada, key, &claim), Outcome::NeedsClick);
        // The answer is final: the same bytes are not charged as a click either, and not under a later permission.
        assert_eq!(ledger.outcome(&ada, key, &claim), Outcome::NeedsClick);
        ledger.permit(&ada, &ada.permission(1, CREATOR, "1.00", START)).unwrap();
        assert_eq!(ledger.automatic(&ada, key, &claim), Outcome::NeedsClick);
        assert_eq!(unasked(&mut ledger, &mut ada, key, "essay"), Outcome::Accepted);
        assert_eq!(unasked(&mut ledger, &mut ada, key, "essay"), Outcome::AlreadyOwned);
        assert_eq!(ledger.balance(&ada), micros("8.95"));
    });
}

#[test]
fn all_that_is_paid_for_items_counts_to_the_last_cent_of_the_month() {
    on_each_store(|make| {
        let (mut ledger, mut ada, key) = permitted(make(), "0.16");
        let gift = ada.donation(CREATOR, "0.01", ledger.now);
        assert_eq!(ledger.automatic(&ada, key, &gift), Outcome::NeedsClick, "a gift asks");
        let gift = ada.donation(CREATOR, "0.50", ledger.now);
        assert_eq!(ledger.outcome(&ada, key, &gift), Outcome::Accepted, "and does not count");
        click(&mut ledger, &mut ada, key, "song-0");
        assert_eq!(unasked(&mut ledger, &mut ada, key, "song-1"), Outcome::Accepted);
        let (mut other, others) = phone(&mut ledger, 2);
        assert_eq!(unasked(&mut ledger, &mut other, others, "song-2"), Outcome::Accepted);
        // One cent too much, by another price; then the last four cents.
        assert_eq!(unasked(&mut ledger, &mut ada, key, "essay"), Outcome::NeedsClick);
        assert_eq!(unasked(&mut ledger, &mut ada, key, "song-3"), Outcome::Accepted);
        assert_eq!(unasked(&mut ledger, &mut other, others, "song-4"), Outcome::NeedsClick);
        // A click goes on paying.
        let entry = click(&mut ledger, &mut ada, key, "song-4");
        // What comes back counts no more.
        let claim = ada.view(CREATOR, "song-5", "0.04", ledger.now);
        assert_eq!(ledger.automatic(&ada, key, &claim), Outcome::NeedsClick);
        let bought = ledger.writer.snapshot().unwrap();
        let bought = bought.entries.iter().find(|row| row.number.0 == entry).unwrap();
        let farthing_rules::EntryBody::Claim(body) = &bought.body else { panic!("a claim") };
        let signed = farthing_shared::SignedClaim::decode(&body.signed).unwrap();
        let request = ada.refund(signed.claim(), entry, ledger.now);
        assert_eq!(ledger.refund(&request, &ada.spending).outcome, RefundOutcome::Refunded);
        assert_eq!(
            unasked(&mut ledger, &mut ada, key, "song-5"),
            Outcome::NeedsClick,
            "0.16 + 0.04"
        );
        // 2026-12-01T00:00Z: a new month.
        ledger.now = START.plus_ms(8 * DAY_MS);
        assert_eq!(unasked(&mut ledger, &mut ada, key, "song-5"), Outcome::Accepted);
    });
}

/// Two tabs, or sixty: whatever comes at once, alone or in one batch, the last cents are paid once.
#[test]
fn one_batch_cannot_get_beyond_the_permission() {
    on_each_store(|make| {
        let (mut ledger, mut ada, key) = permitted(make(), "0.11");
        let (mut other, others) = phone(&mut ledger, 2);
        let mut commands = Vec::new();
        for number in 0..4 {
            let (who, key) = if number % 2 == 0 { (&mut ada, key) } else { (&mut other, others) };
            let claim = who.view(CREATOR, &format!("song-{number}"), "0.04", ledger.now);
            commands.push(Command::AutomaticClaim { claim: who.checked(&claim), key });
        }
        let answers = ledger.apply(&commands);
        let count = |wanted| {
            let is = |answer: &&Answer| matches!(answer, Answer::Claim(a) if a.outcome == wanted);
            answers.iter().filter(is).count()
        };
        assert_eq!((count(Outcome::Accepted), count(Outcome::NeedsClick)), (2, 2), "{answers:?}");
        ledger.assert_sound();
        // A click in the same batch counts for the automatic payment that comes after it.
        ledger.permit(&ada, &ada.permission(2, CREATOR, "0.15", START)).unwrap();
        let clicked = ada.view(CREATOR, "song-8", "0.04", ledger.now);
        let other_one = ada.view(CREATOR, "song-9", "0.04", ledger.now);
        let answers = ledger.apply(&[
            Command::Claim { claim: ada.checked(&clicked), key },
            Command::AutomaticClaim { claim: ada.checked(&other_one), key },
        ]);
        let [Answer::Claim(first), Answer::Claim(second)] = &answers[..] else { panic!() };
        assert_eq!((first.outcome, second.outcome), (Outcome::Accepted, Outcome::NeedsClick));
        // A permission that comes with a claim is obeyed by it, and so is its end.
        let song = ada.view(CREATOR, "song-9", "0.04", ledger.now);
        let more = ada.permission(3, CREATOR, "5.00", START).sign(&ada.root).verify().unwrap();
        let answers = ledger.apply(&[
            Command::AutomaticClaim { claim: ada.checked(&song), key },
            Command::SetPermission { permission: more },
        ]);
        assert!(matches!(&answers[0], Answer::Claim(a) if a.outcome == Outcome::Accepted));
        ledger.assert_sound();
    });
}

/// What was given back is never paid for again without a click, in whichever browser and however it was bought.
#[test]
fn what_was_given_back_asks() {
    on_each_store(|make| {
        let (mut ledger, mut ada, key) = permitted(make(), "5.00");
        let claim = ada.view(CREATOR, "essay", "0.05", ledger.now);
        assert_eq!(ledger.automatic(&ada, key, &claim), Outcome::Accepted);
        let newest = ledger.writer.snapshot().unwrap().entries.last().unwrap().number.0;
        let request = ada.refund(&claim, newest, ledger.now);
        // In the very batch of the refund, and ever after.
        let again = ada.view(CREATOR, "essay", "0.05", ledger.now);
        let answers = ledger.apply(&[
            Command::AutomaticClaim { claim: ada.checked(&again), key },
            Command::Refund { refund: asked(&request, &ada.spending) },
        ]);
        assert!(matches!(&answers[0], Answer::Claim(a) if a.outcome == Outcome::NeedsClick));
        let (mut other, others) = phone(&mut ledger, 2);
        assert_eq!(unasked(&mut ledger, &mut other, others, "essay"), Outcome::NeedsClick);
        // Other items are paid, and twenty purchases later it is still known.
        (0..8).for_each(|number| {
            let song = format!("song-{number}");
            assert_eq!(unasked(&mut ledger, &mut ada, key, &song), Outcome::Accepted);
        });
        (0..20).for_each(|number| {
            let name = format!("verse-{number}");
            ledger.price(&name, "0.01");
            let claim = ada.view(CREATOR, &name, "0.01", ledger.now);
            assert_eq!(ledger.automatic(&ada, key, &claim), Outcome::Accepted);
        });
        ledger.now = START.plus_ms(40 * DAY_MS);
        let (mut late, lates) = phone(&mut ledger, 3);
        assert_eq!(unasked(&mut ledger, &mut late, lates, "essay"), Outcome::NeedsClick);
        // Bought by a click it is owned again.
        let claim = late.view(CREATOR, "essay", "0.05", ledger.now);
        assert_eq!(ledger.outcome(&late, lates, &claim), Outcome::Accepted);
        assert_eq!(unasked(&mut ledger, &mut late, lates, "essay"), Outcome::AlreadyOwned);
    });
}

/// A clock that was set back leaves entries of an older month among those of the newer one.
#[test]
fn a_month_is_added_up_whole_although_the_clock_was_set_back() {
    on_each_store(|make| {
        let (mut ledger, mut ada, key) = permitted(make(), "0.09");
        // 2026-12-01T00:00Z, an hour before it, and the same day again.
        ledger.now = START.plus_ms(8 * DAY_MS);
        assert_eq!(unasked(&mut ledger, &mut ada, key, "song-0"), Outcome::Accepted);
        ledger.now = START.plus_ms(8 * DAY_MS - 3_600_000);
        click(&mut ledger, &mut ada, key, "song-1");
        ledger.now = START.plus_ms(8 * DAY_MS + 3_600_000);
        assert_eq!(unasked(&mut ledger, &mut ada, key, "song-2"), Outcome::Accepted);
        assert_eq!(unasked(&mut ledger, &mut ada, key, "song-3"), Outcome::NeedsClick);
        // A budget that comes now knows of both.
        let mut budget = ada.budget(1, ledger.now);
        budget.per_month = Some(micros("0.11"));
        ledger.set_budget(&ada, &budget).unwrap();
        let claim = ada.view(CREATOR, "song-3", "0.04", ledger.now);
        assert_eq!(ledger.outcome(&ada, key, &claim), Outcome::OverMonthBudget);
    });
}

#[test]
fn a_thousand_entries_are_added_up_and_not_one_more() {
    on_each_store(|make| {
        let (mut ledger, mut ada, key) = permitted(make(), "5.00");
        ledger.policy.claims_per_key_per_minute = 2_000;
        // The top-up is an entry too.
        let gifts = (1..ENTRIES_MAX).map(|_| ada.donation(CREATOR, "0.0001", ledger.now));
        let gifts: Vec<Claim> = gifts.collect();
        let pay = |gift| Command::Claim { claim: ada.checked(gift), key };
        let answers = ledger.apply(&gifts.iter().map(pay).collect::<Vec<_>>());
        let is_paid = |a: &Answer| matches!(a, Answer::Claim(a) if a.outcome == Outcome::Accepted);
        assert!(answers.iter().all(is_paid));
        assert_eq!(unasked(&mut ledger, &mut ada, key, "song-0"), Outcome::Accepted);
        assert_eq!(unasked(&mut ledger, &mut ada, key, "song-1"), Outcome::NeedsClick);
    });
}

/// Entries that hang on one that is not there: adding up fails, and with it the batch.
#[test]
fn nothing_is_added_up_for_a_claim_that_is_refused_anyway() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let open = || Writer::Sqlite(Box::new(SqliteWriter::open(&path, Durability::Full).unwrap()));
    let (mut ledger, mut ada, key) = permitted(open(), "5.00");
    let first = ada.view(CREATOR, "song-0", "0.04", ledger.now);
    assert_eq!(ledger.automatic(&ada, key, &first), Outcome::Accepted);
    ledger.writer = Writer::Memory(Box::default());
    let broken = rusqlite::Connection::open(&path).unwrap();
    broken.execute("UPDATE entries SET previous_of_wallet = 9999", []).unwrap();
    drop(broken);
    ledger.writer = open();
    let fails = |ledger: &mut Ledger, ada: &mut Visitor, song: &str| {
        let claim = ada.view(CREATOR, song, "0.04", ledger.now);
        let claim = Command::AutomaticClaim { claim: ada.checked(&claim), key };
        ledger.try_apply(&[claim]).is_err()
    };
    assert!(fails(&mut ledger, &mut ada, "song-1"), "it is added up where that decides");
    ledger.policy.claims_per_key_per_minute = 1;
    assert!(!fails(&mut ledger, &mut ada, "song-2"), "too fast");
    ledger.policy.claims_per_key_per_minute = 60;
    ledger.permit(&ada, &ada.permission(2, CREATOR, "0", START)).unwrap();
    assert_eq!(ledger.automatic(&ada, key, &first), Outcome::Accepted, "a number that was used");
    let next = SigningKey::from_seed(&[77; 32]);
    assert!(!fails(&mut ledger, &mut ada, "song-3"), "taken back");
    ledger.permit(&ada, &ada.permission(3, CREATOR, "5.00", START)).unwrap();
    assert!(fails(&mut ledger, &mut ada, "song-4"));
    ledger.rotate(&ada.rotation(&next, START), &ada.root).unwrap();
    assert!(!fails(&mut ledger, &mut ada, "song-5"), "signed by a root key that was replaced");
}

#[test]
fn an_allowance_that_is_about_to_end_asks() {
    on_each_store(|make| {
        let (mut ledger, mut ada, key) = permitted(make(), "5.00");
        let end = ledger.writer.snapshot().unwrap().keys[&key].expires_at;
        ledger.now = UnixMillis(end.0 - limits::ALLOWANCE_MARGIN_MS - 1);
        assert_eq!(unasked(&mut ledger, &mut ada, key, "song-0"), Outcome::Accepted);
        ledger.now = ledger.now.plus_ms(1);
        assert_eq!(unasked(&mut ledger, &mut ada, key, "song-1"), Outcome::NeedsClick);
        click(&mut ledger, &mut ada, key, "song-1");
    });
}

type Prepare = fn(&mut Ledger, &Visitor, KeyRef);

fn creator(ledger: &mut Ledger, change: fn(&mut CreatorDraft)) {
    let mut draft = draft_of(CREATOR, ORIGIN);
    change(&mut draft);
    ledger.save(Command::SaveCreator(draft));
}

fn budget(ledger: &mut Ledger, visitor: &Visitor, change: fn(&mut Budget)) {
    let mut budget = visitor.budget(1, ledger.now);
    change(&mut budget);
    ledger.set_budget(visitor, &budget).unwrap();
}

fn stand(ledger: &mut Ledger, standing: Standing) {
    let (who, why) = ("a test".into(), "a reason".into());
    let set = Command::SetStanding { wallet: WalletRef(1), standing, who, why };
    assert_eq!(ledger.apply(&[set]), [Answer::Reviewed(Ok(()))]);
}

/// A permission of 5.00 is in force; what else keeps an essay at 0.05 from being paid without a click.
const ASKED: &[(&str, Prepare, Outcome)] = &[
    ("nothing", |_, _, _| {}, Outcome::Accepted),
    ("paused", |l, v, _| budget(l, v, |b| b.paused = true), Outcome::PaymentsPaused),
    (
        "a limit a day",
        |l, v, _| budget(l, v, |b| b.per_day = Some(micros("0.04"))),
        Outcome::OverDayBudget,
    ),
    ("frozen", |l, _, _| stand(l, Standing::Frozen), Outcome::WalletFrozen),
    ("slowed", |l, _, _| stand(l, Standing::Slowed), Outcome::NeedsClick),
    (
        "taken back",
        |l, v, _| {
            l.permit(v, &v.permission(2, CREATOR, "0", START)).unwrap();
        },
        Outcome::NeedsClick,
    ),
    (
        "a short window of the provider",
        |l, _, _| l.policy.refund_window_ms = 59_999,
        Outcome::NeedsClick,
    ),
    (
        "the same, where the creator has a longer one",
        |l, _, _| {
            l.policy.refund_window_ms = 0;
            creator(l, |draft| draft.refund_window_ms = Some(60_000));
        },
        Outcome::Accepted,
    ),
    (
        "it reaches the ceiling",
        |l, _, _| creator(l, |draft| draft.month_max = Some(micros("0.05"))),
        Outcome::NeedsClick,
    ),
    (
        "it stays below the ceiling",
        |l, _, _| creator(l, |draft| draft.month_max = Some(micros("0.06"))),
        Outcome::Accepted,
    ),
];

#[test]
fn what_else_has_to_hold() {
    on_each_store(|make| {
        for (what, prepare, outcome) in ASKED {
            let (mut ledger, mut ada, key) = permitted(make(), "5.00");
            prepare(&mut ledger, &ada, key);
            assert_eq!(unasked(&mut ledger, &mut ada, key, "essay"), *outcome, "{what}");
        }
    });
}

#[test]
fn above_what_was_allowed_for_one_payment_the_allowance_says_so() {
    on_each_store(|make| {
        let (mut ledger, mut ada, key) = permitted(make(), "5.00");
        ledger.price("book", "0.60");
        let claim = ada.view(CREATOR, "book", "0.60", ledger.now);
        assert_eq!(ledger.automatic(&ada, key, &claim), Outcome::OverClaimMax);
        // 2.00 in all: four films are paid, a fifth is not.
        for number in 0..5 {
            let name = format!("film-{number}");
            ledger.price(&name, "0.50");
            let claim = ada.view(CREATOR, &name, "0.50", ledger.now);
            let expected = if number < 4 { Outcome::Accepted } else { Outcome::OverCap };
            assert_eq!(ledger.automatic(&ada, key, &claim), expected, "{name}");
        }
    });
}

#[test]
fn whoever_had_enough_back_today_is_asked() {
    on_each_store(|make| {
        let (mut ledger, mut ada, key) = permitted(make(), "5.00");
        for number in 0..limits::REFUNDS_PER_CREATOR_MAX {
            let song = format!("song-{number}");
            let claim = ada.view(CREATOR, &song, "0.04", ledger.now);
            assert_eq!(ledger.automatic(&ada, key, &claim), Outcome::Accepted, "{song}");
            let newest = ledger.writer.snapshot().unwrap().entries.last().unwrap().number.0;
            let request = ada.refund(&claim, newest, ledger.now);
            assert_eq!(ledger.refund(&request, &ada.spending).outcome, RefundOutcome::Refunded);
        }
        assert_eq!(unasked(&mut ledger, &mut ada, key, "essay"), Outcome::NeedsClick);
        ledger.now = START.plus_ms(DAY_MS);
        assert_eq!(unasked(&mut ledger, &mut ada, key, "essay"), Outcome::Accepted);
    });
}

type Change = fn(&mut Permission);

/// Permissions after number 2 was set, and what becomes of them.
const ORDERS: &[(&str, Change, Option<PermissionRefusal>)] = &[
    ("the same again", |_| {}, None),
    ("its number for more", |p| p.per_month = Micros::MAX, Some(PermissionRefusal::Superseded)),
    ("an older one", |p| p.number = 1, Some(PermissionRefusal::Superseded)),
    ("one that leaves a gap", |p| p.number = 4, Some(PermissionRefusal::Superseded)),
    (
        "signed long ago",
        |p| (p.number, p.set_at) = (3, UnixMillis(START.0 - limits::PERMISSION_LIFE_MS - 1)),
        Some(PermissionRefusal::Expired),
    ),
    (
        "signed ahead",
        |p| (p.number, p.set_at) = (3, START.plus_ms(limits::PERMISSION_LIFE_MS + 1)),
        Some(PermissionRefusal::Expired),
    ),
    ("verifier", |p| p.verifier = VerifierId([1; 32]), Some(PermissionRefusal::WrongVerifier)),
    (
        "currency",
        |p| p.currency = Currency::parse("USD").unwrap(),
        Some(PermissionRefusal::WrongCurrency),
    ),
    ("nobody", |p| p.creator = CreatorId([9; 16]), Some(PermissionRefusal::UnknownCreator)),
    ("another creator, from 1 on", |p| (p.number, p.creator) = (1, OTHER), None),
    (
        "the last moment",
        |p| (p.number, p.set_at) = (3, UnixMillis(START.0 - limits::PERMISSION_LIFE_MS)),
        None,
    ),
];

#[test]
fn an_old_permission_never_replaces_a_newer_one() {
    on_each_store(|make| {
        let (mut ledger, ada, _) = permitted(make(), "5.00");
        let second = ada.permission(2, CREATOR, "1.00", START);
        assert!(ledger.permit(&ada, &second).is_ok());
        for (name, change, refusal) in ORDERS {
            let mut permission = second;
            change(&mut permission);
            assert_eq!(ledger.permit(&ada, &permission).err(), *refusal, "{name}");
            ledger.assert_sound();
        }
        let stranger = Visitor::new(3, VERIFIER);
        let unopened = stranger.permission(1, CREATOR, "1.00", START);
        assert_eq!(ledger.permit(&stranger, &unopened), Err(PermissionRefusal::UnknownWallet));
    });
}

/// A permission is one wallet's for one creator, and ends with the root key that signed it.
#[test]
fn it_is_nobody_elses_and_ends_with_its_root_key() {
    on_each_store(|make| {
        let (mut ledger, mut ada, key) = permitted(make(), "5.00");
        let (mut bob, bobs) = ledger.visitor(2, "1.00");
        assert_eq!(unasked(&mut ledger, &mut bob, bobs, "essay"), Outcome::NeedsClick);
        assert_eq!(unasked(&mut ledger, &mut ada, key, "essay"), Outcome::Accepted);

        let next = SigningKey::from_seed(&[77; 32]);
        ledger.rotate(&ada.rotation(&next, START), &ada.root).unwrap();
        ada.root = next;
        // The same spending key, allowed anew by the new root key: it may pay, and asks.
        let terms = ada.terms(CREATOR, START.plus_ms(DAY_MS));
        let allowance = ada.checked_allowance(&Allowance { serial: 2, ..terms });
        let answers = ledger.apply(&[Command::RegisterAllowance { allowance }]);
        let [Answer::Allowance(Ok(row))] = &answers[..] else { panic!("{answers:?}") };
        let key = row.key;
        assert_eq!(unasked(&mut ledger, &mut ada, key, "song-1"), Outcome::NeedsClick);
        // Numbers go on.
        let first = ada.permission(1, CREATOR, "5.00", START);
        assert_eq!(ledger.permit(&ada, &first), Err(PermissionRefusal::Superseded));
        ledger.permit(&ada, &ada.permission(2, CREATOR, "5.00", START)).unwrap();
        assert_eq!(unasked(&mut ledger, &mut ada, key, "song-1"), Outcome::Accepted);
    });
}

#[test]
fn the_audit_names_a_permission_that_was_not_signed() {
    on_each_store(|make| {
        let (ledger, _, _) = permitted(make(), "5.00");
        let all = ledger.writer.snapshot().unwrap();
        for (at, what) in
            [(119, "signature does not hold"), (48, "another wallet's root key"), (96, ": creator")]
        {
            let mut false_one = all.clone();
            let bytes = false_one.permissions.values_mut().next().unwrap();
            bytes[at] ^= 1;
            let report = farthing_verifier::audit::audit(&false_one);
            let named = report
                .differences
                .iter()
                .any(|line| line.contains("permission of wallet 1") && line.contains(what));
            assert!(named, "{what}: {:?}", report.differences);
        }
    });
}
