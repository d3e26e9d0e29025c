//! The creator's page checks every payment in the browser, and calls each lie by its name.

use std::rc::Rc;
use std::sync::{Arc, Mutex};

use farthing_shared::{CreatorId, Micros};
use farthing_tests::books::Books;
use farthing_tests::provider::Creator;
use farthing_tests::site::Site;
use farthing_tests::world::{World, browser_test};
use farthing_verifier::clock::Clock;
use serde_json::json;

use crate::refused::{charge, with_own_money};

const STATEMENT: &str = "GET /v1/creator/statement";
const TOTALS: &str = "GET /v1/creator/totals";

async fn sign_in(world: &World, creator: &Creator) {
    world.browser.open("about:blank").await;
    world.browser.open(&creator.link).await;
    world.browser.see("#view-overview").await;
    world.browser.text("#live-text", |text| text == "Live").await;
}

async fn check(world: &World) {
    let button = world.browser.see("#proof-check").await;
    world.browser.press(&button).await;
}

/// Checks and waits for a verdict of this kind that says this.
async fn verdict(world: &World, kind: &str, says: &str) -> String {
    check(world).await;
    let place = format!("#proof-verdict .verdict.{kind}");
    world.browser.text(&place, |text| text.contains(says)).await
}

#[test]
fn real_payments_are_proven_and_a_provider_that_lies_is_caught() {
    browser_test("proof", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let lantern = provider.magazine_creator().await;
        sign_in(&world, &lantern).await;
        browser.see("#proof-empty").await;
        let button = browser.see("#proof-check").await;
        assert!(!button.is_enabled().await.unwrap(), "there is nothing to check");
        assert_eq!(provider.proxy.count("GET /a/proofs"), 0, "loaded by who asks for it");
        let dashboard = browser.here().await;

        browser.open_tab(&format!("{}/essay.html", provider.magazine)).await;
        browser.pay_first("farthing-gate").await;
        // A page that is left before the answer pays at its next visit.
        browser.text("farthing-gate", |text| text.contains("The word itself is a recipe")).await;
        browser.open(&format!("{}/picture.html", provider.magazine)).await;
        browser.press_in("farthing-gate").await;
        browser.see("farthing-gate .plate img").await;
        browser.go_to(&dashboard).await;
        browser.text("#detail-today", |text| text.contains("0.07")).await;
        // Welcome credit is credited to nobody; somebody else pays with own money.
        let id = CreatorId::parse(&lantern.id).unwrap();
        let mut payer = with_own_money(provider, id).await;
        let claim = payer.donation(id, "0.07", Clock::System.now());
        assert_eq!(charge(provider, &payer.sign(&claim).encode()).await, json!("accepted"));
        browser.text("#figure-today", |text| text.contains("0.07")).await;

        let text = verdict(&world, "good", "5 of 5 payments proven, 0 missing").await;
        assert!(text.contains("0.07") && text.contains("first check"), "{text}");
        browser.picture("proof-good").await;
        // What was seen is remembered over a reload, and the log must go on from there.
        browser.client.refresh().await.unwrap();
        browser.text("#live-text", |text| text == "Live").await;
        let text = verdict(&world, "good", "5 of 5 payments proven").await;
        assert!(text.contains("still begins with everything"), "{text}");
        let since = format!("{STATEMENT}?from=1&to=5&refunds_from=1&since=");
        assert!(provider.proxy.count(&since) > 0, "the page asks how the log went on");
        real_lies(&world).await;
        let text = verdict(&world, "good", "5 of 5 payments proven").await;
        assert!(text.contains("0.07"), "honest again: {text}");
        let violations = browser.script("return window.__violations", Vec::new()).await;
        assert_eq!(violations, json!([]));
    });
}

