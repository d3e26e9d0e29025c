//! Strict policies on both sides, and not one violation of them.

use std::rc::Rc;

use farthing_tests::site::{Page, Site};
use farthing_tests::world::{World, browser_test};
use serde_json::json;

/// Lines of the consoles that tell of a broken policy or an uncaught error. A 404 is neither: a
/// wallet page asks whether its wallet is open, and "no" is an answer.
async fn complaints(world: &World) -> Vec<String> {
    let mut lines = world.browser.console().await;
    lines.retain(|line| {
        (line.starts_with("SEVERE") || line.contains("Security Policy"))
            && !line.contains("the server responded with a status of 404")
    });
    lines
}

async fn no_violations(world: &World, page: &str) {
    let seen = world.browser.script("return window.__violations", Vec::new()).await;
    assert_eq!(seen, json!([]), "{page}");
    assert_eq!(complaints(world).await, Vec::<String>::new(), "{page}");
}

/// The magazine's policy allows two sources of the provider and nothing else. A whole payment,
/// with a gate that opens to a picture, breaks neither it nor the policies of the provider's pages.
#[test]
fn a_payment_breaks_no_policy() {
    browser_test("policy", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let page = browser.here().await;
        for path in ["", "essay.html", "interview.html"] {
            browser.open(&format!("{}/{path}", provider.magazine)).await;
            browser.frame_shows("farthing-donate", "ready").await;
            no_violations(&world, path).await;
        }
        browser.open(&format!("{}/picture.html", provider.magazine)).await;
        browser.pay_first("farthing-gate").await;
        browser.see("farthing-gate .plate img").await;
        let drawn = "const i = document.querySelector('farthing-gate img'); return i.decode().then(() => i.naturalWidth)";
        assert_eq!(browser.script(drawn, Vec::new()).await, json!(960), "the picture is drawn");
        no_violations(&world, "picture.html").await;
        browser.go_to(&page).await;
        browser.open(&format!("{}/wallet", provider.origin)).await;
        browser.see_state("home").await;
        no_violations(&world, "/wallet").await;
    });
}

/// Trusted Types and cross-origin isolation on the creator's side: the strictest page there is.
#[test]
fn the_strictest_page_can_embed() {
    browser_test("strictest", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let site = Site::start("strict").await;
        let creator = provider.creator("Strict", &site.origin).await;
        let body = "<farthing-donate amount=\"0.30\">Give</farthing-donate>";
        let mut page = Page::with_tag(&provider.origin, &creator.id, body);
        let policy = format!(
            "default-src 'none'; script-src {0}; frame-src {0}; img-src data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
            provider.origin
        );
        for (name, value) in [
            ("content-security-policy", policy.as_str()),
            ("cross-origin-embedder-policy", "require-corp"),
            ("cross-origin-opener-policy", "same-origin-allow-popups"),
            ("referrer-policy", "no-referrer"),
        ] {
            page.headers.push((name.to_owned(), value.to_owned()));
        }
        browser.open(&site.put("/", page)).await;
        browser.pay_first("farthing-donate").await;
        browser.enter("farthing-donate").await;
        browser.text("p[role=status]", |text| text.contains("Thank you")).await;
        browser.leave().await;
        no_violations(&world, "the strictest page").await;
    });
}

/// What the provider's pages are served with.
#[test]
fn the_providers_pages_carry_their_policies() {
    browser_test("headers", async |world: Rc<World>| {
        let rows = [
            (
                "/w/frame",
                [
                    "'wasm-unsafe-eval'",
                    "require-trusted-types-for 'script'",
                    "trusted-types 'none'",
                ],
                false,
            ),
            (
                "/wallet",
                [
                    "trusted-types farthing-worker farthing-offline",
                    "require-trusted-types-for 'script'",
                    "frame-ancestors 'none'",
                ],
                true,
            ),
            (
                "/creator",
                [
                    "trusted-types farthing-seal farthing-worker",
                    "require-trusted-types-for 'script'",
                    "frame-ancestors 'none'",
                ],
                true,
            ),
        ];
        for (path, parts, keeps_opener) in rows {
            let answer = world.provider.ask("GET", path, None, None).await;
            let policy = answer.header("content-security-policy").unwrap_or_default();
            for part in parts.iter().chain(&["default-src 'none'"]) {
                assert!(policy.contains(part), "{path}: {part} is missing in {policy}");
            }
            assert!(!policy.contains("unsafe-inline"), "{path}: {policy}");
            let opener = answer.header("cross-origin-opener-policy").unwrap_or_default();
            assert!(!keeps_opener || opener != "same-origin", "{path} cuts its opener off");
        }
    });
}
