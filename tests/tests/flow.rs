//! The whole way in process: wallet, top-up, allowance, claim, receipt, total, refusals, evidence.
#![allow(clippy::unwrap_used, reason = "tests")]

use axum::http::StatusCode;
use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_shared::{Allowance, Budget, Claim, CreatorId, SigningKey, item_hash};
use farthing_tests::actors::{ORIGIN, Visitor, micros, seed};
use farthing_tests::inprocess::{Verifier, text};
use farthing_tests::ledger::CREATOR;
use farthing_tests::wait::until;
use farthing_verifier::audit::audit;
use farthing_verifier::store::Writer;
use farthing_verifier::store::sqlite::{Durability, SqliteWriter};
use serde_json::{Value, json};

type Test = Result<(), Box<dyn std::error::Error>>;

fn sound(verifier: &Verifier) -> Test {
    let path = farthing_verifier::run::ledger_path(&verifier.app.config);
    let writer = Writer::Sqlite(Box::new(SqliteWriter::open(&path, Durability::Full)?));
    let report = audit(&writer.snapshot()?);
    assert_eq!(report.differences, Vec::<String>::new());
    Ok(())
}

fn pick<'a>(value: &'a Value, names: &[&str]) -> Vec<&'a Value> {
    names.iter().map(|name| &value[*name]).collect()
}

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
    assert_eq!(verifier.balance(&visitor).await, "0.95");

    let session = verifier.sign_in().await;
    let totals = verifier.get_with("/v1/creator/totals", &session).await.json();
    assert_eq!((&totals["held"], &totals["payable"]), (&json!("0.05"), &json!("0.00")));
    assert_eq!(totals["today"], json!({"count": 1, "total": "0.05", "free": "0.00"}));
    assert_eq!(totals["items"][0]["name"], "essay");
    assert_eq!(totals["days"].as_array().map(Vec::len), Some(30));
    verifier.wait_ms(960_000);
    verifier.app.intake.tend().await;
    let totals = verifier.get_with("/v1/creator/totals", &session).await.json();
    assert_eq!((&totals["held"], &totals["payable"]), (&json!("0.00"), &json!("0.05")));
    sound(&verifier)
}

