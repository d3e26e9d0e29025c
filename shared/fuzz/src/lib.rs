//! What every target checks: a decoder refuses bytes, or they are exactly what its encoder writes.
//!
//! Run one with `cargo +nightly fuzz run claim` in `shared/` (cargo-fuzz 0.13).
#![forbid(unsafe_code)]

/// Checks one structure on bytes as they come, and again on bytes that have its length and tag, so
/// that the fuzzer does not spend its time on guessing those.
pub fn exact<T, E, const LENGTH: usize>(
    data: &[u8],
    tag: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, E>,
    encode: impl Fn(&T) -> [u8; LENGTH],
) {
    if let Ok(value) = decode(data) {
        assert_eq!(encode(&value).as_slice(), data, "another spelling was taken");
    }
    let mut shaped = [0; LENGTH];
    let used = data.len().min(LENGTH);
    shaped[..used].copy_from_slice(&data[..used]);
    shaped[..tag.len()].copy_from_slice(tag);
    if let Ok(value) = decode(&shaped) {
        assert_eq!(encode(&value), shaped, "another spelling was taken");
    }
    // One byte more or less is never the same structure.
    assert!(decode(&shaped[..LENGTH - 1]).is_err(), "too short a structure was taken");
    assert!(decode(&[&shaped[..], &[0]].concat()).is_err(), "too long a structure was taken");
}
