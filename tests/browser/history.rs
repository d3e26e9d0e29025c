//! The history on the wallet page: what was paid, in which state; found, saved, there without a connection, and
//! never older than it says.

use std::path::Path;
use std::rc::Rc;

use farthing_tests::browser::Browser;
use farthing_tests::engine::Engine;
use farthing_tests::site::{Page, Site};
use farthing_tests::wait::until;
use farthing_tests::world::{World, browser_test};
use farthing_tests::{in_engine, in_every_engine};
use serde_json::{Value, json};

const GATE: &str = "farthing-gate";
const ROWS: &str = "[data-list=entries]";
const NOTE: &str = "[data-past-note]";
const COUNT: &str = "[data-past-count]";
const AGAIN: &str = "[data-past-do=again]";

in_every_engine! {
    the_history_is_there_when_nobody_answers
}
in_engine! { offline_chromium Chromium the_page_opens_without_a_connection }
in_engine! { offline_firefox Firefox the_page_opens_without_a_connection }

async fn wallet(world: &World) {
    world.browser.open(&format!("{}/wallet", world.provider.origin)).await;
}

async fn pay(world: &World) {
    world.browser.open(&format!("{}/essay.html", world.provider.magazine)).await;
    world.browser.pay_first(GATE).await;
    world.browser.text(GATE, |text| text.contains("The word itself is a recipe")).await;
    wallet(world).await;
    world.browser.see_state("home").await;
    world.browser.text(NOTE, |text| text.contains("Whatever was charged is in this list")).await;
}

async fn rows(browser: &Browser) -> Value {
    browser
        .script("return document.querySelectorAll('[data-list=entries] li').length", vec![])
        .await
}

async fn press(browser: &Browser, css: &str) {
    let button = browser.see(css).await;
    browser.press(&button).await;
}

