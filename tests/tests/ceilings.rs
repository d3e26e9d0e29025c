//! Ceilings, asked of each store in the same words: what a creator takes from one wallet in a month at most, and
//! what is due once that is paid.
#![allow(clippy::unwrap_used, reason = "tests")]

use farthing_rules::command::CreatorDraft;
use farthing_rules::rows::{Ceiling, InMonth};
use farthing_rules::{Answer, Command, KeyRef};
use farthing_shared::time::DAY_MS;
use farthing_shared::{
    Allowance, Budget, Claim, Micros, Outcome, Refund, RefundOutcome, SigningKey, UnixMillis,
};
use farthing_tests::actors::{ORIGIN, Visitor, micros, seed};
use farthing_tests::ledger::{CREATOR, Ledger, START, VERIFIER, asked, draft_of, on_each_store};
use farthing_verifier::store::sqlite::{Durability, SqliteWriter};
use farthing_verifier::store::{Snapshot, Writer};

/// 2026-12-01T00:00Z.
const DECEMBER: UnixMillis = UnixMillis(START.0 + 8 * DAY_MS);

/// A creator that takes at most so much a month, with ten songs at 0.04.
fn offered(writer: Writer, most: &str) -> Ledger {
    let mut ledger = Ledger::new(writer);
    ledger.ceiling(Some(most));
    (0..10).for_each(|number| ledger.price(&format!("song-{number}"), "0.04"));
    ledger
}

fn buy(ledger: &mut Ledger, who: &mut Visitor, key: KeyRef, item: &str, amount: &str) -> Outcome {
    let claim = who.view(CREATOR, item, amount, ledger.now);
    let outcome = ledger.outcome(who, key, &claim);
    ledger.assert_sound();
    outcome
}

/// The same wallet in another browser.
fn phone(ledger: &mut Ledger, device: u8) -> (Visitor, KeyRef) {
    let spending = SigningKey::from_seed(&seed(1, device + 1));
    let phone = Visitor { spending, ..Visitor::new(1, VERIFIER) };
    let terms = phone.terms(CREATOR, ledger.now.plus_ms(60 * DAY_MS));
    let allowance = phone.checked_allowance(&Allowance { device: device.into(), ..terms });
    let answers = ledger.apply(&[Command::RegisterAllowance { allowance }]);
    let [Answer::Allowance(Ok(row))] = &answers[..] else { panic!("{answers:?}") };
    (phone, row.key)
}

fn paid(ledger: &Ledger) -> Micros {
    let all = ledger.writer.snapshot().unwrap();
    all.keys.values().next().unwrap().in_month.at(ledger.now).paid
}

#[test]
fn the_last_payment_takes_what_is_left_and_then_everything_is_open() {
    on_each_store(|make| {
        let mut ledger = offered(make(), "0.10");
        let (mut ada, key) = ledger.visitor(1, "9.00");
        let (mut bob, bobs) = ledger.visitor(2, "9.00");
        let gift = ada.donation(CREATOR, "0.50", ledger.now);
        assert_eq!(ledger.outcome(&ada, key, &gift), Outcome::Accepted, "no gift counts");
        for (item, amount, outcome) in [
            ("song-0", "0.04", Outcome::Accepted),
            ("song-1", "0.04", Outcome::Accepted),
            // 0.02 is left.
            ("song-2", "0.04", Outcome::PriceChanged),
            ("song-2", "0.03", Outcome::PriceChanged),
            ("song-2", "0.01", Outcome::PriceChanged),
            ("song-2", "0.02", Outcome::Accepted),
            ("song-2", "0.02", Outcome::AlreadyOwned),
            ("song-3", "0.04", Outcome::PriceChanged),
            ("song-3", "0.000001", Outcome::PriceChanged),
            ("unpriced", "0.04", Outcome::UnknownItem),
        ] {
            assert_eq!(buy(&mut ledger, &mut ada, key, item, amount), outcome, "{item} {amount}");
        }
        assert_eq!(ledger.balance(&ada), micros("8.40"));
        let gift = ada.donation(CREATOR, "0.50", ledger.now);
        assert_eq!(ledger.outcome(&ada, key, &gift), Outcome::Accepted);
        // Everybody has a ceiling of their own.
        assert_eq!(buy(&mut ledger, &mut bob, bobs, "song-3", "0.04"), Outcome::Accepted);
        // A new month: what was open is for sale again, what was bought stays bought.
        ledger.now = DECEMBER;
        assert_eq!(buy(&mut ledger, &mut ada, key, "song-2", "0.04"), Outcome::AlreadyOwned);
        assert_eq!(buy(&mut ledger, &mut ada, key, "song-3", "0.04"), Outcome::Accepted);
        assert_eq!(paid(&ledger), micros("0.04"));
    });
}

