//! Random histories: SQLite and the model answer alike and end alike, money is conserved, and the audit
//! finds nothing; then rows are changed behind the ledger's back, and it finds each change.
#![allow(clippy::unwrap_used, reason = "tests")]

use farthing_rules::command::CreatorDraft;
use farthing_rules::findings::{Act, FindingRef, Standing};
use farthing_rules::{
    Answer, Command, EntryBody, EntryNumber, KeyRef, Policy, VoucherHash, WalletRef,
};
use farthing_shared::{
    Allowance, Budget, Claim, ItemHash, Kind, Micros, Permission, Refund, SignedClaim, SigningKey,
    UnixMillis, item_hash,
};
use farthing_tests::actors::{ORIGIN, Visitor, micros, seed};
use farthing_tests::ledger::{CREATOR, Ledger, OTHER, VERIFIER, asked, draft_of, policy};
use farthing_tests::suspicion::draft;
use farthing_verifier::store::sqlite::{Durability, Pace, SqliteWriter};
use farthing_verifier::store::{Failure, Snapshot, StoreError, Writer};
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

const VISITORS: u64 = 3;
const ITEMS: [&str; 4] = ["essay", "film", "song", "unpriced"];

/// One thing that happens. Numbers choose among what exists.
#[derive(Debug, Clone)]
enum Step {
    /// Time passes.
    Wait { ms: u64 },
    /// The clock is set back.
    Back { ms: u64 },
    /// Claims come in one batch.
    Claims(Vec<Pay>),
    /// The wallet is topped up by a voucher, fresh or used.
    TopUp { visitor: u64, voucher: u8 },
    /// A visitor gives a new allowance.
    Allow { visitor: u64, serial: u64, grant: u64, cap_cents: u64 },
    /// A price changes.
    Price { item: usize, cents: u64 },
    /// The creator offers another ceiling a month, or none.
    Ceiling { cents: u64 },
    /// What is due becomes payable.
    Release,
    /// Payers want their money back, in one batch with claims.
    Refunds(Vec<Ask>, Vec<Pay>),
    /// A visitor limits or pauses its wallet, in one batch with a refund and claims.
    Budget { visitor: u64, number: u64, cents: (u64, u64), paused: bool, ask: Ask, pays: Vec<Pay> },
    /// A visitor permits that the creator is paid without a click, in one batch with a refund and claims.
    Permit { visitor: u64, number: u64, cents: u64, ask: Ask, pays: Vec<Pay> },
    /// Another root key takes the place of a visitor's, in one batch with a refund and claims.
    Rotate { visitor: u64, to: u64, age_ms: u64, ask: Ask, pays: Vec<Pay> },
    /// A visitor keeps its root key with a passkey.
    Keep { visitor: u64, name: u8, age_ms: u64 },
    /// A wallet is accused, or watched.
    Find { wallet: u64, creator: u64, mark: u64, accuse: bool },
    /// What stems from a finding is held, as far as these entries go.
    Hold { finding: u64, first: u64, count: u64 },
    /// Somebody decides or answers.
    Review { finding: u64, act: u8 },
    /// Decided money moves.
    Settle { finding: u64 },
    /// A wallet is let pay or not.
    Stand { wallet: u64, standing: u8 },
}

impl Step {
    /// The time after it, where it is one that moves the clock.
    fn clock(&self, now: UnixMillis) -> Option<UnixMillis> {
        match self {
            Self::Wait { ms } => Some(now.plus_ms(*ms)),
            Self::Back { ms } => Some(UnixMillis(now.0.saturating_sub(*ms))),
            _ => None,
        }
    }
}

/// A refund request: of which entry, in whose name, how long ago it was signed.
#[derive(Debug, Clone)]
struct Ask {
    entry: u64,
    by_root: bool,
    stranger: bool,
    age_ms: u64,
}

/// A claim: by whom, under which number, for what.
#[derive(Debug, Clone)]
struct Pay {
    visitor: u64,
    sequence: u64,
    item: Option<usize>,
    cents: u64,
    expiry_ms: u64,
    /// From the visitor's second browser.
    phone: bool,
    /// Without a click.
    automatic: bool,
}

