//! `/v1/test` and `/v1/preview`: tries that store nothing.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Api;
use super::alerts::arrival;
use super::asked::{self, Asker};
use super::problem::{Place, Problem};
use crate::alert::Alert;
use crate::audit::Entry;
use crate::config;
use crate::ids::{AlertId, TenantId};
use crate::ingest::{alertmanager, native, ntopng};
use crate::route::FilterSettings;
use crate::runtime::Draft;
use crate::setup::{self, RecipientSetup, Settings};
use crate::tenant::Role;
use crate::trial::{Decided, LeftOut, Preview, SAMPLE, Target, Tested};
use crate::wording::WordingSettings;

/// Most alerts of one preview: each may become a message for each recipient.
const ALERTS_MAX: usize = 1_000;

/// Whom to try with: something saved, by name, or settings that are not.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TestAsked {
    /// A saved recipient.
    recipient: Option<String>,
    /// A saved endpoint; for a recipient: this one instead of its own.
    endpoint: Option<String>,
    /// A kind, where no endpoint is saved.
    kind: Option<String>,
    /// Instead of the saved ones.
    #[schema(value_type = Option<Settings>)]
    endpoint_settings: Option<Value>,
    /// Instead of the saved ones.
    #[schema(value_type = Option<Settings>)]
    recipient_settings: Option<Value>,
    /// Also send a test alert. Default true.
    send: Option<bool>,
}

/// What to show, and for whom: nobody named is every recipient.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PreviewAsked {
    /// A saved recipient.
    recipient: Option<String>,
    /// A saved endpoint; for a recipient: this one instead of its own.
    endpoint: Option<String>,
    /// A kind, where no endpoint is saved.
    kind: Option<String>,
    /// Instead of the saved ones.
    #[schema(value_type = Option<Settings>)]
    endpoint_settings: Option<Value>,
    /// Instead of the saved ones.
    #[schema(value_type = Option<Settings>)]
    recipient_settings: Option<Value>,
    /// Instead of the saved one.
    #[schema(value_type = Option<FilterSettings>)]
    filter: Option<Value>,
    /// Instead of the saved ones.
    #[schema(value_type = Option<WordingSettings>)]
    templates: Option<Value>,
    /// Id of a stored alert.
    alert: Option<String>,
    /// Alerts as their producer sends them; without any, a sample alert.
    #[schema(value_type = Option<Vec<Object>>, max_items = 1000)]
    alerts: Option<Vec<Box<RawValue>>>,
    /// How `alerts` are written. Default `native`.
    producer: Option<Producer>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Producer {
    #[default]
    Native,
    Ntopng,
    Alertmanager,
}

/// What would be sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PreviewAnswer {
    messages: Vec<PreviewMessage>,
    /// Alerts that a recipient gets no message about.
    left_out: Vec<LeftOut>,
    /// Each recipient's decision about each alert.
    decisions: Vec<Decided>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PreviewMessage {
    recipient: String,
    endpoint: String,
    kind: String,
    /// Positions of the alerts that it tells about.
    alerts: Vec<usize>,
    summary: String,
    content_type: String,
    /// As text; what is not UTF-8 is replaced.
    body: String,
    /// The exact bytes, where they are not UTF-8.
    body_base64: Option<String>,
    notes: Vec<(String, String)>,
}

