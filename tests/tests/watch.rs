//! The watch over a running verifier: a farm that registers together and pays one creator is found, what
//! it paid that creator is held, and whatever is broken off in between is taken up again.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};

use axum::http::StatusCode;
use farthing_fraud::calibrate;
use farthing_rules::command::CreatorDraft;
use farthing_rules::findings::{Act, FindingRow, FindingState, Observation};
use farthing_rules::rows::Entry;
use farthing_rules::{Answer, Command, CreatorRef, EntryBody, EntryNumber, FindingId, VoucherHash};
use farthing_shared::{Claim, CreatorId, Micros, SigningKey, UnixMillis, origin_hash};
use farthing_tests::actors::{Visitor, micros, seed};
use farthing_tests::chance::Chance;
use farthing_tests::inprocess::Verifier;
use farthing_verifier::audit::audit;
use farthing_verifier::findings::{Bundle, Report, Scan, Scanned, Source, Watch, picture};
use farthing_verifier::store::Writer;
use farthing_verifier::store::sqlite::{Durability, ReadError, Reader, SqliteWriter, Wanted};
use serde_json::json;

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
const CREATORS: u64 = 6;
const HONEST: u64 = 160;
const FARM: u64 = 40;

/// What happens, and when.
#[derive(Debug, Clone, Copy)]
enum Event {
    Open { wallet: u64, origin: u64, fund: u64 },
    Pay { wallet: u64, creator: u64 },
}

/// Honest wallets come over twelve days from everywhere and pay what they like; the farm comes within half an hour of the
/// sixth day, from one network and one purchase of vouchers, and pays creator 1.
fn events(chance: &mut Chance) -> Vec<(u64, Event)> {
    let mut events = Vec::new();
    for wallet in 0..HONEST {
        let born = chance.below(12 * DAY_MS);
        let own = 1_000 + wallet;
        events.push((born, Event::Open { wallet, origin: own, fund: own }));
        for _ in 0..2 + chance.below(4) {
            let creator = 1 + chance.below(CREATORS);
            let at = born + MINUTE_MS + chance.below(2 * DAY_MS);
            events.push((at, Event::Pay { wallet, creator }));
        }
    }
    for wallet in HONEST..HONEST + FARM {
        // The first one buys the vouchers.
        let born = 6 * DAY_MS + if wallet == HONEST { 0 } else { chance.below(30 * MINUTE_MS) };
        events.push((born, Event::Open { wallet, origin: 7, fund: 7 }));
        for visit in 1..4 {
            let at = born + visit * 40 * MINUTE_MS + chance.below(5 * MINUTE_MS);
            events.push((at, Event::Pay { wallet, creator: 1 }));
        }
    }
    events.sort_by_key(|(at, _)| *at);
    events
}

fn creator_id(number: u64) -> CreatorId {
    CreatorId([u8::try_from(number).unwrap(); 16])
}

fn visitor(verifier: &Verifier, wallet: u64, creator: u64) -> Visitor {
    Visitor {
        spending: SigningKey::from_seed(&seed(wallet * 100 + creator, 9)),
        origin: origin_hash("https://pay.example").unwrap(),
        ..Visitor::new(10_000 + wallet, verifier.id())
    }
}

async fn ask(verifier: &Verifier, command: Command) -> Answer {
    verifier.app.intake.ask(command).await.unwrap()
}

/// The creators.
async fn prepare(verifier: &Verifier) {
    for number in 1..=CREATORS {
        let draft = CreatorDraft {
            id: creator_id(number),
            name: format!("Creator <{number}>"),
            sites: vec!["https://blog.example".into()],
            threshold: micros("10.00"),
            offer_key: None,
            revoke_links: false,
            refund_window_ms: None,
            month_max: None,
        };
        ask(verifier, Command::SaveCreator(draft)).await;
    }
}

/// How often each wallet has paid each creator.
type Paid = HashMap<(u64, u64), u64>;

