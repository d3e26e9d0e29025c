//! The harness itself, without a provider.

use farthing_tests::browser::{Browser, find_programs};
use farthing_tests::site::{Page, Site};

#[tokio::test(flavor = "multi_thread")]
async fn frames_in_closed_shadow_roots_can_be_entered() {
    let (chromium, driver) = find_programs().unwrap();
    let inner = Site::start("inner").await;
    let address = inner.put("/", Page { html: "<button>Pay</button>".into(), ..Page::default() });
    let outer = Site::start("outer").await;
    let html = format!("<!doctype html><x-y></x-y><script>const r=document.querySelector('x-y').attachShadow({{mode:'closed'}});const f=document.createElement('iframe');f.src='{address}';r.append(f)</script>");
    let address = outer.put("/", Page { html, ..Page::default() });
    let browser = Browser::start(&chromium, &driver).await;
    browser.open(&address).await;
    browser.enter("x-y").await;
    let button = browser.see("button").await;
    browser.script("document.querySelector('button').onclick=(e)=>{e.target.textContent=e.isTrusted+' '+e.pointerType}", vec![]).await;
    browser.press(&button).await;
    browser.text("button", |text| text == "true mouse").await;
    browser.leave().await;
    browser.picture("harness").await;
    println!("{:?}", browser.console().await);
    browser.close().await;
}
