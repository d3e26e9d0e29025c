//! A real browser, driven through its WebDriver: windows, frames, gestures, screenshots.

use std::path::Path;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use fantoccini::actions::{
    InputSource, KeyAction, KeyActions, MOUSE_BUTTON_LEFT, MouseActions, PointerAction,
};
use fantoccini::elements::Element;
use fantoccini::error::{CmdError, ErrorStatus};
use fantoccini::wd::WindowHandle;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::engine::{Driver, Engine, Setting};
use crate::http;
use crate::wait::until;

/// How long the pointer rests before a click. People take half a second and longer; the frame
/// asks for a confirmation when a click comes sooner (docs/embedding.md, "How it looks").
const DWELL: Duration = Duration::from_millis(950);
/// How often a press goes after an element that moves.
const MOVES_AFTER: usize = 5;

/// Runs before the scripts of every page in the tab, in Chromium; in the others the proxy puts it before the
/// loader ([`crate::proxy`]). A closed shadow root is hidden from tests as well as from pages; this keeps a
/// way in, as any page could that wanted to look at the frame's *element*. What is inside the frame stays out
/// of its reach.
pub const KEEP_ROOTS: &str = "(() => {
  if (window.__rootOf) return;
  const roots = new WeakMap();
  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (init) {
    const root = attach.call(this, init);
    roots.set(this, root);
    return root;
  };
  Object.defineProperty(window, '__rootOf', { value: (host) => roots.get(host) ?? null });
  window.__violations = [];
  addEventListener('securitypolicyviolation', (e) => window.__violations.push(e.violatedDirective + ' ' + e.blockedURI));
})();\n";

/// A browser with a fresh profile. It ends when it is dropped.
pub struct Browser {
    /// The WebDriver session.
    pub client: Client,
    /// Which one it is.
    pub engine: Engine,
    session: String,
    profile: tempfile::TempDir,
    driver: Driver,
}

impl Browser {
    /// Starts driver and browser.
    ///
    /// # Panics
    /// When either is not there or does not start; the message holds what it printed.
    pub async fn start(engine: Engine) -> Self {
        Self::start_with(engine, Setting::Usual).await
    }

    /// Starts one that its owner has set so.
    ///
    /// # Panics
    /// As [`Browser::start`] does.
    pub async fn start_with(engine: Engine, setting: Setting) -> Self {
        let browser = Self::start_bare(engine, setting).await;
        browser.prepare_tab().await;
        browser
    }

    /// Starts one that puts no script of ours into pages: for measuring, since such a script runs in the empty documents
    /// of new frames as well. Elements' frames cannot be entered in it.
    ///
    /// # Panics
    /// As [`Browser::start`] does.
    pub async fn start_bare(engine: Engine, setting: Setting) -> Self {
        let programs = engine.find_programs().unwrap_or_else(|line| panic!("{line}"));
        let profile = tempfile::tempdir().expect("a temporary folder");
        let driver = engine.start_driver(&programs, profile.path()).await;
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(engine.capabilities(&programs, profile.path(), setting))
            .connect(&format!("http://{}", driver.address))
            .await
            .unwrap_or_else(|error| {
                panic!("no session in {engine}: {error}\n{}", driver.process.output())
            });
        let session = client.session_id().await.ok().flatten().expect("a new session has an id");
        Self { client, engine, session, profile, driver }
    }

    /// The profile's folder, for tests that count what is stored.
    #[must_use]
    pub fn profile(&self) -> &Path {
        self.profile.path()
    }

    async fn driver_post(&self, path: &str, body: Value) -> Value {
        let path = format!("/session/{}/{path}", self.session);
        let response =
            http::request(self.driver.address, "127.0.0.1", "POST", &path, &[], Some(&body))
                .await
                .unwrap_or_else(|error| {
                    panic!("the driver is gone: {error}\n{}", self.driver.process.output())
                });
        let answer = response.json();
        assert_eq!(response.status, 200, "{path}: {answer}");
        answer["value"].clone()
    }

    /// What the browser makes of an element for a screen reader: its `role` or its `label`.
    pub async fn computed(&self, element: &Element, what: &str) -> String {
        let id = element.element_id();
        let path = format!("/session/{}/element/{}/computed{what}", self.session, id.as_ref());
        let answer = http::request(
            self.driver.address,
            &self.driver.address.to_string(),
            "GET",
            &path,
            &[],
            None,
        )
        .await;
        let answer = answer.expect("the driver answers");
        assert_eq!(answer.status, 200, "{path}: {}", answer.json());
        let answer = answer.json();
        answer["value"].as_str().unwrap_or_default().to_owned()
    }

