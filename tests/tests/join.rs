//! Statements that were kept, one a month, laid together: each holds by itself, and what is wrong between them has
//! a name and stands in one of them.
#![allow(clippy::unwrap_used, reason = "tests")]

use farthing_shared::account::Before;
use farthing_shared::checkpoint::Checkpoint;
use farthing_shared::joined::{Apart, Joined, Part, join};
use farthing_shared::leaf::LeafBody;
use farthing_shared::statement::{BadStatement, Statement};
use farthing_shared::{CreatorId, Micros};
use farthing_tests::books::Books;

const ME: CreatorId = CreatorId([7; 16]);

fn part(file: &[u8], books: &Books) -> Part {
    let opened = Statement::parse(file).unwrap().open(&books.key(), None, None).unwrap();
    opened.check_signatures(0..opened.payments()).unwrap();
    Part::finish(opened).expect("each statement holds by itself")
}

fn joined(
    files: &[Vec<u8>],
    seen: Option<&Checkpoint>,
    before: Option<&Before>,
) -> Result<Joined, Apart> {
    let books = Books::new(ME, 1, 1);
    let parts: Vec<Part> = files.iter().map(|file| part(file, &books)).collect();
    join(&parts, seen, before)
}

/// The lie's name, what it says, and in which file.
fn lie(files: &[Vec<u8>]) -> (&'static str, String, usize) {
    let Apart { lie, part } = joined(files, None, None).expect_err("a lie");
    (lie.name(), lie.to_string(), part)
}

/// Payment n is entry 2n.
fn honest() -> Books {
    Books::new(ME, 40, 2)
}

/// The log when it had so many entries.
fn when(books: &Books, size: usize) -> Books {
    let mut then = books.clone();
    then.leaves.truncate(size);
    then
}

const ALL: (u64, u64) = (1, u64::MAX);

fn cents(count: u64) -> Micros {
    Micros::new(count * 10_000).unwrap()
}

#[test]
fn months_join_in_any_order_and_may_overlap() {
    let mut books = honest();
    let january = when(&books, 30).part((1, 12), 0, ALL);
    books.refund(3);
    books.refund(9);
    let march = when(&books, 81).part((25, 40), 60, ALL);
    let february = when(&books, 60).part((10, 30), 30, ALL);
    // Downloaded again much later, with what came since, and with refunds that January had not.
    let again = books.part((1, 40), 81, ALL);
    let rows = [
        vec![january.clone(), february.clone(), march.clone()],
        vec![march.clone(), january.clone(), february.clone()],
        vec![february.clone(), again.clone(), march.clone(), january.clone(), again.clone()],
    ];
    for files in rows {
        let whole = joined(&files, None, None).unwrap();
        assert_eq!((whole.payments, whole.first, whole.ends.payments.number), (40, 1, 40));
        assert_eq!(
            (whole.paid, whole.credited, whole.ends.payments.total),
            (cents(40), cents(40), cents(40))
        );
    }
    let whole = joined(&[january.clone(), february.clone(), march.clone()], None, None).unwrap();
    assert_eq!((whole.refunds, whole.checkpoint.size), (1, 81));
    let whole = joined(&[again, march, february.clone(), january.clone()], None, None).unwrap();
    assert_eq!((whole.refunds, whole.ends.refunds.total), (2, cents(2)));
    // What is not the whole: it begins where its first file begins.
    let whole = joined(std::slice::from_ref(&february), None, None).unwrap();
    assert_eq!((whole.payments, whole.first, whole.credited), (21, 10, cents(21)));
    assert_eq!(whole.ends.payments.total, cents(30));
    assert!(joined(&[], None, None).is_err());
}

