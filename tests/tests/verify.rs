//! `farthing verify` as a creator runs it: for each lie a file that the command line and the checker of the
//! browser call by the same name; witnesses that are asked for and those that are missing.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use farthing_proofs::check::Check;
use farthing_shared::account::Before;
use farthing_shared::leaf::{Leaf, LeafBody};
use farthing_shared::merkle::inclusion_proof;
use farthing_shared::note::{COSIGNATURE, Note, NoteKey};
use farthing_shared::receipt::Receipt;
use farthing_shared::statement::Statement;
use farthing_shared::{CreatorId, Micros, SignedClaim, SigningKey};
use farthing_tests::books::Books;
use farthing_tests::daemon::run_to_end;
use farthing_tests::witness::cosignature;
use serde_json::{Value, json};
use tempfile::TempDir;

const ME: CreatorId = CreatorId([7; 16]);

/// What `farthing verify` says as JSON, and its exit code.
fn verify(arguments: &[&str]) -> (i32, Value) {
    let arguments = [&["verify"], arguments, &["--json"]].concat();
    let output = run_to_end(&[], &arguments);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    let read = serde_json::from_str(&said);
    (output.status.code().unwrap(), read.unwrap_or_else(|_| panic!("{said}{words}")))
}

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What the browser's checker says of the same file: the lie's name, or nothing.
fn in_browser(file: &[u8], key: &NoteKey, before: Option<&[u8]>) -> Option<&'static str> {
    let run = |file: &[u8], seen: &str, before: Before| {
        let mut check = Check::begin(&key.to_string(), &ME.to_string(), seen, before)?;
        let payments = check.open(file)?;
        check.signatures(0..payments);
        let (_, _, _, note) = check.finish()?;
        let note = note.to_owned();
        // The page shows what is there, so that only what was before can differ.
        let statement = Statement::parse(file).unwrap();
        let verdict = statement.verify(key, None, None).unwrap();
        let (payments, refunds) = (verdict.ends().payments, verdict.ends().refunds);
        let (paid, back) = (payments.total.to_decimal(), refunds.total.to_decimal());
        let proven = check.compare((payments.number, &paid), (refunds.number, &back))?;
        Ok::<_, farthing_proofs::words::Said>((note, proven.ends))
    };
    let (seen, before) = match before {
        Some(file) => run(file, "", Before::default()).unwrap(),
        None => (String::new(), Before::default()),
    };
    run(file, &seen, before).err().map(|said| said.lie)
}

