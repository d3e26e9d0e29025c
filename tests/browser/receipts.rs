//! The wallet page keeps receipts, proves them, saves them for others, and notices a log that changed.

use std::path::PathBuf;
use std::rc::Rc;

use farthing_tests::wait::until;
use farthing_tests::world::{World, browser_test};
use serde_json::json;

const NOTE: &str = "[data-receipts-note]";
const ALARM: &str = "[data-receipts-alarm]";

/// Pays for a page, the first one with the pop-up, and waits until the verifier has it.
async fn pay(world: &World, page: &str, session: &str, payments: u64) {
    let browser = &world.browser;
    browser.open(&format!("{}/{page}.html", world.provider.magazine)).await;
    if payments == 1 {
        browser.pay_first("farthing-gate").await;
    } else {
        browser.press_in("farthing-gate").await;
    }
    until("the payment is made", async || {
        (world.provider.totals(session).await.0 == payments).then_some(())
    })
    .await;
}

async fn check(world: &World) {
    let button = world.browser.see("[data-receipts-do=check]").await;
    until("receipts can be checked", async || button.is_enabled().await.ok()?.then_some(())).await;
    world.browser.press(&button).await;
}

/// The texts of the receipts that the page keeps.
async fn kept(world: &World) -> Vec<String> {
    let script = "const done = arguments[arguments.length - 1];
        indexedDB.open('farthing-receipts').onsuccess = ({ target: { result: db } }) => {
          db.transaction('receipts').objectStore('receipts').getAll().onsuccess = ({ target }) => {
            db.close();
            done(target.result.map((kept) => kept.text));
          };
        };";
    let texts = world.browser.client.execute_async(script, Vec::new()).await.unwrap();
    texts.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn receipts_are_kept_proven_and_saved() {
    browser_test("receipts", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let session = provider.sign_in(&provider.magazine_creator().await).await;
        pay(&world, "essay", &session, 1).await;
        browser.open(&format!("{}/wallet", provider.origin)).await;
        browser.text("[data-receipts] li output", |text| text == "kept").await;
        assert_eq!(provider.proxy.count("GET /a/proofs"), 0, "loaded by who asks for it");
        check(&world).await;
        let text = browser.text(NOTE, |text| text.contains("1 of 1 receipt is proven")).await;
        assert!(text.contains("From now on"), "{text}");
        browser.text("[data-receipts] li output", |text| text.contains("proven")).await;
        browser.picture("receipts-proven").await;
        let older = provider.ask("GET", "/log/checkpoint", None, None).await.body;

        pay(&world, "picture", &session, 2).await;
        browser.open(&format!("{}/wallet", provider.origin)).await;
        until("both receipts are kept", async || (kept(&world).await.len() == 2).then_some(()))
            .await;
        check(&world).await;
        browser.text(NOTE, |text| text.contains("2 of 2 receipts are proven. The log still")).await;
        saved_files_hold(&world).await;
        the_log_is_watched(&world, &session, older).await;
        let violations = browser.script("return window.__violations", Vec::new()).await;
        assert_eq!(violations, json!([]));
    });
}

/// What the page saves is what the command line takes.
async fn saved_files_hold(world: &World) {
    let folder = tempfile::tempdir().unwrap();
    let downloads = json!({"behavior": "allow", "downloadPath": folder.path()});
    world.browser.devtools("Page.setDownloadBehavior", downloads).await;
    let save = world.browser.see("[data-receipts-do=save]").await;
    world.browser.press(&save).await;
    let files = || std::fs::read_dir(folder.path()).unwrap().flatten().map(|file| file.path());
    let archive = until("the archive is saved", async || {
        files().find(|path| path.extension().is_some_and(|is| is == "tar"))
    })
    .await;
    let mut tar = std::process::Command::new("tar");
    let unpacked = tar.arg("xf").arg(&archive).arg("-C").arg(folder.path()).output().unwrap();
    assert!(unpacked.status.success(), "{}", String::from_utf8_lossy(&unpacked.stderr));
    let is_receipt = |path: &PathBuf| path.extension().is_some_and(|is| is == "tlog-proof");
    let key = world.provider.ask("GET", "/log/key", None, None).await.body;
    let key = String::from_utf8(key).unwrap();
    let mut arguments = vec!["verify".to_owned(), "receipt".to_owned()];
    let mut kept = kept(world).await;
    for file in files().filter(is_receipt) {
        let text = std::fs::read_to_string(&file).unwrap();
        kept.retain(|other| *other != text);
        arguments.push(file.display().to_string());
    }
    assert!(kept.is_empty(), "each is in the archive: {kept:?}");
    arguments.extend(["--key".to_owned(), key.trim().to_owned()]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = farthing_tests::daemon::run_to_end(&[], &arguments);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.matches("holds: ").count(), 2, "{text}");
}

/// A log that went back, one with another past, another log, and a receipt that was changed here.
async fn the_log_is_watched(world: &World, session: &str, older: Vec<u8>) {
    let (provider, browser) = (&world.provider, &world.browser);
    provider.proxy.stand_in("GET /log/checkpoint", move |_| older.clone());
    check(world).await;
    browser.text(ALARM, |text| text.contains("rolled_back") && text.contains("rolled back")).await;
    browser.picture("receipts-rolled-back").await;
    provider.proxy.be_honest();
    // The log grows, and the proof of how it grew is not one.
    pay(world, "interview", session, 3).await;
    provider.proxy.lie("GET /v1/log/consistency", |mut body| {
        let at = body.len() / 2;
        body[at] = if body[at] == b'A' { b'B' } else { b'A' };
        body
    });
    browser.open(&format!("{}/wallet", provider.origin)).await;
    until("the third receipt is kept", async || (kept(world).await.len() == 3).then_some(())).await;
    check(world).await;
    browser.text(ALARM, |text| text.contains("split_view")).await;
    browser.picture("receipts-split-view").await;
    provider.proxy.be_honest();
    let script = "const done = arguments[arguments.length - 1];
        indexedDB.open('farthing-receipts').onsuccess = ({ target: { result: db } }) => {
          const transaction = db.transaction('receipts', 'readwrite');
          const at = transaction.objectStore('receipts');
          at.getAll().onsuccess = ({ target }) => {
            const [first] = target.result;
            at.put({ ...first, text: first.text.replace(/index \\d+/, 'index 0') }, first.entry);
          };
          transaction.oncomplete = () => { db.close(); done(null); };
        };";
    browser.client.execute_async(script, Vec::new()).await.unwrap();
    check(world).await;
    browser.text("[data-receipts]", |text| text.contains("does not hold")).await;
    browser.picture("receipts-bad").await;
}
