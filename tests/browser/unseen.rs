//! No money without a click that the visitor meant: the tricks of a hostile page, each with no claim sent; and
//! honest clicks, none of which is asked twice.
//!
//! What Chromium alone can see (`IntersectionObserver` v2: covered, faint, blurred, shrunk) is tested there;
//! docs/decisions/0015 says what holds where a browser cannot see it.

use std::rc::Rc;
use std::time::Duration;

use fantoccini::actions::{InputSource, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use farthing_tests::chance::Chance;
use farthing_tests::engine::Engine;
use farthing_tests::in_every_engine;
use farthing_tests::site::{Page, Site};
use farthing_tests::wait::until;
use farthing_tests::world::{World, browser_test};
use serde_json::{Value, json};

in_every_engine! {
    honest_clicks_are_never_asked_twice
    a_script_inside_the_frame_cannot_click
    half_of_a_double_click_pays_nothing_more
    random_messages_change_nothing_and_learn_nothing
}

// Chromium's driver brings a pointer into a frame without the browser's knowing; `a_frame_that_was_moved…` is its test.
mod hasty {
    use super::a_hasty_click_is_asked_once_more;
    farthing_tests::in_engine! { firefox Firefox a_hasty_click_is_asked_once_more }
    farthing_tests::in_engine! { webkit WebKit a_hasty_click_is_asked_once_more }
}

// Firefox stops a frame that is out of view altogether, which then never hears that it was (decision 0015).
mod in_view {
    use super::a_frame_that_just_came_into_view_asks;
    farthing_tests::in_engine! { chromium Chromium a_frame_that_just_came_into_view_asks }
    farthing_tests::in_engine! { webkit WebKit a_frame_that_just_came_into_view_asks }
}

const DONATE: &str = "farthing-donate";

/// A page where the visitor has given once already, so that a click could pay at once.
async fn ready_to_pay(world: &World, style: &str) -> String {
    let (provider, browser) = (&world.provider, &world.browser);
    let site = Site::start("thief").await;
    let creator = provider.creator("A thief", &site.origin).await;
    let body = format!(
        "<style>body {{ margin: 0 }} .room {{ height: 300px }} {style}</style><div class=\"room\"></div><div id=\"place\"><farthing-donate amount=\"0.01\">Give</farthing-donate></div><div class=\"room\"></div>"
    );
    let address = site.put("/", Page::with_tag(&provider.origin, &creator.id, &body));
    browser.open(&address).await;
    browser.pay_first(DONATE).await;
    thanked(world, 1).await;
    // The site is needed until the test ends, which ends the process.
    std::mem::forget(site);
    provider.sign_in(&creator).await
}

fn claims(world: &World) -> usize {
    world.provider.proxy.count("POST /v1/claims")
}

/// Waits until so many claims were sent and the frame has heard of the last.
async fn thanked(world: &World, count: usize) {
    let browser = &world.browser;
    until(&format!("{count} claims"), async || (claims(world) >= count).then_some(())).await;
    browser.enter(DONATE).await;
    browser.text("p[role=status]", |text| text.contains("Thank you")).await;
    browser.see_state("ready").await;
    browser.leave().await;
}

/// Waits for a few turns of the frame's own clock, so that whatever a click set off has begun.
async fn turns(world: &World) {
    let rounds = "const [done] = arguments; let left = 10;
        const timer = setInterval(() => { if (--left === 0) { clearInterval(timer); done(true); } }, 50);";
    world.browser.client.execute_async(rounds, Vec::new()).await.expect("a page that runs");
}

async fn state(world: &World) -> Value {
    world.browser.enter(DONATE).await;
    let state = "return document.documentElement.dataset.state";
    let state = world.browser.script(state, Vec::new()).await;
    world.browser.leave().await;
    state
}

/// The frame has answered a click by asking again, and nothing was sent.
async fn asks_again(world: &World, what: &str, before: usize) {
    until(&format!("{what}: the frame asks again"), async || {
        let state = state(world).await;
        assert_ne!(state, json!("paying"), "{what}");
        (state == json!("confirm")).then_some(())
    })
    .await;
    assert_eq!(claims(world), before, "{what}");
}

async fn honest_clicks_are_never_asked_twice(world: Rc<World>) {
    ready_to_pay(&world, "").await;
    for count in 2..=9 {
        world.browser.press_in(DONATE).await;
        thanked(&world, count).await;
        assert_eq!(claims(&world), count, "one click, one claim");
    }
    assert_eq!(world.browser.windows().await.len(), 1, "and no window");
}

/// Neither a click that a script makes nor one that it dispatches counts, even from within the frame, where no
/// page can run one.
async fn a_script_inside_the_frame_cannot_click(world: Rc<World>) {
    ready_to_pay(&world, "").await;
    let browser = &world.browser;
    browser.enter(DONATE).await;
    let clicks = "const button = document.querySelector('button');
        button.click();
        for (const type of ['pointerover', 'pointerenter', 'pointerdown', 'pointerup', 'click'])
          button.dispatchEvent(new PointerEvent(type, { bubbles: true, detail: 1, pointerType: 'mouse' }));
        button.focus();
        button.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
        button.form?.requestSubmit();";
    browser.script(clicks, Vec::new()).await;
    turns(&world).await;
    browser.leave().await;
    assert_eq!((state(&world).await, claims(&world)), (json!("ready"), 1));
}

/// The pointer arrives and clicks at once, as it does when a page puts the frame under it, or draws a pointer
/// of its own elsewhere: the visitor never rested on the button, over which the true pointer is drawn.
async fn a_hasty_click_is_asked_once_more(world: Rc<World>) {
    ready_to_pay(&world, "* { cursor: none !important }").await;
    let browser = &world.browser;
    away(&world).await;
    browser.enter(DONATE).await;
    let cursor = "return getComputedStyle(document.querySelector('button')).cursor";
    assert_eq!(browser.script(cursor, Vec::new()).await, json!("pointer"), "the frame's own");
    browser.leave().await;
    browser.enter(DONATE).await;
    // To the element: WebKit counts other places from the corner of the page.
    let button = browser.see("button").await;
    let dart = MouseActions::new(String::from("mouse"))
        .then(PointerAction::MoveToElement {
            element: button,
            duration: Some(Duration::ZERO),
            x: 0.0,
            y: 0.0,
        })
        .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
        .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
    browser.client.perform_actions(dart).await.unwrap();
    browser.leave().await;
    asks_again(&world, "a hasty click", 1).await;
}

/// The middle of the frame's button, in the frame.
async fn in_frame(world: &World) -> (f64, f64) {
    let browser = &world.browser;
    browser.enter(DONATE).await;
    let middle = "const box = document.querySelector('button').getBoundingClientRect();
        return [box.x + box.width / 2, box.y + box.height / 2]";
    let at = browser.script(middle, Vec::new()).await;
    browser.leave().await;
    (at[0].as_f64().unwrap(), at[1].as_f64().unwrap())
}

/// The middle of the frame's button, on the page.
async fn on_page(world: &World) -> (f64, f64) {
    let (x, y) = in_frame(world).await;
    let frame = serde_json::to_value(world.browser.frame_of(DONATE).await).unwrap();
    let corner = "const box = arguments[0].getBoundingClientRect(); return [box.x, box.y]";
    let at = world.browser.script(corner, vec![frame]).await;
    (x + at[0].as_f64().unwrap(), y + at[1].as_f64().unwrap())
}

/// Takes the pointer off the button, and lets a second pass so that the next click is none of a double click.
///
/// Only Chromium takes a pointer out of a frame by moving it on the page; it has to know first that it is in there, for
/// its driver speaks to frames past the page. The others move it within the frame.
async fn away(world: &World) {
    let browser = &world.browser;
    let on_the_page = browser.engine == Engine::Chromium;
    let brief = Some(Duration::from_millis(50));
    let mut off = MouseActions::new(String::from("mouse"));
    if on_the_page {
        let (x, y) = on_page(world).await;
        off = off.then(PointerAction::MoveTo { duration: brief, x, y });
    } else {
        browser.enter(DONATE).await;
    }
    let off = off
        .then(PointerAction::MoveTo { duration: brief, x: 700.0, y: 20.0 })
        .then(PointerAction::Pause { duration: Duration::from_millis(1_100) });
    browser.client.perform_actions(off).await.unwrap();
    if !on_the_page {
        browser.leave().await;
    }
}

/// Rests on the middle of what is left of the button on the page, and clicks.
async fn press_on_the_page(world: &World) {
    let browser = &world.browser;
    let (x, y) = in_frame(world).await;
    let frame = serde_json::to_value(browser.frame_of(DONATE).await).unwrap();
    let point = "const [frame, x, y] = arguments;
        const box = frame.getBoundingClientRect();
        return [box.x + x * box.width / frame.clientWidth, box.y + y * box.height / frame.clientHeight]";
    let at = browser.script(point, vec![frame, json!(x), json!(y)]).await;
    let click = MouseActions::new(String::from("mouse"))
        .then(PointerAction::MoveTo {
            duration: Some(Duration::from_millis(120)),
            x: at[0].as_f64().unwrap(),
            y: at[1].as_f64().unwrap(),
        })
        .then(PointerAction::Pause { duration: Duration::from_millis(900) })
        .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
        .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
    browser.client.perform_actions(click).await.unwrap();
}

async fn half_of_a_double_click_pays_nothing_more(world: Rc<World>) {
    ready_to_pay(&world, "").await;
    let browser = &world.browser;
    browser.enter(DONATE).await;
    let button = browser.see("button").await;
    let mut twice = MouseActions::new(String::from("mouse"))
        .then(PointerAction::MoveToElement {
            element: button,
            duration: Some(Duration::from_millis(120)),
            x: 0.0,
            y: 0.0,
        })
        .then(PointerAction::Pause { duration: Duration::from_millis(1_200) });
    for _ in 0..3 {
        twice = twice
            .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
            .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT })
            .then(PointerAction::Pause { duration: Duration::from_millis(90) });
    }
    browser.client.perform_actions(twice).await.unwrap();
    browser.leave().await;
    thanked(&world, 2).await;
    assert_eq!(claims(&world), 2, "three clicks in a row are one");
}

