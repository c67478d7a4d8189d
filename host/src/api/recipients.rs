//! `/v1/recipients`: destinations at endpoints, each with its filter.

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
use crate::roster::{Edit, Expect, RecipientEntry, Standing, What};
use crate::route::FilterSettings;
use crate::setup::{self, RecipientSetup, Settings};
use crate::wording::WordingSettings;

const PENDING_MAX: u32 = 100_000;

/// A recipient, with all that is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Recipient {
    id: u32,
    name: String,
    /// Name of its endpoint.
    endpoint: String,
    filter: FilterSettings,
    settings: Settings,
    templates: WordingSettings,
    /// Its own; nothing is sent while its endpoint is not active, either.
    state: Standing,
    endpoint_state: Standing,
    /// Null: it is not paused.
    pause: Option<Pause>,
    /// Why it is unusable.
    problems: Vec<config::Problem>,
    /// Deliveries that wait, counted up to 100,000; null in lists.
    pending: Option<u64>,
    /// The set of files that made it; null: it was made by hand.
    apply_set: Option<String>,
    /// The version, as in `ETag`.
    revision: u64,
    created_ms: u64,
    changed_ms: u64,
}

impl Recipient {
    fn of(entry: &RecipientEntry, pending: Option<u64>) -> Self {
        let row = &entry.row;
        Self {
            id: row.id.0,
            name: row.name.clone(),
            endpoint: row.setup.endpoint.clone(),
            filter: row.setup.filter.clone(),
            settings: row.setup.settings.clone(),
            templates: row.setup.templates.clone(),
            state: entry.standing(),
            endpoint_state: entry.endpoint.standing(),
            pause: row.pause.clone(),
            problems: entry.built.as_ref().err().cloned().unwrap_or_default(),
            pending,
            apply_set: row.stamp.apply_set.clone(),
            revision: row.stamp.revision,
            created_ms: row.stamp.created_ms,
            changed_ms: row.stamp.changed_ms,
        }
    }
}

/// A recipient as it is written.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub(super) struct NewRecipient {
    /// 1 to 64 of `A-Z a-z 0-9 . _ -`, a letter or digit first; unique among recipients.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    name: String,
    /// Name of an endpoint.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    endpoint: String,
    /// Which alerts it gets; all parts must hold.
    #[schema(required = false)]
    filter: FilterSettings,
    /// As the kind's `recipient_schema` describes them; they override the endpoint's.
    #[schema(required = false)]
    settings: Settings,
    /// Title and text in words of its own.
    #[schema(required = false)]
    templates: WordingSettings,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RecipientFilter {
    /// How many to show.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<u32>,
    /// `next` of the page before: only names after it.
    after: Option<String>,
    /// Only those at this endpoint.
    endpoint: Option<String>,
    /// Only those that stand so.
    state: Option<Standing>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Recipients {
    recipients: Vec<Recipient>,
    /// `after` of the next page; null: this is the last.
    next: Option<String>,
}

/// Recipients, by name.
#[utoipa::path(get, path = "/v1/recipients", tag = "setup", params(RecipientFilter), responses(
    (status = 200, body = Recipients),
))]
pub(super) async fn list(
    State(api): State<Api>,
    asker: Asker,
    filter: Result<Query<RecipientFilter>, QueryRejection>,
) -> Result<Json<Recipients>, Problem> {
    let Query(filter) = filter.map_err(|_| {
        Problem::bad_request("expected no parameters but `limit`, `after`, `endpoint` and `state`")
    })?;
    let limit = asked::limit(filter.limit)? as usize;
    let live = api.engine.roster.live();
    let wanted = live
        .recipients(asker.tenant, filter.after.as_deref().unwrap_or_default())
        .filter(|one| filter.endpoint.as_ref().is_none_or(|name| *name == one.row.setup.endpoint))
        .filter(|one| filter.state.is_none_or(|state| state == one.standing()));
    let mut recipients: Vec<_> =
        wanted.take(limit + 1).map(|entry| Recipient::of(entry, None)).collect();
    let has_more = recipients.len() > limit;
    recipients.truncate(limit);
    let next = recipients.last().filter(|_| has_more).map(|one| one.name.clone());
    Ok(Json(Recipients { recipients, next }))
}

