//! What a wallet's holder decides: budgets, permissions, refunds, devices, backups.

use axum::http::StatusCode;
use farthing_shared::{Allowance, Budget, SigningKey};
use farthing_tests::actors::{ORIGIN, Visitor, micros, seed};
use farthing_tests::inprocess::{Verifier, text};
use farthing_tests::ledger::CREATOR;
use serde_json::{Value, json};

use super::{Test, pick, quote_path, sound};

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

/// "Was I charged?" is answered in the wallet's own list too, with what the newest payment of a key would have bought. What only
/// asks for a click was nobody's payment yet, and is left out.
#[tokio::test]
async fn the_newest_refusal_of_a_key_is_told_to_its_wallet() -> Test {
    let mut verifier = Verifier::start().await;
    let mut visitor = verifier.visitor(1, "0.05").await;
    let now = verifier.now();
    let path = format!("/v1/wallets/{}", visitor.root_key());
    let film = visitor.view(CREATOR, "film", "0.50", now);
    let gift = visitor.donation(CREATOR, "0.40", now);
    let unknown = visitor.view(CREATOR, "nothing", "0.03", now);
    for (claim, outcome, amount, item, donation) in [
        (film, "insufficient_balance", "0.50", json!("film"), false),
        (gift, "insufficient_balance", "0.40", Value::Null, true),
        (unknown, "unknown_item", "0.03", Value::Null, false),
    ] {
        let answer = verifier.charge(&visitor.sign(&claim)).await.json();
        assert_eq!(answer["outcome"], outcome);
        let told = verifier.get_as(&path, &visitor.root).await.json();
        let refused = &told["allowances"][0]["refused"];
        assert_eq!(
            json!(pick(refused, &["claim_id", "outcome", "amount", "donation"])),
            json!([claim.id().to_text(), outcome, amount, donation])
        );
        assert_eq!(refused["item"]["name"], item, "{refused}");
    }
    let essay = visitor.view(CREATOR, "essay", "0.05", now);
    let answer = verifier.charge_automatic(&visitor.sign(&essay)).await.json();
    assert_eq!(answer["outcome"], "needs_click");
    let told = verifier.get_as(&path, &visitor.root).await.json();
    assert_eq!(told["allowances"][0]["refused"], Value::Null, "{told}");
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
    let status = verifier.get(&status).await.json();
    assert_eq!(status["refunded"], true);
    // Whoever reads the sentence alone must not take it for paid.
    for answer in [again, status] {
        assert_eq!(
            answer["message"],
            "This was paid, and given back since; the money is in your wallet."
        );
    }
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