/// The frame was out of view until just now: whoever clicks cannot have read it. The pointer waits where the
/// frame will be, and the page moves it there.
async fn a_frame_that_just_came_into_view_asks(world: Rc<World>) {
    ready_to_pay(&world, "#place.away { position: absolute; left: -4000px }").await;
    let browser = &world.browser;
    away(&world).await;
    let hide = "document.querySelector('#place').className = arguments[0]";
    browser.script(hide, vec![json!("away")]).await;
    browser.enter(DONATE).await;
    let gone = "const [done] = arguments;
        new IntersectionObserver(([entry], me) => {
          if (!entry.isIntersecting) { me.disconnect(); done(true); }
        }).observe(document.querySelector('button'));";
    browser.client.execute_async(gone, Vec::new()).await.unwrap();
    browser.leave().await;
    browser.script(hide, vec![json!("")]).await;
    browser.enter(DONATE).await;
    let button = browser.see("button").await;
    let click = MouseActions::new(String::from("mouse"))
        .then(PointerAction::MoveToElement {
            element: button,
            duration: Some(Duration::ZERO),
            x: 0.0,
            y: 0.0,
        })
        .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
        .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
    browser.client.perform_actions(click).await.unwrap();
    browser.leave().await;
    asks_again(&world, "just came into view", 1).await;
}