/// Probes an endpoint and, unless `send` is false, sends a test alert.
#[utoipa::path(post, path = "/v1/test", tag = "trials", request_body = TestAsked, responses(
    (status = 200, body = Tested),
))]
pub(super) async fn test(
    State(api): State<Api>,
    asker: Asker,
    request: Request,
) -> Result<Json<Tested>, Problem> {
    let (_, value) = asked::json(request).await?;
    let asked: TestAsked = serde_json::from_value(value).map_err(|_| {
        Problem::bad_request(
            "expected an object with `recipient`, `endpoint` or `kind`, and if wanted \
             `endpoint_settings`, `recipient_settings` and `send`",
        )
    })?;
    let named = [&asked.recipient, &asked.endpoint, &asked.kind].into_iter().flatten().next();
    let object = named.map_or_else(String::new, Clone::clone);
    let target = Target {
        recipient: asked.recipient,
        endpoint: asked.endpoint,
        kind: asked.kind,
        filter: None,
        templates: None,
        ..settings(asked.endpoint_settings, asked.recipient_settings)?
    };
    let sends = asked.send.unwrap_or(true);
    // Noted before it is done, so that nothing is done unseen.
    let is_unsaved = target.endpoint_settings.is_some() || target.recipient_settings.is_some();
    let entry = Entry {
        at_ms: api.clock.now_ms(),
        tenant: asker.tenant,
        who: asker.who,
        action: "test",
        object: crate::printable::printable(&object, 64),
        detail: json!({ "send": sends, "unsaved_settings": is_unsaved }),
    };
    api.engine.records.note(entry).await?;
    let may_ban = asker.role == Role::Admin;
    let alert = if sends { sample(&api, asker.tenant, may_ban)? } else { None };
    Ok(Json(Box::pin(api.engine.trial.test(asker.tenant, &target, alert)).await?))
}

/// Shows the exact messages that alerts would make, and why who gets them; nothing is sent.
#[utoipa::path(post, path = "/v1/preview", tag = "trials", request_body = PreviewAsked, responses(
    (status = 200, body = PreviewAnswer),
))]
pub(super) async fn preview(
    State(api): State<Api>,
    asker: Asker,
    request: Request,
) -> Result<Json<PreviewAnswer>, Problem> {
    let expected = "expected an object with, if wanted, `recipient`, `endpoint`, `kind`, \
                    `endpoint_settings`, `recipient_settings`, `filter`, `templates`, `alert`, \
                    `alerts` and `producer`";
    let asked: PreviewAsked = asked::read(request, expected).await?;
    let alerts = alerts(&api, asker.tenant, &asked).await?;
    let unsaved = unsaved(&asked)?;
    let target = Target {
        recipient: asked.recipient,
        endpoint: asked.endpoint,
        kind: asked.kind,
        filter: asked.filter.is_some().then_some(unsaved.filter),
        templates: asked.templates.is_some().then_some(unsaved.templates),
        ..settings(asked.endpoint_settings, asked.recipient_settings)?
    };
    let shown = Box::pin(api.engine.trial.preview(asker.tenant, &target, &alerts)).await?;
    Ok(Json(PreviewAnswer {
        messages: shown.previews.into_iter().flat_map(messages).collect(),
        left_out: shown.left_out,
        decisions: shown.decided,
    }))
}

fn settings(endpoint: Option<Value>, recipient: Option<Value>) -> Result<Target, Problem> {
    let mut problems = Vec::new();
    let mut read = |key: &str, value: Option<Value>| -> Option<Settings> {
        let value = json!({ "kind": "any", "settings": value? });
        let mut found = Vec::new();
        let setup = setup::endpoint("", value, &mut found);
        problems.extend(found.into_iter().map(|one| config::Problem {
            place: one.place.replacen("settings", key, 1),
            expected: one.expected,
        }));
        Some(setup.settings)
    };
    let endpoint_settings = read("endpoint_settings", endpoint);
    let recipient_settings = read("recipient_settings", recipient);
    if problems.is_empty() {
        Ok(Target { endpoint_settings, recipient_settings, ..Target::default() })
    } else {
        Err(Problem::bad_setup(problems))
    }
}

/// What is written in place of a saved recipient's filter and templates.
fn unsaved(asked: &PreviewAsked) -> Result<RecipientSetup, Problem> {
    let mut problems = Vec::new();
    let mut value = json!({ "endpoint": "any" });
    for (key, given) in [("filter", &asked.filter), ("templates", &asked.templates)] {
        if let Some(given) = given {
            value[key] = given.clone();
        }
    }
    let setup = setup::recipient("", value, &mut problems);
    if problems.is_empty() { Ok(setup) } else { Err(Problem::bad_setup(problems)) }
}

