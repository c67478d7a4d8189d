//! `/v1/endpoints`: configured accounts and servers.

#![expect(unused_qualifications, reason = "the macro that describes a route writes them")]

use axum::Json;
use axum::extract::{Path, Query, Request, State, rejection::QueryRejection};
use axum::response::Response;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::asked::{self, Asker};
use super::edits::{self, PauseAsked};
use super::problem::{Details, Problem};
use crate::config;
use crate::records::rows::Pause;
use crate::roster::{Edit, EndpointEntry, Expect, Standing, What};
use crate::setup::{self, EndpointSetup, Settings};

/// An endpoint, with all that is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Endpoint {
    pub(super) id: u32,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) settings: Settings,
    pub(super) state: Standing,
    /// Null: it is not paused.
    pub(super) pause: Option<Pause>,
    /// Why it is unusable.
    pub(super) problems: Vec<config::Problem>,
    /// The set of files that made it; null: it was made by hand.
    pub(super) apply_set: Option<String>,
    /// The version, as in `ETag`.
    pub(super) revision: u64,
    pub(super) created_ms: u64,
    pub(super) changed_ms: u64,
}

impl Endpoint {
    fn of(entry: &EndpointEntry) -> Self {
        let row = &entry.row;
        Self {
            id: row.id.0,
            name: row.name.clone(),
            kind: row.setup.kind.clone(),
            settings: row.setup.settings.clone(),
            state: entry.standing(),
            pause: row.pause.clone(),
            problems: entry.built.as_ref().err().cloned().unwrap_or_default(),
            apply_set: row.stamp.apply_set.clone(),
            revision: row.stamp.revision,
            created_ms: row.stamp.created_ms,
            changed_ms: row.stamp.changed_ms,
        }
    }
}

/// An endpoint as it is written.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub(super) struct NewEndpoint {
    /// 1 to 64 of `A-Z a-z 0-9 . _ -`, a letter or digit first; unique among endpoints.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    name: String,
    /// Name of an installed kind.
    #[schema(min_length = 1, max_length = 64)]
    kind: String,
    /// As the kind's `endpoint_schema` describes them.
    #[schema(required = false)]
    settings: Settings,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EndpointFilter {
    /// How many to show.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<u32>,
    /// `next` of the page before: only names after it.
    after: Option<String>,
    /// Only those of this kind.
    kind: Option<String>,
    /// Only those that stand so.
    state: Option<Standing>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Endpoints {
    endpoints: Vec<Endpoint>,
    /// `after` of the next page; null: this is the last.
    next: Option<String>,
}

/// Endpoints, by name.
#[utoipa::path(get, path = "/v1/endpoints", tag = "setup", params(EndpointFilter), responses(
    (status = 200, body = Endpoints),
))]
pub(super) async fn list(
    State(api): State<Api>,
    asker: Asker,
    filter: Result<Query<EndpointFilter>, QueryRejection>,
) -> Result<Json<Endpoints>, Problem> {
    let Query(filter) = filter.map_err(|_| {
        Problem::bad_request("expected no parameters but `limit`, `after`, `kind` and `state`")
    })?;
    let limit = asked::limit(filter.limit)? as usize;
    let live = api.engine.roster.live();
    let wanted = live
        .endpoints(asker.tenant, filter.after.as_deref().unwrap_or_default())
        .filter(|one| filter.kind.as_ref().is_none_or(|kind| *kind == one.row.setup.kind))
        .filter(|one| filter.state.is_none_or(|state| state == one.standing()));
    let mut endpoints: Vec<_> = wanted.take(limit + 1).map(|entry| Endpoint::of(entry)).collect();
    let has_more = endpoints.len() > limit;
    endpoints.truncate(limit);
    let next = endpoints.last().filter(|_| has_more).map(|one| one.name.clone());
    Ok(Json(Endpoints { endpoints, next }))
}

/// One endpoint.
#[utoipa::path(get, path = "/v1/endpoints/{name}", tag = "setup",
    params(("name" = String, Path, description = "Its name")), responses(
    (status = 200, body = Endpoint, headers(("ETag" = String))),
))]
pub(super) async fn show(
    State(api): State<Api>,
    asker: Asker,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    answer(&api, &asker, &name, StatusCode::OK)
}

/// Makes an endpoint.
#[utoipa::path(post, path = "/v1/endpoints", tag = "setup", request_body = NewEndpoint, responses(
    (status = 201, body = Endpoint, headers(("ETag" = String), ("Location" = String))),
    (status = 409, body = Details, content_type = "application/problem+json", description = "`name-taken`"),
))]
pub(super) async fn create(
    State(api): State<Api>,
    asker: Asker,
    request: Request,
) -> Result<Response, Problem> {
    let (_, mut value) = asked::json(request).await?;
    let name = edits::take_name(&mut value, None)?;
    put(&api, asker, name, value, Expect::Absent).await
}

