//! Settings: a TOML file, then the environment over it. An unknown setting is an error.
//!
//! `FARTHING_<NAME>` sets a setting, two underscores step into a table
//! (`FARTHING_LIMITS__WORK_BITS=16`); `FARTHING_<NAME>_FILE` reads it from a file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use farthing_rules::Policy;
use farthing_shared::{Currency, Micros, VerifierId, origin_hash};
use serde::Deserialize;

use crate::log::Witness;

/// Witnesses at most: C2SP's readers take 16 signatures, one of them is the log's.
const WITNESSES_MAX: usize = 15;

/// Every setting with its default and meaning; what `farthing config` prints.
pub const DOCUMENTED: &str = include_str!("../farthing.example.toml");

/// The provider's settings.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "farthing.example.toml documents each setting once")]
pub struct Config {
    pub data: PathBuf,
    pub listen: SocketAddr,
    pub metrics_listen: Option<SocketAddr>,
    pub origin: String,
    pub name: String,
    pub currency: String,
    pub demo: bool,
    pub fee_ppm: u32,
    pub refund_window_seconds: u64,
    pub welcome_credit: String,
    pub trusted_proxies: Vec<String>,
    pub limits: Limits,
    pub store: Store,
    pub log: Log,
    pub proofs: Proofs,
    pub fraud: Fraud,
    pub review: Review,
    pub demo_site: DemoSite,
}

/// Bounds on what may come in.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "farthing.example.toml documents each setting once")]
pub struct Limits {
    pub requests_per_prefix_per_second: u32,
    pub connections: usize,
    pub connections_per_prefix: usize,
    pub claims_in_flight: usize,
    pub claims_per_key_per_minute: u32,
    pub work_bits: u8,
}

/// The ledger's file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "farthing.example.toml documents each setting once")]
pub struct Store {
    pub durability: String,
}

/// Logging.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "farthing.example.toml documents each setting once")]
pub struct Log {
    pub format: String,
    pub filter: String,
}

/// The Merkle log. The table `log` is the one of the log messages.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "farthing.example.toml documents each setting once")]
pub struct Proofs {
    pub origin: String,
    pub high_water: Option<PathBuf>,
    pub witnesses: Vec<String>,
    pub signing: String,
}

/// Looking for fraud.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "farthing.example.toml documents each setting once")]
pub struct Fraud {
    pub scan: bool,
    pub keep_origins_days: u32,
    pub slowed_claims_per_minute: u32,
}

/// The page on which findings are reviewed.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "farthing.example.toml documents each setting once")]
pub struct Review {
    pub listen: Option<SocketAddr>,
    pub origin: String,
}

/// The demo magazine.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "farthing.example.toml documents each setting once")]
pub struct DemoSite {
    pub listen: Option<SocketAddr>,
    pub origin: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 8102)),
            metrics_listen: None,
            origin: "http://pay.localhost:8102".into(),
            name: "Farthing".into(),
            currency: "EUR".into(),
            demo: false,
            fee_ppm: 0,
            refund_window_seconds: 900,
            welcome_credit: "0".into(),
            trusted_proxies: Vec::new(),
            limits: Limits::default(),
            store: Store::default(),
            log: Log::default(),
            proofs: Proofs::default(),
            fraud: Fraud::default(),
            review: Review::default(),
            demo_site: DemoSite::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_prefix_per_second: 200,
            connections: 4_096,
            connections_per_prefix: 4_096,
            claims_in_flight: 16_384,
            claims_per_key_per_minute: 60,
            work_bits: 14,
        }
    }
}

impl Default for Fraud {
    fn default() -> Self {
        Self { scan: true, keep_origins_days: 30, slowed_claims_per_minute: 2 }
    }
}

impl Default for Proofs {
    fn default() -> Self {
        let (origin, high_water, witnesses) = (String::new(), None, Vec::new());
        Self { origin, high_water, witnesses, signing: "on".into() }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self { durability: "full".into() }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: "text".into(), filter: "info".into() }
    }
}

impl Default for DemoSite {
    fn default() -> Self {
        Self { listen: None, origin: "http://magazine.localhost:8101".into() }
    }
}