#[tokio::test]
async fn a_budget_is_kept_to_by_everybody_at_once() -> Test {
    let mut verifier = Verifier::start().await;
    let mut visitor = verifier.visitor(1, "1.00").await;
    let essay = visitor.view(CREATOR, "essay", "0.05", verifier.now());
    assert_eq!(verifier.charge(&visitor.sign(&essay)).await.json()["outcome"], "accepted");
    let path = format!("/v1/wallets/{}/budget", visitor.root_key());
    let names = ["number", "per_day", "per_month", "paused", "spent_in_day", "spent_in_month"];
    let before = verifier.get_as(&path, &visitor.root).await.json();
    assert_eq!(json!(pick(&before, &names)), json!([0, null, null, false, "0.05", "0.05"]));
    assert_eq!(verifier.get(&path).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(verifier.get_as(&path, &visitor.spending).await.status, StatusCode::FORBIDDEN);

    // The last cent of the day, in sixteen browsers of the wallet at once.
    let limits = Budget { per_day: Some(micros("0.06")), ..visitor.budget(1, verifier.now()) };
    let set = verifier.set_budget(&visitor, &limits).await;
    assert_eq!((set.status, &set.json()["left"]), (StatusCode::OK, &json!("0.01")));
    assert_eq!(set.json()["day_ends_at"], "2026-11-24T00:00:00.000Z");
    assert_eq!(set.json()["month_ends_at"], "2026-12-01T00:00:00.000Z");
    let mut claims = Vec::new();
    for device in 2..18_u8 {
        let spending = SigningKey::from_seed(&seed(1, device + 1));
        let mut phone = Visitor { spending, ..Visitor::new(1, verifier.id()) };
        let terms = phone.terms(CREATOR, verifier.now().plus_ms(86_400_000));
        let terms = Allowance { device: u32::from(device), ..terms };
        let allowance = text(&phone.allow(&terms).encode());
        let allowed = verifier.post("/v1/allowances", &json!({ "allowance": allowance })).await;
        assert_eq!(allowed.status, StatusCode::OK, "{allowed:?}");
        let claim = phone.donation(CREATOR, "0.01", verifier.now());
        claims.push(phone.sign(&claim));
    }
    let verifier = std::sync::Arc::new(verifier);
    let mut tasks = tokio::task::JoinSet::new();
    for claim in claims {
        let verifier = verifier.clone();
        tasks.spawn(async move { verifier.charge(&claim).await.json() });
    }
    let answers = tasks.join_all().await;
    let count = |outcome: &str| answers.iter().filter(|a| a["outcome"] == outcome).count();
    assert_eq!((count("accepted"), count("over_day_budget")), (1, 15), "{answers:?}");
    let refused = answers.iter().find(|answer| answer["charged"] == false).unwrap();
    assert_eq!(json!(pick(refused, &["retry", "left"])), json!(["after_budget", "0.00"]));
    assert_eq!(verifier.balance(&visitor).await, "0.94");

    // An older budget, and one that nobody signed.
    let older = Budget { per_day: None, ..limits };
    assert_eq!(verifier.set_budget(&visitor, &older).await.status, StatusCode::CONFLICT);
    let other = Visitor::new(2, verifier.id());
    let stolen = Budget { root: visitor.root_key(), ..other.budget(2, verifier.now()) };
    let forged = verifier.set_budget(&other, &stolen).await;
    assert_eq!((forged.status.as_u16(), &forged.json()["field"]), (422, &json!("budget")));
    let late = Budget { number: 2, ..limits };
    verifier.wait_ms(120_001);
    let late = verifier.set_budget(&visitor, &late).await;
    assert_eq!((late.status.as_u16(), &late.json()["field"]), (422, &json!("budget")));
    let paused = Budget { paused: true, ..visitor.budget(2, verifier.now()) };
    assert_eq!(verifier.set_budget(&visitor, &paused).await.json()["left"], "0.00");
    let film = visitor.view(CREATOR, "film", "0.50", verifier.now());
    let refused = verifier.charge(&visitor.sign(&film)).await.json();
    assert_eq!((&refused["outcome"], &refused["left"]), (&json!("payments_paused"), &Value::Null));
    sound(&verifier)
}

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

/// Within a permission a quote says so, and sixteen tabs at once do not get beyond it.
#[tokio::test]
async fn a_permission_pays_without_a_click_as_far_as_it_goes() -> Test {
    let mut verifier = Verifier::start().await;
    let mut visitor = verifier.visitor(1, "1.00").await;
    let (quote, path) =
        (quote_path("essay"), format!("/v1/wallets/{}/permissions", visitor.root_key()));
    let before = verifier.get_as(&quote, &visitor.spending).await.json();
    assert_eq!((&before["automatic"], &before["price"]), (&json!(false), &json!("0.05")));
    let shown = verifier.get_as(&path, &visitor.root).await.json();
    let names = ["number", "per_month", "paid"];
    assert_eq!(json!(pick(&shown["permissions"][0], &names)), json!([0, "0.00", "0.00"]));
    assert_eq!(verifier.get(&path).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(verifier.get_as(&path, &visitor.spending).await.status, StatusCode::FORBIDDEN);

    let set =
        verifier.permit(&visitor, &visitor.permission(1, CREATOR, "0.12", verifier.now())).await;
    assert_eq!(set.status, StatusCode::OK, "{set:?}");
    assert_eq!(json!(pick(&set.json()["permissions"][0], &names)), json!([1, "0.12", "0.00"]));
    assert_eq!(verifier.get_as(&quote, &visitor.spending).await.json()["automatic"], true);
    assert_eq!(verifier.get(&quote).await.json()["automatic"], false, "to nobody else");
    let film = verifier.get_as(&quote_path("film"), &visitor.spending).await.json();
    assert_eq!(film["automatic"], false, "0.50 is beyond it");

    let mut claims = Vec::new();
    for device in 2..18_u8 {
        let name = format!("tab-{device}");
        let price = farthing_verifier::admin::set_item_command(CREATOR, &name, &name, "0.05", true)
            .map_err(|(field, why)| format!("{field}: {why}"))?;
        verifier.app.intake.ask(price).await.map_err(|e| format!("{e:?}"))?;
        let spending = SigningKey::from_seed(&seed(1, device + 1));
        let mut phone = Visitor { spending, ..Visitor::new(1, verifier.id()) };
        let terms = phone.terms(CREATOR, verifier.now().plus_ms(86_400_000));
        let terms = Allowance { device: u32::from(device), ..terms };
        let allowance = text(&phone.allow(&terms).encode());
        let allowed = verifier.post("/v1/allowances", &json!({ "allowance": allowance })).await;
        assert_eq!(allowed.status, StatusCode::OK, "{allowed:?}");
        let claim = phone.view(CREATOR, &name, "0.05", verifier.now());
        claims.push(phone.sign(&claim));
    }
    let verifier = std::sync::Arc::new(verifier);
    let mut tasks = tokio::task::JoinSet::new();
    for claim in claims {
        let verifier = verifier.clone();
        tasks.spawn(async move { verifier.charge_automatic(&claim).await.json() });
    }
    let answers = tasks.join_all().await;
    let count = |outcome: &str| answers.iter().filter(|a| a["outcome"] == outcome).count();
    assert_eq!((count("accepted"), count("needs_click")), (2, 14), "{answers:?}");
    assert_eq!(verifier.balance(&visitor).await, "0.90");
    let essay = visitor.view(CREATOR, "essay", "0.05", verifier.now());
    let refused = verifier.charge_automatic(&visitor.sign(&essay)).await.json();
    let names = ["outcome", "charged", "retry", "left"];
    assert_eq!(json!(pick(&refused, &names)), json!(["needs_click", false, "after_budget", null]));
    assert_eq!(verifier.get_as(&quote, &visitor.spending).await.json()["automatic"], false);

    // Somebody else's word, and an old one.
    let other = Visitor::new(2, verifier.id());
    let stolen = farthing_shared::Permission {
        root: visitor.root_key(),
        ..other.permission(2, CREATOR, "9.00", verifier.now())
    };
    let forged = verifier.permit(&other, &stolen).await;
    assert_eq!((forged.status.as_u16(), &forged.json()["field"]), (422, &json!("permission")));
    let older = visitor.permission(1, CREATOR, "9.00", verifier.now());
    assert_eq!(verifier.permit(&visitor, &older).await.status, StatusCode::CONFLICT);
    sound(&verifier)
}

#[tokio::test]
async fn a_refund_closes_what_was_bought() -> Test {
    let mut verifier = Verifier::start().await;
    let mut visitor = verifier.visitor(1, "1.00").await;
    let claim = visitor.view(CREATOR, "essay", "0.05", verifier.now());
    let paid = verifier.charge(&visitor.sign(&claim)).await.json();
    let entries = format!("/v1/wallets/{}/entries", visitor.root_key().to_text());
    let listed = verifier.get_as(&entries, &visitor.root).await.json();
    assert_eq!(
        (&listed["data"][0]["refunded"], &listed["data"][0]["site"]),
        (&json!(false), &json!(ORIGIN))
    );
    assert!(listed["data"][0]["refundable_until"].is_string(), "{listed}");

    let request = visitor.refund(&claim, paid["entry"].as_u64().unwrap(), verifier.now());
    let body = |bytes: &[u8]| json!({ "refund": text(bytes) });
    let mut forged = request.sign(&visitor.spending).encode();
    forged[199] ^= 1;
    let refused = verifier.post("/v1/refunds", &body(&forged)).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["field"]), (422, &json!("refund")));
    let bytes = request.sign(&visitor.spending).encode();
    let verifier = std::sync::Arc::new(verifier);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (verifier, body) = (verifier.clone(), body(&bytes));
        tasks.spawn(async move { verifier.post("/v1/refunds", &body).await.json() });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer["repeat"] == false).count(), 1);
    assert!(answers.iter().all(|answer| answer["outcome"] == "refunded"), "{answers:?}");
    assert!(answers.iter().all(|answer| answer["entry"] == answers[0]["entry"]));
    assert_eq!(verifier.balance(&visitor).await, "1.00");

    // The claim again is answered as before, and opens nothing any more.
    let again = verifier.charge(&visitor.sign(&claim)).await.json();
    let names = ["outcome", "charged", "repeat", "refunded", "content_key"];
    assert_eq!(json!(pick(&again, &names)), json!(["accepted", true, true, true, null]));
    let status = format!("/v1/claims/{}?key={}&sequence=1", claim.id(), claim.key);
    assert_eq!(verifier.get(&status).await.json()["refunded"], true);
    let path = format!("/v1/quote?creator={CREATOR}&item=essay&origin={ORIGIN}");
    let quote = verifier.get_as(&path, &visitor.spending).await.json();
    assert_eq!(quote["owned"], Value::Null);
    let listed = verifier.get_as(&entries, &visitor.root).await.json();
    assert_eq!(listed["data"][0]["kind"], "refund");
    assert_eq!(listed["data"][0]["claim_id"], claim.id().to_text());
    assert_eq!(listed["data"][1]["refunded"], true);
    assert_eq!(listed["data"][1]["refundable_until"], Value::Null);

    let session = verifier.sign_in().await;
    let totals = verifier.get_with("/v1/creator/totals", &session).await.json();
    let names = ["payments", "total", "refunds", "refunded", "held"];
    assert_eq!(json!(pick(&totals, &names)), json!([1, "0.05", 1, "0.05", "0.00"]));
    assert_eq!(totals["items"][0]["refunds"]["count"], 1);
    assert_eq!(totals["items"][0]["refunds"]["total"], "0.05");
    sound(&verifier)
}

