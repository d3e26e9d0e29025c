//! The real `farthing` binary with a folder of its own, behind the lossy network.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tokio::net::TcpListener;

use crate::http::{self, Response};
use crate::ports::free_address;
use crate::process::Process;
use crate::proxy::Proxy;
use crate::wait::until;

/// A running provider with demo money and its magazine. It ends when it is dropped.
pub struct Provider {
    /// The provider's origin, such as `http://pay.localhost:41234`.
    pub origin: String,
    /// The demo magazine's origin.
    pub magazine: String,
    /// What stands between browsers and the verifier.
    pub proxy: Proxy,
    /// Its host and port, as a `Host` header.
    pub host: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Origin of the review page.
    pub review: String,
    settings: PathBuf,
    folder: tempfile::TempDir,
    process: Process,
}

/// What is between browsers and the verifier.
#[derive(Clone, Copy)]
enum Network {
    /// The proxy.
    Lossy,
    /// Nothing.
    Direct,
}

/// A creator made for a test.
pub struct Creator {
    /// `cr_…`
    pub id: String,
    /// The sign-in link.
    pub link: String,
}

impl Provider {
    /// Starts the binary and waits until it is ready.
    ///
    /// # Panics
    /// When it does not start; the message holds what it printed.
    pub async fn start() -> Self {
        Self::start_on(Network::Lossy).await
    }

    /// The same, with nothing between browsers and the verifier: the proxy carries nothing.
    ///
    /// # Panics
    /// As [`Provider::start`] does.
    pub async fn start_direct() -> Self {
        Self::start_on(Network::Direct).await
    }

    async fn start_on(network: Network) -> Self {
        for _ in 0..5 {
            if let Some(provider) = Self::try_to_start(network).await {
                return provider;
            }
        }
        panic!("five times another program took the port that was free")
    }

    /// `None` when another program took the port first.
    async fn try_to_start(network: Network) -> Option<Self> {
        let front = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port of loopback");
        let (address, magazine, review) = (free_address(), free_address(), free_address());
        let port = match network {
            Network::Lossy => front.local_addr().expect("a bound listener has an address"),
            Network::Direct => address,
        }
        .port();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = folder.path().join("farthing.toml");
        let host = format!("pay.localhost:{port}");
        let origin = format!("http://{host}");
        let magazine_origin = format!("http://magazine.localhost:{}", magazine.port());
        let text = format!(
            "data = {data:?}\nlisten = \"{address}\"\norigin = \"{origin}\"\nname = \"Test Pay\"\ndemo = true\nwelcome_credit = \"1.00\"\n\n[demo_site]\nlisten = \"{magazine}\"\norigin = \"{magazine_origin}\"\n\n[review]\nlisten = \"{review}\"\n",
            data = folder.path().join("data"),
        );
        std::fs::write(&settings, text).expect("the settings can be written");
        let mut process =
            Process::start("farthing", farthing().arg("serve").arg("--config").arg(&settings));
        let proxy = Proxy::start(front, address);
        until("the verifier is ready", async || {
            if let Some(end) = process.ended() {
                assert!(end.contains("Address already in use"), "{end}");
                return Some(false);
            }
            let answer = http::request(address, &host, "GET", "/readyz", &[], None).await.ok()?;
            (answer.status == 200).then_some(true)
        })
        .await
        .then_some(Self {
            origin,
            magazine: magazine_origin,
            proxy,
            host,
            address,
            review: format!("http://{review}"),
            settings,
            folder,
            process,
        })
    }