#[test]
fn what_is_wrong_between_two_statements_is_named() {
    let books = honest();
    let early = when(&books, 50);
    let first = early.part((1, 20), 0, ALL);
    let gap = books.part((25, 40), 50, ALL);
    let said = lie(&[gap.clone(), first.clone()]);
    let words = "dropped: payments 21 to 24 are missing before entry 50";
    assert_eq!(said, ("dropped", words.into(), 0));

    // Only the proof shows that one log is the other's beginning.
    let unbound = books.part((21, 40), 0, ALL);
    let said = lie(&[first.clone(), unbound]);
    assert_eq!((said.0, said.2), ("no_proof_since", 1));
    assert!(said.1.ends_with("since=50"), "{}", said.1);
    let mut other = early.clone();
    other.leaves[0].at.0 += 1;
    let fork = other.part((1, 20), 0, ALL);
    let second = books.part((21, 40), 50, ALL);
    assert_eq!(
        (lie(&[fork.clone(), second.clone()]).0, lie(&[fork, first.clone()]).0),
        ("split_view", "split_view")
    );
    let mut of_nobody = books.clone();
    of_nobody.creator = CreatorId([8; 16]);
    for payment in &mut of_nobody.leaves {
        if let LeafBody::Claim(_) = payment.body {
            payment.body = Books::new(of_nobody.creator, 1, 1).leaves[0].body.clone();
        }
    }
    let stranger = of_nobody.of(&[], 0);
    assert_eq!(
        lie(&[first.clone(), stranger]),
        ("other_creator", format!("it is the statement of creator {}", of_nobody.creator), 1)
    );

    // The log lies: each of the statements is right by itself.
    let mut swapped = books.clone();
    (swapped.leaves[39], swapped.leaves[41]) =
        (swapped.leaves[41].clone(), swapped.leaves[39].clone());
    (swapped.leaves[39].entry, swapped.leaves[41].entry) = (40, 42);
    let said = lie(&[swapped.part((1, 20), 0, ALL), swapped.part((21, 40), 80, ALL)]);
    assert_eq!(
        said,
        ("reordered", "reordered: entry 40 stands twice or in the wrong place".into(), 1)
    );
    let mut short = books.clone();
    for number in 21..=40 {
        let total = short.payment(number).total;
        short.payment(number).total = total.minus(Micros::new(1).unwrap()).unwrap();
    }
    let said = lie(&[short.part((21, 40), 0, ALL), short.part((1, 20), 0, ALL)]);
    assert_eq!((said.0, said.2), ("wrong_total", 0));
    assert!(said.1.contains("entry 42 says 0.209999, the payments add up to 0.21"), "{}", said.1);
    let mut twice = books.clone();
    let mut payment = Books::new(ME, 50, 2).leaves[99].clone();
    payment.entry = 81;
    let LeafBody::Claim(claim) = &mut payment.body else { panic!("a payment") };
    (claim.number, claim.total) = (40, cents(40));
    twice.leaves.push(payment.clone());
    let said = lie(&[books.part((31, 40), 0, ALL), twice.of(&[payment], 80)]);
    let words = "replaced: payment 40 is in entry 81, it was proven in 80";
    assert_eq!(said, ("replaced", words.into(), 1));
}

#[test]
fn refunds_join_as_payments_do_and_are_of_payments_in_any_file() {
    let mut books = honest();
    let first = books.part((1, 20), 0, ALL);
    books.refund(3);
    books.refund(35);
    let second = when(&books, 81).part((21, 40), 80, ALL);
    let third = books.part((41, 40), 81, (2, 2));
    let whole = joined(&[third.clone(), second.clone(), first.clone()], None, None).unwrap();
    assert_eq!((whole.payments, whole.refunds, whole.ends.refunds.total), (40, 2, cents(2)));
    assert_eq!(whole.refunds_elsewhere, 0);
    // What a refund gives back may be older or newer than the period; nothing shows then what it had brought.
    let february = joined(&[books.part((4, 30), 0, ALL)], None, None).unwrap();
    assert_eq!((february.refunds, february.refunds_elsewhere), (2, 2));
    let rows = [((1, 34), 1), ((1, 35), 0), ((3, 30), 1), ((41, 40), 2)];
    for (payments, elsewhere) in rows {
        let some = joined(&[books.part(payments, 0, ALL)], None, None).unwrap();
        assert_eq!(some.refunds_elsewhere, elsewhere, "{payments:?}");
    }
    // Refund 2 alone may be the first one of a period.
    let apart = [first.clone(), books.part((21, 40), 80, (1, 0)), third];
    assert_eq!(joined(&apart, None, None).unwrap().refunds, 1);
    books.refund(4);
    let gap = books.part((41, 40), 81, (3, 3));
    let said = lie(&[first.clone(), second.clone(), gap]);
    let words = "in the refunds: dropped: payments 2 to 2 are missing before entry 83";
    assert_eq!(said, ("dropped", words.into(), 2));

    let false_refund = |change: &dyn Fn(&mut farthing_shared::leaf::RefundLeaf)| {
        let mut books = when(&books, 80);
        books.refund(3);
        let Some(LeafBody::Refund(refund)) = books.leaves.last_mut().map(|leaf| &mut leaf.body)
        else {
            panic!("a refund")
        };
        change(refund);
        lie(&[first.clone(), books.part((21, 40), 80, ALL)])
    };
    let said = false_refund(&|refund| (refund.taken, refund.total) = (cents(2), cents(2)));
    assert_eq!((said.0, said.2), ("false_refund", 1));
    let said = false_refund(&|refund| refund.claim = 5);
    assert_eq!((said.0, said.2), ("false_refund", 1));
}