    /// One command of the DevTools protocol, to the present tab; Chromium alone has it.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.driver_post("goog/cdp/execute", json!({"cmd": command, "params": parameters})).await
    }

    /// What driver and browser have printed.
    #[must_use]
    pub fn output(&self) -> String {
        self.driver.process.output()
    }

    /// What the consoles of all pages have said since the last call, as `LEVEL text`. Only Chromium tells.
    pub async fn console(&self) -> Vec<String> {
        if self.engine != Engine::Chromium {
            return Vec::new();
        }
        let entries = self.driver_post("se/log", json!({"type": "browser"})).await;
        let line = |entry: &Value| {
            Some(format!("{} {}", entry["level"].as_str()?, entry["message"].as_str()?))
        };
        entries.as_array().map(|all| all.iter().filter_map(line).collect()).unwrap_or_default()
    }

    async fn prepare_tab(&self) {
        if self.engine != Engine::Chromium {
            return;
        }
        self.devtools("Page.enable", json!({})).await;
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": KEEP_ROOTS})).await;
    }

    /// Opens an address in the present tab.
    pub async fn open(&self, address: &str) {
        self.client.goto(address).await.unwrap_or_else(|error| panic!("{address}: {error}"));
    }

    /// Opens an address in a new tab and stays there.
    pub async fn open_tab(&self, address: &str) -> WindowHandle {
        // WebKit's driver does not bring a tab to the front, and waits for ever for a gesture in one behind.
        let as_tab = self.engine != Engine::WebKit;
        let tab = self.client.new_window(as_tab).await.expect("a new tab").handle;
        self.go_to(&tab).await;
        self.prepare_tab().await;
        self.open(address).await;
        tab
    }

    /// The present tab or pop-up.
    pub async fn here(&self) -> WindowHandle {
        self.client.window().await.expect("a present window")
    }

    /// Every tab and pop-up.
    pub async fn windows(&self) -> Vec<WindowHandle> {
        self.client.windows().await.expect("the list of windows")
    }

    /// Goes to a tab or pop-up, to its top document.
    pub async fn go_to(&self, window: &WindowHandle) {
        self.client.switch_to_window(window.clone()).await.expect("a window that is open");
    }

    /// Waits for a window that is not among `known` and goes there.
    pub async fn go_to_new_window(&self, known: &[WindowHandle]) -> WindowHandle {
        let window = until("a pop-up opens", async || {
            self.windows().await.into_iter().find(|window| !known.contains(window))
        })
        .await;
        self.go_to(&window).await;
        window
    }

    /// Waits until a window has closed.
    pub async fn gone(&self, window: &WindowHandle) {
        until("the pop-up closes itself", async || {
            (!self.windows().await.contains(window)).then_some(())
        })
        .await;
    }

    /// Waits for an element in the present document and for it to be visible.
    pub async fn see(&self, css: &str) -> Element {
        until(&format!("{css} is visible"), async || {
            let element = self.client.find(Locator::Css(css)).await.ok()?;
            element.is_displayed().await.ok()?.then_some(element)
        })
        .await
    }

    /// Waits until the text of an element satisfies `is_right`, and answers it.
    pub async fn text(&self, css: &str, is_right: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        let found = tokio::time::timeout(crate::wait::PATIENCE, async {
            loop {
                if let Ok(element) = self.client.find(Locator::Css(css)).await
                    && let Ok(text) = element.text().await
                {
                    if is_right(&text) {
                        return text;
                    }
                    last = text;
                }
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
        })
        .await;
        found.unwrap_or_else(|_| panic!("{css} never said what was expected; last it said: {last}"))
    }

    /// Runs a script in the present document.
    pub async fn script(&self, source: &str, arguments: Vec<Value>) -> Value {
        self.client
            .execute(source, arguments)
            .await
            .unwrap_or_else(|error| panic!("script failed: {error}\n{source}"))
    }

    /// Moves the pointer over an element as a person does, rests, and clicks. A page that is still filling moves
    /// what it has: whoever sees that goes after it before the click.
    ///
    /// In two steps in Firefox: where a frame has moved on the screen since the last click, its driver's pointer goes along with
    /// it and does not move at all inside it, which no hand can do.
    pub async fn press(&self, element: &Element) {
        let mut rest = vec![(0.0, 0.0, DWELL)];
        if self.engine == Engine::Firefox {
            rest.insert(0, (5.0, 3.0, Duration::ZERO));
        }
        for _ in 0..MOVES_AFTER {
            let before = self.place(element).await;
            self.point_at(element, &rest).await;
            if self.place(element).await == before {
                break;
            }
        }
        let click = MouseActions::new(String::from("mouse"))
            .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
            .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        self.client.perform_actions(click).await.expect("a click");
    }

    /// Moves the pointer over an element.
    pub async fn hover(&self, element: &Element) {
        self.point_at(element, &[(0.0, 0.0, Duration::ZERO)]).await;
    }

    /// Moves the pointer to one place after another (pixels from the middle of an element) and rests at each. A frame that has
    /// not yet grown to its content shows nothing there to point at: a person waits until it does.
    async fn point_at(&self, element: &Element, places: &[(f64, f64, Duration)]) {
        let mut way = MouseActions::new(String::from("mouse"));
        for &(x, y, rest) in places {
            let (element, duration) = (element.clone(), Some(Duration::from_millis(120)));
            way = way
                .then(PointerAction::MoveToElement { element, duration, x, y })
                .then(PointerAction::Pause { duration: rest });
        }
        until(
            "the element comes where the pointer can reach it (its driver says out of bounds)",
            async || match self.client.perform_actions(way.clone()).await {
                Ok(()) => Some(()),
                Err(CmdError::Standard(error))
                    if error.error == ErrorStatus::MoveTargetOutOfBounds =>
                {
                    None
                }
                Err(error) => panic!("the pointer does not move: {error}"),
            },
        )
        .await;
    }

    /// Where an element is in its document's viewport; nothing where it has gone.
    async fn place(&self, element: &Element) -> Option<Value> {
        let script = "const { x, y } = arguments[0].getBoundingClientRect(); return [x, y]";
        let element = serde_json::to_value(element).ok()?;
        self.client.execute(script, vec![element]).await.ok()
    }

    /// Presses keys one after another, with a rest before each.
    pub async fn keys(&self, keys: &[char]) {
        let mut presses = KeyActions::new(String::from("keyboard"));
        for key in keys {
            presses = presses
                .then(KeyAction::Pause { duration: DWELL })
                .then(KeyAction::Down { value: *key })
                .then(KeyAction::Up { value: *key });
        }
        self.client.perform_actions(presses).await.expect("key presses");
    }

    /// Writes a picture of the present window to `artefacts/`.
    pub async fn picture(&self, name: &str) {
        let bytes = match self.engine {
            Engine::Chromium => self.whole_page().await,
            _ => self.client.screenshot().await.ok(),
        };
        let Some(bytes) = bytes else { panic!("the browser made no picture") };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../artefacts");
        let name = match self.engine {
            Engine::Chromium => name.to_owned(),
            other => format!("{other}-{name}").to_lowercase(),
        };
        tokio::fs::create_dir_all(&folder).await.expect("the artefacts folder");
        tokio::fs::write(folder.join(format!("{name}.png")), bytes).await.expect("a picture file");
    }

    async fn whole_page(&self) -> Option<Vec<u8>> {
        let metrics = self.devtools("Page.getLayoutMetrics", json!({})).await;
        let size = &metrics["cssContentSize"];
        let clip =
            json!({"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1});
        let whole = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let shot = self.devtools("Page.captureScreenshot", whole).await;
        Base64::decode_vec(shot["data"].as_str()?).ok()
    }

    /// Ends the session, and gives what a Chromium with [`Setting::Traced`] wrote: Chromium's trace events.
    ///
    /// # Panics
    /// When it wrote nothing.
    pub async fn close_traced(self) -> Vec<Value> {
        let _ = self.client.clone().close().await;
        let file = self.profile.path().join(crate::engine::TRACE);
        let trace = until("the trace is written", async || {
            let text = tokio::fs::read(&file).await.ok()?;
            serde_json::from_slice::<Value>(&text).ok()
        })
        .await;
        trace["traceEvents"].as_array().cloned().expect("a list of events")
    }

    /// Ends the session in good order; dropping it kills it.
    pub async fn close(self) {
        let _ = self.client.clone().close().await;
    }
}
