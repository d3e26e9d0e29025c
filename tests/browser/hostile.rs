//! What a creator's page, or a script on it, can try.

use std::rc::Rc;

use farthing_tests::site::{Page, Site};
use farthing_tests::wait::until;
use farthing_tests::world::{World, browser_test};
use serde_json::json;

/// Everything that would move money or make a wallet.
const WRITES: [&str; 3] = ["POST /v1/wallets", "POST /v1/allowances", "POST /v1/claims"];

fn writes(world: &World) -> usize {
    WRITES.iter().map(|line| world.provider.proxy.count(line)).sum()
}

#[test]
fn a_page_cannot_read_the_frame() {
    browser_test("cannot-read", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        browser.open(&format!("{}/essay.html", provider.magazine)).await;
        browser.frame_shows("farthing-gate", "ready").await;
        let attempts = "
            const frame = window.__rootOf(document.querySelector('farthing-gate')).querySelector('iframe');
            const inside = frame.contentWindow;
            const attempts = {
              document: () => inside.document,
              storage: () => inside.localStorage,
              database: () => inside.indexedDB,
              crypto: () => inside.crypto,
              address: () => inside.location.href,
              click: () => inside.document.querySelector('button').click(),
            };
            const outcome = { contentDocument: frame.contentDocument === null ? 'null' : 'readable' };
            for (const [name, attempt] of Object.entries(attempts)) {
              try { attempt(); outcome[name] = 'readable'; } catch (error) { outcome[name] = error.name; }
            }
            return outcome;";
        let outcome = browser.script(attempts, Vec::new()).await;
        let refused = json!("SecurityError");
        assert_eq!(outcome["contentDocument"], json!("null"), "{outcome}");
        for attempt in ["document", "storage", "database", "crypto", "address", "click"] {
            assert_eq!(outcome[attempt], refused, "{attempt}: {outcome}");
        }
        assert_eq!(writes(&world), 0);
    });
}

/// The page plays the wallet to the frame, and the frame to the wallet. Neither believes it.
#[test]
fn messages_from_a_wrong_origin_change_nothing() {
    browser_test("forged-messages", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let site = Site::start("thief").await;
        let thief = provider.creator("A thief", &site.origin).await;
        let body =
            "<farthing-donate amount=\"1.00\">Give</farthing-donate><button id=\"go\">Go</button>";
        let address = site.put("/", Page::with_tag(&provider.origin, &thief.id, body));
        browser.open(&address).await;
        let before = browser.frame_shows("farthing-donate", "ready").await;

        let forge = "
            const frame = window.__rootOf(document.querySelector('farthing-donate')).querySelector('iframe');
            const forged = [
              { t: 'allowed', allowance: 'AAAA' }, { t: 'allowed' }, { t: 'ready' }, { t: 'closed' },
              { t: 'verifier', verifier: 'A'.repeat(43) }, { t: 'declined' }, { t: 'paid' },
            ];
            for (const message of forged) frame.contentWindow.postMessage(message, '*');
            const { port2 } = new MessageChannel();
            frame.contentWindow.postMessage({ farthing: 1, sealed: '' }, '*', [port2]);";
        browser.script(forge, Vec::new()).await;
        let after = browser.frame_shows("farthing-donate", "ready").await;
        assert_eq!(before, after);

        wallet_ignores_the_page(&world, &thief.id).await;
        assert_eq!(writes(&world), 0, "no wallet, no allowance, no claim came of it");
    });
}