/// Everything that makes the button hard to see, while the visitor clicks as calmly as ever.
#[test]
fn what_cannot_be_seen_is_not_paid() {
    let tricks = [
        (
            "covered",
            "#place::after { content: 'You have won!'; position: absolute; inset: 0; background: #fff; pointer-events: none } #place { position: relative }",
        ),
        (
            "half covered",
            "#place::after { content: ''; position: absolute; inset: 20px 0 0 0; background: #fff; pointer-events: none } #place { position: relative }",
        ),
        ("faint", "farthing-donate { opacity: 0.05 }"),
        ("faint from far above", "html { opacity: 0.3 }"),
        ("shrunk", "farthing-donate { transform: scale(0.3) }"),
        ("blurred", "farthing-donate { filter: blur(8px) }"),
        ("blended", "farthing-donate { mix-blend-mode: difference }"),
        ("cut out", "farthing-donate { clip-path: inset(8px 0 0 0) }"),
        ("cropped", "#place { height: 30px; overflow: hidden }"),
    ];
    browser_test("unseen", async move |world: Rc<World>| {
        ready_to_pay(&world, "").await;
        let browser = &world.browser;
        for (what, css) in tricks {
            let before = claims(&world);
            let dress = "const style = document.createElement('style');
                style.id = 'trick'; style.textContent = arguments[0]; document.body.append(style);";
            browser.script(dress, vec![json!(css)]).await;
            away(&world).await;
            press_on_the_page(&world).await;
            asks_again(&world, what, before).await;
            // Still unseen, the second click can only open a window of our own.
            browser.script("document.querySelector('#trick').remove()", Vec::new()).await;
            browser.client.refresh().await.unwrap();
            browser.frame_shows(DONATE, "ready").await;
        }
        // And once nothing is in the way, one click pays.
        browser.press_in(DONATE).await;
        thanked(&world, 2).await;
    });
}

