//! The languages: button and wallet page speak the page's or the browser's, amounts are written as it writes
//! them, and nothing English is left over.

use std::rc::Rc;

use farthing_tests::browser::Browser;
use farthing_tests::site::{Page, Site};
use farthing_tests::wait::until;
use farthing_tests::world::{World, browser_test};
use serde_json::{Map, Value, json};

fn file(code: &str) -> Value {
    let path = format!("{}/../www/words/{code}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// English sentences of the wallet page that another language says differently, as they would stand in a page.
fn english(code: &str) -> Vec<String> {
    let other = file(code);
    let wallet: Map<String, Value> = other["wallet"].as_object().unwrap().clone();
    wallet
        .into_iter()
        .filter(|(key, own)| own.as_str() != Some(key) && key.contains(' '))
        .flat_map(|(key, _)| {
            let parts = key.split(['{', '}']).map(|part| part.trim().to_owned());
            parts.filter(|part| part.len() > 12 && part.contains(' ')).collect::<Vec<_>>()
        })
        .collect()
}

/// No English sentence stands in what is shown.
async fn nothing_english(browser: &Browser, code: &str, what: &str) {
    let shown = browser.script("return document.body.innerText", Vec::new()).await;
    let shown = shown.as_str().unwrap_or_default();
    let left: Vec<_> = english(code).into_iter().filter(|part| shown.contains(part)).collect();
    assert!(left.is_empty(), "{code}, {what}: {left:?} in: {shown}");
}

/// The browser asks for this language from now on.
async fn speak(browser: &Browser, code: &str) {
    browser.devtools("Network.enable", json!({})).await;
    let headers = json!({"headers": {"Accept-Language": code}});
    browser.devtools("Network.setExtraHTTPHeaders", headers).await;
}

#[test]
fn the_button_speaks_the_language_of_its_page() {
    browser_test("languages-frame", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let site = Site::start("newspaper").await;
        let creator = provider.creator("Die Laterne", &site.origin).await;
        provider.price(&creator, "essay", "Kleingeld", "0.0525").await;
        let body = "<farthing-pay item=\"essay\">…</farthing-pay><farthing-donate amount=\"1.00\">…</farthing-donate>";
        let rows = [
            ("de", "ltr", "0,0525 € bezahlen", "an Die Laterne · Spielgeld"),
            ("es-MX", "ltr", "Pagar EUR 0.0525", "a Die Laterne · dinero de prueba"),
            ("ko", "ltr", "€0.0525 결제", "Die Laterne에게 · 체험용 돈"),
            ("ar", "rtl", "ادفع", "إلى Die Laterne · نقود تجريبية"),
            // No words of its own: English words, and numbers as the page's readers write them.
            ("fr", "ltr", "Pay 0,0525 €", "to Die Laterne · demo money"),
        ];
        for (code, direction, label, payee) in rows {
            let mut page = Page::with_tag(&provider.origin, &creator.id, body);
            page.html =
                page.html.replace("lang=\"en\"", &format!("lang=\"{code}\" dir=\"{direction}\""));
            browser.open(&site.put("/", page)).await;
            browser.enter("farthing-pay").await;
            browser.see_state("ready").await;
            let said = browser.text("button", |text| !text.is_empty()).await;
            assert!(said.replace(['\u{a0}', '\u{202f}'], " ").contains(label), "{code}: {said:?}");
            browser.text("p[role=status]", |text| text.contains(payee)).await;
            let root =
                "return [document.documentElement.lang, getComputedStyle(document.body).direction]";
            let root = browser.script(root, Vec::new()).await;
            let spoken = code.split('-').next().filter(|code| *code != "fr").unwrap_or("en");
            assert_eq!(root, json!([spoken, direction]), "{code}");
            browser.leave().await;
            browser.picture(&format!("language-{code}")).await;
        }
    });
}

/// `en_US` is how many systems write it, and no language tag: whoever writes it has a button, and its refund, in English.
#[test]
fn a_language_that_is_no_tag_is_passed_over() {
    browser_test("languages-tag", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let site = Site::start("newspaper").await;
        let creator = provider.creator("The Lantern", &site.origin).await;
        provider.price(&creator, "essay", "Small change", "0.05").await;
        let mut page = Page::with_tag(
            &provider.origin,
            &creator.id,
            "<farthing-pay item=\"essay\">…</farthing-pay>",
        );
        page.html = page.html.replace("lang=\"en\"", "lang=\"en_US\"");
        browser.open(&site.put("/", page)).await;
        browser.pay_first("farthing-pay").await;
        browser.frame_shows("farthing-pay", "paid").await;
        browser.enter("farthing-pay").await;
        let refund = browser.see("footer button").await;
        browser.press(&refund).await;
        browser.text("footer span", |text| text.contains("0.05 back?")).await;
        let console = browser.console().await;
        let errors: Vec<_> = console.iter().filter(|line| line.contains("RangeError")).collect();
        assert!(errors.is_empty(), "{errors:?}");
    });
}