/// One recipient.
#[utoipa::path(get, path = "/v1/recipients/{name}", tag = "setup",
    params(("name" = String, Path, description = "Its name")), responses(
    (status = 200, body = Recipient, headers(("ETag" = String))),
))]
pub(super) async fn show(
    State(api): State<Api>,
    asker: Asker,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    answer(&api, &asker, &name, StatusCode::OK).await
}

/// Makes a recipient.
#[utoipa::path(post, path = "/v1/recipients", tag = "setup", request_body = NewRecipient, responses(
    (status = 201, body = Recipient, headers(("ETag" = String), ("Location" = String))),
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

/// Makes a recipient, or replaces one. `If-Match` replaces only that version, `If-None-Match: *`
/// only makes.
#[utoipa::path(put, path = "/v1/recipients/{name}", tag = "setup",
    params(("name" = String, Path, description = "Its name"),
        ("If-Match" = Option<String>, Header, pattern = r#"^(\*|"[0-9]+")$"#, description = "`ETag` of the version to replace"),
        ("If-None-Match" = Option<String>, Header, pattern = r"^\*$", description = "`*`: only where there is none")),
    request_body = RecipientSetup, responses(
    (status = 200, body = Recipient, headers(("ETag" = String))),
    (status = 201, body = Recipient, headers(("ETag" = String), ("Location" = String))),
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
    let setup: RecipientSetup = setup::recipient("", value, &mut problems);
    if !problems.is_empty() {
        return Err(Problem::bad_setup(problems));
    }
    let edit = Edit::Recipient { name: name.clone(), setup, expect };
    let status = edits::make(api, &asker, edit).await?;
    answer(api, &asker, &name, status).await
}

/// Removes a recipient. What waits for it ends as dead, with the cause `recipient-removed`.
#[utoipa::path(delete, path = "/v1/recipients/{name}", tag = "setup",
    params(("name" = String, Path, description = "Its name"),
        ("If-Match" = Option<String>, Header, pattern = r#"^(\*|"[0-9]+")$"#, description = "`ETag` of the version to remove")),
    responses(
    (status = 204, description = "It is gone"),
    (status = 412, body = Details, content_type = "application/problem+json", description = "`changed-meanwhile`"),
))]
pub(super) async fn remove(
    State(api): State<Api>,
    asker: Asker,
    Path(name): Path<String>,
    headers: hyper::HeaderMap,
) -> Result<StatusCode, Problem> {
    edits::remove(&api, &asker, What::Recipient, name, &headers).await
}

/// Sends nothing to a recipient until it is resumed; its queue is kept.
#[utoipa::path(post, path = "/v1/recipients/{name}/pause", tag = "setup",
    params(("name" = String, Path, description = "Its name")), request_body = Option<PauseAsked>, responses(
    (status = 200, body = Recipient, headers(("ETag" = String))),
))]
pub(super) async fn pause(
    State(api): State<Api>,
    asker: Asker,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let detail = edits::pause_asked(request).await?;
    edits::stand(&api, &asker, What::Recipient, name.clone(), Some(detail)).await?;
    answer(&api, &asker, &name, StatusCode::OK).await
}

/// Sends to a paused recipient again.
#[utoipa::path(post, path = "/v1/recipients/{name}/resume", tag = "setup",
    params(("name" = String, Path, description = "Its name")), responses(
    (status = 200, body = Recipient, headers(("ETag" = String))),
))]
pub(super) async fn resume(
    State(api): State<Api>,
    asker: Asker,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    edits::stand(&api, &asker, What::Recipient, name.clone(), None).await?;
    answer(&api, &asker, &name, StatusCode::OK).await
}

async fn answer(
    api: &Api,
    asker: &Asker,
    name: &str,
    status: StatusCode,
) -> Result<Response, Problem> {
    let live = api.engine.roster.live();
    let entry =
        live.recipient(asker.tenant, name).ok_or_else(|| asked::not_found("recipient", name))?;
    let pending = api.engine.records.pending_of(entry.row.id, PENDING_MAX).await?;
    let object = Recipient::of(entry, Some(pending));
    Ok(edits::answer(status, &format!("/v1/recipients/{name}"), object.revision, &object))
}