fn pay() -> impl Strategy<Value = Pay> {
    let item = prop_oneof![Just(None), (0..ITEMS.len()).prop_map(Some)];
    let expiry_ms = prop_oneof![Just(60_000_u64), 1_u64..200_000];
    let ways = (any::<bool>(), prop::bool::weighted(0.3));
    (0..VISITORS, 1_u64..12, item, 1_u64..8, expiry_ms, ways).prop_map(
        |(visitor, sequence, item, cents, expiry_ms, (phone, automatic))| Pay {
            visitor,
            sequence,
            item,
            cents,
            expiry_ms,
            phone,
            automatic,
        },
    )
}

fn ask() -> impl Strategy<Value = Ask> {
    let age_ms = prop_oneof![4 => Just(0_u64), 1 => 1_u64..200_000];
    (1_u64..40, any::<bool>(), prop::bool::weighted(0.1), age_ms)
        .prop_map(|(entry, by_root, stranger, age_ms)| Ask { entry, by_root, stranger, age_ms })
}

fn budget() -> impl Strategy<Value = Step> {
    // 0 stands for no limit.
    let cents = (0_u64..12, 0_u64..20);
    let pays = prop::collection::vec(pay(), 0..4);
    (0..VISITORS, 1_u64..5, cents, prop::bool::weighted(0.1), ask(), pays).prop_map(
        |(visitor, number, cents, paused, ask, pays)| Step::Budget {
            visitor,
            number,
            cents,
            paused,
            ask,
            pays,
        },
    )
}

fn permit() -> impl Strategy<Value = Step> {
    let pays = prop::collection::vec(pay(), 0..4);
    (0..VISITORS, 1_u64..5, 0_u64..40, ask(), pays).prop_map(
        |(visitor, number, cents, ask, pays)| Step::Permit { visitor, number, cents, ask, pays },
    )
}

fn rotate() -> impl Strategy<Value = Step> {
    let age_ms = prop_oneof![9 => Just(0_u64), 1 => 1_u64..200_000];
    // Now and then to a key that is, or was, somebody's.
    let to = prop_oneof![9 => 10_u64..40, 1 => 0_u64..VISITORS + 1];
    (0..VISITORS, to, age_ms, ask(), prop::collection::vec(pay(), 0..4)).prop_map(
        |(visitor, to, age_ms, ask, pays)| Step::Rotate { visitor, to, age_ms, ask, pays },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (1_u64..400_000).prop_map(|ms| Step::Wait { ms }),
        // Some hours, so that days and months end; and the clock may be set back over that.
        1 => (1_u64..40).prop_map(|hours| Step::Back { ms: hours * 3_600_000 }),
        1 => (1_u64..100).prop_map(|hours| Step::Wait { ms: hours * 3_600_000 }),
        4 => budget(),
        5 => rotate(),
        4 => permit(),
        1 => (0..VISITORS, 1_u8..4, 0_u64..200_000).prop_map(
            |(visitor, name, age_ms)| Step::Keep { visitor, name, age_ms }
        ),
        8 => prop::collection::vec(pay(), 1..6).prop_map(Step::Claims),
        2 => (0..VISITORS, 0_u8..6).prop_map(|(visitor, voucher)| Step::TopUp { visitor, voucher }),
        4 => (0..VISITORS, 1_u64..6, 1_u64..3, 0_u64..200).prop_map(
            |(visitor, serial, grant, cap_cents)| Step::Allow { visitor, serial, grant, cap_cents }
        ),
        1 => (0..ITEMS.len() - 1, 1_u64..8).prop_map(|(item, cents)| Step::Price { item, cents }),
        // 0 stands for no ceiling.
        1 => (0_u64..12).prop_map(|cents| Step::Ceiling { cents }),
        1 => Just(Step::Release),
        6 => (prop::collection::vec(ask(), 1..6), prop::collection::vec(pay(), 0..3))
            .prop_map(|(asks, pays)| Step::Refunds(asks, pays)),
        2 => (1_u64..5, 0_u64..3, 0_u64..2, prop::bool::weighted(0.9)).prop_map(
            |(wallet, creator, mark, accuse)| Step::Find { wallet, creator, mark, accuse }
        ),
        4 => (1_u64..6, 1_u64..20, 1_u64..20).prop_map(
            |(finding, first, count)| Step::Hold { finding, first, count }
        ),
        2 => (1_u64..6, 1_u8..5).prop_map(|(finding, act)| Step::Review { finding, act }),
        2 => (1_u64..6).prop_map(|finding| Step::Settle { finding }),
        1 => (1_u64..5, 0_u8..3).prop_map(|(wallet, standing)| Step::Stand { wallet, standing }),
    ]
}

