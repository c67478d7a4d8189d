//! The routes, and their description made from the same lines: OpenAPI 3.1.
//!
//! Promise: what is described is what is routed; a test asks each route by each method.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header::CONTENT_TYPE;
use serde_json::{Value, json};
use utoipa::openapi::OpenApi as Description;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{
    Api, alerts, bans, components, egress, endpoints, files, history, recipients, secrets, trials,
    views,
};

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
        (name = "kinds", description = "Kinds of endpoint, and the components that they are"),
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
        .routes(routes!(bans::list))
        .routes(routes!(bans::undo))
        .routes(routes!(endpoints::list, endpoints::create))
        .routes(routes!(endpoints::show, endpoints::replace, endpoints::remove))
        .routes(routes!(endpoints::pause))
        .routes(routes!(endpoints::resume))
        .routes(routes!(recipients::list, recipients::create))
        .routes(routes!(recipients::show, recipients::replace, recipients::remove))
        .routes(routes!(recipients::pause))
        .routes(routes!(recipients::resume))
        .routes(routes!(egress::explain))
        .routes(routes!(egress::grant))
        .routes(routes!(secrets::list))
        .routes(routes!(secrets::rotate))
        .routes(routes!(files::apply))
        .routes(routes!(files::export))
        .routes(routes!(trials::test))
        .routes(routes!(trials::preview))
        .routes(routes!(components::list))
        .routes(routes!(components::show))
        .routes(routes!(components::scan))
        .routes(routes!(components::approve))
        .routes(routes!(components::revoke))
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

/// The description as it is served. What holds for routes of one shape is added here: how guard,
/// store, and readers of paths, parameters and bodies refuse; and that a parameter that is left out
/// is not there, rather than null.
pub(super) fn text(description: &Description) -> String {
    const EVERYWHERE: [(&str, &str); 5] = [
        ("400", "`bad-request`"),
        ("401", "`unauthorized`"),
        ("403", "`wrong-role`, `foreign-origin`"),
        ("421", "`unknown-host`"),
        ("503", "`store-failed`, `overloaded`, `slow-store`; the same again after `Retry-After`"),
    ];
    const WITH_BODY: [(&str, &str); 5] = [
        ("404", "`not-found`"),
        ("408", "`body-timeout`"),
        ("413", "`too-large`"),
        ("415", "`unsupported-type`"),
        ("422", "`bad-setup`, `bad-input`, `bad-request`, `key-reused`"),
    ];
    const WITH_NAME: [(&str, &str); 1] = [("404", "`not-found`")];
    // It is made of texts and lists: always JSON.
    let mut all = serde_json::to_value(description).unwrap_or_default();
    let items = all["paths"].as_object_mut().into_iter().flatten();
    let operations = items.flat_map(|(path, item)| {
        let names_one = path.contains('{') || path == "/v1/deliveries";
        let operations = item.as_object_mut().into_iter().flat_map(|item| item.values_mut());
        operations.map(move |operation| (names_one, operation))
    });
    for (names_one, operation) in operations {
        let has_body = operation.get("requestBody").is_some();
        let refusals = EVERYWHERE
            .iter()
            .chain(WITH_BODY.iter().filter(|_| has_body))
            .chain(WITH_NAME.iter().filter(|_| names_one));
        for &(status, what) in refusals {
            if operation["responses"].get(status).is_none() {
                operation["responses"][status] = json!({
                    "description": what,
                    "content": { "application/problem+json": {
                        "schema": { "$ref": "#/components/schemas/Problem" }
                    } },
                });
            }
        }
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        for schema in parameters.into_iter().flatten().filter_map(|one| one.get_mut("schema")) {
            not_null(schema);
        }
    }
    all.to_string()
}

fn not_null(schema: &mut Value) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|one| one != "null");
        if let [only] = types.as_slice() {
            schema["type"] = only.clone();
        }
    }
    if let Some(Value::Array(one_of)) = schema.get_mut("oneOf") {
        one_of.retain(|one| one.get("type").is_none_or(|it| it != "null"));
        if let [only] = one_of.as_slice() {
            *schema = only.clone();
        }
    }
}

/// This description.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "engine", responses((status = 200, body = Object)))]
async fn page(State(api): State<Api>) -> Response {
    ([(CONTENT_TYPE, "application/json")], api.description.clone()).into_response()
}