/// The page opens the wallet window by itself and asks for an allowance for a key of its own.
async fn wallet_ignores_the_page(world: &World, creator: &str) {
    let (provider, browser) = (&world.provider, &world.browser);
    let page = browser.here().await;
    let known = browser.windows().await;
    let ask = "
        const [provider, creator] = arguments;
        document.querySelector('#go').onclick = () => {
          const wallet = open(provider + '/wallet/allow', '_blank', 'popup,width=440,height=680');
          window.answers = [];
          addEventListener('message', (event) => window.answers.push(event.data));
          const question = {
            t: 'ask', creator, item: '', amount: '1.00', key: 'A'.repeat(43),
            origin: location.origin, force: '',
          };
          setInterval(() => wallet.postMessage(question, '*'), 50);
        };";
    browser.script(ask, vec![json!(provider.origin), json!(creator)]).await;
    let go = browser.see("#go").await;
    browser.press(&go).await;
    let window = browser.go_to_new_window(&known).await;
    // The window has started when it has asked the verifier who it is.
    browser.see("main").await;
    farthing_tests::wait::until("the wallet window has started", async || {
        (provider.proxy.count("GET /v1/provider") > 0).then_some(())
    })
    .await;
    // Twenty questions later it still shows no consent.
    browser.go_to(&page).await;
    let rounds = "const done = arguments[0]; let left = 20;
        const timer = setInterval(() => { if (--left === 0) { clearInterval(timer); done(window.answers); } }, 50);";
    let answers = browser.client.execute_async(rounds, Vec::new()).await.unwrap();
    assert_eq!(answers, json!([]), "the wallet told the page something");
    browser.go_to(&window).await;
    let state =
        browser.script("return document.documentElement.dataset.state ?? ''", Vec::new()).await;
    assert_ne!(state, json!("consent"));
    browser.picture("wallet-asked-by-a-stranger").await;
    browser.client.close_window().await.unwrap();
    browser.go_to(&page).await;
}

/// A layer over the button that lets clicks through: the classic theft of a click. The button
/// asks again instead of paying.
#[test]
fn a_covered_button_does_not_pay_at_once() {
    browser_test("covered", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let session = provider.sign_in(&provider.magazine_creator().await).await;
        browser.open(&format!("{}/", provider.magazine)).await;
        browser.pay_first("farthing-pay").await;
        browser.frame_shows("farthing-pay", "paid").await;

        browser.open(&format!("{}/essay.html", provider.magazine)).await;
        browser.frame_shows("farthing-gate", "ready").await;
        let cover = "const layer = document.createElement('div');
            Object.assign(layer.style, { position: 'fixed', inset: '0', background: '#fff', opacity: '0.9', pointerEvents: 'none' });
            layer.textContent = 'You have won!';
            document.body.append(layer);";
        browser.script(cover, Vec::new()).await;
        browser.press_in("farthing-gate").await;
        let state = farthing_tests::wait::until("the frame has answered the click", async || {
            browser.enter("farthing-gate").await;
            let state =
                browser.script("return document.documentElement.dataset.state", Vec::new()).await;
            browser.leave().await;
            (state != json!("ready")).then_some(state)
        })
        .await;
        assert!(state == json!("confirm") || state == json!("window"), "{state}");
        browser.picture("covered-confirm").await;
        assert_eq!(provider.totals(&session).await, (1, "0.10".into()), "nothing but the lamp");
    });
}

/// A page opens the item's link with a name of its own, to hear whether this browser owns the item. It hears
/// nothing without a click on the button that says so, and then nothing that is the same at the next visit.
#[test]
fn a_link_does_not_tell_what_is_owned() {
    browser_test("owned-link", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let creator = provider.magazine_creator().await;
        let item = format!("{}/i/{}/essay", provider.origin, creator.id);
        browser.open(&item).await;
        browser.see_state("item").await;
        let pay = browser.see("[data-do=pay]").await;
        browser.hover(&pay).await;
        until("it can be paid", async || pay.is_enabled().await.ok()?.then_some(())).await;
        browser.press(&pay).await;
        browser.see_state("paid").await;
        assert_eq!(provider.proxy.count("POST /v1/notices"), 0, "nobody asked for one");

        // A document of its own, as a link from elsewhere makes one: the fragment alone would not load it.
        browser.open(&format!("{}/", provider.magazine)).await;
        browser.open(&format!("{item}#name=0f1e2d3c-4b5a-4678-9abc-def012345678")).await;
        browser.see_state("paid").await;
        let tell = browser.see("[data-do=tell]").await;
        browser.picture("owned-already").await;
        assert_eq!(provider.proxy.count("POST /v1/notices"), 0, "told without a click");
        browser.press(&tell).await;
        until("it is told", async || (provider.proxy.count("POST /v1/notices") > 0).then_some(()))
            .await;
        let ask = "const done = arguments[0];
            (async () => {
                for (;;) {
                    const answer = await fetch('/v1/notices/0f1e2d3c-4b5a-4678-9abc-def012345678');
                    if (answer.ok) return done(await answer.json());
                    await new Promise((next) => setTimeout(next, 50));
                }
            })();";
        let told = browser.client.execute_async(ask, Vec::new()).await.unwrap();
        let names: Vec<&String> = told.as_object().unwrap().keys().collect();
        assert_eq!(names, ["amount", "content_key", "currency"]);
    });
}

