//! The three engines that the tests drive, each through its own WebDriver: where their programs are,
//! how they are started, what a new session is told.
//!
//! ```text
//! Chromium   chromedriver      headless
//! Firefox    geckodriver       headless; built once by `cargo xtask test` (no package has it)
//! WebKit     WebKitWebDriver   in a virtual screen (Xvfb), for it cannot do without one
//! ```
//!
//! WebKit here is WebKitGTK's MiniBrowser, the engine of Safari without Safari's own rules and windows.

use std::fmt;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::http;
use crate::ports::free_address;
use crate::process::Process;
use crate::wait::until;

/// A browser engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Chromium,
    Firefox,
    WebKit,
}

/// How a browser's owner has set it, where Firefox has a switch for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// As it comes.
    Usual,
    /// Frames of other sites can store nothing ("block third-party cookies").
    FramesStoreNothing,
    /// No WebAssembly.
    NoWasm,
    /// As it comes, and Chromium writes down what its threads do ([`crate::browser::Browser::close_traced`]).
    Traced,
}

use Engine::{Chromium, Firefox, WebKit};

/// The programs of one engine.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The browser.
    pub browser: PathBuf,
    /// Its WebDriver.
    pub driver: PathBuf,
    /// The virtual screen, for WebKit.
    screen: Option<PathBuf>,
}

/// A started driver.
pub(crate) struct Driver {
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
    /// Held so that it lives as long as the driver.
    _screen: Option<Process>,
}

/// Where Debian puts WebKitGTK's browser, which is no command of its own.
const MINI_BROWSERS: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
    "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.0/MiniBrowser",
    "/usr/lib/aarch64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
    "/usr/libexec/webkit2gtk-4.1/MiniBrowser",
];

impl Engine {
    /// All of them.
    pub const ALL: [Self; 3] = [Chromium, Firefox, WebKit];

    /// The variable that leaves its tests out when it is `1`.
    #[must_use]
    pub const fn skip_variable(self) -> &'static str {
        match self {
            Chromium => "FARTHING_SKIP_CHROMIUM",
            Firefox => "FARTHING_SKIP_FIREFOX",
            WebKit => "FARTHING_SKIP_WEBKIT",
        }
    }

    /// Whether its tests are to be left out. Says so past the test runner's capture, which would
    /// keep the words of a test that passes.
    #[must_use]
    pub fn is_left_out(self, test: &str) -> bool {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| value == "1");
        let named = ["FARTHING_SKIP_BROWSER", self.skip_variable()].into_iter().find(|n| set(n));
        if let Some(named) = named {
            let _ = writeln!(std::io::stderr(), "SKIPPED ({named}=1): {test} in {self}");
        }
        named.is_some()
    }

    /// Its programs, or the one line that says what to do.
    ///
    /// # Errors
    /// The line.
    pub fn find_programs(self) -> Result<Programs, String> {
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/bin");
        let (browser, driver, screen) = match self {
            Chromium => (
                find("FARTHING_CHROMIUM", &["chromium", "chromium-browser", "google-chrome"]),
                find("FARTHING_CHROMEDRIVER", &["chromedriver"]),
                None,
            ),
            Firefox => (
                find("FARTHING_FIREFOX", &["firefox-esr", "firefox"]),
                find("FARTHING_GECKODRIVER", &["geckodriver"])
                    .or_else(|| Some(tools.join("geckodriver")).filter(|path| path.is_file())),
                None,
            ),
            WebKit => (
                find("FARTHING_MINIBROWSER", &["MiniBrowser"])
                    .or_else(|| MINI_BROWSERS.map(PathBuf::from).into_iter().find(|p| p.is_file())),
                find("FARTHING_WEBKITDRIVER", &["WebKitWebDriver"]),
                find("FARTHING_XVFB", &["Xvfb"]),
            ),
        };
        match (browser, driver) {
            (Some(browser), Some(driver)) if self != WebKit || screen.is_some() => {
                Ok(Programs { browser, driver, screen })
            }
            _ => Err(format!(
                "no {self} with its driver: run `cargo xtask test`, which gets it, or set {}=1 to go without these tests",
                self.skip_variable()
            )),
        }
    }

    pub(crate) async fn start_driver(self, programs: &Programs, home: &Path) -> Driver {
        let mut why = String::new();
        for _ in 0..3 {
            match self.try_driver(programs, home).await {
                Ok(driver) => return driver,
                // It took a port of its own, on which something else was listening in the end.
                Err(end) => why = end,
            }
        }
        panic!("{why}")
    }

    async fn try_driver(self, programs: &Programs, home: &Path) -> Result<Driver, String> {
        let mut command = Command::new(&programs.driver);
        // Nothing of the user's own browser is read or written.
        command.env("HOME", home);
        let screen = match &programs.screen {
            Some(program) => {
                let (screen, display) = start_screen(program).await;
                command.env("DISPLAY", display).env("GDK_BACKEND", "x11");
                command.env("XDG_RUNTIME_DIR", home);
                Some(screen)
            }
            None => None,
        };
        let port = free_address().port();
        command.env("MOZ_HEADLESS_WIDTH", "1280").env("MOZ_HEADLESS_HEIGHT", "1000");
        match self {
            Chromium => command.arg("--port=0"),
            Firefox => command.args(["--host", "127.0.0.1", "--port", "0"]),
            WebKit => command.args(["-p", &port.to_string()]),
        };
        let mut process = Process::start(&programs.driver.display().to_string(), &mut command);
        let address = until(&format!("the driver of {self} is ready"), async || {
            if let Some(end) = process.ended() {
                return Some(Err(end));
            }
            let port = match self {
                Chromium => said_port(&process, "started successfully on port ")?,
                Firefox => said_port(&process, "Listening on 127.0.0.1:")?,
                WebKit => port,
            };
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            let status = http::request(address, "127.0.0.1", "GET", "/status", &[], None).await;
            status.ok().map(|_| Ok(address))
        })
        .await?;
        Ok(Driver { address, process, _screen: screen })
    }

    pub(crate) fn capabilities(
        self,
        programs: &Programs,
        profile: &Path,
        setting: Setting,
    ) -> Map<String, Value> {
        let options = match self {
            Chromium => json!({
                "browserName": "chrome",
                "goog:loggingPrefs": {"browser": "ALL"},
                "goog:chromeOptions": {
                    "binary": programs.browser,
                    "args": chromium_arguments(profile, setting),
                },
            }),
            Firefox => json!({
                "browserName": "firefox",
                "moz:firefoxOptions": {
                    "binary": programs.browser,
                    "args": ["-headless"],
                    "prefs": firefox_preferences(setting),
                },
            }),
            WebKit => json!({
                "browserName": "MiniBrowser",
                "webkitgtk:browserOptions": {
                    "binary": programs.browser,
                    "args": ["--automation"],
                },
            }),
        };
        match options {
            Value::Object(options) => options,
            _ => Map::new(),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Chromium => "Chromium",
            Firefox => "Firefox",
            WebKit => "WebKit",
        })
    }
}

