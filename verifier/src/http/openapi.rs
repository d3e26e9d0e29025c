//! The OpenAPI document, made from the handlers' own types.

use axum::Json;
use utoipa::OpenApi;

use super::{budgets, claims, creators, payments, provider, refunds, review, wallets};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Farthing",
        description = "Small payments with signed claims. Amounts are decimal strings of the main \
            unit, times RFC 3339 in UTC, binary structures base64url without padding. Errors are \
            application/problem+json; a refused claim is an answer with charged: false.",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(
        provider::health,
        provider::ready,
        provider::provider,
        provider::quote,
        wallets::challenge,
        wallets::open,
        wallets::show,
        wallets::entries,
        budgets::show,
        budgets::set,
        super::permissions::show,
        super::permissions::set,
        super::rotations::rotate,
        super::backups::keep,
        super::backups::show,
        wallets::top_up,
        wallets::register_allowance,
        wallets::allowance,
        claims::one,
        claims::batch,
        claims::status,
        super::notices::leave,
        super::notices::hear,
        refunds::refund,
        super::log::receipt,
        super::log::consistency,
        super::log::checkpoint,
        super::log::key,
        super::log::tile,
        creators::sign_in,
        creators::sign_out,
        creators::show,
        creators::totals,
        payments::claims,
        payments::claims_csv,
        super::statement::statement,
        payments::refusals,
        payments::evidence,
        super::findings::of_creator,
        super::findings::answer_as_creator,
        super::findings::of_wallet,
        super::findings::answer_as_visitor,
        creators::items,
        creators::set_item,
        creators::content_key_of_item,
        creators::events,
    )
)]
pub(super) struct Document;

/// The review listener's own document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Farthing, review of findings",
        description = "For whoever runs the verifier; on a listener of its own. Sign in with the token of \
            `farthing fraud link`, then send the session as `Authorization: Bearer`.",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(
        review::sign_in,
        review::sign_out,
        review::show,
        review::findings,
        review::drawing,
        review::trail,
        review::decide,
        review::report,
    )
)]
pub(super) struct ReviewDocument;

pub(super) async fn review_document() -> Json<utoipa::openapi::OpenApi> {
    Json(ReviewDocument::openapi())
}

pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
