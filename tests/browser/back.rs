//! The way back at the button: the visitor's own refund, and what did not open, which goes back by itself.

use std::rc::Rc;

use farthing_tests::browser::Browser;
use farthing_tests::in_engine;
use farthing_tests::site::{Page, Site};
use farthing_tests::wait::until;
use farthing_tests::world::{World, browser_test};
use serde_json::{Value, json};

const GATE: &str = "farthing-gate";
const PAY: &str = "farthing-pay";
const OPENED: &str = "The word itself is a recipe";

mod unheard {
    use super::{
        a_payment_given_back_before_its_answer_came_was_paid,
        what_was_given_back_is_not_called_lost_while_its_words_are_missing,
    };
    farthing_tests::in_every_engine! {
        a_payment_given_back_before_its_answer_came_was_paid
        what_was_given_back_is_not_called_lost_while_its_words_are_missing
    }
}
in_engine! { chromium Chromium a_refund_at_the_button }
in_engine! { firefox Firefox a_refund_at_the_button }
// WebKit's driver does not enter the frame of a gate that is open.
in_engine! { webkit WebKit a_refund_below_what_is_paid }

async fn named(browser: &Browser, name: &str) -> Value {
    until(&format!("the page hears {name}"), async || {
        let events = browser.events().await;
        events.into_iter().find(|event| event["name"] == name).map(|event| event["detail"].clone())
    })
    .await
}

/// Presses a button of the frame's last line, which is the way back.
async fn press(browser: &Browser, css: &str, place: &str) {
    browser.enter(css).await;
    let button = browser.see(&format!("footer {place}")).await;
    browser.press(&button).await;
    browser.leave().await;
}

async fn balance(world: &World) -> String {
    let browser = &world.browser;
    browser.open(&format!("{}/wallet", world.provider.origin)).await;
    browser.see_state("home").await;
    browser.text("[data-text=balance]", |text| !text.is_empty()).await
}

async fn a_refund_at_the_button(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    browser.open(&format!("{}/essay.html", provider.magazine)).await;
    browser.watch_events().await;
    browser.pay_first(GATE).await;
    browser.text(GATE, |text| text.contains(OPENED)).await;
    have_it_back(&world, GATE, "€0.05").await;
    let detail = named(browser, "farthing:refunded").await;
    assert_eq!(
        (&detail["item"], &detail["amount"], &detail["reason"]),
        (&json!("essay"), &json!("0.05"), &json!("mistake"))
    );
    browser.frame_shows(GATE, "closed").await;
    let left = "return document.querySelector('farthing-gate').textContent";
    assert_eq!(browser.script(left, Vec::new()).await, json!(""), "the gate is closed");
    let console = browser.console().await;
    let others = console.iter().filter(|line| !line.contains("favicon") && !line.contains("/v1/"));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(balance(&world).await.contains("1.00"));
    browser.open(&format!("{}/essay.html", provider.magazine)).await;
    browser.press_in(GATE).await;
    browser.text(GATE, |text| text.contains(OPENED)).await;
}

async fn a_refund_below_what_is_paid(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let (_site, address) = shop(&world, "").await;
    browser.pay_first(PAY).await;
    browser.frame_shows(PAY, "paid").await;
    assert_eq!(
        provider.proxy.count("GET /a/en."),
        1,
        "fetched for what is paid, and for nothing else"
    );
    have_it_back(&world, PAY, "0.20").await;
    assert_eq!(named(browser, "farthing:refunded").await["reason"], "mistake");
    browser.frame_shows(PAY, "closed").await;
    assert!(balance(&world).await.contains("1.00"));
    browser.open(&address).await;
    browser.frame_shows(PAY, "ready").await;
}

/// Asks for the money of what is paid, keeps it once, and has it back through an answer that is lost.
async fn have_it_back(world: &World, css: &str, amount: &str) {
    let (provider, browser) = (&world.provider, &world.browser);
    let offered = async || {
        browser.enter(css).await;
        browser.text("footer button", |text| text == "Refund").await;
        browser.leave().await;
    };
    offered().await;
    press(browser, css, "button").await;
    browser.enter(css).await;
    browser.text("footer span", |text| text.contains(&format!("{amount} back?"))).await;
    browser.leave().await;
    press(browser, css, "button:last-child").await;
    offered().await;
    assert_eq!(provider.proxy.count("POST /v1/refunds"), 0, "whoever keeps it keeps it");
    // An answer that is lost is asked for again with the same bytes.
    provider.proxy.lose_answers("POST /v1/refunds", 1);
    press(browser, css, "button").await;
    press(browser, css, "button:first-of-type").await;
}

