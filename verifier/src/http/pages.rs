//! The web files, carried inside the binary, and the headers that browsers enforce for us.

use std::borrow::Cow;
use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::RustEmbed;

use super::App;
use super::extract::InPath;
use super::problem::{Kind, Problem};

/// What `cargo xtask wasm` built. In debug builds the files are read from the folder at run time.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../target/www"]
#[allow_missing = true]
struct Www;

/// The web files, looked up once at the start.
#[derive(Debug, Default)]
pub struct Site {
    files: HashMap<String, File>,
    /// By language, then by the outcome's name: why a claim was refused.
    refusals: HashMap<String, HashMap<String, String>>,
}

#[derive(Debug, Clone)]
struct File {
    plain: Bytes,
    brotli: Option<Bytes>,
}

/// Scripts only from here, Wasm allowed, no styles in markup, nothing else at all.
const FRAME_CSP: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; \
    style-src 'self'; base-uri 'none'; form-action 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";
const WALLET_CSP: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; \
    style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types farthing-worker farthing-offline";
const CREATOR_CSP: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; \
    style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types farthing-seal farthing-worker";
const REVIEW_CSP: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; \
    img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";
/// A worker has the policy of its own script's answer, not that of its page.
const SCRIPT_CSP: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; \
    base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

impl Site {
    /// Takes the files out of the binary.
    #[must_use]
    pub fn embedded() -> Self {
        let mut files = HashMap::new();
        for name in Www::iter().filter(|name| !name.ends_with(".br")) {
            let Some(plain) = Www::get(&name) else { continue };
            let brotli = Www::get(&format!("{name}.br")).map(|file| bytes(file.data));
            files.insert(name.into_owned(), File { plain: bytes(plain.data), brotli });
        }
        let site = Self { files, refusals: HashMap::new() };
        let words = |path: &str| {
            let words = site.file(path).and_then(|file| serde_json::from_slice(&file).ok());
            let language = path.split('.').nth(1).unwrap_or_default();
            (language.to_owned(), words.unwrap_or_default())
        };
        let refusals = site.paths("site/refusals.").map(words).collect();
        Self { refusals, ..site }
    }

    /// Why a claim was refused, in the language that was asked for as for a page; `None` where that is
    /// English, which the outcome has itself.
    pub(super) fn refusal<'a>(
        &'a self,
        outcome: &str,
        query: Option<&str>,
        spoken: Option<&str>,
    ) -> Option<&'a str> {
        let words = languages(query, spoken).find_map(|language| match &*language {
            "en" => Some(None),
            language => self.refusals.get(language).map(Some),
        });
        let words = words??;
        words.get(outcome).or_else(|| words.get(REFUSED)).map(String::as_str)
    }

    /// A file's bytes by its path below `target/www`.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<Bytes> {
        self.files.get(path).map(|file| file.plain.clone())
    }

    /// Paths below `target/www` that begin so.
    pub fn paths(&self, prefix: &str) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str).filter(move |path| path.starts_with(prefix))
    }

    /// The page in the language that was asked for (`?lang=`, what the creator's page is in), else in the first
    /// of the browser's that there is, else in English.
    fn in_language(&self, page: &str, query: Option<&str>, asked: &HeaderMap) -> String {
        languages(query, spoken(asked))
            .map(|language| format!("site/{page}.{language}.html"))
            .find(|path| self.files.contains_key(path))
            .unwrap_or_else(|| format!("site/{page}.en.html"))
    }

    fn answer(
        &self,
        path: &str,
        asked: &HeaderMap,
        headers: &[(HeaderName, &'static str)],
    ) -> Response {
        let Some(file) = self.files.get(path) else {
            let detail = "this build carries no web files; build them with: cargo xtask wasm";
            return Problem::new(Kind::NotFound, detail).into_response();
        };
        let takes_brotli = asked
            .get(header::ACCEPT_ENCODING)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.split(',').any(|c| c.trim().starts_with("br")));
        let mut response = match &file.brotli {
            Some(packed) if takes_brotli => {
                let mut response = packed.clone().into_response();
                let br = HeaderValue::from_static("br");
                response.headers_mut().insert(header::CONTENT_ENCODING, br);
                response
            }
            _ => file.plain.clone().into_response(),
        };
        let answer = response.headers_mut();
        answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
        answer.insert(header::VARY, HeaderValue::from_static("accept-encoding, accept-language"));
        for (name, value) in headers {
            answer.insert(name.clone(), HeaderValue::from_static(value));
        }
        response
    }
}