async fn the_history_is_there_when_nobody_answers(world: Rc<World>) {
    let browser = &world.browser;
    pay(&world).await;
    let text = browser.text(ROWS, |text| text.contains("On small change")).await;
    for part in ["The Lantern", "magazine.localhost", "paid", "0.05", "Welcome credit", "Refund"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert_eq!(rows(browser).await, json!(2));
    browser.picture("history").await;
    // The page is there and the verifier is not.
    world.provider.proxy.cut("GET /v1/");
    wallet(&world).await;
    browser.see_state("problem").await;
    browser.text(NOTE, |text| text.contains("No answer") && text.contains("is missing")).await;
    let text = browser.text(ROWS, |text| text.contains("On small change")).await;
    assert!(!text.contains("Refund"), "what is old is not acted upon: {text}");
    browser.picture("history-old").await;
    world.provider.proxy.heal();
    press(browser, "[data-view=problem] [data-do=retry]").await;
    browser.see_state("home").await;
    browser.text(NOTE, |text| text.contains("Whatever was charged")).await;
    let violations = browser.script("return window.__violations ?? []", Vec::new()).await;
    assert_eq!(violations, json!([]));
}

async fn the_page_opens_without_a_connection(world: Rc<World>) {
    let browser = &world.browser;
    pay(&world).await;
    let kept = "const [done] = arguments;
        navigator.serviceWorker.ready.then(async () => {
          const cache = await caches.open('farthing-wallet');
          done((await cache.keys()).length);
        });";
    until("the page is kept", async || {
        let count = browser.client.execute_async(kept, Vec::new()).await.ok()?;
        (count.as_u64()? >= 4).then_some(())
    })
    .await;
    world.provider.proxy.cut("");
    wallet(&world).await;
    browser.see_state("problem").await;
    browser.text(NOTE, |text| text.contains("No answer")).await;
    browser.text(ROWS, |text| text.contains("On small change")).await;
    browser.picture("history-offline").await;
    world.provider.proxy.heal();
    wallet(&world).await;
    browser.see_state("home").await;
    if browser.engine == Engine::Chromium {
        // What a new release brings takes the place of what was kept.
        let files = browser.client.execute_async(kept, Vec::new()).await.unwrap();
        assert_eq!(files, json!(4), "page, style, script, module");
    }
}

/// A history as long as somebody's who pays every day for years, with everything that can happen to a payment.
fn long() -> Vec<u8> {
    let claim = |n: u64| {
        let (title, creator) = match n {
            700 => ("=HYPERLINK(\"http://evil\")", "The \"Gazette\", daily"),
            _ => ("An essay", "The Lantern"),
        };
        json!({"entry": n, "kind": "claim", "at": format!("2026-{:02}-{:02}T12:00:00.000Z", n / 28 % 10 + 1, n % 28 + 1),
            "amount": "0.05", "creator": {"id": "cr_A", "name": creator}, "site": "https://lantern.example",
            "item": {"name": format!("essay-{n}"), "title": title, "hash": "h"}, "claim_id": format!("c{n}"),
            "refundable_until": null, "refunded": n == 3, "under_review": n == 4})
    };
    let data: Vec<Value> = (1..=1_500).rev().map(claim).collect();
    json!({"data": data, "next": null}).to_string().into_bytes()
}

async fn choose(browser: &Browser, field: &str, value: &str) {
    let script = "const field = document.querySelector(`[data-past-filter=${arguments[0]}]`);
        field.value = arguments[1];
        field.dispatchEvent(new Event('input', { bubbles: true }));";
    browser.script(script, vec![json!(field), json!(value)]).await;
}

/// The file that a button saves.
async fn saved(browser: &Browser, folder: &Path, act: &str) -> String {
    press(browser, &format!("[data-past-do={act}]")).await;
    let path = until("the file is saved", async || {
        let files = std::fs::read_dir(folder).ok()?.flatten().map(|file| file.path());
        files.into_iter().find(|path| path.extension().is_some_and(|is| is == act))
    })
    .await;
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_long_history_is_searched_and_saved() {
    browser_test("history-long", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        wallet(&world).await;
        browser.see_state("empty").await;
        press(browser, "[data-do=create]").await;
        browser.see_state("home").await;
        browser.text(ROWS, |text| text.contains("Welcome credit")).await;
        provider.proxy.lie("GET /v1/wallets/", |body| {
            let is_list = String::from_utf8_lossy(&body).contains("\"data\":");
            if is_list { long() } else { body }
        });
        wallet(&world).await;
        browser.text(COUNT, |text| text.contains("1500 of 1500") && text.contains("75.00")).await;
        assert_eq!(rows(browser).await, json!(50), "what nobody looks at is not drawn");
        press(browser, "[data-past-do=more]").await;
        assert_eq!(rows(browser).await, json!(250));
        for (field, value, shown) in [
            ("text", "gazette daily", 1),
            ("text", "LANTERN.example essay-14", 111),
            ("text", "nowhere", 0),
            ("text", "", 1_500),
            ("state", "refunded", 1),
            ("state", "review", 1),
            ("state", "in", 0),
            ("state", "", 1_500),
            ("from", "2026-10-01", 140),
            ("until", "2026-10-01", 5),
        ] {
            choose(browser, field, value).await;
            let expected =
                if shown == 0 { "Nothing fits".to_owned() } else { format!("Shown: {shown} of") };
            browser.text(COUNT, |text| text.contains(&expected)).await;
        }
        browser.picture("history-filtered").await;
        choose(browser, "from", "").await;
        choose(browser, "until", "").await;
        choose(browser, "text", "gazette").await;
        let folder = tempfile::tempdir().unwrap();
        let downloads = json!({"behavior": "allow", "downloadPath": folder.path()});
        browser.devtools("Page.setDownloadBehavior", downloads).await;
        let csv = saved(browser, folder.path(), "csv").await;
        let expected = "entry,at,kind,state,site,creator,creator_id,item,title,amount,currency,claim_id\r\n\
            700,2026-06-01T12:00:00.000Z,claim,paid,https://lantern.example,\"The \"\"Gazette\"\", daily\",cr_A,essay-700,\
            \"'=HYPERLINK(\"\"http://evil\"\")\",0.05,EUR,c700\r\n";
        assert_eq!(csv, expected);
        let text = saved(browser, folder.path(), "json").await;
        let file: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&file["complete"], &file["entries"][0]["title"], &file["entries"][0]["state"]),
            (&json!(true), &json!(null), &json!("paid"))
        );
        assert_eq!(file["entries"][0]["item"]["title"], "=HYPERLINK(\"http://evil\")");
        assert_eq!(file["entries"].as_array().unwrap().len(), 1);
    });
}

