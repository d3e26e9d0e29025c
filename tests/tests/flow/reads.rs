//! Quotes, offers, sessions, and who may read what.

use axum::http::StatusCode;
use farthing_shared::{SigningKey, item_hash};
use farthing_tests::actors::{ORIGIN, Visitor};
use farthing_tests::inprocess::{Verifier, text};
use farthing_tests::ledger::CREATOR;
use serde_json::json;

use super::{Test, quote_path, sound};

/// A quote does not promise what the claim that comes next would be refused: it would be one too many for this minute.
#[tokio::test]
async fn a_quote_knows_how_many_claims_a_minute_may_have() -> Test {
    let mut verifier = Verifier::start().await;
    let mut visitor = verifier.visitor(1, "1.00").await;
    let permission = visitor.permission(1, CREATOR, "0.12", verifier.now());
    assert_eq!(verifier.permit(&visitor, &permission).await.status, StatusCode::OK);
    let most = verifier.app.policy.claims_per_key_per_minute;
    let quote = quote_path("essay");
    for number in 1..=most {
        let claim = visitor.view(CREATOR, "nothing", "0.05", verifier.now());
        let refused = verifier.charge(&visitor.sign(&claim)).await.json();
        assert_eq!(refused["outcome"], "unknown_item", "{number}");
        if number >= most - 1 {
            let quoted = verifier.get_as(&quote, &visitor.spending).await.json();
            assert_eq!(quoted["automatic"], number < most, "{number}");
        }
    }
    verifier.wait_ms(60_000);
    assert_eq!(verifier.get_as(&quote, &visitor.spending).await.json()["automatic"], true);
    sound(&verifier)
}

#[tokio::test]
async fn reads_need_the_right_signature() -> Test {
    let mut verifier = Verifier::start().await;
    let ada = verifier.visitor(1, "1.00").await;
    let bob = verifier.visitor(2, "1.00").await;
    let path = format!("/v1/wallets/{}", ada.root_key());
    assert_eq!(verifier.get(&path).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(verifier.get_as(&path, &bob.root).await.status, StatusCode::FORBIDDEN);
    assert_eq!(verifier.get_as(&path, &ada.spending).await.status, StatusCode::FORBIDDEN);
    assert_eq!(verifier.get_as(&path, &ada.root).await.status, StatusCode::OK);
    // Signed for one address, used for another; signed long ago; signed for another method.
    let entries = format!("{path}/entries");
    for (access, late_ms) in [
        (verifier.access("GET", &entries, &ada.root), 0),
        (verifier.access("POST", &path, &ada.root), 0),
        (verifier.access("GET", &path, &ada.root), 120_001),
    ] {
        verifier.wait_ms(late_ms);
        let request = axum::http::Request::get(&path).header("authorization", access);
        let answer = verifier.send(request.body(axum::body::Body::empty())?).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer:?}");
    }
    // A cursor does not lead into another wallet's history.
    for cursor in 1..5 {
        let path = format!("{entries}?cursor={cursor}");
        let answer = verifier.get_as(&path, &ada.root).await;
        let rows = answer.json();
        let foreign = answer.status == StatusCode::OK
            && rows["data"].as_array().is_some_and(|rows| rows.iter().any(|r| r["entry"] == 2));
        assert!(!foreign, "entry 2 is Bob's: {rows}");
    }
    Ok(())
}

