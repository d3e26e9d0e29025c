//! Software that nobody here wrote reads what our log writes and agrees on roots, inclusion and consistency:
//! two Rust crates, and the Go team's own packages.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use farthing_shared::SigningKey;
use farthing_shared::note::NoteKey;
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
    if std::env::var_os("FARTHING_SKIP_GO").is_some() {
        return;
    }
    let gopath = go_path().expect(
        "it needs Go: apt-get install golang-go golang-golang-x-mod-dev (`cargo xtask test` does it where \
         it may), or set FARTHING_SKIP_GO=1 to leave this test out",
    );
    let folder = tempfile::tempdir().unwrap();
    let secret = SigningKey::from_seed(&[9; 32]);
    let key = key(&secret);
    std::fs::write(folder.path().join("main.go"), include_str!("go/main.go")).unwrap();
    let built = std::process::Command::new("go")
        .args(["build", "-o", "check", "main.go"])
        .env("GO111MODULE", "off")
        .env("GOPATH", &gopath)
        .env("GOCACHE", folder.path().join("cache"))
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    for size in SIZES {
        let place = folder.path().join(size.to_string());
        let (copy, edge) = Copy::of((0..size).map(leaf));
        copy.write(&place, &head(&edge).sign(&secret).unwrap().to_string());
        let go = |note: &Path| {
            std::process::Command::new(folder.path().join("check"))
                .args([place.as_os_str(), key.to_string().as_ref(), note.as_os_str()])
                .output()
                .unwrap()
        };
        let agreed = go(&place.join("checkpoint"));
        assert!(agreed.status.success(), "{size}: {}", String::from_utf8_lossy(&agreed.stderr));
        let mut wrong = head(&edge);
        wrong.root.0[7] ^= 1;
        let lie = place.join("lie");
        std::fs::write(&lie, wrong.sign(&secret).unwrap().to_string()).unwrap();
        assert!(!go(&lie).status.success(), "{size}: Go takes a wrong root");
    }
}

fn go_path() -> Option<String> {
    let listed =
        std::process::Command::new("dpkg").args(["-L", "golang-golang-x-mod-dev"]).output();
    let listed = String::from_utf8(listed.ok()?.stdout).ok()?;
    let path = listed.lines().find_map(|line| line.strip_suffix("/src"))?.to_owned();
    std::process::Command::new("go").arg("version").output().ok()?;
    Some(path)
}
