//! Claims: paid once however often and by however many they are sent, batches, forgeries, what is refused.

use axum::http::StatusCode;
use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_shared::{Claim, SigningKey, item_hash};
use farthing_tests::actors::{ORIGIN, Visitor, seed};
use farthing_tests::inprocess::{Verifier, text};
use farthing_tests::ledger::CREATOR;
use farthing_tests::wait::until;
use serde_json::{Value, json};

use super::{Test, pick, sound};

#[tokio::test]
async fn a_payment_reaches_the_creators_total() -> Test {
    let mut verifier = Verifier::start().await;
    let mut visitor = verifier.visitor(1, "1.00").await;
    let path = format!("/v1/quote?creator={CREATOR}&item=essay&origin={ORIGIN}");
    let quote = verifier.get_as(&path, &visitor.spending).await.json();
    assert_eq!(quote["price"], "0.05");
    assert_eq!(quote["owned"], Value::Null);
    assert_eq!(quote["allowance"]["cap"], "2.00");
    assert_eq!(quote["allowance"]["balance"], "1.00");

    let claim = visitor.view(CREATOR, "essay", "0.05", verifier.now());
    let signed = visitor.sign(&claim);
    let paid = verifier.charge(&signed).await.json();
    let names = ["outcome", "charged", "repeat", "amount", "currency", "retry"];
    let expected = json!(["accepted", true, false, "0.05", "EUR", "unneeded"]);
    assert_eq!(json!(pick(&paid, &names)), expected);
    let key = verifier.app.secrets.content_key(&CREATOR, &item_hash(&CREATOR, "essay")?);
    assert_eq!(paid["content_key"], Base64UrlUnpadded::encode_string(&key));

    let again = verifier.charge(&signed).await.json();
    assert_eq!(again["repeat"], true);
    assert_eq!(again["entry"], paid["entry"]);
    let status = format!("/v1/claims/{}?key={}&sequence=1", claim.id(), claim.key);
    assert_eq!(verifier.get(&status).await.json()["entry"], paid["entry"]);
    let owned = verifier.get_as(&path, &visitor.spending).await.json();
    assert_eq!(owned["owned"]["content_key"], paid["content_key"]);
    // The wallet page has no key for this site yet, and knows what is the wallet's all the same.
    let asked_by_root = verifier.get_as(&path, &visitor.root).await.json();
    assert_eq!(asked_by_root["owned"], owned["owned"]);
    assert_eq!(asked_by_root["allowance"], Value::Null);
    assert_eq!(verifier.balance(&visitor).await, "0.95");

    let session = verifier.sign_in().await;
    let totals = verifier.get_with("/v1/creator/totals", &session).await.json();
    assert_eq!((&totals["held"], &totals["payable"]), (&json!("0.05"), &json!("0.00")));
    let today =
        json!({"count": 1, "total": "0.05", "free": "0.00", "refunds": 0, "refunded": "0.00"});
    assert_eq!(totals["today"], today);
    assert_eq!(totals["items"][0]["name"], "essay");
    assert_eq!(totals["days"].as_array().map(Vec::len), Some(30));
    verifier.wait_ms(960_000);
    verifier.app.intake.tend().await;
    let totals = verifier.get_with("/v1/creator/totals", &session).await.json();
    assert_eq!((&totals["held"], &totals["payable"]), (&json!("0.00"), &json!("0.05")));
    sound(&verifier)
}

#[tokio::test]
async fn a_thousand_copies_at_once_are_charged_once() -> Test {
    let mut verifier = Verifier::start().await;
    let mut visitor = verifier.visitor(1, "1.00").await;
    let claim = visitor.view(CREATOR, "essay", "0.05", verifier.now());
    let signed = visitor.sign(&claim);
    let verifier = std::sync::Arc::new(verifier);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let (verifier, signed) = (verifier.clone(), signed.clone());
        tasks.spawn(async move { verifier.charge(&signed).await.json() });
    }
    let answers = tasks.join_all().await;
    let firsts = answers.iter().filter(|answer| answer["repeat"] == false).count();
    assert_eq!(firsts, 1);
    assert!(answers.iter().all(|answer| answer["entry"] == answers[0]["entry"]));
    assert!(answers.iter().all(|answer| answer["outcome"] == "accepted"));
    assert_eq!(verifier.balance(&visitor).await, "0.95");
    sound(&verifier)
}

