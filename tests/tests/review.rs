//! The review listener: who may ask, what is told, and what bulk decisions do to money and wallets.
#![allow(clippy::unwrap_used, reason = "tests")]

use axum::body::Body;
use axum::http::{Request, StatusCode};
use farthing_rules::findings::FindingRef;
use farthing_rules::{Answer, Command};
use farthing_tests::inprocess::{Answered, Verifier};
use farthing_tests::ledger::CREATOR;
use farthing_tests::suspicion::draft;
use farthing_tests::wait::until;
use farthing_verifier::run;
use serde_json::{Value, json};

const HOST: &str = "127.0.0.1:8104";

async fn start() -> Verifier {
    Verifier::with(|config| config.review.listen = HOST.parse().ok()).await
}

fn link(verifier: &Verifier) -> String {
    let app = &verifier.app;
    run::review_link(&app.config, &app.secrets, &app.clock, "Ada").unwrap()
}

/// A request with these headers over the usual ones.
async fn ask(
    verifier: &Verifier,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Answered {
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", HOST);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = match body {
        None => Body::empty(),
        Some(body) => {
            request = request.header("content-type", "application/json");
            Body::from(body.to_string())
        }
    };
    verifier.send_to_review(request.body(body).unwrap()).await
}

async fn sign_in(verifier: &Verifier) -> String {
    let link = link(verifier);
    let (origin, token) = link.split_once("/#token=").unwrap();
    assert_eq!(origin, format!("http://{HOST}"));
    let body = json!({ "token": token });
    let answer = ask(verifier, "POST", "/v1/review/sessions", &[], Some(&body)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.json()["who"], "Ada");
    let again = ask(verifier, "POST", "/v1/review/sessions", &[], Some(&body)).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED, "a link works once");
    answer.json()["session"].as_str().unwrap().to_owned()
}

async fn get(verifier: &Verifier, session: &str, path: &str) -> Answered {
    let bearer = format!("Bearer {session}");
    ask(verifier, "GET", path, &[("authorization", &bearer)], None).await
}

async fn decide(verifier: &Verifier, session: &str, body: &Value) -> Answered {
    let bearer = format!("Bearer {session}");
    let headers = [("authorization", bearer.as_str())];
    ask(verifier, "POST", "/v1/review/decisions", &headers, Some(body)).await
}

/// A path, its headers, and the status.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], u16);

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_reaches_it() {
    let verifier = start().await;
    let session = sign_in(&verifier).await;
    let bearer = format!("Bearer {session}");
    let mine = [("authorization", bearer.as_str())];
    let creator = format!("Bearer {}", verifier.sign_in().await);
    let (public, evil) = ("https://pay.example", "https://evil.example");
    let list = "/v1/review/findings";
    let rows: [Row<'_>; 9] = [
        (list, &mine, 200),
        (list, &[], 401),
        (list, &[("authorization", "Bearer AAAA")], 401),
        (list, &[("authorization", &creator)], 401),
        // A name that was bound anew, the provider's own origin, a stranger's.
        (list, &[("host", "evil.example:8104"), mine[0]], 403),
        (list, &[("origin", public), mine[0]], 403),
        (list, &[("origin", evil), mine[0]], 403),
        (list, &[("origin", "http://127.0.0.1:8104"), mine[0]], 200),
        // What the public listener does, this one does not.
        ("/v1/provider", &mine, 404),
    ];
    for (path, headers, expected) in rows {
        let answer = ask(&verifier, "GET", path, headers, None).await;
        assert_eq!(answer.status.as_u16(), expected, "{path} {headers:?}: {answer:?}");
    }
    for path in [list, "/v1/review", "/v1/review/report", "/v1/review/decisions"] {
        let request = Request::get(path).header("authorization", &bearer);
        let answer = verifier.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path} on the public listener");
    }
    let document = ask(&verifier, "GET", "/openapi.json", &[], None).await.json();
    assert_eq!(document["paths"].as_object().unwrap().len(), 6, "{document}");
    verifier.wait_ms(farthing_verifier::reviewers::SESSION_LIFE_MS);
    assert_eq!(get(&verifier, &session, list).await.status, StatusCode::UNAUTHORIZED);
    let session = sign_in(&verifier).await;
    let bearer = format!("Bearer {session}");
    let mine = [("authorization", bearer.as_str())];
    let out = ask(&verifier, "DELETE", "/v1/review/sessions", &mine, None).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert_eq!(get(&verifier, &session, list).await.status, StatusCode::UNAUTHORIZED);
}