/// What a provider, or somebody on the way, can do to the file itself.
async fn real_lies(world: &World) {
    let (provider, browser) = (&world.provider, &world.browser);
    let flip = |from_end: bool, at: usize| {
        move |mut body: Vec<u8>| {
            let at = if from_end { body.len() - at } else { at };
            body[at] ^= 1;
            body
        }
    };
    // A signature; the text of the checkpoint; the creator's id.
    let rows = [
        (flip(false, 120 + 150), "is not genuine", "invented"),
        (flip(true, 150), "", "checkpoint"),
        (flip(false, 20), "somebody else's statement", "other_creator"),
    ];
    for (lie, title, name) in rows {
        provider.proxy.lie(STATEMENT, lie);
        let text = verdict(world, "bad", title).await;
        assert!(text.contains(name), "{name}: {text}");
    }
    provider.proxy.be_honest();
    // The page itself shows more than was paid.
    provider.proxy.lie(TOTALS, |body| {
        String::from_utf8_lossy(&body)
            .replace("\"0.07\"", "\"7.00\"")
            .replace("\"now\":\"2", "\"now\":\"3")
            .into_bytes()
    });
    browser.client.refresh().await.unwrap();
    browser.text("#figure-all", |text| text.contains("7.00")).await;
    let text = verdict(world, "bad", "shows another total").await;
    assert!(text.contains("other_total") && text.contains("0.07"), "{text}");
    browser.picture("proof-other-total").await;
    provider.proxy.be_honest();
    let other = format!("{}\n", Books::new(CreatorId([1; 16]), 1, 1).key());
    provider.proxy.lie("GET /log/key", move |_| other.clone().into_bytes());
    browser.client.refresh().await.unwrap();
    browser.text("#figure-all", |text| text.contains("0.07")).await;
    let text = verdict(world, "bad", "began a new log").await;
    assert!(text.contains("other_log") && text.contains("Go on with the new log"), "{text}");
    browser.picture("proof-other-log").await;
    provider.proxy.be_honest();
}

/// A lie's name, what the page says of it, and what it changes.
type Row<'a> = (&'a str, &'a str, &'a dyn Fn(&mut Books));

/// The provider of this test shows whatever books it is given, well signed.
struct Liar {
    books: Arc<Mutex<Books>>,
}

impl Liar {
    fn show(world: &World, books: Books) -> Self {
        let books = Arc::new(Mutex::new(books));
        let proxy = &world.provider.proxy;
        let shared = Arc::clone(&books);
        proxy.stand_in("GET /log/key", move |_| {
            format!("{}\n", shared.lock().unwrap().key()).into_bytes()
        });
        let shared = Arc::clone(&books);
        proxy.stand_in(STATEMENT, move |line| {
            let asked = |name: &str| -> u64 {
                let value = line.split(['?', '&', ' ']).find_map(|part| part.strip_prefix(name));
                value.and_then(|value| value.parse().ok()).unwrap_or(0)
            };
            let (from, to, since) = (asked("from="), asked("to="), asked("since="));
            let books = shared.lock().unwrap().clone();
            books.part((from, to), since, (asked("refunds_from="), u64::MAX))
        });
        Self { books }
    }

    fn tell(&self, books: Books) {
        *self.books.lock().unwrap() = books;
    }
}

/// The page shows so many payments of 0.01 and no stream talks it out of that.
fn show_totals(world: &World, payments: u64) {
    show_refunds(world, payments, 0);
}

/// And so many refunds of one each.
fn show_refunds(world: &World, payments: u64, refunds: u64) {
    let worth = |count: u64| Micros::new(count * 10_000).unwrap().to_decimal();
    let (total, refunded) = (worth(payments), worth(refunds));
    world.provider.proxy.lie(TOTALS, move |body| {
        let mut totals: serde_json::Value = serde_json::from_slice(&body).unwrap();
        totals["payments"] = json!(payments);
        totals["total"] = json!(total);
        totals["all"] = json!({"count": payments, "total": total, "free": "0.00",
            "refunds": refunds, "refunded": refunded});
        totals["refunds"] = json!(refunds);
        totals["refunded"] = json!(refunded);
        totals["now"] = json!("2099-01-01T00:00:00Z");
        totals.to_string().into_bytes()
    });
}

