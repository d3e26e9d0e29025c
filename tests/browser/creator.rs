//! The creator's page against the real verifier.

use std::rc::Rc;

use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_rules::findings::FindingRef;
use farthing_rules::{Answer, Command, EntryBody};
use farthing_shared::CreatorId;
use farthing_tests::ledger::policy;
use farthing_tests::provider::Creator;
use farthing_tests::site::{Page, Site};
use farthing_tests::suspicion::draft;
use farthing_tests::wait::until;
use farthing_tests::world::{World, browser_test};
use farthing_verifier::clock::Clock;
use farthing_verifier::store::Writer;
use farthing_verifier::store::sqlite::{Durability, SqliteWriter};
use serde_json::json;

use crate::refused::{charge, with_own_money};

async fn sign_in(world: &World, creator: &Creator) {
    world.browser.open(&creator.link).await;
    world.browser.see("#view-overview").await;
    world.browser.text("#live-text", |text| text == "Live").await;
}

#[test]
fn a_link_signs_in_and_leaves_no_token_behind() {
    browser_test("creator-sign-in", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        browser.open(&format!("{}/creator", provider.origin)).await;
        browser.see("#paste-link").await;
        browser.picture("creator-signed-out").await;

        browser
            .open(&format!("{}/creator#token=wrong-token-0000000000000000", provider.origin))
            .await;
        browser.text("#signed-out-reason", |text| text.contains("expired or was used up")).await;
        browser.picture("creator-bad-link").await;

        let site = Site::start("blog").await;
        let creator = provider.creator("A new blog", &site.origin).await;
        browser.open("about:blank").await;
        sign_in(&world, &creator).await;
        let address = browser.client.current_url().await.unwrap();
        assert_eq!(address.as_str(), format!("{}/creator", provider.origin));

        // The empty state teaches the tag, with this creator's id in it.
        let lines = browser.text("#welcome code", |text| text.contains("data-creator")).await;
        assert!(lines.contains(&creator.id) && lines.contains(&provider.origin), "{lines}");
        browser.picture("creator-empty").await;

        let first = browser.here().await;
        browser.open_tab(&format!("{}/creator", provider.origin)).await;
        browser.see("#view-overview").await;
        let button = browser.see("#sign-out").await;
        browser.press(&button).await;
        browser.text("#signed-out-reason", |text| text.contains("signed out")).await;
        browser.go_to(&first).await;
        browser.text("#signed-out-reason", |text| text.contains("another tab")).await;
    });
}

/// A session that the verifier no longer knows ends with a plain word, not with a broken page.
#[test]
fn an_expired_session_says_so() {
    browser_test("creator-expired", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let lantern = provider.magazine_creator().await;
        sign_in(&world, &lantern).await;
        let script = "const key = 'farthing.creator.session';
            const mine = JSON.parse(localStorage.getItem(key));
            localStorage.setItem(key, JSON.stringify({ ...mine, session: mine.session + 'x' }));";
        browser.script(script, Vec::new()).await;
        browser.client.refresh().await.unwrap();
        browser.text("#signed-out-reason", |text| text.contains("session has ended")).await;
        browser.picture("creator-expired").await;
        let left = browser
            .script("return localStorage.getItem('farthing.creator.session')", Vec::new())
            .await;
        assert_eq!(left, json!(null));
    });
}

