//! What nobody learns: the page in which a visitor does not pay hears that, and not why; and of one visitor on two sites
//! nothing that the sites see, and nothing that the frames on them send or are told, has
//! eight bytes in common, apart from what a stranger's has too.
//!
//! Keys, claims, signatures and signed reads are compared as bytes, everything else as it stands. Times are left out:
//! two payments within the same minute have that minute in common. The wallet page is left out: it speaks for the
//! wallet, to the provider alone, and that is where the two sites meet (the balance has to be one).

use std::collections::HashSet;
use std::rc::Rc;

use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_shared::outcome::Outcome;
use farthing_tests::browser::Browser;
use farthing_tests::engine::Engine;
use farthing_tests::in_every_engine;
use farthing_tests::provider::Provider;
use farthing_tests::site::{Page, Site};
use farthing_tests::wait::until;
use farthing_tests::world::{World, browser_test};
use farthing_verifier::clock::Clock;
use serde_json::{Value, json};

/// As many bytes as a coincidence does not have.
const WINDOW: usize = 8;
const DONATE: &str = "farthing-donate";

in_every_engine! { a_page_does_not_learn_why_it_was_not_paid }

type Windows = HashSet<[u8; WINDOW]>;

#[test]
fn two_sites_have_nothing_in_common() {
    browser_test("privacy", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let stranger = Browser::start(browser.engine).await;
        let mut mine = Vec::new();
        let mut theirs = Windows::new();
        for (name, amount) in [("alpha", "0.03"), ("omega", "0.07")] {
            let site = Site::start(name).await;
            let creator = provider.creator(name, &site.origin).await;
            let body = format!("<farthing-donate amount=\"{amount}\">Give</farthing-donate>");
            let page = Page::with_tag(&provider.origin, &creator.id, &body);
            let address = site.put("/", page);
            mine.push(visit(provider, browser, &site, &address).await);
            theirs.extend(visit(provider, &stranger, &site, &address).await);
        }
        let shared: Vec<String> = mine[0]
            .intersection(&mine[1])
            .filter(|window| !theirs.contains(*window))
            .map(|window| String::from_utf8_lossy(window).escape_debug().to_string())
            .collect();
        assert!(mine[0].len() > 1_000, "something was recorded");
        assert!(shared.is_empty(), "both sites have seen: {shared:?}");
        let log = provider.output();
        for secret in ["Farthing AA", "claim=", "root="] {
            assert!(!log.contains(secret), "the verifier's log holds {secret}: {log}");
        }
        stranger.close().await;
    });
}

/// The comparison itself: a key in two guises is found, and what a stranger has too is not.
#[test]
fn a_common_key_is_found_in_any_guise() {
    let key: Vec<u8> = (100..132).collect();
    let text = Base64UrlUnpadded::encode_string(&key);
    let claim = Base64UrlUnpadded::encode_string(&[&[1, 2, 3][..], &key, &[9; 40]].concat());
    let one = windows(format!("{{\"key\":\"{text}\"}}").as_bytes());
    let other = windows(format!("GET /v1/claims/{claim} HTTP/1.1").as_bytes());
    assert!(one.intersection(&other).count() > 20);
    let stranger = windows(b"GET /v1/claims/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA HTTP/1.1");
    assert_eq!(one.intersection(&stranger).count(), 0);
    let time = Clock::System.now().0.to_be_bytes();
    let tail =
        |with: u8| Base64UrlUnpadded::encode_string(&[&[0; 9][..], &time, &[with; 9]].concat());
    let [one, other] = [windows(tail(1).as_bytes()), windows(tail(2).as_bytes())];
    assert_eq!(one.intersection(&other).count(), 1, "the zeros before the time, and not the time");
    let times = windows(b"date: Tue, 24 Nov 2026 19:45:12 GMT\r\n\"at\":\"2026-11-24T19:45:12Z\"");
    assert!(times.iter().all(|window| !window.windows(2).any(|pair| pair == b"45")), "{times:?}");
}

