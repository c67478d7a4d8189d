//! What happened: `/v1/alerts`, `/v1/deliveries`, `/v1/audit`.

#![expect(unused_qualifications, reason = "the macro that describes a route writes them")]

use axum::Json;
use axum::extract::{Path, Query, Request, State, rejection::QueryRejection};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::asked::{self, Asker};
use super::problem::Problem;
use super::trials::text;
use crate::alert::Severity;
use crate::audit::{Entry, Record, Verified};
use crate::delivery::{DeliveryRecord, State as DeliveryState, TryRecord};
use crate::ids::{AlertId, DeliveryId};
use crate::records::{AlertQuery, AlertRecord, DeliveryQuery};

/// Deliveries that one call makes pending again.
const RETRY_MAX: usize = 1_000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AlertFilter {
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<u32>,
    /// `next` of the page before.
    #[param(pattern = "^c[0-9a-f]{1,16}$")]
    cursor: Option<String>,
    minimum_severity: Option<Severity>,
    category: Option<String>,
    /// Kind of the entity: `host`, `flow`.
    entity: Option<String>,
    alert_type: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Alerts {
    alerts: Vec<AlertRecord>,
    /// `cursor` of the next page; a page can be short, even empty, and have one. Null: the end.
    next: Option<String>,
}

/// Alerts, newest first.
#[utoipa::path(get, path = "/v1/alerts", tag = "history", params(AlertFilter), responses(
    (status = 200, body = Alerts),
))]
pub(super) async fn alerts(
    State(api): State<Api>,
    asker: Asker,
    filter: Result<Query<AlertFilter>, QueryRejection>,
) -> Result<Json<Alerts>, Problem> {
    let Query(filter) = filter.map_err(|_| {
        Problem::bad_request(
            "expected no parameters but `limit`, `cursor`, `minimum_severity` (such as `warning`), \
             `category`, `entity` and `alert_type`",
        )
    })?;
    let query = AlertQuery {
        minimum_severity: filter.minimum_severity,
        category: filter.category,
        entity: filter.entity,
        alert_type: filter.alert_type,
        limit: asked::limit(filter.limit)?,
        before: asked::cursor(filter.cursor.as_deref())?,
    };
    let page = api.engine.records.alerts(asker.tenant, query).await?;
    Ok(Json(Alerts { alerts: page.rows, next: asked::next(page.next) }))
}

/// An alert with all that is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AlertDetail {
    #[schema(value_type = String)]
    id: AlertId,
    #[schema(value_type = String)]
    episode: AlertId,
    fingerprint: String,
    /// The whole alert, as it was taken in.
    #[schema(value_type = Object)]
    alert: Value,
    /// As the producer sent it.
    raw: String,
    deliveries: Vec<DeliveryRecord>,
}

