//! `cargo xtask vectors`: the golden vectors of `shared/vectors`, which pin every byte of the signed
//! structures for Rust, Wasm and JavaScript. Without `--write` it only compares: a difference
//! means that the bytes on the wire have changed.
//!
//! ```text
//! <kind>.json   {"kind", "tag", "body_len", "cases": [{"name", "seed", "fields", "body", "signature", "id"?}],
//!                "refused": [{"name", "bytes", "why"}]}
//! log.json      {"seed", "key", "leaves": [{"leaf", "hash"}], "checkpoint", "receipt"}
//! names.json    {"items": [{"creator", "name", "hash"}], "origins": […], "titles": […], "targets": […], "work": […]}
//! ```
//!
//! Bytes are base64url, numbers are decimal strings (JavaScript's numbers end at 2⁵³), amounts are
//! decimals of the main unit, times Unix milliseconds.

use farthing_shared::encoding::DecodeError;
use farthing_shared::{
    Access, Allowance, Backup, BackupName, Budget, Challenge, Claim, ClaimId, CreatorId, Currency,
    ItemHash, Kind, Micros, Offer, Opening, OriginHash, Permission, PublicKey, Reason, Refund,
    Rotation, SignedAccess, SignedAllowance, SignedBackup, SignedBudget, SignedClaim, SignedOffer,
    SignedOpening, SignedPermission, SignedRefund, SignedRotation, SigningKey, TitleHash,
    UnixMillis, VerifierId, item_hash, origin_hash, title_hash,
};
use serde_json::{Value, json};

use crate::Outcome;

#[derive(clap::Args, Default)]
pub struct Arguments {
    /// Write the files instead of comparing them.
    #[arg(long)]
    write: bool,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let folder = crate::wasm::root().join("shared/vectors");
    if arguments.write {
        std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    }
    for (name, value) in files() {
        let path = folder.join(name);
        let text = format!("{value:#}\n");
        if arguments.write {
            std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
        } else if std::fs::read_to_string(&path).ok().as_deref() != Some(&text) {
            return Err(format!(
                "{name} differs: the bytes on the wire have changed, or the vectors are old \
                 (cargo xtask vectors --write)"
            ));
        }
    }
    println!(
        "vectors: {} files {}",
        files().len(),
        if arguments.write { "written" } else { "hold" }
    );
    Ok(())
}

fn files() -> Vec<(&'static str, Value)> {
    vec![
        ("claim.json", claims()),
        ("allowance.json", allowances()),
        ("opening.json", openings()),
        ("offer.json", offers()),
        ("access.json", accesses()),
        ("refund.json", refunds()),
        ("budget.json", budgets()),
        ("permission.json", permissions()),
        ("rotation.json", rotations()),
        ("backup.json", backups()),
        ("names.json", names()),
        ("log.json", crate::vectors_log::log()),
    ]
}

const VERIFIER: VerifierId = VerifierId([0x11; 32]);
const CREATOR: CreatorId = CreatorId([0x22; 16]);

/// The one place where the form of a case is laid down.
fn case(name: &str, seed: [u8; 32], fields: Value, signed: &[u8], id: Option<String>) -> Value {
    let (body, signature) = signed.split_at(signed.len() - 64);
    let mut case = json!({
        "name": name,
        "seed": text(&seed),
        "fields": fields,
        "body": text(body),
        "signature": text(signature),
    });
    if let Some(id) = id {
        case["id"] = id.into();
    }
    case
}

/// Bytes that must not decode, each with the reason. `reserved` are the places that must be zero.
fn refused(
    signed: &[u8],
    reserved: &[usize],
    fields: &[(&str, usize, u8)],
    decode: impl Fn(&[u8]) -> Option<DecodeError>,
) -> Vec<Value> {
    let changed = |at: usize, value: u8| {
        let mut bytes = signed.to_vec();
        bytes[at] = value;
        bytes
    };
    let mut rows = vec![
        ("nothing at all".to_owned(), Vec::new()),
        ("one byte short".to_owned(), signed[..signed.len() - 1].to_vec()),
        ("one byte long".to_owned(), [signed, &[0]].concat()),
        ("another tag".to_owned(), changed(0, b'F')),
        ("another version".to_owned(), changed(if signed[15] == 0 { 14 } else { 15 }, b'2')),
    ];
    rows.extend(reserved.iter().map(|at| (format!("reserved byte {at}"), changed(*at, 1))));
    rows.extend(fields.iter().map(|(name, at, value)| ((*name).to_owned(), changed(*at, *value))));
    rows.into_iter()
        .map(|(name, bytes)| {
            let why = decode(&bytes).expect("a vector of refused bytes is refused");
            json!({ "name": name, "bytes": text(&bytes), "why": why.to_string() })
        })
        .collect()
}