/// Why the settings cannot be used: which one, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub String);

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads the file (where one is named) and lays the environment over it.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting and what it should be.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut table = match file {
            None => toml::Table::new(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    ConfigError(format!("cannot read the settings {}: {error}", path.display()))
                })?;
                text.parse().map_err(|error| {
                    ConfigError(format!("the settings {}: {error}", path.display()))
                })?
            }
        };
        let mut settings: Vec<_> = environment
            .into_iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("FARTHING_")?.to_owned(), value)))
            .collect();
        settings.sort();
        for (name, value) in settings {
            lay_over(&mut table, &name, value)?;
        }
        let config: Self = toml::Value::Table(table)
            .try_into()
            .map_err(|error: toml::de::Error| ConfigError(error.to_string().trim().to_owned()))?;
        config.check()?;
        Ok(config)
    }

    /// The rules' share of the settings.
    ///
    /// # Errors
    /// [`ConfigError`] as from [`Config::load`].
    pub fn policy(&self, verifier: VerifierId) -> Result<Policy, ConfigError> {
        Ok(Policy {
            verifier,
            currency: self.currency()?,
            provider_origin: origin_hash(&self.origin)
                .map_err(|why| wrong("origin", &format!("{why}")))?,
            fee_ppm: self.fee_ppm,
            refund_window_ms: self.refund_window_seconds.saturating_mul(1_000),
            welcome: self.welcome()?,
            claims_per_key_per_minute: self.limits.claims_per_key_per_minute,
            claims_per_slowed_key_per_minute: self.fraud.slowed_claims_per_minute,
        })
    }

    /// The ledger's currency.
    ///
    /// # Errors
    /// [`ConfigError`] when it is not three capital letters.
    pub fn currency(&self) -> Result<Currency, ConfigError> {
        Currency::parse(&self.currency)
            .ok_or_else(|| wrong("currency", "expected three capital letters such as EUR"))
    }

    fn welcome(&self) -> Result<Micros, ConfigError> {
        let welcome = Micros::parse(&self.welcome_credit)
            .map_err(|why| wrong("welcome_credit", &why.to_string()))?;
        Ok(welcome)
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.currency()?;
        self.welcome()?;
        for (setting, origin) in
            [("origin", &self.origin), ("demo_site.origin", &self.demo_site.origin)]
        {
            origin_hash(origin).map_err(|why| wrong(setting, &why.to_string()))?;
        }
        if self.name.trim().is_empty() || self.name.len() > 100 {
            return Err(wrong("name", "expected 1 to 100 characters"));
        }
        if self.fee_ppm > 1_000_000 {
            return Err(wrong("fee_ppm", "expected 0 to 1000000 millionths"));
        }
        if self.refund_window_seconds > 30 * 86_400 {
            return Err(wrong("refund_window_seconds", "expected at most 30 days"));
        }
        if self.limits.work_bits > farthing_shared::limits::POW_BITS_MAX {
            return Err(wrong("limits.work_bits", "expected 0 to 24"));
        }
        if !(1_000..=1_000_000).contains(&self.limits.claims_in_flight) {
            return Err(wrong("limits.claims_in_flight", "expected 1000 to 1000000"));
        }
        if self.fraud.keep_origins_days > 90 {
            return Err(wrong("fraud.keep_origins_days", "expected at most 90 days"));
        }
        if self.limits.connections == 0 {
            return Err(wrong("limits.connections", "expected at least 1"));
        }
        if self.limits.connections_per_prefix == 0 {
            return Err(wrong("limits.connections_per_prefix", "expected at least 1"));
        }
        if !["full", "unsafe-normal"].contains(&self.store.durability.as_str()) {
            return Err(wrong("store.durability", "expected \"full\""));
        }
        if !["on", "unsafe-off"].contains(&self.proofs.signing.as_str()) {
            return Err(wrong("proofs.signing", "expected \"on\""));
        }
        if !["text", "json"].contains(&self.log.format.as_str()) {
            return Err(wrong("log.format", "expected \"text\" or \"json\""));
        }
        if self.demo_site.listen.is_some() && !self.demo {
            return Err(wrong("demo_site.listen", "the demo magazine needs demo = true"));
        }
        tracing_subscriber::EnvFilter::try_new(&self.log.filter)
            .map_err(|why| wrong("log.filter", &why.to_string()))?;
        self.check_listeners()?;
        self.check_review()?;
        self.witnesses()?;
        self.proxies().map(|_| ())
    }

    /// No two servers on one address; with port 0 the system gives each its own.
    fn check_listeners(&self) -> Result<(), ConfigError> {
        let listeners = [
            ("metrics_listen", self.metrics_listen),
            ("review.listen", self.review.listen),
            ("demo_site.listen", self.demo_site.listen),
        ];
        let mut taken = vec![("listen", self.listen)];
        for (setting, address) in listeners {
            let Some(address) = address.filter(|address| address.port() != 0) else { continue };
            if let Some((other, _)) = taken.iter().find(|(_, taken)| *taken == address) {
                return Err(wrong(setting, &format!("it is the address of the setting {other}")));
            }
            taken.push((setting, address));
        }
        Ok(())
    }

    /// Where the review page is seen by browsers; none when it is off.
    #[must_use]
    pub fn review_origin(&self) -> Option<String> {
        let listen = self.review.listen?;
        Some(match self.review.origin.as_str() {
            "" => {
                let own = format!("http://{listen}");
                // Browsers leave the usual port out.
                own.strip_suffix(":80").unwrap_or(&own).to_owned()
            }
            origin => origin.to_owned(),
        })
    }

    fn check_review(&self) -> Result<(), ConfigError> {
        let (Some(listen), Some(origin)) = (self.review.listen, self.review_origin()) else {
            return Ok(());
        };
        origin_hash(&origin).map_err(|why| wrong("review.origin", &why.to_string()))?;
        if origin == self.origin || origin == self.demo_site.origin {
            let why =
                "it must be no origin that visitors open, so that no script there can reach it";
            return Err(wrong("review.origin", why));
        }
        if !listen.ip().is_loopback() && !origin.starts_with("https://") {
            let why = "listen on loopback and come through a tunnel, or put TLS in front and set \
                       review.origin to its https:// address";
            return Err(wrong("review.listen", why));
        }
        Ok(())
    }

    /// Who cosigns the log's checkpoints.
    ///
    /// # Errors
    /// [`ConfigError`] when one is not an address and a key, or two have the same name.
    pub fn witnesses(&self) -> Result<Vec<Witness>, ConfigError> {
        let told = |why: String| wrong("proofs.witnesses", &why);
        let read = |text: &String| Witness::parse(text).map_err(told);
        let witnesses: Vec<Witness> =
            self.proofs.witnesses.iter().map(read).collect::<Result<_, _>>()?;
        if witnesses.len() > WITNESSES_MAX {
            return Err(told(format!("at most {WITNESSES_MAX}, as many as fit a checkpoint")));
        }
        let mut names: Vec<&str> = witnesses.iter().map(|witness| witness.key.name()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(told("two have the same name".into()));
        }
        Ok(witnesses)
    }

    /// The networks whose `X-Forwarded-For` is believed.
    ///
    /// # Errors
    /// [`ConfigError`] when one is not an address or a network in CIDR form.
    pub fn proxies(&self) -> Result<Vec<crate::http::Network>, ConfigError> {
        let read = |text: &String| {
            crate::http::Network::parse(text)
                .ok_or_else(|| wrong("trusted_proxies", "expected entries such as 10.0.0.0/8"))
        };
        self.trusted_proxies.iter().map(read).collect()
    }
}