/// The wallet and the creator's page cannot be put into a frame.
#[test]
fn pages_with_authority_cannot_be_framed() {
    browser_test("framed", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let site = Site::start("thief").await;
        for path in ["/wallet", "/wallet/allow", "/creator"] {
            let body = format!("<iframe src=\"{}{path}\"></iframe>", provider.origin);
            let address = site.put("/", Page::of(&body));
            browser.open(&address).await;
            browser.client.enter_frame(0).await.unwrap();
            let text =
                browser.script("return document.documentElement.outerHTML", Vec::new()).await;
            let text = text.as_str().unwrap_or_default();
            assert!(
                !text.contains("data-view") && !text.contains("view-overview"),
                "{path}: {text}"
            );
            browser.leave().await;
        }
    });
}

/// The page writes separators into the names of the fragment's parameters, so that a key of its own
/// would stand before the frame's in the question that the visitor allows.
#[test]
fn a_page_cannot_put_its_own_key_into_an_allowance() {
    browser_test("smuggled-key", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let site = Site::start("smuggler").await;
        let thief = provider.creator("A smuggler", &site.origin).await;
        let key = farthing_shared::SigningKey::from_seed(&[7; 32]);
        let fragment = format!(
            "z%1Fz%1Fkey%1F{}%1Fforce%1F%1Fq=q&mode=donate&creator={}&amount=0.05",
            key.public(),
            thief.id
        );
        let body = format!(
            "<iframe width=400 height=120 src=\"{}/w/frame#{fragment}\"></iframe>",
            provider.origin
        );
        let address = site.put("/", Page::of(&body));
        browser.open(&address).await;
        let page = browser.here().await;
        let known = browser.windows().await;
        let frame = browser.see("iframe").await;
        frame.enter_frame().await.expect("the provider's frame");
        browser.see_state("ready").await;
        let button = browser.see("button").await;
        browser.press(&button).await;
        browser.leave().await;
        let window = browser.go_to_new_window(&known).await;
        browser.allow().await;
        browser.gone(&window).await;
        browser.go_to(&page).await;
        let session = provider.sign_in(&thief).await;
        farthing_tests::wait::until("the visitor's own key has paid", async || {
            (provider.totals(&session).await.0 == 1).then_some(())
        })
        .await;
        assert_eq!(allowance_status(&world, &key).await, 404, "the page's key was allowed");
    });
}

/// How the verifier answers a key that asks for its own allowance.
async fn allowance_status(world: &World, key: &farthing_shared::SigningKey) -> u16 {
    use base64ct::{Base64UrlUnpadded, Encoding};
    use farthing_shared::{Access, UnixMillis, VerifierId};
    let provider = &world.provider;
    let told = provider.ask("GET", "/v1/provider", None, None).await.json();
    let verifier = VerifierId::parse(told["verifier"].as_str().expect("an id")).expect("an id");
    let path = format!("/v1/allowances/{}", key.public());
    let at = UnixMillis(farthing_verifier::clock::Clock::System.now().0);
    let access = Access { verifier, key: key.public(), at, target: Access::target("GET", &path) };
    let bytes = access.sign(key).encode();
    let header = format!("Farthing {}", Base64UrlUnpadded::encode_string(&bytes));
    let headers = [("authorization", header.as_str())];
    let answer = farthing_tests::http::request(
        provider.address,
        &provider.host,
        "GET",
        &path,
        &headers,
        None,
    );
    answer.await.expect("the verifier answers").status
}