async fn alerts(
    api: &Api,
    tenant: TenantId,
    asked: &PreviewAsked,
) -> Result<Vec<Arc<Alert>>, Problem> {
    if let Some(id) = &asked.alert {
        let id: AlertId = id.parse().map_err(|_| asked::not_found("alert", id))?;
        let found = api.engine.records.alert(tenant, id).await?;
        let found = found.ok_or_else(|| asked::not_found("alert", &id.to_string()))?;
        return Ok(vec![Arc::new(found)]);
    }
    let Some(given) = &asked.alerts else {
        return Ok(sample(api, tenant, false)?.into_iter().collect());
    };
    if given.len() > ALERTS_MAX {
        return Err(Problem::bad_request(format!("`alerts`: expected at most {ALERTS_MAX}")));
    }
    let given = given.iter().map(|one| one.get()).collect::<Vec<_>>().join(",");
    let arrival = arrival(api, tenant);
    let read = match asked.producer.unwrap_or_default() {
        Producer::Native => {
            let body = format!("[{given}]");
            native::read(body.as_bytes(), false, &arrival).map_err(bad_body)?
        }
        Producer::Ntopng => {
            let body = format!(r#"{{"version":"0.2","alerts":[{given}]}}"#);
            let envelope = ntopng::read(body.as_bytes(), &arrival).map_err(bad_body)?;
            envelope.alerts.into_iter().map(Ok).collect()
        }
        Producer::Alertmanager => {
            let body = format!(r#"{{"version":"4","alerts":[{given}]}}"#);
            alertmanager::read(body.as_bytes(), &arrival).map_err(bad_body)?
        }
    };
    let (mut alerts, mut rejected) = (Vec::with_capacity(read.len()), Vec::new());
    for one in read {
        match one {
            Ok(alert) => alerts.push(Arc::new(alert)),
            Err(rejection) => rejected.push(Place::Alert(rejection)),
        }
    }
    if rejected.is_empty() {
        Ok(alerts)
    } else {
        Err(Problem::bad_values(rejected, "nothing is shown: correct these alerts"))
    }
}

fn bad_body(bad: crate::ingest::BadBody) -> Problem {
    Problem::bad_values(vec![Place::Body(bad)], "`alerts` cannot be read; correct them")
}

fn sample(api: &Api, tenant: TenantId, may_ban: bool) -> Result<Option<Arc<Alert>>, Problem> {
    let arrival = arrival(api, tenant);
    let read = native::read(SAMPLE.as_bytes(), false, &arrival).map_err(bad_body)?;
    let sample = read.into_iter().next().and_then(Result::ok);
    Ok(sample.map(|alert| Arc::new(Alert { may_ban, ..alert })))
}

fn messages(preview: Preview) -> impl Iterator<Item = PreviewMessage> {
    let Preview { recipient, endpoint, kind, drafts } = preview;
    drafts.into_iter().map(move |draft| {
        let Draft { alerts, summary, content_type, body, notes, .. } = draft;
        let (body, body_base64) = text(body);
        PreviewMessage {
            recipient: recipient.clone(),
            endpoint: endpoint.clone(),
            kind: kind.clone(),
            alerts,
            summary,
            content_type,
            body,
            body_base64,
            notes,
        }
    })
}

/// A body as text and, where that is not all of it, its bytes.
pub(super) fn text(body: Vec<u8>) -> (String, Option<String>) {
    match String::from_utf8(body) {
        Ok(text) => (text, None),
        Err(other) => {
            let bytes = other.as_bytes();
            (String::from_utf8_lossy(bytes).into_owned(), Some(STANDARD.encode(bytes)))
        }
    }
}