/// Pays once with the wallet's window, then comes again and pays with one click; gives what the second visit sent and
/// got, what the site has seen, and what the page was told.
async fn visit(provider: &Provider, browser: &Browser, site: &Site, address: &str) -> Windows {
    browser.open(address).await;
    browser.pay_first(DONATE).await;
    browser.enter(DONATE).await;
    browser.text("p[role=status]", |text| text.contains("Thank you")).await;
    browser.leave().await;
    let before = site.heard().len();
    provider.proxy.record();
    browser.open(address).await;
    browser.watch_events().await;
    browser.frame_shows(DONATE, "ready").await;
    browser.press_in(DONATE).await;
    browser.enter(DONATE).await;
    browser.text("p[role=status]", |text| text.contains("Thank you")).await;
    browser.leave().await;
    let mut tape = provider.proxy.recorded();
    tape.extend_from_slice(&site.heard()[before..]);
    tape.extend_from_slice(serde_json::to_string(&browser.events().await).unwrap().as_bytes());
    windows(&tape)
}

/// Every run of eight bytes: of the text without what is base64url in it, and of the bytes that is. (As text, its last
/// letter beside a constant is in common by chance; and a time's first bytes are in common within a minute.)
fn windows(tape: &[u8]) -> Windows {
    let text = without_times(&String::from_utf8_lossy(tape));
    let mut all: Windows = HashSet::new();
    let mut add = |bytes: &[u8]| {
        all.extend(bytes.windows(WINDOW).filter_map(|run| <[u8; WINDOW]>::try_from(run).ok()));
    };
    let mut plain = String::new();
    for part in text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
    {
        let token =
            part.trim_end_matches(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
        match Base64UrlUnpadded::decode_vec(token) {
            Ok(bytes) if token.len() >= 22 => {
                between_times(&bytes).into_iter().for_each(&mut add);
                add(plain.as_bytes());
                plain.clear();
                plain.push_str(&part[token.len()..]);
            }
            _ => plain.push_str(part),
        }
    }
    add(plain.as_bytes());
    all
}

/// The bytes that are no time: eight of them as milliseconds, within a year of now.
fn between_times(bytes: &[u8]) -> Vec<&[u8]> {
    const YEAR_MS: u64 = 366 * 86_400_000;
    let now = Clock::System.now().0;
    let (mut from, mut at, mut parts) = (0, 0, Vec::new());
    while at + 8 <= bytes.len() {
        let number =
            bytes[at..at + 8].iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        if number.abs_diff(now) < YEAR_MS {
            parts.push(&bytes[from..at]);
            from = at + 8;
            at = from;
        } else {
            at += 1;
        }
    }
    parts.push(&bytes[from..]);
    parts
}

/// The text without `date:` headers and RFC 3339 times.
fn without_times(text: &str) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        if line.to_ascii_lowercase().starts_with("date:") {
            continue;
        }
        for part in line.split_inclusive('"') {
            let time = part.strip_suffix('"').unwrap_or(part);
            let is_time = time.len() >= 20 && time.starts_with("20") && time.ends_with('Z');
            out.push_str(if is_time { "\"" } else { part });
        }
    }
    out
}

/// What the verifier says of a claim that it refused.
fn refusal(outcome: Outcome) -> Vec<u8> {
    let body = json!({
        "outcome": outcome.name(), "code": outcome.code(), "charged": false, "repeat": false, "refunded": false,
        "message": outcome.sentence(), "retry": outcome.retry().name(), "claim_id": "A".repeat(43),
        "entry": null, "at": null, "amount": null, "currency": "EUR",
    });
    body.to_string().into_bytes()
}