#[test]
fn totals_grow_live_while_a_visitor_pays_in_another_tab() {
    browser_test("creator-live", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let lantern = provider.magazine_creator().await;
        sign_in(&world, &lantern).await;
        browser.text("#figure-today", |text| text.contains("0.00")).await;
        let dashboard = browser.here().await;

        browser.open_tab(&format!("{}/essay.html", provider.magazine)).await;
        browser.pay_first("farthing-gate").await;
        let reader = browser.here().await;
        browser.go_to(&dashboard).await;
        browser.text("#detail-today", |text| text.contains("0.05")).await;
        browser.text("#payments", |text| text.contains("On small change")).await;
        browser.text("#announcer", |text| text.contains("1 new payment")).await;
        browser.picture("creator-live").await;

        browser.go_to(&reader).await;
        browser.open(&format!("{}/picture.html", provider.magazine)).await;
        browser.press_in("farthing-gate").await;
        browser.see("farthing-gate .plate img").await;
        browser.go_to(&dashboard).await;
        browser.text("#detail-today", |text| text.contains("0.07")).await;
        browser.text("#payments .checked", |text| text.contains("2 payments")).await;

        // Somebody whose welcome credit is spent pays with money: that makes the totals grow.
        let id = CreatorId::parse(&lantern.id).unwrap();
        let mut buyer = with_own_money(provider, id).await;
        let items =
            [("essay", "0.05"), ("interview", "0.08"), ("picture", "0.02"), ("lamp", "0.10")];
        for (item, price) in items {
            let claim = buyer.view(id, item, price, Clock::System.now());
            assert_eq!(charge(provider, &buyer.sign(&claim).encode()).await, json!("accepted"));
        }
        browser.text("#figure-today", |text| text.contains("0.25")).await;
        browser.text("#payments .checked", |text| text.contains("8 payments")).await;
        // The picture in the README.
        browser.picture("creator").await;
        pictures_of_every_kind(&world).await;
    });
}

/// What a payer had back stands beside every figure that holds it, as it happens, and marks its payment; and how long a
/// payment is held is what the creator chose.
#[test]
fn what_was_given_back_is_shown_beside_the_totals() {
    browser_test("creator-given-back", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let creator = provider.creator("A blog", &provider.origin).await;
        let id = CreatorId::parse(&creator.id).unwrap();
        let mut buyer = with_own_money(provider, id).await;
        let gift = buyer.donation(id, "0.50", Clock::System.now());
        assert_eq!(charge(provider, &buyer.sign(&gift).encode()).await, json!("accepted"));
        let small = buyer.donation(id, "0.30", Clock::System.now());
        assert_eq!(charge(provider, &buyer.sign(&small).encode()).await, json!("accepted"));
        provider.command(&["creator", "edit", &creator.id, "--refund-minutes", "150"]).await;
        sign_in(&world, &creator).await;
        browser.text("#payout", |text| text.contains("held for 150 minutes")).await;
        browser.text("#payments .checked", |text| text.contains("4 payments")).await;
        let count = "return [document.querySelectorAll('#payments .back-mark').length,
            document.querySelector('#back-today').hidden]";
        assert_eq!(browser.script(count, Vec::new()).await, json!([0, true]));

        let session = provider.sign_in(&creator).await;
        let listed = provider.ask("GET", "/v1/creator/claims", Some(&session), None).await.json();
        let entry = listed["data"][1]["entry"].as_u64().unwrap();
        let request = buyer.refund(&gift, entry, Clock::System.now());
        let refund = Base64UrlUnpadded::encode_string(&request.sign(&buyer.spending).encode());
        let body = Some(json!({ "refund": refund }));
        let answer = provider.ask("POST", "/v1/refunds", None, body).await.json();
        assert_eq!(answer["outcome"], "refunded");

        for period in ["today", "days_30", "all"] {
            let is_told =
                |text: &str| text.contains("0.50 given back") && text.contains("0.30 left");
            browser.text(&format!("#back-{period}"), is_told).await;
            browser.text(&format!("#figure-{period}"), |text| text.contains("0.80")).await;
        }
        browser.text("#payments tr:nth-child(2) .back-mark", |text| text == "given back").await;
        browser.text("#payments .checked", |text| text.contains("4 payments")).await;
        browser.text("#per-item .back-mark", |text| text.contains("0.50 given back")).await;
        browser.text("#chart .chart-readout", |text| text.contains("0.30 left")).await;
        let count = "return document.querySelectorAll('#payments .back-mark').length";
        assert_eq!(browser.script(count, Vec::new()).await, json!(1));
        let is_told = |text: &str| text.contains("given back");
        browser.text("#announcer", is_told).await;
        browser.picture("creator-given-back").await;
        // What is proven is what is shown: all that was paid, and what of it went back.
        let check = browser.see("#proof-check").await;
        browser.press(&check).await;
        let verdict = browser.text("#proof-verdict", |text| !text.is_empty()).await;
        assert!(verdict.contains("4 of 4 payments proven, 0 missing"), "{verdict}");
        assert!(verdict.contains("0.50 back") && verdict.contains("0.30 is left"), "{verdict}");
        let phone = json!({"width": 375, "height": 812, "deviceScaleFactor": 2, "mobile": true});
        browser.devtools("Emulation.setDeviceMetricsOverride", phone).await;
        browser.picture("creator-given-back-phone").await;
        let wider = "return document.documentElement.scrollWidth - innerWidth";
        assert_eq!(browser.script(wider, Vec::new()).await, json!(0), "nothing sticks out");
        browser.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await;
    });
}

