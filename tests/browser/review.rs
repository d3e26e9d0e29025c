//! The review page against the real verifier: from a link on the command line to a creator's money.

use std::rc::Rc;

use farthing_rules::findings::FindingRef;
use farthing_rules::{Answer, Command, EntryBody};
use farthing_shared::CreatorId;
use farthing_tests::ledger::policy;
use farthing_tests::provider::Creator;
use farthing_tests::site::{Page, Site};
use farthing_tests::suspicion::draft;
use farthing_tests::world::{World, browser_test};
use farthing_verifier::clock::Clock;
use farthing_verifier::store::Writer;
use farthing_verifier::store::sqlite::{Durability, SqliteWriter};
use serde_json::json;

use crate::access::{Found, check, check_page};
use crate::refused::{charge, with_own_money_as};

async fn sign_in(world: &World) {
    world.browser.open(&world.provider.review_link("Ada Reviewer").await).await;
    world.browser.see("#view-queue").await;
}

/// Three wallets with own money pay a creator 0.20 each; a finding about each holds it.
async fn suspects(world: &World) -> Creator {
    let provider = &world.provider;
    let site = Site::start("blog").await;
    let creator = provider.creator("A <b>blog</b>", &site.origin).await;
    let id = CreatorId::parse(&creator.id).unwrap();
    for number in 7..10 {
        let mut payer = with_own_money_as(provider, number, id).await;
        let claim = payer.donation(id, "0.20", Clock::System.now());
        assert_eq!(charge(provider, &payer.sign(&claim).encode()).await, json!("accepted"));
    }
    let path = provider.folder().join("data/ledger.db");
    let writer = SqliteWriter::open(&path, Durability::Full).unwrap();
    let mut writer = Writer::Sqlite(Box::new(writer));
    let all = writer.snapshot().unwrap();
    let payee = all.creators.values().find(|row| row.id == id).unwrap().creator;
    let last_paid = all.entries.iter().rev().filter_map(|entry| match &entry.body {
        EntryBody::Claim(claim) if claim.creator == payee && claim.amount.get() == 200_000 => {
            Some((entry.number, claim.wallet))
        }
        _ => None,
    });
    let mut apply = |command| writer.apply(&policy(), &[command], Clock::System.now()).unwrap();
    for (number, (claim, wallet)) in (1..).zip(last_paid.collect::<Vec<_>>()) {
        apply(Command::RecordFindings(vec![draft(wallet.0, payee.0, 0, true)]));
        let held = apply(Command::HoldClaims { finding: FindingRef(number), claims: vec![claim] });
        assert!(matches!(held[..], [Answer::Held { claims: 1, .. }]), "{held:?}");
    }
    creator
}

async fn under_review(world: &World, session: &str) -> serde_json::Value {
    let totals = world.provider.ask("GET", "/v1/creator/totals", Some(session), None).await.json();
    json!([totals["under_review"], totals["held"]])
}