/// One alert, with its deliveries.
#[utoipa::path(get, path = "/v1/alerts/{id}", tag = "history",
    params(("id" = String, Path, description = "Its id")), responses(
    (status = 200, body = AlertDetail),
))]
pub(super) async fn alert(
    State(api): State<Api>,
    asker: Asker,
    Path(id): Path<String>,
) -> Result<Json<AlertDetail>, Problem> {
    let id = id.parse::<AlertId>().map_err(|_| asked::not_found("alert", &id))?;
    let found = api.engine.records.alert(asker.tenant, id).await?;
    let alert = found.ok_or_else(|| asked::not_found("alert", &id.to_string()))?;
    let deliveries = api.engine.records.deliveries_of(asker.tenant, id).await?;
    Ok(Json(AlertDetail {
        id,
        episode: alert.episode,
        fingerprint: alert.fingerprint.to_string(),
        // An alert has no map whose keys are not texts.
        alert: serde_json::to_value(&alert).unwrap_or_default(),
        raw: alert.raw,
        deliveries,
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveryFilter {
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<u32>,
    /// `next` of the page before.
    #[param(pattern = "^c[0-9a-f]{1,16}$")]
    cursor: Option<String>,
    state: Option<DeliveryState>,
    /// Name of a recipient.
    recipient: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Deliveries {
    deliveries: Vec<DeliveryRecord>,
    /// `cursor` of the next page; a page can be short, even empty, and have one. Null: the end.
    next: Option<String>,
}

/// Deliveries, newest first.
#[utoipa::path(get, path = "/v1/deliveries", tag = "history", params(DeliveryFilter), responses(
    (status = 200, body = Deliveries),
))]
pub(super) async fn deliveries(
    State(api): State<Api>,
    asker: Asker,
    filter: Result<Query<DeliveryFilter>, QueryRejection>,
) -> Result<Json<Deliveries>, Problem> {
    let Query(filter) = filter.map_err(|_| {
        Problem::bad_request(
            "expected no parameters but `limit`, `cursor`, `state` (`pending`, `delivered`, \
             `skipped` or `dead`) and `recipient`",
        )
    })?;
    let recipient = match &filter.recipient {
        None => None,
        Some(name) => {
            let live = api.engine.roster.live();
            let entry = live.recipient(asker.tenant, name);
            Some(entry.ok_or_else(|| asked::not_found("recipient", name))?.row.id)
        }
    };
    let query = DeliveryQuery {
        state: filter.state,
        recipient,
        limit: asked::limit(filter.limit)?,
        before: asked::cursor(filter.cursor.as_deref())?,
    };
    let page = api.engine.records.deliveries(asker.tenant, query).await?;
    Ok(Json(Deliveries { deliveries: page.rows, next: asked::next(page.next) }))
}

/// A delivery with every try.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryDetail {
    #[serde(flatten)]
    delivery: DeliveryRecord,
    tries: Vec<TryRecord>,
    /// The message that is to go again, or was tried last before the delivery was dead.
    message: Option<StoredMessage>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StoredMessage {
    id: String,
    summary: String,
    content_type: String,
    /// As text; what is not UTF-8 is replaced.
    body: String,
    /// The exact bytes, where they are not UTF-8.
    body_base64: Option<String>,
}

/// One delivery, with every try.
#[utoipa::path(get, path = "/v1/deliveries/{id}", tag = "history",
    params(("id" = String, Path, description = "Its id: alert and number of the recipient")),
    responses(
    (status = 200, body = DeliveryDetail),
))]
pub(super) async fn delivery(
    State(api): State<Api>,
    asker: Asker,
    Path(id): Path<String>,
) -> Result<Json<DeliveryDetail>, Problem> {
    let id = id.parse::<DeliveryId>().map_err(|_| asked::not_found("delivery", &id))?;
    let found = api.engine.records.delivery(asker.tenant, id).await?;
    let (delivery, tries) = found.ok_or_else(|| asked::not_found("delivery", &id.to_string()))?;
    let message = api.engine.records.message(asker.tenant, id).await?.map(|message| {
        let (body, body_base64) = text(message.body);
        StoredMessage {
            id: message.id.to_string(),
            summary: message.summary,
            content_type: message.content_type,
            body,
            body_base64,
        }
    });
    Ok(Json(DeliveryDetail { delivery, tries, message }))
}

/// Which dead deliveries to send again: these, or those of one recipient.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RetryAsked {
    #[schema(min_items = 1, max_items = 1000)]
    ids: Option<Vec<String>>,
    /// Name of a recipient: its dead ones, oldest first, at most 1000 of them.
    recipient: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Retried {
    /// Pending again.
    retried: Vec<String>,
    /// Not dead, not there, or of a recipient that was removed.
    not_retried: Vec<String>,
    /// The recipient may have more: ask again.
    more: bool,
}