/// Wallets that stay below every limit of their own, all on one network: after twenty refunds within an hour
/// further ones wait, and an hour later none does.
#[tokio::test]
async fn many_refunds_of_one_network_wait() -> Test {
    let mut verifier =
        Verifier::with(|config| config.limits.requests_per_prefix_per_second = 1_000_000).await;
    let mut last = None;
    let mut refunded = 0;
    for number in 1..=10 {
        let mut visitor = verifier.visitor(number, "1.00").await;
        for _ in 0..5 {
            let claim = visitor.donation(CREATOR, "0.05", verifier.now());
            let paid = verifier.charge(&visitor.sign(&claim)).await.json();
            let entry = paid["entry"].as_u64().ok_or("an entry")?;
            let request = visitor.refund(&claim, entry, verifier.now());
            let body = json!({ "refund": text(&request.sign(&visitor.spending).encode()) });
            let answer = verifier.post("/v1/refunds", &body).await;
            match answer.status {
                StatusCode::OK => refunded += 1,
                status => {
                    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{answer:?}");
                    assert!(answer.json()["detail"].as_str().ok_or("words")?.contains("refunds"));
                    let wait: u32 = answer.retry_after.as_deref().unwrap_or("0").parse()?;
                    assert!((1..=5).contains(&wait), "{wait}");
                    last = Some(body);
                }
            }
        }
    }
    assert!((20..50).contains(&refunded), "{refunded}");
    // An hour later the network is as any other: what waited is looked at, and comes too late by now.
    verifier.wait_ms(3_600_000);
    let late = verifier.post("/v1/refunds", &last.ok_or("some waited")?).await;
    assert_eq!(late.status, StatusCode::OK, "{late:?}");
    assert_eq!(late.json()["refunded"], false, "{late:?}");
    let metrics = verifier.app.metrics.text();
    assert!(metrics.contains("farthing_slowed_total{signal=\"refunds\"}"), "{metrics}");
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

fn quote_path(item: &str) -> String {
    format!("/v1/quote?creator={CREATOR}&item={item}&origin={ORIGIN}")
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

#[tokio::test]
async fn every_route_is_documented_and_every_document_is_a_route() -> Test {
    let verifier = Verifier::start().await;
    let document = verifier.get("/openapi.json").await.json();
    let paths = document["paths"].as_object().ok_or("paths")?;
    for (path, methods) in paths {
        let filled = path
            .replace("{root}", &Visitor::new(1, verifier.id()).root_key().to_text())
            .replace("{key}", &Visitor::new(1, verifier.id()).root_key().to_text())
            .replace("{id}", &farthing_shared::ClaimId([0; 32]).to_text());
        for method in methods.as_object().ok_or("methods")?.keys() {
            let request =
                axum::http::Request::builder().uri(&filled).method(method.to_uppercase().as_str());
            let answer = verifier.send(request.body(axum::body::Body::empty())?).await;
            let nowhere =
                answer.json()["detail"].as_str().is_some_and(|d| d.contains("there is nothing at"));
            assert!(!nowhere && answer.status != StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        }
    }
    assert_eq!(paths.len(), 42, "routes below /v1 and /log, and the health routes");
    Ok(())
}

#[tokio::test]
async fn an_old_device_is_cut_off() -> Test {
    let mut verifier = Verifier::start().await;
    let mut old = verifier.visitor(1, "1.00").await;
    let essay = old.view(CREATOR, "essay", "0.05", verifier.now());
    assert_eq!(verifier.charge(&old.sign(&essay)).await.json()["outcome"], "accepted");
    let path = format!("/v1/wallets/{}", old.root_key());
    let next = SigningKey::from_seed(&seed(1, 77));
    let rotation = old.rotation(&next, verifier.now());

    // By nobody but both keys, and for this wallet alone.
    let other = Visitor::new(2, verifier.id());
    let forged = verifier.rotate(&other, &rotation).await;
    assert_eq!((forged.status.as_u16(), &forged.json()["field"]), (422, &json!("rotation")));
    let unheard = farthing_shared::Rotation { next: other.root_key(), ..rotation };
    assert_eq!(verifier.rotate(&old, &unheard).await.status.as_u16(), 422);
    let signed = text(&rotation.sign(&old.root).encode());
    let elsewhere = format!("/v1/wallets/{}/rotations", other.root_key());
    let body = json!({ "rotation": signed });
    assert_eq!(verifier.post(&elsewhere, &body).await.status.as_u16(), 422);
    assert_eq!(verifier.get_as(&path, &old.root).await.status, StatusCode::OK);

    let done = verifier.rotate(&old, &rotation).await;
    assert_eq!(done.status, StatusCode::OK, "{done:?}");
    assert_eq!(done.json()["root"], next.public().to_text());
    assert_eq!(verifier.rotate(&old, &rotation).await.json(), done.json(), "a lost reply");

    // The old device is told why, and finds nothing out.
    let told = verifier.get_as(&path, &old.root).await;
    assert_eq!((told.status.as_u16(), &told.json()["code"]), (410, &json!("key_replaced")));
    let film = old.view(CREATOR, "film", "0.50", verifier.now());
    let refused = verifier.charge(&old.sign(&film)).await.json();
    assert_eq!(json!(pick(&refused, &["outcome", "charged"])), json!(["key_revoked", false]));
    let key = old.spending.public();
    let allowance = verifier.get_as(&format!("/v1/allowances/{key}"), &old.spending).await.json();
    assert_eq!(json!(pick(&allowance, &["revoked", "balance"])), json!([true, "0.00"]));
    let quote = format!("/v1/quote?creator={CREATOR}&item=essay");
    assert_eq!(verifier.get_as(&quote, &old.spending).await.json()["owned"], Value::Null);
    let again = old.rotation(&SigningKey::from_seed(&seed(1, 78)), verifier.now());
    assert_eq!(verifier.rotate(&old, &again).await.status.as_u16(), 410);

    // Under the new key everything is there, the allowance as ended.
    let path = format!("/v1/wallets/{}", next.public());
    let wallet = verifier.get_as(&path, &next).await.json();
    assert_eq!(
        (&wallet["balance"], &wallet["allowances"][0]["revoked"]),
        (&json!("0.95"), &json!(true))
    );
    let entries = verifier.get_as(&format!("{path}/entries"), &next).await.json();
    assert_eq!(entries["data"][0]["amount"], "0.05");
    sound(&verifier)
}

/// What a passkey sealed comes back to who names it, and to nobody once its key has ended.
#[tokio::test]
async fn a_backup_is_kept_for_who_names_it() -> Test {
    let mut verifier = Verifier::start().await;
    let visitor = verifier.visitor(1, "1.00").await;
    let backup = visitor.backup(7, verifier.now());
    let path = format!("/v1/wallets/{}/backups", visitor.root_key());
    let keep = async |signed: &[u8]| {
        let request = axum::http::Request::put(&path).header("content-type", "application/json");
        let body = json!({ "backup": text(signed) }).to_string();
        verifier.send(request.body(body.into()).unwrap()).await
    };
    let signed = backup.sign(&visitor.root).encode();
    let forged = keep(&backup.sign(&visitor.spending).encode()).await;
    assert_eq!((forged.status.as_u16(), &forged.json()["field"]), (422, &json!("backup")));
    let named = format!("/v1/backups/{}", backup.name);
    assert_eq!(verifier.get(&named).await.status, StatusCode::NOT_FOUND);
    assert_eq!(keep(&signed).await.status, StatusCode::OK);
    assert_eq!(verifier.get(&named).await.json(), json!({ "backup": text(&signed) }));
    let next = SigningKey::from_seed(&seed(1, 77));
    let rotated = verifier.rotate(&visitor, &visitor.rotation(&next, verifier.now())).await;
    assert_eq!(rotated.status, StatusCode::OK);
    assert_eq!(verifier.get(&named).await.status, StatusCode::NOT_FOUND);
    assert_eq!(keep(&signed).await.status, StatusCode::NOT_FOUND);
    sound(&verifier)
}
