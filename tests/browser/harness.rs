//! The harness itself: what the other tests take for granted.

use farthing_tests::browser::{Browser, find_programs};
use farthing_tests::site::{Page, Site};
use farthing_tests::world::is_left_out;

/// Frames inside closed shadow roots can be entered, and a press there is a person's: trusted,
/// made by a mouse.
#[tokio::test(flavor = "multi_thread")]
async fn presses_reach_frames_of_another_site() {
    if is_left_out("presses_reach_frames_of_another_site") {
        return;
    }
    let (chromium, driver) = find_programs().unwrap_or_else(|line| panic!("{line}"));
    let inner = Site::start("inner").await;
    let framed = inner.put("/", Page::of("<button>Pay</button>"));
    let outer = Site::start("outer").await;
    let address = outer.put(
        "/",
        Page::of(&format!(
            "<x-y></x-y><script>
               const root = document.querySelector('x-y').attachShadow({{ mode: 'closed' }});
               root.append(Object.assign(document.createElement('iframe'), {{ src: '{framed}' }}));
             </script>"
        )),
    );
    let browser = Browser::start(&chromium, &driver).await;
    browser.open(&address).await;
    browser.enter("x-y").await;
    let button = browser.see("button").await;
    let answer = "document.querySelector('button').onclick = (e) => {
        e.target.textContent = e.isTrusted + ' ' + e.pointerType;
    }";
    browser.script(answer, Vec::new()).await;
    browser.press(&button).await;
    browser.text("button", |text| text == "true mouse").await;
    assert_eq!(browser.console().await, Vec::<String>::new());
    browser.close().await;
}