#[test]
fn a_refund_whose_answer_was_lost_is_explained() {
    browser_test("history-refund-lost", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        pay(&world).await;
        press(browser, "[data-list=entries] [data-do=refund]").await;
        browser.see_state("refund").await;
        provider.proxy.lose_answers("POST /v1/refunds", 4);
        browser.have_back().await;
        browser.see_state("problem").await;
        browser.text("[data-text=problem]", |text| text.contains("may be back already")).await;
        browser.picture("history-refund-unknown").await;
        assert_eq!(provider.proxy.lost(), 4);
        // Closed and opened again: the same request gets its first answer, and that is said.
        wallet(&world).await;
        browser.see_state("home").await;
        browser.text("[data-text=refund-note]", |text| text.contains("back in your wallet")).await;
        browser.text("[data-text=balance]", |text| text.contains("1.00")).await;
        browser.text(ROWS, |text| text.contains("refunded")).await;
        let asked = provider.proxy.count("POST /v1/refunds");
        wallet(&world).await;
        browser.text(NOTE, |text| text.contains("Whatever was charged")).await;
        assert_eq!(provider.proxy.count("POST /v1/refunds"), asked, "it is settled");
    });
}

#[test]
fn a_payment_of_this_page_whose_answer_was_lost_is_settled() {
    browser_test("history-claim-lost", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        pay(&world).await;
        let creator = provider.magazine_creator().await;
        let sent = provider.proxy.count("POST /v1/claims");
        provider.proxy.cut("POST /v1/claims");
        browser.open(&format!("{}/i/{}/interview", provider.origin, creator.id)).await;
        browser.see_state("item").await;
        let button = browser.see("[data-do=pay]").await;
        browser.hover(&button).await;
        until("it can be paid", async || button.is_enabled().await.ok()?.then_some(())).await;
        browser.press(&button).await;
        until("the claim is on its way", async || {
            (provider.proxy.count("POST /v1/claims") > sent).then_some(())
        })
        .await;
        // It never arrived; whether it will is not known before it has expired.
        wallet(&world).await;
        let text = browser.text(ROWS, |text| text.contains("not known yet")).await;
        assert!(text.contains("Farthing's own page"), "{text}");
        browser.picture("history-unknown").await;
        provider.proxy.lie("GET /v1/claims/", |body| {
            let text = String::from_utf8_lossy(&body).replace("\"final\":false", "\"final\":true");
            text.into_bytes()
        });
        wallet(&world).await;
        let text = browser.text(ROWS, |text| text.contains("refused, not charged")).await;
        assert!(text.contains("did not arrive. You were not charged."), "{text}");
        assert!(!text.contains("not known yet"), "{text}");
        browser.picture("history-refused").await;
    });
}

/// Whoever asks "was I charged?" about a button on some site reads it here too: the verifier keeps what it refused last.
#[test]
fn a_payment_that_a_site_was_refused_is_listed() {
    browser_test("history-frame-refused", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let mut sites = Vec::new();
        let mut addresses = Vec::new();
        for (name, amount) in [("poor", "0.20"), ("rich", "0.70")] {
            let site = Site::start(name).await;
            let creator = provider.creator(name, &site.origin).await;
            let body = format!("<farthing-donate amount=\"{amount}\">Give</farthing-donate>");
            addresses.push(site.put("/", Page::with_tag(&provider.origin, &creator.id, &body)));
            sites.push(site);
        }
        let gives = async || {
            browser.pay_first("farthing-donate").await;
            browser.enter("farthing-donate").await;
            browser.text("p[role=status]", |text| text.contains("Thank you")).await;
            browser.leave().await;
        };
        browser.open(&addresses[0]).await;
        gives().await;
        browser.open(&addresses[0]).await;
        browser.frame_shows("farthing-donate", "ready").await;
        let poor = browser.here().await;
        browser.open_tab(&addresses[1]).await;
        gives().await;
        // The first site's frame still thinks that there is enough.
        browser.go_to(&poor).await;
        browser.press_in("farthing-donate").await;
        browser.enter("farthing-donate").await;
        browser.text("p[role=status]", |text| text.contains("not enough money")).await;
        browser.leave().await;
        browser.open(&format!("{}/wallet", provider.origin)).await;
        browser.see_state("home").await;
        let text = browser.text(ROWS, |text| text.contains("refused, not charged")).await;
        let first = "return document.querySelector('[data-list=entries] li').textContent";
        let first = browser.script(first, vec![]).await;
        let first = first.as_str().unwrap();
        for part in ["Donation", "poor", "refused, not charged", "not enough money", "0.20"] {
            assert!(first.contains(part), "{part}: {first}");
        }
        assert_eq!(text.matches("refused").count(), 1, "{text}");
    });
}

