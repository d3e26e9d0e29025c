//! The provider's keys: made at the first start, kept in files of their own, never logged.
//!
//! - `provider.key`: seed of the Ed25519 key that signs for the provider.
//! - `log.key`: seed of the Ed25519 key that signs the log's checkpoints.
//! - `master.key`: 32 random bytes from which the keys for sessions, sealed content and challenges
//!   are derived. Whoever restores a ledger must restore these files with it.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_shared::{CreatorId, ItemHash, PublicKey, SigningKey, VerifierId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What the verifier keeps to itself.
pub struct Secrets {
    provider: SigningKey,
    master: [u8; 32],
    log_seed: [u8; 32],
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(not shown)")
    }
}

/// A keyed hash (HMAC-SHA-256) for one purpose.
#[derive(Clone)]
pub struct Mac256(Hmac<Sha256>);

impl fmt::Debug for Mac256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mac256(not shown)")
    }
}

impl Mac256 {
    fn new(key: &[u8; 32]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of every length"))
    }

    /// Under a key that nobody knows and that is gone with it.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn forgotten() -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self::new(&key))
    }

    /// The tag of the parts, one after another; the caller keeps their lengths fixed.
    #[must_use]
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.over(parts).finalize().into_bytes().into()
    }

    /// Compares in constant time.
    #[must_use]
    pub fn holds(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        self.over(parts).verify_slice(tag).is_ok()
    }

    fn over(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac
    }
}

impl Secrets {
    /// From their bytes, for tests; the log's key is then derived from the master key.
    #[must_use]
    pub fn new(provider_seed: &[u8; 32], master: [u8; 32]) -> Self {
        let log_seed = Mac256::new(&master).tag(&[b"farthing log key"]);
        Self { provider: SigningKey::from_seed(provider_seed), master, log_seed }
    }

    /// Reads the three key files of a data folder, or makes them where there are none.
    ///
    /// # Errors
    /// In words, naming the file.
    pub fn load_or_make(folder: &Path) -> Result<Self, String> {
        // A ledger without its keys is half of a restore: new keys would only hide that.
        let may_make = !folder.join("ledger.db").exists();
        let provider = key_file(&folder.join("provider.key"), may_make)?;
        let master = key_file(&folder.join("master.key"), may_make)?;
        // A log that was signed before must not go on under another key.
        let log_seed = key_file(
            &folder.join("log.key"),
            !crate::log::signed_mark(&folder.join("log")).exists(),
        )?;
        Ok(Self { log_seed, ..Self::new(&provider, master) })
    }

    /// Reads copies of the three key files, which make nothing: provider, master, log. Each comes with the
    /// name under which a fault is told.
    ///
    /// # Errors
    /// In words, naming the file.
    pub fn read(files: &[(PathBuf, PathBuf); 3]) -> Result<Self, String> {
        let read = |(told, path): &(PathBuf, PathBuf)| read_key(path, told);
        let [provider, master, log] = files;
        let log_seed = read(log)?;
        Ok(Self { log_seed, ..Self::new(&read(provider)?, read(master)?) })
    }

    /// The key that signs checkpoints of the log, and nothing else.
    #[must_use]
    pub fn log_key(&self) -> SigningKey {
        SigningKey::from_seed(&self.log_seed)
    }

    /// The provider's public key.
    #[must_use]
    pub fn provider_key(&self) -> PublicKey {
        self.provider.public()
    }

    /// The verifier's id under this first key.
    #[must_use]
    pub fn verifier(&self) -> VerifierId {
        VerifierId::of_first_key(&self.provider_key())
    }

    /// The keyed hash for one purpose; different labels give unrelated ones.
    #[must_use]
    pub fn mac(&self, label: &str) -> Mac256 {
        Mac256::new(&Mac256::new(&self.master).tag(&[b"farthing ", label.as_bytes()]))
    }

    /// Names the master key without telling it, so that a ledger knows the one it was used with.
    #[must_use]
    pub fn master_name(&self) -> [u8; 32] {
        self.mac("name").tag(&[])
    }

    /// The key that an item's content is sealed with. It depends on nothing but the master key,
    /// so it needs no storage and survives a change of price or title.
    #[must_use]
    pub fn content_key(&self, creator: &CreatorId, item: &ItemHash) -> [u8; 32] {
        self.mac("content").tag(&[&creator.0, &item.0])
    }
}

fn key_file(path: &Path, may_make: bool) -> Result<[u8; 32], String> {
    if path.exists() {
        return read_key(path, path);
    }
    let told = |why: &dyn fmt::Display| format!("the key file {}: {why}", path.display());
    if !may_make {
        return Err(told(&"it is missing beside its ledger; restore it from a backup"));
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| told(&error))?;
    write_key(path, &key).map_err(|error| told(&error))?;
    Ok(key)
}

fn read_key(path: &Path, told: &Path) -> Result<[u8; 32], String> {
    let told = |why: &dyn fmt::Display| format!("the key file {}: {why}", told.display());
    let bytes = std::fs::read(path).map_err(|error| told(&error))?;
    let key = std::str::from_utf8(&bytes).ok().and_then(|text| parse_key(text.trim()));
    key.ok_or_else(|| told(&"it should hold 43 characters of base64url; restore it from a backup"))
}

/// Reads a key's text form.
#[must_use]
pub fn parse_key(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    let bytes = Base64UrlUnpadded::decode(text, &mut key).ok()?;
    (bytes.len() == 32).then_some(key)
}

/// The file appears whole or not at all: it is written beside its place, synced, then renamed.
fn write_key(path: &Path, key: &[u8; 32]) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(Base64UrlUnpadded::encode_string(key).as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    if let Some(folder) = path.parent() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