#[test]
fn each_lie_of_a_signed_log_is_named_in_plain_words() {
    browser_test("proof-lies", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let site = Site::start("blog").await;
        let creator = provider.creator("A blog", &site.origin).await;
        let id = CreatorId::parse(&creator.id).unwrap();
        show_totals(&world, 700);
        let honest = Books::new(id, 700, 2);
        let liar = Liar::show(&world, honest.clone());
        sign_in(&world, &creator).await;
        let text = verdict(&world, "good", "700 of 700 payments proven").await;
        assert!(text.contains("7.00"), "{text}");

        let lied = |change: &dyn Fn(&mut Books)| {
            let mut books = honest.clone();
            // The log grows, so that what was seen is its beginning.
            let grown = Books::new(id, 710, 2);
            books.leaves.extend_from_slice(&grown.leaves[1_400..]);
            change(&mut books);
            books
        };
        let signature = |books: &mut Books| {
            let mut other = Books::new(id, 710, 2);
            let foreign = other.payment(405).signed.clone();
            books.payment(650).signed = foreign;
        };
        let rows: [Row; 4] = [
            ("split_view", "another log than before", &|books| {
                books.payment(7).total = Micros::ZERO;
            }),
            ("split_view", "another log than before", &signature),
            ("split_view", "another log than before", &|books| books.leaves[0].at.0 += 1),
            ("rolled_back", "rolled back", &|books| books.leaves.truncate(1_398)),
        ];
        for (name, title, change) in rows {
            liar.tell(lied(change));
            let text = verdict(&world, "bad", title).await;
            assert!(text.contains(name), "{name}: {text}");
        }
        browser.picture("proof-rolled-back").await;
        // Without a memory of the log, what is wrong in it is named by itself.
        let rows: [Row; 4] = [
            ("wrong_total", "wrong from entry 14 on", &|books| {
                books.payment(7).total = Micros::ZERO;
            }),
            ("invented", "entry 1300 is not genuine", &|books| {
                let foreign = Books::new(CreatorId([1; 16]), 650, 1).payment(640).signed.encode();
                let mut mine = books.payment(650).signed.encode();
                mine[192..].copy_from_slice(&foreign[192..]);
                books.payment(650).signed = farthing_shared::SignedClaim::decode(&mine).unwrap();
            }),
            ("dropped", "Payment 12 is missing", &|books| {
                books.leaves[23].body = books.leaves[22].body.clone();
            }),
            ("reordered", "entry 26", &|books| books.payment(13).number = 12),
        ];
        for (name, title, change) in rows {
            liar.tell(lied(change));
            browser.script("localStorage.removeItem('farthing.creator.log')", Vec::new()).await;
            let text = verdict(&world, "bad", title).await;
            assert!(text.contains(name), "{name}: {text}");
            browser.picture(&format!("proof-{name}")).await;
        }
        cut_short(&world, &liar, &honest).await;
    });
}

/// The log never covers the newest payment: the page waits as long as it is fair, then says so.
async fn cut_short(world: &World, liar: &Liar, honest: &Books) {
    let browser = &world.browser;
    let mut books = honest.clone();
    books.leaves.truncate(1_398);
    liar.tell(books);
    check(world).await;
    browser.text("#proof-status", |text| text.contains("on their way")).await;
    // Stopped by the person, nothing is said; and asked again, the last payment is called missing.
    let stop = browser.see("#proof-stop").await;
    browser.press(&stop).await;
    browser.see("#proof-check").await;
    browser.script("localStorage.removeItem('farthing.creator.log')", Vec::new()).await;
    let text = verdict(world, "bad", "Payment 700 is missing").await;
    assert!(text.contains("cut_short"), "{text}");
}

#[test]
fn a_fresh_refund_is_waited_for_and_what_was_proven_must_stay() {
    browser_test("proof-refunds", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let site = Site::start("blog").await;
        let creator = provider.creator("A blog", &site.origin).await;
        let id = CreatorId::parse(&creator.id).unwrap();
        let mut books = Books::new(id, 40, 2);
        books.refund(7);
        let early = books.clone();
        books.refund(9);
        // The page hears of the second refund before the log holds it.
        show_refunds(&world, 40, 2);
        let liar = Liar::show(&world, early.clone());
        sign_in(&world, &creator).await;
        check(&world).await;
        browser.text("#proof-status", |text| text.contains("on their way")).await;
        liar.tell(books.clone());
        let place = "#proof-verdict .verdict.good";
        let text = browser.text(place, |text| text.contains("40 of 40 payments proven")).await;
        assert!(text.contains("2 refunds") && text.contains("0.38"), "{text}");
        // One that never comes is missing.
        show_refunds(&world, 40, 3);
        browser.client.refresh().await.unwrap();
        let text = verdict(&world, "bad", "Refund 3 is missing").await;
        assert!(text.contains("cut_short"), "{text}");

        // Fewer than were proven, on a page that shows fewer; over a reload and down to none.
        for (payments, title) in
            [(38, "Payments 39 to 40, proven before, are gone"), (0, "Payments 1 to 40")]
        {
            show_refunds(&world, payments, 0);
            browser.client.refresh().await.unwrap();
            browser.text("#live-text", |text| text == "Live").await;
            let text = verdict(&world, "bad", title).await;
            assert!(text.contains("vanished"), "{text}");
        }
        browser.picture("proof-vanished").await;
        // Another creator in the same browser has a memory of its own; honest again, it goes on.
        show_refunds(&world, 40, 2);
        browser.client.refresh().await.unwrap();
        let text = verdict(&world, "good", "40 of 40 payments proven").await;
        assert!(text.contains("40 payments proven then are still there"), "{text}");
        assert!(text.contains("each of one of these payments"), "{text}");

        // A refund of a payment that came after the page was drawn is no lie, and is not called proven to be one.
        let mut grown = books.clone();
        let mut newer = Books::new(id, 41, 2).leaves[81].clone();
        newer.entry = u64::try_from(grown.leaves.len()).unwrap() + 1;
        grown.leaves.push(newer);
        grown.refund(41);
        liar.tell(grown);
        show_refunds(&world, 40, 3);
        browser.client.refresh().await.unwrap();
        let text = verdict(&world, "good", "1 refund is of payments newer than").await;
        assert!(!text.contains("each of one of these payments"), "{text}");
    });
}

