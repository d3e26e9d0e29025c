//! Passkeys, with Chromium's virtual authenticator: one keeps the wallet, brings it back to a browser that lost its
//! data, and says in plain words when it cannot. The other engines have no such authenticator; there the page says what
//! it offers instead.

use std::rc::Rc;

use farthing_tests::browser::Browser;
use farthing_tests::in_every_engine;
use farthing_tests::world::{World, browser_test};
use serde_json::{Value, json};

use crate::recovery::{check, press, words};

in_every_engine! {
    a_browser_without_passkeys_offers_the_words
}

const MAKE: &str = "[data-passkey=make]";
const OPEN: &str = "[data-passkey=open]";
const KEPT: &str = "[data-part=kept]";
const BALANCE: &str = "[data-text=balance]";

/// The next prompt for a passkey is cancelled by the visitor.
const CANCEL_ONCE: &str = "navigator.credentials.get = () => {
    delete navigator.credentials.get;
    return Promise.reject(new DOMException('cancelled', 'NotAllowedError'));
};";

/// A device that verifies its owner by itself; its passkeys give out secrets or do not.
async fn authenticator(browser: &Browser, has_prf: bool) -> Value {
    browser.devtools("WebAuthn.enable", json!({})).await;
    let options = json!({
        "protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": "internal",
        "hasResidentKey": true, "hasUserVerification": true, "isUserVerified": true,
        "automaticPresenceSimulation": true, "hasPrf": has_prf,
    });
    let made = browser.devtools("WebAuthn.addVirtualAuthenticator", json!({ "options": options }));
    made.await["authenticatorId"].clone()
}

async fn passkeys(browser: &Browser, authenticator: &Value) -> usize {
    let parameters = json!({ "authenticatorId": authenticator });
    let answer = browser.devtools("WebAuthn.getCredentials", parameters).await;
    answer["credentials"].as_array().unwrap().len()
}

/// What a browser loses that clears its data; passkeys lie elsewhere.
async fn lose_everything(browser: &Browser, origin: &str) {
    browser.open("about:blank").await;
    let parameters = json!({ "origin": origin, "storageTypes": "all" });
    browser.devtools("Storage.clearDataForOrigin", parameters).await;
    browser.open(&format!("{origin}/wallet")).await;
    browser.see_state("empty").await;
}

async fn open_wallet(world: &World) {
    let browser = &world.browser;
    browser.open(&format!("{}/wallet", world.provider.origin)).await;
    browser.see_state("empty").await;
    press(browser, "[data-do=create]").await;
    browser.see_state("home").await;
}

async fn make(browser: &Browser, css: &str) {
    press(browser, css).await;
    browser.see_state("passkey").await;
    press(browser, "[data-do=makePasskey]").await;
}

#[test]
fn a_passkey_brings_the_wallet_back() {
    browser_test("passkey", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let origin = &provider.origin;
        let device = authenticator(browser, true).await;
        browser.open(&format!("{}/essay.html", provider.magazine)).await;
        browser.pay_first("farthing-gate").await;
        browser.open(&format!("{origin}/wallet")).await;
        browser.see_state("home").await;

        // The answer is lost: the next try takes the passkey that was made, and makes no second one.
        provider.proxy.lose_answers("PUT /v1/wallets/", 1);
        make(browser, "[data-part=unsafe] [data-do=passkey]").await;
        browser.text(MAKE, |text| text.contains("did not keep it")).await;
        browser.picture("wallet-passkey").await;
        // So it does when the prompt is cancelled.
        browser.script(CANCEL_ONCE, vec![]).await;
        press(browser, "[data-do=makePasskey]").await;
        browser.text(MAKE, |text| text.contains("No passkey answered")).await;
        press(browser, "[data-do=makePasskey]").await;
        browser.see_state("home").await;
        browser.text(KEPT, |text| text.contains("brings this wallet back")).await;
        assert_eq!(passkeys(browser, &device).await, 1);
        let reminder =
            browser.script("return document.querySelector('[data-part=unsafe]').hidden", vec![]);
        assert_eq!(reminder.await, json!(true), "a passkey is a backup");

        lose_everything(browser, origin).await;
        browser.picture("wallet-empty-with-passkey").await;
        press(browser, "[data-do=openPasskey]").await;
        browser.see_state("home").await;
        browser.text(BALANCE, |text| text.contains("0.95")).await;
        browser.text("[data-list=entries]", |text| text.contains("The Lantern")).await;
        browser.text(KEPT, |text| text.contains("brings this wallet back")).await;

        // Once other devices were cut off, the passkey holds an old key: said, and renewed with the same one.
        press(browser, "[data-do=cutOff]").await;
        browser.see_state("cut").await;
        press(browser, "[data-do=cutOffNow]").await;
        browser.see_state("recovery").await;
        let phrase = words(browser).await;
        check(browser, &phrase, false).await;
        make(browser, "[data-part=renew] [data-do=passkey]").await;
        browser.see_state("home").await;
        assert_eq!(passkeys(browser, &device).await, 1);
        lose_everything(browser, origin).await;
        press(browser, "[data-do=openPasskey]").await;
        browser.see_state("home").await;
        browser.text(BALANCE, |text| text.contains("0.95")).await;

        // Not renewed, it brings nothing back, and says so.
        press(browser, "[data-do=cutOff]").await;
        press(browser, "[data-do=cutOffNow]").await;
        browser.see_state("recovery").await;
        lose_everything(browser, origin).await;
        press(browser, "[data-do=openPasskey]").await;
        browser.text(OPEN, |text| text.contains("No wallet is kept by this passkey")).await;
        let none: Vec<Value> = Vec::new();
        assert_eq!(browser.script("return window.__violations ?? []", vec![]).await, json!(none));
    });
}