#[test]
fn all_browsers_of_a_wallet_count_together() {
    on_each_store(|make| {
        let mut ledger = offered(make(), "0.10");
        let (mut ada, key) = ledger.visitor(1, "9.00");
        let (mut phone, phones) = phone(&mut ledger, 2);
        assert_eq!(buy(&mut ledger, &mut phone, phones, "song-0", "0.04"), Outcome::Accepted);
        // Within one batch too, in the order of their keys.
        let claims = [
            (ada.view(CREATOR, "song-1", "0.04", ledger.now), key),
            (ada.view(CREATOR, "song-2", "0.02", ledger.now), key),
        ];
        let late = phone.view(CREATOR, "song-3", "0.04", ledger.now);
        let mut commands: Vec<Command> = claims
            .iter()
            .map(|(claim, key)| Command::Claim { claim: ada.checked(claim), key: *key })
            .collect();
        commands.push(Command::Claim { claim: phone.checked(&late), key: phones });
        let outcomes: Vec<Outcome> = ledger
            .apply(&commands)
            .iter()
            .map(|answer| match answer {
                Answer::Claim(answer) => answer.outcome,
                other => panic!("another answer: {other:?}"),
            })
            .collect();
        assert_eq!(outcomes, [Outcome::Accepted, Outcome::Accepted, Outcome::PriceChanged]);
        // The first browser lost its key, and its place went to another: the sum stays.
        let spending = SigningKey::from_seed(&seed(1, 40));
        let mut anew = Visitor { spending, ..Visitor::new(1, VERIFIER) };
        let terms = anew.terms(CREATOR, ledger.now.plus_ms(DAY_MS));
        let allowance = anew.checked_allowance(&Allowance { serial: 2, ..terms });
        let answers = ledger.apply(&[Command::RegisterAllowance { allowance }]);
        let [Answer::Allowance(Ok(row))] = &answers[..] else { panic!("{answers:?}") };
        let (row, first) = (row.key, key);
        assert_eq!(buy(&mut ledger, &mut anew, row, "song-4", "0.04"), Outcome::PriceChanged);
        assert_eq!(buy(&mut ledger, &mut ada, first, "song-4", "0.04"), Outcome::KeyRevoked);
        assert_eq!(ledger.balance(&ada), micros("8.90"));
        ledger.assert_sound();
    });
}

#[test]
fn the_first_keys_of_one_batch_know_each_other() {
    on_each_store(|make| {
        let mut ledger = offered(make(), "0.04");
        let mut two = [2, 3].map(|device| {
            let spending = SigningKey::from_seed(&seed(1, device + 1));
            (u32::from(device), Visitor { spending, ..Visitor::new(1, VERIFIER) })
        });
        ledger.open(&two[0].1);
        ledger.top_up(&two[0].1, "1.00");
        let commands: Vec<Command> = two
            .iter()
            .map(|(device, phone)| {
                let terms = phone.terms(CREATOR, ledger.now.plus_ms(DAY_MS));
                let allowance = phone.checked_allowance(&Allowance { device: *device, ..terms });
                Command::RegisterAllowance { allowance }
            })
            .collect();
        let answers = ledger.apply(&commands);
        let [Answer::Allowance(Ok(one)), Answer::Allowance(Ok(other))] = &answers[..] else {
            panic!("{answers:?}")
        };
        assert_eq!((one.first, other.first), (one.key, one.key));
        let (one, other) = (one.key, other.key);
        assert_eq!(buy(&mut ledger, &mut two[1].1, other, "song-0", "0.04"), Outcome::Accepted);
        assert_eq!(buy(&mut ledger, &mut two[0].1, one, "song-1", "0.04"), Outcome::PriceChanged);
    });
}