/// Plays events, counted from `begun`.
async fn play(verifier: &Verifier, begun: UnixMillis, events: &[(u64, Event)], paid: &mut Paid) {
    for (at, event) in events {
        verifier.wait_ms(begun.plus_ms(*at).since(verifier.now()));
        match *event {
            Event::Open { wallet, origin, fund } => open(verifier, wallet, origin, fund).await,
            Event::Pay { wallet, creator } => {
                let sequence = paid.entry((wallet, creator)).or_insert(0);
                *sequence += 1;
                pay(verifier, wallet, creator, *sequence).await;
            }
        }
    }
}

async fn open(verifier: &Verifier, wallet: u64, origin: u64, fund: u64) {
    let someone = visitor(verifier, wallet, 0);
    let opening = someone.checked_opening();
    let opened = ask(verifier, Command::OpenWallet { opening, origin: Some(origin) }).await;
    assert!(matches!(opened, Answer::Wallet { opened: true, .. }), "{opened:?}");
    // The farm's vouchers were issued together, everybody else's one by one.
    let voucher = |number: u64| {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&(number + 1).to_be_bytes());
        VoucherHash(hash)
    };
    let vouchers = match fund {
        7 if wallet == HONEST => (HONEST..HONEST + FARM).map(voucher).collect(),
        7 => Vec::new(),
        _ => vec![voucher(wallet)],
    };
    let expires_at = verifier.now().plus_ms(30 * DAY_MS);
    ask(verifier, Command::IssueVouchers { vouchers, amount: micros("1.00"), expires_at }).await;
    let (root, voucher) = (someone.root_key(), voucher(wallet));
    let topped = ask(verifier, Command::TopUp { root, voucher }).await;
    assert!(matches!(topped, Answer::TopUp(Ok(_))), "{topped:?}");
}

async fn pay(verifier: &Verifier, wallet: u64, creator: u64, sequence: u64) {
    let mut someone = visitor(verifier, wallet, creator);
    let expires_at = verifier.now().plus_ms(30 * DAY_MS);
    let mut terms = someone.terms(creator_id(creator), expires_at);
    terms.serial = sequence;
    let allowance = someone.checked_allowance(&terms);
    let registered = ask(verifier, Command::RegisterAllowance { allowance }).await;
    let Answer::Allowance(Ok(row)) = registered else { panic!("{registered:?}") };
    someone.next = sequence;
    let claim = someone.donation(creator_id(creator), "0.05", verifier.now());
    let answer =
        ask(verifier, Command::Claim { claim: someone.checked(&claim), key: row.key }).await;
    assert!(matches!(answer, Answer::Claim(answer) if answer.outcome.is_charged()), "{answer:?}");
}

fn watch(verifier: &Verifier) -> Watch {
    let app = &verifier.app;
    Watch::new(app.reader.clone(), app.intake.clone(), app.clock.clone(), 30)
}

async fn catch_up(watch: &mut Watch) {
    while watch.round().await.unwrap() > 0 {}
}

fn accusing(verifier: &Verifier) -> Vec<FindingRow> {
    let wanted = Wanted { accusing: true, ..Wanted::default() };
    verifier.app.reader.findings(wanted, u64::MAX, 10_000).unwrap()
}

fn scanned(verifier: &Verifier) -> BTreeSet<FindingId> {
    let mut scan = Scan::new(verifier.app.reader.clone());
    let mut found = BTreeSet::new();
    loop {
        let step = scan.step(777).unwrap();
        found.extend(step.drafts.iter().map(|draft| draft.id));
        if step.events == 0 {
            return found;
        }
    }
}

/// A reader of which every third read fails once.
struct Restless {
    reader: Reader,
    reads: Cell<u64>,
}

impl Restless {
    fn disturbed<T>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        self.reads.set(self.reads.get() + 1);
        match self.reads.get() % 3 {
            0 => Err(ReadError::new("the disk is restless".into())),
            _ => read(&self.reader),
        }
    }
}