/// A site with one thing to pay for, as long as it is held, and its page.
async fn shop(world: &World, sealed: &str) -> (Site, String) {
    shop_that_says(world, sealed, Vec::new()).await
}

/// The same, with these headers on its page.
async fn shop_that_says(
    world: &World,
    sealed: &str,
    headers: Vec<(String, String)>,
) -> (Site, String) {
    let provider = &world.provider;
    let site = Site::start("shop").await;
    let creator = provider.creator("A shop", &site.origin).await;
    provider.price(&creator, "file", "A file", "0.20").await;
    let tag = if sealed.is_empty() {
        "<farthing-pay item=\"file\">Pay</farthing-pay>".to_owned()
    } else {
        format!("<farthing-gate item=\"file\" sealed=\"{sealed}\">Pay</farthing-gate>")
    };
    let page = Page { headers, ..Page::with_tag(&provider.origin, &creator.id, &tag) };
    let address = site.put("/", page);
    world.browser.open(&address).await;
    world.browser.watch_events().await;
    (site, address)
}

#[test]
fn what_the_page_says_was_not_delivered_is_not_charged() {
    browser_test("back-undelivered", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let (_site, address) = shop(&world, "").await;
        let say = "document.querySelector('farthing-pay').undelivered(arguments[0])";
        browser.pay_first(PAY).await;
        let paid = named(browser, "farthing:paid").await;
        browser.enter(PAY).await;
        browser.see("footer button").await;
        browser.leave().await;
        browser.picture("back-offered").await;
        press(browser, PAY, "button").await;
        browser.picture("back-asked").await;
        press(browser, PAY, "button:last-child").await;
        // Another payment's number, or none, says nothing about this one.
        for word in [json!(null), json!({}), json!({"entry": 1}), json!("file"), json!([1, 2])] {
            browser.script(say, vec![word]).await;
        }
        browser.script(say, vec![json!({"entry": paid["entry"]})]).await;
        let detail = named(browser, "farthing:refunded").await;
        assert_eq!(
            (&detail["reason"], &detail["entry"], &detail["amount"]),
            (&json!("not_delivered"), &paid["entry"], &json!("0.20"))
        );
        assert_eq!(provider.proxy.count("POST /v1/refunds"), 1);
        browser.frame_shows(PAY, "closed").await;
        browser.enter(PAY).await;
        browser.text("p[role=status]", |text| text.contains("you were not charged")).await;
        browser.leave().await;
        browser.picture("back-undelivered").await;
        // It is for sale again, and paid again it stays paid.
        browser.open(&address).await;
        browser.press_in(PAY).await;
        browser.frame_shows(PAY, "paid").await;
        assert!(balance(&world).await.contains("0.80"));
    });
}

/// An attribute that changes makes the frame anew; what the page says meanwhile waits for it.
#[test]
fn what_the_page_says_while_the_frame_is_made_anew_is_heard() {
    browser_test("back-anew", async |world: Rc<World>| {
        let browser = &world.browser;
        let (_site, _) = shop(&world, "").await;
        browser.pay_first(PAY).await;
        let paid = named(browser, "farthing:paid").await;
        let say = "const element = document.querySelector('farthing-pay'); \
                   element.setAttribute('item', element.getAttribute('item')); \
                   element.undelivered(arguments[0])";
        browser.script(say, vec![json!({"entry": paid["entry"]})]).await;
        let detail = named(browser, "farthing:refunded").await;
        assert_eq!(
            (&detail["reason"], &detail["entry"]),
            (&json!("not_delivered"), &paid["entry"])
        );
    });
}

/// From now on long timers of the frame run when the test says so: what happens all the same does not wait.
async fn hold_timers(browser: &Browser, css: &str) {
    browser.enter(css).await;
    let hold = "const real = setTimeout;
        window.held = [];
        window.setTimeout = (act, ms) => ms < 1000 ? real(act, ms) : held.push({ act, ms });";
    browser.script(hold, Vec::new()).await;
    browser.leave().await;
}

