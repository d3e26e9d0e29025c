//! Cutting off other devices: a second browser of one wallet pays, and pays no more.

use std::rc::Rc;

use farthing_tests::browser::Browser;
use farthing_tests::in_every_engine;
use farthing_tests::provider::Provider;
use farthing_tests::wait::until;
use farthing_tests::world::World;
use serde_json::{Value, json};

use crate::recovery::{bring_back, check, press, words};

in_every_engine! {
    an_old_device_is_cut_off_and_the_wallet_stays
    a_lost_answer_leaves_the_wallet_intact
}

const GATE: &str = "farthing-gate";
const OPENED: &str = "The word itself is a recipe";
const BALANCE: &str = "[data-text=balance]";

async fn wallet(browser: &Browser, origin: &str, state: &str) {
    browser.open(&format!("{origin}/wallet")).await;
    browser.see_state(state).await;
}

async fn restore(browser: &Browser, phrase: &[String]) {
    press(browser, "[data-do=restore]").await;
    browser.see_state("restore").await;
    bring_back(browser, &phrase.join(" ")).await;
}

/// The creator's totals are these in the end.
async fn paid(provider: &Provider, session: &str, count: u64, total: &str) {
    until("the payment is counted", async || {
        (provider.totals(session).await == (count, total.into())).then_some(())
    })
    .await;
}

/// Writes the words down, without the wrong answer that the recovery test plays.
async fn backed_up(browser: &Browser) -> Vec<String> {
    browser.see_state("recovery").await;
    let phrase = words(browser).await;
    check(browser, &phrase, false).await;
    phrase
}

async fn an_old_device_is_cut_off_and_the_wallet_stays(world: Rc<World>) {
    let (provider, laptop) = (&world.provider, &world.browser);
    let origin = &provider.origin;
    let session = provider.sign_in(&provider.magazine_creator().await).await;
    laptop.open(&format!("{}/essay.html", provider.magazine)).await;
    laptop.pay_first(GATE).await;
    laptop.text(GATE, |text| text.contains(OPENED)).await;
    wallet(laptop, origin, "home").await;
    press(laptop, "[data-part=unsafe] [data-do=recover]").await;
    let old_words = backed_up(laptop).await;

    // A phone with the same wallet pays as well.
    let phone = Browser::start(laptop.engine).await;
    wallet(&phone, origin, "empty").await;
    restore(&phone, &old_words).await;
    phone.see_state("home").await;
    phone.open(&format!("{}/picture.html", provider.magazine)).await;
    phone.pay_first(GATE).await;
    paid(provider, &session, 2, "0.07").await;

    // The laptop cuts it off. The first answer is lost: nothing is certain, and nothing is done twice.
    wallet(laptop, origin, "home").await;
    press(laptop, "[data-do=cutOff]").await;
    laptop.see_state("cut").await;
    laptop.picture("wallet-cut").await;
    provider.proxy.lose_answers("POST /v1/wallets/", 1);
    press(laptop, "[data-do=cutOffNow]").await;
    laptop.text("[data-devices]", |text| text.contains("not certain")).await;
    assert_eq!(provider.proxy.lost(), 1);
    press(laptop, "[data-do=cutOffNow]").await;
    laptop.see_state("recovery").await;
    laptop.text("[data-part=words-new]", |text| text.contains("no longer work")).await;
    laptop.picture("wallet-new-words").await;
    let new_words = backed_up(laptop).await;
    assert_ne!(new_words, old_words);
    laptop.text(BALANCE, |text| text.contains("0.93")).await;
    laptop.text("[data-list=entries]", |text| text.contains("The Lantern")).await;
    laptop.text("[data-list=allowances]", |text| !text.contains("so far")).await;

    // The phone can no longer pay, neither by its frames nor by its wallet page, and is told why.
    let known = phone.windows().await;
    phone.open(&format!("{}/", provider.magazine)).await;
    phone.press_in("farthing-pay").await;
    phone.go_to_new_window(&known).await;
    phone.see_state("ended").await;
    phone.picture("wallet-ended").await;
    phone.client.close_window().await.unwrap();
    phone.go_to(&known[0]).await;
    wallet(&phone, origin, "ended").await;
    press(&phone, "[data-do=startOver]").await;
    phone.see_state("empty").await;
    restore(&phone, &old_words).await;
    phone.text("[data-text=restore-problem]", |text| text.contains("no longer work")).await;
    paid(provider, &session, 2, "0.07").await;

    // The site asks the laptop once more; what was bought anywhere is the wallet's.
    laptop.open(&format!("{}/picture.html", provider.magazine)).await;
    laptop.pay_first(GATE).await;
    paid(provider, &session, 2, "0.07").await;
    laptop.open(&format!("{}/", provider.magazine)).await;
    laptop.press_in("farthing-pay").await;
    paid(provider, &session, 3, "0.17").await;

    // The new words bring it back.
    phone.client.refresh().await.unwrap();
    phone.see_state("empty").await;
    restore(&phone, &new_words).await;
    phone.see_state("home").await;
    phone.text(BALANCE, |text| text.contains("0.83")).await;
    let none: Vec<Value> = Vec::new();
    assert_eq!(laptop.script("return window.__violations ?? []", vec![]).await, json!(none));
    phone.close().await;
}

