//! Sealed content: what stands behind a gate, encrypted for those who own the item.
//!
//! `sealed = base64url(nonce 12 · AES-256-GCM(content key, nonce, plaintext))`; the plaintext is a node
//! tree as JSON (docs/api.md).

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use base64ct::{Base64UrlUnpadded, Encoding};

/// Why content cannot be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSealed {
    /// It is not a JSON array of nodes.
    NotATree,
    /// It is too long for the cipher.
    TooLong,
}

impl std::fmt::Display for NotSealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotATree => {
                "expected a JSON array of nodes: texts and [\"tag\", {attributes}, [nodes]]"
            }
            Self::TooLong => "it is too long",
        })
    }
}

/// Seals a node tree. The nonce must be random and never used twice with one key.
///
/// # Errors
/// [`NotSealed`].
pub fn seal(content_key: &[u8; 32], nonce: &[u8; 12], tree: &str) -> Result<String, NotSealed> {
    let value: serde_json::Value = serde_json::from_str(tree).map_err(|_| NotSealed::NotATree)?;
    if !is_nodes(&value) {
        return Err(NotSealed::NotATree);
    }
    let cipher = Aes256Gcm::new(content_key.into());
    let plain = value.to_string();
    let mut bytes = nonce.to_vec();
    let sealed = cipher.encrypt(Nonce::from_slice(nonce), plain.as_bytes());
    bytes.extend(sealed.map_err(|_| NotSealed::TooLong)?);
    Ok(Base64UrlUnpadded::encode_string(&bytes))
}

fn is_nodes(value: &serde_json::Value) -> bool {
    value.as_array().is_some_and(|nodes| nodes.iter().all(is_node))
}

fn is_node(value: &serde_json::Value) -> bool {
    match value.as_array().map(Vec::as_slice) {
        None => value.is_string(),
        Some([tag, attributes, nodes]) => {
            let texts =
                |map: &serde_json::Map<_, _>| map.values().all(serde_json::Value::is_string);
            tag.is_string() && attributes.as_object().is_some_and(texts) && is_nodes(nodes)
        }
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trees_are_sealed_and_they_open_again() {
        let key = [7; 32];
        let tree = r#"["Hello ",["b",{"class":"x"},["world"]]]"#;
        let sealed = Base64UrlUnpadded::decode_vec(&seal(&key, &[1; 12], tree).unwrap()).unwrap();
        let cipher = Aes256Gcm::new(&key.into());
        let opened = cipher.decrypt(Nonce::from_slice(&sealed[..12]), &sealed[12..]).unwrap();
        assert_eq!(opened, tree.as_bytes());
        for wrong in ["", "{}", "[1]", r#"[["b",{}]]"#, r#"[["b",{"a":1},[]]]"#] {
            assert_eq!(seal(&key, &[1; 12], wrong), Err(NotSealed::NotATree), "{wrong}");
        }
    }
}
