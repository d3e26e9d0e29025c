//! Browsers and pages that leave something out: the opener of the wallet window, storage in frames, frames,
//! pop-ups, WebAssembly. Each time a plain sentence and a way to pay.

use std::rc::Rc;

use farthing_tests::engine::{Engine, Setting};
use farthing_tests::in_every_engine;
use farthing_tests::provider::Creator;
use farthing_tests::site::{Page, Site};
use farthing_tests::wait::until;
use farthing_tests::world::{World, browser_test, engine_test_with};
use serde_json::json;

in_every_engine! {
    a_frame_hears_of_a_payment_in_a_window_that_was_cut_off
    what_the_link_has_paid_is_not_asked_for_again
    a_frame_that_lost_its_storage_is_allowed_again_by_itself
    a_blocked_pop_up_leaves_the_link
}

const SECRET: &str = "The tower has been dark since.";

/// A site with one sealed article at 0.20, and the page around it.
async fn article(world: &World, site: &Site) -> (Creator, Page) {
    let provider = &world.provider;
    let creator = provider.creator("Isolated", &site.origin).await;
    provider.price(&creator, "tower", "The dark tower", "0.20").await;
    let gate = provider.sealed(&creator, "tower", SECRET).await;
    let page = Page::with_tag(&provider.origin, &creator.id, &gate);
    (creator, page)
}

/// Pays on the wallet page that is open: the button, then "Paid".
async fn pay_on_the_wallet_page(world: &World) {
    let browser = &world.browser;
    browser.see_state("item").await;
    let pay = browser.see("[data-do=pay]").await;
    browser.hover(&pay).await;
    until("it can be paid", async || pay.is_enabled().await.ok()?.then_some(())).await;
    browser.press(&pay).await;
    browser.see_state("paid").await;
}

/// `Cross-Origin-Opener-Policy: same-origin` cuts the wallet window off. It takes the payment itself, with a
/// key of its own, and the frame hears of it and opens the gate. Nothing was ever allowed to the frame's key.
async fn a_frame_hears_of_a_payment_in_a_window_that_was_cut_off(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let site = Site::start("isolated").await;
    let (creator, mut page) = article(&world, &site).await;
    page.headers.push(("cross-origin-opener-policy".into(), "same-origin".into()));
    browser.open(&site.put("/", page)).await;
    browser.watch_events().await;
    let here = browser.here().await;
    let known = browser.windows().await;
    browser.press_in("farthing-gate").await;
    let window = browser.go_to_new_window(&known).await;
    browser.see_state("item").await;
    browser.go_to(&here).await;
    browser.enter("farthing-gate").await;
    let words = browser.text("p[role=status]", |text| text.contains("pay here")).await;
    assert!(!words.contains("allow pop-ups"), "{words}");
    browser.see("a").await;
    let link = browser.script("return document.querySelector('a').pathname", Vec::new()).await;
    assert_eq!(link, json!(format!("/i/{}/tower", creator.id)));
    browser.leave().await;
    browser.picture("opener-cut").await;

    browser.go_to(&window).await;
    pay_on_the_wallet_page(&world).await;
    browser.go_to(&here).await;
    browser.text("farthing-gate", |text| text.contains(SECRET)).await;
    let events = browser.events().await;
    assert_eq!(events[0]["name"], "farthing:paid", "{events:?}");
    assert_eq!(events[0]["detail"]["amount"], "0.20");
    let session = provider.sign_in(&creator).await;
    assert_eq!(provider.totals(&session).await, (1, "0.20".into()));
    assert_eq!(provider.proxy.count("POST /v1/allowances"), 1, "for the wallet page's own key");

    // What reaches the frame's key is nothing: the same page, opened again, asks again.
    browser.client.refresh().await.unwrap();
    browser.frame_shows("farthing-gate", "ready").await;
}

/// Who paid by the link comes back to a site that knows nothing of it. The window that has to allow the site says
/// that nothing is charged, and the page hears of no claim but the one that was.
async fn what_the_link_has_paid_is_not_asked_for_again(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let site = Site::start("linked").await;
    let (creator, page) = article(&world, &site).await;
    browser.open(&format!("{}/i/{}/tower", provider.origin, creator.id)).await;
    pay_on_the_wallet_page(&world).await;
    browser.open(&site.put("/", page)).await;
    browser.watch_events().await;
    let here = browser.here().await;
    let known = browser.windows().await;
    browser.press_in("farthing-gate").await;
    let window = browser.go_to_new_window(&known).await;
    browser.see_state("consent").await;
    browser.text("[data-text=owned]", |text| text.contains("Nothing is charged now.")).await;
    browser.text("[data-text=price]", |text| text.contains("0.00")).await;
    browser.text("[data-do=allow]", |text| text == "Allow").await;
    browser.picture("consent-owned").await;
    browser.allow().await;
    browser.gone(&window).await;
    browser.go_to(&here).await;
    browser.text("farthing-gate", |text| text.contains(SECRET)).await;
    let events = browser.events().await;
    assert_eq!(events[0]["name"], "farthing:paid", "{events:?}");
    assert_eq!(events[0]["detail"]["claim_id"], json!(null), "{events:?}");
    assert!(events[0]["detail"]["entry"].is_u64(), "{events:?}");
    let session = provider.sign_in(&creator).await;
    assert_eq!(provider.totals(&session).await, (1, "0.20".into()));
}

