//! Word from the wallet page to a frame that it cannot reach: "the payment you sent the visitor here for
//! was made".
//!
//! ```text
//! frame ── opens ──► wallet page, cut off from its opener        (the fragment holds a random UUID: the name)
//!   │                     │ pays with a key of its own
//!   │                     ▼
//!   └─ GET /v1/notices/{name} ◄── POST /v1/notices               one process, ten minutes, then forgotten
//! ```
//!
//! Whoever knows the name learns that this one thing was paid, and gets the key to its sealed content,
//! which is what was bought for that page. Nothing else: no wallet, no key that could spend. The names
//! live in memory: after a restart the frame does not hear, and the visitor's next click finds out.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use farthing_shared::{ClaimId, CreatorId, ItemHash, Micros, PublicKey, UnixMillis, item_hash};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::extract::{Body, FromText, Named, Reading};
use super::problem::{Kind, Problem};
use super::provider::{content_key, is_open_by_month};
use crate::intake::Seen;

/// A frame asks for about five minutes; a slow visitor may take as long again.
const LIFE_MS: u64 = 10 * 60_000;
/// About 200 bytes each: 2 MiB.
const NOTICES_MAX: usize = 10_000;
/// Of one spending key: more frames than that do not wait for one visitor.
const OF_A_KEY_MAX: usize = 4;

/// The name of a notice: a random UUID, made by the frame (122 bits, and gone after ten minutes).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name(u128);

impl FromText for Name {
    fn from_text(text: &str) -> Result<Self, farthing_shared::ids::BadId> {
        let hyphens =
            text.len() == 36 && [8, 13, 18, 23].iter().all(|at| text.as_bytes()[*at] == b'-');
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        let lower =
            digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match u128::from_str_radix(&digits, 16) {
            Ok(number) if hyphens && lower => Ok(Self(number)),
            _ => Err(farthing_shared::ids::BadId { expected: "a UUID in lower case" }),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Notice {
    creator: CreatorId,
    item: Option<ItemHash>,
    amount: Micros,
    /// The spending key that left it.
    key: PublicKey,
    until: UnixMillis,
}

/// The notices of this process.
#[derive(Default)]
pub struct Notices(Mutex<HashMap<Name, Notice>>);

impl std::fmt::Debug for Notices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Names are secrets.
        f.write_str("Notices")
    }
}

impl Notices {
    /// Keeps a notice; false when there is no room. The first one under a name stays; the oldest of a key
    /// makes room for its fifth.
    fn put(&self, name: Name, notice: Notice, now: UnixMillis) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.contains_key(&name) {
            return true;
        }
        let of_key = || all.iter().filter(|(_, kept)| kept.key == notice.key);
        if of_key().count() >= OF_A_KEY_MAX {
            let oldest = of_key().min_by_key(|(_, kept)| kept.until).map(|(name, _)| *name);
            oldest.and_then(|name| all.remove(&name));
        }
        if all.len() >= NOTICES_MAX {
            all.retain(|_, kept| kept.until > now);
        }
        if all.len() >= NOTICES_MAX {
            return false;
        }
        all.insert(name, notice);
        true
    }

    fn find(&self, name: Name, now: UnixMillis) -> Option<Notice> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&name).filter(|kept| kept.until > now).copied()
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NoticeBody {
    /// A random UUID of the frame.
    name: String,
    /// Creator id.
    creator: String,
    /// The item's canonical name; none for a donation.
    item: Option<String>,
    /// The donation's claim.
    claim_id: Option<String>,
    /// And its number.
    sequence: Option<u64>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ToldBody {
    amount: String,
    currency: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_key: Option<String>,
}

/// Leaves word for a frame, signed by the spending key that paid: of an item that its wallet owns or that is
/// open to it in this month, or of a donation by its claim.
#[utoipa::path(post, path = "/v1/notices", request_body = NoticeBody,
    responses((status = 204), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn leave(
    State(app): State<App>,
    Reading(key): Reading,
    Body(body): Body<NoticeBody>,
) -> Result<StatusCode, Problem> {
    let name = Name::from_text(&body.name).map_err(|why| Problem::field("name", why))?;
    let creator = CreatorId::parse(&body.creator).map_err(|why| Problem::field("creator", why))?;
    let item = match &body.item {
        None => None,
        Some(name) => Some(item_hash(&creator, name).map_err(|why| Problem::field("item", why))?),
    };
    let now = app.clock.now();
    let amount = match (item, &body.claim_id, body.sequence) {
        (Some(hash), _, _) => {
            let opened = app.read(move |reader| {
                let Some(row) = reader.key(&key)? else { return Ok(None) };
                // A browser that was cut off hears nothing more of what its wallet has.
                let wallet = reader.wallet_by_ref(row.wallet)?;
                let Some(wallet) = wallet.filter(|wallet| !wallet.has_ended(&row)) else {
                    return Ok(None);
                };
                match reader.owned(row.wallet, hash)? {
                    Some(receipt) => Ok(Some(receipt.amount)),
                    // What the month opened was paid with nothing.
                    None => Ok(is_open_by_month(reader, (&wallet, &row), &hash, now)?
                        .then_some(Micros::ZERO)),
                }
            });
            opened.await?
        }
        (None, Some(id), Some(sequence)) => {
            let id = ClaimId::parse(id).map_err(|why| Problem::field("claim_id", why))?;
            match app.intake.first_answer(key, sequence, id).await? {
                Seen::Answered(answer) if answer.outcome.is_success() => {
                    answer.receipt.map(|receipt| receipt.amount)
                }
                _ => None,
            }
        }
        _ => {
            return Err(Problem::field("item", "name the item, or the claim of a donation"));
        }
    };
    let amount = amount.ok_or_else(|| Problem::missing("payment"))?;
    let notice = Notice { creator, item, amount, key, until: now.plus_ms(LIFE_MS) };
    if app.notices.put(name, notice, now) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::new(Kind::Overloaded, "too many payments wait to be heard of").retry_after(5))
    }
}