/// The page slides the frame under a pointer that rests, and the visitor's click comes within half a second.
#[test]
fn a_frame_that_was_moved_under_the_pointer_asks() {
    browser_test("moved", async |world: Rc<World>| {
        ready_to_pay(&world, "#place { transform: translateY(0) }").await;
        let browser = &world.browser;
        // Above the frame, where its button will be, for as long as a person may take to aim.
        let (x, y) = on_page(&world).await;
        away(&world).await;
        let slide = "addEventListener('pointerdown', () => {}, true);
            setTimeout(() => { document.querySelector('#place').style.transform = 'translateY(-145px)'; }, 700);";
        let aim = MouseActions::new(String::from("mouse"))
            .then(PointerAction::MoveTo {
                duration: Some(Duration::from_millis(100)),
                x,
                y: y - 145.0,
            })
            .then(PointerAction::Pause { duration: Duration::from_millis(1_000) })
            .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
            .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        browser.script(slide, Vec::new()).await;
        browser.client.perform_actions(aim).await.unwrap();
        asks_again(&world, "moved", 1).await;
    });
}

/// 10,000 random messages from the page and from a frame beside ours, to our frame and to a wallet window that
/// the page opened: forged words of our own protocol, half-true ones, and noise.
const FUZZ: &str = r#"
const [seed, count, done] = arguments;
let state = seed >>> 0;
const number = (below) => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % below;
};
const pick = (list) => list[number(list.length)];
const names = ["t", "farthing", "verifier", "key", "cap", "spent", "per_claim_max", "expires_at_ms", "balance",
  "last_sequence", "serial", "grant", "sealed", "creator", "item", "origin", "amount", "force", "__proto__", "constructor"];
const words = ["ready", "allowed", "declined", "ask", "verifier", "paid", "closed", "told", "A".repeat(43), "1.00",
  "999999999", location.origin, "http://pay.localhost", "", "\x1f", "\x1e", "true", "null"];
const value = (depth) => {
  switch (number(depth > 3 ? 6 : 9)) {
    case 0: return pick(words);
    case 1: return number(2 ** 31) - 2 ** 30;
    case 2: return [null, undefined, NaN, Infinity, true, false, -0, 10n ** 30n][number(8)];
    case 3: return String.fromCharCode(...Array.from({ length: number(40) }, () => number(65536)));
    case 4: return new Uint8Array(number(64)).buffer;
    case 5: return new Date(number(2 ** 31));
    case 6: return Array.from({ length: number(5) }, () => value(depth + 1));
    case 7: return new Map([[pick(words), value(depth + 1)]]);
    default: {
      const object = {};
      for (let i = number(7); i >= 0; i--) Object.defineProperty(object, pick(names),
        { value: value(depth + 1), enumerable: true, configurable: true });
      if (number(2)) object.t = pick(words);
      if (!number(3)) object.farthing = 1;
      return object;
    }
  }
};
const frame = window.__rootOf(document.querySelector("farthing-donate")).querySelector("iframe").contentWindow;
window.ours = frame;
const beside = document.querySelector("iframe[src]").contentWindow;
const targets = [frame, frame, frame, window.stolenWallet].filter(Boolean);
window.heard = [];
addEventListener("message", (event) => window.heard.push(String(event.data)));
const provider = new URL(document.querySelector("script[data-creator]").src).origin;
(async () => {
  for (let sent = 0; sent < count; sent++) {
    const target = pick(targets);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = (event) => window.heard.push("port: " + JSON.stringify(event.data));
    const transfer = number(4) ? [] : [port2];
    if (number(3)) target.postMessage(value(0), pick(["*", "*", provider]), transfer);
    else beside.postMessage({ relay: value(0) }, "*");
    if (sent % 200 === 0) await new Promise((next) => setTimeout(next));
  }
  await new Promise((next) => setTimeout(next, 300));
  done(window.heard);
})();
"#;

