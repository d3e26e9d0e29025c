#![no_main]

use farthing_shared::{
    ClaimId, CreatorId, Currency, ItemHash, Micros, OriginHash, PublicKey, TitleHash, VerifierId,
    item_hash, origin_hash, title_hash,
};
use libfuzzer_sys::fuzz_target;

macro_rules! one_spelling {
    ($text:expr, $($name:ident),*) => {
        $(if let Ok(value) = $name::parse($text) {
            assert_eq!(value.to_text(), $text);
        })*
    };
}

fuzz_target!(|text: &str| {
    one_spelling!(text, ClaimId, CreatorId, ItemHash, OriginHash, PublicKey, TitleHash, VerifierId);
    if let Some(currency) = Currency::parse(text) {
        assert_eq!(currency.as_str(), text);
    }
    // An amount may be written with trailing zeros, so its value must read back, not its text.
    if let Ok(amount) = Micros::parse(text) {
        assert!(amount <= Micros::MAX);
        let printed = amount.to_decimal();
        assert_eq!(Micros::parse(&printed), Ok(amount));
        let digits = |text: &str| {
            let text = if text.contains('.') { text.trim_end_matches('0') } else { text };
            text.trim_end_matches('.').to_owned()
        };
        assert_eq!(digits(&printed), digits(text));
    }
    // Names are refused or hashed, and never panic.
    let creator = CreatorId([7; 16]);
    if item_hash(&creator, text).is_ok() {
        assert!(!text.is_empty() && text.len() <= farthing_shared::limits::ITEM_NAME_BYTES_MAX);
        assert!(!text.chars().any(char::is_control));
    }
    if origin_hash(text).is_ok() {
        assert!(text.is_ascii() && text.len() <= farthing_shared::limits::ORIGIN_BYTES_MAX);
        assert!(!text.bytes().any(|byte| byte.is_ascii_uppercase() || byte == b'@'));
    }
    let _never_panics = title_hash(text);
});
