//! Base64url without padding, in a form that compiles to little. `farthing-shared` reads and writes
//! the same texts with a library that takes the same time for every secret; nothing here is secret.

use alloc::string::String;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The text of these bytes.
#[inline(never)]
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut held, mut bits) = (0_u32, 0_u32);
    let mut push = |six: u32| text.push(char::from(ALPHABET[(six & 63) as usize]));
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 6 {
            bits -= 6;
            push(held >> bits);
        }
    }
    if bits > 0 {
        push(held << (6 - bits));
    }
    text
}

/// The bytes of a text, exactly `N`; `None` for every other spelling.
#[inline(never)]
fn decode_into(text: &str, bytes: &mut [u8]) -> Option<()> {
    let (mut held, mut bits, mut at) = (0_u32, 0_u32, 0);
    for letter in text.bytes() {
        let six = ALPHABET.iter().position(|a| *a == letter)?;
        held = held << 6 | six as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            *bytes.get_mut(at)? = (held >> bits) as u8;
            held &= (1 << bits) - 1;
            at += 1;
        }
    }
    // One text per value: no letter too many, and its unused bits are zero.
    (at == bytes.len() && bits < 6 && held == 0).then_some(())
}

/// The bytes of a text, exactly `N`; `None` for every other spelling.
#[must_use]
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    decode_into(text, &mut bytes)?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64UrlUnpadded, Encoding};

    use super::*;

    #[test]
    fn the_same_texts_as_the_library() {
        let mut bytes = Vec::new();
        for n in 0..70_u8 {
            assert_eq!(encode(&bytes), Base64UrlUnpadded::encode_string(&bytes), "{n}");
            bytes.push(n.wrapping_mul(151).wrapping_add(7));
        }
    }

    #[test]
    fn one_spelling_per_value() {
        let texts = ["", "A", "AA", "AB", "AAA", "AAE", "AAAA", "____", "A+AA", "AA=", "AA==", "é"];
        for text in texts {
            let check = |ours: Option<&[u8]>, len| {
                let theirs = Base64UrlUnpadded::decode_vec(text).ok().filter(|b| b.len() == len);
                assert_eq!(ours, theirs.as_deref(), "{text} as {len}");
            };
            check(decode::<1>(text).as_ref().map(<[u8; 1]>::as_slice), 1);
            check(decode::<2>(text).as_ref().map(<[u8; 2]>::as_slice), 2);
            check(decode::<3>(text).as_ref().map(<[u8; 3]>::as_slice), 3);
        }
    }
}
