//! What the creator reads about payments that were turned away, with real claims of a thief.

use std::path::Path;
use std::rc::Rc;

use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_shared::{Challenge, Claim, CreatorId, VerifierId, origin_hash};
use farthing_tests::actors::Visitor;
use farthing_tests::provider::Provider;
use farthing_tests::wait::until;
use farthing_tests::world::{World, browser_test};
use farthing_verifier::clock::Clock;
use serde_json::{Value, json};

async fn post(provider: &Provider, path: &str, body: Value) -> Value {
    let answer = provider.ask("POST", path, None, Some(body)).await;
    assert!(answer.status < 300, "{path}: {}", answer.json());
    answer.json()
}

/// Opens a wallet with welcome credit over HTTP and lets its key spend at `creator` from `origin`.
pub async fn opened(provider: &Provider, creator: CreatorId, origin: &str) -> Visitor {
    opened_as(provider, 7, creator, origin).await
}

async fn opened_as(provider: &Provider, number: u64, creator: CreatorId, origin: &str) -> Visitor {
    let about = provider.ask("GET", "/v1/provider", None, None).await.json();
    let id = VerifierId::parse(about["verifier"].as_str().unwrap()).unwrap();
    let origin = origin_hash(origin).unwrap();
    let visitor = Visitor { origin, ..Visitor::new(number, id) };
    let challenge = post(provider, "/v1/challenges", json!({})).await;
    let challenge =
        Base64UrlUnpadded::decode_vec(challenge["challenge"].as_str().unwrap()).unwrap();
    let opening = visitor.opening(Challenge::decode(&challenge).unwrap()).encode();
    let text = Base64UrlUnpadded::encode_string(&opening);
    post(provider, "/v1/wallets", json!({ "opening": text })).await;
    let terms = visitor.terms(creator, Clock::System.now().plus_ms(86_400_000));
    let text = Base64UrlUnpadded::encode_string(&visitor.allow(&terms).encode());
    post(provider, "/v1/allowances", json!({ "allowance": text })).await;
    visitor
}

/// A visitor whose welcome credit is spent at `creator`, with 5.00 of its own.
pub async fn with_own_money(provider: &Provider, creator: CreatorId) -> Visitor {
    with_own_money_as(provider, 7, creator).await
}

/// The same for one of several visitors.
pub async fn with_own_money_as(provider: &Provider, number: u64, creator: CreatorId) -> Visitor {
    let mut visitor = opened_as(provider, number, creator, &provider.origin).await;
    let path = format!("/v1/wallets/{}/top-ups", visitor.root_key());
    post(provider, &path, json!({ "voucher": provider.voucher("5.00").await })).await;
    for _ in 0..2 {
        let claim = visitor.donation(creator, "0.50", Clock::System.now());
        assert_eq!(charge(provider, &visitor.sign(&claim).encode()).await, json!("accepted"));
    }
    visitor
}

pub async fn charge(provider: &Provider, bytes: &[u8]) -> Value {
    let text = Base64UrlUnpadded::encode_string(bytes);
    let answer = post(provider, "/v1/claims", json!({ "claim": text })).await;
    answer["outcome"].clone()
}

/// The same payment twice, another one under its number, and one with a broken signature.
async fn steal(provider: &Provider, creator: CreatorId) -> (Vec<u8>, Vec<u8>) {
    let mut visitor = opened(provider, creator, farthing_tests::actors::ORIGIN).await;
    let good = visitor.donation(creator, "0.05", Clock::System.now());
    let twin = Claim { expires_at: good.expires_at.plus_ms(1), ..good };
    let (good, twin) = (visitor.sign(&good).encode(), visitor.sign(&twin).encode());
    assert_eq!(charge(provider, &good).await, json!("accepted"));
    assert_eq!(charge(provider, &good).await, json!("accepted"), "the first answer, again");
    assert_eq!(charge(provider, &twin).await, json!("equivocation"));
    let donation = visitor.donation(creator, "0.01", Clock::System.now());
    let mut forged = visitor.sign(&donation).encode();
    forged[200] ^= 1;
    assert_eq!(charge(provider, &forged).await, json!("forged"));
    (good.to_vec(), twin.to_vec())
}