/// Nothing in Farthing pays anybody out yet, and the page promises no run that would: it says who does. This provider has
/// demo money, so the page's own function is asked what it says of real money.
#[test]
fn nobody_is_promised_a_payout() {
    browser_test("creator-payout", async |world: Rc<World>| {
        let browser = &world.browser;
        let lantern = world.provider.magazine_creator().await;
        sign_in(&world, &lantern).await;
        browser.text("#payout", |text| text.contains("Demo money is never paid out.")).await;
        let script = "const names = performance.getEntriesByType('resource').map(({ name }) => name);
            const loaded = names.filter((name) => name.endsWith('.js')).map((name) => import(name));
            const said = ({ thresholdText }) => [['0.00', '0.00'], ['10.00', '12.00'], ['10.00', '9.00']].map(
                ([threshold, payable]) => thresholdText({ currency: 'EUR', demo: false, threshold, payable }));
            return Promise.all(loaded).then((all) => said(all.find((one) => one.thresholdText !== undefined)));";
        let said = browser.script(script, Vec::new()).await;
        let said: Vec<&str> = said.as_array().unwrap().iter().filter_map(|s| s.as_str()).collect();
        for (words, begins) in said.iter().zip([
            "You have no threshold",
            "Your threshold of \u{20ac}10.00 is reached.",
            "\u{20ac}9.00 of \u{20ac}10.00",
        ]) {
            assert!(words.starts_with(begins), "{words}");
            assert!(words.contains("Your provider pays you out by its own means"), "{words}");
        }
        assert_eq!(said.len(), 3);
    });
}

/// The same page on a phone, in the dark, and with the visitor's own colours.
async fn pictures_of_every_kind(world: &World) {
    let browser = &world.browser;
    let media = |name: &str, value: &str| json!({"features": [{"name": name, "value": value}]});
    browser.devtools("Emulation.setEmulatedMedia", media("prefers-color-scheme", "dark")).await;
    browser.picture("creator-dark").await;
    browser.devtools("Emulation.setEmulatedMedia", media("forced-colors", "active")).await;
    browser.picture("creator-forced-colours").await;
    browser.devtools("Emulation.setEmulatedMedia", media("prefers-color-scheme", "light")).await;
    let phone = json!({"width": 375, "height": 812, "deviceScaleFactor": 2, "mobile": true});
    browser.devtools("Emulation.setDeviceMetricsOverride", phone).await;
    browser.picture("creator-phone").await;
    let wider = "return document.documentElement.scrollWidth - innerWidth";
    assert_eq!(browser.script(wider, Vec::new()).await, json!(0), "nothing sticks out on a phone");
    browser.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await;
}

/// The stream breaks off and the page says so, then finds its way back by itself.
#[test]
fn the_page_survives_a_restless_network() {
    browser_test("creator-network", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let lantern = provider.magazine_creator().await;
        provider.proxy.lose_answers("GET /v1/creator/claims", 1);
        browser.open(&lantern.link).await;
        browser.see("#payments .problem").await;
        browser.picture("creator-problem").await;
        browser.text("#payments", |text| text.contains("No payments yet")).await;
    });
}

