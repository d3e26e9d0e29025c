//! Voucher codes: `FARTH-` and sixteen characters of Crockford's base32 (80 random bits). Only their
//! hash is stored, so a stolen ledger redeems nothing.

use farthing_rules::VoucherHash;
use sha2::{Digest, Sha256};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const RANDOM_BYTES: usize = 10;

/// The code of ten random bytes: `FARTH-7K3M-Q2XW-9TBD-4HJN`.
#[must_use]
pub fn code(random: &[u8; RANDOM_BYTES]) -> String {
    let bits = random.iter().fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte));
    let mut text = String::from("FARTH");
    for place in 0..16_u32 {
        if place.is_multiple_of(4) {
            text.push('-');
        }
        let shift = 75_u32.saturating_sub(place.saturating_mul(5));
        let index = usize::try_from((bits >> shift) & 31).unwrap_or(0);
        text.push(char::from(ALPHABET.get(index).copied().unwrap_or(b'0')));
    }
    text
}

/// The hash of a code as people type it: case, spaces, dashes and the look-alikes O, I, L do not
/// matter. `None` when it cannot be a code.
#[must_use]
pub fn hash(typed: &str) -> Option<VoucherHash> {
    let plain: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let symbols: String = plain
        .strip_prefix("FARTH")?
        .chars()
        .map(|c| match c {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    let valid = symbols.len() == 16 && symbols.bytes().all(|b| ALPHABET.contains(&b));
    valid.then(|| VoucherHash(Sha256::digest(format!("farthing/voucher/1 {symbols}")).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_people_type_them() {
        let code = code(&[0xff, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        let right = hash(&code).unwrap();
        assert_eq!(code.len(), 25);
        let lower = code.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
        assert_eq!(hash(&lower), Some(right));
        for wrong in ["", "FARTH", "FARTH-1234", &code[..24], "FARTH-UUUU-UUUU-UUUU-UUUU"] {
            assert_eq!(hash(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_bit_counts() {
        let base = hash(&code(&[0; 10])).unwrap();
        for bit in 0..80 {
            let mut random = [0; 10];
            random[bit / 8] = 1 << (bit % 8);
            assert_ne!(hash(&code(&random)).unwrap(), base, "{bit}");
        }
    }
}