/// The reference has no state of its own: the model store is the reference, and it runs beside the
/// store under test.
struct Any;

impl ReferenceStateMachine for Any {
    type State = ();
    type Transition = Step;

    fn init_state() -> BoxedStrategy<()> {
        Just(()).boxed()
    }

    fn transitions((): &()) -> BoxedStrategy<Step> {
        step().boxed()
    }

    fn apply((): (), _step: &Step) {}
}

struct Pair {
    model: Ledger,
    sqlite: Ledger,
    keys: Vec<KeyRef>,
    _folder: tempfile::TempDir,
}

fn cents(cents: u64) -> Micros {
    Micros::new(cents * 10_000).expect("a few cents")
}

fn visitor(number: u64) -> Visitor {
    Visitor::new(number, VERIFIER)
}

/// A visitor in a second browser.
fn phone(number: u64) -> Visitor {
    Visitor { spending: SigningKey::from_seed(&seed(number, 9)), ..visitor(number) }
}

fn prepared(writer: Writer) -> (Ledger, Vec<KeyRef>) {
    let policy = Policy { fee_ppm: 100_000, welcome: micros("0.10"), ..policy() };
    let mut ledger = Ledger::with_policy(writer, policy);
    ledger.price("song", "0.02");
    ledger.ceiling(Some("0.11"));
    let mut keys: Vec<KeyRef> =
        (0..VISITORS).map(|number| ledger.visitor(number, "0.30").1).collect();
    for number in 0..VISITORS {
        let terms = phone(number).terms(CREATOR, ledger.now.plus_ms(30 * 86_400_000));
        let allowance = phone(number).checked_allowance(&Allowance { device: 2, ..terms });
        match &ledger.apply(&[Command::RegisterAllowance { allowance }])[..] {
            [Answer::Allowance(Ok(row))] => keys.push(row.key),
            other => panic!("the allowance was refused: {other:?}"),
        }
    }
    let expires_at = ledger.now.plus_ms(3_600_000);
    let vouchers = (0..6).map(|n| VoucherHash([200 + n; 32])).collect();
    ledger.save(Command::IssueVouchers { vouchers, amount: micros("0.10"), expires_at });
    (ledger, keys)
}

fn sqlite() -> (Writer, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("ledger.db");
    let mut writer = SqliteWriter::open(&path, Durability::Full).expect("an empty ledger opens");
    // A folding is under way nearly always, and never fast enough.
    writer.fold_at(Pace { begin: 2, step: 1, each: 0 });
    (Writer::Sqlite(Box::new(writer)), folder)
}

fn pair() -> Pair {
    let (writer, folder) = sqlite();
    let (sqlite, keys) = prepared(writer);
    let (model, model_keys) = prepared(Writer::Memory(Box::default()));
    assert_eq!(keys, model_keys);
    Pair { model, sqlite, keys, _folder: folder }
}

fn claim(pay: &Pay, now: UnixMillis) -> (Visitor, Claim) {
    let mut visitor = if pay.phone { phone(pay.visitor) } else { visitor(pay.visitor) };
    visitor.next = pay.sequence;
    let mut claim = visitor.donation(CREATOR, "0.01", now);
    claim.expires_at = now.plus_ms(pay.expiry_ms);
    claim.amount = cents(pay.cents);
    if let Some(item) = pay.item {
        claim.kind = Kind::View;
        claim.item = item_hash(&CREATOR, ITEMS[item]).expect("a constant name");
    }
    if pay.cents == 7 {
        // Now and then a claim of one creator's key names another.
        claim.creator = OTHER;
        claim.item = ItemHash::NONE;
        claim.kind = Kind::Donation;
    }
    (visitor, claim)
}