fn claims() -> Value {
    let seed = [1; 32];
    let key = SigningKey::from_seed(&seed);
    let view = Claim {
        verifier: VERIFIER,
        key: key.public(),
        sequence: 1,
        creator: CREATOR,
        item: item_hash(&CREATOR, "essay").expect("a canonical name"),
        amount: micros(50_000),
        currency: currency("EUR"),
        kind: Kind::View,
        origin: origin(),
        expires_at: UnixMillis(1_795_500_000_000),
    };
    let donation = Claim { item: ItemHash::NONE, kind: Kind::Donation, amount: micros(1), ..view };
    let largest = Claim {
        sequence: i64::MAX.cast_unsigned(),
        amount: Micros::MAX,
        expires_at: UnixMillis(u64::MAX),
        currency: currency("ZZZ"),
        ..view
    };
    let rows = [("a view", view), ("a donation", donation), ("the largest values", largest)];
    let cases: Vec<_> = rows
        .iter()
        .map(|(name, claim)| {
            let fields = json!({
                "verifier": claim.verifier.to_text(), "key": claim.key.to_text(),
                "sequence": claim.sequence.to_string(), "creator": claim.creator.to_text(),
                "item": claim.item.to_text(), "amount": claim.amount.to_decimal(),
                "currency": claim.currency.as_str(), "kind": claim.kind.code().to_string(),
                "origin": claim.origin.to_text(), "expires_at": claim.expires_at.0.to_string(),
            });
            let signed = claim.sign(&key);
            case(name, seed, fields, &signed.encode(), Some(signed.id().to_text()))
        })
        .collect();
    let fields = [
        ("kind 0", 147, 0),
        ("kind 3", 147, 3),
        ("small letter in the currency", 144, b'e'),
        ("an amount beyond the largest", 136, 0xff),
        ("a sequence beyond the largest", 80, 0x80),
        ("sequence 0", 87, 0),
        ("a donation with an item", 147, 2),
    ];
    let signed = view.sign(&key).encode();
    let bad = refused(&signed, &[188, 191], &fields, |b| SignedClaim::decode(b).err());
    file("claim", Claim::TAG, Claim::BODY_LEN, cases, bad)
}

fn allowances() -> Value {
    let seed = [3; 32];
    let root = SigningKey::from_seed(&seed);
    let first = Allowance {
        verifier: VERIFIER,
        root: root.public(),
        key: SigningKey::from_seed(&[1; 32]).public(),
        creator: CREATOR,
        origin: origin(),
        cap: micros(2_000_000),
        per_claim_max: micros(500_000),
        expires_at: UnixMillis(1_803_276_000_000),
        serial: 1,
        grant: 1,
        device: 7,
        currency: currency("EUR"),
    };
    let withdrawn = Allowance { cap: Micros::ZERO, serial: 2, ..first };
    let rows = [("the first", first), ("withdrawn", withdrawn)];
    let cases: Vec<_> = rows
        .iter()
        .map(|(name, a)| {
            let fields = json!({
                "verifier": a.verifier.to_text(), "root": a.root.to_text(), "key": a.key.to_text(),
                "creator": a.creator.to_text(), "origin": a.origin.to_text(),
                "cap": a.cap.to_decimal(), "per_claim_max": a.per_claim_max.to_decimal(),
                "expires_at": a.expires_at.0.to_string(), "serial": a.serial.to_string(),
                "grant": a.grant.to_string(), "device": a.device.to_string(),
                "currency": a.currency.as_str(),
            });
            case(name, seed, fields, &a.sign(&root).encode(), None)
        })
        .collect();
    let fields = [
        ("serial 0", 191, 0),
        ("a serial beyond the largest", 184, 0x80),
        ("a grant beyond the largest", 192, 0x80),
        ("an expiry beyond the largest", 176, 0x80),
        ("a cap beyond the largest", 160, 0xff),
        ("small letter in the currency", 204, b'e'),
    ];
    let signed = first.sign(&root).encode();
    let bad = refused(&signed, &[207], &fields, |b| SignedAllowance::decode(b).err());
    file("allowance", Allowance::TAG, Allowance::BODY_LEN, cases, bad)
}