/// A lie's name, the file, and an earlier file where one is needed to see it.
type Row = (&'static str, Vec<u8>, Option<Vec<u8>>);

fn honest() -> Books {
    let mut books = Books::new(ME, 40, 2);
    books.refund(3);
    books.refund(9);
    books.refund(11);
    books
}

/// Lies that one file shows by itself.
fn lies_in_a_file() -> Vec<Row> {
    let of_books = |change: &dyn Fn(&mut Books)| {
        let mut books = honest();
        change(&mut books);
        books.statement(1, u64::MAX, 0)
    };
    let of_file = |change: &dyn Fn(&mut Statement)| {
        let mut statement = Statement::parse(&honest().statement(1, u64::MAX, 0)).unwrap();
        change(&mut statement);
        statement.encode()
    };
    let signature = |books: &mut Books| {
        let other = books.payment(13).signed.encode();
        let mut mine = books.payment(12).signed.encode();
        mine[192..].copy_from_slice(&other[192..]);
        books.payment(12).signed = SignedClaim::decode(&mine).unwrap();
    };
    let dropped = |books: &mut Books| books.leaves[23].body = books.leaves[22].body.clone();
    let twice_paid = |books: &mut Books| {
        let signed = books.payment(12).signed.clone();
        books.payment(13).signed = signed;
    };
    let twice = |books: &mut Books| books.refund(3);
    let stranger = Books { creator: CreatorId([8; 16]), ..Books::new(CreatorId([8; 16]), 3, 1) };
    let mut renamed = honest();
    renamed.origin = "other.log/log".into();
    vec![
        // Left out of the log, and left out of the file.
        ("dropped", of_books(&dropped), None),
        ("dropped", of_file(&|file| _ = file.records.remove(11)), None),
        // Altered in the log, where nobody signed it so; altered in the file only.
        ("invented", of_books(&signature), None),
        ("not_in_log", of_file(&|file| file.records[11][15] ^= 1), None),
        ("counted_twice", of_books(&twice_paid), None),
        ("reordered", of_file(&|file| file.records.swap(11, 12)), None),
        ("reordered", of_books(&|books| books.payment(13).number = 12), None),
        ("wrong_total", of_books(&|books| books.payment(13).total = Micros::ZERO), None),
        ("false_refund", of_books(&twice), None),
        ("dropped", of_file(&|file| _ = file.refunds.remove(1)), None),
        ("other_creator", stranger.statement(1, u64::MAX, 0), None),
        ("checkpoint", renamed.statement(1, u64::MAX, 0), None),
        ("malformed", b"farthing/stmt/2".to_vec(), None),
    ]
}

/// Lies that need the memory of an earlier file.
fn lies_against_the_past() -> Vec<Row> {
    let now = honest();
    let size = u64::try_from(now.leaves.len()).unwrap();
    let before = now.statement(1, u64::MAX, 0);
    let mut split = now.clone();
    split.leaves[0].at.0 += 1;
    let mut short = now.clone();
    short.leaves.truncate(79);
    let mut forked = now.clone();
    for number in 38..=42_usize {
        let mut leaf = Books::new(ME, 50, 1).leaves[number - 1].clone();
        leaf.entry = u64::try_from(forked.leaves.len()).unwrap() + 1;
        forked.leaves.push(leaf);
    }
    let kept = |leaf: &&Leaf| !(75..=80).contains(&leaf.entry);
    let is_claim = |leaf: &Leaf| matches!(leaf.body, LeafBody::Claim(_));
    let leaves =
        forked.leaves.iter().filter(kept).filter(|leaf| !matches!(leaf.body, LeafBody::Other(_)));
    let (claims, back): (Vec<Leaf>, Vec<Leaf>) = leaves.cloned().partition(is_claim);
    vec![
        ("split_view", split.statement(1, u64::MAX, size), Some(before.clone())),
        ("rolled_back", short.statement(1, u64::MAX, size), Some(before.clone())),
        ("vanished", now.part((1, 38), size, (1, 2)), Some(before.clone())),
        ("vanished", now.part((1, 40), size, (1, 1)), Some(before.clone())),
        ("replaced", forked.of(&[claims, back].concat(), size), Some(before.clone())),
        (
            "no_proof_since",
            Books::new(ME, 41, 2).statement(1, u64::MAX, 0),
            Some(Books::new(ME, 40, 2).statement(1, 40, 0)),
        ),
    ]
}

#[test]
fn each_lie_has_one_name_on_the_command_line_and_in_the_browser() {
    let place = Place::new();
    let key = honest().key();
    let me = ME.to_string();
    let check = |file: &[u8], before: Option<&[u8]>| {
        let path = place.write("statement", file);
        let earlier = before.map(|bytes| place.write("before", bytes));
        let key = key.to_string();
        let mut arguments = vec!["statement", text(&path), "--key", &key, "--creator", &me];
        if let Some(earlier) = &earlier {
            arguments.extend(["--before", text(earlier)]);
        }
        verify(&arguments)
    };
    let file = honest().statement(1, u64::MAX, 0);
    let (code, said) = check(&file, None);
    assert_eq!((code, &said["holds"], &said["facts"]["payments"]), (0, &json!(true), &json!(40)));
    assert_eq!(in_browser(&file, &key, None), None);
    let again = honest().statement(1, u64::MAX, 83);
    assert_eq!(check(&again, Some(&file)).0, 0);
    assert_eq!(in_browser(&again, &key, Some(&file)), None);
    for (name, file, before) in lies_in_a_file().into_iter().chain(lies_against_the_past()) {
        let (code, said) = check(&file, before.as_deref());
        assert_eq!((code, &said["lie"]), (1, &json!(name)), "{said}");
        assert_eq!(in_browser(&file, &key, before.as_deref()), Some(name), "{said}");
    }
    // A part that begins after what was proven leaves a gap.
    let late = honest().part((40, 40), 83, (1, 3));
    let early = honest().part((1, 30), 0, (1, 2));
    let (code, said) = check(&late, Some(&early));
    assert_eq!((code, &said["lie"]), (1, &json!("dropped")), "{said}");
}

/// The files of several months are one answer, whose JSON says what each of them holds, or which one lies.
#[test]
fn several_statements_are_checked_together() {
    let place = Place::new();
    let books = honest();
    let mut then = books.clone();
    then.leaves.truncate(50);
    let key = books.key().to_string();
    let first = place.write("january", &then.part((1, 20), 0, (1, 0)));
    let second = place.write("february", &books.part((21, 40), 50, (1, 3)));
    let third = place.write("late", &books.part((26, 40), 50, (1, 3)));
    let check = |files: &[&PathBuf], more: &[&str]| {
        let files: Vec<&str> = files.iter().map(|path| text(path)).collect();
        verify(&[&["statement", "--key", &key], files.as_slice(), more].concat())
    };
    let (code, said) = check(&[&second, &first], &["--creator", &ME.to_string()]);
    let facts = &said["facts"];
    assert_eq!((code, &facts["payments"], &facts["refunds"]), (0, &json!(40), &json!(3)), "{said}");
    assert_eq!((&facts["credited"], &facts["log_size"]), (&json!("0.40"), &json!(83)));
    let files = facts["files"].as_array().unwrap();
    let of = |at: usize| {
        (files[at]["file"].as_str().unwrap(), &files[at]["first"], &files[at]["log_size"])
    };
    assert_eq!(of(0), (text(&second), &json!(21), &json!(83)));
    assert_eq!(of(1), (text(&first), &json!(1), &json!(50)));
    let entries = |at: usize| (&files[at]["first_entry"], &files[at]["last_entry"]);
    assert_eq!((entries(0), entries(1)), ((&json!(42), &json!(80)), (&json!(2), &json!(40))));
    // A gap between two files, a lie within one, and a statement of something else: the file is named.
    let (code, said) = check(&[&first, &third], &[]);
    assert_eq!(
        (code, &said["lie"], &said["file"]),
        (1, &json!("dropped"), &json!(text(&third))),
        "{said}"
    );
    assert!(said["why"].as_str().unwrap().contains("payments 21 to 25"), "{said}");
    let mut altered = std::fs::read(&second).unwrap();
    altered[140] ^= 1;
    let altered = place.write("altered", &altered);
    let (code, said) = check(&[&first, &altered], &[]);
    assert_eq!((code, &said["file"]), (1, &json!(text(&altered))), "{said}");
    // The total that goes on from what was proven before is another one.
    let mut less = books.clone();
    for number in 21..=40 {
        less.payment(number).total = Micros::new(10_000 * (number - 1)).unwrap();
    }
    let mut early = books.clone();
    early.leaves.truncate(41);
    let proven = place.write("proven", &early.part((1, 20), 0, (1, 0)));
    let less = place.write("less", &less.part((21, 40), 41, (1, 3)));
    let (code, said) = check(&[&less], &["--before", text(&proven)]);
    assert_eq!((code, &said["lie"]), (1, &json!("wrong_total")), "{said}");
    let right = place.write("right", &books.part((21, 40), 41, (1, 3)));
    assert_eq!(check(&[&right], &["--before", text(&proven)]).0, 0);
    let before = place.write("before", &then.part((1, 15), 0, (1, 0)));
    assert_eq!(check(&[&first, &second], &["--before", text(&before)]).0, 0);
    let (code, said) = check(&[&second], &["--before", text(&before)]);
    assert_eq!((code, &said["lie"]), (1, &json!("dropped")), "{said}");
    // The statement of no file is a mistake.
    assert_eq!(run_to_end(&[], &["verify", "statement", "--key", &key]).status.code(), Some(2));
}

/// A whole account has no refund of a payment that is not in it; of a period the answer says how many there are.
#[test]
fn what_a_period_leaves_open_is_said() {
    let place = Place::new();
    let books = honest();
    let key = books.key().to_string();
    let said = |file: &[u8]| {
        let path = place.write("statement", file);
        let output = run_to_end(&[], &["verify", "statement", text(&path), "--key", &key]);
        assert!(output.status.success());
        let words = String::from_utf8_lossy(&output.stdout).into_owned();
        let (_, said) = verify(&["statement", text(&path), "--key", &key]);
        (words, said["facts"]["refunds_elsewhere"].as_u64().unwrap())
    };
    let (words, elsewhere) = said(&books.statement(1, 40, 0));
    assert!(!words.contains("not in here") && elsewhere == 0, "{words}");
    let (words, elsewhere) = said(&books.statement(10, 40, 0));
    assert!(words.contains("(those before number 10 are not in here)"), "{words}");
    assert!(words.contains("(2 of them of payments that are not in here)"), "{words}");
    assert_eq!(elsewhere, 2);
    let (words, _) = said(&books.part((1, 0), 0, (1, 0)));
    assert!(
        words.starts_with("holds: 0 of 0 payments proven, there is none to prove, "),
        "{words}"
    );
    let mut old = books.statement(1, 40, 0);
    old[14] = b'2';
    let (_, refused) = verify(&["statement", text(&place.write("old", &old)), "--key", &key]);
    let why = refused["why"].as_str().unwrap();
    assert!(why.ends_with("another version than farthing/stmt/3; download it again"), "{why}");
}

/// Receipts of several payers, or of one at several times: each holds, and together they show the lie.
#[test]
fn receipts_that_contradict_each_other_do_not_hold_together() {
    let place = Place::new();
    let books = honest();
    let key = books.key().to_string();
    let receipt = |books: &Books, entry: usize, size: usize| {
        let mut books = books.clone();
        books.leaves.truncate(size);
        let statement = Statement::parse(&books.part((1, 0), 0, (1, 0))).unwrap();
        let (index, size) = (entry as u64 - 1, size as u64);
        let proof = inclusion_proof(&mut books.nodes(), index, size).unwrap();
        let leaf = books.leaves[entry - 1].encode();
        Receipt { leaf, index, proof, checkpoint: statement.checkpoint }.to_string()
    };
    let check = |receipts: &[String]| {
        let files: Vec<PathBuf> = (0..)
            .zip(receipts)
            .map(|(at, receipt)| place.write(&format!("{at}"), receipt.as_bytes()))
            .collect();
        let files: Vec<&str> = files.iter().map(|path| text(path)).collect();
        let (code, said) = verify(&[&["receipt", "--key", &key], files.as_slice()].concat());
        let file =
            said["file"].as_str().and_then(|file| file.rsplit('/').next()).map(str::to_owned);
        (code, said["lie"].as_str().unwrap_or("").to_owned(), file)
    };
    let honest = [receipt(&books, 8, 20), receipt(&books, 8, 83), receipt(&books, 12, 83)];
    assert_eq!(check(&honest), (0, String::new(), None));
    // Two payments were given one number; one entry was another payment then; one size has two roots.
    let mut twice = books.clone();
    twice.payment(9).number = 6;
    let mut changed = books.clone();
    changed.payment(4).total = Micros::ZERO;
    let mut split = books.clone();
    split.leaves[0].at.0 += 1;
    let rows = [
        ("replaced", vec![receipt(&twice, 12, 83), receipt(&twice, 18, 83)]),
        ("split_view", vec![receipt(&books, 8, 20), receipt(&changed, 8, 83)]),
        ("split_view", vec![receipt(&books, 8, 83), receipt(&split, 12, 83)]),
    ];
    for (name, receipts) in rows {
        for receipt in &receipts {
            assert_eq!(check(std::slice::from_ref(receipt)).0, 0, "{name}: it holds by itself");
        }
        let file = Some((receipts.len() - 1).to_string());
        assert_eq!(check(&receipts), (1, name.to_owned(), file));
    }
    let mut broken = honest.to_vec();
    broken[1] = broken[1].replacen("index 7", "index 8", 1);
    assert_eq!(check(&broken), (1, "misplaced".into(), Some("1".into())));
    assert_eq!(check(&broken[1..2]), (1, "misplaced".into(), Some("0".into())));
    // The log holds it, and nobody has signed it so.
    let mut invented = books.clone();
    let other = invented.payment(13).signed.encode();
    let mut mine = invented.payment(12).signed.encode();
    mine[192..].copy_from_slice(&other[192..]);
    invented.payment(12).signed = SignedClaim::decode(&mine).unwrap();
    let said = check(&[receipt(&invented, 24, 83)]);
    assert_eq!(said, (1, "invented".into(), Some("0".into())));
}

/// A file may come through a pipe and need not end.
#[test]
fn a_file_without_end_is_refused_and_not_read_to_the_end() {
    let books = honest();
    let key = books.key().to_string();
    for kind in ["statement", "receipt"] {
        let (code, said) = verify(&[kind, "/dev/zero", "--key", &key]);
        assert_eq!(code, 1, "{kind}");
        assert_eq!(said["lie"], json!("malformed"), "{said}");
    }
}

/// A witness: its key, and the secret behind it.
fn witness(name: &str, seed: u8) -> (NoteKey, SigningKey) {
    let secret = SigningKey::from_seed(&[seed; 32]);
    (NoteKey::new(name, COSIGNATURE, &secret.public()).unwrap(), secret)
}

#[test]
fn as_many_witnesses_as_are_asked_for_must_have_signed() {
    let place = Place::new();
    let books = Books::new(ME, 6, 1);
    let log = books.key().to_string();
    let (one, one_secret) = witness("one.test/w", 1);
    let (two, two_secret) = witness("two.test/w", 2);
    let (three, _) = witness("three.test/w", 3);
    let mut statement = Statement::parse(&books.statement(1, 6, 0)).unwrap();
    let bare = statement.checkpoint.clone();
    let cosigned = |secrets: [&SigningKey; 2]| {
        let lines = [cosignature(&bare, &one, secrets[0]), cosignature(&bare, &two, secrets[1])];
        Note::parse(&format!("{bare}{}", lines.concat())).unwrap()
    };
    let note = cosigned([&one_secret, &two_secret]);
    // One in the name of the second witness that another key made.
    let forged = cosigned([&one_secret, &one_secret]);
    let (one, two, three) = (one.to_string(), two.to_string(), three.to_string());
    let rows: [Asked; 11] = [
        (&note, &[], "", Ok(0)),
        (&note, &[&one], "", Ok(1)),
        (&note, &[&one, &two], "", Ok(2)),
        (&note, &[&one, &two, &three], "", Err("not_witnessed")),
        (&note, &[&one, &two, &three], "2", Ok(2)),
        (&note, &[&three], "", Err("not_witnessed")),
        // One witness named twice is one.
        (&note, &[&one, &one], "2", Err("")),
        (&note, &[&one], "2", Err("")),
        (&note, &[&log], "", Err("")),
        (&bare, &[&one], "", Err("not_witnessed")),
        (&forged, &[&one, &two], "2", Err("not_witnessed")),
    ];
    for (note, witnesses, quorum, expected) in rows {
        statement.checkpoint = (*note).clone();
        let file = place.write("statement", &statement.encode());
        let receipt = place.write("receipt", receipt(&books, note).as_bytes());
        let folder = log_folder(&place, &books, note);
        for (kind, path) in [("statement", &file), ("receipt", &receipt), ("log", &folder)] {
            let mut arguments = vec![kind, text(path), "--key", &log];
            witnesses.iter().for_each(|key| arguments.extend(["--witness", key]));
            if !quorum.is_empty() {
                arguments.extend(["--quorum", quorum]);
            }
            let (code, said) = verify(&arguments);
            match expected {
                Ok(count) => {
                    assert_eq!(
                        (code, &said["facts"]["cosigned"]),
                        (0, &json!(count)),
                        "{kind} {said}"
                    );
                }
                Err("") => assert!(code == 1 && said.get("lie").is_none(), "{kind} {said}"),
                Err(lie) => assert_eq!((code, &said["lie"]), (1, &json!(lie)), "{kind} {said}"),
            }
        }
    }
    // Of two files with one checkpoint the first may have been made before the witness answered.
    statement.checkpoint = bare.clone();
    let early = place.write("early", &statement.encode());
    statement.checkpoint = note.clone();
    let late = place.write("late", &statement.encode());
    for files in [[&early, &late], [&late, &early]] {
        let files = [text(files[0]), text(files[1])];
        let (code, said) =
            verify(&[&["statement", "--key", &log, "--witness", &one], &files[..]].concat());
        assert_eq!((code, &said["facts"]["cosigned"]), (0, &json!(1)), "{said}");
    }
    // A quorum of nobody is a mistake and not a check that passes.
    let arguments = ["verify", "statement", "x", "--key", &log, "--quorum", "1"];
    assert_eq!(run_to_end(&[], &arguments).status.code(), Some(2));
}

/// What is shown, whose cosignatures are asked for and how many, and what is said: how many there are, or the
/// lie's name, empty where the question is wrong.
type Asked<'a> = (&'a Note, &'a [&'a str], &'a str, Result<u64, &'a str>);

fn receipt(books: &Books, note: &Note) -> String {
    let proof = inclusion_proof(&mut books.nodes(), 2, 6).unwrap();
    let leaf = books.leaves[2].encode();
    Receipt { leaf, index: 2, proof, checkpoint: note.clone() }.to_string()
}

/// A copy of the log: six leaves are one partial tile.
fn log_folder(place: &Place, books: &Books, note: &Note) -> PathBuf {
    let folder = place.0.path().join("log");
    let tile = folder.join("tile/0/000.p");
    std::fs::create_dir_all(&tile).unwrap();
    let hashes: Vec<u8> = books.leaves.iter().flat_map(|leaf| leaf.hash().0).collect();
    std::fs::write(tile.join("6"), hashes).unwrap();
    std::fs::write(folder.join("checkpoint"), note.to_string()).unwrap();
    folder
}
