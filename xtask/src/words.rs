//! The languages of frame and wallet page: www/words, one file each, read at build time and put into the
//! documents of that language, so that a visitor downloads only one.
//!
//! ```text
//! "frame"    name ─► sentence; {amount}, {name} … become %0, %1 … in the order of the English one
//! "outcome"  name of a refusal ─► sentence; English visitors read the verifier's own
//! "wallet"   English sentence ─► sentence; {0}, {1} … stand for amounts, times, names
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

/// One language.
pub struct Language {
    /// Its code, such as `de`.
    pub code: String,
    direction: String,
    frame: BTreeMap<String, String>,
    outcome: BTreeMap<String, String>,
    wallet: BTreeMap<String, String>,
}

/// The language that the others are translated from.
const SOURCE: &str = "en";

/// Reads all languages, English first, and refuses files that do not agree with it.
pub fn read_all(folder: &Path) -> Result<Vec<Language>, String> {
    let mut languages = Vec::new();
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|e| e.to_string())?.path();
        if let Some(code) = path.file_name().and_then(|n| n.to_str()?.strip_suffix(".json")) {
            let text = std::fs::read_to_string(&path).map_err(|e| format!("{code}.json: {e}"))?;
            languages.push(Language::read(code, &text)?);
        }
    }
    languages.sort_by(|a, b| (a.code != SOURCE, &a.code).cmp(&(b.code != SOURCE, &b.code)));
    let faults = disagreements(&languages);
    if languages.first().is_none_or(|first| first.code != SOURCE) || !faults.is_empty() {
        return Err(format!("www/words:\n  {}", faults.join("\n  ")));
    }
    let english = languages[0].frame.clone();
    for language in &mut languages {
        for (key, sentence) in &mut language.frame {
            *sentence = numbered(sentence, &english[key]);
        }
    }
    Ok(languages)
}

/// What each file lacks, has too much, or fills in differently than the English one.
fn disagreements(languages: &[Language]) -> Vec<String> {
    let Some((english, others)) = languages.split_first() else {
        return vec!["no languages".into()];
    };
    let mut faults = Vec::new();
    for language in others {
        for (part, ours, theirs) in [
            ("frame", &english.frame, &language.frame),
            ("outcome", &english.outcome, &language.outcome),
            ("wallet", &english.wallet, &language.wallet),
        ] {
            let place = format!("{}.json, {part}", language.code);
            for (key, sentence) in ours {
                match theirs.get(key) {
                    None => faults.push(format!("{place}: {key:?} is missing")),
                    Some(theirs) if theirs.trim().is_empty() => {
                        faults.push(format!("{place}: {key:?} is empty"));
                    }
                    Some(theirs) => {
                        let (mut a, mut b) = (placeholders(sentence), placeholders(theirs));
                        a.sort_unstable();
                        b.sort_unstable();
                        if a != b {
                            faults.push(format!("{place}: {key:?} fills in {b:?}, not {a:?}"));
                        }
                    }
                }
            }
            for key in theirs.keys().filter(|key| !ours.contains_key(*key)) {
                faults.push(format!("{place}: {key:?} is not in {SOURCE}.json"));
            }
        }
    }
    for key in english.wallet.iter().filter(|(key, _)| key.contains(['<', '>', '&'])) {
        faults.push(format!("{}.json: {key:?} holds markup", english.code));
    }
    faults
}

/// The names in braces, in order.
fn placeholders(sentence: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for part in sentence.split('{').skip(1) {
        names.extend(part.split_once('}').map(|(name, _)| name));
    }
    names
}

/// `{amount}` and so on as `%0`, `%1`, counted as the English sentence has them.
fn numbered(sentence: &str, english: &str) -> String {
    let names = placeholders(english);
    names.iter().enumerate().fold(sentence.to_owned(), |sentence, (place, name)| {
        sentence.replace(&format!("{{{name}}}"), &format!("%{place}"))
    })
}

/// Texts of the wallet page, and of its machine (widget/src/words.rs), that no language has. A constant there is the
/// whole of a sentence or a part of one.
pub fn missing(languages: &[Language], html: &str, machine: &str) -> Vec<String> {
    let known = &languages[0].wallet;
    let all: String = known.keys().map(|key| format!("\n{key}\n")).collect();
    let is_said = |text: &String| text.trim().len() < 3 || all.contains(text.trim());
    let standing = texts(html).filter(|text| !known.contains_key(*text)).map(str::to_owned);
    standing.chain(constants(machine).into_iter().filter(|text| !is_said(text))).collect()
}

/// The texts of `pub const NAME: &str = "…";`, with continued lines joined.
fn constants(source: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for part in source.split("pub const ").skip(1) {
        let Some((_, rest)) = part.split_once("&str") else { continue };
        let Some((_, rest)) = rest.split_once('"') else { continue };
        let Some((text, _)) = rest.split_once("\";") else { continue };
        let joined = text.split("\\\n").map(str::trim_start).collect::<String>();
        texts.push(joined.replace("\\u{2026}", "…"));
    }
    texts
}

/// What stands between the tags of a document, as far as it is words.
fn texts(html: &str) -> impl Iterator<Item = &str> {
    html.split('>')
        .filter_map(|part| part.split('<').next())
        .map(str::trim)
        .filter(|text| text.len() > 1 && text.chars().any(char::is_alphabetic))
}