/// A wallet that is empty, paused, at its limit, slowed, frozen or unwilling looks alike to the page: it hears that it
/// was not paid, and not a byte more. The visitor reads why.
async fn a_page_does_not_learn_why_it_was_not_paid(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let site = Site::start("curious").await;
    let creator = provider.creator("A curious page", &site.origin).await;
    // Narrow, so that each sentence takes lines of its own number. Every word from the frame is written down.
    let body = "<style>farthing-donate { width: 300px }</style><script>
            window.said = [];
            const { set, ...rest } = Object.getOwnPropertyDescriptor(MessagePort.prototype, 'onmessage');
            Object.defineProperty(MessagePort.prototype, 'onmessage', {
              ...rest,
              set(hear) {
                set.call(this, (event) => {
                  said.push(JSON.stringify(event.data));
                  hear(event);
                });
              },
            });
          </script><farthing-donate amount=\"0.10\">Give</farthing-donate>";
    let mut page = Page::with_tag(&provider.origin, &creator.id, "");
    page.html = page.html.replace("<script async", &format!("{body}<script async"));
    let address = site.put("/", page);
    browser.open(&address).await;
    browser.watch_events().await;
    let page = browser.here().await;
    let known = browser.windows().await;
    browser.press_in(DONATE).await;
    let window = browser.go_to_new_window(&known).await;
    browser.see_state("consent").await;
    let no = browser.see("[data-do=decline]").await;
    browser.press(&no).await;
    browser.gone(&window).await;
    browser.go_to(&page).await;
    let (cancelled, _) = not_paid(browser, "Cancelled.").await;
    let mut heights = None;
    browser.open(&address).await;
    browser.pay_first(DONATE).await;
    browser.enter(DONATE).await;
    browser.text("p[role=status]", |text| text.contains("Thank you")).await;
    browser.leave().await;
    for outcome in [
        Outcome::InsufficientBalance,
        Outcome::OverCap,
        Outcome::TooFast,
        Outcome::PaymentsPaused,
        Outcome::OverDayBudget,
        Outcome::OverMonthBudget,
        Outcome::NeedsClick,
        Outcome::WalletSlowed,
        Outcome::WalletFrozen,
        Outcome::UnknownItem,
        Outcome::CreatorFull,
        Outcome::PriceChanged,
        // The last ones: they forget the key, and the wallet window opens for the next.
        Outcome::KeyRevoked,
        Outcome::KeyExhausted,
    ] {
        if outcome == Outcome::KeyExhausted && browser.engine != Engine::Chromium {
            continue;
        }
        provider.proxy.stand_in("POST /v1/claims", move |_| refusal(outcome));
        browser.open(&address).await;
        browser.watch_events().await;
        browser.press_in(DONATE).await;
        let (told, sizes) = not_paid(browser, outcome.sentence()).await;
        assert_eq!(told, cancelled, "{outcome:?} is told apart");
        assert_eq!(
            &sizes,
            heights.get_or_insert_with(|| sizes.clone()),
            "{outcome:?}: heights on the way"
        );
    }
}

/// Waits until the frame says why, and gives all that the page has heard and can see: events, how high the frame is, where
/// the focus is, and every kind of word that came; and all heights that the frame asked for once it had drawn.
async fn not_paid(browser: &Browser, why: &str) -> (Value, Value) {
    browser.enter(DONATE).await;
    browser.text("p[role=status]", |text| text.contains(why)).await;
    browser.leave().await;
    until("the page hears that it was not paid", async || {
        let events = browser.events().await;
        events.iter().any(|event| event["name"] == "farthing:declined").then_some(())
    })
    .await;
    // The page has made room for what is shown.
    until("the frame is as high as it needs", async || {
        let outside = "return __rootOf(document.querySelector('farthing-donate')).querySelector('iframe').offsetHeight";
        let outside = browser.script(outside, Vec::new()).await;
        browser.enter(DONATE).await;
        let inside = "return Math.ceil(document.querySelector('main').getBoundingClientRect().height)";
        let inside = browser.script(inside, Vec::new()).await;
        browser.leave().await;
        (inside == outside).then_some(())
    })
    .await;
    let see = "const heights = [...new Set(said)].filter((word) => word.includes('size') && !word.includes(',0]')).sort();
        const element = document.querySelector('farthing-donate');
        const frame = __rootOf(element).querySelector('iframe');
        return [window.__farthing, element.offsetHeight, frame.offsetHeight, document.activeElement.localName,
          document.hasFocus(), [...new Set(said)].filter((word) => !word.includes('size')).sort(), heights];";
    let mut told = browser.script(see, Vec::new()).await;
    let heights = told.as_array_mut().and_then(Vec::pop).expect("a list");
    (told, heights)
}
