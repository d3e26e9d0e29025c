//! The golden vectors of `shared/vectors`: what is decoded, encoded and signed here is, byte for
//! byte, what is written there. Wasm and JavaScript are held to the same files.

use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_shared::{
    Access, Challenge, CreatorId, PublicKey, SignedAccess, SignedAllowance, SignedBackup,
    SignedBudget, SignedClaim, SignedOffer, SignedOpening, SignedPermission, SignedRefund,
    SignedRotation, SigningKey, VerifyingKey, item_hash, origin_hash, title_hash,
};
use serde_json::Value;

fn file(name: &str) -> Value {
    let path = format!("{}/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the vectors are in the repository");
    serde_json::from_str(&text).expect("the vectors are JSON")
}

fn bytes(value: &Value) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(value.as_str().expect("text")).expect("base64url")
}

fn seed(case: &Value) -> [u8; 32] {
    bytes(&case["seed"]).try_into().expect("32 bytes")
}

/// The bytes again, the bytes signed anew, the claim's id.
type Read = (Vec<u8>, Vec<u8>, Option<String>);

/// Decodes, checks the signature and encodes again; signs anew and compares.
type Check = fn(&[u8], &SigningKey) -> Result<Read, String>;

fn claim(bytes: &[u8], key: &SigningKey) -> Result<Read, String> {
    let signed = SignedClaim::decode(bytes).map_err(|e| e.to_string())?;
    let anew = signed.claim().sign(key).encode().to_vec();
    let again = signed.encode().to_vec();
    let id = signed.id().to_text();
    let public = VerifyingKey::new(&key.public()).map_err(|e| e.to_string())?;
    signed.verify(&public).map_err(|e| e.to_string())?;
    Ok((again, anew, Some(id)))
}

macro_rules! check {
    ($name:ident, $signed:ty, $body:ident) => {
        fn $name(bytes: &[u8], key: &SigningKey) -> Result<Read, String> {
            let signed = <$signed>::decode(bytes).map_err(|e| e.to_string())?;
            let anew = signed.$body().sign(key).encode().to_vec();
            let again = signed.encode().to_vec();
            signed.verify().map_err(|e| e.to_string())?;
            Ok((again, anew, None))
        }
    };
}
check!(allowance, SignedAllowance, allowance);
check!(opening, SignedOpening, opening);
check!(access, SignedAccess, access);
check!(offer, SignedOffer, offer);
check!(budget, SignedBudget, budget);
check!(permission, SignedPermission, permission);
check!(rotation, SignedRotation, rotation);
check!(backup, SignedBackup, backup);

fn refund(bytes: &[u8], key: &SigningKey) -> Result<Read, String> {
    let signed = SignedRefund::decode(bytes).map_err(|e| e.to_string())?;
    let anew = signed.refund().sign(key).encode().to_vec();
    let again = signed.encode().to_vec();
    let id = Base64UrlUnpadded::encode_string(&signed.id());
    signed.verify().map_err(|e| e.to_string())?;
    Ok((again, anew, Some(id)))
}

const KINDS: [(&str, Check); 10] = [
    ("claim", claim),
    ("allowance", allowance),
    ("opening", opening),
    ("offer", offer),
    ("access", access),
    ("refund", refund),
    ("budget", budget),
    ("permission", permission),
    ("rotation", rotation),
    ("backup", backup),
];

#[test]
fn every_case_is_decoded_encoded_and_signed_to_the_same_bytes() {
    for (kind, check) in KINDS {
        let file = file(&format!("{kind}.json"));
        let cases = file["cases"].as_array().expect("cases");
        assert!(!cases.is_empty(), "{kind}");
        for case in cases {
            let name = format!("{kind}: {}", case["name"]);
            let body = bytes(&case["body"]);
            assert_eq!(Some(body.len()), file["body_len"].as_u64().and_then(|n| n.try_into().ok()));
            assert_eq!(body[..16], bytes(&file["tag"])[..], "{name}");
            let whole = [body, bytes(&case["signature"])].concat();
            let key = SigningKey::from_seed(&seed(case));
            let (again, anew, id) = check(&whole, &key).expect(&name);
            assert_eq!(again, whole, "{name}");
            assert_eq!(anew, whole, "{name}: Ed25519 signatures of RFC 8032 are deterministic");
            assert_eq!(id.as_deref(), case.get("id").and_then(Value::as_str), "{name}");
        }
    }
}