/// Three wallets that paid 0.10 each, and a finding about each that holds it.
async fn suspects(verifier: &mut Verifier) {
    for number in 1..=3_u64 {
        let mut payer = verifier.visitor(number, "1.00").await;
        let claim = payer.donation(CREATOR, "0.10", verifier.now());
        let answer = verifier.charge(&payer.sign(&claim)).await.json();
        let entry = answer["entry"].as_u64().unwrap();
        let ask = async |command| verifier.app.intake.ask(command).await.unwrap();
        ask(Command::RecordFindings(vec![draft(number, 1, 0, true)])).await;
        let claims = vec![farthing_rules::EntryNumber(entry)];
        let held = ask(Command::HoldClaims { finding: FindingRef(number), claims }).await;
        assert!(matches!(held, Answer::Held { claims: 1, .. }), "{held:?}");
    }
    let watching = draft(1, 1, 7, false);
    verifier.app.intake.ask(Command::RecordFindings(vec![watching])).await.unwrap();
}

async fn money(verifier: &Verifier, creator: &str) -> [String; 2] {
    let totals = verifier.get_with("/v1/creator/totals", creator).await.json();
    ["under_review", "held"].map(|name| totals[name].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_decisions_move_money_and_leave_a_trail() {
    let mut verifier = start().await;
    suspects(&mut verifier).await;
    let creator = verifier.sign_in().await;
    assert_eq!(money(&verifier, &creator).await, ["0.30", "0.00"]);
    let totals = verifier.get_with("/v1/creator/totals", &creator).await.json();
    assert_eq!(totals["returned"], "0.00", "what is under review has not gone back");
    let session = sign_in(&verifier).await;

    what_is_listed(&verifier, &session).await;
    wrong_input_decides_nothing(&verifier, &session).await;

    let lift = json!({ "act": "lift", "findings": [1, 2, 99], "why": " I called them " });
    let answer = decide(&verifier, &session, &lift).await.json();
    assert_eq!(answer["done"], 2, "{answer}");
    assert_eq!(answer["data"][2]["why_not"], "there is no such finding");
    until("the lifted money has moved", async || {
        (money(&verifier, &creator).await == ["0.10", "0.20"]).then_some(())
    })
    .await;
    let again = decide(&verifier, &session, &lift).await.json();
    assert_eq!((&again["done"], &again["data"][0]["done"]), (&json!(0), &json!(false)), "{again}");

    let freeze = json!({ "act": "freeze", "findings": [3, 3], "why": "many like it" });
    assert_eq!(decide(&verifier, &session, &freeze).await.json()["done"], 2);
    let open = get(&verifier, &session, "/v1/review/findings").await.json();
    assert_eq!(open["data"][0]["standing"], "frozen", "{open}");
    let uphold = json!({ "act": "uphold", "findings": [3], "why": "they are bots" });
    assert_eq!(decide(&verifier, &session, &uphold).await.json()["done"], 1);
    until("the upheld money has gone back", async || {
        (money(&verifier, &creator).await == ["0.00", "0.20"]).then_some(())
    })
    .await;
    what_went_back_is_told(&verifier, &creator).await;

    let trail = get(&verifier, &session, "/v1/review/decisions").await.json();
    let lines: Vec<String> = trail["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| format!("{} {} {}", line["act"], line["who"], line["why"]).replace('"', ""))
        .collect();
    let expected = [
        "uphold Ada they are bots",
        "freeze Ada many like it",
        "lift Ada I called them",
        "lift Ada I called them",
    ];
    assert_eq!(lines, expected, "newest first, a wallet frozen once");
    let first = get(&verifier, &session, "/v1/review/decisions?limit=1").await.json();
    let cursor = first["next"].as_str().unwrap();
    let path = format!("/v1/review/decisions?limit=1&cursor={cursor}");
    assert_eq!(get(&verifier, &session, &path).await.json()["data"][0]["act"], "freeze");

    let report = get(&verifier, &session, "/v1/review/report").await.json();
    assert_eq!((&report["false_alarms"]["reviewed"], &report["held"]), (&json!(3), &json!("0.00")));
    let picture = get(&verifier, &session, "/v1/review/findings/3/picture").await;
    assert_eq!((picture.status, picture.kind.as_str()), (StatusCode::OK, "image/svg+xml"));
    assert!(String::from_utf8_lossy(&picture.bytes).contains("<circle"), "{picture:?}");
    let none = get(&verifier, &session, "/v1/review/findings/99/picture").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

/// The creator's sum: what went back is neither refunded nor left.
async fn what_went_back_is_told(verifier: &Verifier, creator: &str) {
    let totals = verifier.get_with("/v1/creator/totals", creator).await.json();
    let told = ["total", "held", "refunded", "returned"].map(|name| totals[name].clone());
    assert_eq!(told, ["0.30", "0.20", "0.00", "0.10"]);
    let claims = verifier.get_with("/v1/creator/claims", creator).await.json();
    let rows = claims["data"].as_array().unwrap();
    let told: Vec<_> = rows.iter().map(|row| (&row["credited"], &row["returned"])).collect();
    let (whole, none) = (json!("0.10"), json!("0.00"));
    assert_eq!(told, [(&whole, &whole), (&whole, &none), (&whole, &none)], "newest first");
    let csv = verifier.get_with("/v1/creator/claims.csv", creator).await;
    let csv = String::from_utf8(csv.bytes.to_vec()).unwrap();
    let last = |line: &str| line.rsplit(',').next().map(str::to_owned);
    let told: Vec<_> = csv.lines().filter_map(last).collect();
    assert_eq!(told, ["returned", "0.10", "0.00", "0.00"]);
}

async fn what_is_listed(verifier: &Verifier, session: &str) {
    let creator = CREATOR.to_text();
    let rows = [
        (String::new(), vec![3, 2, 1]),
        ("?kind=all".into(), vec![4, 3, 2, 1]),
        ("?state=decided".into(), vec![]),
        ("?state=all&wallet=w2".into(), vec![2]),
        ("?rule=test@1&limit=2".into(), vec![3, 2]),
        ("?rule=test@1&limit=2&cursor=2".into(), vec![1]),
        ("?rule=other@1".into(), vec![]),
        (format!("?creator={creator}&limit=1"), vec![3]),
    ];
    for (query, expected) in rows {
        let list = get(verifier, session, &format!("/v1/review/findings{query}")).await.json();
        let found: Vec<u64> = list["data"]
            .as_array()
            .unwrap_or_else(|| panic!("{query}: {list}"))
            .iter()
            .map(|one| one["finding"].as_u64().unwrap())
            .collect();
        assert_eq!(found, expected, "{query}");
    }
    let list = get(verifier, session, "/v1/review/findings?wallet=w1").await.json();
    let one = &list["data"][0];
    assert_eq!(
        (
            &one["subject"],
            &one["held"],
            &one["creator"]["name"],
            &one["honest_accused_per_million"]
        ),
        (&json!("w1"), &json!("0.10"), &json!("The Blog"), &json!(310))
    );
    for query in ["?state=none", "?kind=x", "?wallet=1", "?limit=0", "?limit=201", "?cursor=x"] {
        let answer = get(verifier, session, &format!("/v1/review/findings{query}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
}

async fn wrong_input_decides_nothing(verifier: &Verifier, session: &str) {
    let many: Vec<u64> = (1..=201).collect();
    let rows = [
        (json!({ "act": "lift", "findings": [1], "why": "  " }), 422),
        (json!({ "act": "lift", "findings": [1], "why": "x".repeat(4_001) }), 422),
        (json!({ "act": "answer", "findings": [1], "why": "x" }), 422),
        (json!({ "act": "lift", "findings": [], "why": "x" }), 422),
        (json!({ "act": "lift", "findings": many, "why": "x" }), 422),
        (json!({ "act": "lift", "findings": [1], "why": "x", "who": "Eve" }), 400),
        (json!({ "act": "lift", "findings": [-1], "why": "x" }), 400),
    ];
    for (body, expected) in rows {
        let answer = decide(verifier, session, &body).await;
        assert_eq!(answer.status.as_u16(), expected, "{body}");
    }
    let trail = get(verifier, session, "/v1/review/decisions").await.json();
    assert_eq!(trail["data"], json!([]));
}