/// The visitor with the root key that its wallet has now; wallets are numbered from 1 as visitors are from 0.
fn present(number: u64, all: &Snapshot) -> Visitor {
    let row = &all.wallets[&WalletRef(number + 1)];
    let mut roots = (0..40).map(|seed| visitor(seed).root);
    let root = roots.find(|root| root.public() == row.root).expect("rotations stay below");
    Visitor { root, ..visitor(number) }
}

/// The request to refund the claim of an entry, as its payer would sign it.
fn request(ask: &Ask, all: &Snapshot, now: UnixMillis) -> Option<Command> {
    let entry = all.entries.iter().find(|entry| entry.number.0 == ask.entry)?;
    let EntryBody::Claim(paid) = &entry.body else { return None };
    let claim = SignedClaim::decode(&paid.signed).expect("the ledger keeps what it decoded");
    let payer = paid.wallet.0.checked_sub(1).expect("wallets are numbered from 1");
    let other = (payer + 1) % VISITORS;
    let signer = present(if ask.stranger { other } else { payer }, all);
    let key = if ask.by_root { &signer.root } else { &signer.spending };
    let asked_at = UnixMillis(now.0.saturating_sub(ask.age_ms));
    let refund = signer.refund(claim.claim(), ask.entry, asked_at);
    let refund = Refund { claim: claim.id(), signer: key.public(), ..refund };
    Some(Command::Refund { refund: asked(&refund, key) })
}

fn commands(step: &Step, keys: &[KeyRef], ledger: &Ledger) -> Vec<Command> {
    let now = ledger.now;
    match step {
        Step::Wait { .. } | Step::Back { .. } => Vec::new(),
        Step::Claims(pays) => pays
            .iter()
            .map(|pay| {
                let (visitor, claim) = claim(pay, now);
                let number = pay.visitor + if pay.phone { VISITORS } else { 0 };
                let key = keys[usize::try_from(number).expect("a small number")];
                let claim = visitor.checked(&claim);
                if pay.automatic {
                    Command::AutomaticClaim { claim, key }
                } else {
                    Command::Claim { claim, key }
                }
            })
            .collect(),
        Step::TopUp { visitor: number, voucher } => {
            let voucher = VoucherHash([200 + voucher; 32]);
            vec![Command::TopUp { root: visitor(*number).root_key(), voucher }]
        }
        Step::Allow { visitor: number, serial, grant, cap_cents } => {
            let all = ledger.writer.snapshot().expect("the model can be read");
            // Now and then under the root key that it began with.
            let visitor = if *serial == 5 { visitor(*number) } else { present(*number, &all) };
            let terms = visitor.terms(CREATOR, now.plus_ms(86_400_000));
            let (serial, grant, cap) = (*serial, *grant, cents(*cap_cents));
            let terms = Allowance { serial, grant, cap, ..terms };
            vec![Command::RegisterAllowance { allowance: visitor.checked_allowance(&terms) }]
        }
        Step::Price { item, cents: price } => {
            let name = ITEMS[*item];
            vec![Command::SetItem {
                creator: CREATOR,
                hash: item_hash(&CREATOR, name).expect("a constant name"),
                name: name.into(),
                title: name.into(),
                price: cents(*price),
                on_sale: true,
            }]
        }
        Step::Ceiling { cents: most } => {
            let month_max = Some(cents(*most)).filter(|most| *most > Micros::ZERO);
            vec![Command::SaveCreator(CreatorDraft { month_max, ..draft_of(CREATOR, ORIGIN) })]
        }
        Step::Release => vec![Command::ReleaseHolds],
        Step::Refunds(asks, pays) => {
            let all = ledger.writer.snapshot().expect("the model can be read");
            let refunds = asks.iter().filter_map(|ask| request(ask, &all, now));
            let claims = commands(&Step::Claims(pays.clone()), keys, ledger);
            refunds.chain(claims).collect()
        }
        Step::Budget { visitor: number, number: set, cents: (day, month), paused, ask, pays } => {
            let all = ledger.writer.snapshot().expect("the model can be read");
            let visitor = present(*number, &all);
            let limit = |most: u64| Some(cents(most)).filter(|most| *most > Micros::ZERO);
            let (per_day, per_month, paused) = (limit(*day), limit(*month), *paused);
            let budget = Budget { per_day, per_month, paused, ..visitor.budget(*set, now) };
            let budget = budget.sign(&visitor.root).verify().expect("it was just signed");
            let rest = Step::Refunds(vec![ask.clone()], pays.clone());
            let mut all = commands(&rest, keys, ledger);
            let refunds = all.iter().filter(|c| matches!(c, Command::Refund { .. })).count();
            all.insert(refunds, Command::SetBudget { budget });
            all
        }
        Step::Rotate { .. } | Step::Keep { .. } | Step::Permit { .. } => {
            of_the_root_key(step, keys, ledger)
        }
        suspicion => vec![suspected(suspicion)],
    }
}