#[test]
fn a_gate_that_does_not_open_charges_nobody() {
    browser_test("back-sealed", async |world: Rc<World>| {
        let browser = &world.browser;
        let _shop = shop(&world, &"A".repeat(80)).await;
        browser.frame_shows(GATE, "ready").await;
        hold_timers(browser, GATE).await;
        browser.pay_first(GATE).await;
        let detail = named(browser, "farthing:refunded").await;
        assert_eq!(detail["reason"], "not_delivered");
        assert!(named(browser, "farthing:error").await["message"].is_string());
        browser.frame_shows(GATE, "closed").await;
        assert!(balance(&world).await.contains("1.00"));
    });
}

/// What was refused once is not asked for again by itself, however often somebody comes back to the page.
#[test]
fn a_refused_refund_is_not_asked_for_again_by_itself() {
    browser_test("back-refused", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let why = "There were too many refunds today.";
        provider.proxy.stand_in("POST /v1/refunds", move |_| {
            json!({"outcome": "too_many", "refunded": false, "message": why})
                .to_string()
                .into_bytes()
        });
        let _shop = shop(&world, &"A".repeat(80)).await;
        browser.pay_first(GATE).await;
        browser.enter(GATE).await;
        browser.text("footer span", |text| text == why).await;
        assert_eq!(provider.proxy.count("POST /v1/refunds"), 1);
        // Coming back looks again after a while, which passes at once here; an answer is heard when all that
        // follows from it at once is done.
        let come_back = "const [done] = arguments;
            const read = Response.prototype.text;
            Response.prototype.text = async function () {
              Response.prototype.text = read;
              const text = await read.call(this);
              setTimeout(() => done(true));
              return text;
            };
            const now = performance.now;
            const at = now.call(performance) + (window.ahead = (window.ahead ?? 0) + 60e3);
            performance.now = () => at;
            dispatchEvent(new Event('focus'));
            performance.now = now;";
        for _ in 0..3 {
            browser.client.execute_async(come_back, Vec::new()).await.unwrap();
            let said = browser.text("footer span", |_| true).await;
            assert_eq!((said.as_str(), provider.proxy.count("POST /v1/refunds")), (why, 1));
        }
    });
}

/// A page that sets what is sealed after the payment has time for it; one that never does gives the money back.
#[test]
fn a_gate_whose_content_comes_late_waits_for_it() {
    browser_test("back-late", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let site = Site::start("late").await;
        let creator = provider.creator("Late", &site.origin).await;
        provider.price(&creator, "file", "A file", "0.20").await;
        let tag = "<farthing-gate item=\"file\">Pay</farthing-gate>";
        let address = site.put("/", Page::with_tag(&provider.origin, &creator.id, tag));
        let waits = async || {
            browser.enter(GATE).await;
            let waits = "return held.filter(({ ms }) => ms >= 30e3 && ms < 60e3).length";
            until("the frame waits", async || {
                (browser.script(waits, Vec::new()).await == json!(1)).then_some(())
            })
            .await;
        };
        browser.open(&address).await;
        browser.watch_events().await;
        browser.frame_shows(GATE, "ready").await;
        hold_timers(browser, GATE).await;
        browser.pay_first(GATE).await;
        waits().await;
        assert_eq!(provider.proxy.count("POST /v1/refunds"), 0);
        let end = "held.find(({ ms }) => ms >= 30e3 && ms < 60e3).act()";
        browser.script(end, Vec::new()).await;
        browser.leave().await;
        assert_eq!(named(browser, "farthing:refunded").await["reason"], "not_delivered");

        browser.open(&address).await;
        browser.watch_events().await;
        browser.frame_shows(GATE, "ready").await;
        hold_timers(browser, GATE).await;
        browser.press_in(GATE).await;
        waits().await;
        browser.leave().await;
        let gate = provider.sealed(&creator, "file", "Better late than never.").await;
        let sealed = gate.split("sealed=\"").nth(1).and_then(|rest| rest.split('"').next());
        let set = "document.querySelector('farthing-gate').setAttribute('sealed', arguments[0])";
        browser.script(set, vec![json!(sealed.unwrap())]).await;
        browser.text(GATE, |text| text.contains("Better late than never")).await;
        assert_eq!(provider.proxy.count("POST /v1/refunds"), 1, "the first one's");
    });
}

