//! How creators embed: a pinned loader, elements that come and go, several on a page, far down, and a page that builds
//! the tag.

use std::rc::Rc;

use farthing_tests::in_every_engine;
use farthing_tests::site::{Page, Site};
use farthing_tests::wait::until;
use farthing_tests::world::{World, browser_test};
use serde_json::{Value, json};

in_every_engine! {
    elements_come_and_go
}

/// A single-page app: elements are added later, moved, changed and removed, and each is alive where it is.
async fn elements_come_and_go(world: Rc<World>) {
    let (provider, browser) = (&world.provider, &world.browser);
    let site = Site::start("app").await;
    let creator = provider.creator("An app", &site.origin).await;
    provider.price(&creator, "one", "One", "0.01").await;
    provider.price(&creator, "two", "Two", "0.02").await;
    browser
        .open(&site.put("/", Page::with_tag(&provider.origin, &creator.id, "<main></main>")))
        .await;
    let add = "const element = document.createElement('farthing-pay');
        element.id = arguments[0]; element.setAttribute('item', arguments[0]);
        element.textContent = 'Pay'; document.querySelector('main').append(element);";
    browser.script(add, vec![json!("one")]).await;
    browser.script(add, vec![json!("two")]).await;
    let label = async |css: &str, part: &str| {
        browser.enter(css).await;
        browser.text("button", |text| text.contains(part)).await;
        browser.leave().await;
    };
    label("#one", "0.01").await;
    label("#two", "0.02").await;
    // Another page of the app: the first is gone, the second is moved to the front and is for another item.
    let turn = "document.querySelector('#one').remove();
        const two = document.querySelector('#two');
        document.querySelector('main').prepend(two); two.setAttribute('item', 'one');";
    browser.script(turn, Vec::new()).await;
    label("#two", "0.01").await;
    browser.pay_first("#two").await;
    browser.frame_shows("#two", "paid").await;
    // And back: what was bought is known to an element made anew.
    browser.script("document.querySelector('#two').remove()", Vec::new()).await;
    browser.script(add, vec![json!("one")]).await;
    browser.frame_shows("#one", "paid").await;
}

/// The frame is loaded again, on its own, as a visitor can: the port went to the document before, so the element takes a new frame.
#[test]
fn a_frame_that_is_loaded_again_still_speaks_to_its_page() {
    browser_test("loaded-again", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let site = Site::start("again").await;
        let creator = provider.creator("Again", &site.origin).await;
        provider.price(&creator, "one", "One", "0.01").await;
        let body = "<farthing-pay item=\"one\">Pay</farthing-pay>";
        browser.open(&site.put("/", Page::with_tag(&provider.origin, &creator.id, body))).await;
        browser.watch_events().await;
        browser.frame_shows("farthing-pay", "ready").await;
        let again = "window.first = __rootOf(document.querySelector('farthing-pay')).querySelector('iframe');
            first.src = first.src.replace('/w/frame?', '/w/frame?again&')";
        browser.script(again, Vec::new()).await;
        until("another frame takes its place", async || {
            let gone = "return !first.isConnected";
            (browser.script(gone, Vec::new()).await == json!(true)).then_some(())
        })
        .await;
        browser.pay_first("farthing-pay").await;
        browser.frame_shows("farthing-pay", "paid").await;
        until("the page hears of it", async || {
            let events = browser.events().await;
            events.iter().any(|event| event["name"] == "farthing:paid").then_some(())
        })
        .await;
    });
}

/// The npm package, as a bundler would put it into a page.
#[test]
fn the_package_adds_one_provider_and_says_what_it_cannot() {
    browser_test("npm", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let site = Site::start("npm").await;
        let creator = provider.creator("Packed", &site.origin).await;
        browser.open(&site.put("/", Page::of("<farthing-donate>Give</farthing-donate>"))).await;
        let load = "const [source, options, done] = arguments;
            window.package ??= import('data:text/javascript,' + encodeURIComponent(source));
            package.then(({ load }) => load(options).catch((error) => error.message)).then(done);";
        let source = include_str!("../../www/npm/index.js");
        let load = async |options: Value| {
            let arguments = vec![json!(source), options];
            browser.client.execute_async(load, arguments).await.unwrap()
        };
        let refused = load(json!({"provider": "pay.example"})).await;
        assert!(refused.as_str().unwrap().contains("URL"), "{refused}");
        let gone = load(json!({"provider": "http://gone.localhost:9"})).await;
        assert_eq!(gone, json!("the loader of http://gone.localhost:9 did not load"));
        let ours = json!({"provider": provider.origin, "creator": creator.id});
        assert_eq!(load(ours.clone()).await, Value::Null);
        browser.frame_shows("farthing-donate", "ready").await;
        assert_eq!(load(ours).await, Value::Null, "once is enough");
        let other = load(json!({"provider": "http://gone.localhost:9"})).await;
        assert!(other.as_str().unwrap().contains(&provider.origin), "{other}");
    });
}