/// What a browser says of its reader's languages.
pub(super) fn spoken(asked: &HeaderMap) -> Option<&str> {
    asked.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok())
}

/// The languages that were asked for, the most wanted first.
fn languages<'a>(
    query: Option<&'a str>,
    spoken: Option<&'a str>,
) -> impl Iterator<Item = String> + 'a {
    let named = query.into_iter().flat_map(|query| query.split('&'));
    let named = named.filter_map(|part| part.strip_prefix("lang="));
    let spoken = spoken.into_iter().flat_map(|value| value.split(','));
    named
        .chain(spoken)
        // Browsers list theirs in the order of preference; more than a few nobody reads.
        .take(LANGUAGES_READ)
        .map(|tag| tag.trim().split(['-', ';', '_']).next().unwrap_or("").to_ascii_lowercase())
}

fn bytes(data: Cow<'static, [u8]>) -> Bytes {
    match data {
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => Bytes::from(data),
    }
}

/// The media type of a file by its ending.
#[must_use]
pub fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webp") => "image/webp",
        Some("json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

const COEP: HeaderName = HeaderName::from_static("cross-origin-embedder-policy");
const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// How many wishes for a language are looked at.
const LANGUAGES_READ: usize = 16;
/// The name of what is said of a refusal that a language has no words of its own for.
const REFUSED: &str = "refused";
const SHORT: &str = "public, max-age=300";
const REVALIDATE: &str = "no-cache";
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The loader: runs on creators' pages, so any page may load it.
pub(super) async fn loader(State(app): State<App>, asked: HeaderMap) -> Response {
    let headers = [
        (header::CACHE_CONTROL, SHORT),
        (CORP, "cross-origin"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    app.site.answer("site/v1.js", &asked, &headers)
}

/// One version of the loader, or what the newest is called (`loader.json`).
pub(super) async fn pinned(
    State(app): State<App>,
    InPath(name): InPath<String>,
    asked: HeaderMap,
) -> Response {
    let path = format!("site/l/{name}");
    if app.site.file(&path).is_none() {
        return Problem::missing("version").into_response();
    }
    let lasts = if name == "loader.json" { SHORT } else { FOR_EVER };
    let headers = [
        (header::CACHE_CONTROL, lasts),
        (CORP, "cross-origin"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    app.site.answer(&path, &asked, &headers)
}

/// The page that builds the tag for a site owner.
pub(super) async fn try_it(State(app): State<App>, asked: HeaderMap) -> Response {
    let headers = [
        (header::CACHE_CONTROL, REVALIDATE),
        (header::CONTENT_SECURITY_POLICY, WALLET_CSP),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    app.site.answer("site/try.html", &asked, &headers)
}

/// The frame: may be embedded by every page, cross-origin isolated ones included.
pub(super) async fn frame(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    asked: HeaderMap,
) -> Response {
    let headers = [
        (header::CACHE_CONTROL, REVALIDATE),
        (header::CONTENT_SECURITY_POLICY, FRAME_CSP),
        (COEP, "require-corp"),
        (CORP, "cross-origin"),
    ];
    let path = app.site.in_language("frame", query.as_deref(), &asked);
    app.site.answer(&path, &asked, &headers)
}

/// The wallet page: top level only. It must keep its opener, so no opener policy is sent.
pub(super) async fn wallet(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    asked: HeaderMap,
) -> Response {
    let headers = [
        (header::CACHE_CONTROL, REVALIDATE),
        (header::CONTENT_SECURITY_POLICY, WALLET_CSP),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    let path = app.site.in_language("wallet", query.as_deref(), &asked);
    app.site.answer(&path, &asked, &headers)
}

/// What keeps the wallet page at hand without a connection. It may look after `/wallet` because it lies
/// beside it, and browsers ask for it anew at least once a day.
pub(super) async fn offline(State(app): State<App>, asked: HeaderMap) -> Response {
    let headers =
        [(header::CACHE_CONTROL, REVALIDATE), (header::CONTENT_SECURITY_POLICY, SCRIPT_CSP)];
    app.site.answer("site/wallet-offline.js", &asked, &headers)
}

/// The creator's page.
pub(super) async fn creator(State(app): State<App>, asked: HeaderMap) -> Response {
    let headers = [
        (header::CACHE_CONTROL, REVALIDATE),
        (header::CONTENT_SECURITY_POLICY, CREATOR_CSP),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    app.site.answer("site/creator.html", &asked, &headers)
}

/// The review page, on its own listener. No other document shares a process or an opener with it.
pub(super) async fn review(State(app): State<App>, asked: HeaderMap) -> Response {
    let headers = [
        (header::CACHE_CONTROL, REVALIDATE),
        (header::CONTENT_SECURITY_POLICY, REVIEW_CSP),
        (header::X_FRAME_OPTIONS, "DENY"),
        (COOP, "same-origin"),
        (CORP, "same-origin"),
    ];
    app.site.answer("site/review.html", &asked, &headers)
}

/// Files whose name holds the hash of their content.
pub(super) async fn asset(
    State(app): State<App>,
    InPath(name): InPath<String>,
    asked: HeaderMap,
) -> Response {
    let path = format!("site/a/{name}");
    if app.site.file(&path).is_none() {
        return Problem::missing("file").into_response();
    }
    let mut headers = vec![
        (header::CACHE_CONTROL, FOR_EVER),
        (COEP, "require-corp"),
        (CORP, "cross-origin"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    if name.ends_with(".js") {
        headers.push((header::CONTENT_SECURITY_POLICY, SCRIPT_CSP));
    }
    app.site.answer(&path, &asked, &headers)
}

/// What a person sees who opens the provider's address.
pub(super) async fn home(State(app): State<App>) -> Html<String> {
    let demo = if app.config.demo { " (demo money)" } else { "" };
    let name = escape(&app.config.name);
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{name}</title>\
         <main><h1>{name}{demo}</h1><p>Small payments for good pages, by Farthing.</p>\
         <ul><li><a href=\"/wallet\">Your wallet</a></li>\
         <li><a href=\"/creator\">For creators</a></li>\
         <li><a href=\"/try\">Build the tag for your site</a></li>\
         <li><a href=\"/openapi.json\">For programs</a></li></ul></main></html>"
    ))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_comes_in_the_language_that_was_asked_for() {
        let file = File { plain: Bytes::new(), brotli: None };
        let names = ["site/wallet.en.html", "site/wallet.de.html", "site/wallet.ko.html"];
        let files = names.map(|name| (name.to_owned(), file.clone()));
        let site = Site { files: HashMap::from(files), refusals: HashMap::new() };
        let rows = [
            (None, "", "en"),
            (None, "de", "de"),
            (None, "de-AT,de;q=0.9,en;q=0.8", "de"),
            (None, "fr-FR, fr;q=0.9, ko;q=0.5", "ko"),
            (Some("lang=KO-kr"), "de", "ko"),
            (Some("a=b&lang=fr"), "de", "de"),
            (Some("lang=../../x"), "xx", "en"),
        ];
        for (query, header, expected) in rows {
            let mut asked = HeaderMap::new();
            asked.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(header));
            let path = site.in_language("wallet", query, &asked);
            assert_eq!(path, format!("site/wallet.{expected}.html"), "{query:?} {header}");
        }
    }

    #[test]
    fn a_refusal_comes_in_the_language_that_was_asked_for() {
        let words = [("over_cap", "Zu viel."), (REFUSED, "Abgelehnt.")];
        let words = words.map(|(name, sentence)| (name.to_owned(), sentence.to_owned()));
        let refusals = HashMap::from([("de".to_owned(), HashMap::from(words))]);
        let site = Site { files: HashMap::new(), refusals };
        let rows = [
            ("over_cap", None, "", None),
            ("over_cap", None, "de-AT,en", Some("Zu viel.")),
            ("too_fast", None, "de", Some("Abgelehnt.")),
            ("over_cap", None, "fr,en,de", None),
            ("over_cap", Some("lang=de"), "en", Some("Zu viel.")),
            ("over_cap", Some("lang=en"), "de", None),
        ];
        for (outcome, query, header, expected) in rows {
            assert_eq!(site.refusal(outcome, query, Some(header)), expected, "{query:?} {header}");
        }
    }
}