/// What a visitor does about its root key itself.
fn of_the_root_key(step: &Step, keys: &[KeyRef], ledger: &Ledger) -> Vec<Command> {
    let now = ledger.now;
    match step {
        Step::Rotate { visitor: number, to, age_ms, ask, pays } => {
            let snapshot = ledger.writer.snapshot().expect("the model can be read");
            let present = present(*number, &snapshot);
            let at = UnixMillis(now.0.saturating_sub(*age_ms));
            let next = visitor(*to).root;
            if next.public() == present.root_key() {
                return Vec::new();
            }
            let rotation = present.rotation(&next, at).sign(&present.root);
            let rest = Step::Refunds(vec![ask.clone()], pays.clone());
            let mut all = commands(&rest, keys, ledger);
            let rotation = rotation.verify().expect("it was just signed by both");
            all.insert(0, Command::Rotate { rotation });
            all
        }
        Step::Permit { visitor: number, number: set, cents: most, ask, pays } => {
            let snapshot = ledger.writer.snapshot().expect("the model can be read");
            let visitor = present(*number, &snapshot);
            let permission = visitor.permission(*set, CREATOR, "0", now);
            let permission = Permission { per_month: cents(*most), ..permission };
            let permission = permission.sign(&visitor.root).verify();
            let permission = permission.expect("it was just signed");
            let rest = Step::Refunds(vec![ask.clone()], pays.clone());
            let mut all = commands(&rest, keys, ledger);
            all.insert(0, Command::SetPermission { permission });
            all
        }
        Step::Keep { visitor: number, name, age_ms } => {
            let all = ledger.writer.snapshot().expect("the model can be read");
            let present = present(*number, &all);
            let at = UnixMillis(now.0.saturating_sub(*age_ms));
            let backup = present.backup(*name, at).sign(&present.root);
            vec![Command::KeepBackup { backup: backup.verify().expect("it was just signed") }]
        }
        _ => unreachable!("the caller answers every other step"),
    }
}

fn suspected(step: &Step) -> Command {
    let (who, why) = ("Ada".to_owned(), "looked at it".to_owned());
    match *step {
        Step::Find { wallet, creator, mark, accuse } => {
            Command::RecordFindings(vec![draft(wallet, creator, mark, accuse)])
        }
        Step::Hold { finding, first, count } => {
            let claims = (first..first + count).map(EntryNumber).collect();
            Command::HoldClaims { finding: FindingRef(finding), claims }
        }
        Step::Review { finding, act } => {
            let act = Act::from_code(act).expect("a code of an act");
            Command::Review { finding: FindingRef(finding), act, who, why }
        }
        Step::Stand { wallet, standing } => {
            let standing = Standing::from_code(standing).expect("a code of a standing");
            Command::SetStanding { wallet: WalletRef(wallet), standing, who, why }
        }
        Step::Settle { finding } => Command::SettleFinding { finding: FindingRef(finding) },
        _ => unreachable!("the caller answers every other step"),
    }
}

struct Stores;

