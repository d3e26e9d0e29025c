//! The harness itself: what the other tests take for granted.

use std::rc::Rc;

use farthing_tests::browser::KEEP_ROOTS;
use farthing_tests::in_every_engine;
use farthing_tests::site::{Page, Site};
use farthing_tests::world::World;

in_every_engine! {
    presses_reach_frames_of_another_site
}

/// Frames inside closed shadow roots can be entered, and a press there is a person's: trusted,
/// made by a mouse.
async fn presses_reach_frames_of_another_site(world: Rc<World>) {
    let browser = &world.browser;
    let inner = Site::start("inner").await;
    let framed = inner.put("/", Page::of("<button>Pay</button>"));
    let outer = Site::start("outer").await;
    let address = outer.put(
        "/",
        Page::of(&format!(
            "<x-y></x-y><script>{KEEP_ROOTS}</script><script>
               const root = document.querySelector('x-y').attachShadow({{ mode: 'closed' }});
               root.append(Object.assign(document.createElement('iframe'), {{ src: '{framed}' }}));
             </script>"
        )),
    );
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
}
