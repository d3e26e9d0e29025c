//! The demo magazine: a creator, its price list and its pages, made ready at the start.

use std::collections::HashMap;

use axum::body::Bytes;
use farthing_rules::command::CreatorDraft;
use farthing_rules::{Answer, Command};
use farthing_shared::{CreatorId, item_hash};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::admin;
use crate::http::App;

/// `www/demo/demo.json`.
#[derive(Debug, Deserialize)]
struct Magazine {
    creator: String,
    items: Vec<MagazineItem>,
}

#[derive(Debug, Deserialize)]
struct MagazineItem {
    name: String,
    title: String,
    price: String,
    content: Option<String>,
}

/// The demo creator's id: the same for a provider at every start.
#[must_use]
pub fn creator_id(app: &App) -> CreatorId {
    let hash: [u8; 32] =
        Sha256::digest([b"farthing/demo/1 ".as_slice(), &app.policy.verifier.0].concat()).into();
    let mut id = [0; 16];
    id.copy_from_slice(hash.split_at(16).0);
    CreatorId(id)
}

/// Registers the demo creator and its items, and gives the pages by path with their media type.
///
/// # Errors
/// In words: what is missing or wrong with the demo's files.
pub async fn prepare(app: &App) -> Result<HashMap<String, (Bytes, &'static str)>, String> {
    let file = |path: &str| {
        app.site.file(path).ok_or_else(|| {
            format!("this build carries no {path}; build the web files with: cargo xtask wasm")
        })
    };
    let magazine: Magazine = serde_json::from_slice(&file("demo/demo.json")?)
        .map_err(|error| format!("demo/demo.json: {error}"))?;
    let id = creator_id(app);
    save(app, id, &magazine).await?;
    let mut words = vec![
        ("{{provider}}".to_owned(), app.config.origin.clone()),
        ("{{creator}}".to_owned(), id.to_text()),
    ];
    for item in &magazine.items {
        let price = format!("{} {}", item.price, app.config.currency);
        words.push((format!("{{{{price:{}}}}}", item.name), price));
        if let Some(content) = &item.content {
            let tree = file(&format!("demo/{content}"))?;
            words.push((format!("{{{{sealed:{}}}}}", item.name), seal(app, id, item, &tree)?));
        }
    }
    Ok(pages(app, &words))
}

async fn save(app: &App, id: CreatorId, magazine: &Magazine) -> Result<(), String> {
    let told = |(field, why): admin::WrongField| format!("demo/demo.json: {field}: {why}");
    let sites = [app.config.demo_site.origin.clone()];
    let draft = admin::creator_draft(id, &magazine.creator, &sites, "10.00", None).map_err(told)?;
    // What was chosen with `farthing creator edit` stays too.
    let known = app.read(move |reader| reader.creator(&id)).await;
    let known = known.map_err(|why| format!("demo creator: {why:?}"))?.map(|(row, _)| row);
    let draft = CreatorDraft {
        month_max: known.and_then(|row| row.ceiling.most),
        refund_window_ms: known.and_then(|row| row.refund_window_ms),
        ..draft
    };
    let mut commands = vec![Command::SaveCreator(draft)];
    for item in &magazine.items {
        // A price that the creator changed on the creator's page stays as it is.
        let hash = item_hash(&id, &item.name).map_err(|why| format!("demo item: {why}"))?;
        let known = app.read(move |reader| reader.item(&hash)).await;
        if !matches!(known, Ok(Some(_))) {
            let command = admin::set_item_command(id, &item.name, &item.title, &item.price, true);
            commands.push(command.map_err(told)?);
        }
    }
    for command in commands {
        match app.intake.ask(command).await {
            Ok(Answer::Saved(Ok(()))) => {}
            other => return Err(format!("the demo could not be set up: {other:?}")),
        }
    }
    Ok(())
}

/// The nonce is a hash of key and content: the same content is sealed the same way at every start,
/// and other content gets another nonce.
fn seal(app: &App, id: CreatorId, item: &MagazineItem, tree: &[u8]) -> Result<String, String> {
    let hash = item_hash(&id, &item.name).map_err(|why| why.to_string())?;
    let key = app.secrets.content_key(&id, &hash);
    let digest: [u8; 32] = Sha256::digest([key.as_slice(), tree].concat()).into();
    let mut nonce = [0; 12];
    nonce.copy_from_slice(digest.split_at(12).0);
    let tree = std::str::from_utf8(tree).map_err(|_| "the content is not UTF-8".to_owned())?;
    crate::seal::seal(&key, &nonce, tree).map_err(|why| format!("{}: {why}", item.name))
}

fn pages(app: &App, words: &[(String, String)]) -> HashMap<String, (Bytes, &'static str)> {
    let mut pages = HashMap::new();
    for path in app.site.paths("demo/") {
        let Some(bytes) = app.site.file(path) else { continue };
        let name = path.trim_start_matches("demo");
        if name.starts_with("/locked/") || name == "/demo.json" {
            continue;
        }
        let bytes = match std::str::from_utf8(&bytes) {
            Ok(text) if path.ends_with(".html") => {
                let filled = words
                    .iter()
                    .fold(text.to_owned(), |text, (word, with)| text.replace(word, with));
                Bytes::from(filled)
            }
            _ => bytes.clone(),
        };
        pages.insert(name.to_owned(), (bytes, crate::http::content_type(path)));
    }
    pages
}
