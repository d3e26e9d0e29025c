//! For everybody: axe-core finds nothing on any page and in any state, in light and dark; nothing has to be
//! scrolled sideways at 320 pixels (1280 at 400 %); names are what a screen reader says.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use farthing_tests::browser::Browser;
use farthing_tests::engine::Engine;
use farthing_tests::site::{Page, Site};
use farthing_tests::wait::until;
use farthing_tests::world::{World, browser_test, engine_test};
use serde_json::{Value, json};

const GATE: &str = "farthing-gate";

/// axe-core, as `cargo xtask test` gets it from npm. Without npm it says so and sets this variable.
fn axe() -> Option<String> {
    if std::env::var_os("FARTHING_SKIP_AXE").is_some_and(|value| value == "1") {
        return None;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/tools/axe/node_modules/axe-core/axe.min.js");
    Some(std::fs::read_to_string(&path).unwrap_or_else(|_| {
        panic!("no axe-core: run `cargo xtask test`, which gets it, or set FARTHING_SKIP_AXE=1")
    }))
}

/// What axe-core has to say about the present document, as `rule: element`.
async fn faults(browser: &Browser, axe: &str, rules: &str) -> Vec<String> {
    browser.script(&format!("if (!window.axe) {{ {axe} }}"), Vec::new()).await;
    let run = "const [done] = arguments;
        axe.run(document, { iframes: false, rules: RULES, resultTypes: ['violations'] }).then(
          ({ violations }) => done(violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`))),
          (error) => done([String(error)]));";
    let run = run.replace("RULES", rules);
    let found = browser.client.execute_async(&run, Vec::new()).await.expect("axe runs");
    found.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

/// What was found, all of it before the test fails.
#[derive(Default)]
pub struct Found(RefCell<Vec<String>>);

impl Found {
    pub fn nothing(&self) {
        let found = self.0.borrow();
        assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
    }
}

/// The limits of the wallet: a mistake named beside its field, and everything paused.
async fn limits(browser: &Browser, found: &Found) {
    let field = browser.see("#day-limit").await;
    until("the limits are read", async || field.is_enabled().await.ok()?.then_some(())).await;
    field.send_keys("ten").await.unwrap();
    press(browser, "[data-limits=save]").await;
    let said = browser.text("#day-problem", |text| text.contains("such as")).await;
    let (role, name) = heard(browser, "#day-limit").await;
    assert_eq!((&*role, &*name), ("textbox", "At most a day"), "{said}");
    check_page(browser, found, "home, a limit that is no amount").await;
    field.clear().await.unwrap();
    let (role, name) = heard(browser, "[data-do=pauseAll]").await;
    assert_eq!((&*role, &*name), ("switch", "Pause all payments"));
    press(browser, "[data-do=pauseAll]").await;
    browser.text("[data-limits=paused]", |text| text.contains("paused")).await;
    check_page(browser, found, "home, paused").await;
    press(browser, "[data-do=pauseAll]").await;
    browser.text("[data-limits=saved]", |text| text.contains("again")).await;
}

/// Checks the present document in light and dark.
pub async fn check(browser: &Browser, found: &Found, what: &str) {
    let Some(axe) = axe() else { return };
    for scheme in ["dark", "light"] {
        let feature = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        browser.devtools("Emulation.setEmulatedMedia", json!({"features": feature})).await;
        // A frame is a part of its page, which has the heading. And what is behind its text in the dark is the
        // page's, which axe does not see.
        let in_frame = what.starts_with("the frame");
        let rules = match (in_frame, scheme) {
            (true, "dark") => {
                "{ 'page-has-heading-one': { enabled: false }, 'color-contrast': { enabled: false } }"
            }
            (true, _) => "{ 'page-has-heading-one': { enabled: false } }",
            _ => "{}",
        };
        let faults = faults(browser, &axe, rules).await;
        found
            .0
            .borrow_mut()
            .extend(faults.iter().map(|fault| format!("{what}, {scheme}: {fault}")));
    }
}

/// The same for a page of its own, which also must fit into 320 pixels.
pub async fn check_page(browser: &Browser, found: &Found, what: &str) {
    check(browser, found, what).await;
    let narrow = json!({"width": 320, "height": 640, "deviceScaleFactor": 1, "mobile": false});
    browser.devtools("Emulation.setDeviceMetricsOverride", narrow).await;
    let wide = browser
        .script(
            "return [...document.querySelectorAll('body *')].filter((one) => {
               const box = one.getBoundingClientRect();
               return box.width > 0 && (box.right > innerWidth + 1 || box.left < -1) && !one.closest('[data-scrolls],table,pre,svg,.table');
             }).map((one) => one.outerHTML.slice(0, 120))",
            Vec::new(),
        )
        .await;
    let scrolls = browser
        .script("return document.documentElement.scrollWidth > innerWidth", Vec::new())
        .await;
    browser.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await;
    if scrolls != json!(false) {
        found.0.borrow_mut().push(format!("{what} scrolls sideways at 320 pixels: {wide}"));
    }
}

async fn check_frame(browser: &Browser, found: &Found, css: &str, state: &str) {
    browser.enter(css).await;
    browser.see_state(state).await;
    check(browser, found, &format!("the frame, {state}")).await;
    browser.leave().await;
}

/// Role and name of an element, as a screen reader gets them.
async fn heard(browser: &Browser, css: &str) -> (String, String) {
    let element = browser.see(css).await;
    (browser.computed(&element, "role").await, browser.computed(&element, "label").await)
}

#[test]
fn the_magazine_and_the_button_are_for_everybody() {
    browser_test("access-frame", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let found = &Found::default();
        for page in ["", "essay.html", "picture.html", "interview.html"] {
            browser.open(&format!("{}/{page}", provider.magazine)).await;
            check_page(browser, found, page).await;
        }
        browser.open(&format!("{}/essay.html", provider.magazine)).await;
        browser.frame_shows(GATE, "ready").await;
        check_frame(browser, found, GATE, "ready").await;
        // Covered, so that the button asks again; then the window.
        let cover = "const layer = document.createElement('div'); layer.id = 'layer';
            Object.assign(layer.style, { position: 'fixed', inset: '0', pointerEvents: 'none', opacity: '0.5', background: '#fff' });
            document.body.append(layer);";
        browser.script(cover, Vec::new()).await;
        browser.press_in(GATE).await;
        check_frame(browser, found, GATE, "confirm").await;
        browser.client.refresh().await.unwrap();
        browser.frame_shows(GATE, "ready").await;
        let page = browser.here().await;
        let known = browser.windows().await;
        browser.press_in(GATE).await;
        let window = browser.go_to_new_window(&known).await;
        browser.see_state("consent").await;
        browser.go_to(&page).await;
        check_frame(browser, found, GATE, "window").await;
        browser.go_to(&window).await;
        browser.allow().await;
        browser.gone(&window).await;
        browser.go_to(&page).await;
        browser.text(GATE, |text| text.contains("The word itself is a recipe")).await;
        check_page(browser, found, "the opened essay").await;
        check_frame(browser, found, GATE, "paid").await;
        browser.frame_shows("farthing-donate", "ready").await;
        check_frame(browser, found, "farthing-donate", "ready").await;

        let site = Site::start("stall").await;
        let creator = provider.creator("A stall", &site.origin).await;
        let body = "<farthing-pay item=\"nothing\">Nothing</farthing-pay>";
        browser.open(&site.put("/", Page::with_tag(&provider.origin, &creator.id, body))).await;
        check_frame(browser, found, "farthing-pay", "closed").await;
        found.nothing();
    });
}

/// In Firefox, since Chromium's driver tells no names inside frames.
#[test]
fn the_button_has_a_name_and_speaks() {
    engine_test(Engine::Firefox, "access-names", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        browser.open(&format!("{}/essay.html", provider.magazine)).await;
        browser.frame_shows(GATE, "ready").await;
        browser.enter(GATE).await;
        let (role, name) = heard(browser, "button").await;
        assert_eq!((&*role, &*name), ("button", "Pay €0.05 to The Lantern · demo money"));
        assert_eq!(heard(browser, "p").await.0, "status", "what changes is said");
        browser.leave().await;
        browser.frame_shows("farthing-donate", "ready").await;
        browser.enter("farthing-donate").await;
        assert_eq!(heard(browser, "input").await, ("textbox".into(), "Amount".into()));
    });
}

#[test]
fn the_wallet_is_for_everybody() {
    browser_test("access-wallet", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let found = &Found::default();
        let lantern = provider.magazine_creator().await;
        browser.open(&provider.origin).await;
        check_page(browser, found, "the provider's first page").await;
        browser.open(&format!("{}/wallet", provider.origin)).await;
        browser.see_state("empty").await;
        check_page(browser, found, "empty").await;
        press(browser, "[data-do=restore]").await;
        browser.see_state("restore").await;
        press(browser, "[data-form=restored] button").await;
        browser.text("[data-text=restore-problem]", |text| !text.is_empty()).await;
        check_page(browser, found, "restore").await;

        browser.open(&format!("{}/i/{}/essay", provider.origin, lantern.id)).await;
        browser.see_state("item").await;
        check_page(browser, found, "item").await;
        let pay = browser.see("[data-do=pay]").await;
        browser.hover(&pay).await;
        until("it can be paid", async || pay.is_enabled().await.ok()?.then_some(())).await;
        browser.press(&pay).await;
        browser.see_state("paid").await;
        check_page(browser, found, "paid").await;
        browser.open(&format!("{}/i/{}/nothing", provider.origin, lantern.id)).await;
        browser.see_state("problem").await;
        check_page(browser, found, "problem").await;

        browser.open(&format!("{}/wallet", provider.origin)).await;
        browser.see_state("home").await;
        browser.text("[data-list=entries]", |text| text.contains("The Lantern")).await;
        check_page(browser, found, "home").await;
        let (role, name) = heard(browser, "[data-list=allowances] button").await;
        assert_eq!(role, "button");
        assert!(name.contains("The Lantern"), "which one is withdrawn: {name}");
        browser
            .text("[data-list=allowances]", |text| text.contains("for one payment, until"))
            .await;
        limits(browser, found).await;
        for (button, state) in
            [("[data-part=unsafe] [data-do=passkey]", "passkey"), ("[data-do=cutOff]", "cut")]
        {
            press(browser, button).await;
            browser.see_state(state).await;
            check_page(browser, found, state).await;
            press(browser, &format!("[data-view={state}] [data-do=later]")).await;
            browser.see_state("home").await;
        }
        press(browser, "[data-part=unsafe] [data-do=recover]").await;
        browser.see_state("recovery").await;
        check_page(browser, found, "recovery").await;
        press(browser, "[data-do=written]").await;
        browser.see_state("recheck").await;
        check_page(browser, found, "recheck").await;

        browser.open(&format!("{}/essay.html", provider.magazine)).await;
        let known = browser.windows().await;
        browser.press_in("farthing-donate").await;
        browser.go_to_new_window(&known).await;
        browser.see_state("consent").await;
        check_page(browser, found, "consent").await;
        assert_eq!(heard(browser, "#cap").await.1, "Up to, in all");
        found.nothing();
    });
}

#[test]
fn no_money_and_the_creators_pages_are_for_everybody() {
    browser_test("access-creator", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let found = &Found::default();
        browser.open(&format!("{}/creator", provider.origin)).await;
        browser.see("#paste-link").await;
        check_page(browser, found, "creator, signed out").await;
        let lantern = provider.magazine_creator().await;
        browser.open(&lantern.link).await;
        browser.see("#view-overview").await;
        let tabs = browser
            .script(
                "return [...document.querySelectorAll('a[href^=\"#\"]')].map((a) => a.getAttribute('href'))",
                Vec::new(),
            )
            .await;
        for tab in tabs.as_array().unwrap().iter().filter_map(Value::as_str) {
            browser.open(&format!("{}/creator{tab}", provider.origin)).await;
            browser.see("main").await;
            check_page(browser, found, &format!("creator{tab}")).await;
        }

        let site = Site::start("shop").await;
        let creator = provider.creator("A shop", &site.origin).await;
        let body = "<farthing-donate amount=\"9.00\">Give</farthing-donate>";
        browser.open(&site.put("/", Page::with_tag(&provider.origin, &creator.id, body))).await;
        let known = browser.windows().await;
        browser.press_in("farthing-donate").await;
        browser.go_to_new_window(&known).await;
        browser.allow().await;
        browser.see_state("money").await;
        check_page(browser, found, "money").await;
        found.nothing();
    });
}

async fn press(browser: &Browser, css: &str) {
    let button = browser.see(css).await;
    browser.press(&button).await;
}
