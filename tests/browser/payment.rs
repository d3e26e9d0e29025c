//! Paying: the first time, again, after a reload, without money, without an answer, in two tabs,
//! without a mouse.

use std::rc::Rc;

use farthing_tests::in_every_engine;
use farthing_tests::site::{Page, Site};
use farthing_tests::wait::until;
use farthing_tests::world::World;
use serde_json::json;

in_every_engine! {
    first_payment_takes_a_click_and_a_consent
    a_repeat_payment_is_one_click_and_opens_no_window
    what_is_paid_stays_open_after_a_reload_and_is_not_charged_again
    an_empty_wallet_is_refused_and_carries_on_after_a_voucher
    a_lost_answer_is_settled_and_charged_once
    a_payment_that_was_left_alone_is_settled_on_the_next_visit
    two_tabs_pay_side_by_side
    the_keyboard_alone_is_enough
    the_fallback_link_sells_the_item_too
}

const GATE: &str = "farthing-gate";
const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';
/// How the locked part of the essay begins.
const OPENED: &str = "The word itself is a recipe";

async fn sees_opened(world: &World) {
    // A frame begins to load when it is near; how near is the engine's choice.
    world.browser.frame_of(GATE).await;
    let text = world.browser.text(GATE, |text| text.contains(OPENED)).await;
    assert!(!text.contains("Read on for"), "the fallback went when the content came: {text}");
    // The frame below the content lives on: it has a claim to forget, and a refund to offer.
    world.browser.frame_shows(GATE, "paid").await;
}

async fn first_payment_takes_a_click_and_a_consent(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let lantern = provider.magazine_creator().await;
    let session = provider.sign_in(&lantern).await;
    browser.open(&format!("{}/", provider.magazine)).await;
    browser.frame_shows("farthing-pay", "ready").await;
    browser.picture("magazine").await;

    browser.open(&format!("{}/essay.html", provider.magazine)).await;
    browser.watch_events().await;
    let words = browser.frame_shows(GATE, "ready").await;
    assert!(words.contains("The Lantern") && words.contains("demo money"), "{words}");
    browser.picture("essay-locked").await;
    let source = browser.client.source().await.unwrap();
    assert!(!source.contains(OPENED), "the locked text stands in the page's source");

    let page = browser.here().await;
    let known = browser.windows().await;
    browser.press_in(GATE).await;
    let window = browser.go_to_new_window(&known).await;
    browser.see_state("consent").await;
    let site = browser.text("[data-text=site]", |text| !text.is_empty()).await;
    assert_eq!(site, provider.magazine, "the wallet names the site it was asked from");
    browser.picture("wallet-consent").await;
    assert_eq!(provider.totals(&session).await.0, 0, "nothing is paid before the consent");
    browser.allow().await;
    browser.gone(&window).await;
    browser.go_to(&page).await;

    sees_opened(&world).await;
    browser.picture("essay-open").await;
    assert_eq!(provider.totals(&session).await, (1, "0.05".into()));
    let events = browser.events().await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["name"], "farthing:paid");
    assert_eq!(events[0]["detail"]["item"], "essay");
    assert_eq!(events[0]["detail"]["amount"], "0.05");
}

async fn a_repeat_payment_is_one_click_and_opens_no_window(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let session = provider.sign_in(&provider.magazine_creator().await).await;
    browser.open(&format!("{}/essay.html", provider.magazine)).await;
    browser.pay_first(GATE).await;
    sees_opened(&world).await;

    browser.open(&format!("{}/picture.html", provider.magazine)).await;
    browser.frame_shows(GATE, "ready").await;
    browser.picture("picture-locked").await;
    browser.press_in(GATE).await;
    browser.see("farthing-gate .plate img").await;
    assert_eq!(browser.windows().await.len(), 1, "no wallet window was opened");
    assert_eq!(provider.totals(&session).await, (2, "0.07".into()));
    browser.picture("picture-open").await;
}

async fn what_is_paid_stays_open_after_a_reload_and_is_not_charged_again(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let session = provider.sign_in(&provider.magazine_creator().await).await;
    browser.open(&format!("{}/essay.html", provider.magazine)).await;
    browser.pay_first(GATE).await;
    sees_opened(&world).await;
    let claims = provider.proxy.count("POST /v1/claims");

    browser.client.refresh().await.unwrap();
    sees_opened(&world).await;
    browser.open_tab(&format!("{}/essay.html", provider.magazine)).await;
    sees_opened(&world).await;
    assert_eq!(provider.proxy.count("POST /v1/claims"), claims, "opening again sends no claim");
    assert_eq!(provider.totals(&session).await, (1, "0.05".into()));
    browser.open(&format!("{}/wallet", provider.origin)).await;
    browser.text("[data-text=balance]", |text| text.contains("0.95")).await;
    browser.picture("wallet-home").await;
}