#[tokio::test]
async fn parallel_claims_on_the_last_cent_take_it_once() -> Test {
    let mut verifier = Verifier::start().await;
    let mut ada = verifier.visitor(1, "0.01").await;
    let mut claims = vec![ada.donation(CREATOR, "0.01", verifier.now())];
    let mut signed: Vec<_> = claims.iter().map(|claim| ada.sign(claim)).collect();
    for device in 2..60_u32 {
        let spending = SigningKey::from_seed(&seed(u64::from(device), 9));
        let mut phone = Visitor { spending, ..Visitor::new(1, verifier.id()) };
        let mut terms = phone.terms(CREATOR, verifier.now().plus_ms(86_400_000));
        terms.device = device;
        let body = json!({ "allowance": text(&phone.allow(&terms).encode()) });
        assert_eq!(verifier.post("/v1/allowances", &body).await.status, StatusCode::OK);
        let claim = phone.donation(CREATOR, "0.01", verifier.now());
        signed.push(phone.sign(&claim));
        claims.push(claim);
    }
    let verifier = std::sync::Arc::new(verifier);
    let mut tasks = tokio::task::JoinSet::new();
    for claim in signed {
        let verifier = verifier.clone();
        tasks.spawn(async move { verifier.charge(&claim).await.json()["outcome"].clone() });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "accepted").count(), 1);
    let poor = outcomes.iter().filter(|outcome| **outcome == "insufficient_balance").count();
    assert_eq!(poor, outcomes.len() - 1);
    assert_eq!(verifier.balance(&ada).await, "0.00");
    sound(&verifier)
}

#[tokio::test]
async fn batches_answer_each_claim_in_its_place() -> Test {
    let mut verifier = Verifier::start().await;
    let mut visitor = verifier.visitor(1, "1.00").await;
    let mut stranger = Visitor::new(2, verifier.id());
    let good = visitor.view(CREATOR, "essay", "0.05", verifier.now());
    let poor = visitor.view(CREATOR, "film", "0.50", verifier.now());
    let donation = visitor.donation(CREATOR, "0.01", verifier.now());
    let mut forged = visitor.sign(&donation).encode();
    forged[255] ^= 1;
    let unknown = stranger.donation(CREATOR, "0.01", verifier.now());
    let mut expired = visitor.donation(CREATOR, "0.01", verifier.now());
    expired.expires_at = verifier.now();
    let body = [
        visitor.sign(&good).encode(),
        stranger.sign(&unknown).encode(),
        forged,
        visitor.sign(&good).encode(),
        visitor.sign(&expired).encode(),
        visitor.sign(&poor).encode(),
    ]
    .concat();
    let answer = verifier.batch(body).await;
    assert_eq!(answer.status, StatusCode::OK);
    let answers: Vec<(u16, u8)> = answer
        .bytes
        .chunks_exact(16)
        .map(|row| (u16::from_be_bytes([row[0], row[1]]), row[2]))
        .collect();
    assert_eq!(answers, [(1, 1), (13, 0), (16, 0), (1, 3), (14, 0), (1, 1)]);

    let whole = [visitor.sign(&good).encode().to_vec(), vec![0; 256]].concat();
    for wrong in [Vec::new(), vec![0; 255], vec![0; 256 * 1_001], whole] {
        let answer = verifier.batch(wrong).await;
        assert!(answer.status.is_client_error(), "{answer:?}");
        assert_eq!(answer.kind, "application/problem+json");
    }
    sound(&verifier)
}