impl Language {
    fn read(code: &str, text: &str) -> Result<Self, String> {
        let json: Value = serde_json::from_str(text).map_err(|e| format!("{code}.json: {e}"))?;
        let part = |name: &str| -> Result<BTreeMap<String, String>, String> {
            serde_json::from_value(json[name].clone())
                .map_err(|e| format!("{code}.json, {name}: {e}"))
        };
        Ok(Self {
            code: code.to_owned(),
            direction: json["direction"].as_str().unwrap_or("ltr").to_owned(),
            frame: part("frame")?,
            outcome: part("outcome")?,
            wallet: part("wallet")?,
        })
    }

    /// The attributes of the document's root.
    fn attributes(&self) -> String {
        let right_to_left = if self.direction == "rtl" { " dir=\"rtl\"" } else { "" };
        format!("lang=\"{}\"{right_to_left}", self.code)
    }

    fn outcomes(&self) -> String {
        if self.code == SOURCE { "0".into() } else { json(&self.outcome) }
    }

    /// Why a claim was refused, by the outcome's name, for the verifier; `refused` for all the others.
    pub fn refusals(&self) -> String {
        let generic = self.frame.get("Refused").map(|said| ("refused".to_owned(), said.clone()));
        json(&self.outcome.clone().into_iter().chain(generic).collect::<BTreeMap<_, _>>())
    }

    /// The frame's script with this language's sentences in place of `"$name"`.
    pub fn in_frame_script(&self, script: &str) -> Result<String, String> {
        let mut said = script.to_owned();
        for (key, sentence) in &self.frame {
            said = said.replace(&format!("\"${key}\""), &Value::from(&**sentence).to_string());
        }
        match said.split_once("\"$") {
            Some((_, rest)) => Err(format!("www/words has no {:?}", rest.split('"').next())),
            None => Ok(said),
        }
    }

    /// The frame's document.
    pub fn in_frame_page(&self, html: &str) -> String {
        self.frame.iter().fold(
            html.replace("$LANG", &self.attributes()),
            |html, (key, sentence)| {
                html.replace(&format!(">${key}<"), &format!(">{sentence}<"))
                    .replace(&format!(">${key} <"), &format!(">{sentence} <"))
            },
        )
    }

    /// The wallet page's script, with what differs from English.
    pub fn in_wallet_script(&self, script: &str) -> Result<String, String> {
        let own: BTreeMap<_, _> =
            self.wallet.iter().filter(|(english, own)| english != own).collect();
        let said = script.replace("\"$OUTCOMES\"", &self.outcomes());
        let said = said.replace("\"$SENTENCES\"", &json(&own));
        if said.contains("$SENTENCES") { Err("wallet.js: $SENTENCES".into()) } else { Ok(said) }
    }

    /// The wallet page with its standing texts in this language.
    pub fn in_wallet_page(&self, html: &str) -> String {
        let mut out = String::new();
        for part in html.replace("$LANG", &self.attributes()).split_inclusive('>') {
            let (text, tag) = part.split_at(part.find('<').unwrap_or(0));
            let words = text.trim();
            match self.wallet.get(words) {
                Some(own) if !words.is_empty() => out.push_str(&text.replace(words, own)),
                _ => out.push_str(text),
            }
            out.push_str(tag);
        }
        out
    }
}

fn json(map: &impl serde::Serialize) -> String {
    serde_json::to_string(map).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> std::path::PathBuf {
        crate::wasm::root().join("www/words")
    }

    #[test]
    fn every_language_has_every_sentence_and_fills_in_the_same() {
        let languages = read_all(&folder()).expect("files that agree");
        let codes: Vec<&str> = languages.iter().map(|language| &*language.code).collect();
        assert_eq!(codes, ["en", "ar", "de", "es", "ko"]);
        let faults = |text: &str| {
            let english = Language::read(
                "en",
                r#"{"frame":{"a":"Pay {amount}"},"outcome":{},"wallet":{"x":"x"}}"#,
            );
            let other = Language::read("de", text);
            disagreements(&[english.expect("json"), other.expect("json")]).join(" ")
        };
        let good = r#"{"frame":{"a":"{amount} zahlen"},"outcome":{},"wallet":{"x":"y"}}"#;
        assert_eq!(faults(good), "");
        assert!(faults(&good.replace("{amount}", "{sum}")).contains("fills in"));
        assert!(faults(&good.replace("{amount} zahlen", " ")).contains("empty"));
        assert!(faults(&good.replace("\"x\"", "\"z\"")).contains("missing"));
    }

    #[test]
    fn what_nobody_translated_is_noticed() {
        let text = r#"{"frame":{},"outcome":{},"wallet":{"Back":"Back","Spent {0} of {1}":"Spent {0} of {1}"}}"#;
        let english = [Language::read("en", text).expect("json")];
        let machine = "pub const A: &str = \"Spent \";\npub const B: &str = \"Gone \\\n   away\";";
        let found = missing(&english, "<p>Back</p><p>New here</p>", machine);
        assert_eq!(found, ["New here", "Gone away"]);
    }

    #[test]
    fn a_page_is_translated_between_its_tags() {
        let text = r#"{"frame":{},"outcome":{},"wallet":{"Back":"Zurück","To":"An"}}"#;
        let language = Language::read("de", text).expect("json");
        let html = "<html $LANG><p>To <b>Back to</b></p><a>Back</a></html>";
        let expected = "<html lang=\"de\"><p>An <b>Back to</b></p><a>Zurück</a></html>";
        assert_eq!(language.in_wallet_page(html), expected);
    }
}
