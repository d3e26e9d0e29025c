//! Paid without a click, within what the visitor permitted: shown, undone by one click, and never out of sight.

use std::rc::Rc;

use farthing_tests::browser::Browser;
use farthing_tests::engine::Engine;
use farthing_tests::in_every_engine;
use farthing_tests::provider::Creator;
use farthing_tests::site::{Page, Site};
use farthing_tests::wait::until;
use farthing_tests::world::{World, browser_test};
use farthing_verifier::clock::Clock;

in_every_engine! { what_is_permitted_is_paid_shown_and_undone }

const GATE: &str = "farthing-gate";
const PAY: &str = "farthing-pay";
const OPENED: &str = "La la la";
const FIELD: &str = "[data-permits=list] input";

fn claims(world: &World) -> usize {
    world.provider.proxy.count("POST /v1/claims")
}

/// A creator with six songs at 0.05, of which the visitor has bought the first by a click.
async fn songs(world: &World) -> (Site, Creator) {
    let (provider, browser) = (&world.provider, &world.browser);
    let site = Site::start("songs").await;
    let creator = provider.creator("A singer", &site.origin).await;
    for song in ["one", "two", "three", "four", "five", "six"] {
        provider.price(&creator, song, song, "0.05").await;
    }
    let body = "<farthing-pay item=\"one\">1</farthing-pay>";
    browser.open(&site.put("/one", Page::with_tag(&provider.origin, &creator.id, body))).await;
    browser.pay_first(PAY).await;
    browser.frame_shows(PAY, "paid").await;
    (site, creator)
}

async fn press(browser: &Browser, css: &str) {
    let button = browser.see(css).await;
    // WebKit's driver does not scroll to what it moves to.
    let scroll = "document.querySelector(arguments[0]).scrollIntoView({ block: 'center', behavior: 'instant' })";
    browser.script(scroll, vec![css.into()]).await;
    browser.press(&button).await;
}

/// Says on the wallet page up to how much a month the creator is paid without asking; nothing: not at all.
async fn permit(world: &World, amount: &str, said: &str) {
    let browser = &world.browser;
    browser.open(&format!("{}/wallet", world.provider.origin)).await;
    browser.see_state("home").await;
    let field = browser.see(FIELD).await;
    field.clear().await.unwrap();
    if !amount.is_empty() {
        field.send_keys(amount).await.unwrap();
    }
    press(browser, "[data-permits=list] button").await;
    browser.text("[data-permits=saved]", |text| text.contains(said)).await;
}

/// Waits for so many seconds of the page's own clock, while its frames may do what they do.
async fn seconds(world: &World, seconds: u64) {
    let rounds = "const [rounds, done] = arguments; let left = rounds;
        const timer = setInterval(() => { if (--left === 0) { clearInterval(timer); done(true); } }, 50);";
    let rounds_given = vec![(seconds * 20).into()];
    world.browser.client.execute_async(rounds, rounds_given).await.expect("a page that runs");
}

/// Waits for two seconds, in which a frame that may pay has paid.
async fn two_seconds(world: &World) {
    seconds(world, 2).await;
}

/// Waits until what was sealed is on the page, or the button says that it is paid.
async fn is_open(browser: &Browser, css: &str) {
    if css == GATE {
        browser.text(GATE, |text| text.contains(OPENED)).await;
    } else {
        browser.frame_shows(css, "paid").await;
    }
}

