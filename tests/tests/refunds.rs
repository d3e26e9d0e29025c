//! Refunds, asked of each store in the same words: who may have what back, once, and for how long.
#![allow(clippy::unwrap_used, reason = "tests")]

use farthing_rules::command::CreatorDraft;
use farthing_rules::{Answer, Command, KeyRef};
use farthing_shared::{
    Claim, Micros, Outcome, Refund, RefundOutcome, SigningKey, UnixMillis, limits,
};
use farthing_tests::actors::{ORIGIN, Visitor, micros, seed};
use farthing_tests::ledger::{CREATOR, Ledger, Make, OTHER, asked, on_each_store, policy};

/// A ledger with a fee of a tenth, a visitor with 1.00, and an essay that was paid.
struct Paid {
    ledger: Ledger,
    visitor: Visitor,
    key: KeyRef,
    claim: Claim,
    entry: u64,
}

fn paid(make: Make<'_>) -> Paid {
    let policy = farthing_rules::Policy { fee_ppm: 100_000, ..policy() };
    let mut ledger = Ledger::with_policy(make(), policy);
    let (mut visitor, key) = ledger.visitor(1, "1.00");
    let claim = visitor.view(CREATOR, "essay", "0.05", ledger.now);
    let entry = ledger.charge(&visitor, key, &claim).receipt.unwrap().entry.0;
    Paid { ledger, visitor, key, claim, entry }
}

impl Paid {
    fn request(&self) -> Refund {
        self.visitor.refund(&self.claim, self.entry, self.ledger.now)
    }

    fn ask(&mut self, request: &Refund) -> RefundOutcome {
        let keys = [&self.visitor.root, &self.visitor.spending];
        let known = keys.into_iter().find(|key| key.public() == request.signer).copied_seed();
        self.ledger.refund(request, &known).outcome
    }

    fn balance(&self) -> Micros {
        self.ledger.balance(&self.visitor)
    }
}

/// Keys cannot be copied; those of tests can be made again.
trait Again {
    fn copied_seed(self) -> SigningKey;
}

impl Again for Option<&SigningKey> {
    fn copied_seed(self) -> SigningKey {
        let wanted = self.expect("one of the visitor's keys").public();
        let all = (1..3).map(|purpose| SigningKey::from_seed(&seed(1, purpose)));
        all.into_iter().find(|key| key.public() == wanted).unwrap()
    }
}

#[test]
fn a_refund_gives_everything_back_and_ends_ownership() {
    on_each_store(|make| {
        let mut paid = paid(make);
        assert_eq!(paid.balance(), micros("0.95"));
        let request = paid.request();
        let answer = paid.ledger.refund(&request, &paid.visitor.spending);
        assert_eq!((answer.outcome, answer.repeat), (RefundOutcome::Refunded, false));
        assert_eq!(answer.receipt.unwrap().amount, micros("0.05"));
        assert_eq!(paid.balance(), micros("1.00"));
        let all = paid.ledger.writer.snapshot().unwrap();
        let creator = all.creators.values().find(|row| row.id == CREATOR).unwrap();
        assert_eq!((creator.held, creator.payable), (Micros::ZERO, Micros::ZERO));
        // What was proved of claims stays; refunds have figures of their own.
        assert_eq!((creator.number, creator.total), (1, micros("0.045")));
        assert_eq!((creator.refunds, creator.refunded), (1, micros("0.045")));
        assert_eq!(all.accounts.fees, 0);
        assert!(all.owned.is_empty() && all.holds.is_empty());
        // The claim again says that it was charged, and that the money went back.
        let again = paid.ledger.charge(&paid.visitor, paid.key, &paid.claim);
        assert_eq!((again.outcome, again.repeat, again.refunded), (Outcome::Accepted, true, true));
        // It can be bought again, and given back again.
        let second = paid.visitor.view(CREATOR, "essay", "0.05", paid.ledger.now);
        let answer = paid.ledger.charge(&paid.visitor, paid.key, &second);
        assert_eq!((answer.outcome, answer.refunded), (Outcome::Accepted, false));
        let owned = paid.visitor.view(CREATOR, "essay", "0.05", paid.ledger.now);
        let owned = paid.ledger.charge(&paid.visitor, paid.key, &owned);
        assert_eq!((owned.outcome, owned.receipt), (Outcome::AlreadyOwned, answer.receipt));
        let entry = answer.receipt.unwrap().entry.0;
        let request = paid.visitor.refund(&second, entry, paid.ledger.now);
        assert_eq!(paid.ask(&request), RefundOutcome::Refunded);
        assert_eq!(paid.balance(), micros("1.00"));
        paid.ledger.assert_sound();
    });
}