/// A page so busy that its frame has no port when it knows what is owned: the way back is there once the page is.
#[test]
fn a_busy_page_has_the_way_back_too() {
    browser_test("back-busy", async |world: Rc<World>| {
        let browser = &world.browser;
        let (site, address) = shop(&world, "").await;
        browser.pay_first(PAY).await;
        browser.frame_shows(PAY, "paid").await;
        browser.enter(PAY).await;
        browser.see("footer button").await;
        let fetched = "return performance.getEntriesByType('resource').map(({ name }) => name).find((name) => /a.en[.]/.test(name))";
        let way_back = browser.script(fetched, Vec::new()).await;
        browser.leave().await;
        // The loader greets the frame once it is loaded; here it does so when the test says so.
        let busy = "<script>Object.defineProperty(HTMLIFrameElement.prototype, 'onload', {
            set(greet) { this.addEventListener('load', () => (window.greet = greet)); } });</script>";
        let mut page = site.page("/");
        page.html = page.html.replace("<script async", &format!("{busy}<script async"));
        site.put("/", page);
        browser.open(&address).await;
        browser.enter(PAY).await;
        browser.see_state("paid").await;
        // Asked for once more, it comes after whatever the frame has asked for by itself.
        let again = "const [address, done] = arguments; import(address).then(() => done(true))";
        browser.client.execute_async(again, vec![way_back]).await.unwrap();
        browser.leave().await;
        browser.script("greet()", Vec::new()).await;
        browser.frame_shows(PAY, "paid").await;
        browser.enter(PAY).await;
        browser.text("footer button", |text| text == "Refund").await;
        browser.leave().await;
    });
}

/// What was paid on the wallet page, because its window was cut off, did not open: the frame has no key to ask for
/// the money with, and shows the way to where it can be asked for.
#[test]
fn a_frame_without_a_key_shows_the_way_to_the_wallet() {
    browser_test("back-keyless", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let cut = ("cross-origin-opener-policy".into(), "same-origin".into());
        let _shop = shop_that_says(&world, &"A".repeat(80), vec![cut]).await;
        let here = browser.here().await;
        let known = browser.windows().await;
        browser.press_in(GATE).await;
        browser.go_to_new_window(&known).await;
        browser.see_state("item").await;
        let pay = browser.see("[data-do=pay]").await;
        browser.hover(&pay).await;
        until("it can be paid", async || pay.is_enabled().await.ok()?.then_some(())).await;
        browser.press(&pay).await;
        browser.see_state("paid").await;
        browser.go_to(&here).await;
        browser.enter(GATE).await;
        browser.text("p[role=status]", |text| text.contains("could not be opened")).await;
        let link = browser.see("footer a").await;
        assert_eq!(link.text().await.unwrap(), "Open my wallet");
        browser.leave().await;
        browser.picture("back-keyless").await;
        assert_eq!(provider.proxy.count("POST /v1/refunds"), 0);
        browser.enter(GATE).await;
        let known = browser.windows().await;
        browser.press(&link).await;
        browser.leave().await;
        browser.go_to_new_window(&known).await;
        browser.see_state("home").await;
        let refund = browser.see("[data-list=entries] [data-do=refund]").await;
        browser.press(&refund).await;
        browser.see_state("refund").await;
    });
}

#[test]
fn a_refund_on_the_wallet_page_reaches_the_button() {
    browser_test("back-elsewhere", async |world: Rc<World>| {
        let browser = &world.browser;
        browser.open(&format!("{}/essay.html", world.provider.magazine)).await;
        browser.watch_events().await;
        browser.pay_first(GATE).await;
        browser.text(GATE, |text| text.contains(OPENED)).await;
        browser.enter(GATE).await;
        browser.see("footer button").await;
        browser.leave().await;
        let page = browser.here().await;
        browser.open_tab(&format!("{}/wallet", world.provider.origin)).await;
        let refund = browser.see("[data-list=entries] [data-do=refund]").await;
        browser.press(&refund).await;
        browser.have_back().await;
        browser.text("[data-text=refund-note]", |text| text.contains("back in your wallet")).await;
        browser.go_to(&page).await;
        until("the button looks again", async || {
            // Headless, a tab is never behind another: what coming back would do is done here.
            browser.enter(GATE).await;
            browser.script("dispatchEvent(new Event('focus'))", Vec::new()).await;
            browser.leave().await;
            let events = browser.events().await;
            events.iter().any(|event| event["name"] == "farthing:refunded").then_some(())
        })
        .await;
        browser.frame_shows(GATE, "closed").await;
    });
}