/// Buys something and gives its claim and entry.
fn bought(
    ledger: &mut Ledger,
    (who, key): (&mut Visitor, KeyRef),
    item: &str,
    amount: &str,
) -> (Claim, u64) {
    let claim = who.view(CREATOR, item, amount, ledger.now);
    let answer = ledger.charge(who, key, &claim);
    assert_eq!(answer.outcome, Outcome::Accepted, "{item}");
    (claim, answer.receipt.unwrap().entry.0)
}

/// Asks for the money of a claim back with the key that paid.
fn back(ledger: &mut Ledger, who: &Visitor, (claim, entry): &(Claim, u64)) -> RefundOutcome {
    let request = who.refund(claim, *entry, ledger.now);
    let outcome = ledger.refund(&request, &who.spending).outcome;
    ledger.assert_sound();
    outcome
}

#[test]
fn below_the_ceiling_a_refund_is_due_again() {
    on_each_store(|make| {
        let mut ledger = offered(make(), "0.09");
        // Late in the last evening of November: the refund window reaches into December.
        ledger.now = UnixMillis(DECEMBER.0 - 300_000);
        let (mut ada, key) = ledger.visitor(1, "9.00");
        let (mut phone, phones) = phone(&mut ledger, 2);
        let gift = phone.donation(CREATOR, "0.04", ledger.now);
        let gifts = ledger.charge(&phone, phones, &gift).receipt.unwrap().entry.0;
        let (song, songs) = bought(&mut ledger, (&mut phone, phones), "song-0", "0.04");
        let other = bought(&mut ledger, (&mut ada, key), "song-1", "0.04");
        assert_eq!(buy(&mut ledger, &mut ada, key, "song-2", "0.04"), Outcome::PriceChanged);
        // A gift that comes back changes nothing.
        assert_eq!(back(&mut ledger, &phone, &(gift, gifts)), RefundOutcome::Refunded);
        assert_eq!(paid(&ledger), micros("0.08"));
        // With the song's money back, and in the same batch, so much is due again.
        let request = phone.refund(&song, songs, ledger.now);
        let again = ada.view(CREATOR, "song-2", "0.04", ledger.now);
        let answers = ledger.apply(&[
            Command::Refund { refund: asked(&request, &phone.spending) },
            Command::Claim { claim: ada.checked(&again), key },
        ]);
        assert!(
            matches!(answers[1], Answer::Claim(answer) if answer.outcome == Outcome::Accepted),
            "{answers:?}"
        );
        ledger.assert_sound();
        ledger.now = ledger.now.plus_ms(600_000);
        assert_eq!(buy(&mut ledger, &mut ada, key, "song-3", "0.04"), Outcome::Accepted);
        // What November took is given back to November.
        assert_eq!(back(&mut ledger, &ada, &other), RefundOutcome::Refunded);
        assert_eq!(paid(&ledger), micros("0.04"));
    });
}

/// Nobody buys a dear thing for the last cent and takes the rest back, nor reads a month and takes all of it back.
#[test]
fn what_opened_the_month_does_not_go_back() {
    on_each_store(|make| {
        let mut ledger = offered(make(), "0.05");
        ledger.now = UnixMillis(DECEMBER.0 - 300_000);
        let (mut ada, key) = ledger.visitor(1, "9.00");
        let (mut phone, phones) = phone(&mut ledger, 2);
        let gift = ada.donation(CREATOR, "0.50", ledger.now);
        let gift = (gift, ledger.charge(&ada, key, &gift).receipt.unwrap().entry.0);
        let first = bought(&mut ledger, (&mut phone, phones), "song-0", "0.04");
        let last = bought(&mut ledger, (&mut ada, key), "song-1", "0.01");
        // Whichever key asks, the root key too.
        assert_eq!(back(&mut ledger, &phone, &first), RefundOutcome::WindowOver);
        let request = phone.refund(&first.0, first.1, ledger.now);
        let by_root = Refund { signer: ada.root_key(), ..request };
        assert_eq!(ledger.refund(&by_root, &ada.root).outcome, RefundOutcome::WindowOver);
        // What was not delivered is not charged, and then the month is not paid either.
        ledger.now = ledger.now.plus_ms(59_999);
        assert_eq!(back(&mut ledger, &ada, &last), RefundOutcome::Refunded);
        assert_eq!(paid(&ledger), micros("0.04"));
        assert_eq!(back(&mut ledger, &phone, &first), RefundOutcome::Refunded);
        assert_eq!(paid(&ledger), Micros::ZERO);
        // A minute later it is over.
        let first = bought(&mut ledger, (&mut ada, key), "song-0", "0.04");
        let last = bought(&mut ledger, (&mut phone, phones), "song-1", "0.01");
        ledger.now = ledger.now.plus_ms(60_000);
        assert_eq!(back(&mut ledger, &phone, &last), RefundOutcome::WindowOver);
        // A gift never counted, and goes back as ever.
        assert_eq!(back(&mut ledger, &ada, &gift), RefundOutcome::Refunded);
        // In the next month too, whatever is counted in that one.
        ledger.now = DECEMBER.plus_ms(60_000);
        assert_eq!(back(&mut ledger, &ada, &first), RefundOutcome::WindowOver);
        let new = bought(&mut ledger, (&mut ada, key), "song-2", "0.04");
        for _ in 0..2 {
            assert_eq!(back(&mut ledger, &ada, &first), RefundOutcome::WindowOver);
            assert_eq!(back(&mut ledger, &phone, &last), RefundOutcome::WindowOver);
            let refunded = back(&mut ledger, &ada, &new);
            assert!(refunded.is_success() || refunded == RefundOutcome::AlreadyRefunded);
        }
    });
}