impl Source for Restless {
    fn events_after(
        &self,
        read: (EntryNumber, u64),
        limit: usize,
    ) -> Result<(Vec<Entry>, Vec<Observation>), ReadError> {
        self.disturbed(|reader| reader.events_after(read, limit))
    }

    fn entry(&self, number: EntryNumber) -> Result<Option<Entry>, ReadError> {
        self.disturbed(|reader| reader.entry(number))
    }

    fn voucher_issued_at(&self, hash: &[u8; 32]) -> Result<Option<UnixMillis>, ReadError> {
        self.disturbed(|reader| reader.voucher_issued_at(hash))
    }

    fn creator_id(&self, creator: CreatorRef) -> Result<Option<CreatorId>, ReadError> {
        self.disturbed(|reader| Ok(reader.profile(creator)?.map(|profile| profile.id)))
    }
}

/// Everything that a scan gives, and how many of its steps failed.
fn all_of<S: Source>(source: S) -> (Scanned, u64) {
    let (mut scan, mut all, mut failed) = (Scan::new(source), Scanned::default(), 0);
    loop {
        match scan.step(100) {
            Err(_) => failed += 1,
            Ok(step) if step.events == 0 => return (all, failed),
            Ok(step) => {
                all.events += step.events;
                all.drafts.extend(step.drafts);
                all.claims.extend(step.claims);
            }
        }
    }
}

fn a_failed_read_loses_nothing(verifier: &Verifier) {
    let reader = verifier.app.reader.clone();
    let (calm, none) = all_of(reader.clone());
    let (restless, failed) = all_of(Restless { reader, reads: Cell::new(0) });
    assert!(none == 0 && failed > 100 && calm.drafts.len() > 20, "{failed} {}", calm.drafts.len());
    assert_eq!(restless, calm);
}

fn assert_sound(verifier: &Verifier) {
    let path = farthing_verifier::run::ledger_path(&verifier.app.config);
    let writer = Writer::Sqlite(Box::new(SqliteWriter::open(&path, Durability::Full).unwrap()));
    assert_eq!(audit(&writer.snapshot().unwrap()).differences, Vec::<String>::new());
}

fn creator(verifier: &Verifier, number: u64) -> farthing_rules::rows::CreatorRow {
    verifier.app.reader.creator(&creator_id(number)).unwrap().unwrap().0
}

