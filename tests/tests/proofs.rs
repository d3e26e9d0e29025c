//! The checker that runs in browsers, natively: several statements in turn, shares, and what it says.

#![allow(clippy::unwrap_used, reason = "tests")]

use farthing_proofs::check::{Check, Proven, follow, receipt, share};
use farthing_shared::account::Before;
use farthing_shared::leaf::{Leaf, LeafBody, RefundLeaf};
use farthing_shared::merkle::{Nodes, consistency_proof, inclusion_proof, leaf_hash, node_hash};
use farthing_shared::receipt::Receipt;
use farthing_shared::{CreatorId, Micros};
use farthing_tests::books::Books;

const ME: CreatorId = CreatorId([7; 16]);

/// Checks statements of `part` payments, their signatures in three shares; the lie's name, or what is proven.
fn check(books: &Books, seen: &str, part: u64, shown: (u64, &str)) -> Result<u64, String> {
    let begin = || Check::begin(&books.key().to_string(), &ME.to_string(), seen, Before::default());
    let told = |said: farthing_proofs::words::Said| format!("{}: {}", said.lie, said.title);
    let (mut chief, mut one, mut two) =
        (begin().map_err(told)?, begin().unwrap(), begin().unwrap());
    let (mut proven, mut since) = (0, seen.lines().nth(1).map_or(0, |size| size.parse().unwrap()));
    while proven < shown.0 {
        let file = books.statement(proven + 1, shown.0.min(proven + part), since);
        let payments = chief.open(&file).map_err(told)?;
        chief.signatures(share(payments, 0, 3));
        for (number, helper) in [&mut one, &mut two].into_iter().enumerate() {
            helper.open(&file).map_err(told)?;
            helper.signatures(share(payments, number + 1, 3));
            chief.helped(helper.looked(), helper.invented());
        }
        let (now, _, size, note) = chief.finish().map_err(told)?;
        let note = note.to_owned();
        one.follows(&note).map_err(told)?;
        two.follows(&note).map_err(told)?;
        if now == proven {
            break;
        }
        (proven, since) = (now, size);
    }
    let done = chief.compare(shown, (0, "")).map_err(told)?;
    assert_eq!(done.total, Micros::parse(shown.1).unwrap());
    Ok(done.payments)
}

#[test]
fn shares_cover_every_place_once() {
    for payments in [0, 1, 2, 3, 7, 100, 101] {
        for shares in 1..9 {
            let all: Vec<usize> =
                (0..shares).flat_map(|number| share(payments, number, shares)).collect();
            assert_eq!(all, (0..payments).collect::<Vec<_>>(), "{payments} in {shares}");
        }
    }
}

#[test]
fn statements_taken_in_turn_prove_the_whole() {
    let books = Books::new(ME, 130, 3);
    for part in [1_000, 130, 129, 64, 10, 7] {
        assert_eq!(check(&books, "", part, (130, "1.30")), Ok(130), "{part}");
    }
    // A part of what is there, as a page shows it that was loaded a while ago.
    assert_eq!(check(&books, "", 50, (100, "1.00")), Ok(100));
}