#[test]
fn a_pinned_loader_runs_and_another_does_not() {
    browser_test("pinned", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let told = provider.ask("GET", "/l/loader.json", None, None).await.json();
        let script = provider.ask("GET", told["src"].as_str().unwrap(), None, None).await;
        assert!(script.header("cache-control").unwrap().contains("immutable"));
        let site = Site::start("pinned").await;
        let creator = provider.creator("Pinned", &site.origin).await;
        let page = |integrity: &str| {
            Page::of(&format!(
                "<script async src=\"{}{}\" integrity=\"{integrity}\" crossorigin=\"anonymous\" data-creator=\"{}\"></script><farthing-donate>Give</farthing-donate>",
                provider.origin,
                told["src"].as_str().unwrap(),
                creator.id
            ))
        };
        browser.open(&site.put("/", page(told["integrity"].as_str().unwrap()))).await;
        browser.frame_shows("farthing-donate", "ready").await;
        let wrong = format!("sha384-{}", "A".repeat(64));
        browser.open(&site.put("/wrong", page(&wrong))).await;
        until("the browser refuses the script", async || {
            browser.console().await.iter().any(|line| line.contains("integrity")).then_some(())
        })
        .await;
        let defined = "return !!customElements.get('farthing-donate')";
        assert_eq!(browser.script(defined, Vec::new()).await, json!(false));
    });
}

/// A frame costs a page's main thread more than all else that the loader does: it is made after the script has run, one a
/// task, once for each element, and knows its address when it is put in (without one, an empty document is loaded first).
#[test]
fn frames_are_made_one_a_task_and_once() {
    browser_test("one-a-task", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let site = Site::start("tasks").await;
        let creator = provider.creator("Tasks", &site.origin).await;
        provider.price(&creator, "it", "It", "0.05").await;
        let watch = "<script>
            window.made = [];
            let together = 0;
            const put = DocumentFragment.prototype.replaceChildren;
            DocumentFragment.prototype.replaceChildren = function (...nodes) {
              for (const { src } of nodes.filter((node) => node.localName == 'iframe')) {
                together += 1;
                made.push([together, src.includes('/w/frame?')]);
                queueMicrotask(() => (together = 0));
              }
              return put.apply(this, nodes);
            };
            document.addEventListener('load', ({ target }) => {
              if (target.src?.endsWith('/v1.js')) window.atOnce = made.length;
            }, true);
          </script>";
        let elements = "<farthing-pay item=\"it\">Pay</farthing-pay>".repeat(3);
        // The tag stands last: the elements are there when it runs.
        let tag = format!(
            "<script async src=\"{}/v1.js\" data-creator=\"{}\"></script>",
            provider.origin, creator.id
        );
        let page = Page::of(&[watch, &elements, &tag].concat());
        browser.open(&site.put("/", page)).await;
        browser.frame_shows("farthing-pay:last-of-type", "ready").await;
        // As frameworks do: put in first, attributes after.
        let add = "const element = document.createElement('farthing-pay');
            element.id = 'added';
            document.body.prepend(element);
            for (const name of ['creator', 'item', 'amount', 'sealed'])
              element.setAttribute(name, name == 'item' ? 'it' : '');";
        browser.script(add, Vec::new()).await;
        browser.frame_shows("#added", "ready").await;
        let seen = browser.script("return [window.atOnce, window.made]", Vec::new()).await;
        assert_eq!(seen, json!([0, [[1, true], [1, true], [1, true], [1, true]]]));
    });
}

/// Twenty elements on a long page: nothing jumps, and those far down are not fetched.
#[test]
fn a_long_page_is_lazy_and_does_not_jump() {
    browser_test("long-page", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let site = Site::start("long").await;
        let creator = provider.creator("Long", &site.origin).await;
        let one = "<p style=\"height: 900px\">Text</p><farthing-donate>Give</farthing-donate>";
        let watch = "<script>window.shift = 0; new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) window.shift += entry.value;
          }).observe({ type: 'layout-shift', buffered: true });</script>";
        let body = format!(
            "<style>farthing-donate {{ display: grid; min-height: 76px }}</style>{watch}<farthing-donate id=\"first\">Give</farthing-donate>{}",
            one.repeat(20)
        );
        browser.open(&site.put("/", Page::with_tag(&provider.origin, &creator.id, &body))).await;
        browser.frame_shows("#first", "ready").await;
        let fetched = provider.proxy.count("GET /w/frame");
        assert!(fetched < 8, "{fetched} of 21 frames were fetched, far down ones too");
        let made = "return [...document.querySelectorAll('farthing-donate')]
            .filter((element) => __rootOf(element).querySelector('iframe')).length";
        let made = browser.script(made, Vec::new()).await;
        assert!(
            made.as_u64().unwrap() < 8,
            "{made} of 21 frames were made, which the page pays for"
        );
        assert_eq!(browser.script("return window.shift", Vec::new()).await, json!(0));
        browser.frame_shows("farthing-donate:last-of-type", "ready").await;
    });
}