/// What was found about the creator's own money is shown with its reasons, can be answered, and ends when
/// the provider decides on the command line.
#[test]
fn a_finding_is_read_answered_and_lifted() {
    browser_test("creator-findings", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let site = Site::start("blog").await;
        let creator = provider.creator("A blog", &site.origin).await;
        sign_in(&world, &creator).await;
        browser.open(&format!("{}/creator#findings", provider.origin)).await;
        browser.text("#findings", |text| text.contains("Nothing was found")).await;
        browser.picture("creator-findings-empty").await;

        let id = CreatorId::parse(&creator.id).unwrap();
        let mut payer = with_own_money(provider, id).await;
        let claim = payer.donation(id, "0.20", Clock::System.now());
        assert_eq!(charge(provider, &payer.sign(&claim).encode()).await, json!("accepted"));
        accuse(&world, id);
        browser.open(&format!("{}/creator#overview", provider.origin)).await;
        browser.client.refresh().await.unwrap();
        browser.text("#under-review", |text| text.contains("0.20")).await;
        let link = browser.see("#under-review a").await;
        browser.press(&link).await;
        let text = browser.text("#findings", |text| text.contains("Finding 1")).await;
        assert!(text.contains("looks steered") && text.contains("310 of a million"), "{text}");
        assert!(text.contains("0.20") && text.contains("1 payment"), "{text}");

        let send = browser.see("#findings .answer button").await;
        browser.press(&send).await;
        browser.text("#findings .field-error", |text| text.contains("Write what you know")).await;
        browser.see("#answer-1").await.send_keys("They are <b>my</b> readers.").await.unwrap();
        browser.press(&send).await;
        let text = browser.text("#findings .trail", |text| text.contains("readers")).await;
        assert!(text.contains("They are <b>my</b> readers."), "{text}");
        browser.text("#findings .finding-state", |text| text.contains("Answered")).await;
        browser.picture("creator-finding").await;

        let list = provider.command(&["fraud", "list", "--creator", &creator.id]).await;
        assert!(list.contains("appealed") && list.contains("0.20"), "{list}");
        let shown = provider.command(&["fraud", "show", "1"]).await;
        assert!(shown.contains("They are <b>my</b> readers."), "{shown}");
        let why = ["--why", "I called them", "--who", "Ada"];
        provider.command(&[&["fraud", "lift", "1"], &why[..]].concat()).await;
        browser.client.refresh().await.unwrap();
        let text = browser.text("#findings", |text| text.contains("Lifted")).await;
        assert!(text.contains("I called them") && text.contains("by the provider"), "{text}");
        let report = provider.command(&["fraud", "report"]).await;
        assert!(report.contains("1 of 1 reviewed were lifted"), "{report}");
        let svg = provider.command(&["fraud", "picture", "1"]).await;
        assert!(svg.contains("<circle") && svg.contains("A blog"), "{svg}");
        let file = provider.folder().join("finding.json");
        std::fs::write(&file, provider.command(&["fraud", "export", "1"]).await).unwrap();
        let holds = provider.command(&["verify", "finding", file.to_str().unwrap()]).await;
        assert!(holds.contains("1 signed claims hold"), "{holds}");
        // It was recorded by hand; the detector itself finds nothing in one payment.
        assert_eq!(provider.command(&["fraud", "scan"]).await, "");
        let audit = provider.command(&["audit", "--log"]).await;
        assert!(audit.contains(" 0 differences"), "{audit}");
    });
}

/// Records a finding about the only payment with own money, as the watch would.
fn accuse(world: &World, creator: CreatorId) {
    let path = world.provider.folder().join("data/ledger.db");
    let writer = SqliteWriter::open(&path, Durability::Full).unwrap();
    let mut writer = Writer::Sqlite(Box::new(writer));
    let all = writer.snapshot().unwrap();
    let payee = all.creators.values().find(|row| row.id == creator).unwrap().creator;
    let paid = all.entries.iter().rev().find_map(|entry| match &entry.body {
        EntryBody::Claim(claim) if claim.creator == payee => Some((entry.number, claim.wallet)),
        _ => None,
    });
    let (claim, wallet) = paid.unwrap();
    let mut apply = |command| writer.apply(&policy(), &[command], Clock::System.now()).unwrap();
    apply(Command::RecordFindings(vec![draft(wallet.0, payee.0, 0, true)]));
    let held = apply(Command::HoldClaims { finding: FindingRef(1), claims: vec![claim] });
    assert!(matches!(held[..], [Answer::Held { claims: 1, .. }]), "{held:?}");
}