async fn what_is_permitted_is_paid_shown_and_undone(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let (site, creator) = songs(&world).await;
    permit(&world, "ten", "Please enter an amount such as").await;
    permit(&world, "0,20", "you have 10 seconds to undo it").await;
    browser
        .text("[data-permits=list]", |text| text.contains("A singer") && text.contains("0.05"))
        .await;
    browser.picture("automatic-wallet").await;

    // The gate opens by itself, and says what that took. WebKit's driver does not enter the frame of a gate that is open.
    let (css, body) = if browser.engine == Engine::WebKit {
        (PAY, "<farthing-pay item=\"two\">2</farthing-pay>".to_owned())
    } else {
        (GATE, provider.sealed(&creator, "two", OPENED).await)
    };
    let address = site.put("/two", Page::with_tag(&provider.origin, &creator.id, &body));
    browser.open(&address).await;
    browser.watch_events().await;
    is_open(browser, css).await;
    assert_eq!(claims(&world), 2);
    browser.enter(css).await;
    browser
        .text("p[role=status]", |text| text.contains("without asking") && text.contains("0.05"))
        .await;
    browser.leave().await;
    browser.picture("automatic-paid").await;
    // The page hears what it hears of a click.
    let event = until("the page hears of it", async || {
        browser.events().await.into_iter().find(|event| event["name"] == "farthing:paid")
    })
    .await;
    let mut names: Vec<_> = event["detail"].as_object().unwrap().keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["amount", "claim_id", "entry", "item"]);

    // One click undoes it: the gate closes, the money is back.
    browser.enter(css).await;
    let undo = browser.see("footer button").await;
    browser.press(&undo).await;
    browser.text("p[role=status]", |text| text.contains("back in your wallet")).await;
    browser.leave().await;
    until("the gate is closed", async || {
        let text = "return document.querySelector(arguments[0]).textContent";
        let text = browser.script(text, vec![css.into()]).await;
        (!text.as_str()?.contains(OPENED)).then_some(())
    })
    .await;

    // A reload does not pay again; a click does.
    browser.open(&address).await;
    browser.frame_shows(css, "ready").await;
    two_seconds(&world).await;
    assert_eq!(claims(&world), 2, "what was undone asks");
    browser.press_in(css).await;
    is_open(browser, css).await;
    assert_eq!(claims(&world), 3);

    // Taken back, everything asks.
    permit(&world, "", "From now on you are asked each time").await;
    let body = "<farthing-pay item=\"three\">3</farthing-pay>";
    browser.open(&site.put("/three", Page::with_tag(&provider.origin, &creator.id, body))).await;
    browser.frame_shows(PAY, "ready").await;
    two_seconds(&world).await;
    assert_eq!(claims(&world), 3);
}

/// Two gates of one page are paid one after the other, with time to undo between them, and no more than was permitted.
#[test]
fn one_at_a_time_and_no_further_than_permitted() {
    browser_test("automatic-in-turn", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let (site, creator) = songs(&world).await;
        permit(&world, "0.15", "you have 10 seconds to undo it").await;
        let buttons = ["two", "three", "four"]
            .map(|song| format!("<farthing-pay item=\"{song}\">{song}</farthing-pay>"));
        let page = Page::with_tag(&provider.origin, &creator.id, &buttons.concat());
        browser.open(&site.put("/all", page)).await;
        until("the first is paid", async || (claims(&world) >= 2).then_some(())).await;
        let first = Clock::System.now();
        until("the second is paid", async || (claims(&world) >= 3).then_some(())).await;
        let between = Clock::System.now().0 - first.0;
        assert!(between >= 9_000, "{between} ms");
        // 0.05 by a click and 0.10 without: the third one asks.
        let mut left = Vec::new();
        for song in ["two", "three", "four"] {
            let css = format!("farthing-pay[item={song}]");
            browser.enter(&css).await;
            let state = "return document.documentElement.dataset.state";
            if browser.script(state, vec![]).await == "ready" {
                left.push(css);
            }
            browser.leave().await;
        }
        assert_eq!(left.len(), 1, "{left:?}");
        browser.press_in(&left[0]).await;
        browser.frame_shows(&left[0], "paid").await;
        assert_eq!(claims(&world), 4);
    });
}

/// What cannot be seen is not paid, in the browser that can tell.
#[test]
fn nothing_is_paid_out_of_sight() {
    browser_test("automatic-unseen", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let (site, creator) = songs(&world).await;
        permit(&world, "5", "you have 10 seconds to undo it").await;
        for (what, style, over) in [
            ("faint", "#place { opacity: .01 }", ""),
            ("shrunk", "#place { transform: scale(.2) }", ""),
            ("cropped", "#place { height: 20px; overflow: hidden }", ""),
            ("out of view", "#place { margin-top: 3000px }", ""),
            (
                "covered",
                "",
                "<div style=\"position: fixed; inset: 0; background: #fff; pointer-events: none\"></div>",
            ),
        ] {
            let body = format!(
                "<style id=\"trick\">{style}</style><div id=\"place\"><farthing-pay item=\"two\">2</farthing-pay></div>{over}"
            );
            let page = Page::with_tag(&provider.origin, &creator.id, &body);
            browser.open(&site.put("/hidden", page)).await;
            // A lazy frame that is out of view is not even loaded.
            if what != "out of view" {
                browser.frame_shows(PAY, "ready").await;
            }
            two_seconds(&world).await;
            assert_eq!(claims(&world), 1, "{what}");
        }
        // The last one, uncovered: that was all that kept it from being paid.
        browser.script("document.querySelector('body > div:last-child').remove()", vec![]).await;
        browser.frame_shows(PAY, "paid").await;
        assert_eq!(claims(&world), 2);
        assert_eq!(browser.windows().await.len(), 1, "and no window");
        let body = "<farthing-donate amount=\"0.05\">Give</farthing-donate>";
        browser.open(&site.put("/gift", Page::with_tag(&provider.origin, &creator.id, body))).await;
        browser.frame_shows("farthing-donate", "ready").await;
        two_seconds(&world).await;
        assert_eq!(claims(&world), 2, "a gift asks");
    });
}