#[tokio::test]
async fn signed_offers_set_prices_and_forged_ones_do_not() -> Test {
    use farthing_shared::{Offer, title_hash};
    let verifier = Verifier::start().await;
    let key = SigningKey::from_seed(&[5; 32]);
    let sites = [ORIGIN.to_owned()];
    let public = key.public().to_text();
    let draft =
        farthing_verifier::admin::creator_draft(CREATOR, "B", &sites, "10.00", Some(&public))
            .map_err(|(field, why)| format!("{field}: {why}"))?;
    verifier
        .app
        .intake
        .ask(farthing_rules::Command::SaveCreator(draft))
        .await
        .map_err(|e| format!("{e:?}"))?;
    let offer = Offer {
        verifier: verifier.id(),
        creator: CREATOR,
        key: key.public(),
        item: item_hash(&CREATOR, "song")?,
        title: title_hash("A song")?,
        price: farthing_tests::actors::micros("0.07"),
        issued_at: verifier.now(),
        expires_at: verifier.now().plus_ms(10_000),
        currency: farthing_tests::actors::eur(),
    };
    let ask = async |offer: &Offer, key: &SigningKey, title: &str| {
        let signed = text(&offer.sign(key).encode());
        let title = title.replace(' ', "%20");
        let path = format!(
            "/v1/quote?creator={CREATOR}&item=song&origin={ORIGIN}&offer={signed}&title={title}"
        );
        verifier.get(&path).await
    };
    let thief = SigningKey::from_seed(&[6; 32]);
    let stolen = Offer { key: thief.public(), ..offer };
    assert_eq!(ask(&offer, &thief, "A song").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(ask(&stolen, &thief, "A song").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(ask(&offer, &key, "Another").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(ask(&offer, &key, "A song").await.json()["price"], "0.07");
    // An older, cheaper offer changes nothing; a newer one does; and an expired one sells nothing.
    let cheaper = farthing_tests::actors::micros("0.01");
    let old = Offer { price: cheaper, issued_at: farthing_shared::UnixMillis(1), ..offer };
    assert_eq!(ask(&old, &key, "A song").await.json()["price"], "0.07");
    verifier.wait_ms(1);
    let new = Offer { price: cheaper, issued_at: verifier.now(), ..offer };
    assert_eq!(ask(&new, &key, "A song").await.json()["price"], "0.01");
    verifier.wait_ms(10_000);
    assert_eq!(ask(&new, &key, "A song").await.status, StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn creators_sessions_end_with_a_new_link() -> Test {
    let verifier = Verifier::start().await;
    let session = verifier.sign_in().await;
    assert_eq!(verifier.get_with("/v1/creator", &session).await.status, StatusCode::OK);
    let sites = [ORIGIN.to_owned()];
    let mut draft =
        farthing_verifier::admin::creator_draft(CREATOR, "The Blog", &sites, "10.00", None)
            .map_err(|(field, why)| format!("{field}: {why}"))?;
    draft.revoke_links = true;
    verifier
        .app
        .intake
        .ask(farthing_rules::Command::SaveCreator(draft))
        .await
        .map_err(|e| format!("{e:?}"))?;
    let answer = verifier.get_with("/v1/creator", &session).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    verifier.wait_ms(31 * 86_400_000);
    assert_eq!(verifier.get("/v1/creator").await.status, StatusCode::UNAUTHORIZED);
    Ok(())
}

/// Signing out ends the session and no other, for good.
#[tokio::test]
async fn a_session_that_was_signed_out_of_is_worth_nothing() -> Test {
    let verifier = Verifier::start().await;
    let session = verifier.sign_in().await;
    verifier.wait_ms(1);
    let other = verifier.sign_in().await;
    let leave = async |session: Option<&str>| {
        let mut request = axum::http::Request::delete("/v1/creator/sessions");
        if let Some(session) = session {
            request = request.header("authorization", format!("Bearer {session}"));
        }
        verifier.send(request.body(axum::body::Body::empty()).unwrap()).await.status
    };
    assert_eq!(leave(None).await, StatusCode::UNAUTHORIZED);
    assert_eq!(leave(Some(&session)).await, StatusCode::NO_CONTENT);
    assert_eq!(leave(Some(&session)).await, StatusCode::UNAUTHORIZED, "it has ended");
    assert_eq!(verifier.get_with("/v1/creator", &session).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(verifier.get_with("/v1/creator", &other).await.status, StatusCode::OK);
    let kept = std::fs::read_to_string(verifier.app.config.data.join("ended-sessions"))?;
    assert_eq!(kept.lines().filter(|line| !line.is_empty()).count(), 1, "{kept}");
    Ok(())
}

#[tokio::test]
async fn every_route_is_documented_and_every_document_is_a_route() -> Test {
    let verifier = Verifier::start().await;
    let document = verifier.get("/openapi.json").await.json();
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(schemes["session"]["scheme"], "bearer");
    assert_eq!(
        (&schemes["signed_read"]["in"], &schemes["signed_read"]["name"]),
        (&json!("header"), &json!("Authorization"))
    );
    let paths = document["paths"].as_object().ok_or("paths")?;
    for (path, methods) in paths {
        let filled = path
            .replace("{root}", &Visitor::new(1, verifier.id()).root_key().to_text())
            .replace("{key}", &Visitor::new(1, verifier.id()).root_key().to_text())
            .replace("{finding}", "1")
            .replace("{name}", &"A".repeat(22))
            .replace("{id}", &farthing_shared::ClaimId([0; 32]).to_text());
        for (method, operation) in methods.as_object().ok_or("methods")? {
            let request =
                axum::http::Request::builder().uri(&filled).method(method.to_uppercase().as_str());
            let answer = verifier.send(request.body(axum::body::Body::empty())?).await;
            let nowhere =
                answer.json()["detail"].as_str().is_some_and(|d| d.contains("there is nothing at"));
            assert!(!nowhere && answer.status != StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            // Who says nothing of themselves is turned away where the document says so, and nowhere else.
            let must =
                operation["security"].as_array().is_some_and(|all| !all.contains(&json!({})));
            assert_eq!(
                answer.status == StatusCode::UNAUTHORIZED,
                must,
                "{method} {path}: {answer:?}"
            );
            let responses = operation["responses"].as_object().ok_or("responses")?;
            let wrong = responses.iter().filter(|(status, _)| !status.starts_with(['2', '3']));
            for (status, response) in wrong {
                let types: Vec<_> =
                    response["content"].as_object().ok_or("content")?.keys().collect();
                assert_eq!(types, ["application/problem+json"], "{method} {path} {status}");
            }
            assert!(responses.contains_key("default"), "{method} {path}");
            let problem = answer.kind == "application/problem+json";
            assert!(answer.status.is_success() || problem, "{method} {path}: {answer:?}");
        }
    }
    let wrong = ["/v1/wallets/%ff/findings/1/answers", "/v1/creator/findings/one/answers"];
    for path in wrong {
        let request = axum::http::Request::post(path).header("authorization", "Bearer x");
        let answer = verifier.send(request.body(axum::body::Body::empty())?).await;
        assert_eq!(answer.kind, "application/problem+json", "{path}: {answer:?}");
    }
    for path in ["/log/tile/%ff", "/a/%ff", "/l/%ff", "/v1/backups/%ff"] {
        let answer = verifier.get(path).await;
        assert_eq!(answer.json()["code"], "bad_request", "{path}: {answer:?}");
    }
    assert_eq!(paths.len(), 42, "routes below /v1 and /log, and the health routes");
    Ok(())
}