fn a_scan_finds_what_was_recorded(verifier: &Verifier) {
    let rows = verifier.app.reader.findings(Wanted::default(), u64::MAX, 10_000).unwrap();
    let recorded: BTreeSet<FindingId> = rows.iter().map(|row| row.said.id).collect();
    assert_eq!(scanned(verifier), recorded, "a scan of the ledger finds what the server found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_farm_is_found_held_and_decided() {
    let seed = 41;
    let mut chance = Chance::new(seed);
    let verifier = Verifier::start().await;
    let mut watch = watch(&verifier);
    let events = events(&mut chance);
    // The watch follows while it happens; what it reads in pieces is what a scan reads at once.
    let (before, after) = events.split_at(events.len() / 2);
    let (begun, mut paid) = (verifier.now(), Paid::new());
    prepare(&verifier).await;
    play(&verifier, begun, before, &mut paid).await;
    catch_up(&mut watch).await;
    play(&verifier, begun, after, &mut paid).await;
    catch_up(&mut watch).await;

    let found = accusing(&verifier);
    assert!(found.len() >= 20, "seed {seed}: {} accused", found.len());
    for row in &found {
        assert_eq!(row.said.creator, creator(&verifier, 1).creator, "{row:?}");
        assert!(row.said.entries.iter().all(|entry| *entry <= row.said.horizon), "{row:?}");
        assert_eq!((row.held_claims, row.held), (3, micros("0.15")), "{row:?}");
    }
    a_scan_finds_what_was_recorded(&verifier);
    assert_sound(&verifier);
    a_failed_read_loses_nothing(&verifier);
    for row in &found {
        assert_eq!(row.said.error_ppm, calibrate::honest_accused_ppm(&row.said.rule), "{row:?}");
        assert!(row.said.error_ppm < 1_000_000, "{}: never measured", row.said.rule);
    }

    a_new_process_finds_nothing_new(&verifier, &found).await;
    decisions_move_the_money(&verifier, &found).await;
    // The scan has read what was lifted by now.
    a_scan_finds_what_was_recorded(&verifier);
    a_failed_read_loses_nothing(&verifier);
    what_people_read(&verifier, &found).await;
}

async fn a_new_process_finds_nothing_new(verifier: &Verifier, found: &[FindingRow]) {
    let mut again = watch(verifier);
    catch_up(&mut again).await;
    assert_eq!(accusing(verifier), found);
    // An accused wallet pays on, and that is held too; what it pays to others is not.
    let verdict = found.first().unwrap();
    let wallet = verdict.said.subject.number;
    let all =
        verifier.app.reader.wallet_by_ref(farthing_rules::WalletRef(wallet)).unwrap().unwrap();
    let number = (HONEST..HONEST + FARM)
        .find(|n| visitor(verifier, *n, 0).root_key() == all.root)
        .expect("the accused one is of the farm");
    pay(verifier, number, 1, 4).await;
    pay(verifier, number, 2, 1).await;
    let before = creator(verifier, 2).review;
    catch_up(&mut again).await;
    let row = verifier.app.reader.finding(verdict.finding).unwrap().unwrap();
    assert_eq!((row.held_claims, row.held), (4, micros("0.20")));
    assert_eq!(creator(verifier, 2).review, before);
    assert_sound(verifier);
}

async fn decisions_move_the_money(verifier: &Verifier, found: &[FindingRow]) {
    let (upheld, lifted) = (found[0].finding, found[1].finding);
    for (finding, act) in [(upheld, Act::Uphold), (lifted, Act::Lift)] {
        let (who, why) = ("Ada".into(), "looked at it".into());
        ask(verifier, Command::Review { finding, act, who, why }).await;
    }
    let (held, payable) = (creator(verifier, 1).review, creator(verifier, 1).payable);
    // Whoever decided went away before the money moved: the watch moves it.
    catch_up(&mut watch(verifier)).await;
    let row = creator(verifier, 1);
    assert_eq!(row.review, held.minus(micros("0.35")).unwrap());
    let back = row.payable.plus(row.held).unwrap();
    assert!(back >= payable.plus(micros("0.15")).unwrap());
    let states = [upheld, lifted].map(|finding| {
        let row = verifier.app.reader.finding(finding).unwrap().unwrap();
        (row.state, row.held)
    });
    let none = Micros::ZERO;
    assert_eq!(states, [(FindingState::Upheld, none), (FindingState::Lifted, none)]);
    assert_sound(verifier);
}

async fn what_people_read(verifier: &Verifier, found: &[FindingRow]) {
    let today = verifier.now().day();
    let report = Report::read(&verifier.app.reader, today, 30).unwrap();
    assert_eq!((report.false_alarms.reviewed, report.false_alarms.lifted), (2, 1));
    let text = report.text("EUR");
    assert!(text.contains("1 of 2 reviewed were lifted, 50.0 %"), "{text}");
    assert!(text.contains("group"), "{text}");
    let bundle = Bundle::read(&verifier.app.reader, &found[2]).unwrap();
    let words = bundle.verify().unwrap();
    assert!(words.contains("3 signed claims hold"), "{words}");
    let svg = picture(&verifier.app.reader, &found[2]).unwrap();
    assert!(svg.matches("<circle").count() >= 20, "{svg}");
    assert!(svg.contains("Creator &lt;1&gt;") && !svg.contains("Creator <1>"), "{svg}");
}

/// Found by one process that died before it held anything.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_and_not_held_is_held_at_the_next_start() {
    let mut verifier = Verifier::start().await;
    let mut ada = verifier.visitor(1, "1.00").await;
    let claim = ada.donation(farthing_tests::ledger::CREATOR, "0.10", verifier.now());
    let answer = verifier.charge(&ada.sign(&claim)).await.json();
    assert_eq!(answer["outcome"], "accepted");
    let paid = answer["entry"].as_u64().unwrap();
    let mut draft = farthing_tests::suspicion::draft(1, 1, 0, true);
    draft.entries = (1..=paid).map(farthing_rules::EntryNumber).collect();
    draft.id = farthing_verifier::findings::identity(&draft);
    ask(&verifier, Command::RecordFindings(vec![draft])).await;
    let session = verifier.sign_in().await;
    let mut watch = watch(&verifier);
    catch_up(&mut watch).await;
    let totals = verifier.get_with("/v1/creator/totals", &session).await.json();
    assert_eq!((&totals["under_review"], &totals["held"]), (&json!("0.10"), &json!("0.00")));
    let reader = &verifier.app.reader;
    let entries = (1..=reader.newest_entry().unwrap().0).map(farthing_rules::EntryNumber);
    let entries = entries.filter_map(|number| reader.entry(number).unwrap());
    let holds = entries.filter(|entry| matches!(entry.body, EntryBody::Hold(_))).count();
    assert_eq!(holds, 1);
    assert_sound(&verifier);

    // The creator reads it and answers; a stranger's finding is none of its business.
    let list = verifier.get_with("/v1/creator/findings", &session).await.json();
    assert_eq!(list["data"][0]["held"], "0.10");
    assert_eq!(
        (&list["data"][0]["state"], &list["data"][0]["done"]),
        (&json!("open"), &json!("held"))
    );
    // The wallet's number would tell two creators that they share a visitor.
    let finding = &list["data"][0];
    let subject = finding["subject"].as_str().unwrap();
    let explanation = finding["explanation"].as_str().unwrap();
    assert!(subject.len() == 10 && subject.starts_with("w-"), "{subject}");
    assert!(explanation.contains(subject) && !explanation.contains("w1"), "{explanation}");
    // The wallet's top-up is evidence as well, and not the creator's to read.
    assert_eq!(finding["entries"], json!([paid]), "of all that it rests on");
    let answer = json!({ "text": "they are my readers" });
    let path = "/v1/creator/findings/1/answers";
    let answered = post_with(&verifier, path, &session, &answer).await;
    assert_eq!(answered.json()["state"], "appealed", "{answered:?}");
    assert_eq!(answered.json()["trail"][0]["why"], "they are my readers");
    let rows = [
        ("/v1/creator/findings/9/answers", json!({ "text": "x" }), StatusCode::NOT_FOUND),
        (path, json!({ "text": "  " }), StatusCode::UNPROCESSABLE_ENTITY),
        (path, json!({ "text": "x".repeat(4_001) }), StatusCode::UNPROCESSABLE_ENTITY),
        (path, json!({ "words": "x" }), StatusCode::BAD_REQUEST),
    ];
    for (path, body, expected) in rows {
        assert_eq!(post_with(&verifier, path, &session, &body).await.status, expected, "{path}");
    }
    assert_eq!(verifier.post(path, &answer).await.status, StatusCode::UNAUTHORIZED);

    // So does the visitor, whose wallet was stopped.
    let (who, why) = ("Ada".into(), "it looks like one of many".into());
    let wallet = farthing_rules::WalletRef(1);
    let standing = farthing_rules::findings::Standing::Frozen;
    ask(&verifier, Command::SetStanding { wallet, standing, who, why }).await;
    let claim = ada.donation(farthing_tests::ledger::CREATOR, "0.10", verifier.now());
    let refused = verifier.charge(&ada.sign(&claim)).await.json();
    assert_eq!((&refused["outcome"], &refused["code"]), (&json!("wallet_frozen"), &json!(56)));
    let path = format!("/v1/wallets/{}/standing", ada.root_key());
    let read = verifier.get_as(&path, &ada.root).await.json();
    assert_eq!(
        (&read["standing"], &read["why"]),
        (&json!("frozen"), &json!("it looks like one of many"))
    );
    let finding = &read["findings"][0];
    assert_eq!((&finding["finding"], &finding["subject"]), (&json!(1), &json!("w1")));
    assert_eq!(
        verifier.get_as(&path, &SigningKey::from_seed(&seed(78, 1))).await.status,
        StatusCode::FORBIDDEN
    );
    each_reads_what_is_its_own(&verifier, &ada, &session).await;
}

