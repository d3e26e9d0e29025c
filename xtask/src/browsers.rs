//! Gets the browsers that the tests drive: from Debian's packages where we may install, and
//! geckodriver, which Debian does not have, from its source into target/tools (about a minute, once).
//! axe-core comes from npm, Go from Debian too.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::process::{cargo, on_path, run, succeeds};

/// Firefox's WebDriver. Built without optimisation or debug information: it passes messages on.
const GECKODRIVER: [&str; 2] = ["geckodriver", "0.37.1"];

/// A browser that the tests drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Browser {
    Chromium,
    Firefox,
    WebKit,
}

use Browser::{Chromium, Firefox, WebKit};

impl Browser {
    pub const ALL: [Self; 3] = [Chromium, Firefox, WebKit];

    pub const fn name(self) -> &'static str {
        match self {
            Chromium => "Chromium",
            Firefox => "Firefox",
            WebKit => "WebKit",
        }
    }

    pub const fn flag(self) -> &'static str {
        match self {
            Chromium => "--no-chromium",
            Firefox => "--no-firefox",
            WebKit => "--no-webkit",
        }
    }

    /// What the tests look at (tests/src/engine.rs).
    pub const fn skip_variable(self) -> &'static str {
        match self {
            Chromium => "FARTHING_SKIP_CHROMIUM",
            Firefox => "FARTHING_SKIP_FIREFOX",
            WebKit => "FARTHING_SKIP_WEBKIT",
        }
    }

    const fn packages(self) -> &'static [&'static str] {
        match self {
            Chromium => &["chromium", "chromium-driver"],
            Firefox => &["firefox-esr"],
            WebKit => &["webkit2gtk-driver", "xvfb", "xdotool"],
        }
    }

    fn is_installed(self) -> bool {
        let any = |names: &[&str]| names.iter().any(|name| on_path(name).is_some());
        let named = |variable: &str| std::env::var_os(variable).is_some();
        match self {
            Chromium => {
                (named("FARTHING_CHROMIUM")
                    || any(&["chromium", "chromium-browser", "google-chrome"]))
                    && (named("FARTHING_CHROMEDRIVER") || any(&["chromedriver"]))
            }
            Firefox => named("FARTHING_FIREFOX") || any(&["firefox-esr", "firefox"]),
            WebKit => ["WebKitWebDriver", "Xvfb", "xdotool"].iter().all(|name| any(&[*name])),
        }
    }
}

/// Installs what is missing of these browsers; an error says in one line what to do by hand.
pub fn install(root: &Path, browsers: &[Browser]) -> Outcome {
    let missing: Vec<Browser> = browsers.iter().copied().filter(|b| !b.is_installed()).collect();
    if !missing.is_empty() {
        install_packages(&missing)?;
    }
    if browsers.contains(&Firefox) { have_geckodriver(root).map(drop) } else { Ok(()) }
}

fn install_packages(missing: &[Browser]) -> Outcome {
    let packages: Vec<&str> = missing.iter().flat_map(|b| b.packages()).copied().collect();
    let flags: Vec<&str> = missing.iter().map(|browser| browser.flag()).collect();
    let by_hand = format!(
        "the browser tests need more: apt-get install {} (or leave them out with {})",
        packages.join(" "),
        flags.join(" ")
    );
    if !may_install() {
        return Err(by_hand);
    }
    apt_install(&packages)?;
    if missing.iter().all(|browser| browser.is_installed()) { Ok(()) } else { Err(by_hand) }
}

/// Whether Debian's packages may be installed here.
fn may_install() -> bool {
    let is_root = succeeds(Command::new("sh").args(["-c", "test \"$(id -u)\" = 0"]));
    is_root && on_path("apt-get").is_some()
}

fn apt_install(packages: &[&str]) -> Outcome {
    let mut install = Command::new("apt-get");
    install.args(["install", "--yes", "--no-install-recommends"]).args(packages);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    run(Command::new("apt-get").arg("update")).and_then(|()| run(&mut install))
}

/// Go and the packages of the Go team that read our log (tests/tests/independent.rs).
pub const GO: [&str; 2] = ["golang-go", "golang-golang-x-mod-dev"];

/// Gets Go from Debian, where it may; false when it is not there.
pub fn have_go() -> bool {
    let is_there = || {
        on_path("go").is_some()
            && succeeds(Command::new("dpkg").args(["-L", GO[1]]).stdout(Stdio::null()))
    };
    is_there() || (may_install() && apt_install(&GO).is_ok() && is_there())
}

/// geckodriver: a named one, one on the PATH, or our own, built once.
fn have_geckodriver(root: &Path) -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("FARTHING_GECKODRIVER") {
        return Ok(PathBuf::from(named));
    }
    // Not in the target folder that the environment may name: the tests look in this one.
    let tools = root.join("target/tools");
    let ours = tools.join("bin").join(GECKODRIVER[0]);
    if let Some(found) = on_path(GECKODRIVER[0]).or_else(|| ours.is_file().then(|| ours.clone())) {
        return Ok(found);
    }
    let [name, version] = GECKODRIVER;
    let mut install = cargo();
    install.args(["install", name, "--version", version, "--locked", "--debug", "--quiet"]);
    install.args(["--config", "profile.dev.debug=0", "--root"]).arg(&tools);
    install.current_dir(root).env("CARGO_TARGET_DIR", tools.join("build"));
    // Our own flags are for processors' signature checks; a driver has none.
    install.env("RUSTFLAGS", "");
    run(&mut install).map_err(|why| {
        format!("{why}; Firefox needs geckodriver on the PATH (or leave it out with --no-firefox)")
    })?;
    // Only the program is needed; what it was built from is half a gigabyte.
    drop(std::fs::remove_dir_all(tools.join("build")));
    Ok(ours)
}

/// Lighthouse, which scores pages; used by `cargo xtask bench --browser` and never shipped.
const LIGHTHOUSE: &str = "lighthouse@12.8.2";

/// Gets Lighthouse from npm, once; nothing when it cannot be had. It drives the browser that is here.
pub fn have_lighthouse(root: &Path) -> Option<PathBuf> {
    from_npm(&root.join("target/tools/lighthouse"), LIGHTHOUSE, "lighthouse/cli/index.js")
}

/// axe-core, which looks for faults of accessibility; used by tests and never shipped.
const AXE: &str = "axe-core@4.14.1";

/// Gets axe-core from npm, once; false when it cannot be had.
pub fn have_axe(root: &Path) -> bool {
    from_npm(&root.join("target/tools/axe"), AXE, "axe-core/axe.min.js").is_some()
}

/// Gets a package of this version into `folder`, once, and gives the path of a file in it. No script of it is run.
fn from_npm(folder: &Path, package: &str, file: &str) -> Option<PathBuf> {
    let (file, stamp) = (folder.join("node_modules").join(file), folder.join("version"));
    if file.is_file() && std::fs::read_to_string(&stamp).is_ok_and(|have| have == package) {
        return Some(file);
    }
    if on_path("npm").is_none() || std::fs::create_dir_all(folder).is_err() {
        return None;
    }
    let mut install = Command::new("npm");
    install.args([
        "install",
        "--no-save",
        "--no-audit",
        "--no-fund",
        "--silent",
        "--ignore-scripts",
    ]);
    let got = run(install.arg("--prefix").arg(folder).arg(package)).is_ok() && file.is_file();
    (got && std::fs::write(stamp, package).is_ok()).then_some(file)
}
