//! Whatever the fields hold: encoding and decoding are exact inverses, and what is signed is what
//! is read.

use farthing_shared::{
    Allowance, Claim, CreatorId, Currency, ItemHash, Kind, Micros, OriginHash, PublicKey,
    SignedAllowance, SignedClaim, SigningKey, UnixMillis, VerifierId, VerifyingKey,
};
use proptest::prelude::*;

fn claims() -> impl Strategy<Value = (Claim, [u8; 32])> {
    (
        any::<([u8; 32], [u8; 32], [u8; 16], [u8; 32], [u8; 32], bool)>(),
        (1..=i64::MAX.cast_unsigned(), 0..=Micros::MAX.get(), any::<u64>(), "[A-Z]{3}"),
    )
        .prop_map(
            |((seed, verifier, creator, item, origin, donates), (sequence, amount, at, code))| {
                let none = donates || item == [0; 32];
                let claim = Claim {
                    verifier: VerifierId(verifier),
                    key: SigningKey::from_seed(&seed).public(),
                    sequence,
                    creator: CreatorId(creator),
                    item: if none { ItemHash::NONE } else { ItemHash(item) },
                    amount: Micros::new(amount).expect("in range"),
                    currency: Currency::parse(&code).expect("three capitals"),
                    kind: if none { Kind::Donation } else { Kind::View },
                    origin: OriginHash(origin),
                    expires_at: UnixMillis(at),
                };
                (claim, seed)
            },
        )
}

fn allowances() -> impl Strategy<Value = (Allowance, [u8; 32])> {
    (
        any::<([u8; 32], [u8; 32], [u8; 32], [u8; 16], [u8; 32], u32)>(),
        (1..=i64::MAX.cast_unsigned(), 0..=i64::MAX.cast_unsigned(), 0..=i64::MAX.cast_unsigned()),
        (0..=Micros::MAX.get(), 0..=Micros::MAX.get(), "[A-Z]{3}"),
    )
        .prop_map(
            |(
                (seed, verifier, key, creator, origin, device),
                (serial, grant, at),
                (cap, each, code),
            )| {
                let allowance = Allowance {
                    verifier: VerifierId(verifier),
                    root: SigningKey::from_seed(&seed).public(),
                    key: PublicKey(key),
                    creator: CreatorId(creator),
                    origin: OriginHash(origin),
                    cap: Micros::new(cap).expect("in range"),
                    per_claim_max: Micros::new(each).expect("in range"),
                    expires_at: UnixMillis(at),
                    serial,
                    grant,
                    device,
                    currency: Currency::parse(&code).expect("three capitals"),
                };
                (allowance, seed)
            },
        )
}

proptest! {
    #[test]
    fn a_claim_reads_back((claim, seed) in claims()) {
        prop_assert_eq!(Claim::decode(&claim.encode()), Ok(claim));
        let key = SigningKey::from_seed(&seed);
        let signed = claim.sign(&key);
        let read = SignedClaim::decode(&signed.encode()).expect("its own bytes");
        prop_assert_eq!((read.claim(), read.id()), (&claim, claim.id()));
        let public = VerifyingKey::new(&key.public()).expect("an honest key");
        prop_assert!(read.verify(&public).is_ok());
    }

    #[test]
    fn an_allowance_reads_back((allowance, seed) in allowances()) {
        prop_assert_eq!(Allowance::decode(&allowance.encode()), Ok(allowance));
        let signed = allowance.sign(&SigningKey::from_seed(&seed)).encode();
        let read = SignedAllowance::decode(&signed).expect("its own bytes");
        prop_assert_eq!(read.allowance(), &allowance);
    }

    /// Whatever bytes decode, encode to themselves: there is one spelling of each claim.
    #[test]
    fn a_claim_has_one_spelling((claim, _) in claims(), at in 16_usize..192, byte: u8) {
        let mut bytes = claim.encode();
        bytes[at] = byte;
        if let Ok(read) = Claim::decode(&bytes) {
            prop_assert_eq!(read.encode(), bytes);
        }
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = SignedClaim::decode(&bytes);
        let _ = SignedAllowance::decode(&bytes);
        let _ = farthing_shared::SignedOpening::decode(&bytes);
        let _ = farthing_shared::SignedAccess::decode(&bytes);
        let _ = farthing_shared::SignedOffer::decode(&bytes);
    }

    #[test]
    fn an_amount_reads_back(micros in 0..=Micros::MAX.get()) {
        let amount = Micros::new(micros).expect("in range");
        prop_assert_eq!(Micros::parse(&amount.to_decimal()), Ok(amount));
    }

    #[test]
    fn no_text_panics_as_an_amount(text in ".{0,30}") {
        let _ = Micros::parse(&text);
    }
}