#[test]
fn refusals_are_explained_and_evidence_is_checked_and_saved() {
    browser_test("refused", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        // A thief's own site is one that the creator lists, so that only the claims are wrong.
        let creator = provider.creator("A blog", farthing_tests::actors::ORIGIN).await;
        let id = CreatorId::parse(&creator.id).unwrap();
        let (good, twin) = steal(provider, id).await;

        let folder = tempfile::tempdir().unwrap();
        let downloads = json!({"behavior": "allow", "downloadPath": folder.path()});
        browser.devtools("Page.setDownloadBehavior", downloads).await;
        browser.open(&creator.link).await;
        // Tallies of what was refused early are written with the next batch or a little later.
        until("the page counts the refusals", async || {
            browser.open(&format!("{}/creator#refused", provider.origin)).await;
            browser.client.refresh().await.ok()?;
            let text = browser.text("#refusals", |text| !text.is_empty()).await;
            text.contains("Forged signatures").then_some(())
        })
        .await;
        let text = browser.text("#refusals", |text| text.contains("Double signing")).await;
        assert!(text.contains("Duplicates"), "{text}");
        let check = browser.text("#evidence .checked", |text| !text.is_empty()).await;
        assert!(check.contains("both signatures hold"), "{check}");
        browser.picture("creator-refused").await;

        for (which, bytes) in [(0, good), (1, twin)] {
            let buttons =
                browser.client.find_all(fantoccini::Locator::Css("#evidence button")).await;
            browser.press(&buttons.unwrap()[which]).await;
            saved(folder.path(), "bin", &bytes).await;
        }
        browser.open(&format!("{}/creator#overview", provider.origin)).await;
        let csv = browser.see("#csv").await;
        browser.press(&csv).await;
        browser.text("#csv-status", |text| text.contains("Saved as")).await;
        let session = provider.sign_in(&creator).await;
        let expected = provider.ask("GET", "/v1/creator/claims.csv", Some(&session), None).await;
        saved(folder.path(), "csv", &expected.body).await;

        let statement = browser.see("#statement").await;
        browser.press(&statement).await;
        browser.text("#csv-status", |text| text.contains("with this command")).await;
        let expected = provider.ask("GET", "/v1/creator/statement", Some(&session), None).await;
        saved(folder.path(), "farthing-statement", &expected.body).await;
        let key = provider.ask("GET", "/log/key", None, None).await;
        let key = String::from_utf8(key.body).unwrap();
        // The command on the page is the one that is run here.
        let whole = format!("--key '{}' --creator {}", key.trim(), creator.id);
        let command = browser.text("#statement-command code", |text| !text.is_empty()).await;
        assert!(command.starts_with("farthing verify statement farthing-payments-"), "{command}");
        assert!(command.ends_with(&whole), "{command}");
        browser.picture("creator-statement").await;
        verify(folder.path(), key.trim());
    });
}

/// Checks the downloaded statement as its creator would: offline, with the log's key alone.
fn verify(folder: &Path, key: &str) {
    let files = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let mut files =
        files.filter(|path| path.extension().is_some_and(|is| is == "farthing-statement"));
    let file = files.next().unwrap();
    let arguments = ["verify", "statement", file.to_str().unwrap(), "--key", key];
    let output = farthing_tests::daemon::run_to_end(&[], &arguments);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains('1'), "it says what is proven: {said}");
}

/// Waits until a downloaded file of this kind holds exactly `bytes`.
async fn saved(folder: &Path, ending: &str, bytes: &[u8]) {
    until("the file is saved", async || {
        let files = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
        let mut files = files.filter(|path| path.extension().is_some_and(|is| is == ending));
        files.any(|path| std::fs::read(path).is_ok_and(|held| held == bytes)).then_some(())
    })
    .await;
}
