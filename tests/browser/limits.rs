//! What the visitor lets the whole wallet pay: set on the wallet page, kept to by the verifier, told in the frame.

use std::rc::Rc;

use farthing_tests::browser::Browser;
use farthing_tests::in_every_engine;
use farthing_tests::site::{Page, Site};
use farthing_tests::wait::until;
use farthing_tests::world::{World, browser_test};
use serde_json::Value;

in_every_engine! {
    a_limit_is_kept_to_until_it_is_raised_and_a_pause_until_it_ends
    what_is_typed_wrong_is_named_and_changes_nothing
}

const GATE: &str = "farthing-gate";
const DAY: &str = "#day-limit";
const SAVED: &str = "[data-limits=saved]";
const SAVE: &str = "[data-limits=save]";
const PAUSE: &str = "[data-do=pauseAll]";

async fn wallet(world: &World) {
    world.browser.open(&format!("{}/wallet", world.provider.origin)).await;
    limits_are_read(&world.browser).await;
}

async fn limits_are_read(browser: &Browser) {
    browser.see_state("home").await;
    let field = browser.see(DAY).await;
    until("the limits are read", async || field.is_enabled().await.ok()?.then_some(())).await;
}

async fn press(browser: &Browser, css: &str) {
    let button = browser.see(css).await;
    // WebKit's driver does not scroll to what it moves to.
    let scroll = "document.querySelector(arguments[0]).scrollIntoView({ block: 'center', behavior: 'instant' })";
    browser.script(scroll, vec![css.into()]).await;
    until(&format!("{css} can be pressed"), async || button.is_enabled().await.ok()?.then_some(()))
        .await;
    browser.press(&button).await;
}

/// Types a limit a day and saves it.
async fn limit(browser: &Browser, amount: &str) {
    let field = browser.see(DAY).await;
    field.clear().await.unwrap();
    if !amount.is_empty() {
        field.send_keys(amount).await.unwrap();
    }
    press(browser, SAVE).await;
}

/// Presses the button of an element and waits until the frame says why it was not paid.
async fn refused(browser: &Browser, css: &str, why: &str) {
    browser.press_in(css).await;
    browser.enter(css).await;
    let said = browser.text("p[role=status]", |text| text.contains(why)).await;
    assert!(said.contains("You were not charged."), "{said}");
    browser.leave().await;
}

async fn a_limit_is_kept_to_until_it_is_raised_and_a_pause_until_it_ends(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let creator = provider.magazine_creator().await;
    let session = provider.sign_in(&creator).await;
    browser.open(&format!("{}/essay.html", provider.magazine)).await;
    browser.pay_first(GATE).await;
    browser.text(GATE, |text| text.contains("The word itself is a recipe")).await;

    // What was paid before counts: 0.05, and 0.08 more fit to the last cent.
    wallet(&world).await;
    browser.text("#day-paid", |text| text.contains("0.05")).await;
    limit(browser, "0.13").await;
    browser.text(SAVED, |text| text.contains("hold from now on")).await;
    browser.text("#day-paid", |text| text.contains("0.05") && text.contains("0.13")).await;
    browser.picture("wallet-limits").await;
    browser.open(&format!("{}/interview.html", provider.magazine)).await;
    browser.press_in(GATE).await;
    until("the interview is paid", async || {
        (provider.totals(&session).await == (2, "0.13".into())).then_some(())
    })
    .await;

    browser.open(&format!("{}/picture.html", provider.magazine)).await;
    refused(browser, GATE, "than your wallet may still pay today").await;
    browser.picture("frame-over-limit").await;
    assert_eq!(provider.totals(&session).await, (2, "0.13".into()));
    wallet(&world).await;
    limit(browser, "0.15").await;
    browser.text(SAVED, |text| text.contains("hold from now on")).await;
    browser.open(&format!("{}/picture.html", provider.magazine)).await;
    browser.press_in(GATE).await;
    until("the picture is paid", async || {
        (provider.totals(&session).await == (3, "0.15".into())).then_some(())
    })
    .await;

    // No limit any more, but everything is paused.
    wallet(&world).await;
    limit(browser, "").await;
    browser.text(SAVED, |text| text.contains("hold from now on")).await;
    press(browser, PAUSE).await;
    browser.text("[data-limits=paused]", |text| text.contains("All payments are paused")).await;
    let switch = browser.see(PAUSE).await;
    assert_eq!(switch.attr("aria-checked").await.unwrap().as_deref(), Some("true"));
    browser.picture("wallet-paused").await;
    browser.open(&format!("{}/", provider.magazine)).await;
    refused(browser, "farthing-pay", "You have paused all payments").await;
    assert_eq!(provider.totals(&session).await, (3, "0.15".into()));
    // Another visit shows the state that holds.
    wallet(&world).await;
    browser.text("[data-limits=paused]", |text| text.contains("All payments are paused")).await;
    press(browser, PAUSE).await;
    browser.text(SAVED, |text| text.contains("Payments can be made again")).await;
    let switch = browser.see(PAUSE).await;
    assert_eq!(switch.attr("aria-checked").await.unwrap().as_deref(), Some("false"));
    browser.open(&format!("{}/", provider.magazine)).await;
    browser.press_in("farthing-pay").await;
    until("the lamp is paid", async || {
        (provider.totals(&session).await == (4, "0.25".into())).then_some(())
    })
    .await;
}

