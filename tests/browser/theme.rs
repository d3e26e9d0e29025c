//! A page's theme for the button: worn as far as everybody can still read the price and find the button.

use std::rc::Rc;

use farthing_tests::browser::Browser;
use farthing_tests::site::{Page, Site};
use farthing_tests::wait::until;
use farthing_tests::world::World;
use farthing_tests::{in_engine, in_every_engine};
use serde_json::{Value, json};

in_every_engine! {
    a_theme_is_worn
    no_theme_hides_the_price
    an_element_that_is_built_anew_takes_the_theme_of_now
}
// WebKit tells a frame of the visitor's system and not of the page around it.
in_engine! { dark_chromium Chromium a_theme_follows_a_page_that_turns_dark }
in_engine! { dark_firefox Firefox a_theme_follows_a_page_that_turns_dark }

const PAY: &str = "farthing-pay";

/// What the button looks like: colours as numbers with how opaque they are, type, corners and size.
const LOOK: &str = "
    const button = document.querySelector('button');
    const style = getComputedStyle(button);
    const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const [ground, words] = [style.backgroundColor, style.color].map(numbers);
    const light = (channels) => channels.slice(0, 3).reduce((sum, channel, place) => {
      const share = channel / 255;
      const linear = share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      return sum + linear * [0.2126, 0.7152, 0.0722][place];
    }, 0);
    const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
    const { width, height } = button.getBoundingClientRect();
    const line = document.querySelector('p');
    return {
      ground, words, contrast: contrast(ground, words),
      opaque: ground.length == 3 && words.length == 3 && style.opacity == '1' && style.visibility == 'visible' && style.filter == 'none',
      type: parseFloat(style.fontSize), radius: parseFloat(style.borderTopLeftRadius),
      width, height, text: button.innerText, behind: numbers(getComputedStyle(document.body).backgroundColor),
      line: contrast(numbers(getComputedStyle(line).color), numbers(getComputedStyle(document.body).backgroundColor)),
      lineType: parseFloat(getComputedStyle(line).fontSize),
    };";

async fn a_theme_is_worn(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let site = Site::start("themed").await;
    let creator = provider.creator("Themed", &site.origin).await;
    provider.price(&creator, "it", "It", "0.05").await;
    let wearing = async |theme: &str| {
        let body = format!(
            "<style>farthing-pay {{ {theme} }}</style><farthing-pay item=\"it\">Pay</farthing-pay>"
        );
        let page = Page::with_tag(&provider.origin, &creator.id, &body);
        browser.open(&site.put("/", page)).await;
        browser.enter(PAY).await;
        browser.see_state("ready").await;
        browser.see("button").await;
        let look = browser.script(LOOK, Vec::new()).await;
        browser.leave().await;
        look
    };
    let plain = wearing("").await;
    assert_eq!((&plain["ground"], &plain["type"]), (&json!([20, 83, 45]), &json!(15)));
    assert_eq!(provider.proxy.count("GET /a/theme."), 0, "nobody fetches what nobody wears");

    let worn = wearing(
        "--farthing-background: oklch(0.9 0.17 100); --farthing-color: rebeccapurple;
        --farthing-surface: hsl(230 40% 12%); --farthing-radius: 4px; --farthing-font-size: 1.2em",
    )
    .await;
    browser.picture("theme").await;
    assert_eq!(provider.proxy.count("GET /a/theme."), 1);
    assert_eq!(worn["words"], json!([102, 51, 153]));
    assert_eq!((&worn["radius"], &worn["type"]), (&json!(4), &json!(18)));
    assert_eq!(worn["behind"], json!([18, 22, 43]));
    assert!(worn["line"].as_f64().unwrap() >= 4.5, "{worn}");
    assert!(worn["ground"][0].as_u64().unwrap() > 200, "{worn}");

    // A click that may have been stolen is asked about in the button's own colours.
    browser.enter(PAY).await;
    browser.script("document.documentElement.dataset.state = 'confirm'", Vec::new()).await;
    let look = browser.script(LOOK, Vec::new()).await;
    assert_eq!((&look["ground"], &look["words"]), (&json!([154, 52, 18]), &json!([255, 255, 255])));
    browser.leave().await;
}