/// A frame beside ours that passes on to it what it is given, as a hostile advertisement would if it found it.
const BESIDE: &str = "addEventListener('message', ({ data }) => {
    parent.ours.postMessage(data.relay, '*');
});";

async fn random_messages_change_nothing_and_learn_nothing(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let site = Site::start("thief").await;
    let beside = site.put("/beside", Page::of(&format!("<script>{BESIDE}</script>")));
    let creator = provider.creator("A thief", &site.origin).await;
    let body = format!(
        "<farthing-donate amount=\"0.01\">Give</farthing-donate><iframe id=\"beside\" src=\"{beside}\"></iframe><button id=\"go\">Go</button>"
    );
    browser.open(&site.put("/", Page::with_tag(&provider.origin, &creator.id, &body))).await;
    browser.pay_first(DONATE).await;
    thanked(&world, 1).await;
    browser.client.refresh().await.unwrap();
    browser.frame_shows(DONATE, "ready").await;
    let page = browser.here().await;
    let known = browser.windows().await;
    let steal = "document.querySelector('#go').onclick = () => {
        window.stolenWallet = open(arguments[0] + '/wallet/allow', '_blank', 'popup,width=440,height=680'); };"
        .replace("arguments[0]", &format!("'{}'", provider.origin));
    browser.script(&steal, Vec::new()).await;
    let go = browser.see("#go").await;
    browser.press(&go).await;
    let window = browser.go_to_new_window(&known).await;
    browser.see("main").await;
    browser.go_to(&page).await;

    let writes =
        || ["POST", "PUT", "DELETE"].iter().map(|line| provider.proxy.count(line)).sum::<usize>();
    let before = (inside(&world).await, writes());
    let seed = Chance::printed("random messages").below(1 << 32);
    let heard = browser.client.execute_async(FUZZ, vec![json!(seed), json!(10_000)]).await.unwrap();
    assert_eq!(heard, json!([]), "nothing is answered to whoever sends what");
    assert_eq!((inside(&world).await, writes()), before, "nothing has changed");
    browser.go_to(&window).await;
    let state = "return document.documentElement.dataset.state ?? ''";
    assert_ne!(browser.script(state, Vec::new()).await, json!("consent"));
    browser.client.close_window().await.unwrap();
    browser.go_to(&page).await;
    // And it still pays, once, on an honest click.
    browser.press_in(DONATE).await;
    thanked(&world, 2).await;
}

/// What the frame shows and what it has stored.
async fn inside(world: &World) -> Value {
    let browser = &world.browser;
    browser.enter(DONATE).await;
    let look = "const [done] = arguments;
        const request = indexedDB.open('farthing');
        request.onsuccess = () => {
          const base = request.result;
          const names = [...base.objectStoreNames];
          const stored = {};
          const transaction = base.transaction(names);
          for (const name of names) transaction.objectStore(name).getAll().onsuccess = (event) => {
            stored[name] = event.target.result.map(({ pk, next, verifier, id }) => ({ pk, next, verifier, id }));
          };
          transaction.oncomplete = () => { base.close(); done([document.body.innerText,
            document.documentElement.dataset.state, document.querySelector('button').textContent, stored]); };
        };";
    let seen = browser.client.execute_async(look, Vec::new()).await.unwrap();
    browser.leave().await;
    seen
}