fn wrong(setting: &str, why: &str) -> ConfigError {
    ConfigError(format!("the setting {setting}: {why}"))
}

fn lay_over(table: &mut toml::Table, name: &str, value: String) -> Result<(), ConfigError> {
    // Variables that belong to tests and tools around the server, not to its settings.
    if ["BIN", "VECTORS", "CONFIG", "WWW"].contains(&name) || name.starts_with("SKIP_") {
        return Ok(());
    }
    let (name, value) = match name.strip_suffix("_FILE") {
        None => (name, value),
        Some(name) => {
            let text = std::fs::read_to_string(&value).map_err(|error| {
                ConfigError(format!("FARTHING_{name}_FILE: cannot read {value}: {error}"))
            })?;
            (name, text.trim_end_matches(['\r', '\n']).to_owned())
        }
    };
    let path = name.to_lowercase();
    let mut parts: Vec<&str> = path.split("__").collect();
    let Some(last) = parts.pop() else { return Ok(()) };
    let mut at = table;
    for part in parts {
        let next = at.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        let toml::Value::Table(next) = next else {
            return Err(wrong(&path, "it is not a table"));
        };
        at = next;
    }
    at.insert(last.to_owned(), environment_value(&value));
    Ok(())
}

/// Numbers, booleans and lists are written as in TOML; everything else is text.
fn environment_value(text: &str) -> toml::Value {
    let plain = |value: &toml::Value| {
        matches!(value, toml::Value::Integer(_) | toml::Value::Boolean(_) | toml::Value::Array(_))
    };
    format!("v = {text}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut table| table.remove("v"))
        .filter(plain)
        .unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("farthing.toml");
        std::fs::write(&path, file).unwrap();
        let pairs = environment.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        Config::load(Some(&path), pairs)
    }

    #[test]
    fn the_documented_settings_are_the_defaults() {
        assert_eq!(load(DOCUMENTED, &[]), Ok(Config::default()));
    }

    #[test]
    fn the_environment_lies_over_the_file() {
        let config = load(
            "name = \"A\"\n[limits]\nwork_bits = 10\n",
            &[
                ("FARTHING_NAME", "B"),
                ("FARTHING_LIMITS__WORK_BITS", "12"),
                ("FARTHING_DEMO", "true"),
                ("FARTHING_WELCOME_CREDIT", "1.00"),
                ("OTHER", "x"),
            ],
        )
        .unwrap();
        assert_eq!((config.name.as_str(), config.limits.work_bits), ("B", 12));
        assert_eq!(config.welcome_credit, "1.00");
    }

    #[test]
    fn mistakes_name_the_setting() {
        let rows = [
            ("nmae = \"A\"", "nmae"),
            ("currency = \"euro\"", "currency"),
            ("origin = \"https://pay.example/\"", "origin"),
            ("fee_ppm = 2000000", "fee_ppm"),
            ("fee_ppm = -1", "fee_ppm"),
            ("welcome_credit = \"-1\"", "welcome_credit"),
            ("[fraud]\nkeep_origins_days = 400", "keep_origins_days"),
            ("[limits]\nwork_bits = 30", "work_bits"),
            ("trusted_proxies = [\"everyone\"]", "trusted_proxies"),
            ("[store]\ndurability = \"fast\"", "durability"),
            ("[review]\nlisten = \"192.0.2.1:80\"", "review.listen"),
            (
                "[review]\nlisten = \"127.0.0.1:80\"\norigin = \"http://pay.localhost:8102\"",
                "review.origin",
            ),
            ("[review]\nlisten = \"127.0.0.1:80\"\norigin = \"review\"", "review.origin"),
            ("metrics_listen = \"127.0.0.1:8102\"", "metrics_listen"),
            (
                "metrics_listen = \"127.0.0.1:81\"\n[review]\nlisten = \"127.0.0.1:81\"",
                "review.listen",
            ),
            ("[log]\nfilter = \"info,,=x=\"", "log.filter"),
            ("[proofs]\nsigning = \"off\"", "proofs.signing"),
            ("[proofs]\nwitnesses = [\"https://w.example w+1+2\"]", "proofs.witnesses"),
        ];
        for (file, setting) in rows {
            let error = load(file, &[]).unwrap_err().0;
            assert!(error.contains(setting), "{file}: {error}");
        }
        let error = load("", &[("FARTHING_NMAE", "x")]).unwrap_err().0;
        assert!(error.contains("nmae"), "{error}");
    }
}