/// Of what was refused the list names the item, or else that it was a donation, or else who was to be paid.
#[test]
fn what_was_refused_has_a_name() {
    browser_test("history-refused-names", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        pay(&world).await;
        let titled = json!({"name": "song", "title": "A song", "hash": "h"});
        for (item, donation, shown) in [
            (titled, false, "A song"),
            (json!({"name": "song", "title": "", "hash": "h"}), false, "song"),
            (json!(null), true, "Donation"),
            (json!(null), false, "The Lantern"),
        ] {
            provider.proxy.lie("GET /v1/wallets/", move |body| {
                let mut body: Value = serde_json::from_slice(&body).unwrap();
                if let Some(allowance) = body["allowances"].get_mut(0) {
                    allowance["refused"] = json!({"claim_id": "c", "outcome": "unknown_item",
                        "message": "The creator does not sell this.", "amount": "0.07", "item": item,
                        "donation": donation, "site": null, "expires_at": "2099-01-01T00:00:00.000Z"});
                }
                body.to_string().into_bytes()
            });
            wallet(&world).await;
            browser.text(NOTE, |text| text.contains("Whatever was charged")).await;
            let name =
                "return document.querySelector('[data-list=entries] li:first-child b').textContent";
            assert_eq!(browser.script(name, vec![]).await, json!(shown));
            let row = browser.text("[data-list=entries] li:first-child", |_| true).await;
            assert!(row.contains("refused, not charged") && row.contains("0.07"), "{row}");
        }
        let plain = |text: &str| text.contains("Older ones are not kept") && text.contains("none");
        browser.text("[data-past-refused]", plain).await;
        // The verifier keeps the newest one; this page goes on with what it has listed.
        provider.proxy.lie("GET /v1/wallets/", move |body| {
            let mut body: Value = serde_json::from_slice(&body).unwrap();
            if let Some(allowance) = body["allowances"].get_mut(0) {
                allowance["refused"] = json!({"claim_id": "d", "outcome": "over_cap", "message": "", "amount": "0.08",
                    "item": null, "donation": true, "site": null, "expires_at": "2099-01-02T00:00:00.000Z"});
            }
            body.to_string().into_bytes()
        });
        for _ in 0..2 {
            wallet(&world).await;
            browser.text(NOTE, |text| text.contains("Whatever was charged")).await;
            let rows = browser.text(ROWS, |text| text.contains("0.07")).await;
            assert_eq!(rows.matches("refused, not charged").count(), 2, "{rows}");
        }
    });
}

/// The list is read in pages. Where a later one does not come, what was said last time stays, whole and with its age.
#[test]
fn a_list_of_which_a_page_is_missing_replaces_nothing() {
    browser_test("history-half", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        pay(&world).await;
        assert_eq!(rows(browser).await, json!(2));
        // The newest entry alone, and a second page that nobody has.
        provider.proxy.lie("GET /v1/wallets/", |body| {
            let mut body: Value = serde_json::from_slice(&body).unwrap();
            if let Some(entries) = body["data"].as_array_mut() {
                entries.truncate(1);
                body["next"] = json!("x");
            }
            body.to_string().into_bytes()
        });
        let asked = provider.proxy.count("GET /v1/wallets/");
        wallet(&world).await;
        browser.see_state("home").await;
        browser.text(NOTE, |text| text.contains("No answer") && text.contains("is missing")).await;
        assert!(provider.proxy.count("GET /v1/wallets/") >= asked + 2, "two pages were asked for");
        assert_eq!(rows(browser).await, json!(2));
        browser.text(ROWS, |text| text.contains("small change") && text.contains("Welcome")).await;
        provider.proxy.be_honest();
        wallet(&world).await;
        browser.text(NOTE, |text| text.contains("Whatever was charged")).await;
        assert_eq!(rows(browser).await, json!(2));
    });
}

