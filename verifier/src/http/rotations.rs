//! Rotations: another root key takes the place of a wallet's present one.

use axum::Json;
use axum::extract::{Extension, State};
use farthing_rules::{Answer, Command};
use farthing_shared::{PublicKey, SignedRotation, UnixMillis};
use serde::Deserialize;
use utoipa::ToSchema;

use super::App;
use super::extract::{Body, Named, binary};
use super::network::Prefix;
use super::problem::{Kind, Problem};
use super::text::{Clause, time};
use super::wallets::WalletBody;

/// A forged rotation takes as much from its sender's bucket as so many requests.
const FORGED_COST: u32 = 20;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateBody {
    /// 248 bytes as base64url.
    rotation: String,
}

/// Puts the next root key in the place of the wallet's present one; the same again answers the same. Every
/// allowance that the old one gave has ended once it is answered.
#[utoipa::path(post, path = "/v1/wallets/{root}/rotations", params(("root" = String, Path)),
    request_body = RotateBody, responses((status = 200, body = WalletBody),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 410, body = Problem),
        (status = 422, body = Problem)))]
pub(super) async fn rotate(
    State(app): State<App>,
    Extension(prefix): Extension<Prefix>,
    Named(root): Named<PublicKey>,
    Body(body): Body<RotateBody>,
) -> Result<Json<WalletBody>, Problem> {
    let signed = SignedRotation::decode(&binary("rotation", &body.rotation)?)
        .map_err(|why| Problem::field("rotation", why))?;
    if signed.rotation().root != root {
        return Err(Problem::field("rotation", "it is of another wallet"));
    }
    let rotation = signed.verify().map_err(|_| {
        app.buckets.charge(prefix, FORGED_COST);
        Problem::field("rotation", "one of its two signatures does not hold")
    })?;
    match app.intake.ask(Command::Rotate { rotation }).await? {
        Answer::Rotated(Ok(row)) => Ok(Json(WalletBody::of(&app, &row, None))),
        Answer::Rotated(Err(refusal)) => Err(refusal.problem()),
        _ => Err(Problem::new(Kind::Internal, "the ledger gave another answer")),
    }
}

/// Why there is no wallet under a root key: it was never opened, or another key has taken this one's place.
pub(super) async fn absent(app: &App, root: PublicKey) -> Result<Problem, Problem> {
    let ended = app.read(move |reader| reader.root_ended_at(&root)).await?;
    Ok(ended.map_or_else(|| Problem::missing("wallet"), replaced))
}

fn replaced(at: UnixMillis) -> Problem {
    Problem::new(
        Kind::Replaced,
        format!("another device put a new key in the place of this one at {}", time(at)),
    )
}
