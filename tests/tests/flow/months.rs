//! Ceilings: what a creator takes in a month at most, and what is open then.

use axum::http::StatusCode;
use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_shared::{Allowance, CreatorId, SigningKey, item_hash};
use farthing_tests::actors::{ORIGIN, Visitor, micros, seed};
use farthing_tests::inprocess::{Verifier, text};
use farthing_tests::ledger::CREATOR;
use serde_json::{Value, json};

use super::{Test, pick, quote_path, sound};

/// When November ends, in which these tests play.
const MONTH_ENDS: &str = "2026-12-01T00:00:00.000Z";

/// A creator that takes 0.07 a month, with an essay and a song at 0.05 and a film at 0.50; a visitor that has
/// paid the essay.
async fn under_a_ceiling() -> Result<(Verifier, Visitor), Box<dyn std::error::Error>> {
    let mut verifier = Verifier::start().await;
    let sites = [ORIGIN.to_owned()];
    let mut draft =
        farthing_verifier::admin::creator_draft(CREATOR, "The Blog", &sites, "10.00", None)
            .map_err(|(field, why)| format!("{field}: {why}"))?;
    draft.month_max = Some(micros("0.07"));
    let saved = verifier.app.intake.ask(farthing_rules::Command::SaveCreator(draft)).await;
    saved.map_err(|e| format!("{e:?}"))?;
    let price = farthing_verifier::admin::set_item_command(CREATOR, "song", "song", "0.05", true)
        .map_err(|(field, why)| format!("{field}: {why}"))?;
    verifier.app.intake.ask(price).await.map_err(|e| format!("{e:?}"))?;
    let mut visitor = verifier.visitor(1, "1.00").await;
    let essay = visitor.view(CREATOR, "essay", "0.05", verifier.now());
    assert_eq!(verifier.charge(&visitor.sign(&essay)).await.json()["outcome"], "accepted");
    Ok((verifier, visitor))
}

/// What is due under a ceiling is said by the quote to whoever signs for a key, and only that is charged.
#[tokio::test]
async fn once_a_month_is_paid_everything_is_open() -> Test {
    let (verifier, mut visitor) = under_a_ceiling().await?;
    let (path, until) = (quote_path, json!(MONTH_ENDS));
    let stranger = verifier.get(&path("song")).await.json();
    let month = json!({"most": "0.07", "paid": null, "until": until});
    assert_eq!((&stranger["price"], &stranger["month"]), (&json!("0.05"), &month));

    let quote = verifier.get_as(&path("song"), &visitor.spending).await.json();
    let month = json!({"most": "0.07", "paid": "0.05", "until": until});
    assert_eq!((&quote["price"], &quote["month"]), (&json!("0.02"), &month));
    let song = visitor.view(CREATOR, "song", "0.05", verifier.now());
    let refused = verifier.charge(&visitor.sign(&song)).await.json();
    assert_eq!(
        json!(pick(&refused, &["outcome", "charged", "retry"])),
        json!(["price_changed", false, "after_quote"])
    );
    let song = visitor.view(CREATOR, "song", "0.02", verifier.now());
    let paid = verifier.charge(&visitor.sign(&song)).await.json();
    assert_eq!(json!(pick(&paid, &["outcome", "amount"])), json!(["accepted", "0.02"]));

    let key = verifier.app.secrets.content_key(&CREATOR, &item_hash(&CREATOR, "film")?);
    let quote = verifier.get_as(&path("film"), &visitor.spending).await.json();
    let names = ["entry", "at", "amount", "open_until", "content_key", "claim_id"];
    assert_eq!(
        json!(pick(&quote["owned"], &names)),
        json!([null, null, "0.00", until, Base64UrlUnpadded::encode_string(&key), null])
    );
    assert_eq!(quote["price"], "0.50");
    let film = visitor.view(CREATOR, "film", "0.50", verifier.now());
    let refused = verifier.charge(&visitor.sign(&film)).await.json();
    assert_eq!(
        json!(pick(&refused, &["outcome", "charged", "content_key"])),
        json!(["price_changed", false, null])
    );
    let wallet = format!("/v1/wallets/{}", visitor.root_key());
    let wallet = verifier.get_as(&wallet, &visitor.root).await.json();
    let month = json!({"most": "0.07", "paid": "0.07", "until": until});
    assert_eq!(wallet["allowances"][0]["month"], month);
    sound(&verifier)
}