#[test]
fn the_same_request_gets_its_first_answer_and_another_one_nothing_more() {
    on_each_store(|make| {
        let mut paid = paid(make);
        let request = paid.request();
        let first = paid.ledger.refund(&request, &paid.visitor.spending);
        paid.ledger.now = paid.ledger.now.plus_ms(86_400_000);
        let again = paid.ledger.refund(&request, &paid.visitor.spending);
        assert_eq!((again.outcome, again.repeat), (RefundOutcome::Refunded, true));
        assert_eq!(again.receipt, first.receipt);
        let root = Refund { signer: paid.visitor.root_key(), ..paid.request() };
        let other = paid.ledger.refund(&root, &paid.visitor.root);
        assert_eq!((other.outcome, other.repeat), (RefundOutcome::AlreadyRefunded, false));
        assert_eq!(other.receipt, first.receipt);
        assert_eq!(paid.balance(), micros("1.00"));
        paid.ledger.assert_sound();
    });
}

#[test]
fn two_requests_of_one_batch_give_the_money_back_once() {
    on_each_store(|make| {
        let mut paid = paid(make);
        let root = Refund { signer: paid.visitor.root_key(), ..paid.request() };
        let commands = [
            Command::ReleaseHolds,
            Command::Refund { refund: asked(&paid.request(), &paid.visitor.spending) },
            Command::Refund { refund: asked(&root, &paid.visitor.root) },
            Command::Refund { refund: asked(&paid.request(), &paid.visitor.spending) },
        ];
        let outcomes: Vec<_> = paid
            .ledger
            .apply(&commands)
            .into_iter()
            .filter_map(|answer| match answer {
                Answer::Refund(answer) => Some((answer.outcome, answer.repeat)),
                _ => None,
            })
            .collect();
        use RefundOutcome::{AlreadyRefunded, Refunded};
        assert_eq!(outcomes, [(Refunded, false), (AlreadyRefunded, false), (Refunded, true)]);
        assert_eq!(paid.balance(), micros("1.00"));
        paid.ledger.assert_sound();
    });
}