#[test]
fn what_was_seen_or_proven_before_must_fit_all_of_them() {
    let books = honest();
    let first = when(&books, 50).part((1, 20), 0, ALL);
    let second = books.part((21, 40), 50, ALL);
    let files = [first.clone(), second.clone()];
    let told = |seen: Option<&Checkpoint>, before: Option<&Before>| {
        joined(&files, seen, before).map(|whole| whole.payments).map_err(|apart| apart.lie.name())
    };
    for size in [50, 80] {
        assert_eq!(told(Some(&books.checkpoint(size)), None), Ok(40), "{size}");
    }
    // Seen between the two: nothing shows that the first one's log is its beginning, nor that it is the second's.
    assert_eq!(told(Some(&books.checkpoint(60)), None), Err("no_proof_since"));
    assert_eq!(told(Some(&books.checkpoint(49)), None), Err("no_proof_since"));
    let more = Books::new(ME, 50, 2);
    assert_eq!(told(Some(&more.checkpoint(90)), None), Err("rolled_back"));
    let mut other = when(&books, 50);
    other.leaves[4].at.0 += 1;
    assert_eq!(told(Some(&other.checkpoint(50)), None), Err("split_view"));
    let mut renamed = books.clone();
    renamed.origin = "made.up/log/2".into();
    assert_eq!(told(Some(&renamed.checkpoint(50)), None), Err("other_log"));

    let ends =
        |books: &Books, last: u64| part(&books.part((1, last), 0, ALL), books).verdict.ends();
    for last in [1, 20, 30, 40] {
        assert_eq!(told(None, Some(&ends(&books, last))), Ok(40), "{last}");
    }
    assert_eq!(told(None, Some(&ends(&more, 45))), Err("vanished"));
    let mut replaced = books.clone();
    replaced.leaves.insert(0, replaced.leaves[0].clone());
    (1..).zip(&mut replaced.leaves).for_each(|(entry, leaf)| leaf.entry = entry);
    assert_eq!(told(None, Some(&ends(&replaced, 30))), Err("replaced"));
    let late = joined(std::slice::from_ref(&second), None, Some(&ends(&books, 15))).unwrap_err();
    assert_eq!((late.lie.name(), late.part), ("dropped", 0));
    // Where they begin with the very next one, its total goes on from what was proven and its entry comes later.
    assert_eq!(joined(&[second], None, Some(&ends(&books, 20))).unwrap().payments, 20);
    let mut less = books.clone();
    for number in 21..=40 {
        less.payment(number).total = cents(number - 1);
    }
    let less = less.part((21, 40), 50, ALL);
    let lower = joined(std::slice::from_ref(&less), None, Some(&ends(&books, 20))).unwrap_err();
    assert_eq!(
        lower.lie.to_string(),
        "wrong total: entry 42 says 0.20, the payments add up to 0.21"
    );
    let mut moved = ends(&books, 20);
    moved.payments.entry = 60;
    let moved = joined(&[books.part((21, 40), 50, ALL)], None, Some(&moved)).unwrap_err();
    assert_eq!(moved.lie.name(), "reordered");
}

#[test]
fn the_refunds_that_go_on_from_those_proven_before_have_their_total() {
    let mut books = honest();
    books.refund(3);
    books.refund(4);
    let first = part(&books.part((1, 40), 0, (1, 1)), &books).verdict.ends();
    let second = |books: &Books| joined(&[books.part((40, 40), 81, (2, 2))], None, Some(&first));
    assert_eq!(second(&books).unwrap().refunds, 1);
    let Some(LeafBody::Refund(refund)) = books.leaves.last_mut().map(|leaf| &mut leaf.body) else {
        panic!("a refund")
    };
    refund.total = cents(3);
    let said = second(&books).unwrap_err().lie.to_string();
    assert_eq!(
        said,
        "in the refunds: wrong total: entry 82 says 0.03, the payments add up to 0.02"
    );
}

#[test]
fn a_refund_between_payments_of_a_period_is_of_one_of_them() {
    // Payment n is entry 2n, and entry 61 is nobody's payment.
    let mut books = honest();
    books.refund(31);
    let Some(LeafBody::Refund(refund)) = books.leaves.last_mut().map(|leaf| &mut leaf.body) else {
        panic!("a refund")
    };
    refund.claim = 61;
    let file = books.part((25, 40), 0, ALL);
    let opened = Statement::parse(&file).unwrap().open(&books.key(), None, None).unwrap();
    let said = Part::finish(opened).unwrap_err();
    assert_eq!(said, BadStatement::FalseRefund { entry: 81, claim: 61 });
    // Of which of two files it should be shows only when they are laid together.
    let apart = [books.part((25, 30), 0, (1, 0)), books.part((31, 40), 0, ALL)];
    let said = lie(&apart);
    assert_eq!((said.0, said.2), ("false_refund", 1));
}

#[test]
fn a_claim_that_counts_twice_is_named_in_whichever_file_it_comes_again() {
    // Payment 35 is payment 12 once more: the visitor signed once and paid twice.
    let mut books = honest();
    let again = books.payment(12).signed.clone();
    books.payment(35).signed = again;
    let first = books.part((1, 20), 0, ALL);
    let second = books.part((21, 40), 0, ALL);
    let said = lie(&[second, first]);
    let words =
        "counted twice: the claim in entry 70 has a number that its payer had used up by entry 24";
    assert_eq!(said, ("counted_twice", words.into(), 0));
    let file = books.statement(1, 40, 0);
    let opened = Statement::parse(&file).unwrap().open(&books.key(), None, None).unwrap();
    assert_eq!(Part::finish(opened).unwrap_err().to_string(), words);
}

#[test]
fn a_log_of_nothing_with_another_root_is_another_log() {
    let books = honest();
    let mut nothing = books.checkpoint(80);
    nothing.size = 0;
    let files = [books.part((1, 40), 0, ALL)];
    let said = joined(&files, Some(&nothing), None).unwrap_err();
    assert_eq!(said.lie, BadStatement::SplitView { seen: 0 });
}