async fn each_reads_what_is_its_own(verifier: &Verifier, ada: &Visitor, session: &str) {
    // What the visitor says of itself is for the provider, and who decides there is nobody's affair.
    let path = format!("/v1/wallets/{}/findings/1/answers", ada.root_key());
    let access = verifier.access("POST", &path, &ada.root);
    let request = axum::http::Request::post(&path)
        .header("content-type", "application/json")
        .header("authorization", access);
    let body = axum::body::Body::from(r#"{"text":"my own words"}"#);
    let answered = verifier.send(request.body(body).unwrap()).await.json();
    assert_eq!(answered["trail"][1]["why"], "my own words", "{answered}");
    // What is under review cannot be refunded, and is not said to be.
    let entries = format!("/v1/wallets/{}/entries", ada.root_key());
    let paid = verifier.get_as(&entries, &ada.root).await.json()["data"][0].clone();
    assert_eq!((&paid["under_review"], &paid["refundable_until"]), (&json!(true), &json!(null)));
    let (who, why) = ("Eve at the desk".into(), "readers, as they say".into());
    let finding = farthing_rules::FindingRef(1);
    ask(verifier, Command::Review { finding, act: Act::Lift, who, why }).await;
    catch_up(&mut watch(verifier)).await;
    let paid = verifier.get_as(&entries, &ada.root).await.json()["data"][0].clone();
    assert!(paid["under_review"] == false && paid["refundable_until"].is_string(), "{paid}");
    let list = verifier.get_with("/v1/creator/findings", session).await;
    let shown = list.json()["data"][0]["trail"].clone();
    let shown: Vec<_> = shown.as_array().unwrap().iter().map(|line| line["why"].clone()).collect();
    assert_eq!(shown, [json!("they are my readers"), json!("readers, as they say")]);
    assert!(!String::from_utf8_lossy(&list.bytes).contains("Eve"), "{list:?}");
}

/// Two findings accuse one wallet of paying one creator. Deciding one of them leaves the other in force.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_finding_goes_on_holding_when_the_first_is_lifted() {
    let mut verifier = Verifier::start().await;
    let mut ada = verifier.visitor(1, "1.00").await;
    let mut watch = watch(&verifier);
    let mut pay = async |verifier: &Verifier| {
        let claim = ada.donation(farthing_tests::ledger::CREATOR, "0.10", verifier.now());
        let answer = verifier.charge(&ada.sign(&claim)).await.json();
        assert_eq!(answer["outcome"], "accepted");
    };
    pay(&verifier).await;
    let two = [0, 1].map(|mark| farthing_tests::suspicion::draft(1, 1, mark, true));
    ask(&verifier, Command::RecordFindings(two.to_vec())).await;
    catch_up(&mut watch).await;
    let held: Vec<u64> = accusing(&verifier).iter().map(|row| row.held_claims).collect();
    assert_eq!(held.iter().sum::<u64>(), 1, "{held:?}");
    let holder = accusing(&verifier).into_iter().find(|row| row.held_claims == 1).unwrap();
    let (who, why) = ("a reviewer".into(), "an honest reader".into());
    let finding = holder.finding;
    ask(&verifier, Command::Review { finding, act: Act::Lift, who, why }).await;
    pay(&verifier).await;
    catch_up(&mut watch).await;
    let other = accusing(&verifier).into_iter().find(|row| row.finding != finding).unwrap();
    assert_eq!((other.held_claims, other.held), (1, micros("0.10")));
    assert_sound(&verifier);
}