/// The verifier has the words for a refusal: the button says them in the language of its page.
#[test]
fn the_button_says_in_every_language_what_a_limit_refused() {
    browser_test("limits-languages", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let site = Site::start("newspaper").await;
        let creator = provider.creator("The Lantern", &site.origin).await;
        let body = "<farthing-donate amount=\"0.10\">…</farthing-donate>";
        let page = Page::with_tag(&provider.origin, &creator.id, body);
        let session = provider.sign_in(&creator).await;
        browser.open(&site.put("/", page)).await;
        browser.pay_first("farthing-donate").await;
        // The window is gone before the payment is made, and leaving the page now would take it along.
        until("the donation is paid", async || {
            (provider.totals(&session).await == (1, "0.10".into())).then_some(())
        })
        .await;
        wallet(&world).await;
        browser.text("#day-paid", |text| text.contains("0.10")).await;
        limit(browser, "0.15").await;
        browser.text(SAVED, |text| text.contains("hold from now on")).await;
        for code in ["de", "es", "ar", "ko"] {
            let path = format!("{}/../www/words/{code}.json", env!("CARGO_MANIFEST_DIR"));
            let file: Value =
                serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            let words = file["outcome"]["over_day_budget"].as_str().unwrap();
            let (before, after) = words.split_once("{left}").unwrap();
            let uncharged = file["frame"]["uncharged"].as_str().unwrap();
            let mut page = Page::with_tag(&provider.origin, &creator.id, body);
            page.html = page.html.replace("lang=\"en\"", &format!("lang=\"{code}\""));
            browser.open(&site.put("/", page)).await;
            browser.press_in("farthing-donate").await;
            browser.enter("farthing-donate").await;
            let said = browser.text("p[role=status]", |text| text.contains(uncharged)).await;
            for part in [before.trim(), "0.05 EUR", after.trim_start_matches('.').trim()] {
                assert!(said.contains(part), "{code}: {part:?} in {said:?}");
            }
            browser.leave().await;
            browser.picture(&format!("frame-over-limit-{code}")).await;
        }
    });
}

async fn what_is_typed_wrong_is_named_and_changes_nothing(world: Rc<World>) {
    let browser = &world.browser;
    browser.open(&format!("{}/wallet", world.provider.origin)).await;
    browser.see_state("empty").await;
    press(browser, "[data-do=create]").await;
    limits_are_read(browser).await;
    for (typed, why) in [
        ("ten", "Please enter an amount such as"),
        ("1.2345678", "Please enter an amount such as"),
        ("-1", "Please enter an amount such as"),
        ("0", "pause all payments"),
        ("1000001", "Please stay at or below"),
    ] {
        limit(browser, typed).await;
        browser.text("#day-problem", |text| text.contains(why)).await;
        let field = browser.see(DAY).await;
        assert_eq!(field.attr("aria-invalid").await.unwrap().as_deref(), Some("true"), "{typed}");
        let at = browser.script("return document.activeElement.id", vec![]).await;
        assert_eq!(at, "day-limit", "{typed}: where to put it right");
    }
    // A comma is the decimal point of half the world; another tab sees what holds.
    limit(browser, "2,50").await;
    browser.text(SAVED, |text| text.contains("hold from now on")).await;
    let problem =
        browser.script("return document.getElementById('day-problem').textContent", vec![]);
    assert_eq!(problem.await, "");
    wallet(&world).await;
    until("the limit is shown", async || {
        let field = browser.client.find(fantoccini::Locator::Css(DAY)).await.ok()?;
        let shown = field.prop("value").await.ok()??;
        (shown == "2.50").then_some(())
    })
    .await;
}

/// A tab that has been open for long shows a limit that another device has changed since. Saving the other limit
/// there does not bring the old one back.
#[test]
fn an_old_tab_does_not_bring_an_old_limit_back() {
    browser_test("limits-stale", async |world: Rc<World>| {
        let browser = &world.browser;
        browser.open(&format!("{}/wallet", world.provider.origin)).await;
        browser.see_state("empty").await;
        press(browser, "[data-do=create]").await;
        limits_are_read(browser).await;
        limit(browser, "2").await;
        browser.text(SAVED, |text| text.contains("hold from now on")).await;
        let old = browser.here().await;
        browser.open_tab(&format!("{}/wallet", world.provider.origin)).await;
        limits_are_read(browser).await;
        limit(browser, "1").await;
        browser.text("#day-paid", |text| text.contains("1.00")).await;

        browser.go_to(&old).await;
        browser.text("#day-paid", |text| text.contains("2.00")).await;
        browser.see("#month-limit").await.send_keys("9").await.unwrap();
        press(browser, SAVE).await;
        browser.text("#month-paid", |text| text.contains("9.00")).await;
        browser.text("#day-paid", |text| text.contains("1.00")).await;
        wallet(&world).await;
        browser.text("#month-paid", |text| text.contains("9.00")).await;
        browser.text("#day-paid", |text| text.contains("1.00")).await;
    });
}