/// Anything that happens in the wallet after the payment that reached the ceiling ends its minute.
#[test]
fn only_the_newest_payment_of_a_paid_month_goes_back() {
    on_each_store(|make| {
        let mut ledger = offered(make(), "0.04");
        let (mut ada, key) = ledger.visitor(1, "9.00");
        let (mut bob, bobs) = ledger.visitor(2, "9.00");
        let song = bought(&mut ledger, (&mut ada, key), "song-0", "0.04");
        let bobs = bought(&mut ledger, (&mut bob, bobs), "song-0", "0.04");
        let gift = ada.donation(CREATOR, "0.01", ledger.now);
        assert_eq!(ledger.outcome(&ada, key, &gift), Outcome::Accepted);
        assert_eq!(back(&mut ledger, &ada, &song), RefundOutcome::WindowOver);
        assert_eq!(back(&mut ledger, &bob, &bobs), RefundOutcome::Refunded);
    });
}

/// Also where the creator has no ceiling any more, and had one only while the month was counted.
#[test]
fn a_refund_is_counted_after_the_ceiling_is_gone() {
    on_each_store(|make| {
        let mut ledger = offered(make(), "0.10");
        ledger.now = UnixMillis(DECEMBER.0 - 300_000);
        let (mut ada, key) = ledger.visitor(1, "9.00");
        let (mut phone, phones) = phone(&mut ledger, 2);
        let song = bought(&mut ledger, (&mut phone, phones), "song-0", "0.04");
        let _ = bought(&mut ledger, (&mut ada, key), "song-1", "0.04");
        ledger.ceiling(None);
        ledger.now = DECEMBER.plus_ms(60_000);
        ledger.ceiling(Some("0.10"));
        ledger.ceiling(None);
        let creators = ledger.writer.snapshot().unwrap().creators;
        assert!(creators.values().all(|row| !row.ceiling.is_known()), "{creators:?}");
        assert_eq!(back(&mut ledger, &phone, &song), RefundOutcome::Refunded);
        let all = ledger.writer.snapshot().unwrap();
        assert_eq!(all.keys[&key].in_month.paid, micros("0.04"));
    });
}

/// A ceiling that holds at once holds for the claims of its own batch, by whichever key they come.
#[test]
fn a_first_ceiling_counts_the_claims_of_its_batch() {
    on_each_store(|make| {
        let mut ledger = Ledger::new(make());
        ledger.price("song-0", "0.04");
        let (_, _) = ledger.visitor(1, "9.00");
        let (mut phone, phones) = phone(&mut ledger, 2);
        let month_max = Some(micros("0.05"));
        let draft = CreatorDraft { month_max, ..draft_of(CREATOR, ORIGIN) };
        let song = phone.view(CREATOR, "song-0", "0.04", ledger.now);
        let answers = ledger.apply(&[
            Command::SaveCreator(draft),
            Command::Claim { claim: phone.checked(&song), key: phones },
        ]);
        assert!(
            matches!(answers[1], Answer::Claim(answer) if answer.outcome == Outcome::Accepted),
            "{answers:?}"
        );
        assert_eq!(paid(&ledger), micros("0.04"));
        ledger.assert_sound();
    });
}

