//! The doors for alerts.
//!
//! Promise: what is answered as accepted is on disk. What is not answered as accepted may be there
//! too, and then a repeat of the same batch is answered as accepted and goes out once.

#![expect(unused_qualifications, reason = "the macro that describes a route writes them")]

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, Request, State, rejection::QueryRejection};
use axum::response::{IntoResponse, Response};
use hyper::header::{self, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use tracing::warn;
use utoipa::{IntoParams, ToSchema};

use super::body::{self, Layout};
use super::guard::Admitted;
use super::problem::{Place, Problem};
use super::{Api, key};
use crate::alert::Alert;
use crate::ids::{AlertId, TenantId};
use crate::ingest::{
    Arrival, Rejection, alertmanager as group, native as native_schema, ntopng as envelope,
};
use crate::queue::{Batch, BatchKey, Committed, Known, Owed, Within};
use crate::route::Episode;
use crate::tenant::{Caller, Role};

const NATIVE: &str = "native";
const NTOPNG: &str = "ntopng";
const ALERTMANAGER: &str = "alertmanager";
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// What became of the alerts of a request.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Answer {
    /// Ids of what was taken in, in the order of the request.
    #[schema(value_type = Vec<String>)]
    accepted: Vec<AlertId>,
    rejected: Vec<Rejection>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct Options {
    /// Take what is good and list what is not, instead of taking nothing.
    partial: bool,
}

/// Takes alerts in our own schema: one, an array, or one per line.
#[utoipa::path(post, path = "/v1/alerts", tag = "alerts", params(Options,
        ("Idempotency-Key" = Option<String>, Header, description = "How a repeat of this batch is known for ten minutes")),
    request_body(content = Object, description = "As `GET /v1/schema/alert` describes an alert; or an array of them"),
    responses(
    (status = 200, body = Answer, description = "On disk, with all that is owed"),
))]
pub(super) async fn native(
    State(api): State<Api>,
    Extension(Admitted(caller)): Extension<Admitted>,
    options: Result<Query<Options>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let taken = async {
        let Query(options) = options.map_err(|_| {
            Problem::bad_request("expected no parameter but `partial=true` or `partial=false`")
        })?;
        let caller = caller.ok_or_else(|| Problem::unauthorized(false))?;
        take_native(&api, &caller, options.partial, request).await
    };
    taken.await.inspect_err(|problem| api.metrics.refused(NATIVE, problem.code))
}

async fn take_native(
    api: &Api,
    caller: &Caller,
    partial: bool,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let layout = body::layout(&head.headers)?;
    let body = body::read(body, api.body_bytes_max).await?;
    let key = key::of(&head.headers, &body, caller, NATIVE)?;
    let arrival = arrival(api, caller.tenant);
    let read = native_schema::read(&body, layout == Layout::Ndjson, &arrival).map_err(|bad| {
        Problem::bad_input(
            vec![Place::Body(bad)],
            "nothing was taken in: the body is not JSON as expected; correct it and send it again",
        )
    })?;

    let mut alerts = Vec::with_capacity(read.len());
    let mut rejected = Vec::new();
    for one in read {
        match one {
            Ok(alert) => alerts.push(alert),
            Err(rejection) => rejected.push(rejection),
        }
    }
    if !rejected.is_empty() && !partial {
        return Err(Problem::bad_input(
            rejected.into_iter().map(Place::Alert).collect(),
            "nothing was taken in: correct these alerts and send all again, or send with \
             `?partial=true` to have the others taken in",
        ));
    }
    commit(api, NATIVE, caller, alerts, rejected, key).await
}

/// Takes the envelope of ntopng's webhook endpoint, of any version.
#[utoipa::path(post, path = "/v1/ingest/ntopng", tag = "alerts", params(
        ("Idempotency-Key" = Option<String>, Header, description = "How a repeat of this batch is known for ten minutes")),
    request_body(content = Object, description = "ntopng's envelope, with `alerts`"), responses(
    (status = 200, body = Answer, description = "On disk, with all that is owed"),
))]
pub(super) async fn ntopng(
    State(api): State<Api>,
    Extension(Admitted(caller)): Extension<Admitted>,
    request: Request,
) -> Result<Response, Problem> {
    let taken = take_ntopng(&api, caller, request).await;
    taken.inspect_err(|problem| api.metrics.refused(NTOPNG, problem.code))
}

async fn take_ntopng(
    api: &Api,
    caller: Option<Caller>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    body::layout(&head.headers)?;
    let body = body::read(body, api.body_bytes_max).await?;
    // Every alert gets the same tenant whoever the token's owner turns out to be: there is one.
    let read = envelope::read(&body, &arrival(api, TenantId::DEFAULT));

    // Credentials in the header settle it; the envelope's secret is then not looked at, since
    // ntopng may go on sending one that was meant for another receiver.
    let caller = match (caller, &read) {
        (Some(caller), _) => Some(caller),
        (None, Ok(envelope)) => envelope
            .secret
            .as_ref()
            .and_then(|secret| api.tokens.caller(secret.expose()))
            .filter(|one| one.role == Role::Ingest),
        // Whoever has no token does not learn what is wrong with the body either.
        (None, Err(_)) => None,
    };
    let caller = caller.ok_or_else(|| Problem::unauthorized(true))?;
    let envelope = read.map_err(|bad| {
        Problem::bad_input(vec![Place::Body(bad)], "expected the JSON envelope of ntopng's webhook")
    })?;
    let key = key::of(&head.headers, &body, &caller, NTOPNG)?;
    commit(api, NTOPNG, &caller, envelope.alerts, Vec::new(), key).await
}