/// Opens a wallet without a payment, and gives its words.
async fn opened(browser: &Browser, origin: &str) -> Vec<String> {
    wallet(browser, origin, "empty").await;
    press(browser, "[data-do=create]").await;
    browser.see_state("home").await;
    press(browser, "[data-part=unsafe] [data-do=recover]").await;
    backed_up(browser).await
}

/// Presses the button that cuts other devices off; nothing certain comes of it.
async fn cut_off_in_vain(browser: &Browser) {
    press(browser, "[data-do=cutOff]").await;
    browser.see_state("cut").await;
    press(browser, "[data-do=cutOffNow]").await;
    browser.text("[data-devices]", |text| text.contains("not certain")).await;
}

async fn online(browser: &Browser) {
    browser.script("dispatchEvent(new Event('online'))", vec![]).await;
}

/// What `next` and `root` hold in the browser's storage: their keys' names.
async fn stored(browser: &Browser) -> Value {
    let script = "return new Promise((done) => {
      indexedDB.open('farthing-wallet').onsuccess = ({ target: { result: base } }) => {
        const keys = base.transaction('keys').objectStore('keys');
        const [root, next] = [keys.get('root'), keys.get('next')];
        next.onsuccess = () => {
          base.close();
          done([root.result?.pk ?? null, next.result?.pk ?? null]);
        };
      };
    })";
    browser.script(script, vec![]).await
}

const ROTATIONS: &str = "POST /v1/wallets/";
const BUSY: &str = "The payment service is busy";

async fn a_lost_answer_leaves_the_wallet_intact(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let origin = &provider.origin;
    let first_words = opened(browser, origin).await;

    // The verifier has the rotation, and its answer is lost. The network comes back: the old key is called ended,
    // and it is this very browser's next key that is in force.
    provider.proxy.lose_answers(ROTATIONS, 1);
    cut_off_in_vain(browser).await;
    assert_eq!(provider.proxy.lost(), 1);
    online(browser).await;
    browser.see_state("recovery").await;
    let second_words = backed_up(browser).await;
    assert_ne!(second_words, first_words);
    browser.client.refresh().await.unwrap();
    browser.see_state("home").await;
    browser.text(BALANCE, |text| text.contains("1.00")).await;

    // As long as that answer stays away, or something on the way refuses in the verifier's place, nobody is told
    // that this browser was cut off, and both keys stay.
    provider.proxy.lose_answers(ROTATIONS, 1);
    cut_off_in_vain(browser).await;
    let keys = stored(browser).await;
    assert!(keys[0].is_string() && keys[1].is_string(), "{keys}");
    for refusal in ["HTTP/1.1 403 No\r\ncontent-length: 2\r\n\r\nno", "<p>Please sign in</p>"] {
        provider.proxy.stand_in(ROTATIONS, |_| refusal.into());
        browser.client.refresh().await.unwrap();
        browser.text("[data-text=problem]", |text| text.contains(BUSY)).await;
        assert_eq!(stored(browser).await, keys, "{refusal}");
    }
    provider.proxy.be_honest();
    online(browser).await;
    browser.see_state("recovery").await;
    assert_eq!(stored(browser).await, json!([keys[1], null]));
    backed_up(browser).await;
    browser.text(BALANCE, |text| text.contains("1.00")).await;
}