/// A page that takes each notice away gets one payment, and the next one when its visitor has clicked.
#[test]
fn one_payment_at_most_is_unseen() {
    browser_test("automatic-unsaid", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let (site, creator) = songs(&world).await;
        permit(&world, "5", "you have 10 seconds to undo it").await;
        let body =
            "<script>addEventListener('farthing:paid', ({ target }) => target.remove())</script>
            <farthing-pay item=\"two\">2</farthing-pay>";
        browser.open(&site.put("/two", Page::with_tag(&provider.origin, &creator.id, body))).await;
        until("the first is paid", async || (claims(&world) >= 2).then_some(())).await;
        until("and taken away", async || {
            let left = "return document.querySelectorAll('farthing-pay').length";
            (browser.script(left, vec![]).await == 0).then_some(())
        })
        .await;
        let body = "<farthing-pay item=\"three\">3</farthing-pay>";
        browser
            .open(&site.put("/three", Page::with_tag(&provider.origin, &creator.id, body)))
            .await;
        browser.frame_shows(PAY, "ready").await;
        // More than the ten seconds between two.
        seconds(&world, 13).await;
        assert_eq!(claims(&world), 2, "the last one was not seen");
        browser.press_in(PAY).await;
        browser.frame_shows(PAY, "paid").await;
        assert_eq!(claims(&world), 3);
        // The visitor was there: the next one pays by itself again, and says so although its frame is made anew at once.
        let body = "<farthing-pay item=\"four\">4</farthing-pay>";
        let four = site.put("/four", Page::with_tag(&provider.origin, &creator.id, body));
        browser.open(&four).await;
        until("the next is paid", async || (claims(&world) >= 4).then_some(())).await;
        browser.open(&four).await;
        browser.frame_shows(PAY, "paid").await;
        browser.enter(PAY).await;
        browser.text("p[role=status]", |text| text.contains("without asking")).await;
        let undo = browser.see("footer button").await;
        browser.press(&undo).await;
        browser.text("p[role=status]", |text| text.contains("back in your wallet")).await;
    });
}

/// A price that comes within the second has not been seen for one.
#[test]
fn another_price_is_looked_at_anew() {
    browser_test("automatic-price", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let (site, creator) = songs(&world).await;
        permit(&world, "5", "you have 10 seconds to undo it").await;
        let cover = "<div id=\"cover\" style=\"position: fixed; inset: 0; background: #fff; pointer-events: none\"></div>";
        let body = format!("<farthing-pay item=\"two\">2</farthing-pay>{cover}");
        browser.open(&site.put("/two", Page::with_tag(&provider.origin, &creator.id, &body))).await;
        browser.frame_shows(PAY, "ready").await;
        provider.price(&creator, "two", "two", "0.07").await;
        let quotes = || world.provider.proxy.count("GET /v1/quote");
        let before = quotes();
        browser.script("document.querySelector('#cover').remove()", vec![]).await;
        browser.frame_shows(PAY, "paid").await;
        browser.enter(PAY).await;
        browser
            .text("p[role=status]", |text| text.contains("0.07") && text.contains("without asking"))
            .await;
        browser.leave().await;
        // The one that told of the new price, the one before the payment, and the one after it.
        assert_eq!(quotes() - before, 3);
    });
}

/// Who has clicked in the frame has not left it to the permission.
#[test]
fn a_click_in_the_frame_ends_it() {
    browser_test("automatic-clicked", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let (site, creator) = songs(&world).await;
        permit(&world, "5", "you have 10 seconds to undo it").await;
        let cover = "<div id=\"cover\" style=\"position: fixed; inset: 0; background: #fff; pointer-events: none\"></div>";
        let body = format!("<farthing-pay item=\"two\">2</farthing-pay>{cover}");
        browser.open(&site.put("/two", Page::with_tag(&provider.origin, &creator.id, &body))).await;
        browser.frame_shows(PAY, "ready").await;
        browser.enter(PAY).await;
        let line = browser.see("p[role=status]").await;
        browser.press(&line).await;
        browser.leave().await;
        browser.script("document.querySelector('#cover').remove()", vec![]).await;
        two_seconds(&world).await;
        assert_eq!(claims(&world), 1);
        browser.press_in(PAY).await;
        browser.frame_shows(PAY, "paid").await;
        assert_eq!(claims(&world), 2);
    });
}