/// What the page builds is what works: its lines are put into a page, under its policy.
#[test]
fn the_try_it_page_builds_a_tag_that_works() {
    browser_test("try-it", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let site = Site::start("trier").await;
        let creator = provider.creator("Trier", &site.origin).await;
        provider.price(&creator, "it", "It", "0.04").await;
        browser.open(&format!("{}/try", provider.origin)).await;
        let fill = "const [creator] = arguments;
            document.querySelector('#creator').value = creator;
            document.querySelector('#item').value = 'it';
            document.querySelector('#pinned').checked = true;
            document.querySelector('#themed').checked = true;
            document.querySelector('#background').value = '#204060';
            document.querySelector('#item').dispatchEvent(new Event('input', { bubbles: true }));
            return ['script', 'element', 'policy', 'style'].map((id) => document.getElementById(id).textContent);";
        let lines: Value = until("the version is known", async || {
            let lines = browser.script(fill, vec![json!(creator.id)]).await;
            lines[0].as_str()?.contains("integrity").then_some(lines)
        })
        .await;
        browser.picture("try-it").await;
        let text = |n: usize| lines[n].as_str().unwrap().to_owned();
        let mut page = Page::of(&format!("<style>{}</style>{}{}", text(3), text(0), text(1)));
        page.headers.push(("content-security-policy".into(), text(2)));
        browser.open(&site.put("/", page)).await;
        browser.enter("farthing-pay").await;
        browser.see_state("ready").await;
        browser.see("button").await;
        let worn = "return getComputedStyle(document.querySelector('button')).backgroundColor";
        assert_eq!(browser.script(worn, Vec::new()).await, json!("rgb(32, 64, 96)"));
        browser.leave().await;
        browser.pay_first("farthing-pay").await;
        browser.frame_shows("farthing-pay", "paid").await;
    });
}

/// Sealed content of another's making may say `null` where an element has no attributes or no children: the rest is
/// shown all the same.
#[test]
fn sealed_content_with_a_hole_is_shown_to_its_end() {
    browser_test("hole", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        let site = Site::start("hole").await;
        let creator = provider.creator("Hole", &site.origin).await;
        provider.price(&creator, "it", "It", "0.05").await;
        let session = provider.sign_in(&creator).await;
        let path = "/v1/creator/items/content-key?name=it";
        let key = provider.ask("GET", path, Some(&session), None).await.json();
        let tag = "<farthing-gate item=\"it\">Pay</farthing-gate>";
        let address = site.put("/", Page::with_tag(&provider.origin, &creator.id, tag));
        browser.open(&address).await;
        let seal = "const [key, nodes, done] = arguments;
            const from64 = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt());
            const seal = async () => {
              const iv = crypto.getRandomValues(new Uint8Array(12));
              const sealer = await crypto.subtle.importKey('raw', from64(key), 'AES-GCM', false, ['encrypt']);
              const plain = new TextEncoder().encode(JSON.stringify(nodes));
              const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, sealer, plain));
              const text = btoa(String.fromCharCode(...iv, ...sealed));
              return text.replace(/[+]/g, '-').replace(/[/]/g, '_').replace(/=/g, '');
            };
            seal().then(done);";
        let nodes = json!([["hr", null, null], ["p", {"class": "x"}, ["The second half"]], "."]);
        let arguments = vec![key["content_key"].clone(), nodes];
        let sealed = browser.client.execute_async(seal, arguments).await.unwrap();
        let tag = tag.replace(">Pay", &format!(" sealed=\"{}\">Pay", sealed.as_str().unwrap()));
        browser.open(&site.put("/", Page::with_tag(&provider.origin, &creator.id, &tag))).await;
        browser.pay_first("farthing-gate").await;
        browser.text("farthing-gate", |text| text.contains("The second half")).await;
        let shown = "return document.querySelector('farthing-gate').innerHTML";
        let shown = browser.script(shown, Vec::new()).await;
        assert_eq!(shown, json!("<hr><p class=\"x\">The second half</p>."));
    });
}
