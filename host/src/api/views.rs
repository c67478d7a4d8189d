//! The routes that only look.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::Api;
use super::asked::not_found;
use super::problem::Problem;
use crate::ingest::native;
use crate::roster::{self, State as Standing};
use crate::runtime::Kind;
use crate::telemetry::METRICS_TYPE;

/// A kind of endpoint that is installed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KindView {
    name: String,
    /// Endpoints of it are sent through only where it is built in or approved.
    state: Standing,
    title: String,
    summary: String,
    /// The world of the contract whose imports it may have; `native`: it is a part of the engine.
    world: &'static str,
    /// Where it may speak to; `{name}` stands for an endpoint setting.
    origins: Vec<String>,
    /// Of its WebAssembly, hexadecimal; of a native kind, of its name and the engine's version.
    sha256: String,
    /// JSON Schema of an endpoint's settings; `writeOnly` marks credentials.
    #[schema(value_type = Object)]
    endpoint_schema: serde_json::Value,
    /// JSON Schema of a recipient's settings.
    #[schema(value_type = Object)]
    recipient_schema: serde_json::Value,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Kinds {
    kinds: Vec<KindView>,
}

/// The kinds of endpoint that are installed.
#[utoipa::path(get, path = "/v1/kinds", tag = "kinds", responses((status = 200, body = Kinds)))]
pub(super) async fn kinds(State(api): State<Api>) -> Json<Kinds> {
    let kinds = api.engine.roster.kinds();
    let all = kinds.catalog().kinds().iter().filter_map(|kind| kind_view(&kinds, kind));
    Json(Kinds { kinds: all.collect() })
}

/// One kind. In a name with a namespace the slash is written `%2F`.
#[utoipa::path(get, path = "/v1/kinds/{name}", tag = "kinds",
    params(("name" = String, Path, description = "Its name")), responses(
    (status = 200, body = KindView),
))]
pub(super) async fn kind(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<KindView>, Problem> {
    let kinds = api.engine.roster.kinds();
    let view = kinds.catalog().kind(&name).and_then(|kind| kind_view(&kinds, kind));
    Ok(Json(view.ok_or_else(|| not_found("kind", &name))?))
}

/// `None`: its component is broken.
fn kind_view(kinds: &roster::Kinds, kind: &Kind) -> Option<KindView> {
    let state = kinds.state(kind);
    (state != Standing::Broken).then(|| KindView {
        name: kind.name.clone(),
        state,
        title: kind.descriptor.title.clone(),
        summary: kind.descriptor.summary.clone(),
        world: kind.manifest.world.name(),
        origins: kind.manifest.origins(),
        sha256: kind.sha256(),
        endpoint_schema: schema_value(&kind.descriptor.endpoint_schema),
        recipient_schema: schema_value(&kind.descriptor.recipient_schema),
    })
}

/// JSON Schema of what `POST /v1/alerts` takes.
#[utoipa::path(get, path = "/v1/schema/alert", tag = "alerts", responses(
    (status = 200, body = Object, content_type = "application/schema+json"),
))]
pub(super) async fn schema() -> Response {
    ([(CONTENT_TYPE, "application/schema+json")], native::SCHEMA).into_response()
}

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "engine", responses((status = 200, body = Object)))]
pub(super) async fn health() -> Response {
    Json(json!({ "healthy": true })).into_response()
}

/// Alerts can be taken in and delivered.
#[utoipa::path(get, path = "/readyz", tag = "engine", responses(
    (status = 200, body = Object),
    (status = 503, body = Object, description = "`checks` says what is wrong"),
))]
pub(super) async fn ready(State(api): State<Api>) -> Response {
    let store = match api.engine.queue.problem() {
        Some(problem) => Some(problem.to_owned()),
        None => api.engine.queue.stats().await.err().map(|error| error.to_string()),
    };
    let kinds = api.engine.roster.kinds();
    let components = (!kinds.are_any()).then(|| {
        match kinds.components().is_empty() {
            true => "no component is installed; run `make components`, or set `components_dir`",
            false => "no component can be used; `campanile component list` says why",
        }
        .to_owned()
    });
    let dispatch = api.engine.sending.is_cancelled().then(|| "nothing is sent any more".to_owned());
    let checks = [("store", store), ("components", components), ("dispatch", dispatch)];
    let ready = checks.iter().all(|(_, problem)| problem.is_none());
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let checks: Vec<_> = checks
        .into_iter()
        .map(|(name, problem)| json!({ "name": name, "problem": problem }))
        .collect();
    (status, Json(json!({ "ready": ready, "checks": checks }))).into_response()
}

/// Metrics, as Prometheus reads them.
#[utoipa::path(get, path = "/metrics", tag = "engine", responses(
    (status = 200, body = String, content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8"),
))]
pub(super) async fn metrics(State(api): State<Api>) -> Result<Response, Problem> {
    let stats = api.engine.queue.stats().await?;
    api.metrics.queue(&stats);
    Ok(([(CONTENT_TYPE, METRICS_TYPE)], api.metrics.text()).into_response())
}

pub(super) async fn no_route() -> Problem {
    let detail = "there is no such route; docs/api.md lists them";
    Problem::new(StatusCode::NOT_FOUND, "no-route", detail)
}

pub(super) async fn no_method() -> Problem {
    let detail = "this route has another method; docs/api.md lists them";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "no-method", detail)
}

/// A component's schema as JSON; as text where it is none.
fn schema_value(schema: &str) -> serde_json::Value {
    serde_json::from_str(schema).unwrap_or_else(|_| schema.into())
}