/// From a price to an opened gate, with nothing but the creator's page and a visitor's clicks:
/// what the page seals, the gate of a stranger's site opens.
#[test]
fn what_is_sealed_here_opens_there() {
    browser_test("creator-seal", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let site = Site::start("blog").await;
        let creator = provider.creator("A blog", &site.origin).await;
        sign_in(&world, &creator).await;
        add_item(&world).await;
        let tag = seal(&world).await;
        assert!(!tag.contains("wall"), "the tag holds the content in the clear: {tag}");

        let address = site.put("/", Page::with_tag(&provider.origin, &creator.id, &tag));
        browser.open_tab(&address).await;
        browser.pay_first("farthing-gate").await;
        let text = browser.text("farthing-gate", |text| text.contains("cat")).await;
        assert!(text.contains("The cat sat on the wall."), "{text}");
        let shape = "const gate = document.querySelector('farthing-gate');
            return { strong: gate.querySelectorAll('p.note strong').length, scripts: gate.querySelectorAll('script').length,
              handlers: gate.querySelectorAll('[onclick]').length, drawings: gate.querySelectorAll('img[src^=\"data:image/svg\"]').length };";
        let shape = browser.script(shape, Vec::new()).await;
        assert_eq!(shape, json!({"strong": 1, "scripts": 0, "handlers": 0, "drawings": 1}));
    });
}

async fn add_item(world: &World) {
    let browser = &world.browser;
    browser.open(&format!("{}/creator#items", world.provider.origin)).await;
    let add = browser.see("#add-item").await;
    browser.press(&add).await;
    // Wrong input first: each field says what is wrong with it, and nothing is sent.
    browser.see("#item-name").await.send_keys(" padded").await.unwrap();
    browser.see("#item-price").await.send_keys("0,05").await.unwrap();
    let save = browser.see("#item-save").await;
    browser.press(&save).await;
    browser.text("#item-name-error", |text| text.contains("spaces")).await;
    browser.text("#item-title-error", |text| text.contains("title")).await;
    browser.text("#item-price-error", |text| text.contains("0.05")).await;
    browser.picture("creator-item-errors").await;
    assert_eq!(world.provider.proxy.count("PUT /v1/creator/items"), 0);
    for (field, text) in [("name", "cat \"&<é"), ("title", "The cat"), ("price", "0.05")] {
        let input = browser.see(&format!("#item-{field}")).await;
        input.clear().await.unwrap();
        input.send_keys(text).await.unwrap();
    }
    browser.press(&save).await;
    browser.text("#items", |text| text.contains("The cat")).await;
    browser.picture("creator-items").await;
}

/// Seals content with a little of everything, and answers the tag to paste.
async fn seal(world: &World) -> String {
    let browser = &world.browser;
    let button = browser.see("[aria-label='Seal content of The cat']").await;
    browser.press(&button).await;
    let content = "<p class='note' onclick='steal()'>The <strong>cat</strong> sat on the wall.</p>\
        <script>steal()</script><svg width='20' height='20'><title>A dot</title><circle cx='10' cy='10' r='9'/></svg>";
    browser.see("#seal-text").await.send_keys(content).await.unwrap();
    let save = browser.see("#seal-save").await;
    browser.press(&save).await;
    browser
        .text("#seal-result .problem", |text| text.contains("<script>") && text.contains("onclick"))
        .await;
    browser.picture("creator-seal").await;
    until("the tag is there", async || {
        let output = browser.see("#seal-result textarea").await;
        output.prop("value").await.ok().flatten()
    })
    .await
}