#[test]
fn a_passkey_that_cannot_says_so_in_plain_words() {
    browser_test("passkey-cannot", async |world: Rc<World>| {
        let browser = &world.browser;
        let origin = &world.provider.origin;
        let device = authenticator(browser, false).await;
        open_wallet(&world).await;
        make(browser, "[data-part=unsafe] [data-do=passkey]").await;
        browser.text(MAKE, |text| text.contains("write down recovery words instead")).await;
        press(browser, "[data-view=passkey] [data-do=later]").await;
        browser.see_state("home").await;
        browser.text("[data-part=unsafe]", |text| text.contains("lost with it")).await;

        // One that gives out nothing, or is not there at all, brings nothing back.
        lose_everything(browser, origin).await;
        press(browser, "[data-do=openPasskey]").await;
        browser.text(OPEN, |text| text.contains("Your recovery words can")).await;
        let parameters = json!({ "authenticatorId": device });
        browser.devtools("WebAuthn.removeVirtualAuthenticator", parameters).await;
        let other = authenticator(browser, true).await;
        press(browser, "[data-do=openPasskey]").await;
        browser.text(OPEN, |text| text.contains("No passkey answered")).await;

        // Another wallet's passkey brings that one back, and not this one: each names a backup of its own.
        press(browser, "[data-do=create]").await;
        browser.see_state("home").await;
        make(browser, "[data-part=unsafe] [data-do=passkey]").await;
        browser.see_state("home").await;
        assert_eq!(passkeys(browser, &other).await, 1);
    });
}

/// WebKitGTK has no passkeys at all; the others are made to say that theirs give out no secrets.
async fn a_browser_without_passkeys_offers_the_words(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let without = "window.PublicKeyCredential && (PublicKeyCredential.getClientCapabilities = async () => ({ 'extension:prf': false }));\n";
    let page = provider.ask("GET", "/wallet", None, None).await;
    let page = String::from_utf8(page.body).unwrap();
    let script = page.split("src=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    provider.proxy.precede(script, without);
    browser.open(&format!("{}/wallet", provider.origin)).await;
    browser.see_state("empty").await;
    browser.text("[data-view=empty]", |text| text.contains(NO_PASSKEYS)).await;
    let offered = "return [...document.querySelectorAll('[data-do$=asskey]')].filter((x) => x.checkVisibility()).length";
    assert_eq!(browser.script(offered, vec![]).await, json!(0));
    press(browser, "[data-do=create]").await;
    browser.see_state("home").await;
    browser.text("[data-part=unsafe]", |text| text.contains(NO_PASSKEYS)).await;
    assert_eq!(browser.script(offered, vec![]).await, json!(0));
    press(browser, "[data-part=unsafe] [data-do=recover]").await;
    browser.see_state("recovery").await;
    assert_eq!(words(browser).await.len(), 24);
}

const NO_PASSKEYS: &str =
    "This browser cannot keep a wallet with a passkey. Recovery words do the same everywhere.";