/// The first visit has nothing of before. What has come of the list stands there as news, and so does that the rest is missing,
/// until it is asked for again.
#[test]
fn the_first_list_of_which_a_page_is_missing_says_so() {
    browser_test("history-first-half", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        // The newest entry, and a second page that nobody has, from the first visit on.
        provider.proxy.lie("GET /v1/wallets/", |body| {
            let mut body: Value = serde_json::from_slice(&body).unwrap();
            if let Some(entries) = body["data"].as_array_mut() {
                entries.truncate(1);
                body["next"] = json!("x");
            }
            body.to_string().into_bytes()
        });
        browser.open(&format!("{}/essay.html", provider.magazine)).await;
        browser.pay_first(GATE).await;
        browser.text(GATE, |text| text.contains("The word itself is a recipe")).await;
        wallet(&world).await;
        browser.see_state("home").await;
        let said = browser.text(NOTE, |text| text.contains("older")).await;
        assert!(said.contains("missing") && !said.contains("nothing is known"), "{said}");
        browser.text("[data-past-part]", |text| text.contains("newest 1")).await;
        assert_eq!(rows(browser).await, json!(1));
        browser.text(ROWS, |text| text.contains("small change") && text.contains("Refund")).await;
        browser.picture("history-first-half").await;

        // Less came, or nothing: what is known stays, and grows old.
        provider.proxy.cut("GET /v1/wallets/");
        press(browser, AGAIN).await;
        browser.text(NOTE, |text| text.contains("No answer") && text.contains("is missing")).await;
        assert_eq!(rows(browser).await, json!(1));
        provider.proxy.heal();
        provider.proxy.be_honest();
        press(browser, AGAIN).await;
        browser.text(NOTE, |text| text.contains("Whatever was charged")).await;
        browser.text(ROWS, |text| text.contains("Welcome credit")).await;
        browser.text("[data-past-part]", str::is_empty).await;
        let hidden = "return document.querySelector('[data-past-do=again]').hidden";
        assert_eq!(
            browser.script(hidden, vec![]).await,
            json!(true),
            "there is nothing to ask for"
        );
    });
}

/// Another wallet comes into this browser: what the first one paid, and what it was refused, is not its history,
/// not even on a page that has been showing it.
#[test]
fn another_wallet_does_not_see_this_ones_history() {
    browser_test("history-other", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        pay(&world).await;
        let creator = provider.magazine_creator().await;
        provider.proxy.stand_in("POST /v1/claims", |_| {
            json!({"outcome": "payments_paused", "code": 45, "charged": false, "final": true, "claim_id": "c",
                "message": "You have paused all payments."})
            .to_string()
            .into_bytes()
        });
        browser.open(&format!("{}/i/{}/interview", provider.origin, creator.id)).await;
        browser.see_state("item").await;
        let button = browser.see("[data-do=pay]").await;
        browser.hover(&button).await;
        until("it can be paid", async || button.is_enabled().await.ok()?.then_some(())).await;
        browser.press(&button).await;
        browser.text("body", |text| text.contains("You have paused all payments")).await;
        provider.proxy.be_honest();
        wallet(&world).await;
        browser.text(ROWS, |text| text.contains("refused, not charged")).await;

        // The first one's key is laid aside, a second wallet opened, and both are kept.
        swap_root(browser, "first", "nobody").await;
        wallet(&world).await;
        browser.see_state("empty").await;
        press(browser, "[data-do=create]").await;
        browser.see_state("home").await;
        let is_second =
            |text: &str| text.contains("Welcome credit") && !text.contains("small change");
        let text = browser.text(ROWS, is_second).await;
        assert!(!text.contains("refused"), "another wallet's refusal: {text}");
        assert_eq!(rows(browser).await, json!(1));
        swap_root(browser, "second", "first").await;
        wallet(&world).await;
        let both =
            |text: &str| text.contains("small change") && text.contains("refused, not charged");
        browser.text(ROWS, both).await;
        assert_eq!(rows(browser).await, json!(3));

        // The page stays open while the other one comes back, and no news can be had.
        swap_root(browser, "first", "second").await;
        provider.proxy.cut("GET /v1/wallets/");
        press(browser, "[data-part=unsafe] [data-do=recover]").await;
        browser.see_state("recovery").await;
        press(browser, "[data-view=recovery] [data-do=later]").await;
        browser.see_state("home").await;
        browser.text(NOTE, |text| text.contains("No answer")).await;
        assert_eq!(rows(browser).await, json!(0), "the first one's list");
        provider.proxy.heal();
    });
}

/// Keeps the wallet's key under the name `keep` and makes that one the wallet's that was kept as `take`.
async fn swap_root(browser: &Browser, keep: &str, take: &str) {
    let swap = "const [keep, take, done] = arguments;
        indexedDB.open('farthing-wallet').onsuccess = ({ target: { result: base } }) => {
          const change = base.transaction('keys', 'readwrite');
          const keys = change.objectStore('keys');
          keys.get('root').onsuccess = ({ target: { result: old } }) => {
            if (old) keys.put(old, keep);
            keys.get(take).onsuccess = ({ target: { result } }) => result ? keys.put(result, 'root') : keys.delete('root');
          };
          change.oncomplete = () => { base.close(); done(true); };
        };";
    browser.client.execute_async(swap, vec![json!(keep), json!(take)]).await.unwrap();
}