#[test]
fn a_change_holds_from_the_next_month_on() {
    on_each_store(|make| {
        let mut ledger = offered(make(), "0.04");
        let (mut ada, key) = ledger.visitor(1, "9.00");
        // Nobody has paid yet, so nobody was promised anything.
        ledger.ceiling(Some("0.08"));
        assert_eq!(buy(&mut ledger, &mut ada, key, "song-0", "0.04"), Outcome::Accepted);
        for other in [Some("0.04"), None, Some("0.12")] {
            ledger.ceiling(other);
        }
        assert_eq!(buy(&mut ledger, &mut ada, key, "song-1", "0.04"), Outcome::Accepted);
        assert_eq!(buy(&mut ledger, &mut ada, key, "song-2", "0.04"), Outcome::PriceChanged);
        ledger.now = DECEMBER;
        for song in ["song-2", "song-3", "song-4"] {
            assert_eq!(buy(&mut ledger, &mut ada, key, song, "0.04"), Outcome::Accepted);
        }
        assert_eq!(buy(&mut ledger, &mut ada, key, "song-5", "0.04"), Outcome::PriceChanged);
        ledger.ceiling(None);
        assert_eq!(buy(&mut ledger, &mut ada, key, "song-5", "0.04"), Outcome::PriceChanged);
        ledger.now = DECEMBER.plus_ms(31 * DAY_MS);
        let (mut ada, key) = (ada, ledger_key(&mut ledger));
        for song in ["song-5", "song-6", "song-7", "song-8"] {
            assert_eq!(buy(&mut ledger, &mut ada, key, song, "0.04"), Outcome::Accepted);
        }
    });
}

/// A new allowance for the first visitor's key, the old one having run out.
fn ledger_key(ledger: &mut Ledger) -> KeyRef {
    let ada = Visitor::new(1, VERIFIER);
    let terms = ada.terms(CREATOR, ledger.now.plus_ms(DAY_MS));
    let allowance = ada.checked_allowance(&Allowance { serial: 9, ..terms });
    match &ledger.apply(&[Command::RegisterAllowance { allowance }])[..] {
        [Answer::Allowance(Ok(row))] => row.key,
        other => panic!("the allowance was refused: {other:?}"),
    }
}

#[test]
fn what_is_open_needs_no_budget_and_no_money() {
    on_each_store(|make| {
        let mut ledger = offered(make(), "0.04");
        let (mut ada, key) = ledger.visitor(1, "0.04");
        assert_eq!(buy(&mut ledger, &mut ada, key, "song-0", "0.04"), Outcome::Accepted);
        assert_eq!(buy(&mut ledger, &mut ada, key, "song-1", "0.04"), Outcome::PriceChanged);
        // A pause is named first, as for every payment: the quote opens what is open, not a claim.
        let paused = Budget { paused: true, ..ada.budget(1, ledger.now) };
        ledger.set_budget(&ada, &paused).unwrap();
        assert_eq!(buy(&mut ledger, &mut ada, key, "song-1", "0.04"), Outcome::PaymentsPaused);
    });
}

#[test]
fn a_ceiling_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let open = || Writer::Sqlite(Box::new(SqliteWriter::open(&path, Durability::Full).unwrap()));
    let mut ledger = offered(open(), "0.05");
    let (mut ada, key) = ledger.visitor(1, "9.00");
    let (mut phone, phones) = phone(&mut ledger, 2);
    assert_eq!(buy(&mut ledger, &mut phone, phones, "song-0", "0.04"), Outcome::Accepted);
    ledger.ceiling(Some("0.07"));
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
    assert_eq!(buy(&mut ledger, &mut ada, key, "song-1", "0.04"), Outcome::PriceChanged);
    assert_eq!(buy(&mut ledger, &mut ada, key, "song-1", "0.01"), Outcome::Accepted);
}