/// What is changed about an honest request, how much later it comes, and what becomes of it.
type Row = (&'static str, fn(&mut Refund, &Visitor), u64, RefundOutcome);

const MINUTE: u64 = 60_000;
const ROWS: &[Row] = &[
    ("honest", |_, _| {}, 0, RefundOutcome::Refunded),
    ("by the root key", |r, v| r.signer = v.root_key(), 0, RefundOutcome::Refunded),
    ("verifier", |r, _| r.verifier.0 = [1; 32], 0, RefundOutcome::WrongVerifier),
    ("another claim", |r, _| r.claim.0 = [1; 32], 0, RefundOutcome::UnknownClaim),
    ("no entry", |r, _| r.entry = 999, 0, RefundOutcome::UnknownClaim),
    ("an entry that is no claim", |r, _| r.entry = 1, 0, RefundOutcome::UnknownClaim),
    ("signed long ago", |_, _| {}, limits::REFUND_LIFE_MS + 1, RefundOutcome::Expired),
    ("just in time", |_, _| {}, limits::REFUND_LIFE_MS, RefundOutcome::Refunded),
    ("from the future", |r, _| r.asked_at.0 += 120_001, 0, RefundOutcome::Expired),
    ("last minute", |r, _| r.asked_at.0 += 15 * MINUTE, 16 * MINUTE - 1, RefundOutcome::Refunded),
    ("window over", |r, _| r.asked_at.0 += 15 * MINUTE, 16 * MINUTE, RefundOutcome::WindowOver),
];

#[test]
fn every_refusal_has_its_row() {
    on_each_store(|make| {
        for (name, change, later_ms, expected) in ROWS {
            let mut paid = paid(make);
            let mut request = paid.request();
            change(&mut request, &paid.visitor);
            paid.ledger.now = paid.ledger.now.plus_ms(*later_ms);
            assert_eq!(paid.ask(&request), *expected, "{name}");
            let whole = *expected == RefundOutcome::Refunded;
            assert_eq!(paid.balance(), micros(if whole { "1.00" } else { "0.95" }), "{name}");
            paid.ledger.assert_sound();
        }
    });
}

#[test]
fn a_stranger_gets_nothing() {
    on_each_store(|make| {
        let mut paid = paid(make);
        let (stranger, _) = paid.ledger.visitor(2, "1.00");
        for key in [&stranger.root, &stranger.spending] {
            let request = Refund { signer: key.public(), ..paid.request() };
            assert_eq!(paid.ledger.refund(&request, key).outcome, RefundOutcome::NotYours);
        }
        // Nor does a key of the wallet that was revoked, or one that pays another creator.
        let terms = paid.visitor.terms(CREATOR, paid.ledger.now.plus_ms(1_000));
        let newer = SigningKey::from_seed(&seed(1, 9));
        let terms = farthing_shared::Allowance { key: newer.public(), serial: 2, ..terms };
        let allowance = paid.visitor.checked_allowance(&terms);
        paid.ledger.apply(&[Command::RegisterAllowance { allowance }]);
        let other = SigningKey::from_seed(&seed(1, 8));
        let origin = farthing_shared::origin_hash("https://other.example").unwrap();
        let terms = farthing_shared::Allowance {
            key: other.public(),
            creator: OTHER,
            origin,
            serial: 1,
            ..terms
        };
        let allowance = paid.visitor.checked_allowance(&terms);
        paid.ledger.apply(&[Command::RegisterAllowance { allowance }]);
        let rows = [
            (&paid.visitor.spending, RefundOutcome::NotYours),
            (&other, RefundOutcome::NotYours),
            (&newer, RefundOutcome::Refunded),
        ];
        for (key, expected) in rows {
            let request = Refund { signer: key.public(), ..paid.request() };
            assert_eq!(paid.ledger.refund(&request, key).outcome, expected);
        }
        paid.ledger.assert_sound();
    });
}

#[test]
fn released_money_is_not_taken_back() {
    on_each_store(|make| {
        let mut paid = paid(make);
        paid.ledger.now = paid.ledger.now.plus_ms(16 * MINUTE);
        assert_eq!(paid.ledger.apply(&[Command::ReleaseHolds]), [Answer::Released(1)]);
        let request = paid.request();
        assert_eq!(paid.ask(&request), RefundOutcome::WindowOver);
        // Not even when the clock goes back: the bucket is gone.
        paid.ledger.now = UnixMillis(paid.ledger.now.0 - 10 * MINUTE);
        let request = paid.request();
        let refused = paid.ledger.refund(&request, &paid.visitor.spending);
        assert_eq!((refused.outcome, refused.repeat), (RefundOutcome::NotHeld, false));
        let again = paid.ledger.refund(&request, &paid.visitor.spending);
        assert_eq!((again.outcome, again.repeat), (RefundOutcome::NotHeld, true));
        assert_eq!(paid.balance(), micros("0.95"));
        paid.ledger.assert_sound();
    });
}

#[test]
fn a_bucket_gives_back_what_is_in_it_and_releases_the_rest() {
    on_each_store(|make| {
        let mut paid = paid(make);
        let film = paid.visitor.view(CREATOR, "film", "0.50", paid.ledger.now);
        paid.ledger.charge(&paid.visitor, paid.key, &film);
        let request = paid.request();
        assert_eq!(paid.ask(&request), RefundOutcome::Refunded);
        paid.ledger.now = paid.ledger.now.plus_ms(16 * MINUTE);
        assert_eq!(paid.ledger.apply(&[Command::ReleaseHolds]), [Answer::Released(1)]);
        let all = paid.ledger.writer.snapshot().unwrap();
        let creator = all.creators.values().find(|row| row.id == CREATOR).unwrap();
        assert_eq!((creator.held, creator.payable), (Micros::ZERO, micros("0.45")));
        paid.ledger.assert_sound();
    });
}

#[test]
fn a_bucket_that_was_given_back_whole_releases_nothing() {
    on_each_store(|make| {
        let mut paid = paid(make);
        // The claim's hold is in the table before the refund comes, and what it takes is newer.
        paid.ledger.apply(&[Command::ReleaseHolds]);
        let request = paid.request();
        assert_eq!(paid.ask(&request), RefundOutcome::Refunded);
        paid.ledger.now = paid.ledger.now.plus_ms(16 * MINUTE);
        assert_eq!(paid.ledger.apply(&[Command::ReleaseHolds]), [Answer::Released(0)]);
        paid.ledger.assert_sound();
    });
}

#[test]
fn too_many_refunds_are_refused_for_good_and_allowed_a_day_later() {
    on_each_store(|make| {
        let mut paid = paid(make);
        let mut requests = Vec::new();
        for _ in 0..=limits::REFUNDS_PER_CREATOR_MAX {
            let claim = paid.visitor.donation(CREATOR, "0.01", paid.ledger.now);
            let receipt = paid.ledger.charge(&paid.visitor, paid.key, &claim).receipt.unwrap();
            requests.push(paid.visitor.refund(&claim, receipt.entry.0, paid.ledger.now));
        }
        let last = requests.pop().unwrap();
        for request in requests {
            assert_eq!(paid.ask(&request), RefundOutcome::Refunded);
        }
        assert_eq!(paid.ask(&last), RefundOutcome::TooManyRefunds);
        let again = paid.ledger.refund(&last, &paid.visitor.spending);
        assert_eq!((again.outcome, again.repeat), (RefundOutcome::TooManyRefunds, true));
        // An older request of the same claim does not slip in behind it.
        let older = Refund { asked_at: UnixMillis(last.asked_at.0 - 1), ..last };
        assert_eq!(paid.ask(&older), RefundOutcome::TooManyRefunds);
        // A day later others are refunded again.
        paid.ledger.now = paid.ledger.now.plus_ms(limits::REFUNDS_WITHIN_MS);
        let claim = paid.visitor.donation(CREATOR, "0.01", paid.ledger.now);
        let receipt = paid.ledger.charge(&paid.visitor, paid.key, &claim).receipt.unwrap();
        let request = paid.visitor.refund(&claim, receipt.entry.0, paid.ledger.now);
        assert_eq!(paid.ask(&request), RefundOutcome::Refunded);
        paid.ledger.assert_sound();
    });
}

#[test]
fn a_creator_gives_longer_for_what_is_bought_from_then_on() {
    on_each_store(|make| {
        let mut paid = paid(make);
        paid.ledger.save(Command::SaveCreator(CreatorDraft {
            id: CREATOR,
            name: "A creator".into(),
            sites: vec![ORIGIN.into()],
            threshold: micros("10.00"),
            offer_key: None,
            refund_window_ms: Some(86_400_000),
            month_max: None,
            revoke_links: false,
        }));
        let film = paid.visitor.view(CREATOR, "film", "0.50", paid.ledger.now);
        let entry = paid.ledger.charge(&paid.visitor, paid.key, &film).receipt.unwrap().entry.0;
        paid.ledger.now = paid.ledger.now.plus_ms(86_400_000);
        paid.ledger.apply(&[Command::ReleaseHolds]);
        let request = paid.visitor.refund(&film, entry, paid.ledger.now);
        assert_eq!(paid.ask(&request), RefundOutcome::Refunded);
        let request = paid.request();
        assert_eq!(paid.ask(&request), RefundOutcome::WindowOver);
        paid.ledger.assert_sound();
    });
}
