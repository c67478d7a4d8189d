//! The routes, and their description made from the same lines: OpenAPI 3.1.
//!
//! Promise: what is described is what is routed; a test asks each route by each method.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header::CONTENT_TYPE;
use utoipa::openapi::OpenApi as Description;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Api, alerts, endpoints, files, history, recipients, trials, views};

#[derive(OpenApi)]
#[openapi(
    info(title = "Campanile", description = "Takes alerts and delivers them. Times are milliseconds \
        since 1970, UTC; errors are RFC 9457 problem details with a stable `code`."),
    modifiers(&Token),
    security(("token" = [])),
    tags(
        (name = "alerts", description = "Doors for alerts"),
        (name = "setup", description = "Endpoints and recipients"),
        (name = "history", description = "What happened"),
        (name = "trials", description = "Tries that store nothing"),
        (name = "kinds", description = "Kinds of endpoint"),
        (name = "engine", description = "The engine itself"),
    ),
)]
struct Head;

struct Token;

impl Modify for Token {
    fn modify(&self, description: &mut Description) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("token", scheme);
    }
}

/// All routes, and their description.
pub(super) fn routes() -> (axum::Router<Api>, Description) {
    let (router, mut description) = OpenApiRouter::with_openapi(Head::openapi())
        .routes(routes!(alerts::native, history::alerts))
        .routes(routes!(alerts::ntopng))
        .routes(routes!(alerts::alertmanager))
        .routes(routes!(history::alert))
        .routes(routes!(history::deliveries))
        .routes(routes!(history::delivery))
        .routes(routes!(history::retry))
        .routes(routes!(history::audit))
        .routes(routes!(history::verify))
        .routes(routes!(endpoints::list, endpoints::create))
        .routes(routes!(endpoints::show, endpoints::replace, endpoints::remove))
        .routes(routes!(endpoints::pause))
        .routes(routes!(endpoints::resume))
        .routes(routes!(recipients::list, recipients::create))
        .routes(routes!(recipients::show, recipients::replace, recipients::remove))
        .routes(routes!(recipients::pause))
        .routes(routes!(recipients::resume))
        .routes(routes!(files::apply))
        .routes(routes!(files::export))
        .routes(routes!(trials::test))
        .routes(routes!(trials::preview))
        .routes(routes!(views::kinds))
        .routes(routes!(views::kind))
        .routes(routes!(views::schema))
        .routes(routes!(views::health))
        .routes(routes!(views::ready))
        .routes(routes!(views::metrics))
        .routes(routes!(page))
        .split_for_parts();
    description.info.version = env!("CARGO_PKG_VERSION").to_owned();
    (router, description)
}

/// This description.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "engine", responses((status = 200, body = Object)))]
async fn page(State(api): State<Api>) -> Response {
    ([(CONTENT_TYPE, "application/json")], api.description.clone()).into_response()
}
