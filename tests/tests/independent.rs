//! Software that nobody here wrote reads what our log writes and agrees on roots, inclusion and consistency:
//! two Rust crates, and the Go team's own packages.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use farthing_shared::SigningKey;
use farthing_shared::merkle::Hash;
use farthing_shared::note::NoteKey;
use farthing_tests::go::GoReader;
use farthing_tests::independent::IndependentLog;
use farthing_tests::tiled::{Copy, head, leaf};

/// Around whole tiles, and beyond a tile of tiles.
const SIZES: [u64; 9] = [0, 1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000];

fn key(secret: &SigningKey) -> NoteKey {
    NoteKey::new("pay.example/log", 1, &secret.public()).unwrap()
}

#[test]
fn two_crates_agree_on_roots_inclusion_and_consistency() {
    let folder = tempfile::tempdir().unwrap();
    let secret = SigningKey::from_seed(&[9; 32]);
    let key = key(&secret).to_string();
    for size in SIZES {
        let place = folder.path().join(size.to_string());
        let (copy, edge) = Copy::of((0..size).map(leaf));
        copy.write(&place, &head(&edge).sign(&secret).unwrap().to_string());
        let log = IndependentLog::open(&place, &key).unwrap();
        assert_eq!(log.size(), size);
        let all = log.leaves().unwrap();
        let ours: Vec<[u8; 32]> = (0..size).map(|number| leaf(number).0).collect();
        assert!(all == ours, "{size}: other leaves");
        for number in (0..size).step_by(if size > 1_000 { 2_113 } else { 17 }) {
            log.holds(number, &number.to_be_bytes()).unwrap();
            let other = (number + 1).to_be_bytes();
            assert!(log.holds(number, &other).is_err(), "{size}: any leaf is taken at {number}");
        }
        for old in SIZES.into_iter().filter(|old| (1..=size).contains(old)) {
            log.began(old).unwrap();
        }
        let mut wrong = head(&edge);
        wrong.root.0[7] ^= 1;
        let lie = wrong.sign(&secret).unwrap().to_string();
        let told = IndependentLog::open_under(&place, &key, lie.as_bytes());
        assert!(told.is_err(), "{size}: they take a wrong root");
        let forged = head(&edge).sign(&SigningKey::from_seed(&[8; 32])).unwrap().to_string();
        let told = IndependentLog::open_under(&place, &key, forged.as_bytes());
        assert!(told.is_err(), "{size}: they take another key's signature");
    }
}

/// Go's own verifier (sumdb/note and sumdb/tlog) reads what we write.
#[test]
fn go_agrees_on_roots_inclusion_and_consistency() {
    let Some(go) = GoReader::compiled() else { return };
    let folder = tempfile::tempdir().unwrap();
    let secret = SigningKey::from_seed(&[9; 32]);
    let key = key(&secret).to_string();
    for size in SIZES {
        let place = folder.path().join(size.to_string());
        let (copy, edge) = Copy::of((0..size).map(leaf));
        copy.write(&place, &head(&edge).sign(&secret).unwrap().to_string());
        go.numbers(&place, &key, &place.join("checkpoint")).unwrap();
        let mut wrong = head(&edge);
        wrong.root.0[7] ^= 1;
        let lie = place.join("lie");
        std::fs::write(&lie, wrong.sign(&secret).unwrap().to_string()).unwrap();
        assert!(go.numbers(&place, &key, &lie).is_err(), "{size}: Go takes a wrong root");
        named_leaves(&go, &place, &key, size, &secret);
    }
}

/// What the crash tests ask of it: named leaves, and checkpoints shown earlier.
fn named_leaves(go: &GoReader, place: &Path, key: &str, size: u64, secret: &SigningKey) {
    let bytes = |number: u64| number.to_be_bytes().to_vec();
    let leaves: Vec<(u64, Vec<u8>)> =
        (0..size).step_by(251).map(|number| (number, bytes(number))).collect();
    let before = |leaves: &mut dyn Iterator<Item = Hash>| {
        head(&Copy::of(leaves).1).sign(secret).unwrap().to_string().into_bytes()
    };
    let old = before(&mut (0..size / 2).map(leaf));
    go.holds(place, key, &leaves, [old.as_slice()].into_iter()).unwrap();
    if size < 2 {
        return;
    }
    let other = [(size - 1, bytes(size))];
    let none = std::iter::empty::<&[u8]>;
    assert!(go.holds(place, key, &other, none()).is_err(), "{size}: Go takes any leaf");
    let beyond = [(size, bytes(size))];
    assert!(go.holds(place, key, &beyond, none()).is_err(), "{size}: Go takes a leaf outside");
    let fork = before(&mut (1..=size / 2).map(leaf));
    let fork = [fork.as_slice()].into_iter();
    assert!(go.holds(place, key, &[], fork).is_err(), "{size}: Go takes a fork");
}