#[test]
fn findings_are_decided_together_and_the_money_follows() {
    browser_test("review", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let found = &Found::default();
        browser.open(&provider.review).await;
        browser.see("#paste-link").await;
        check_page(browser, found, "review, signed out").await;
        browser.picture("review-signed-out").await;
        let link = provider.review_link("Ada Reviewer").await;
        browser.open(&link).await;
        browser.text("#queue", |text| text.contains("Nothing waits for a decision")).await;
        let address = browser.client.current_url().await.unwrap();
        assert_eq!(address.as_str(), format!("{}/", provider.review), "no token is left behind");
        browser.text("#who", |text| text.contains("Ada Reviewer")).await;
        check_page(browser, found, "review, empty").await;
        browser.picture("review-empty").await;

        // What is found meanwhile appears by itself.
        let creator = suspects(&world).await;
        let session = provider.sign_in(&creator).await;
        assert_eq!(under_review(&world, &session).await[0], json!("0.60"));
        let text = browser.text("#queue", |text| text.contains("Finding 3")).await;
        assert!(text.contains("A <b>blog</b>") && text.contains("310 of a million"), "{text}");
        let group = browser.see("#case-3-picture").await;
        browser.press(&group).await;
        let drawn = "const [done] = arguments; const image = document.querySelector('.group-picture');
            image.decode().then(() => done(image.naturalWidth > 300), (error) => done(String(error)));";
        browser.see(".group-picture").await;
        let drawn = browser.client.execute_async(drawn, Vec::new()).await.unwrap();
        assert_eq!(drawn, json!(true), "the group's picture");
        check_page(browser, found, "review, three findings").await;
        browser.picture("review-queue").await;

        lift_two(&world, found).await;
        let text =
            browser.text("#decided-words", |text| text.contains("2 findings were lifted")).await;
        assert!(!text.contains("was not"), "{text}");
        browser.text("#queue", |text| !text.contains("Finding 2:")).await;
        farthing_tests::wait::until("the lifted money has moved", async || {
            (under_review(&world, &session).await[0] == json!("0.20")).then_some(())
        })
        .await;

        let box_three = browser.see("#case-3-box").await;
        browser.press(&box_three).await;
        decide(&world, "freeze", "Many wallets like this one.").await;
        browser.text("#queue", |text| text.contains("wallet frozen")).await;
        let box_three = browser.see("#case-3-box").await;
        browser.press(&box_three).await;
        decide(&world, "uphold", "They are bots.").await;
        browser.text("#queue", |text| text.contains("Nothing waits")).await;
        farthing_tests::wait::until("the upheld money has gone back", async || {
            (under_review(&world, &session).await[0] == json!("0.00")).then_some(())
        })
        .await;
        what_is_left_to_read(&world, found).await;
        what_the_creator_reads(&world, &creator, found).await;
        found.nothing();
        let audit = provider.command(&["audit", "--log"]).await;
        assert!(audit.contains(" 0 differences"), "{audit}");
    });
}

async fn lift_two(world: &World, found: &Found) {
    let browser = &world.browser;
    for finding in [1, 2] {
        let one = browser.see(&format!("#case-{finding}-box")).await;
        browser.press(&one).await;
    }
    browser.text("#bulk-count", |text| text.contains("2 selected") && text.contains("0.40")).await;
    let lift = browser.see("#bulk-lift").await;
    browser.press(&lift).await;
    browser.text("#decide-which", |text| text.contains("Findings 1, 2")).await;
    let send = browser.see("#decide-send").await;
    browser.press(&send).await;
    browser.text("#decide-error", |text| text.contains("Say why")).await;
    check(browser, found, "review, the dialog").await;
    browser.picture("review-dialog").await;
    browser.see("#decide-why").await.send_keys("I called <i>them</i>.").await.unwrap();
    browser.press(&send).await;
}

async fn decide(world: &World, act: &str, why: &str) {
    let browser = &world.browser;
    let button = browser.see(&format!("#bulk-{act}")).await;
    browser.press(&button).await;
    browser.see("#decide-why").await.send_keys(why).await.unwrap();
    let send = browser.see("#decide-send").await;
    browser.press(&send).await;
    let gone = "return document.querySelector('#decide-dialog').open";
    farthing_tests::wait::until("the decision was sent", async || {
        (browser.script(gone, Vec::new()).await == json!(false)).then_some(())
    })
    .await;
}

async fn what_is_left_to_read(world: &World, found: &Found) {
    let browser = &world.browser;
    browser.open(&format!("{}/#decisions", world.provider.review)).await;
    let text = browser.text("#decisions", |text| text.contains("Upheld")).await;
    assert!(text.contains("I called <i>them</i>.") && text.contains("Froze the wallet"), "{text}");
    assert!(text.contains("Ada Reviewer"), "{text}");
    check_page(browser, found, "review, decisions").await;
    browser.picture("review-decisions").await;
    browser.open(&format!("{}/#report", world.provider.review)).await;
    let text = browser.text("#report", |text| text.contains("test@1")).await;
    assert!(text.contains("66.7 %") && text.contains("2 of 3"), "{text}");
    check_page(browser, found, "review, report").await;
    browser.picture("review-report").await;
    // Decided ones can be looked up again, with their trail.
    browser.open(&format!("{}/#queue", world.provider.review)).await;
    browser.see("#filter-state").await.select_by_value("decided").await.unwrap();
    let apply = browser.see("#filter button[type=submit]").await;
    browser.press(&apply).await;
    browser.text("#queue .trail", |text| text.contains("They are bots.")).await;
    // By the keyboard, as the line above was by the pointer.
    browser.see("#filter-wallet").await.send_keys("17\u{E007}").await.unwrap();
    browser.text("#filter-error", |text| text.contains("such as w17")).await;
}