/// The frame thinks that there is money, because it went on another site meanwhile. The verifier
/// refuses, the frame says so, and the next click leads through a top-up to the content.
async fn an_empty_wallet_is_refused_and_carries_on_after_a_voucher(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let session = provider.sign_in(&provider.magazine_creator().await).await;
    browser.open(&format!("{}/", provider.magazine)).await;
    browser.pay_first("farthing-pay").await;
    browser.frame_shows("farthing-pay", "paid").await;
    browser.open(&format!("{}/essay.html", provider.magazine)).await;
    browser.watch_events().await;
    browser.frame_shows(GATE, "ready").await;
    let essay = browser.here().await;

    let site = Site::start("charity").await;
    let charity = provider.creator("A charity", &site.origin).await;
    let body = "<farthing-donate amount=\"0.90\">Give</farthing-donate>";
    let address = site.put("/", Page::with_tag(&provider.origin, &charity.id, body));
    browser.open_tab(&address).await;
    browser.pay_first("farthing-donate").await;
    until("the donation has arrived", async || {
        let charity = provider.sign_in(&charity).await;
        (provider.totals(&charity).await == (1, "0.90".into())).then_some(())
    })
    .await;

    browser.go_to(&essay).await;
    browser.press_in(GATE).await;
    browser.enter(GATE).await;
    let words = browser.text("p[role=status]", |text| text.contains("not charged")).await;
    assert!(words.contains("not enough money"), "{words}");
    browser.leave().await;
    browser.picture("essay-refused").await;
    let events = browser.events().await;
    assert_eq!(events[0]["name"], "farthing:declined", "{events:?}");
    assert_eq!(provider.totals(&session).await, (1, "0.10".into()), "the lamp and nothing else");

    top_up_in_window(&world).await;
    sees_opened(&world).await;
    assert_eq!(provider.totals(&session).await, (2, "0.15".into()));
}

/// Presses the gate's button, pays with a voucher in the wallet window that opens, and comes back.
async fn top_up_in_window(world: &World) {
    let (provider, browser) = (&world.provider, &world.browser);
    let page = browser.here().await;
    let known = browser.windows().await;
    browser.press_in(GATE).await;
    let window = browser.go_to_new_window(&known).await;
    browser.see_state("money").await;
    browser.picture("wallet-no-money").await;
    let field = browser.see("#voucher-a").await;
    field.send_keys("FARTH-0000-0000-0000-0000").await.unwrap();
    let add = browser.see("section[data-view=money] form button").await;
    browser.press(&add).await;
    let note = "section[data-view=money] [data-text=voucher-note]";
    browser.text(note, |text| !text.is_empty() && !text.contains('\u{2026}')).await;
    browser.picture("wallet-wrong-voucher").await;
    field.clear().await.unwrap();
    field.send_keys(&provider.voucher("5.00").await).await.unwrap();
    browser.press(&add).await;
    browser.gone(&window).await;
    browser.go_to(&page).await;
}

/// The worst moment: the verifier has charged and the answer never arrives. The frame asks again
/// with the same bytes before it says anything, and the verifier charges once.
async fn a_lost_answer_is_settled_and_charged_once(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let session = provider.sign_in(&provider.magazine_creator().await).await;
    browser.open(&format!("{}/", provider.magazine)).await;
    browser.pay_first("farthing-pay").await;
    browser.frame_shows("farthing-pay", "paid").await;

    browser.open(&format!("{}/essay.html", provider.magazine)).await;
    browser.watch_events().await;
    browser.frame_shows(GATE, "ready").await;
    provider.proxy.lose_answers("POST /v1/claims", 2);
    browser.press_in(GATE).await;
    sees_opened(&world).await;
    assert_eq!(provider.proxy.lost(), 2, "two answers were lost on the way");
    assert_eq!(provider.totals(&session).await, (2, "0.15".into()), "charged once");
    let names: Vec<_> = browser.events().await.iter().map(|event| event["name"].clone()).collect();
    assert_eq!(names, [json!("farthing:paid")], "nothing was said before it was known");
}