fn find(variable: &str, names: &[&str]) -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(variable) {
        return Some(PathBuf::from(named)).filter(|path| path.is_file());
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .find(|path| path.is_file())
}

/// Starts a virtual screen of its own choice and answers its name.
pub(crate) async fn start_screen(program: &Path) -> (Process, String) {
    let mut command = Command::new(program);
    command.args(["-displayfd", "1", "-screen", "0", "1280x1000x24", "-nolisten", "tcp"]);
    let mut process = Process::start("Xvfb", &mut command);
    let display = until("the virtual screen is up", async || {
        if let Some(end) = process.ended() {
            panic!("{end}");
        }
        let output = process.output();
        let digits = |line: &&str| !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit());
        output.lines().find(digits).map(|number| format!(":{number}"))
    })
    .await;
    (process, display)
}

impl Programs {
    /// Starts a virtual screen for a browser without a driver and answers its name.
    ///
    /// # Panics
    /// When the engine needs none, or it does not start.
    pub async fn start_screen(&self) -> (Process, String) {
        start_screen(self.screen.as_deref().expect("an engine that needs a screen")).await
    }
}

fn said_port(process: &Process, before: &str) -> Option<u16> {
    let output = process.output();
    let (_, after) = output.split_once(before)?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    after.contains('\n').then(|| digits.parse().ok()).flatten()
}

/// What Chromium writes with [`Setting::Traced`], in the profile's folder.
pub(crate) const TRACE: &str = "trace.json";

fn chromium_arguments(profile: &Path, setting: Setting) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-breakpad",
        "--window-size=1280,1000",
        "--lang=en-GB",
        &format!("--user-data-dir={}", profile.display()),
    ]
    .map(str::to_owned)
    .into();
    if setting == Setting::Traced {
        let file = profile.join(TRACE);
        arguments.extend([
            // Little else, since writing it down takes time too.
            "--trace-startup=-*,devtools.timeline".to_owned(),
            "--trace-startup-duration=0".to_owned(),
            "--trace-startup-format=json".to_owned(),
            format!("--trace-startup-file={}", file.display()),
        ]);
    }
    arguments
}

/// Nothing is asked of the network, and pop-ups are blocked as they are for everybody: the driver
/// would switch that off.
fn firefox_preferences(setting: Setting) -> Value {
    json!({
        "app.normandy.enabled": false,
        "browser.safebrowsing.downloads.remote.enabled": false,
        "browser.safebrowsing.malware.enabled": false,
        "browser.safebrowsing.phishing.enabled": false,
        "datareporting.policy.dataSubmissionEnabled": false,
        "devtools.console.stdout.content": true,
        "dom.disable_open_during_load": true,
        "javascript.options.wasm": setting != Setting::NoWasm,
        "intl.accept_languages": "en-GB, en",
        "network.cookie.cookieBehavior": if setting == Setting::FramesStoreNothing { 1 } else { 5 },
        "network.captive-portal-service.enabled": false,
        "network.connectivity-service.enabled": false,
        "services.settings.server": "http://127.0.0.1:9/",
    })
}
