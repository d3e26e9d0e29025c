//! Backups: root keys sealed by passkeys, kept for who has the passkey.

use axum::Json;
use axum::extract::{Extension, State};
use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_rules::{Answer, Command};
use farthing_shared::{BackupName, PublicKey, SignedBackup};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::extract::{Body, Named, binary};
use super::network::Prefix;
use super::problem::{Kind, Problem};
use super::text::Clause;

/// A forged backup takes as much from its sender's bucket as so many requests.
const FORGED_COST: u32 = 20;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeepBody {
    /// 248 bytes as base64url.
    backup: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct KeptBody {
    /// 248 bytes as base64url; the sealed seed is bytes 120 to 180.
    backup: String,
}

impl KeptBody {
    fn of(signed: &SignedBackup) -> Json<Self> {
        Json(Self { backup: Base64UrlUnpadded::encode_string(&signed.encode()) })
    }
}

/// Keeps a backup in the place of an older one of the same name; the same again answers the same. All of a
/// wallet's are gone when its root key is replaced.
#[utoipa::path(put, path = "/v1/wallets/{root}/backups", params(("root" = String, Path)),
    request_body = KeepBody, responses((status = 200, body = KeptBody),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn keep(
    State(app): State<App>,
    Extension(prefix): Extension<Prefix>,
    Named(root): Named<PublicKey>,
    Body(body): Body<KeepBody>,
) -> Result<Json<KeptBody>, Problem> {
    let signed = SignedBackup::decode(&binary("backup", &body.backup)?)
        .map_err(|why| Problem::field("backup", why))?;
    if signed.backup().root != root {
        return Err(Problem::field("backup", "it is of another wallet"));
    }
    let backup = signed.clone().verify().map_err(|_| {
        app.buckets.charge(prefix, FORGED_COST);
        Problem::field("backup", "its signature does not hold")
    })?;
    match app.intake.ask(Command::KeepBackup { backup }).await? {
        Answer::Kept(Ok(())) => Ok(KeptBody::of(&signed)),
        Answer::Kept(Err(refusal)) => Err(refusal.problem()),
        _ => Err(Problem::new(Kind::Internal, "the ledger gave another answer")),
    }
}

/// The backup of a name, which only the passkey tells.
#[utoipa::path(get, path = "/v1/backups/{name}", params(("name" = String, Path)),
    responses((status = 200, body = KeptBody), (status = 404, body = Problem)))]
pub(super) async fn show(
    State(app): State<App>,
    Named(name): Named<BackupName>,
) -> Result<Json<KeptBody>, Problem> {
    let found = app.read(move |reader| reader.backup(&name)).await?;
    let row = found.ok_or_else(|| Problem::missing("backup"))?;
    Ok(KeptBody::of(&row.signed))
}