/// What was left under a name that only a frame and its wallet page know.
#[utoipa::path(get, path = "/v1/notices/{name}", params(("name" = String, Path)),
    responses((status = 200, body = ToldBody), (status = 404, body = Problem)))]
pub(super) async fn hear(
    State(app): State<App>,
    Named(name): Named<Name>,
) -> Result<Json<ToldBody>, Problem> {
    let notice = app.notices.find(name, app.clock.now());
    let notice = notice.ok_or_else(|| Problem::missing("notice"))?;
    Ok(Json(ToldBody {
        amount: notice.amount.to_decimal(),
        currency: app.config.currency.clone(),
        content_key: notice.item.map(|item| content_key(&app, &notice.creator, &item)),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_heard_for_ten_minutes_and_there_is_room_again_after() {
        let notices = Notices::default();
        let by = |key: u16, until| {
            let mut bytes = [0; 32];
            bytes[..2].copy_from_slice(&key.to_be_bytes());
            let creator = CreatorId([1; 16]);
            let amount = Micros::ZERO;
            Notice { creator, item: None, amount, key: PublicKey(bytes), until }
        };
        let named = |n: u128| Name(n);
        let full = u128::try_from(NOTICES_MAX).expect("a small number");
        for n in 0..full {
            let key = u16::try_from(n / 4).expect("a small number");
            assert!(notices.put(named(n), by(key, UnixMillis(LIFE_MS)), UnixMillis(0)));
        }
        assert!(!notices.put(named(full), by(9_999, UnixMillis(LIFE_MS)), UnixMillis(1)));
        assert!(notices.find(named(3), UnixMillis(LIFE_MS - 1)).is_some());
        assert!(notices.find(named(3), UnixMillis(LIFE_MS)).is_none());
        let later = UnixMillis(LIFE_MS);
        assert!(notices.put(named(full), by(9_999, later.plus_ms(LIFE_MS)), later));
        assert!(notices.find(named(full), later).is_some());
    }

    #[test]
    fn the_oldest_of_a_key_makes_room_and_a_name_keeps_its_first() {
        let notices = Notices::default();
        let creator = CreatorId([1; 16]);
        let by = |key, until| Notice {
            creator,
            item: None,
            amount: Micros::ZERO,
            key: PublicKey([key; 32]),
            until: UnixMillis(until),
        };
        assert!(notices.put(Name(9), by(2, 1), UnixMillis(0)));
        for n in 0..5 {
            let until = 10 + u64::try_from(n).expect("small");
            assert!(notices.put(Name(n), by(1, until), UnixMillis(0)));
        }
        let stays = [9, 0, 1, 2, 3, 4].map(|n| notices.find(Name(n), UnixMillis(0)).is_some());
        assert_eq!(stays, [true, false, true, true, true, true]);
        assert!(notices.put(Name(4), by(2, 99), UnixMillis(0)));
        assert!(notices.find(Name(4), UnixMillis(50)).is_none());
    }

    #[test]
    fn a_name_is_a_uuid_in_one_spelling() {
        let good = "0f1e2d3c-4b5a-4678-9abc-def012345678";
        assert!(Name::from_text(good).is_ok());
        for bad in [
            "",
            "0F1E2D3C-4B5A-4678-9ABC-DEF012345678",
            "0f1e2d3c4b5a46789abcdef012345678",
            "0f1e2d3c-4b5a-4678-9abc-def01234567",
            "0f1e2d3c-4b5a-4678-9abc-def01234567g",
            "+f1e2d3c-4b5a-4678-9abc-def012345678",
            "0f1e2d3-c4b5a-4678-9abc-def012345678",
        ] {
            assert!(Name::from_text(bad).is_err(), "{bad}");
        }
    }
}