async fn post_with(
    verifier: &Verifier,
    path: &str,
    session: &str,
    body: &serde_json::Value,
) -> farthing_tests::inprocess::Answered {
    use axum::body::Body;
    use axum::http::{Request, header};
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {session}"));
    verifier.send(request.body(Body::from(body.to_string())).unwrap()).await
}

/// What a wallet signed twice convicts it by itself, wherever the file is read.
#[tokio::test(flavor = "multi_thread")]
async fn double_signing_is_proved_by_one_file() {
    let mut verifier = Verifier::start().await;
    let mut ada = verifier.visitor(1, "1.00").await;
    let claim = ada.donation(farthing_tests::ledger::CREATOR, "0.10", verifier.now());
    let twin = Claim { expires_at: claim.expires_at.plus_ms(1), ..claim };
    for (claim, expected) in [(claim, "accepted"), (twin, "equivocation")] {
        assert_eq!(verifier.charge(&ada.sign(&claim)).await.json()["outcome"], expected);
    }
    catch_up(&mut watch(&verifier)).await;
    let found = accusing(&verifier);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].said.kind.as_str(), found[0].held), ("equivocation", Micros::ZERO));
    let bundle = Bundle::read(&verifier.app.reader, &found[0]).unwrap();
    let words = bundle.verify().unwrap();
    assert!(words.contains("1 numbers were signed twice"), "{words}");

    let whole = serde_json::to_value(&bundle).unwrap();
    let pair = whole["signed_twice"][0].clone();
    let mut other = pair["second"].as_str().unwrap().to_owned();
    other.replace_range(300..301, if &other[300..301] == "A" { "B" } else { "A" });
    let lies = [
        ("/explanation", json!("w1 is a saint"), "was changed"),
        ("/score_ppm", json!(1), "was changed"),
        ("/signed_twice", json!([]), "are missing"),
        ("/signed_twice/0/second", pair["first"].clone(), "not of one key"),
        ("/signed_twice/0/second", json!(other), ""),
        ("/entries", json!([9_999]), "was changed"),
        ("/format", json!("farthing/finding/2"), "not a finding"),
    ];
    for (place, lie, why) in lies {
        let mut changed = whole.clone();
        *changed.pointer_mut(place).unwrap() = lie;
        let changed: Bundle = serde_json::from_value(changed).unwrap();
        let error = changed.verify().unwrap_err();
        assert!(error.contains(why), "{place}: {error}");
    }
    assert_sound(&verifier);
}

#[tokio::test(flavor = "multi_thread")]
async fn forgeries_are_found_by_sender() {
    let mut verifier = Verifier::start().await;
    let mut ada = verifier.visitor(1, "1.00").await;
    let claim = ada.donation(farthing_tests::ledger::CREATOR, "0.10", verifier.now());
    let mut bytes = ada.sign(&claim).encode();
    bytes[255] ^= 1;
    let forged = farthing_shared::SignedClaim::decode(&bytes).unwrap();
    for count in 1..=4 {
        assert_eq!(verifier.charge(&forged).await.json()["outcome"], "forged");
        let seen = verifier.app.origins.take_forged();
        assert_eq!(seen.len(), 1);
        ask(&verifier, Command::Observe(seen)).await;
        let mut watch = watch(&verifier);
        catch_up(&mut watch).await;
        let found = accusing(&verifier);
        assert_eq!(found.len(), usize::from(count >= 3), "after {count}");
        assert!(
            found.iter().all(|row| row.said.creator == CreatorRef(0) && row.held == Micros::ZERO)
        );
    }
    assert_sound(&verifier);
}