/// Pays on the item page.
async fn pay(browser: &Browser) {
    browser.see_state("item").await;
    let pay = browser.see("[data-do=pay]").await;
    browser.hover(&pay).await;
    until("it can be paid", async || pay.is_enabled().await.ok()?.then_some(())).await;
    browser.press(&pay).await;
}

#[test]
fn the_wallet_speaks_the_browsers_language() {
    browser_test("languages-wallet", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let site = Site::start("newspaper").await;
        let creator = provider.creator("Laterne", &site.origin).await;
        provider.price(&creator, "essay", "Kleingeld", "0.05").await;
        browser.open(&format!("{}/i/{}/essay", provider.origin, creator.id)).await;
        pay(browser).await;
        browser.see_state("paid").await;
        for code in ["de", "es", "ar", "ko"] {
            speak(browser, code).await;
            browser.open(&format!("{}/wallet", provider.origin)).await;
            browser.see_state("home").await;
            browser.text("[data-list=entries]", |text| text.contains("Kleingeld")).await;
            let root =
                "return [document.documentElement.lang, getComputedStyle(document.body).direction]";
            let direction = if code == "ar" { "rtl" } else { "ltr" };
            assert_eq!(browser.script(root, Vec::new()).await, json!([code, direction]));
            nothing_english(browser, code, "home").await;
            browser.picture(&format!("wallet-{code}")).await;
            for (button, state) in [
                ("[data-do=cutOff]", "cut"),
                ("[data-view=cut] [data-do=later]", "home"),
                ("[data-part=unsafe] [data-do=passkey]", "passkey"),
                ("[data-view=passkey] [data-do=later]", "home"),
                ("[data-part=unsafe] [data-do=recover]", "recovery"),
                ("[data-do=written]", "recheck"),
            ] {
                let button = browser.see(button).await;
                browser.press(&button).await;
                browser.see_state(state).await;
                nothing_english(browser, code, state).await;
            }
            let nowhere = format!("{}/i/{}/nothing", provider.origin, creator.id);
            browser.open(&nowhere).await;
            browser.see_state("problem").await;
            nothing_english(browser, code, "problem").await;
            let gift = format!("{}/i/{}", provider.origin, creator.id);
            browser.open(&gift).await;
            browser.see_state("item").await;
            nothing_english(browser, code, "a donation").await;
            // A donation whose answer got lost, and which was given back since.
            provider.proxy.lie("POST /v1/claims", |body| {
                let text = String::from_utf8(body).unwrap();
                text.replace("\"refunded\":false", "\"refunded\":true").into_bytes()
            });
            let little = "const amount = document.querySelector('#amount');
                amount.value = '0.01';
                amount.dispatchEvent(new Event('input', { bubbles: true }));";
            browser.script(little, Vec::new()).await;
            pay(browser).await;
            browser.text("[data-text=item-note]", |text| text.contains('\u{20ac}')).await;
            nothing_english(browser, code, "a donation that was given back").await;
            provider.proxy.be_honest();
        }
    });
}