fn openings() -> Value {
    let seed = [3; 32];
    let root = SigningKey::from_seed(&seed);
    let challenge =
        Challenge { issued_at: UnixMillis(1_795_500_000_000), bits: 10, mac: [0x44; 32] };
    let solution = challenge.search(&root.public(), 0, 1 << 20).expect("10 bits are found soon");
    let opening = Opening { verifier: VERIFIER, root: root.public(), challenge, solution };
    let fields = json!({
        "verifier": VERIFIER.to_text(), "root": opening.root.to_text(),
        "challenge": text(&challenge.encode()), "solution": solution.to_string(),
    });
    let signed = opening.sign(&root).encode();
    let cases = vec![case("solved", seed, fields, &signed, None)];
    let bad = refused(&signed, &[89, 95], &[], |b| SignedOpening::decode(b).err());
    file("opening", Opening::TAG, Opening::BODY_LEN, cases, bad)
}

fn offers() -> Value {
    let seed = [5; 32];
    let key = SigningKey::from_seed(&seed);
    let offer = Offer {
        verifier: VERIFIER,
        creator: CREATOR,
        key: key.public(),
        item: item_hash(&CREATOR, "essay").expect("a canonical name"),
        title: title_hash("On small change").expect("a canonical title"),
        price: micros(50_000),
        issued_at: UnixMillis(1_795_500_000_000),
        expires_at: UnixMillis(1_803_276_000_000),
        currency: currency("EUR"),
    };
    let fields = json!({
        "verifier": VERIFIER.to_text(), "creator": CREATOR.to_text(), "key": offer.key.to_text(),
        "item": offer.item.to_text(), "title": offer.title.to_text(),
        "price": offer.price.to_decimal(), "issued_at": offer.issued_at.0.to_string(),
        "expires_at": offer.expires_at.0.to_string(), "currency": "EUR",
    });
    let signed = offer.sign(&key).encode();
    let cases = vec![case("an offer", seed, fields, &signed, None)];
    let rows =
        [("small letter in the currency", 184, b'e'), ("a price beyond the largest", 160, 0xff)];
    let bad = refused(&signed, &[187, 191], &rows, |b| SignedOffer::decode(b).err());
    file("offer", Offer::TAG, Offer::BODY_LEN, cases, bad)
}

fn accesses() -> Value {
    let seed = [1; 32];
    let key = SigningKey::from_seed(&seed);
    let target = Access::target("GET", "/v1/quote?creator=cr_x&item=essay");
    let access =
        Access { verifier: VERIFIER, key: key.public(), at: UnixMillis(1_795_500_000_000), target };
    let fields = json!({
        "verifier": VERIFIER.to_text(), "key": access.key.to_text(),
        "at": access.at.0.to_string(), "target": text(&target),
    });
    let signed = access.sign(&key).encode();
    let cases = vec![case("a read", seed, fields, &signed, None)];
    let bad = refused(&signed, &[], &[], |b| SignedAccess::decode(b).err());
    file("access", Access::TAG, Access::BODY_LEN, cases, bad)
}

fn refunds() -> Value {
    let seed = [1; 32];
    let key = SigningKey::from_seed(&seed);
    let asked = Refund {
        verifier: VERIFIER,
        signer: key.public(),
        claim: ClaimId([0x66; 32]),
        entry: 12,
        asked_at: UnixMillis(1_795_500_000_000),
        reason: Reason::NotDelivered,
    };
    let largest = UnixMillis(i64::MAX.cast_unsigned());
    let rows = [
        ("not delivered", asked),
        ("by mistake", Refund { reason: Reason::Mistake, ..asked }),
        ("not as described", Refund { reason: Reason::NotAsDescribed, ..asked }),
        (
            "the largest values",
            Refund { entry: largest.0, asked_at: largest, reason: Reason::Other, ..asked },
        ),
    ];
    let cases: Vec<_> = rows
        .iter()
        .map(|(name, refund)| {
            let fields = json!({
                "verifier": refund.verifier.to_text(), "signer": refund.signer.to_text(),
                "claim": refund.claim.to_text(), "entry": refund.entry.to_string(),
                "asked_at": refund.asked_at.0.to_string(),
                "reason": refund.reason.code().to_string(),
            });
            let signed = refund.sign(&key);
            case(name, seed, fields, &signed.encode(), Some(text(&signed.id())))
        })
        .collect();
    let fields = [
        ("entry 0", 119, 0),
        ("an entry beyond the largest", 112, 0x80),
        ("a time beyond the largest", 120, 0x80),
        ("reason 0", 128, 0),
        ("reason 5", 128, 5),
    ];
    let signed = asked.sign(&key).encode();
    let bad = refused(&signed, &[129, 135], &fields, |b| SignedRefund::decode(b).err());
    file("refund", Refund::TAG, Refund::BODY_LEN, cases, bad)
}