/// Makes an endpoint, or replaces one. `If-Match` replaces only that version, `If-None-Match: *`
/// only makes.
#[utoipa::path(put, path = "/v1/endpoints/{name}", tag = "setup",
    params(("name" = String, Path, description = "Its name"),
        ("If-Match" = Option<String>, Header, pattern = r#"^(\*|"[0-9]+")$"#, description = "`ETag` of the version to replace"),
        ("If-None-Match" = Option<String>, Header, pattern = r"^\*$", description = "`*`: only where there is none")),
    request_body = EndpointSetup, responses(
    (status = 200, body = Endpoint, headers(("ETag" = String))),
    (status = 201, body = Endpoint, headers(("ETag" = String), ("Location" = String))),
    (status = 409, body = Details, content_type = "application/problem+json", description = "`kind-fixed`"),
    (status = 412, body = Details, content_type = "application/problem+json", description = "`changed-meanwhile`"),
))]
pub(super) async fn replace(
    State(api): State<Api>,
    asker: Asker,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (headers, mut value) = asked::json(request).await?;
    let name = edits::take_name(&mut value, Some(name))?;
    let expect = asked::expect(&headers, Expect::Any)?;
    let put = put(&api, asker, name, value, expect).await;
    put.map_err(|problem| problem.of_precondition(expect))
}

async fn put(
    api: &Api,
    asker: Asker,
    name: String,
    value: serde_json::Value,
    expect: Expect,
) -> Result<Response, Problem> {
    let mut problems = Vec::new();
    let setup: EndpointSetup = setup::endpoint("", value, &mut problems);
    if !problems.is_empty() {
        return Err(Problem::bad_setup(problems));
    }
    let edit = Edit::Endpoint { name: name.clone(), setup, expect };
    let status = edits::make(api, &asker, edit).await?;
    answer(api, &asker, &name, status)
}

/// Removes an endpoint that no recipient uses.
#[utoipa::path(delete, path = "/v1/endpoints/{name}", tag = "setup",
    params(("name" = String, Path, description = "Its name"),
        ("If-Match" = Option<String>, Header, pattern = r#"^(\*|"[0-9]+")$"#, description = "`ETag` of the version to remove")),
    responses(
    (status = 204, description = "It is gone"),
    (status = 409, body = Details, content_type = "application/problem+json", description = "`in-use`"),
    (status = 412, body = Details, content_type = "application/problem+json", description = "`changed-meanwhile`"),
))]
pub(super) async fn remove(
    State(api): State<Api>,
    asker: Asker,
    Path(name): Path<String>,
    headers: hyper::HeaderMap,
) -> Result<StatusCode, Problem> {
    edits::remove(&api, &asker, What::Endpoint, name, &headers).await
}

/// Sends nothing through an endpoint until it is resumed; queues are kept.
#[utoipa::path(post, path = "/v1/endpoints/{name}/pause", tag = "setup",
    params(("name" = String, Path, description = "Its name")), request_body = Option<PauseAsked>, responses(
    (status = 200, body = Endpoint, headers(("ETag" = String))),
))]
pub(super) async fn pause(
    State(api): State<Api>,
    asker: Asker,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let detail = edits::pause_asked(request).await?;
    edits::stand(&api, &asker, What::Endpoint, name.clone(), Some(detail)).await?;
    answer(&api, &asker, &name, StatusCode::OK)
}

/// Sends through a paused endpoint again.
#[utoipa::path(post, path = "/v1/endpoints/{name}/resume", tag = "setup",
    params(("name" = String, Path, description = "Its name")), responses(
    (status = 200, body = Endpoint, headers(("ETag" = String))),
))]
pub(super) async fn resume(
    State(api): State<Api>,
    asker: Asker,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    edits::stand(&api, &asker, What::Endpoint, name.clone(), None).await?;
    answer(&api, &asker, &name, StatusCode::OK)
}

fn answer(api: &Api, asker: &Asker, name: &str, status: StatusCode) -> Result<Response, Problem> {
    let live = api.engine.roster.live();
    let entry =
        live.endpoint(asker.tenant, name).ok_or_else(|| asked::not_found("endpoint", name))?;
    let object = Endpoint::of(entry);
    Ok(edits::answer(status, &format!("/v1/endpoints/{name}"), object.revision, &object))
}