/// A page that turns dark by a class.
async fn at_dusk(world: &World) {
    let (provider, browser) = (&world.provider, &world.browser);
    let site = Site::start("twilight").await;
    let creator = provider.creator("Twilight", &site.origin).await;
    provider.price(&creator, "it", "It", "0.05").await;
    let body = "<style>
        :root { color-scheme: light; --farthing-background: #fc0; --farthing-color: #000; --farthing-surface: #fff }
        .dark { color-scheme: dark; --farthing-background: #03c; --farthing-color: #fff; --farthing-surface: #111 }
        </style><farthing-pay item=\"it\">Pay</farthing-pay>";
    browser.open(&site.put("/", Page::with_tag(&provider.origin, &creator.id, body))).await;
    browser.watch_events().await;
    browser.frame_shows(PAY, "ready").await;
    assert_eq!(looks(browser).await, [json!([255, 204, 0]), json!([255, 255, 255])]);
}

/// The colours of the button and of what is behind it.
async fn looks(browser: &Browser) -> [Value; 2] {
    browser.enter(PAY).await;
    let look = browser.script(LOOK, Vec::new()).await;
    browser.leave().await;
    [look["ground"].clone(), look["behind"].clone()]
}

/// Does `act` in the page, upon which another frame takes the place of the present one.
async fn begins_anew(browser: &Browser, act: &str) {
    const FRAME: &str = "__rootOf(document.querySelector('farthing-pay')).querySelector('iframe')";
    browser.script(&format!("window.before = {FRAME}; {act}"), Vec::new()).await;
    let look = format!("const frame = {FRAME}; return !!frame && frame != before");
    until("there is another frame", async || {
        (browser.script(&look, Vec::new()).await == json!(true)).then_some(())
    })
    .await;
    browser.frame_shows(PAY, "ready").await;
}

const DARKEN: &str = "document.documentElement.className = 'dark';";

/// The page's `color-scheme` turns with it; of that the frame hears, and a button that nobody has used takes the theme of now. One
/// that has something to say keeps its words, and its own look follows.
async fn a_theme_follows_a_page_that_turns_dark(world: Rc<World>) {
    let browser = &world.browser;
    at_dusk(&world).await;
    begins_anew(browser, DARKEN).await;
    assert_eq!(looks(browser).await, [json!([0, 51, 204]), json!([17, 17, 17])]);
    browser.picture("theme-dark").await;
    begins_anew(browser, "document.documentElement.className = '';").await;
    assert_eq!(looks(browser).await[0], json!([255, 204, 0]));

    browser.pay_first(PAY).await;
    browser.frame_shows(PAY, "paid").await;
    browser.script(DARKEN, Vec::new()).await;
    let is_bare = async || (looks(browser).await[1] == json!([0, 0, 0, 0])).then_some(());
    until("the frame has its own look", is_bare).await;
    browser.frame_shows(PAY, "paid").await;
    browser.picture("theme-dark-paid").await;
    assert_eq!(browser.events().await.len(), 1, "it was paid once, and is said once");
}

/// What no browser tells a frame, the page can say itself.
async fn an_element_that_is_built_anew_takes_the_theme_of_now(world: Rc<World>) {
    at_dusk(&world).await;
    let anew = "const element = document.querySelector('farthing-pay');
        document.documentElement.style.setProperty('--farthing-background', '#060');
        element.setAttribute('item', element.getAttribute('item'));";
    begins_anew(&world.browser, anew).await;
    assert_eq!(looks(&world.browser).await[0], json!([0, 102, 0]));
}

/// The page writes the loader's part itself, so that it can say anything.
async fn no_theme_hides_the_price(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let site = Site::start("invisible").await;
    let creator = provider.creator("Invisible", &site.origin).await;
    provider.price(&creator, "it", "It", "0.05").await;
    let invisible = [
        json!(["#fff", "#fff", "#fff", "", ""]),
        json!(["#777", "#787878", "#777", "", ""]),
        json!(["", "#14532d", "", "", ""]),
        json!(["transparent", "transparent", "transparent", "", ""]),
        json!(["rgb(0 0 0 / 0.01)", "#ffffff03", "", "", ""]),
        json!(["#fff 0%, #fff 100%), url(x), color-mix(in srgb, #fff", "#fff", "", "", ""]),
        json!([
            "#000; display: none",
            "red } button { visibility: hidden } a {",
            "#fff } * { opacity: 0",
            "",
            ""
        ]),
        json!(["url(https://thief.example/)", "currentcolor", "inherit", "inherit", "inherit"]),
        json!(["color(display-p3 2 2 2)", "color(srgb 9 9 9)", "color(srgb none 1 1)", "", ""]),
        json!(["", "", "", "9999px", "0"]),
        json!(["", "", "", "-5px", "0.01px"]),
        json!(["", "", "", "50%", "500px"]),
        json!(["", "", "", "1px; display: none", "calc(1px - 9px)"]),
        json!([{}, [1, 2], null, 7, true]),
        json!("#fff,#fff"),
    ];
    for theme in invisible {
        let page = Page::of(&format!(
            "<iframe width=\"400\" height=\"120\" src=\"{}/w/frame?lang=en#mode=pay&creator={}&item=it\"></iframe><script>
              const frame = document.querySelector('iframe');
              frame.onload = () => {{
                const {{ port1, port2 }} = new MessageChannel();
                port1.onmessage = ({{ data }}) => data[0] == 'ready' && (window.shown = true);
                frame.contentWindow.postMessage({{ farthing: 1, sealed: '', theme: {theme} }}, '{}', [port2]);
              }};</script>",
            provider.origin, creator.id, provider.origin
        ));
        browser.open(&site.put("/", page)).await;
        until("the frame wears what it was given", async || {
            (browser.script("return window.shown", Vec::new()).await == json!(true)).then_some(())
        })
        .await;
        let frame = browser.see("iframe").await;
        frame.enter_frame().await.expect("the provider's frame");
        browser.see_state("ready").await;
        browser.see("button").await;
        let look = browser.script(LOOK, Vec::new()).await;
        browser.leave().await;
        let number = |name: &str| look[name].as_f64().unwrap();
        assert!(number("contrast") >= 4.5, "{theme}: {look}");
        assert_eq!(look["opaque"], json!(true), "{theme}: {look}");
        assert!((13.0..=24.0).contains(&number("type")), "{theme}: {look}");
        assert!(number("lineType") >= 13.0, "{theme}: {look}");
        assert!(number("radius") <= 22.0, "{theme}: {look}");
        assert!(number("height") >= 44.0 && number("width") >= 44.0, "{theme}: {look}");
        assert!(look["text"].as_str().unwrap().contains("0.05"), "{theme}: {look}");
    }
    browser.picture("theme-hostile").await;
}