/// Takes a group as Alertmanager's webhook sends it, version 4.
#[utoipa::path(post, path = "/v1/ingest/alertmanager", tag = "alerts", params(
        ("Idempotency-Key" = Option<String>, Header, description = "How a repeat of this batch is known for ten minutes")),
    request_body(content = Object, description = "Alertmanager's webhook payload, with `alerts`"), responses(
    (status = 200, body = Answer, description = "On disk, with all that is owed"),
))]
pub(super) async fn alertmanager(
    State(api): State<Api>,
    Extension(Admitted(caller)): Extension<Admitted>,
    request: Request,
) -> Result<Response, Problem> {
    let taken = async {
        let caller = caller.ok_or_else(|| Problem::unauthorized(true))?;
        take_alertmanager(&api, &caller, request).await
    };
    taken.await.inspect_err(|problem| api.metrics.refused(ALERTMANAGER, problem.code))
}

/// Takes what can be read: Alertmanager does not send a group again that is refused.
async fn take_alertmanager(
    api: &Api,
    caller: &Caller,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    body::layout(&head.headers)?;
    let body = body::read(body, api.body_bytes_max).await?;
    let key = key::of(&head.headers, &body, caller, ALERTMANAGER)?;
    let read = group::read(&body, &arrival(api, caller.tenant)).map_err(|bad| {
        Problem::bad_input(vec![Place::Body(bad)], "expected the JSON of Alertmanager's webhook")
    })?;

    let mut alerts = Vec::with_capacity(read.len());
    let mut rejected = Vec::new();
    for one in read {
        match one {
            Ok(alert) => alerts.push(alert),
            Err(rejection) => rejected.push(rejection),
        }
    }
    if let Some(Rejection { position, field, expected, .. }) = rejected.first() {
        // Alertmanager does not look at what it is answered, so nobody else would tell.
        let count = rejected.len();
        warn!(count, position, field, expected, "Alertmanager sent alerts that cannot be read.");
    }
    if alerts.is_empty() && !rejected.is_empty() {
        return Err(Problem::bad_input(
            rejected.into_iter().map(Place::Alert).collect(),
            "nothing was taken in: none of these alerts can be read",
        ));
    }
    commit(api, ALERTMANAGER, caller, alerts, rejected, key).await
}

pub(super) fn arrival(api: &Api, tenant: TenantId) -> Arrival<'_> {
    Arrival { tenant, now_ms: api.clock.now_ms(), ids: &api.ids }
}

/// Routes the alerts, commits them with what they are owed, and only then answers.
async fn commit(
    api: &Api,
    producer: &'static str,
    caller: &Caller,
    alerts: Vec<Alert>,
    rejected: Vec<Rejection>,
    key: BatchKey,
) -> Result<Response, Problem> {
    let accepted: Vec<AlertId> = alerts.iter().map(|one| one.id).collect();
    let count = accepted.len();
    let answer = serde_json::to_string(&Answer { accepted, rejected })
        .unwrap_or_else(|never| unreachable!("ids and texts are JSON: {never}"));
    if alerts.is_empty() {
        // A ping, or nothing worth taking: there is nothing to keep, and nothing to repeat.
        return Ok(json(answer));
    }

    let router = Arc::clone(&api.engine.roster.live().router);
    let route = |mut alert: Alert| {
        alert.may_ban = caller.may_ban;
        Owed { recipients: router.route(&alert, Episode::Fresh), alert }
    };
    let alerts = alerts.into_iter().map(route).collect();
    let within: Within = Arc::new(move |alert, known| match known {
        Known::Told(told) => router.route(alert, Episode::Told(told)),
        Known::Repeated => router.route(alert, Episode::Repeated),
    });
    let within = Some(within);
    let tenant = caller.tenant;
    let batch = Batch { tenant, alerts, key: Some(key), answer: answer.clone(), within };
    match api.engine.queue.commit(batch).await {
        Ok(Committed::Fresh) => {
            api.metrics.accepted(producer, count);
            Ok(json(answer))
        }
        Ok(Committed::Repeated { answer }) => {
            api.metrics.repeated(producer);
            let mut response = json(answer);
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            Ok(response)
        }
        Ok(Committed::KeyReused) => Err(Problem::new(
            hyper::StatusCode::UNPROCESSABLE_ENTITY,
            "key-reused",
            "this `Idempotency-Key` came with another body within the last ten minutes; give each \
             batch a key of its own",
        )),
        Err(error) => Err(error.into()),
    }
}

fn json(body: String) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}
