//! The golden vectors in the browser: the Wasm that is shipped signs them byte for byte, and the
//! browser's own Ed25519 agrees, also on what must be refused.

use std::rc::Rc;

use farthing_tests::world::{World, browser_test};
use serde_json::{Value, json};

const KINDS: [&str; 10] = [
    "claim",
    "allowance",
    "opening",
    "access",
    "offer",
    "refund",
    "budget",
    "permission",
    "rotation",
    "backup",
];

fn file(kind: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/vectors");
    let text = std::fs::read_to_string(format!("{folder}/{kind}.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Signs each case with the page's own module, anew instantiated, and checks it with WebCrypto.
/// Gives `[signed bytes as base64url, holds, holds with one bit flipped]` for each case.
const SIGN: &str = r#"
const [kind, cases, done] = arguments;
(async () => {
  const entries = performance.getEntriesByType("resource").map((entry) => entry.name);
  const source = entries.find((name) => name.endsWith(".wasm"));
  const wasm = (await WebAssembly.instantiateStreaming(fetch(source))).instance.exports;
  const put = (text) => [...text].forEach((c) => wasm.put(c.codePointAt()));
  const get = (n) => new TextDecoder().decode(new Uint8Array(n).map((_, at) => wasm.get(at)));
  const bytes = (text) => Uint8Array.from(
    atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt());
  const sign = (seed, text) => { put(text); bytes(seed).forEach((b) => wasm.seed(b)); return get(wasm.sign(0)); };
  const out = [];
  for (const { seed, fields } of cases) {
    const signed = sign(seed, ["vector", kind, ...Object.entries(fields).flat()].join("\x1f"));
    const whole = bytes(signed);
    const raw = bytes(sign(seed, ""));
    const key = await crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"]);
    const body = whole.slice(0, -64), signature = whole.slice(-64);
    const holds = () => crypto.subtle.verify("Ed25519", key, signature, body);
    const first = await holds();
    body[body.length - 1] ^= 1;
    out.push([signed, first, await holds()]);
  }
  return out;
})().then(done, (error) => done(String(error)));
"#;

#[test]
fn the_shipped_module_signs_the_golden_vectors() {
    browser_test("vectors", async |world: Rc<World>| {
        let (provider, browser) = (&world.provider, &world.browser);
        browser.open(&format!("{}/wallet", provider.origin)).await;
        browser.see("html[data-state=empty], html[data-state=home]").await;
        for kind in KINDS {
            let cases = file(kind)["cases"].clone();
            let arguments = vec![json!(kind), cases.clone()];
            let made = browser.client.execute_async(SIGN, arguments).await.unwrap();
            let cases = cases.as_array().unwrap();
            assert_eq!(made.as_array().map(Vec::len), Some(cases.len()), "{kind}: {made}");
            for (case, made) in cases.iter().zip(made.as_array().unwrap()) {
                let text = |name: &str| case[name].as_str().unwrap().to_owned();
                assert_eq!(
                    made,
                    &json!([join(&text("body"), &text("signature")), true, false]),
                    "{kind}"
                );
            }
        }
    });
}

/// Base64url of two byte strings one after the other.
fn join(first: &str, second: &str) -> String {
    use base64ct::{Base64UrlUnpadded, Encoding};
    let mut bytes = Base64UrlUnpadded::decode_vec(first).unwrap();
    bytes.extend(Base64UrlUnpadded::decode_vec(second).unwrap());
    Base64UrlUnpadded::encode_string(&bytes)
}