/// Makes dead deliveries pending again: formatted anew, with the tries of a new one.
#[utoipa::path(post, path = "/v1/deliveries/retry", tag = "history", request_body = RetryAsked, responses(
    (status = 200, body = Retried),
))]
pub(super) async fn retry(
    State(api): State<Api>,
    asker: Asker,
    request: Request,
) -> Result<Json<Retried>, Problem> {
    let (_, value) = asked::json(request).await?;
    let wrong = || {
        Problem::bad_request(
            "expected an object with either `ids`, 1 to 1000 ids of deliveries, or `recipient`, a \
             name",
        )
    };
    let asked: RetryAsked = serde_json::from_value(value).map_err(|_| wrong())?;
    let records = &api.engine.records;
    let mut unknown: Vec<String> = Vec::new();
    let (ids, object) = match (asked.ids, asked.recipient) {
        (Some(ids), None) if (1..=RETRY_MAX).contains(&ids.len()) => {
            let count = ids.len();
            let good: Vec<_> = ids.iter().filter_map(|id| id.parse::<DeliveryId>().ok()).collect();
            unknown = ids.into_iter().filter(|id| id.parse::<DeliveryId>().is_err()).collect();
            (good, format!("{count} deliveries"))
        }
        (None, Some(name)) => {
            let live = api.engine.roster.live();
            let entry = live.recipient(asker.tenant, &name);
            let id = entry.ok_or_else(|| asked::not_found("recipient", &name))?.row.id;
            let dead = records.dead_of(asker.tenant, id, 1_000).await?;
            (dead, format!("recipient {name}"))
        }
        _ => return Err(wrong().unprocessable()),
    };
    let more = ids.len() == RETRY_MAX;
    let shown: Vec<_> = ids.iter().take(20).map(ToString::to_string).collect();
    let entry = Entry {
        at_ms: api.clock.now_ms(),
        tenant: asker.tenant,
        who: asker.who,
        action: "retry",
        object,
        detail: json!({ "count": ids.len(), "first": shown }),
    };
    let retried = api.engine.queue.retry(asker.tenant, ids.clone(), entry).await?;
    let not_retried = ids.iter().filter(|id| !retried.contains(id)).map(ToString::to_string);
    let not_retried = not_retried.chain(unknown).collect();
    let more = more && !retried.is_empty();
    let retried = retried.iter().map(ToString::to_string).collect();
    Ok(Json(Retried { retried, not_retried, more }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditFilter {
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<u32>,
    /// `next` of the page before.
    #[param(pattern = "^c[0-9a-f]{1,16}$")]
    cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Audit {
    entries: Vec<Record>,
    /// `cursor` of the next page; null: this is the last.
    next: Option<String>,
}

/// Who changed or used what, newest first.
#[utoipa::path(get, path = "/v1/audit", tag = "history", params(AuditFilter), responses(
    (status = 200, body = Audit),
))]
pub(super) async fn audit(
    State(api): State<Api>,
    asker: Asker,
    filter: Result<Query<AuditFilter>, QueryRejection>,
) -> Result<Json<Audit>, Problem> {
    let Query(filter) = filter
        .map_err(|_| Problem::bad_request("expected no parameters but `limit` and `cursor`"))?;
    let limit = asked::limit(filter.limit)?;
    let before = asked::cursor(filter.cursor.as_deref())?;
    let mut entries = api.engine.records.audit(asker.tenant, before, limit + 1).await?;
    let has_more = entries.len() > limit as usize;
    entries.truncate(limit as usize);
    let next = entries.last().filter(|_| has_more).map(|one| one.seq);
    Ok(Json(Audit { entries, next: asked::next(next) }))
}

/// Whether the audit log is as it was written, and its newest hash.
#[utoipa::path(get, path = "/v1/audit/verify", tag = "history", responses(
    (status = 200, body = Verified),
))]
pub(super) async fn verify(State(api): State<Api>, _: Asker) -> Result<Json<Verified>, Problem> {
    Ok(Json(api.engine.records.verify_audit().await?))
}
