//! Commands made from words that people typed, checked before the ledger sees them.

use farthing_rules::Command;
use farthing_rules::command::CreatorDraft;
use farthing_shared::{CreatorId, Micros, PublicKey, ids, item_hash, limits, origin_hash};

/// Which field is wrong, and why.
pub type WrongField = (&'static str, String);

/// A price list entry.
///
/// # Errors
/// The field and the reason.
pub fn set_item_command(
    creator: CreatorId,
    name: &str,
    title: &str,
    price: &str,
    on_sale: bool,
) -> Result<Command, WrongField> {
    let hash = item_hash(&creator, name).map_err(|why| ("name", why.to_string()))?;
    ids::check_name(title, limits::TITLE_BYTES_MAX).map_err(|why| ("title", why.to_string()))?;
    let price = Micros::parse(price).map_err(|why| ("price", why.to_string()))?;
    Ok(Command::SetItem {
        creator,
        hash,
        name: name.to_owned(),
        title: title.to_owned(),
        price,
        on_sale,
    })
}

/// How long a creator's payers may ask for refunds; `None` for as long as the provider says.
///
/// # Errors
/// The field and the reason.
pub fn refund_window(minutes: Option<u64>) -> Result<Option<u64>, WrongField> {
    let Some(minutes) = minutes else { return Ok(None) };
    let window_ms = minutes.saturating_mul(60_000);
    let range = limits::REFUND_WINDOW_MS_MIN..=limits::REFUND_WINDOW_MS_MAX;
    if range.contains(&window_ms) {
        return Ok(Some(window_ms));
    }
    Err(("refund_minutes", "expected 1 minute to 30 days (43200)".into()))
}

/// What a creator takes from one wallet in a month at most; `none` for no such limit.
///
/// # Errors
/// The field and the reason.
pub fn month_max(typed: &str) -> Result<Option<Micros>, WrongField> {
    if typed == "none" {
        return Ok(None);
    }
    match Micros::parse(typed) {
        Ok(most) if most > Micros::ZERO => Ok(Some(most)),
        Ok(_) => Err(("month_max", "expected more than nothing, or: none".into())),
        Err(why) => Err(("month_max", format!("{why}, or: none"))),
    }
}

/// A creator's profile.
///
/// # Errors
/// The field and the reason.
pub fn creator_draft(
    id: CreatorId,
    name: &str,
    sites: &[String],
    threshold: &str,
    offer_key: Option<&str>,
) -> Result<CreatorDraft, WrongField> {
    ids::check_name(name, limits::TITLE_BYTES_MAX).map_err(|why| ("name", why.to_string()))?;
    if sites.len() > 100 {
        return Err(("site", "a creator can have at most 100 sites".into()));
    }
    for site in sites {
        origin_hash(site).map_err(|why| ("site", format!("{site}: {why}")))?;
    }
    let threshold = Micros::parse(threshold).map_err(|why| ("threshold", why.to_string()))?;
    let offer_key = offer_key
        .map(PublicKey::parse)
        .transpose()
        .map_err(|why| ("offer_key", why.to_string()))?;
    Ok(CreatorDraft {
        id,
        name: name.to_owned(),
        sites: sites.to_vec(),
        threshold,
        offer_key,
        refund_window_ms: None,
        month_max: None,
        revoke_links: false,
    })
}