/// What WebKit does at every restart, and every browser when its owner clears a site's data: the key in the
/// frame is gone. The next click opens the wallet window, which signs what is left of the consent over to the
/// new key and closes without a question.
async fn a_frame_that_lost_its_storage_is_allowed_again_by_itself(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let session = provider.sign_in(&provider.magazine_creator().await).await;
    browser.open(&format!("{}/essay.html", provider.magazine)).await;
    browser.pay_first("farthing-gate").await;
    browser.text("farthing-gate", |text| text.contains("The word itself is a recipe")).await;

    browser.open(&format!("{}/picture.html", provider.magazine)).await;
    browser.frame_shows("farthing-gate", "ready").await;
    browser.enter("farthing-gate").await;
    let forget = "const [done] = arguments; const request = indexedDB.open('farthing');
        request.onsuccess = () => {
          const base = request.result;
          const all = base.transaction(base.objectStoreNames, 'readwrite');
          for (const name of base.objectStoreNames) all.objectStore(name).clear();
          all.oncomplete = () => { base.close(); done(true); };
        };";
    browser.client.execute_async(forget, Vec::new()).await.unwrap();
    browser.leave().await;
    browser.client.refresh().await.unwrap();
    browser.frame_shows("farthing-gate", "ready").await;
    let page = browser.here().await;
    browser.press_in("farthing-gate").await;
    // The window is gone before anybody could have answered it.
    browser.see("farthing-gate .plate img").await;
    until("the wallet window has closed", async || {
        (browser.windows().await.len() == 1).then_some(())
    })
    .await;
    browser.go_to(&page).await;
    assert_eq!(provider.totals(&session).await, (2, "0.07".into()));
    assert_eq!(provider.proxy.count("POST /v1/allowances"), 2, "one consent, two keys");

    browser.open(&format!("{}/wallet", provider.origin)).await;
    browser.see_state("home").await;
    let rows = browser.text("[data-list=allowances]", |text| text.contains("Spent")).await;
    assert!(rows.contains("0.07"), "both keys spend from one cap: {rows}");
}

/// Frames may store nothing, the wallet page may: the link takes the payment, and the frame hears of it.
#[test]
fn a_frame_without_storage_offers_the_link_and_hears_of_the_payment() {
    let setting = Setting::FramesStoreNothing;
    engine_test_with(Engine::Firefox, setting, "no-storage", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let site = Site::start("careful").await;
        let (creator, page) = article(&world, &site).await;
        browser.open(&site.put("/", page)).await;
        let words = browser.frame_shows("farthing-gate", "closed").await;
        assert!(words.contains("lets this button store nothing"), "{words}");
        browser.picture("no-storage").await;
        let here = browser.here().await;
        let known = browser.windows().await;
        browser.enter("farthing-gate").await;
        let link = browser.see("a").await;
        browser.press(&link).await;
        browser.leave().await;
        browser.go_to_new_window(&known).await;
        pay_on_the_wallet_page(&world).await;
        browser.go_to(&here).await;
        browser.text("farthing-gate", |text| text.contains(SECRET)).await;
        let session = provider.sign_in(&creator).await;
        assert_eq!(provider.totals(&session).await, (1, "0.20".into()));
    });
}

/// A policy without `frame-src` for the provider: what the creator wrote inside the element stays, and its
/// link takes the payment.
#[test]
fn a_page_that_blocks_the_frame_keeps_its_link() {
    browser_test("no-frames", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let site = Site::start("closed").await;
        let (creator, mut page) = article(&world, &site).await;
        let policy = format!("script-src {}; frame-src 'none'", provider.origin);
        page.headers.push(("content-security-policy".into(), policy));
        browser.open(&site.put("/", page)).await;
        browser.frame_of("farthing-gate").await;
        let link = browser.see("farthing-gate a").await;
        browser.press(&link).await;
        pay_on_the_wallet_page(&world).await;
        let session = provider.sign_in(&creator).await;
        assert_eq!(provider.totals(&session).await, (1, "0.20".into()));
    });
}

/// A blocked pop-up is a call to `open` that gives nothing; no driver can be made to block one that follows a
/// click. The frame says where to pay, the link takes the payment, the gate opens.
async fn a_blocked_pop_up_leaves_the_link(world: Rc<World>) {
    let browser = &world.browser;
    let site = Site::start("quiet").await;
    let (_, page) = article(&world, &site).await;
    browser.open(&site.put("/", page)).await;
    let here = browser.here().await;
    let known = browser.windows().await;
    browser.enter("farthing-gate").await;
    browser.see_state("ready").await;
    browser.script("window.open = () => null", Vec::new()).await;
    browser.leave().await;
    browser.press_in("farthing-gate").await;
    browser.enter("farthing-gate").await;
    browser.text("p[role=status]", |text| text.contains("pay here")).await;
    let link = browser.see("a").await;
    browser.press(&link).await;
    browser.leave().await;
    browser.go_to_new_window(&known).await;
    pay_on_the_wallet_page(&world).await;
    browser.go_to(&here).await;
    browser.text("farthing-gate", |text| text.contains(SECRET)).await;
}

/// Without WebAssembly there is no wallet, and both documents say so in words.
#[test]
fn without_wasm_both_documents_say_so() {
    engine_test_with(Engine::Firefox, Setting::NoWasm, "no-wasm", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        browser.open(&format!("{}/essay.html", provider.magazine)).await;
        let words = browser.frame_shows("farthing-gate", "closed").await;
        assert!(!words.is_empty());
        browser.enter("farthing-gate").await;
        browser.see("a").await;
        browser.leave().await;
        browser.open(&format!("{}/wallet", provider.origin)).await;
        browser.see_state("problem").await;
        let problem = "section[data-view=problem] [data-text=problem]";
        let words = browser.text(problem, |text| !text.is_empty()).await;
        assert!(words.contains("WebAssembly"), "{words}");
    });
}