#[test]
fn a_lie_between_or_within_parts_is_named_at_its_entry() {
    type Row = (&'static str, fn(&mut Books));
    let rows: [Row; 4] = [
        ("wrong_total: The total is wrong from entry 20 on", |books| {
            books.payment(20).total = Micros::ZERO;
        }),
        ("wrong_total: The total is wrong from entry 21 on", |books| {
            for number in 21..=40 {
                let total = books.payment(number).total;
                books.payment(number).total = total.minus(Micros::new(1).unwrap()).unwrap();
            }
        }),
        ("reordered: The payment in entry 21 stands twice or in the wrong place", |books| {
            books.payment(21).number = 20;
        }),
        // The first of two in different shares, whoever finds it.
        ("invented: The payment in entry 24 is not genuine", |books| {
            for number in [24, 38] {
                let other = books.payment(number + 1).signed.encode();
                let mut mine = books.payment(number).signed.encode();
                mine[192..].copy_from_slice(&other[192..]);
                books.payment(number).signed = farthing_shared::SignedClaim::decode(&mine).unwrap();
            }
        }),
    ];
    for (said, lie) in rows {
        let mut books = Books::new(ME, 40, 1);
        lie(&mut books);
        assert_eq!(check(&books, "", 20, (40, "0.40")), Err(said.to_owned()));
    }
    let books = Books::new(ME, 40, 1);
    let rows = [
        ((41, "0.41"), "cut_short: Payment 41 is missing"),
        ((45, "0.45"), "cut_short: Payments 41 to 45 are missing"),
        ((40, "0.41"), "other_total: This page shows another total than the payments add up to"),
    ];
    for (shown, said) in rows {
        assert_eq!(check(&books, "", 20, shown), Err(said.to_owned()));
    }
}

/// One signature under two payments, in a part each: the second is the one that nobody signed.
#[test]
fn a_claim_that_comes_again_in_another_part_counts_twice() {
    let mut books = Books::new(ME, 40, 1);
    books.payment(33).signed = books.payment(7).signed.clone();
    for part in [10, 40] {
        let said = check(&books, "", part, (40, "0.40"));
        assert_eq!(said, Err("counted_twice: The payment in entry 33 counts twice".to_owned()));
    }
}

/// A helper that ended early or could not open the file says nothing of its share, and silence proves nothing.
#[test]
fn signatures_that_nobody_looked_at_do_not_hold() {
    let books = Books::new(ME, 40, 1);
    let file = books.statement(1, 40, 0);
    for (mine, theirs, holds) in [(20, 20, true), (20, 0, false), (20, 19, false), (40, 0, true)] {
        let key = books.key().to_string();
        let mut chief = Check::begin(&key, &ME.to_string(), "", Before::default()).unwrap();
        assert_eq!(chief.open(&file), Ok(40));
        chief.signatures(0..mine);
        chief.helped(theirs, None);
        assert_eq!(chief.finish().is_ok(), holds, "{mine} and {theirs}");
    }
}

/// A page that was drawn a while ago shows fewer payments than there are; a refund of a newer one is no lie, and
/// not proven to be of this creator's payment either.
#[test]
fn a_refund_of_a_payment_that_is_not_shown_is_told_apart() {
    let mut books = Books::new(ME, 40, 2);
    books.refund(3);
    books.refund(39);
    let none = ("", Before::default());
    for (last, total, newer) in [(40, "0.40", 0), (38, "0.38", 1), (2, "0.02", 2), (0, "0.00", 2)] {
        let proven = checked(&[books.part((1, last), 0, (1, 2))], none, (last, total), (2, "0.02"));
        let proven = proven.unwrap();
        assert_eq!((proven.refunds, proven.refunds_newer), (2, newer), "{last}");
    }
}

fn signed(books: &Books, size: u64) -> String {
    // The note of a statement over a log that ends there.
    let mut short = books.clone();
    short.leaves.truncate(usize::try_from(size).unwrap());
    let file = short.part((1, 0), 0, (1, 0));
    String::from_utf8(file[120..].to_vec()).unwrap()
}

#[test]
fn what_was_seen_before_must_be_the_beginning() {
    let books = Books::new(ME, 40, 2);
    for size in [1, 2, 63, 64, 79, 80] {
        assert_eq!(check(&books, &signed(&books, size), 15, (40, "0.40")), Ok(40), "{size}");
    }
    let mut other = books.clone();
    other.leaves[10].at.0 += 1;
    let said = check(&books, &signed(&other, 60), 15, (40, "0.40")).unwrap_err();
    assert!(said.starts_with("split_view"), "{said}");
    let grown = Books::new(ME, 50, 2);
    let said = check(&books, &signed(&grown, 100), 15, (40, "0.40")).unwrap_err();
    assert!(said.starts_with("rolled_back"), "{said}");
    let mut renamed = books.clone();
    renamed.origin = "made.up/log/2".into();
    let said = check(&books, &signed(&renamed, 20), 15, (40, "0.40")).unwrap_err();
    assert!(said.starts_with("other_log"), "{said}");
}

/// What a row of files proves that are checked in turn, against what is shown, by who knows what was before.
fn checked(
    files: &[Vec<u8>],
    (seen, before): (&str, Before),
    payments: (u64, &str),
    refunds: (u64, &str),
) -> Result<Proven, String> {
    let told = |said: farthing_proofs::words::Said| format!("{}: {}", said.lie, said.title);
    let key = Books::new(ME, 1, 1).key().to_string();
    let mut check = Check::begin(&key, &ME.to_string(), seen, before).map_err(told)?;
    for file in files {
        let count = check.open(file).map_err(told)?;
        check.signatures(0..count);
        check.finish().map_err(told)?;
    }
    check.compare(payments, refunds).map_err(told)
}

#[test]
fn a_refund_between_two_parts_is_of_a_payment_in_the_first() {
    let mut books = Books::new(ME, 40, 2);
    books.refund(35);
    let first = books.part((1, 20), 0, (1, u64::MAX));
    // While the first part is looked at, one of its payments is refunded; and a part may hold refunds only.
    let size = books.leaves.len() as u64;
    books.refund(3);
    let second = books.part((21, 40), size, (2, 2));
    let size = books.leaves.len() as u64;
    books.refund(40);
    books.refund(1);
    let third = books.part((41, 40), size, (3, 4));
    let files = [first, second, third];
    let (none, shown) = (("", Before::default()), (40, "0.40"));
    let proven = checked(&files, none, shown, (4, "0.04")).unwrap();
    assert_eq!((proven.payments, proven.refunds, proven.left), (40, 4, cents(36)));
    assert_eq!((proven.ends.payments.entry, proven.ends.refunds.entry), (80, 84));
    // With the last part missing the page is told so, in the words of refunds.
    let said = checked(&files[..2], none, shown, (4, "0.04")).unwrap_err();
    assert_eq!(said, "cut_short: Refunds 3 to 4 are missing");

    // A payment that brought less than what is taken back, or was refunded before.
    let size = books.leaves.len() as u64;
    let lies: [fn(&mut RefundLeaf); 2] =
        [|refund| refund.claim = 70, |refund| refund.taken = cents(2)];
    for lie in lies {
        let mut books = books.clone();
        books.refund(7);
        let Some(LeafBody::Refund(refund)) = books.leaves.last_mut().map(|leaf| &mut leaf.body)
        else {
            panic!("a refund")
        };
        lie(refund);
        refund.total = cents(4).plus(refund.taken).unwrap();
        let total = refund.total.to_decimal();
        let fourth = books.part((41, 40), size, (5, 5));
        let files = [files.as_slice(), &[fourth]].concat();
        let said = checked(&files, none, shown, (5, &total)).unwrap_err();
        assert_eq!(said, "false_refund: The refund in entry 85 is not one");
    }
}

#[test]
fn what_was_proven_before_must_be_there_still() {
    let mut books = Books::new(ME, 40, 2);
    books.refund(3);
    books.refund(4);
    let note = signed(&books, 82);
    let whole = |books: &Books| vec![books.statement(1, u64::MAX, 82)];
    let none = ("", Before::default());
    let before = checked(&whole(&books), none, (40, "0.40"), (2, "0.02")).unwrap().ends;
    let known = (note.as_str(), before);
    // The same again, and more of it.
    let again = checked(&whole(&books), known, (40, "0.40"), (2, "0.02")).unwrap();
    assert_eq!(again.ends, before);
    let mut grown = books.clone();
    let later = Books::new(ME, 50, 2).leaves;
    let mut add = |number: u64, payment: u64| {
        let mut leaf = later[payment as usize * 2 - 1].clone();
        leaf.entry = grown.leaves.len() as u64 + 1;
        let LeafBody::Claim(claim) = &mut leaf.body else { panic!("a payment") };
        (claim.number, claim.total) = (number, cents(number));
        grown.leaves.push(leaf);
    };
    (41..=45).for_each(|number| add(number, number));
    let more = checked(&whole(&grown), known, (45, "0.45"), (2, "0.02")).unwrap();
    assert_eq!((more.payments, more.ends.payments.entry), (45, 87));

    // Fewer are shown, and what is shown is proven: without a memory it would pass.
    let fewer = vec![books.part((1, 38), 82, (1, 2))];
    assert!(checked(&fewer, none, (38, "0.38"), (2, "0.02")).is_ok());
    let said = checked(&fewer, known, (38, "0.38"), (2, "0.02")).unwrap_err();
    assert_eq!(said, "vanished: Payments 39 to 40, proven before, are gone");
    assert_eq!(
        checked(&[], known, (0, "0.00"), (0, "0.00")).unwrap_err(),
        "vanished: Payments 1 to 40, proven before, are gone"
    );
    let fewer = vec![books.part((1, 40), 82, (1, 1))];
    let said = checked(&fewer, known, (40, "0.40"), (1, "0.01")).unwrap_err();
    assert_eq!(said, "vanished: Refund 2, proven before, is gone");

    // The log only grew, but the numbers 38 to 42 were given to others: two payments are gone.
    let mut forked = books.clone();
    for number in 38..=42_u64 {
        let mut leaf = later[number as usize * 2 - 1].clone();
        leaf.entry = forked.leaves.len() as u64 + 1;
        forked.leaves.push(leaf);
    }
    let counted =
        |leaf: &&Leaf| !matches!(leaf.body, LeafBody::Other(_)) && !(75..=80).contains(&leaf.entry);
    let (claims, back): (Vec<Leaf>, Vec<Leaf>) = forked
        .leaves
        .iter()
        .filter(counted)
        .cloned()
        .partition(|leaf| matches!(leaf.body, LeafBody::Claim(_)));
    let all = forked.of(&[claims, back].concat(), 82);
    assert!(checked(std::slice::from_ref(&all), none, (42, "0.42"), (2, "0.02")).is_ok());
    let said = checked(&[all], known, (42, "0.42"), (2, "0.02")).unwrap_err();
    assert_eq!(said, "replaced: Payment 40 is not the one that was proven before");
}

fn cents(count: u64) -> Micros {
    Micros::new(count * 10_000).unwrap()
}

struct Leaves<'a>(&'a [Leaf]);