fn budgets() -> Value {
    let seed = [1; 32];
    let key = SigningKey::from_seed(&seed);
    let micros = |value: u64| Some(Micros::new(value).expect("an amount"));
    let none = Budget {
        verifier: VERIFIER,
        root: key.public(),
        number: 1,
        set_at: UnixMillis(1_795_500_000_000),
        per_day: None,
        per_month: None,
        paused: false,
        currency: Currency::parse("EUR").expect("three capitals"),
    };
    let largest = UnixMillis(i64::MAX.cast_unsigned());
    let both =
        Budget { number: 2, per_day: micros(1_000_000), per_month: micros(10_000_000), ..none };
    let rows = [
        ("no limit", none),
        ("most a day", Budget { per_day: micros(500_000), ..none }),
        ("most a month", Budget { per_month: micros(5_000_000), ..none }),
        ("both, paused", Budget { paused: true, ..both }),
        (
            "the largest values",
            Budget {
                number: largest.0,
                set_at: largest,
                per_day: Some(Micros::MAX),
                per_month: Some(Micros::MAX),
                ..both
            },
        ),
    ];
    let cases: Vec<_> = rows
        .iter()
        .map(|(name, budget)| {
            let limit = |limit: Option<Micros>| limit.map_or("0".into(), Micros::to_decimal);
            let fields = json!({
                "verifier": budget.verifier.to_text(), "root": budget.root.to_text(),
                "number": budget.number.to_string(), "set_at": budget.set_at.0.to_string(),
                "per_day": limit(budget.per_day), "per_month": limit(budget.per_month),
                "paused": u8::from(budget.paused).to_string(),
                "currency": budget.currency.as_str(),
            });
            case(name, seed, fields, &budget.sign(&key).encode(), None)
        })
        .collect();
    let fields = [
        ("number 0", 87, 0),
        ("a number beyond the largest", 80, 0x80),
        ("a time beyond the largest", 88, 0x80),
        ("a limit a month that does not hold", 112, 1),
        ("a limit a day of nothing", 112, 7),
        ("a flag that means nothing", 112, 10),
        ("a currency in small letters", 113, b'e'),
    ];
    let monthly = Budget { number: 1, per_day: None, ..both };
    let signed = monthly.sign(&key).encode();
    let bad = refused(&signed, &[116, 119], &fields, |b| SignedBudget::decode(b).err());
    file("budget", Budget::TAG, Budget::BODY_LEN, cases, bad)
}

fn permissions() -> Value {
    let seed = [1; 32];
    let key = SigningKey::from_seed(&seed);
    let some = Permission {
        verifier: VERIFIER,
        root: key.public(),
        number: 1,
        set_at: UnixMillis(1_795_500_000_000),
        creator: CREATOR,
        per_month: Micros::new(3_000_000).expect("an amount"),
        currency: Currency::parse("EUR").expect("three capitals"),
    };
    let largest = UnixMillis(i64::MAX.cast_unsigned());
    let rows = [
        ("up to so much a month", some),
        ("taken back", Permission { number: 2, per_month: Micros::ZERO, ..some }),
        (
            "the largest values",
            Permission { number: largest.0, set_at: largest, per_month: Micros::MAX, ..some },
        ),
    ];
    let cases: Vec<_> = rows
        .iter()
        .map(|(name, permission)| {
            let fields = json!({
                "verifier": permission.verifier.to_text(), "root": permission.root.to_text(),
                "number": permission.number.to_string(),
                "set_at": permission.set_at.0.to_string(),
                "creator": permission.creator.to_text(),
                "per_month": permission.per_month.to_decimal(),
                "currency": permission.currency.as_str(),
            });
            case(name, seed, fields, &permission.sign(&key).encode(), None)
        })
        .collect();
    let fields = [
        ("number 0", 87, 0),
        ("a number beyond the largest", 80, 0x80),
        ("a time beyond the largest", 88, 0x80),
        ("an amount beyond the largest", 112, 0xff),
        ("a currency in small letters", 120, b'e'),
    ];
    let signed = some.sign(&key).encode();
    let bad = refused(&signed, &[123, 127], &fields, |b| SignedPermission::decode(b).err());
    file("permission", Permission::TAG, Permission::BODY_LEN, cases, bad)
}

