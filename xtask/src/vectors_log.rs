//! The golden vectors of the Merkle log: leaves, their hashes, a checkpoint and a receipt over them.

use farthing_shared::checkpoint::Checkpoint;
use farthing_shared::leaf::{ClaimLeaf, Leaf, LeafBody, OtherKind, OtherLeaf, RefundLeaf};
use farthing_shared::merkle::node_hash;
use farthing_shared::note::{ED25519, NoteKey};
use farthing_shared::receipt::Receipt;
use farthing_shared::{
    Claim, CreatorId, Currency, ItemHash, Kind, Micros, OriginHash, SigningKey, UnixMillis,
    VerifierId,
};
use serde_json::{Value, json};

use crate::vectors::text;

const ORIGIN: &str = "pay.example/log";

/// `log.json`.
pub fn log() -> Value {
    let amount = |micros| Micros::new(micros).expect("a small amount");
    let spending = SigningKey::from_seed(&[0x61; 32]);
    let claim = Claim {
        verifier: VerifierId([0x11; 32]),
        key: spending.public(),
        sequence: 1,
        creator: CreatorId([0x22; 16]),
        item: ItemHash::NONE,
        amount: amount(50_000),
        currency: Currency::parse("EUR").expect("a currency"),
        kind: Kind::Donation,
        origin: OriginHash([0x33; 32]),
        expires_at: UnixMillis(1_795_392_060_000),
    };
    let top_up = Leaf {
        entry: 1,
        at: UnixMillis(1_795_392_000_000),
        body: LeafBody::Other(OtherLeaf {
            kind: OtherKind::TopUp,
            account: 7,
            amount: amount(5_000_000),
            detail: 1,
            reference: [0x44; 32],
            salt: [0x55; 16],
        }),
    };
    let paid = Leaf {
        entry: 2,
        at: UnixMillis(1_795_392_000_500),
        body: LeafBody::Claim(Box::new(ClaimLeaf {
            number: 1,
            total: amount(49_500),
            credited: amount(49_500),
            signed: claim.sign(&spending),
        })),
    };
    // Not in the checkpoint below: only its bytes are pinned.
    let back = Leaf {
        entry: 3,
        at: UnixMillis(1_795_392_000_900),
        body: LeafBody::Refund(RefundLeaf {
            number: 1,
            total: amount(49_500),
            taken: amount(49_500),
            claim: 2,
            request: [0x66; 32],
            salt: [0x55; 16],
        }),
    };
    let key = SigningKey::from_seed(&[0x71; 32]);
    let root = node_hash(&top_up.hash(), &paid.hash());
    let checkpoint = Checkpoint { origin: ORIGIN.into(), size: 2, root };
    let note = checkpoint.sign(&key).expect("an origin that can sign");
    let receipt = Receipt {
        leaf: paid.encode(),
        index: 1,
        proof: vec![top_up.hash()],
        checkpoint: note.clone(),
    };
    let row = |leaf: &Leaf| json!({ "leaf": text(&leaf.encode()), "hash": leaf.hash().to_text() });
    let vkey = NoteKey::new(ORIGIN, ED25519, &key.public()).expect("a key that can sign");
    json!({
        "kind": "log", "seed": text(&[0x71; 32]), "key": vkey.to_string(),
        "leaves": [row(&top_up), row(&paid), row(&back)],
        "checkpoint": note.to_string(), "receipt": receipt.to_string(),
    })
}