/// What went back by a finding is told as such, and is not called left.
async fn what_the_creator_reads(world: &World, creator: &Creator, found: &Found) {
    let browser = &world.browser;
    browser.open(&creator.link).await;
    let text = browser.text("#back-all", |text| text.contains("after a finding")).await;
    assert_eq!(text, "€0.20 returned after a finding, €0.40 left");
    let text = browser.text("#payments", |text| text.contains("returned after")).await;
    assert_eq!(text.matches("returned after a finding").count(), 1, "{text}");
    let button = browser.see("#proof-check").await;
    browser.press(&button).await;
    let verdict =
        browser.text("#proof-verdict .verdict.good", |text| text.contains("9 of 9")).await;
    assert!(
        verdict.contains("€0.20 went back to payers because findings were upheld"),
        "{verdict}"
    );
    check_page(browser, found, "the creator's page after a finding").await;
    browser.picture("creator-returned").await;
}

/// What a visitor's page gets that asks the review listener: nothing that it can read. And the page's own policy.
async fn strangers_get_nothing(world: &World) {
    let (provider, browser) = (&world.provider, &world.browser);
    let own = "const [done] = arguments; fetch('/').then((answer) => done(['content-security-policy', 'x-frame-options',
        'cross-origin-opener-policy'].map((name) => answer.headers.get(name)).join(' | ')), (error) => done(String(error)));";
    let own = browser.client.execute_async(own, Vec::new()).await.unwrap();
    let own = own.as_str().unwrap();
    for part in [
        "default-src 'none'",
        "script-src 'self';",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'; trusted-types 'none'",
        "DENY",
        "same-origin",
    ] {
        assert!(own.contains(part), "{part} is missing in {own}");
    }
    assert!(!own.contains("unsafe"), "{own}");
    let here = browser.here().await;
    let site = Site::start("stranger").await;
    let stranger = site.put("/", Page::of("<p>A page</p>"));
    for page in [stranger, format!("{}/creator", provider.origin)] {
        browser.open_tab(&page).await;
        let ask = format!(
            "const [done] = arguments; fetch('{}/v1/review/findings', {{ headers: {{ authorization: 'Bearer x' }} }})
               .then(() => done('answered'), (error) => done(error.name));",
            provider.review
        );
        let asked = browser.client.execute_async(&ask, Vec::new()).await.unwrap();
        assert_eq!(asked, json!("TypeError"), "{page}");
    }
    browser.go_to(&here).await;
}

/// A used link, a lost connection, and a server that was started again say what they are.
#[test]
fn what_can_go_wrong_is_said() {
    browser_test("review-trouble", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        suspects(&world).await;
        let link = provider.review_link("Ada Reviewer").await;
        browser.open(&link).await;
        browser.text("#queue", |text| text.contains("Finding 1")).await;
        let forget = "localStorage.clear()";
        browser.script(forget, Vec::new()).await;
        browser.open("about:blank").await;
        browser.open(&link).await;
        browser.text("#signed-out-reason", |text| text.contains("was used")).await;
        browser.picture("review-bad-link").await;

        browser.open("about:blank").await;
        sign_in(&world).await;
        browser.text("#queue", |text| text.contains("Finding 1")).await;
        let offline = |offline: bool| json!({"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
        browser.devtools("Network.enable", json!({})).await;
        browser.devtools("Network.emulateNetworkConditions", offline(true)).await;
        browser.text("#live-text", |text| text == "Offline" || text.contains("lost")).await;
        let one = browser.see("#case-1-box").await;
        browser.press(&one).await;
        let lift = browser.see("#bulk-lift").await;
        browser.press(&lift).await;
        browser.see("#decide-why").await.send_keys("looked at it").await.unwrap();
        let send = browser.see("#decide-send").await;
        browser.press(&send).await;
        browser.text("#decide-error", |text| text.contains("not known whether")).await;
        browser.picture("review-offline").await;
        browser.devtools("Network.emulateNetworkConditions", offline(false)).await;
        browser.press(&send).await;
        browser.text("#decided-words", |text| text.contains("1 finding was lifted")).await;
        browser.text("#live-text", |text| text.contains("As of")).await;
        strangers_get_nothing(&world).await;
        let policy = "try { document.body.innerHTML = '<b>x</b>'; return 'parsed' } catch (error) { return error.name }";
        assert_eq!(browser.script(policy, Vec::new()).await, json!("TypeError"), "trusted types");
    });
}