impl Nodes for Leaves<'_> {
    type Error = ();
    fn node(&mut self, level: u8, index: u64) -> Result<farthing_shared::merkle::Hash, ()> {
        if level == 0 {
            return self.0.get(usize::try_from(index).unwrap()).map(Leaf::hash).ok_or(());
        }
        let left = self.node(level - 1, index * 2)?;
        Ok(node_hash(&left, &self.node(level - 1, index * 2 + 1)?))
    }
}

#[test]
fn a_receipt_holds_and_the_log_goes_on_from_it() {
    let books = Books::new(ME, 40, 2);
    let key = books.key().to_string();
    let leaf = &books.leaves[21];
    assert!(matches!(leaf.body, LeafBody::Claim(_)));
    let mut tree = Leaves(&books.leaves);
    let proof = inclusion_proof(&mut tree, 21, 60).unwrap();
    let note = signed(&books, 60);
    let checkpoint = farthing_shared::note::Note::parse(&note).unwrap();
    let text = Receipt { leaf: leaf.encode(), index: 21, proof, checkpoint }.to_string();
    let held = receipt(&key, &text).unwrap();
    assert_eq!((held.entry, held.number, held.size), (22, 11, 60));
    assert_eq!(held.checkpoint, note);
    assert_eq!(leaf_hash(&leaf.encode()), leaf.hash());
    for at in 0..text.len() {
        let mut flipped = text.clone().into_bytes();
        flipped[at] ^= 1;
        let Ok(flipped) = String::from_utf8(flipped) else { continue };
        assert!(receipt(&key, &flipped).is_err(), "byte {at}");
    }

    let lines = |old, new| -> String {
        let proof = consistency_proof(&mut Leaves(&books.leaves), old, new).unwrap();
        proof.iter().map(|hash| format!("{hash}\n")).collect()
    };
    for (old, new) in [(60, 60), (60, 80), (1, 80), (64, 70)] {
        let (from, to) = (signed(&books, old), signed(&books, new));
        assert_eq!(follow(&key, &from, &to, &lines(old, new)), Ok(new), "{old} {new}");
    }
    let (old, new) = (signed(&books, 60), signed(&books, 80));
    let lie = |said: Result<u64, farthing_proofs::words::Said>| said.unwrap_err().lie;
    assert_eq!(lie(follow(&key, &new, &old, "")), "rolled_back");
    assert_eq!(lie(follow(&key, &old, &new, "")), "split_view");
    assert_eq!(lie(follow(&key, &old, &new, &lines(59, 80))), "split_view");
}