impl StateMachineTest for Stores {
    type SystemUnderTest = Pair;
    type Reference = Any;

    fn init_test((): &()) -> Pair {
        pair()
    }

    fn apply(mut pair: Pair, (): &(), step: Step) -> Pair {
        if let Some(now) = step.clock(pair.model.now) {
            pair.sqlite.went_back |= now < pair.sqlite.now;
            pair.model.now = now;
            pair.sqlite.now = pair.model.now;
            return pair;
        }
        let commands = commands(&step, &pair.keys, &pair.model);
        let expected = pair.model.apply(&commands);
        let answers = pair.sqlite.apply(&commands);
        assert_eq!(answers, expected);
        pair
    }

    fn check_invariants(pair: &Pair, (): &()) {
        let all = pair.sqlite.writer.snapshot().expect("SQLite can be read");
        let model = pair.model.writer.snapshot().expect("the model can be read");
        assert_eq!(all, model);
        pair.sqlite.assert_sound();
        // Said once more without the ledger's own sums: what came in is what is there.
        let wallets: u64 = all.wallets.values().map(|row| row.balance.get()).sum();
        let creators: u64 = all
            .creators
            .values()
            .map(|row| (row.held.get() + row.payable.get()) + row.review.get())
            .sum();
        let came_in = -(all.accounts.vouchers + all.accounts.welcome);
        let there = i64::try_from(wallets + creators).expect("a few units") + all.accounts.fees;
        assert_eq!(there, came_in);
        // And no creator gave back more than it was credited, nor anything twice.
        assert!(all.creators.values().all(|row| row.refunded <= row.total));
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 2_000, ..ProptestConfig::default() })]
    #[test]
    fn sqlite_is_the_model(sequential 1..30 => Stores);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Failing before the commit, and failing after it: a retry of the same batch gives every claim
    /// one definite answer, and nothing is charged twice.
    #[test]
    fn a_lost_reply_is_settled_by_a_retry(
        steps in prop::collection::vec(step(), 1..12),
        failures in prop::collection::vec(0_u8..4, 12),
    ) {
        let (mut ledger, keys) = prepared(Writer::Memory(Box::default()));
        let (mut calm, _) = prepared(Writer::Memory(Box::default()));
        // From the first lost reply on: what is sent again can prove a second signature that the first time was a number used.
        let mut lost_one = false;
        for (step, failure) in steps.iter().zip(failures) {
            if let Some(now) = step.clock(ledger.now) {
                ledger.went_back |= now < ledger.now;
                ledger.now = now;
                calm.now = ledger.now;
                continue;
            }
            let commands = commands(step, &keys, &ledger);
            let failure = match failure {
                0 => Some(Failure::BeforeCommit),
                1 => Some(Failure::LostCommit),
                2 => Some(Failure::LostReply),
                _ => None,
            };
            if let (Writer::Memory(store), Some(failure)) = (&mut ledger.writer, failure) {
                store.fail_next(failure);
            }
            let answers = match ledger.try_apply(&commands) {
                Ok(answers) => answers,
                Err(StoreError::NotDone(_)) => {
                    prop_assert_eq!(failure, Some(Failure::BeforeCommit));
                    ledger.apply(&commands)
                }
                Err(StoreError::Unknown(_)) => ledger.apply(&commands),
            };
            let expected = calm.apply(&commands);
            lost_one |= failure == Some(Failure::LostReply);
            if !lost_one {
                prop_assert_eq!(&answers, &expected);
            }
            for (answer, expected) in answers.iter().zip(&expected) {
                if let (Answer::Claim(answer), Answer::Claim(expected)) = (answer, expected) {
                    // Not the receipt: a number that bought nothing and is no longer the newest is
                    // answered "used, not charged", also where the item was owned.
                    prop_assert_eq!(answer.outcome.is_charged(), expected.outcome.is_charged());
                }
            }
        }
        let money = |ledger: &Ledger| {
            let all = ledger.writer.snapshot().expect("the model can be read");
            (all.wallets, all.creators, all.accounts, all.entries)
        };
        prop_assert_eq!(money(&ledger), money(&calm));
        ledger.assert_sound();
    }
}