#[test]
fn every_refused_case_is_refused_for_its_reason() {
    for (kind, check) in KINDS {
        let file = file(&format!("{kind}.json"));
        for case in file["refused"].as_array().expect("refused cases") {
            let why = check(&bytes(&case["bytes"]), &SigningKey::from_seed(&[0; 32])).err();
            assert_eq!(why.as_deref(), case["why"].as_str(), "{kind}: {}", case["name"]);
        }
    }
}

#[test]
fn no_kind_reads_as_another() {
    for (kind, _) in KINDS {
        let case = &file(&format!("{kind}.json"))["cases"][0];
        let whole = [bytes(&case["body"]), bytes(&case["signature"])].concat();
        for (other, check) in KINDS {
            let read = check(&whole, &SigningKey::from_seed(&seed(case))).is_ok();
            assert_eq!(read, kind == other, "{kind} as {other}");
            // Nor when it is cut or filled up to the other's length.
            let length = bytes(&file(&format!("{other}.json"))["cases"][0]["body"]).len() + 64;
            let mut fitted = whole.clone();
            fitted.resize(length, 0);
            if kind != other {
                assert!(check(&fitted, &SigningKey::from_seed(&seed(case))).is_err());
            }
        }
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    for (kind, check) in KINDS {
        let case = &file(&format!("{kind}.json"))["cases"][0];
        let whole = [bytes(&case["body"]), bytes(&case["signature"])].concat();
        let key = SigningKey::from_seed(&seed(case));
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(check(&flipped, &key).is_err(), "{kind}: bit {bit} changes nothing");
        }
    }
}

#[test]
fn names_hash_as_written() {
    let file = file("names.json");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    for row in file["items"].as_array().expect("items") {
        let creator = CreatorId::parse(&text(&row["creator"])).expect("a creator id");
        let hash = item_hash(&creator, &text(&row["name"])).expect("a canonical name");
        assert_eq!(hash.to_text(), row["hash"]);
    }
    for row in file["origins"].as_array().expect("origins") {
        let hash = origin_hash(&text(&row["origin"])).expect("a browser's spelling");
        assert_eq!(hash.to_text(), row["hash"]);
    }
    for row in file["titles"].as_array().expect("titles") {
        let hash = title_hash(&text(&row["title"])).expect("a canonical title");
        assert_eq!(hash.to_text(), row["hash"]);
    }
    for row in file["targets"].as_array().expect("targets") {
        let target = Access::target(&text(&row["method"]), &text(&row["path"]));
        assert_eq!(target[..], bytes(&row["hash"])[..]);
    }
    for row in file["work"].as_array().expect("work") {
        let challenge = Challenge::decode(&bytes(&row["challenge"])).expect("a challenge");
        let root = PublicKey::parse(&text(&row["root"])).expect("a key");
        let solution: u64 = text(&row["solution"]).parse().expect("a number");
        assert!(challenge.is_solved_by(&root, solution));
    }
}

#[test]
fn the_log_has_these_bytes() {
    use farthing_shared::checkpoint::Checkpoint;
    use farthing_shared::leaf::Leaf;
    use farthing_shared::merkle::leaf_hash;
    use farthing_shared::note::{Note, NoteKey};
    use farthing_shared::receipt::Receipt;

    let file = file("log.json");
    for row in file["leaves"].as_array().expect("leaves") {
        let leaf = bytes(&row["leaf"]);
        let decoded = Leaf::decode(&leaf).expect("a leaf");
        assert_eq!(decoded.encode(), leaf);
        assert_eq!(leaf_hash(&leaf).to_text(), row["hash"].as_str().expect("text"));
    }
    let key = NoteKey::parse(file["key"].as_str().expect("text")).expect("a key");
    let signed = file["checkpoint"].as_str().expect("text");
    let note = Note::parse(signed).expect("a note");
    let opened = Checkpoint::open(&note, &key).expect("it is signed");
    assert_eq!(opened.sign(&SigningKey::from_seed(&seed(&file))).expect("it signs"), note);
    let text = file["receipt"].as_str().expect("text");
    let receipt = Receipt::parse(text).expect("a receipt");
    assert_eq!(receipt.to_string(), text);
    assert_eq!(receipt.verify(&key).expect("it holds").leaf.entry, 2);
}
