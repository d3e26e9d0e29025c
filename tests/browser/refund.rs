//! A refund by the visitor's own hand: asked once more, given once, and what was bought closes again.

use std::rc::Rc;

use farthing_tests::browser::Browser;
use farthing_tests::wait::until;
use farthing_tests::world::{World, browser_test};
use serde_json::json;

const GATE: &str = "farthing-gate";
const OPENED: &str = "The word itself is a recipe";
const REFUND: &str = "[data-list=entries] [data-do=refund]";

async fn press(browser: &Browser, css: &str) {
    let button = browser.see(css).await;
    browser.press(&button).await;
}

async fn wallet(browser: &Browser, origin: &str) {
    browser.open(&format!("{origin}/wallet")).await;
    browser.see_state("home").await;
}

#[test]
fn the_money_comes_back_once_and_the_gate_closes() {
    browser_test("refund", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let creator = provider.magazine_creator().await;
        let session = provider.sign_in(&creator).await;
        browser.open(&format!("{}/essay.html", provider.magazine)).await;
        browser.pay_first(GATE).await;
        browser.text(GATE, |text| text.contains(OPENED)).await;

        // Asked once more; whoever keeps it keeps it.
        wallet(browser, &provider.origin).await;
        browser.picture("wallet-refundable").await;
        press(browser, REFUND).await;
        browser.see_state("refund").await;
        browser.text("[data-text=refund-amount]", |text| text.contains("0.05")).await;
        browser.picture("wallet-refund").await;
        press(browser, "[data-do=keep]").await;
        browser.see_state("home").await;
        browser.text("[data-text=balance]", |text| text.contains("0.95")).await;

        let watch = "window.__live = [];
            let asked;
            new MutationObserver(() => {
                const { hidden } = document.querySelector('[data-view=refund]');
                if (hidden) return (asked = undefined);
                asked ??= performance.now();
                const live = !document.querySelector('[data-label=give-back]').disabled;
                if (window.__live.at(-1)?.live === live) return;
                window.__live.push({ live, after: performance.now() - asked + 20 });
            }).observe(document.body, { attributes: true, subtree: true, attributeFilter: ['hidden', 'disabled'] });";
        browser.script(watch, vec![]).await;
        press(browser, REFUND).await;
        browser.see_state("refund").await;
        // The second half of a double click has seen no question: for a second nothing can be pressed.
        let seen = "return window.__live.map(({ live, after }) => [live, after >= 1000])";
        browser.have_back().await;
        let live = browser.script(seen, vec![]).await;
        assert_eq!(
            live,
            json!([[false, false], [true, true]]),
            "live, and a second after the question"
        );
        browser.see_state("home").await;
        browser.text("[data-text=refund-note]", |text| text.contains("back in your wallet")).await;
        browser.text("[data-text=balance]", |text| text.contains("1.00")).await;
        let list = browser.text("[data-list=entries]", |text| text.contains("refunded")).await;
        assert!(list.contains("Refund"), "{list}");
        let buttons =
            "return document.querySelectorAll('[data-list=entries] [data-do=refund]').length";
        assert_eq!(browser.script(buttons, vec![]).await, json!(0), "nothing is left to refund");
        browser.picture("wallet-refunded").await;
        // What was proved of payments stays; what went back stands beside it.
        assert_eq!(provider.totals(&session).await, (1, "0.05".into()));

        // Closed again, and for sale again.
        browser.open(&format!("{}/essay.html", provider.magazine)).await;
        browser.press_in(GATE).await;
        browser.text(GATE, |text| text.contains(OPENED)).await;
        assert_eq!(provider.totals(&session).await, (2, "0.10".into()));
        wallet(browser, &provider.origin).await;
        browser.text("[data-text=balance]", |text| text.contains("0.95")).await;
    });
}

/// Has the newest payment's money back, in a tab of its own, while this browser hears nothing of that payment.
async fn have_back_elsewhere(world: &World) {
    let browser = &world.browser;
    // The wallet page asks about what was left behind, too.
    world.provider.proxy.cut("GET /v1/claims/");
    let page = browser.here().await;
    browser.open_tab(&format!("{}/wallet", world.provider.origin)).await;
    browser.see_state("home").await;
    press(browser, REFUND).await;
    browser.have_back().await;
    browser.text("[data-text=refund-note]", |text| text.contains("back in your wallet")).await;
    // Its history goes on asking, and would settle it.
    browser.client.close_window().await.expect("the wallet's tab closes");
    browser.go_to(&page).await;
    world.provider.proxy.heal();
}

/// The item page's own payment, whose answer was lost, and which was given back before it was asked for again: it was paid, and is
/// not any more. It is said in place and at the next visit, beside the button that sells it again.
#[test]
fn the_item_page_does_not_call_paid_what_was_given_back() {
    browser_test("refund-item-page", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let creator = provider.magazine_creator().await;
        let session = provider.sign_in(&creator).await;
        let item = format!("{}/i/{}/essay", provider.origin, creator.id);
        let pay = async || {
            browser.see_state("item").await;
            let button = browser.see("[data-do=pay]").await;
            browser.hover(&button).await;
            until("it can be paid", async || button.is_enabled().await.ok()?.then_some(())).await;
            browser.press(&button).await;
        };
        let is_lost = async || {
            let before = provider.proxy.lost();
            provider.proxy.lose_answers("POST /v1/claims", 1_000);
            pay().await;
            until("the answer is lost", async || (provider.proxy.lost() > before).then_some(()))
                .await;
        };
        let is_said = async || {
            browser.see_state("item").await;
            let is_back = |text: &str| {
                text.starts_with("You paid \u{20ac}0.05") && text.contains("given back since")
            };
            browser.text("[data-text=item-note]", is_back).await;
            let paid = "return document.querySelector('[data-text=paid]').textContent";
            assert_eq!(browser.script(paid, vec![]).await, json!(""));
        };
        browser.open(&item).await;
        is_lost().await;
        have_back_elsewhere(&world).await;
        provider.proxy.lose_answers("", 0);
        browser.script("dispatchEvent(new Event('online'))", vec![]).await;
        is_said().await;
        browser.picture("item-page-given-back").await;

        is_lost().await;
        browser.open("about:blank").await;
        have_back_elsewhere(&world).await;
        provider.proxy.lose_answers("", 0);
        browser.open(&item).await;
        is_said().await;
        assert_eq!(provider.totals(&session).await, (2, "0.10".into()));

        // For sale again, and then there is no word of the earlier one.
        pay().await;
        browser.see_state("paid").await;
        browser.text("[data-text=paid]", |text| text == "Paid \u{20ac}0.05").await;
        assert_eq!(provider.totals(&session).await, (3, "0.15".into()));
    });
}
