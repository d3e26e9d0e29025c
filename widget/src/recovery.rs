//! Recovery words: the 32 bytes of a root key's seed as 24 words of BIP39, to be written on paper.
//!
//! Here a word is its place in the list, 0 to 2047: eleven bits. The page knows the words. The last
//! eight of the 264 bits are the first byte of the seed's SHA-256, so that one wrong word is noticed
//! with a chance of 255 in 256. Source: BIP-0039, "Generating the mnemonic", for 256 bits; the
//! words stand for the seed itself, no further key is derived from them.

use farthing_shared::sha256;

/// Words of a phrase.
pub const WORDS: usize = 24;
/// Words in the list.
const LIST: u16 = 2_048;

/// The places of the words that stand for this seed.
#[must_use]
pub fn places(seed: &[u8; 32]) -> [u16; WORDS] {
    let [check, ..] = sha256(seed);
    let mut bytes = [0; 33];
    let (front, last) = bytes.split_at_mut(32);
    front.copy_from_slice(seed);
    last.fill(check);
    core::array::from_fn(|word| {
        (0..11).fold(0, |place, bit| {
            let at = word * 11 + bit;
            let byte = bytes.get(at / 8).copied().unwrap_or(0);
            place << 1 | u16::from(byte >> (7 - at % 8) & 1)
        })
    })
}

/// The seed of these words; `None` when one of them is wrong or out of its place.
#[must_use]
pub fn seed(words: &[u16; WORDS]) -> Option<[u8; 32]> {
    if words.iter().any(|place| *place >= LIST) {
        return None;
    }
    let mut bytes = [0_u8; 33];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = (at * 8..at * 8 + 8).fold(0, |byte, bit| {
            let place = words.get(bit / 11).copied().unwrap_or(0);
            byte << 1 | u8::from(place >> (10 - bit % 11) & 1 == 1)
        });
    }
    let (seed, check) = bytes.split_first_chunk::<32>()?;
    (check.first() == sha256(seed).first()).then_some(*seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The 256-bit vectors of BIP-0039 (all bits alike, and 0x7f, 0x80 repeated), as places.
    #[test]
    fn the_standard_vectors_hold() {
        let rows: [(u8, u16, u16); 4] =
            // abandon … art; zoo … vote; then the first and last words legal … title, letter … bless.
            [(0x00, 0, 102), (0xff, 2_047, 1_967), (0x7f, 1_019, 1_815), (0x80, 1_028, 189)];
        for (byte, first, last) in rows {
            let places = places(&[byte; 32]);
            assert_eq!((places[0], places[23]), (first, last), "{byte:#x}");
            assert_eq!(seed(&places), Some([byte; 32]));
        }
    }

    #[test]
    fn a_wrong_word_is_noticed() {
        let seed_bytes: [u8; 32] = core::array::from_fn(|at| (at * 37 + 11) as u8);
        let right = places(&seed_bytes);
        assert_eq!(seed(&right), Some(seed_bytes));
        let mut taken = 0;
        let mut tried = 0;
        for word in 0..WORDS {
            for step in 1..200 {
                let mut wrong = right;
                wrong[word] = (wrong[word] + step * 10) % LIST;
                tried += 1;
                taken += u32::from(seed(&wrong).is_some());
            }
        }
        assert!(taken * 100 < tried, "{taken} of {tried} wrong phrases were taken");
        assert_eq!(seed(&[LIST; WORDS]), None);
    }
}
