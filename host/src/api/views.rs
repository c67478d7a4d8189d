//! The routes that only look.

use axum::extract::{Path, Query, State, rejection::QueryRejection};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Api;
use super::guard::Admitted;
use super::problem::Problem;
use crate::delivery::{AttemptRecord, DeliveryRecord, State as DeliveryState};
use crate::ids::{DeliveryId, TenantId};
use crate::ingest::native;
use crate::records::DeliveryQuery;
use crate::runtime::Kind;
use crate::telemetry::METRICS_TYPE;

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 1000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    state: Option<String>,
    limit: Option<u32>,
    before: Option<String>,
}

/// `GET /v1/deliveries`: newest first; `next` is the `before` of the next page.
pub(super) async fn deliveries(
    State(api): State<Api>,
    Extension(admitted): Extension<Admitted>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(filter) = filter.map_err(|_| {
        Problem::bad_request("expected no parameters but `state`, `limit` and `before`")
    })?;
    let query = read_query(&filter)?;
    let list = api.engine.records.deliveries(tenant(admitted)?, query).await?;
    let full = u32::try_from(list.len()).is_ok_and(|count| count >= query.limit);
    let next = list.last().filter(|_| full).map(|last| last.id);
    Ok(Json(json!({ "deliveries": list, "next": next })).into_response())
}

fn read_query(filter: &Filter) -> Result<DeliveryQuery, Problem> {
    let state = match filter.state.as_deref() {
        None => None,
        Some("pending") => Some(DeliveryState::Pending),
        Some("delivered") => Some(DeliveryState::Delivered),
        Some("skipped") => Some(DeliveryState::Skipped),
        Some("dead") => Some(DeliveryState::Dead),
        Some(_) => {
            return Err(Problem::bad_request(
                "`state`: expected `pending`, `delivered`, `skipped` or `dead`",
            ));
        }
    };
    let limit = filter.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::bad_request(format!("`limit`: expected 1 to {LIMIT_MAX}")));
    }
    let before = filter.before.as_deref().map(str::parse::<DeliveryId>).transpose();
    let before = before.map_err(|error| Problem::bad_request(format!("`before`: {error}")))?;
    Ok(DeliveryQuery { state, limit, before })
}

/// `GET /v1/deliveries/{id}`: one delivery with every attempt.
pub(super) async fn delivery(
    State(api): State<Api>,
    Extension(admitted): Extension<Admitted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Detail {
        #[serde(flatten)]
        delivery: DeliveryRecord,
        tries: Vec<AttemptRecord>,
    }
    let id = id.parse::<DeliveryId>().map_err(|error| Problem::bad_request(error.to_string()))?;
    let found = api.engine.records.delivery(tenant(admitted)?, id).await?;
    let (delivery, tries) = found.ok_or_else(|| {
        let detail = format!("there is no delivery `{id}`; `campanile deliveries` lists them");
        Problem::new(StatusCode::NOT_FOUND, "not-found", detail)
    })?;
    Ok(Json(Detail { delivery, tries }).into_response())
}

/// `GET /v1/kinds`
pub(super) async fn kinds(State(api): State<Api>) -> Response {
    let kinds: Vec<_> = api.engine.catalog.kinds().iter().map(|kind| kind_view(kind)).collect();
    Json(json!({ "kinds": kinds })).into_response()
}

fn kind_view(kind: &Kind) -> serde_json::Value {
    json!({
        "name": kind.name,
        "title": kind.descriptor.title,
        "summary": kind.descriptor.summary,
        "world": kind.manifest.world.name(),
        "origins": kind.manifest.origins,
        "sha256": kind.sha256(),
        "endpoint_schema": schema_value(&kind.descriptor.endpoint_schema),
        "recipient_schema": schema_value(&kind.descriptor.recipient_schema),
    })
}

/// `GET /v1/schema/alert`: JSON Schema of what `POST /v1/alerts` takes.
pub(super) async fn schema() -> Response {
    ([(CONTENT_TYPE, "application/schema+json")], native::SCHEMA).into_response()
}

/// `GET /healthz`: the process lives.
pub(super) async fn health() -> Response {
    Json(json!({ "healthy": true })).into_response()
}

/// `GET /readyz`: alerts can be taken in and delivered.
pub(super) async fn ready(State(api): State<Api>) -> Response {
    let store = match api.engine.queue.problem() {
        Some(problem) => Some(problem.to_owned()),
        None => api.engine.queue.stats().await.err().map(|error| error.to_string()),
    };
    let components = api.engine.catalog.kinds().is_empty().then(|| {
        "no component is installed; run `make components`, or set `components_dir`".to_owned()
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

/// `GET /metrics`
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

fn tenant(Admitted(caller): Admitted) -> Result<TenantId, Problem> {
    caller.map(|one| one.tenant).ok_or_else(|| Problem::unauthorized(false))
}

/// A component's schema as JSON; as text where it is none.
fn schema_value(schema: &str) -> serde_json::Value {
    serde_json::from_str(schema).unwrap_or_else(|_| schema.into())
}