#[tokio::test]
async fn forged_claims_are_counted_though_their_sender_hangs_up() {
    let mut verifier = Verifier::start().await;
    let mut visitor = verifier.visitor(1, "1.00").await;
    let donation = visitor.donation(CREATOR, "0.01", verifier.now());
    let mut forged = visitor.sign(&donation).encode();
    forged[255] ^= 1;
    tokio::select! {
        biased;
        _ = verifier.batch(forged.repeat(200)) => {}
        // It has begun, and is dropped.
        () = std::future::ready(()) => {}
    }
    until("they are counted", async || {
        let metrics = verifier.app.metrics.text();
        let line = metrics.lines().find(|line| line.contains("\"forged\""))?;
        line.ends_with(" 200").then_some(())
    })
    .await;
}

/// One claim, and one that nobody clicked for, are done to the end and counted, though their sender is gone by then.
#[tokio::test]
async fn a_lone_claim_is_counted_though_its_sender_hangs_up() -> Test {
    let mut verifier = Verifier::start().await;
    let mut visitor = verifier.visitor(1, "1.00").await;
    let donation = visitor.donation(CREATOR, "0.01", verifier.now());
    let clicked = visitor.sign(&donation);
    let donation = visitor.donation(CREATOR, "0.02", verifier.now());
    let unasked = visitor.sign(&donation);
    tokio::select! {
        biased;
        _ = verifier.charge(&clicked) => panic!("answered before anybody could hang up"),
        () = std::future::ready(()) => {}
    }
    tokio::select! {
        biased;
        _ = verifier.charge_automatic(&unasked) => panic!("answered before anybody could hang up"),
        () = std::future::ready(()) => {}
    }
    for outcome in ["accepted", "needs_click"] {
        until(&format!("one is counted as {outcome}"), async || {
            let metrics = verifier.app.metrics.text();
            let line = metrics.lines().find(|line| line.contains(&format!("\"{outcome}\"")))?;
            line.ends_with(" 1").then_some(())
        })
        .await;
    }
    sound(&verifier)
}

#[tokio::test]
async fn refusals_are_counted_and_equivocation_can_be_downloaded() -> Test {
    let mut verifier = Verifier::start().await;
    let mut visitor = verifier.visitor(1, "0.05").await;
    let good = visitor.view(CREATOR, "essay", "0.05", verifier.now());
    let twin = Claim { expires_at: good.expires_at.plus_ms(1), ..good };
    for claim in [&good, &good, &twin] {
        verifier.charge(&visitor.sign(claim)).await;
    }
    let donation = visitor.donation(CREATOR, "0.01", verifier.now());
    let mut bytes = visitor.sign(&donation).encode();
    bytes[200] ^= 1;
    let forged = verifier.post("/v1/claims", &json!({ "claim": text(&bytes) })).await.json();
    assert_eq!((&forged["outcome"], &forged["charged"]), (&json!("forged"), &json!(false)));
    verifier.app.intake.tend().await;

    let session = verifier.sign_in().await;
    let refusals = verifier.get_with("/v1/creator/refusals?days=1", &session).await.json();
    let counts: Vec<(&Value, &Value)> = refusals["data"]
        .as_array()
        .ok_or("a list")?
        .iter()
        .map(|row| (&row["outcome"], &row["count"]))
        .collect();
    let one = json!(1);
    let expected = [json!("repeat"), json!("forged"), json!("equivocation")];
    assert_eq!(counts, expected.iter().map(|name| (name, &one)).collect::<Vec<_>>());
    let evidence = verifier.get_with("/v1/creator/evidence", &session).await.json();
    assert_eq!(evidence["data"][0]["first"], text(&visitor.sign(&good).encode()));
    assert_eq!(evidence["data"][0]["second"], text(&visitor.sign(&twin).encode()));
    sound(&verifier)
}