fn rotations() -> Value {
    let seed = [1; 32];
    let (key, next) = (SigningKey::from_seed(&seed), SigningKey::from_seed(&[6; 32]));
    let largest = UnixMillis(i64::MAX.cast_unsigned());
    let to = |at| Rotation::to(&next, VERIFIER, key.public(), at);
    let rows =
        [("to the next key", to(UnixMillis(1_795_500_000_000))), ("the largest time", to(largest))];
    let cases: Vec<_> = rows
        .iter()
        .map(|(name, rotation)| {
            let fields = json!({
                "verifier": rotation.verifier.to_text(), "root": rotation.root.to_text(),
                "next": rotation.next.to_text(), "at": rotation.at.0.to_string(),
                "next_signature": text(&rotation.next_signature),
            });
            case(name, seed, fields, &rotation.sign(&key).encode(), None)
        })
        .collect();
    let signed = rows[0].1.sign(&key).encode();
    let mut bad = refused(&signed, &[], &[("a time beyond the largest", 112, 0x80)], |b| {
        SignedRotation::decode(b).err()
    });
    let mut own = signed;
    own.copy_within(48..80, 80);
    let why = SignedRotation::decode(&own).expect_err("a key does not follow itself");
    bad.push(json!({
        "name": "to the same key", "bytes": text(&own), "why": why.to_string(),
    }));
    file("rotation", Rotation::TAG, Rotation::BODY_LEN, cases, bad)
}

fn backups() -> Value {
    let seed = [1; 32];
    let key = SigningKey::from_seed(&seed);
    let first = Backup {
        verifier: VERIFIER,
        root: key.public(),
        name: BackupName([0x33; 32]),
        at: UnixMillis(1_795_500_000_000),
        sealed: [0x44; Backup::SEALED_LEN],
    };
    let largest = UnixMillis(i64::MAX.cast_unsigned());
    let rows = [("a sealed seed", first), ("the largest time", Backup { at: largest, ..first })];
    let cases: Vec<_> = rows
        .iter()
        .map(|(name, backup)| {
            let fields = json!({
                "verifier": backup.verifier.to_text(), "root": backup.root.to_text(),
                "name": backup.name.to_text(), "at": backup.at.0.to_string(),
                "sealed": text(&backup.sealed),
            });
            case(name, seed, fields, &backup.sign(&key).encode(), None)
        })
        .collect();
    let signed = first.sign(&key).encode();
    let fields = [("a time beyond the largest", 112, 0x80)];
    let bad = refused(&signed, &[180, 183], &fields, |b| SignedBackup::decode(b).err());
    file("backup", Backup::TAG, Backup::BODY_LEN, cases, bad)
}

/// Hashes of names, and a proof of work.
fn names() -> Value {
    let items = ["essay", "a/b c", "\u{fc}ber \u{1f600}"].map(|name| {
        let hash = item_hash(&CREATOR, name).expect("a canonical name");
        json!({ "creator": CREATOR.to_text(), "name": name, "hash": hash.to_text() })
    });
    let origins = ["https://blog.example", "http://blog.localhost:8101"].map(|origin| {
        let hash = origin_hash(origin).expect("a browser's spelling");
        json!({ "origin": origin, "hash": hash.to_text() })
    });
    let title = "On small change";
    let hash: TitleHash = title_hash(title).expect("a canonical title");
    let path = "/v1/quote?creator=cr_x&item=essay";
    let challenge =
        Challenge { issued_at: UnixMillis(1_795_500_000_000), bits: 10, mac: [0x44; 32] };
    let root: PublicKey = SigningKey::from_seed(&[3; 32]).public();
    let solution = challenge.search(&root, 0, 1 << 20).expect("10 bits are found soon");
    json!({
        "items": items,
        "origins": origins,
        "titles": [{ "title": title, "hash": hash.to_text() }],
        "targets": [{ "method": "GET", "path": path, "hash": text(&Access::target("GET", path)) }],
        "work": [{
            "challenge": text(&challenge.encode()), "root": root.to_text(),
            "solution": solution.to_string(),
        }],
    })
}

fn file(kind: &str, tag: &[u8; 16], body_len: usize, cases: Vec<Value>, bad: Vec<Value>) -> Value {
    json!({ "kind": kind, "tag": text(tag), "body_len": body_len, "cases": cases, "refused": bad })
}

pub fn text(bytes: &[u8]) -> String {
    use base64ct::{Base64UrlUnpadded, Encoding};
    Base64UrlUnpadded::encode_string(bytes)
}

fn micros(micros: u64) -> Micros {
    Micros::new(micros).expect("a small amount")
}

fn currency(code: &str) -> Currency {
    Currency::parse(code).expect("three capitals")
}

fn origin() -> OriginHash {
    origin_hash("https://blog.example").expect("a browser's spelling")
}