#[tokio::test]
async fn what_is_open_is_open_to_its_wallet_alone() -> Test {
    let (mut verifier, mut visitor) = under_a_ceiling().await?;
    let (path, until) = (quote_path, json!(MONTH_ENDS));
    let song = visitor.view(CREATOR, "song", "0.02", verifier.now());
    assert_eq!(verifier.charge(&visitor.sign(&song)).await.json()["outcome"], "accepted");
    let key = verifier.app.secrets.content_key(&CREATOR, &item_hash(&CREATOR, "film")?);
    // What was bought says so, and nobody else is let in: not without a signature, nor as another wallet.
    let quote = verifier.get_as(&path("song"), &visitor.spending).await.json();
    assert_eq!(
        (&quote["owned"]["amount"], &quote["owned"]["open_until"]),
        (&json!("0.02"), &json!(null))
    );
    let other = verifier.visitor(2, "1.00").await;
    for quote in [
        verifier.get(&path("film")).await.json(),
        verifier.get_as(&path("film"), &other.spending).await.json(),
        verifier.get_as(&path("film"), &visitor.root).await.json(),
    ] {
        // More than the ceiling is due from nobody.
        assert_eq!((&quote["owned"], &quote["price"]), (&json!(null), &json!("0.07")));
    }
    // Word for a frame that the wallet page cannot reach.
    let name = "0f1e2d3c-4b5a-4678-9abc-def012345678";
    for (who, status) in [(&other, StatusCode::NOT_FOUND), (&visitor, StatusCode::NO_CONTENT)] {
        assert_eq!(leave(&verifier, who, name, "film").await?, status);
    }
    let heard = verifier.get(&format!("/v1/notices/{name}")).await.json();
    assert_eq!(heard["content_key"], Base64UrlUnpadded::encode_string(&key));
    // A key that was replaced opens nothing any more.
    let anew =
        Visitor { spending: SigningKey::from_seed(&seed(1, 9)), ..Visitor::new(1, verifier.id()) };
    let terms = Allowance { serial: 2, ..anew.terms(CREATOR, verifier.now().plus_ms(1_000)) };
    let body = json!({ "allowance": text(&anew.allow(&terms).encode()) });
    assert_eq!(verifier.post("/v1/allowances", &body).await.status, StatusCode::OK);
    let quote = verifier.get_as(&path("film"), &visitor.spending).await.json();
    assert_eq!(quote["owned"], Value::Null);
    let quote = verifier.get_as(&path("film"), &anew.spending).await.json();
    assert_eq!(quote["owned"]["open_until"], until);
    sound(&verifier)
}

/// Leaves word for a frame, signed by a visitor's spending key.
async fn leave(
    verifier: &Verifier,
    who: &Visitor,
    name: &str,
    item: &str,
) -> Result<StatusCode, Box<dyn std::error::Error>> {
    let access = verifier.access("POST", "/v1/notices", &who.spending);
    let body = json!({"name": name, "creator": CREATOR.to_text(), "item": item});
    let request = axum::http::Request::post("/v1/notices")
        .header("content-type", "application/json")
        .header("authorization", access)
        .body(axum::body::Body::from(body.to_string()))?;
    Ok(verifier.send(request).await.status)
}

