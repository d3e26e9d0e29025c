//! Lays the web files out as the verifier serves them:
//!
//! ```text
//! target/www/site/v1.js  frame.<lang>.html  wallet.<lang>.html  creator.html  review.html   short-lived
//! target/www/site/a/<name>.<hash>.<ext>                            immutable
//! target/www/site/**.br                                            the same, compressed
//! target/www/demo/**                                               as it is
//! ```

use std::path::Path;

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256, Sha384};

use crate::minify;
use crate::sizes::{self, Cold, Row};
use crate::tools::Tools;
use crate::wasm::{Bound, Lettered};
use crate::words;

/// What was compiled to Wasm.
pub struct Modules<'a> {
    pub frame: &'a Lettered,
    pub wallet: &'a [u8],
    pub proofs: &'a Bound,
}

/// Writes everything and gives the table's rows.
pub fn write(
    root: &Path,
    www: &Path,
    tools: &Tools,
    modules: &Modules<'_>,
) -> Result<Vec<Row>, String> {
    let source = root.join("www");
    // Built beside the old one and swapped in at the end: a verifier that embeds or serves the
    // folder never sees half of it.
    let fresh = www.with_extension("new");
    remove(&fresh)?;
    let mut site = Site { folder: fresh.join("site"), rows: Vec::new() };
    let core = read(&source.join("frame/core.js"))?;

    let loader = minify::script(tools, &read(&source.join("loader/v1.js"))?)?;
    site.put("v1.js", loader.clone().into_bytes(), Cold::Always)?;
    site.versions(&source.join("loader"), loader.as_bytes())?;

    let languages = words::read_all(&source.join("words"))?;
    site.frames(&source, tools, modules.frame, &core, &languages)?;
    let proofs = site.proofs(&source.join("proofs"), tools, modules.proofs)?;

    site.wallets(root, tools, modules.wallet, &core, &languages, &proofs)?;

    site.try_it(&source, tools)?;
    site.pages(&[source.join("creator"), source.join("review")], &proofs)?;
    copy(&source.join("demo"), &fresh.join("demo"))?;
    remove(www)?;
    std::fs::rename(&fresh, www).map_err(|e| format!("{}: {e}", www.display()))?;
    Ok(site.rows)
}

/// The script that calls them so: `wasm.name` and `event("name"`.
fn with_short_names(script: &str, short: &[(String, String)]) -> String {
    short.iter().fold(script.to_owned(), |script, (name, letter)| {
        script
            .replace(&format!("wasm.{name}("), &format!("wasm.{letter}("))
            .replace(&format!("event(\"{name}\""), &format!("event(\"{letter}\""))
            .replace(&format!("event(\n    \"{name}\""), &format!("event(\n    \"{letter}\""))
    })
}