/// From the first signature to the verdict, for the number that was asked for: 15 s for 100,000.
const CHECK_MS_MAX: f64 = 15_000.0;
/// The page's longest silence meanwhile: what a reader takes for a page that hangs.
const SILENCE_MS_MAX: f64 = 500.0;

/// `FARTHING_PAYMENTS=100000` measures, and then judges; the normal run takes fewer and only looks that it is
/// checked, since machines that test a hundred other things meanwhile have no speed. The page must answer all the
/// while: a timer of 50 ms counts on, and its longest silence is what it took too long.
#[test]
fn many_payments_are_checked_while_the_page_stays_responsive() {
    browser_test("proof-many", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let asked = std::env::var("FARTHING_PAYMENTS").ok();
        let payments: u64 = asked.as_ref().map_or(3_000, |text| text.parse().expect("a number"));
        let site = Site::start("blog").await;
        let creator = provider.creator("A blog", &site.origin).await;
        let books = Books::new(CreatorId::parse(&creator.id).unwrap(), payments, 2);
        show_totals(&world, payments);
        let _liar = Liar::show(&world, books);
        sign_in(&world, &creator).await;
        let script = "window.__longest = 0; let last = performance.now();
            setInterval(() => { const at = performance.now(); window.__longest = Math.max(window.__longest, at - last); last = at; }, 50);
            const status = document.getElementById('proof-status');
            new MutationObserver(() => {
              if (status.textContent.startsWith('Checked')) { window.__begun ??= performance.now(); window.__words = (window.__words ?? 0) + 1; }
            }).observe(status, { childList: true, characterData: true, subtree: true });
            new MutationObserver(() => { window.__ended ??= performance.now(); }).observe(document.getElementById('proof-verdict'), { childList: true });
            document.getElementById('proof-check').addEventListener('click', () => { window.__clicked = performance.now(); window.__ended = undefined; });";
        browser.script(script, Vec::new()).await;
        check(&world).await;
        let said = format!("of {}", group(payments));
        let line = loop {
            // The patience of one wait is too short for a hundred thousand signatures in a debug build's
            // proxy, so it is asked again as long as the page is at it.
            let state = browser
                .script("return { busy: !document.getElementById('proof-work').hidden, text: document.getElementById('proof-verdict').textContent }", Vec::new())
                .await;
            if state["busy"] == json!(false) {
                break state["text"].as_str().unwrap_or_default().to_owned();
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        };
        assert!(line.contains(&said) && line.contains("0 missing"), "{line}");
        let figures = browser
            .script("return { longest: window.__longest, check: window.__ended - window.__begun, whole: window.__ended - window.__clicked, words: window.__words }", Vec::new())
            .await;
        println!("{payments} payments: {figures}");
        assert!(figures["words"].as_u64().unwrap_or(0) > 1, "progress was shown: {figures}");
        if asked.is_some() {
            let took = |name: &str| figures[name].as_f64().expect("a time in ms");
            assert!(took("check") <= CHECK_MS_MAX, "too slow: {figures}");
            assert!(took("longest") <= SILENCE_MS_MAX, "the page hangs: {figures}");
        }
    });
}

fn group(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
