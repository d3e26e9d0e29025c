//! The OpenAPI document, made from the handlers' own types.

use axum::Json;
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::problem::PROBLEM_JSON;
use super::{budgets, claims, creators, payments, provider, refunds, review, wallets};

/// A creator's or a reviewer's session.
const SESSION: &str = "session";
/// An access structure under the key whose data is read.
const SIGNED_READ: &str = "signed_read";

/// Routes that take a signed read; the quote does without.
const SIGNED: [(HttpMethod, &str); 9] = [
    (HttpMethod::Get, "/v1/wallets/{root}"),
    (HttpMethod::Get, "/v1/wallets/{root}/entries"),
    (HttpMethod::Get, "/v1/wallets/{root}/budget"),
    (HttpMethod::Get, "/v1/wallets/{root}/permissions"),
    (HttpMethod::Get, "/v1/wallets/{root}/standing"),
    (HttpMethod::Post, "/v1/wallets/{root}/findings/{finding}/answers"),
    (HttpMethod::Get, "/v1/allowances/{key}"),
    (HttpMethod::Post, "/v1/notices"),
    QUOTE,
];
const QUOTE: (HttpMethod, &str) = (HttpMethod::Get, "/v1/quote");

/// What holds for all routes and stands in none of their types: who must say who they are, and how errors come.
struct ForAll;

impl Modify for ForAll {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components
            .add_security_scheme(SESSION, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        let about = "`Farthing <access>`: an access structure (docs/protocol.md) in base64url, signed by the \
                     key whose data is read, for this method and this path with its query";
        let access = ApiKeyValue::with_description("Authorization", about);
        components.add_security_scheme(SIGNED_READ, SecurityScheme::ApiKey(ApiKey::Header(access)));
        for (path, item) in &mut document.paths.paths {
            let operations = [
                (HttpMethod::Get, &mut item.get),
                (HttpMethod::Put, &mut item.put),
                (HttpMethod::Post, &mut item.post),
                (HttpMethod::Delete, &mut item.delete),
            ];
            for (method, operation) in operations {
                if let Some(operation) = operation {
                    operation.security = who_must(&method, path);
                    say_problems(operation);
                }
            }
        }
    }
}

fn who_must(method: &HttpMethod, path: &str) -> Option<Vec<SecurityRequirement>> {
    let none: [&str; 0] = [];
    let signs_in = *method == HttpMethod::Post && path.ends_with("/sessions");
    if (path.starts_with("/v1/creator") || path.starts_with("/v1/review")) && !signs_in {
        return Some(vec![SecurityRequirement::new(SESSION, none)]);
    }
    let signed = SIGNED.iter().any(|(of, at)| of == method && *at == path);
    let or_nobody = (*method == QUOTE.0 && path == QUOTE.1).then(SecurityRequirement::default);
    signed.then(|| {
        or_nobody.into_iter().chain([SecurityRequirement::new(SIGNED_READ, none)]).collect()
    })
}

/// Errors are problems, those that a route names and any other.
fn say_problems(operation: &mut Operation) {
    let problem = || {
        let schema = Some(RefOr::Ref(Ref::from_schema_name("Problem")));
        RefOr::T(ContentBuilder::new().schema(schema).build())
    };
    let named = operation.responses.responses.iter_mut();
    for (_, response) in named.filter(|(status, _)| status.starts_with(['4', '5'])) {
        if let RefOr::T(response) = response {
            response.content.clear();
            response.content.insert(PROBLEM_JSON.into(), problem());
        }
    }
    let any = ResponseBuilder::new()
        .description("What went wrong, and what to do")
        .content(
            PROBLEM_JSON,
            ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build(),
        )
        .build();
    operation.responses.responses.entry("default".into()).or_insert(any.into());
}

#[derive(OpenApi)]
#[openapi(
    modifiers(&ForAll),
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
    modifiers(&ForAll),
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