/// The answer is lost and the visitor leaves. On the next visit the frame settles the stored claim
/// before it offers anything, and the item is there.
async fn a_payment_that_was_left_alone_is_settled_on_the_next_visit(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let session = provider.sign_in(&provider.magazine_creator().await).await;
    browser.open(&format!("{}/", provider.magazine)).await;
    browser.pay_first("farthing-pay").await;
    browser.frame_shows("farthing-pay", "paid").await;

    browser.open(&format!("{}/essay.html", provider.magazine)).await;
    browser.frame_shows(GATE, "ready").await;
    provider.proxy.lose_answers("POST /v1/claims", 1_000);
    browser.press_in(GATE).await;
    until("the answer is lost", async || (provider.proxy.lost() > 0).then_some(())).await;
    browser.open("about:blank").await;
    provider.proxy.lose_answers("", 0);
    browser.open(&format!("{}/essay.html", provider.magazine)).await;
    sees_opened(&world).await;
    assert_eq!(provider.totals(&session).await, (2, "0.15".into()), "charged once");
}

/// Two tabs share one key. Their claims get different numbers, and what one tab has paid for
/// opens in the other by itself.
async fn two_tabs_pay_side_by_side(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let session = provider.sign_in(&provider.magazine_creator().await).await;
    browser.open(&format!("{}/", provider.magazine)).await;
    browser.pay_first("farthing-pay").await;
    browser.frame_shows("farthing-pay", "paid").await;

    browser.open(&format!("{}/essay.html", provider.magazine)).await;
    let first = browser.here().await;
    browser.frame_shows(GATE, "ready").await;
    let second = browser.open_tab(&format!("{}/picture.html", provider.magazine)).await;
    browser.frame_shows(GATE, "ready").await;
    let third = browser.open_tab(&format!("{}/essay.html", provider.magazine)).await;
    browser.frame_shows(GATE, "ready").await;

    // No waiting in between: the second click comes while the first claim is on its way.
    browser.go_to(&first).await;
    browser.press_in(GATE).await;
    browser.go_to(&second).await;
    browser.press_in(GATE).await;
    browser.see("farthing-gate .plate img").await;
    browser.go_to(&first).await;
    sees_opened(&world).await;
    browser.go_to(&third).await;
    sees_opened(&world).await;
    assert_eq!(provider.totals(&session).await, (3, "0.17".into()));
    let refusals =
        provider.ask("GET", "/v1/creator/refusals?days=1", Some(&session), None).await.json();
    assert_eq!(refusals["data"], json!([]), "no number was used twice");
}

/// Tab, Enter, Tab, Enter: no pointer at all, in the page, the frame and the wallet window.
async fn the_keyboard_alone_is_enough(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let session = provider.sign_in(&provider.magazine_creator().await).await;
    browser.open(&format!("{}/essay.html", provider.magazine)).await;
    browser.frame_shows(GATE, "ready").await;
    until("the keyboard reaches the gate", async || {
        browser.keys(&[TAB]).await;
        let script = "return document.activeElement?.localName === 'farthing-gate'";
        browser.script(script, Vec::new()).await.as_bool()?.then_some(())
    })
    .await;
    let page = browser.here().await;
    let known = browser.windows().await;
    browser.enter(GATE).await;
    let focused = browser.script("return document.activeElement?.localName", Vec::new()).await;
    assert_eq!(focused, json!("button"), "the focus went into the frame, to its button");
    browser.keys(&[ENTER]).await;
    let window = browser.go_to_new_window(&known).await;
    browser.see_state("consent").await;
    until("the keyboard reaches the consent", async || {
        browser.keys(&[TAB]).await;
        let script = "return document.activeElement?.dataset.do === 'allow'";
        browser.script(script, Vec::new()).await.as_bool()?.then_some(())
    })
    .await;
    browser.picture("wallet-consent-keyboard").await;
    browser.keys(&[ENTER]).await;
    browser.gone(&window).await;
    browser.go_to(&page).await;
    sees_opened(&world).await;
    assert_eq!(provider.totals(&session).await, (1, "0.05".into()));
}

/// Without the script the fallback link is what is left: the provider's own page sells the item,
/// and the magazine's gate then finds out by itself that it is owned.
async fn the_fallback_link_sells_the_item_too(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let lantern = provider.magazine_creator().await;
    let session = provider.sign_in(&lantern).await;
    browser.open(&format!("{}/i/{}/essay", provider.origin, lantern.id)).await;
    browser.see_state("item").await;
    browser.text("section[data-view=item] h1", |text| text == "On small change").await;
    browser.picture("item-page").await;
    let pay = browser.see("[data-do=pay]").await;
    browser.hover(&pay).await;
    until("the item can be paid", async || pay.is_enabled().await.ok()?.then_some(())).await;
    browser.press(&pay).await;
    browser.see_state("paid").await;
    browser.picture("item-page-paid").await;
    assert_eq!(provider.totals(&session).await, (1, "0.05".into()));
    browser.client.refresh().await.unwrap();
    browser.see("[data-view=paid]").await;
    assert_eq!(provider.totals(&session).await, (1, "0.05".into()), "a reload charges nothing");
}