/// The name of one version of the loader.
fn version(loader: &[u8]) -> String {
    Sha256::digest(loader)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Site {
    folder: std::path::PathBuf,
    rows: Vec<Row>,
}

impl Site {
    /// The loader under the hash of its content, for pages that pin it, and what to pin. Loaders of earlier
    /// releases stay in www/loader/past as they were served: a page that pinned one keeps its button.
    fn versions(&mut self, source: &Path, loader: &[u8]) -> Result<(), String> {
        for name in list(&source.join("past"))? {
            let past = std::fs::read(source.join("past").join(&name)).map_err(|e| e.to_string())?;
            self.put(&format!("l/{}.js", version(&past)), past, Cold::Never)?;
        }
        let version = version(loader);
        let integrity = format!("sha384-{}", Base64::encode_string(&Sha384::digest(loader)));
        println!("loader: /l/{version}.js integrity=\"{integrity}\"");
        let told = serde_json::json!({
            "src": format!("/l/{version}.js"), "version": version, "integrity": integrity,
        });
        self.put(&format!("l/{version}.js"), loader.to_vec(), Cold::Never)?;
        self.put("l/loader.json", told.to_string().into_bytes(), Cold::Never)
    }

    /// The page that builds the tag.
    fn try_it(&mut self, source: &Path, tools: &Tools) -> Result<(), String> {
        let style = minify::style(tools, &read(&source.join("wallet/wallet.css"))?)?;
        let style = self.asset("wallet", "css", style.into_bytes(), Cold::Never)?;
        let script = minify::script(tools, &read(&source.join("try/try.js"))?)?;
        let script = self.asset("try", "js", script.into_bytes(), Cold::Never)?;
        let html = minify::document(&read(&source.join("try/try.html"))?);
        let html = html.replace("$CSS", &style).replace("$JS", &script);
        self.put("try.html", html.into_bytes(), Cold::Never)
    }

    /// The frame, once in each language.
    fn frames(
        &mut self,
        source: &Path,
        tools: &Tools,
        module: &Lettered,
        core: &str,
        languages: &[words::Language],
    ) -> Result<(), String> {
        let wasm = self.asset("frame", "wasm", module.wasm.clone(), Cold::Always)?;
        let style = minify::style(tools, &read(&source.join("frame/frame.css"))?)?;
        let notes = read(&source.join("frame/words.js"))?;
        let page = read(&source.join("frame/frame.js"))?;
        let joined = [core, &notes, &page]
            .concat()
            .replace("$WASM", &wasm)
            .replace("\"$CSS\"", &quoted(&style));
        let joined = with_short_names(&joined, &module.letters);
        // Fetched once something is paid.
        let quiet = minify::style(tools, &read(&source.join("frame/after.css"))?)?;
        let after = read(&source.join("frame/after.js"))?.replace("\"$CSS\"", &quoted(&quiet));
        // Fetched by frames whose page has a theme.
        let theme = minify::module(tools, &read(&source.join("frame/theme.js"))?)?;
        let theme = self.asset("theme", "js", theme.into_bytes(), Cold::Never)?;
        // Fetched by frames that may pay without a click.
        let automatic = minify::module(tools, &read(&source.join("frame/automatic.js"))?)?;
        let automatic = self.asset("automatic", "js", automatic.into_bytes(), Cold::Never)?;
        let joined = joined.replace("$THEME", &theme).replace("$AUTOMATIC", &automatic);
        let html = read(&source.join("frame/frame.html"))?;
        let html = minify::document(&html).replace("$WASM", &wasm);
        for language in languages {
            let cold = Cold::In(language.code.clone());
            let after = minify::module(tools, &language.in_frame_script(&after)?)?.into_bytes();
            let after = self.asset(&language.code, "js", after, Cold::Never)?;
            let said = language.in_frame_script(&joined.replace("$AFTER", &after))?;
            let stem = format!("frame.{}", language.code);
            let script = minify::script(tools, &said)?.replace("$import(", "import(");
            let script = self.asset(&stem, "js", script.into_bytes(), cold.clone())?;
            let html = language.in_frame_page(&html).replace("$JS", &script);
            self.put(&format!("{stem}.html"), html.into_bytes(), cold)?;
        }
        Ok(())
    }

    /// The wallet page, once in each language.
    fn wallets(
        &mut self,
        root: &Path,
        tools: &Tools,
        module: &[u8],
        core: &str,
        languages: &[words::Language],
        proofs: &str,
    ) -> Result<(), String> {
        let source = root.join("www");
        let wasm = self.asset("wallet", "wasm", module.to_vec(), Cold::Never)?;
        let style = minify::style(tools, &read(&source.join("wallet/wallet.css"))?)?;
        let style = self.asset("wallet", "css", style.into_bytes(), Cold::Never)?;
        let page = read(&source.join("wallet/wallet.js"))?;
        let recovery = read(&source.join("wallet/recovery.js"))?;
        let receipts = read(&source.join("wallet/receipts.js"))?;
        let history = read(&source.join("wallet/history.js"))?;
        let offline = minify::script(tools, &read(&source.join("wallet/offline.js"))?)?;
        self.put("wallet-offline.js", offline.into_bytes(), Cold::Never)?;
        let limits = read(&source.join("wallet/limits.js"))?;
        let permissions = read(&source.join("wallet/permissions.js"))?;
        let devices = read(&source.join("wallet/devices.js"))?;
        let passkey = read(&source.join("wallet/passkey.js"))?;
        // Fetched only by who writes down the recovery words, or brings a wallet back with them.
        let words = std::fs::read(source.join("wallet/recovery-words.txt"))
            .map_err(|e| format!("recovery-words.txt: {e}"))?;
        let words = self.asset("recovery-words", "txt", words, Cold::Never)?;
        let joined = [
            core,
            &page,
            &recovery,
            &receipts,
            &history,
            &limits,
            &permissions,
            &devices,
            &passkey,
        ];
        let joined = joined.concat();
        let joined =
            joined.replace("$WASM", &wasm).replace("$WORDS", &words).replace("$PROOFS", proofs);
        let html = read(&source.join("wallet/wallet.html"))?;
        let html = minify::document(&html).replace("$WASM", &wasm).replace("$CSS", &style);
        let machine = read(&root.join("widget/src/words.rs"))?;
        let missing = words::missing(languages, &html, &machine);
        if !missing.is_empty() {
            println!("note: not in www/words, so shown in English everywhere: {missing:?}");
        }
        for language in languages {
            let stem = format!("wallet.{}", language.code);
            let script = minify::script(tools, &language.in_wallet_script(&joined)?)?.into_bytes();
            let script = self.asset(&stem, "js", script, Cold::Never)?;
            let refusals = language.refusals().into_bytes();
            self.put(&format!("refusals.{}.json", language.code), refusals, Cold::Never)?;
            let html = language.in_wallet_page(&html).replace("$JS", &script);
            self.put(&format!("{stem}.html"), html.into_bytes(), Cold::Never)?;
        }
        Ok(())
    }

    fn put(&mut self, name: &str, bytes: Vec<u8>, cold: Cold) -> Result<(), String> {
        let path = self.folder.join(name);
        let folder = path.parent().ok_or("a file lies in a folder")?;
        let write = |path: &Path, bytes: &[u8]| {
            std::fs::write(path, bytes).map_err(|e| format!("{}: {e}", path.display()))
        };
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        write(&path, &bytes)?;
        let small = sizes::brotli(&bytes);
        // What does not shrink (a picture) is sent as it is.
        if small.len() < bytes.len() {
            write(&self.folder.join(format!("{name}.br")), &small)?;
        }
        self.rows.push(Row { name: name.into(), bytes, cold });
        Ok(())
    }

    /// Writes an asset under the hash of its content and gives its address.
    fn asset(
        &mut self,
        stem: &str,
        extension: &str,
        bytes: Vec<u8>,
        cold: Cold,
    ) -> Result<String, String> {
        let hash: String = Sha256::digest(&bytes)[..6].iter().map(|b| format!("{b:02x}")).collect();
        let name = format!("a/{stem}.{hash}.{extension}");
        self.put(&name, bytes, cold)?;
        Ok(format!("/{name}"))
    }

    /// The checker: its module, the workers' script, and the script by which a page drives them, whose
    /// address it gives. Fetched only by who asks for a check.
    fn proofs(&mut self, source: &Path, tools: &Tools, bound: &Bound) -> Result<String, String> {
        let wasm = self.asset("proofs", "wasm", bound.wasm.clone(), Cold::Never)?;
        let worker = [bound.script.as_str(), &read(&source.join("worker.js"))?].join("\n");
        let worker = minify::script(tools, &worker.replace("$WASM", &wasm))?;
        let worker = self.asset("proofs-worker", "js", worker.into_bytes(), Cold::Never)?;
        let page = read(&source.join("proofs.js"))?.replace("$WORKER", &worker);
        self.asset("proofs", "js", page.into_bytes(), Cold::Never)
    }

    /// The creator's page and the review page, which share files: they are hashed, and named anew wherever another one names them in
    /// quotes. A file comes after those that it names, so that its hash covers what they hold.
    fn pages(&mut self, sources: &[std::path::PathBuf], proofs: &str) -> Result<(), String> {
        let mut waiting = Vec::new();
        for source in sources {
            for name in list(source)? {
                let bytes =
                    std::fs::read(source.join(&name)).map_err(|e| format!("{name}: {e}"))?;
                let bytes = match String::from_utf8(bytes) {
                    Ok(text) => text.replace("$PROOFS", proofs).into_bytes(),
                    Err(error) => error.into_bytes(),
                };
                waiting.push((name, bytes));
            }
        }
        while !waiting.is_empty() {
            let names: Vec<String> = waiting.iter().map(|(name, _)| name.clone()).collect();
            let ready = waiting.iter().position(|(name, bytes)| {
                let text = String::from_utf8_lossy(bytes);
                names.iter().all(|other| other == name || !mentions(&text, other))
            });
            let ready = ready.ok_or_else(|| format!("these name each other: {names:?}"))?;
            let (name, bytes) = waiting.remove(ready);
            let Some((stem, extension)) = name.rsplit_once('.').filter(|(_, e)| *e != "html")
            else {
                self.put(&name, bytes, Cold::Never)?;
                continue;
            };
            let address = self.asset(&stem.replace('/', "-"), extension, bytes, Cold::Never)?;
            for (_, bytes) in &mut waiting {
                if let Ok(text) = std::str::from_utf8(bytes) {
                    *bytes = renamed(text, &name, &address).into_bytes();
                }
            }
        }
        Ok(())
    }
}

/// The ways in which one file of a page names another.
fn spellings(name: &str) -> Vec<String> {
    let quoted = ["", "./", "/", "/a/"].map(|prefix| format!("\"{prefix}{name}\""));
    quoted.into_iter().chain([format!("url({name})")]).collect()
}

fn mentions(text: &str, name: &str) -> bool {
    spellings(name).iter().any(|spelling| text.contains(spelling))
}

fn renamed(text: &str, name: &str, address: &str) -> String {
    let mut text = text.to_string();
    for spelling in spellings(name) {
        let with = if spelling.starts_with("url") {
            format!("url({address})")
        } else {
            format!("\"{address}\"")
        };
        text = text.replace(&spelling, &with);
    }
    text
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn remove(folder: &Path) -> Result<(), String> {
    match std::fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("{}: {e}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// The files below a folder, by their path in it, sorted; none when there is no such folder.
fn list(folder: &Path) -> Result<Vec<String>, String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| e.to_string())?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            files.extend(list(&path)?.into_iter().map(|below| format!("{name}/{below}")));
        } else {
            files.push(name);
        }
    }
    files.sort();
    Ok(files)
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    for name in list(from)? {
        let path = to.join(&name);
        let folder = path.parent().ok_or("a file lies in a folder")?;
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        std::fs::copy(from.join(&name), &path).map_err(|e| format!("{name}: {e}"))?;
    }
    Ok(())
}