/// A ledger of before there were ceilings: two browsers of a wallet find each other all the same.
#[test]
fn an_older_ledger_learns_to_count() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let open = || Writer::Sqlite(Box::new(SqliteWriter::open(&path, Durability::Full).unwrap()));
    let mut ledger = Ledger::new(open());
    (0..4).for_each(|number| ledger.price(&format!("song-{number}"), "0.04"));
    let (mut ada, key) = ledger.visitor(1, "9.00");
    let (mut phone, phones) = phone(&mut ledger, 2);
    let (_, others) = ledger.visitor(2, "1.00");
    assert_eq!(buy(&mut ledger, &mut ada, key, "song-0", "0.04"), Outcome::Accepted);
    ledger.writer = Writer::Memory(Box::default());
    let before = rusqlite::Connection::open(&path).unwrap();
    before
        .execute_batch(
            "DROP INDEX keys_of_wallet;
             ALTER TABLE keys DROP COLUMN first; ALTER TABLE keys DROP COLUMN month;
             ALTER TABLE keys DROP COLUMN in_month; ALTER TABLE creators DROP COLUMN ceiling;
             ALTER TABLE creators DROP COLUMN ceiling_before;
             ALTER TABLE creators DROP COLUMN ceiling_from; DROP TABLE rotations; DROP TABLE backups; DROP TABLE permissions;
             ALTER TABLE wallets DROP COLUMN generation; ALTER TABLE keys DROP COLUMN generation;
             PRAGMA user_version = 6;",
        )
        .unwrap();
    drop(before);
    ledger.writer = open();
    let all = ledger.writer.snapshot().unwrap();
    let firsts = [key, phones, others].map(|key| all.keys[&key].first);
    assert_eq!(firsts, [key, key, others]);
    ledger.assert_sound();
    // The creator was paid before, so its ceiling begins with the next month.
    ledger.ceiling(Some("0.05"));
    assert_eq!(buy(&mut ledger, &mut phone, phones, "song-1", "0.04"), Outcome::Accepted);
    ledger.now = DECEMBER;
    assert_eq!(buy(&mut ledger, &mut phone, phones, "song-2", "0.04"), Outcome::Accepted);
    assert_eq!(buy(&mut ledger, &mut ada, key, "song-3", "0.04"), Outcome::PriceChanged);
    assert_eq!(buy(&mut ledger, &mut ada, key, "song-3", "0.01"), Outcome::Accepted);
}

type Tamper = fn(&mut Snapshot);

#[test]
fn the_audit_sees_a_month_that_was_tampered_with() {
    let mut ledger = offered(Writer::Memory(Box::default()), "0.10");
    let (mut ada, key) = ledger.visitor(1, "9.00");
    let (mut phone, phones) = phone(&mut ledger, 2);
    assert_eq!(buy(&mut ledger, &mut ada, key, "song-0", "0.04"), Outcome::Accepted);
    assert_eq!(buy(&mut ledger, &mut phone, phones, "song-1", "0.04"), Outcome::Accepted);
    let sound = ledger.writer.snapshot().unwrap();
    let tampers: &[(&str, Tamper)] = &[
        ("paid less", |all| row(all, 1).in_month.paid = micros("0.04")),
        ("paid in another month", |all| row(all, 1).in_month.month += 1),
        ("counted twice", |all| row(all, 2).in_month = row(all, 1).in_month),
        ("counted apart", |all| row(all, 2).first = KeyRef(2)),
        ("more than the creator takes", |all| {
            let lowered = Ceiling { most: Some(micros("0.07")), ..Ceiling::default() };
            all.creators.values_mut().for_each(|row| row.ceiling = lowered);
        }),
    ];
    for (name, tamper) in tampers {
        let mut all = sound.clone();
        tamper(&mut all);
        let report = farthing_verifier::audit::audit(&all);
        assert_ne!(report.differences, Vec::<String>::new(), "{name}");
    }
}

fn row(all: &mut Snapshot, key: u64) -> &mut farthing_rules::rows::KeyRow {
    all.keys.get_mut(&KeyRef(key)).unwrap()
}

#[test]
fn nothing_is_counted_where_no_ceiling_is_offered() {
    on_each_store(|make| {
        let mut ledger = Ledger::new(make());
        let (mut ada, key) = ledger.visitor(1, "9.00");
        assert_eq!(buy(&mut ledger, &mut ada, key, "essay", "0.05"), Outcome::Accepted);
        let all = ledger.writer.snapshot().unwrap();
        assert!(all.keys.values().all(|row| row.in_month == InMonth::default()));
    });
}