/// Has the money of the newest payment back, on the wallet page in a tab of its own.
async fn have_back_in_the_wallet(world: &World) {
    let browser = &world.browser;
    browser.open_tab(&format!("{}/wallet", world.provider.origin)).await;
    browser.see_state("home").await;
    let newest = "[data-list=entries] li:first-child";
    browser.text(newest, |text| text.contains("On small change")).await;
    let refund = browser.see(&format!("{newest} [data-do=refund]")).await;
    // WebKit's driver and Firefox's do not scroll to what they move to.
    let scroll = "document.querySelector('[data-list=entries]').scrollIntoView({ block: 'center', behavior: 'instant' })";
    browser.script(scroll, Vec::new()).await;
    browser.press(&refund).await;
    browser.have_back().await;
    browser.text("[data-text=refund-note]", |text| text.contains("back in your wallet")).await;
}

/// A payment whose answer was lost, and which was given back before it was asked for again, did arrive: the button
/// says so, in place and on the next visit. The page hears of neither.
async fn a_payment_given_back_before_its_answer_came_was_paid(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    browser.open(&format!("{}/", provider.magazine)).await;
    browser.pay_first(PAY).await;
    browser.frame_shows(PAY, "paid").await;
    let essay = format!("{}/essay.html", provider.magazine);
    browser.open(&essay).await;
    browser.watch_events().await;
    browser.frame_shows(GATE, "ready").await;
    let page = browser.here().await;
    let is_lost = async || {
        let before = provider.proxy.lost();
        provider.proxy.lose_answers("POST /v1/claims", 1_000);
        browser.press_in(GATE).await;
        until("the answer is lost", async || (provider.proxy.lost() > before).then_some(())).await;
    };
    let is_said = async |amount: &str| {
        browser.enter(GATE).await;
        let said = browser.text("p[role=status]", |text| text.contains(amount)).await;
        browser.leave().await;
        for part in ["You paid", "given back"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains("not charged"), "{said}");
        browser.frame_shows(GATE, "ready").await;
    };
    is_lost().await;
    have_back_in_the_wallet(&world).await;
    browser.go_to(&page).await;
    provider.proxy.lose_answers("", 0);
    browser.enter(GATE).await;
    // It does not wait for its next try.
    browser.script("dispatchEvent(new Event('online'))", Vec::new()).await;
    browser.leave().await;
    is_said("\u{20ac}0.05").await;
    browser.picture("back-unheard").await;
    let names: Vec<_> = browser.events().await.iter().map(|event| event["name"].clone()).collect();
    assert_eq!(names, [json!("farthing:declined")]);

    is_lost().await;
    browser.open("about:blank").await;
    have_back_in_the_wallet(&world).await;
    provider.proxy.lose_answers("", 0);
    // The claim is asked about before anything else, so its answer is the first to name the currency.
    for path in ["POST /v1/claims", "GET /v1/claims"] {
        provider.proxy.lie(path, |body| {
            String::from_utf8(body).unwrap().replace("\"EUR\"", "\"USD\"").into_bytes()
        });
    }
    browser.open(&essay).await;
    is_said("$0.05").await;
    assert!(balance(&world).await.contains("0.90"));
}

/// The words for it are a file of their own. Until that comes nothing is said, least of all that nothing arrived.
async fn what_was_given_back_is_not_called_lost_while_its_words_are_missing(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    browser.open(&format!("{}/essay.html", provider.magazine)).await;
    let page = browser.here().await;
    provider.proxy.lose_answers("POST /v1/claims", 1_000);
    browser.pay_first(GATE).await;
    until("the answer is lost", async || (provider.proxy.lost() > 0).then_some(())).await;
    have_back_in_the_wallet(&world).await;
    browser.go_to(&page).await;
    browser.enter(GATE).await;
    // Every line that is drawn from now on.
    let watch = "window.said = [];
        const look = () => {
          const { textContent } = document.querySelector('p');
          if (said.at(-1) != textContent) said.push(textContent);
          requestAnimationFrame(look);
        };
        look();";
    browser.script(watch, Vec::new()).await;
    provider.proxy.cut("GET /a/en.");
    provider.proxy.lose_answers("", 0);
    let asked = provider.proxy.count("POST /v1/claims");
    until("it is asked about again", async || {
        browser.script("dispatchEvent(new Event('online'))", Vec::new()).await;
        (provider.proxy.count("POST /v1/claims") > asked + 2).then_some(())
    })
    .await;
    provider.proxy.heal();
    browser.text("p[role=status]", |text| text.contains("You paid \u{20ac}0.05")).await;
    let said = browser.script("return said.join()", Vec::new()).await;
    assert!(!said.as_str().unwrap().contains("charged."), "{said}");
}
