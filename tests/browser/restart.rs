//! WebKit forgets at exit what a frame of another site has stored. A plain MiniBrowser is started twice with the same
//! home (a driven one never stores anything), under real key presses and clicks; the page tells its site what happened.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use farthing_tests::engine::Engine;
use farthing_tests::process::Process;
use farthing_tests::provider::Provider;
use farthing_tests::site::{Page, Site};
use farthing_tests::wait::until;

/// Tells the site where the page stands on the screen, once the pointer is over it, and what was paid.
const TELL: &str = "<script>
    const tell = (what) => fetch('/said/' + what);
    addEventListener('pointermove', (e) => tell(`at/${e.screenX - e.clientX}/${e.screenY - e.clientY}/`), { once: true });
    addEventListener('farthing:paid', (e) => tell(`paid/${e.detail.item}/`));
</script>";

/// A running browser on a screen of its own.
struct Desk {
    display: String,
    _browser: Process,
    _screen: Process,
}

impl Desk {
    async fn open(home: &Path, address: &str) -> Self {
        let programs = Engine::WebKit.find_programs().unwrap_or_else(|line| panic!("{line}"));
        let (screen, display) = programs.start_screen().await;
        let mut command = Command::new(&programs.browser);
        command.args(["--geometry=1000x800", address]);
        command.env("HOME", home).env("XDG_RUNTIME_DIR", home).env("GDK_BACKEND", "x11");
        for name in ["XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"] {
            command.env_remove(name);
        }
        let browser = Process::start("MiniBrowser", command.env("DISPLAY", &display));
        Self { display, _browser: browser, _screen: screen }
    }

    /// One command of xdotool; what it printed, or nothing when it failed.
    fn hand(&self, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new(tool());
        let output = command.args(arguments).env("DISPLAY", &self.display).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Where the page begins on the screen, as it tells its site.
    async fn corner(&self, site: &Site) -> (i64, i64) {
        let before = site.heard().len();
        until("the page says where it is", async || {
            for y in ["500", "520"] {
                self.hand(&["mousemove", "500", y]);
            }
            let heard = String::from_utf8_lossy(&site.heard()[before..]).into_owned();
            let (_, at) = heard.split_once("GET /said/at/")?;
            let mut parts = at.split('/');
            Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
        })
        .await
    }

    /// Rests on a place of the page and clicks.
    async fn press(&self, (x, y): (i64, i64)) {
        self.hand(&["mousemove", &(x - 2).to_string(), &y.to_string()]);
        self.hand(&["mousemove", &x.to_string(), &y.to_string()]);
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        self.hand(&["click", "1"]);
    }
}

fn tool() -> PathBuf {
    PathBuf::from("xdotool")
}

#[test]
fn webkit_forgets_a_frame_at_exit_and_the_wallet_allows_its_new_key() {
    if Engine::WebKit.is_left_out("restart") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let provider = Provider::start().await;
        let site = Site::start("reader").await;
        let creator = provider.creator("A reader", &site.origin).await;
        let mut pages = Vec::new();
        for item in ["one", "two"] {
            provider.price(&creator, item, item, "0.05").await;
            let body = format!("<style>body {{ margin: 0 }}</style>{TELL}<farthing-pay item=\"{item}\">Pay</farthing-pay>");
            let page = Page::with_tag(&provider.origin, &creator.id, &body);
            pages.push(site.put(&format!("/{item}"), page));
        }
        let home = tempfile::tempdir().unwrap();
        let count = |line: &str| provider.proxy.count(line);

        let desk = Desk::open(home.path(), &pages[0]).await;
        until("the button is there", async || (count("GET /v1/quote") > 0).then_some(())).await;
        let (x, y) = desk.corner(&site).await;
        desk.press((x + 40, y + 25)).await;
        until("the wallet window asks", async || (count("GET /v1/quote") > 1).then_some(())).await;
        let window = until("the wallet window is there", async || {
            let found = desk.hand(&["search", "--onlyvisible", "--name", "Test Pay"])?;
            found.lines().last().map(str::to_owned)
        })
        .await;
        desk.hand(&["windowfocus", &window]);
        // The window takes "Allow" a second after the first sign of a visitor, at the earliest. Six stops from the
        // heading: the cap, three suggestions, "Not now", "Allow".
        desk.hand(&["key", "shift"]);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        for _ in 0..6 {
            desk.hand(&["key", "Tab"]);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        desk.hand(&["key", "Return"]);
        until("it is allowed and paid", async || {
            String::from_utf8_lossy(&site.heard()).contains("/said/paid/one/").then_some(())
        })
        .await;
        assert_eq!((count("POST /v1/allowances"), count("POST /v1/claims")), (1, 1));
        drop(desk);

        let quotes = count("GET /v1/quote");
        let desk = Desk::open(home.path(), &pages[1]).await;
        until("the button is there again", async || {
            (count("GET /v1/quote") > quotes).then_some(())
        })
        .await;
        let (x, y) = desk.corner(&site).await;
        desk.press((x + 40, y + 25)).await;
        until("one click has paid", async || {
            String::from_utf8_lossy(&site.heard()).contains("/said/paid/two/").then_some(())
        })
        .await;
        assert_eq!(count("POST /v1/wallets"), 1, "the wallet itself was not forgotten");
        assert_eq!(count("POST /v1/allowances"), 2, "a new key was allowed without a question");
        let session = provider.sign_in(&creator).await;
        assert_eq!(provider.totals(&session).await, (2, "0.10".into()));
    });
}