/// A spending key that ended with its root key hears nothing of what its wallet has: neither by quotes nor by
/// notices, neither what was bought nor what the month opens.
#[tokio::test]
async fn a_browser_that_was_cut_off_opens_nothing() -> Test {
    let (verifier, mut visitor) = under_a_ceiling().await?;
    let song = visitor.view(CREATOR, "song", "0.02", verifier.now());
    assert_eq!(verifier.charge(&visitor.sign(&song)).await.json()["outcome"], "accepted");
    let items = ["essay", "film"];
    for (number, item) in items.iter().enumerate() {
        let name = format!("0f1e2d3c-4b5a-4678-9abc-def01234567{number}");
        assert_eq!(leave(&verifier, &visitor, &name, item).await?, StatusCode::NO_CONTENT);
    }
    let next = SigningKey::from_seed(&seed(1, 77));
    let rotation = visitor.rotation(&next, verifier.now());
    assert_eq!(verifier.rotate(&visitor, &rotation).await.status, StatusCode::OK);
    for item in items {
        let quote = verifier.get_as(&quote_path(item), &visitor.spending).await.json();
        assert_eq!(quote["owned"], Value::Null, "{item}");
        assert_eq!(quote["month"]["paid"], "0.00", "{item}");
        let name = "1f1e2d3c-4b5a-4678-9abc-def012345678";
        assert_eq!(leave(&verifier, &visitor, name, item).await?, StatusCode::NOT_FOUND, "{item}");
    }
    sound(&verifier)
}

/// What a wallet paid one creator opens nothing to the key that it has for another one.
#[tokio::test]
async fn a_key_of_another_creator_opens_nothing() -> Test {
    let (verifier, mut visitor) = under_a_ceiling().await?;
    let other = CreatorId([0xc2; 16]);
    let sites = [ORIGIN.to_owned()];
    let draft = farthing_verifier::admin::creator_draft(other, "Other", &sites, "10.00", None);
    let mut draft = draft.map_err(|(field, why)| format!("{field}: {why}"))?;
    draft.month_max = Some(micros("0.07"));
    let saved = verifier.app.intake.ask(farthing_rules::Command::SaveCreator(draft)).await;
    saved.map_err(|e| format!("{e:?}"))?;
    let price = farthing_verifier::admin::set_item_command(other, "song", "song", "0.07", true)
        .map_err(|(field, why)| format!("{field}: {why}"))?;
    verifier.app.intake.ask(price).await.map_err(|e| format!("{e:?}"))?;
    visitor.spending = SigningKey::from_seed(&seed(1, 78));
    assert_eq!(verifier.allow(&visitor, other).await.status, StatusCode::OK);
    let song = visitor.view(other, "song", "0.07", verifier.now());
    assert_eq!(verifier.charge(&visitor.sign(&song)).await.json()["outcome"], "accepted");
    let quote = verifier.get_as(&quote_path("film"), &visitor.spending).await.json();
    assert_eq!(json!(pick(&quote["month"], &["paid"])), json!(["0.00"]), "{quote}");
    assert_eq!(quote["owned"], Value::Null, "{quote}");
    let name = "1f1e2d3c-4b5a-4678-9abc-def012345679";
    assert_eq!(leave(&verifier, &visitor, name, "film").await?, StatusCode::NOT_FOUND);
    sound(&verifier)
}

/// What the lists call refundable is what a refund gives back.
#[tokio::test]
async fn what_opened_the_month_is_not_called_refundable() -> Test {
    let (verifier, mut visitor) = under_a_ceiling().await?;
    let until = async |verifier: &Verifier, visitor: &Visitor, item: &str| {
        let quote = verifier.get_as(&quote_path(item), &visitor.spending).await.json();
        quote["owned"]["refundable_until"].clone()
    };
    let essay = until(&verifier, &visitor, "essay").await;
    assert!(essay.is_string(), "{essay}");
    let song = visitor.view(CREATOR, "song", "0.02", verifier.now());
    assert_eq!(verifier.charge(&visitor.sign(&song)).await.json()["outcome"], "accepted");
    let path = format!("/v1/wallets/{}/entries", visitor.root_key());
    for (wait_ms, refundable) in [(59_999, true), (1, false)] {
        verifier.wait_ms(wait_ms);
        assert_eq!(until(&verifier, &visitor, "essay").await, Value::Null);
        assert_eq!(until(&verifier, &visitor, "song").await.is_string(), refundable);
        let entries = verifier.get_as(&path, &visitor.root).await.json();
        let listed = [0, 1].map(|n| entries["data"][n]["refundable_until"].is_string());
        assert_eq!(listed, [refundable, false], "{entries}");
    }
    Ok(())
}