    /// Runs one command of the command line on this provider's data and answers what it printed.
    ///
    /// # Panics
    /// When it fails; the message holds what it printed.
    pub async fn command(&self, arguments: &[&str]) -> String {
        let mut command = tokio::process::Command::from(farthing());
        command.args(arguments).arg("--config").arg(&self.settings).kill_on_drop(true);
        let output = command.output().await.expect("the farthing binary");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "farthing {arguments:?}: {text}{errors}");
        text
    }

    /// A new creator whose pages are at `site`.
    pub async fn creator(&self, name: &str, site: &str) -> Creator {
        let text = self.command(&["creator", "add", "--name", name, "--site", site]).await;
        let id = word(&text, "cr_").unwrap_or_else(|| panic!("no id in: {text}"));
        let link = match word(&text, "http") {
            Some(link) if link.contains("#token=") => link,
            _ => self.link(&id).await,
        };
        Creator { id, link }
    }

    /// A new sign-in link of a creator.
    pub async fn link(&self, creator: &str) -> String {
        let text = self.command(&["creator", "link", creator]).await;
        text.split_whitespace()
            .find(|word| word.contains("#token="))
            .unwrap_or_else(|| panic!("no link in: {text}"))
            .to_owned()
    }

    /// A fresh sign-in link of the review page.
    pub async fn review_link(&self, who: &str) -> String {
        self.command(&["fraud", "link", "--who", who]).await.trim().to_owned()
    }

    /// Gives an item a price, as its creator.
    pub async fn price(&self, creator: &Creator, item: &str, title: &str, price: &str) {
        let session = self.sign_in(creator).await;
        let body = serde_json::json!({"name": item, "title": title, "price": price});
        let answer = self.ask("PUT", "/v1/creator/items", Some(&session), Some(body)).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
    }

    /// A gate's tag with this text sealed in it.
    pub async fn sealed(&self, creator: &Creator, item: &str, text: &str) -> String {
        let file = self.folder.path().join("sealed.txt");
        std::fs::write(&file, text).expect("the text can be written");
        let file = file.to_string_lossy().into_owned();
        self.command(&["seal", "--creator", &creator.id, "--item", item, &file]).await
    }

    /// The magazine's creator.
    pub async fn magazine_creator(&self) -> Creator {
        let list = self.command(&["creator", "list"]).await;
        let line = list.lines().find(|line| line.contains("The Lantern"));
        let id = line
            .and_then(|line| word(line, "cr_"))
            .unwrap_or_else(|| panic!("no Lantern in: {list}"));
        let link = self.link(&id).await;
        Creator { id, link }
    }

    /// A fresh voucher.
    pub async fn voucher(&self, amount: &str) -> String {
        let text = self.command(&["voucher", "issue", "--amount", amount]).await;
        word(&text, "FARTH-").unwrap_or_else(|| panic!("no voucher in: {text}"))
    }

    /// Asks the verifier itself, past the lossy network.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        session: Option<&str>,
        body: Option<Value>,
    ) -> Response {
        let bearer = session.map(|session| format!("Bearer {session}"));
        let headers: Vec<_> =
            bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        http::request(self.address, &self.host, method, path, &headers, body.as_ref())
            .await
            .unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.process.output()))
    }

    /// Signs in over HTTP, for a test that looks at totals beside the browser.
    pub async fn sign_in(&self, creator: &Creator) -> String {
        let token = creator.link.split("#token=").nth(1).unwrap_or_default();
        let body = serde_json::json!({ "token": token });
        let answer = self.ask("POST", "/v1/creator/sessions", None, Some(body)).await.json();
        answer["session"].as_str().unwrap_or_else(|| panic!("no session: {answer}")).to_owned()
    }

    /// Payments of a creator and what visitors paid, as the verifier tells them: demo visitors pay with
    /// free credit, which is told apart from the total.
    pub async fn totals(&self, session: &str) -> (u64, String) {
        let totals = self.ask("GET", "/v1/creator/totals?days=1", Some(session), None).await.json();
        let all = &totals["all"];
        let count = all["count"].as_u64().unwrap_or_else(|| panic!("no totals: {totals}"));
        let amount = |name: &str| crate::actors::micros(all[name].as_str().unwrap_or_default());
        let paid = amount("total").plus(amount("free")).expect("a few units");
        (count, paid.to_decimal())
    }

    /// The folder of this provider's data and settings.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Everything the verifier has printed.
    #[must_use]
    pub fn output(&self) -> String {
        self.process.output()
    }
}

/// The command with a clean environment: the verifier takes every `FARTHING_…` for a setting,
/// and those of the tests are not settings.
fn farthing() -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FARTHING_") {
            command.env_remove(name);
        }
    }
    command
}

/// `FARTHING_BIN`, else the binary that cargo put beside this test's.
fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("FARTHING_BIN") {
        return PathBuf::from(named);
    }
    let test = std::env::current_exe().expect("a running test has a path");
    let beside = test.ancestors().nth(2).map(|folder| folder.join("farthing"));
    match beside {
        Some(path) if path.is_file() => path,
        _ => panic!(
            "no farthing binary: run `cargo build -p farthing-verifier`, or name one in FARTHING_BIN"
        ),
    }
}

fn word(text: &str, start: &str) -> Option<String> {
    let trim = |c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-';
    let clean = |word: &str| {
        if start.starts_with("http") { word.to_owned() } else { word.trim_matches(trim).to_owned() }
    };
    text.split_whitespace().map(clean).find(|word| word.starts_with(start))
}
