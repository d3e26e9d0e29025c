#![no_main]

use farthing_shared::leaf::Leaf;
use farthing_shared::note::{Note, NoteKey};
use farthing_shared::receipt::Receipt;
use farthing_shared::statement::Statement;
use farthing_shared::tiles::TileName;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(leaf) = Leaf::decode(data) {
        assert_eq!(leaf.encode(), data, "another spelling was taken");
    }
    if let Ok(statement) = Statement::parse(data) {
        assert!(statement.encode() == data, "another spelling was taken");
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let same = |written: Option<String>| {
        assert!(written.is_none_or(|written| written == text), "another spelling was taken");
    };
    same(Note::parse(text).ok().map(|note| note.to_string()));
    same(NoteKey::parse(text).ok().map(|key| key.to_string()));
    same(Receipt::parse(text).ok().map(|receipt| receipt.to_string()));
    same(TileName::parse(text).map(|name| name.path()));
});
