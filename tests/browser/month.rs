//! A creator's ceiling: "never more than 0.50 a month, then everything is open", as its visitor meets it.

use std::rc::Rc;

use farthing_tests::in_every_engine;
use farthing_tests::site::{Page, Site};
use farthing_tests::wait::until;
use farthing_tests::world::{World, browser_test};
use serde_json::json;

in_every_engine! { then_everything_is_open }

/// Four songs at 0.20 of a creator that takes 0.50 a month, each with a button; the last one behind a gate.
async fn shop(world: &World) -> (Site, String) {
    let provider = &world.provider;
    let site = Site::start("songs").await;
    let creator = provider.creator("A singer", &site.origin).await;
    let said = provider.command(&["creator", "edit", &creator.id, "--month-max", "0.50"]).await;
    assert_eq!(said, "", "nobody has paid yet, so it holds at once");
    for song in ["one", "two", "three", "four"] {
        provider.price(&creator, song, song, "0.20").await;
    }
    let sealed = provider.sealed(&creator, "four", "La la la").await;
    let body = sealed.replace("Pay to read on", "Four")
        + "<farthing-pay item=\"one\">1</farthing-pay><farthing-pay item=\"two\">2</farthing-pay>\
           <farthing-pay item=\"three\">3</farthing-pay>";
    let address = site.put("/", Page::with_tag(&provider.origin, &creator.id, &body));
    world.browser.open(&address).await;
    (site, address)
}

async fn then_everything_is_open(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let (_site, address) = shop(&world).await;
    browser.watch_events().await;
    let [one, two, three] =
        ["one", "two", "three"].map(|song| format!("farthing-pay[item={song}]"));
    // The wallet page says it before anything is allowed.
    browser.press_in(&one).await;
    let page = browser.here().await;
    let popup = browser.go_to_new_window(std::slice::from_ref(&page)).await;
    browser.text("[data-text=month]", |text| text.contains("Never more than €0.50 a month")).await;
    browser.picture("month-consent").await;
    browser.allow().await;
    browser.gone(&popup).await;
    browser.go_to(&page).await;
    browser.frame_shows(&one, "paid").await;
    browser.enter(&one).await;
    browser.text("small", |text| text.contains("€0.20") && text.contains("more than €0.50")).await;
    browser.leave().await;
    browser.press_in(&two).await;
    browser.frame_shows(&two, "paid").await;
    // 0.10 is left, and that is what the third button asks for.
    browser.enter(&three).await;
    browser.text("button", |text| text == "Pay €0.10").await;
    browser.leave().await;
    browser.press_in(&three).await;
    browser.frame_shows(&three, "paid").await;
    browser.enter(&three).await;
    browser.text("small", |text| text.contains("Everything here is open to you until")).await;
    browser.leave().await;
    // The gate opens by itself, without a click and without a claim.
    browser.text("farthing-gate", |text| text.contains("La la la")).await;
    assert_eq!(provider.proxy.count("POST /v1/claims"), 3);
    let opened = until("the page hears that the gate is open", async || {
        let events = browser.events().await;
        events.into_iter().find(|event| event["detail"]["item"] == "four")
    })
    .await;
    assert_eq!(opened["name"], "farthing:paid");
    assert_eq!(
        (&opened["detail"]["entry"], &opened["detail"]["claim_id"], &opened["detail"]["amount"]),
        (&json!(null), &json!(null), &json!("0.00"))
    );
    browser.picture("month-open").await;
    // The first frame has stood there since before the ceiling was reached. Looked at again, it takes its offer back.
    browser.enter(&one).await;
    until("the first payment is no longer offered back", async || {
        let look = "dispatchEvent(new Event('focus'));
            return document.querySelectorAll('footer button').length + document.querySelector('small').textContent";
        let said = browser.script(look, Vec::new()).await;
        said.as_str()?.starts_with("0You have paid €0.50 here").then_some(())
    })
    .await;
    browser.leave().await;
    // So does a page that is opened anew.
    browser.open(&address).await;
    browser.text("farthing-gate", |text| text.contains("La la la")).await;
    assert_eq!(provider.proxy.count("POST /v1/claims"), 3);
    browser.open(&format!("{}/wallet", provider.origin)).await;
    browser.see_state("home").await;
    browser.text("[data-text=balance]", |text| text.contains("0.50")).await;
    browser
        .text("[data-list=allowances]", |text| {
            text.contains("€0.50 of at most €0.50; then everything")
        })
        .await;
    browser.picture("month-wallet").await;
}

/// What the frame says where everything is open, and what the creator's page says about it.
#[test]
fn the_frame_and_the_creators_page_say_so() {
    browser_test("month-said", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let site = Site::start("songs").await;
        let creator = provider.creator("A singer", &site.origin).await;
        provider.command(&["creator", "edit", &creator.id, "--month-max", "0.20"]).await;
        for song in ["one", "two"] {
            provider.price(&creator, song, song, "0.20").await;
        }
        let body = "<farthing-pay item=\"one\">1</farthing-pay><farthing-pay item=\"two\">2</farthing-pay>";
        browser.open(&site.put("/", Page::with_tag(&provider.origin, &creator.id, body))).await;
        browser.pay_first("farthing-pay[item=one]").await;
        browser.frame_shows("farthing-pay[item=two]", "paid").await;
        browser.enter("farthing-pay[item=two]").await;
        browser
            .text("small", |text| {
                text.contains("€0.20 here, as much as this creator takes")
                    && text.contains("Everything here is open to you until")
            })
            .await;
        // Nothing was paid for this one, and it is not said to be owned.
        browser
            .text("p[role=status]", |text| text == "Open to you this month: nothing to pay")
            .await;
        // Nothing was bought here, so nothing can be given back.
        let buttons = "return document.querySelectorAll('footer button').length";
        assert_eq!(browser.script(buttons, Vec::new()).await, json!(0));
        browser.leave().await;
        browser.picture("month-said").await;
        let said = provider.command(&["creator", "edit", &creator.id, "--month-max", "none"]).await;
        assert!(said.contains("until then: 0.2"), "{said}");
        browser.open(&creator.link).await;
        browser
            .text("#month-max", |text| {
                text.contains("at most €0.20 a calendar month")
                    && text.contains("there is no such limit")
            })
            .await;
        browser.picture("month-creator").await;
    });
}
