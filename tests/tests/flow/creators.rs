//! What a creator is told of the money: given back, held, and how long.

use farthing_rules::Command;
use farthing_tests::actors::{ORIGIN, Visitor};
use farthing_tests::inprocess::{Verifier, text};
use farthing_tests::ledger::CREATOR;
use farthing_verifier::admin;
use serde_json::{Value, json};

use super::{Test, pick, sound};

const DAY_MS: u64 = 86_400_000;

async fn donate(verifier: &Verifier, visitor: &mut Visitor, amount: &str, back: bool) -> Test {
    let claim = visitor.donation(CREATOR, amount, verifier.now());
    let paid = verifier.charge(&visitor.sign(&claim)).await.json();
    assert_eq!(paid["outcome"], "accepted", "{paid}");
    if back {
        let entry = paid["entry"].as_u64().ok_or("an entry")?;
        verifier.wait_ms(60_000);
        let request = visitor.refund(&claim, entry, verifier.now());
        let body = json!({ "refund": text(&request.sign(&visitor.spending).encode()) });
        assert_eq!(verifier.post("/v1/refunds", &body).await.json()["refunded"], true);
    }
    Ok(())
}

/// What was given back stands beside every sum that holds it, and at the payment itself: whoever adds up what
/// the creator was credited, less what was refunded, has what is left.
#[tokio::test]
async fn what_was_given_back_is_told_wherever_it_was_counted() -> Test {
    let mut verifier = Verifier::start().await;
    let mut visitor = verifier.visitor(1, "1.00").await;
    // Two minutes before midnight: it is given back today, and again tomorrow.
    let to_midnight = DAY_MS - verifier.now().0 % DAY_MS;
    verifier.wait_ms(to_midnight - 120_000);
    donate(&verifier, &mut visitor, "0.40", true).await?;
    donate(&verifier, &mut visitor, "0.30", false).await?;
    donate(&verifier, &mut visitor, "0.07", true).await?;
    let session = verifier.sign_in().await;
    let totals = verifier.get_with("/v1/creator/totals?days=2", &session).await.json();
    let names = ["count", "total", "refunds", "refunded"];
    for (sums, expected) in [
        (&totals["all"], json!([3, "0.77", 2, "0.47"])),
        (&totals["days_30"], json!([3, "0.77", 2, "0.47"])),
        (&totals["today"], json!([0, "0.00", 1, "0.07"])),
        (&totals["days"][0], json!([3, "0.77", 1, "0.40"])),
        (&totals["days"][1], json!([0, "0.00", 1, "0.07"])),
        (&totals["items"][2]["days_30"], json!([3, "0.77", 2, "0.47"])),
        (&totals["items"][2]["today"], json!([0, "0.00", 1, "0.07"])),
    ] {
        assert_eq!(json!(pick(sums, &names)), expected, "{totals}");
    }
    assert_eq!(totals["items"][2]["refunds"], json!({ "count": 2, "total": "0.47" }));

    let listed = verifier.get_with("/v1/creator/claims", &session).await.json();
    let rows = listed["data"].as_array().ok_or("a list")?;
    let names = ["amount", "credited", "refunded"];
    let told: Vec<Value> = rows.iter().map(|row| json!(pick(row, &names))).collect();
    let expected = [["0.07", "0.07", "0.07"], ["0.30", "0.30", "0.00"], ["0.40", "0.40", "0.40"]];
    assert_eq!(json!(told), json!(expected));
    let at = rows.iter().map(|row| row["refunded_at"].as_str().unwrap_or("").to_owned());
    let at: Vec<String> = at.collect();
    assert_eq!(at[0], "2026-11-24T00:00:00.000Z");
    assert_eq!(at[1], "");

    let csv = verifier.get_with("/v1/creator/claims.csv", &session).await;
    let csv = String::from_utf8(csv.bytes.to_vec())?;
    let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines[0][12..], ["claim_id", "refunded", "refunded_at", "returned"]);
    for (line, (row, at)) in lines[1..].iter().zip(rows.iter().zip(&at)) {
        assert_eq!(json!(line[13]), row["refunded"]);
        assert_eq!(line[14], at);
        assert_eq!(line[15], "0.00");
    }
    sound(&verifier)
}

/// The time that a payment is held is the creator's own where there is one.
#[tokio::test]
async fn the_page_is_told_how_long_a_payment_is_held() -> Test {
    let verifier = Verifier::start().await;
    let session = verifier.sign_in().await;
    let told = async || {
        let totals = verifier.get_with("/v1/creator/totals", &session).await.json();
        totals["refund_window_ms"].clone()
    };
    assert_eq!(told().await, 900_000);
    let mut draft =
        admin::creator_draft(CREATOR, "The Blog", &[ORIGIN.into()], "10.00", None).unwrap();
    draft.refund_window_ms = admin::refund_window(Some(120)).unwrap();
    verifier.app.intake.ask(Command::SaveCreator(draft)).await.unwrap();
    assert_eq!(told().await, 7_200_000);
    Ok(())
}
