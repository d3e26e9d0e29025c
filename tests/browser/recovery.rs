//! Recovery words: shown, checked, and a wallet brought back with them in another browser.

use std::rc::Rc;

use fantoccini::Locator;
use farthing_tests::browser::Browser;
use farthing_tests::engine::Engine;
use farthing_tests::in_every_engine;
use farthing_tests::world::World;
use serde_json::{Value, json};

in_every_engine! {
    a_wallet_comes_back_in_another_browser
}

const GATE: &str = "farthing-gate";
const OPENED: &str = "The word itself is a recipe";

pub(super) async fn press(browser: &Browser, css: &str) {
    let button = browser.see(css).await;
    // Only Chromium's driver scrolls to what it moves to.
    let scroll = "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })";
    browser.script(scroll, vec![serde_json::to_value(&button).unwrap()]).await;
    browser.press(&button).await;
}

pub(super) async fn type_into(browser: &Browser, css: &str, text: &str) {
    let field = browser.client.find(Locator::Css(css)).await.unwrap();
    field.clear().await.unwrap();
    field.send_keys(text).await.unwrap();
}

pub(super) async fn words(browser: &Browser) -> Vec<String> {
    let all = browser
        .script(
            "return [...document.querySelectorAll('[data-words] li')].map((x) => x.textContent)",
            vec![],
        )
        .await;
    all.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// Writes the words down and types the two that are asked for; `wrong` types another one first.
pub(super) async fn check(browser: &Browser, words: &[String], wrong: bool) {
    press(browser, "[data-do=written]").await;
    browser.see_state("recheck").await;
    let mut asked = Vec::new();
    for name in ["word-a", "word-b"] {
        let text = browser.text(&format!("[data-text={name}]"), |text| !text.is_empty()).await;
        asked.push(text.trim_start_matches("Word ").parse::<usize>().unwrap() - 1);
    }
    if wrong {
        type_into(browser, "#word-a", "wrong").await;
        type_into(browser, "#word-b", &words[asked[1]]).await;
        press(browser, "[data-form=rechecked] button").await;
        browser.text("[data-text=recheck-problem]", |text| text.contains("not what stood")).await;
    }
    type_into(browser, "#word-a", &words[asked[0]].to_uppercase()).await;
    type_into(browser, "#word-b", &words[asked[1]]).await;
    press(browser, "[data-form=rechecked] button").await;
    browser.see_state("home").await;
}

pub(super) async fn bring_back(browser: &Browser, phrase: &str) {
    type_into(browser, "#phrase", phrase).await;
    press(browser, "[data-form=restored] button").await;
}

async fn a_wallet_comes_back_in_another_browser(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let session = provider.sign_in(&provider.magazine_creator().await).await;
    browser.open(&format!("{}/essay.html", provider.magazine)).await;
    browser.pay_first(GATE).await;
    browser.text(GATE, |text| text.contains(OPENED)).await;
    browser.open(&format!("{}/wallet", provider.origin)).await;
    browser.see_state("home").await;
    let warning = browser.text("[data-part=unsafe]", |text| text.contains("0.95")).await;
    assert!(warning.contains("lost"), "{warning}");
    // Safari's engine forgets sites by itself, and the others do not.
    let forgets = browser.engine == Engine::WebKit;
    assert_eq!(warning.contains("seven days"), forgets, "{warning}");
    browser.picture("wallet-unsafe").await;
    press(browser, "[data-part=unsafe] [data-do=recover]").await;
    browser.see_state("recovery").await;
    let first = words(browser).await;
    assert_eq!(first.len(), 24);
    browser.picture("wallet-recovery-words").await;
    check(browser, &first, true).await;
    browser.text("[data-part=safe]", |text| text.contains("checked")).await;
    assert_eq!(words(browser).await, Vec::<String>::new(), "the words do not stay in the page");
    browser.client.refresh().await.unwrap();
    browser.see_state("home").await;
    browser.text("[data-part=safe]", |text| text.contains("checked")).await;

    // Another browser, which never was here.
    let other = Browser::start(browser.engine).await;
    other.open(&format!("{}/wallet", provider.origin)).await;
    other.see_state("empty").await;
    let said = other.text("[data-view=empty]", |text| text.contains("No wallet here yet")).await;
    assert_eq!(said.contains("seven days"), forgets, "{said}");
    press(&other, "[data-do=restore]").await;
    other.see_state("restore").await;
    let said = async |phrase: String, part: &str| {
        bring_back(&other, &phrase).await;
        other.text("[data-text=restore-problem]", |text| text.contains(part)).await;
    };
    said(first[..23].join(" "), "these are 23").await;
    said([&first[..3], &["farthing".into()], &first[4..]].concat().join(" "), "Word 4").await;
    let mut swapped = first.clone();
    let at = (1..24).find(|at| first[*at] != first[0]).unwrap();
    swapped.swap(0, at);
    // One order in 256 passes the checksum; then no wallet is found under it.
    bring_back(&other, &swapped.join(" ")).await;
    other
        .text("[data-text=restore-problem]", |text| {
            text.contains("do not belong together") || text.contains("no wallet was opened")
        })
        .await;
    said("abandon ".repeat(23) + "art", "no wallet was opened").await;
    let nothing = other.script("return document.documentElement.dataset.state", vec![]).await;
    assert_eq!(nothing, json!("restore"), "a wrong phrase changes nothing");
    other.picture("wallet-restore").await;

    // As people write them: numbered, in capitals, four letters of the longer ones.
    let typed = first.iter().enumerate().map(|(at, word)| {
        let four: String = word.chars().take(4).collect();
        format!("{}. {}\n", at + 1, four.to_uppercase())
    });
    bring_back(&other, &typed.collect::<String>()).await;
    other.see_state("home").await;
    other.text("[data-text=balance]", |text| text.contains("0.95")).await;
    other.text("[data-list=entries]", |text| text.contains("The Lantern")).await;
    other.picture("wallet-restored").await;

    // What was bought is owned here too: opened, and not charged again.
    other.open(&format!("{}/essay.html", provider.magazine)).await;
    other.pay_first(GATE).await;
    other.text(GATE, |text| text.contains(OPENED)).await;
    assert_eq!(provider.totals(&session).await, (1, "0.05".into()));
    let none: Vec<Value> = Vec::new();
    assert_eq!(other.script("return window.__violations ?? []", vec![]).await, json!(none));
    other.close().await;
}
