//! Alertmanager's webhook, version 4 of its payload: the alerts of a group, each into one of ours.
//!
//! Promise: Alertmanager sends an alert again for as long as it fires, and each time it reads as
//! the same fingerprint and the same time. One that cannot be read costs only itself, since a
//! refused group does not come again; what the group had beyond what came is told by one more.
//!
//! Not here: telling a repeat from a new alert (`queue`).

mod bounds;
mod left_out;
mod severity;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::fields::{self, Element, Fields};
use super::json::{Text, not_as_expected, utf8};
use super::{ALERTS_COUNT_MAX, Arrival, BadBody, Rejection, canonical};
use crate::alert::{Action, Alert, Severity};
use crate::ids::{Fingerprint, TenantId};
use crate::route::fingerprint;

const PRODUCER: &str = "alertmanager";

/// Reads one request: `alerts`, in their order, and last the alert that tells what was left out,
/// where something was. All else of the envelope may be missing.
///
/// Of more than [`ALERTS_COUNT_MAX`] alerts the rest counts as left out.
pub fn read(body: &[u8], arrival: &Arrival<'_>) -> Result<Vec<Result<Alert, Rejection>>, BadBody> {
    const SHAPE: &str = "an object with an array `alerts`, as Alertmanager's webhook sends it";
    let body = utf8(body)?;
    let start = body.len() - body.trim_ascii_start().len();
    if !body[start..].starts_with('{') {
        // Else an array would be read as the fields of the envelope in their order.
        return Err(BadBody::at(body, start, SHAPE));
    }
    let envelope: Envelope<'_> =
        serde_json::from_str(body).map_err(|error| not_as_expected(body, SHAPE, &error))?;
    let page = text(envelope.external_url).and_then(|url| canonical::link(&url));
    let elements = envelope.alerts.iter().take(ALERTS_COUNT_MAX).enumerate();
    let mut read: Vec<_> = elements
        .map(|(position, json)| Element { position, line: None, json: json.get() })
        .map(|element| one(element, page.as_deref(), arrival))
        .collect();
    if let Some(text) = envelope.left_out() {
        read.push(Ok(left_out::alert(text, page, arrival)));
    }
    Ok(read)
}

/// What is around the alerts, unread: it may be of any type, and then counts as not there.
#[derive(serde::Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    alerts: Vec<&'a RawValue>,
    #[serde(borrow, default, rename = "externalURL")]
    external_url: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "groupKey")]
    group_key: Option<&'a RawValue>,
    #[serde(borrow, default)]
    receiver: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "truncatedAlerts")]
    truncated_alerts: Option<&'a RawValue>,
}

impl Envelope<'_> {
    /// How many alerts of the group are not among those that are read, and why.
    fn left_out(&self) -> Option<String> {
        const NAME_CHARS_MAX: usize = 1024;
        let truncated = self.truncated_alerts.and_then(|json| json.get().parse().ok());
        let truncated = truncated.unwrap_or(0_u64);
        let over = self.alerts.len().saturating_sub(ALERTS_COUNT_MAX);
        let name = |json| bounds::text(&text(json).unwrap_or_default(), NAME_CHARS_MAX);
        let (group, receiver) = (name(self.group_key), name(self.receiver));
        let mut sentences = Vec::new();
        if truncated > 0 {
            sentences.push(format!(
                "Alertmanager left {truncated} alerts of the group `{group}` out; raise \
                 `max_alerts` of its receiver `{receiver}`."
            ));
        }
        if over > 0 {
            sentences.push(format!(
                "A request of the group `{group}` had {over} more alerts than the \
                 {ALERTS_COUNT_MAX} that are read of one; group by more labels."
            ));
        }
        (!sentences.is_empty()).then(|| sentences.join(" "))
    }
}

fn text(json: Option<&RawValue>) -> Option<Cow<'_, str>> {
    serde_json::from_str(json?.get()).ok().map(|Text(text)| text)
}

type Pairs<'a> = BTreeMap<&'a str, Cow<'a, str>>;

fn one(
    element: Element<'_>,
    page: Option<&str>,
    arrival: &Arrival<'_>,
) -> Result<Alert, Rejection> {
    let root = element.object()?;
    let action = action(&root)?;
    let labels = root.required("labels", root.object("labels")?, "an object of strings")?;
    let labels = labels.strings()?;
    if labels.is_empty() {
        return Err(root.fault("labels", "at least one label", None));
    }
    let annotations = root.object("annotations")?;
    let annotations = annotations.as_ref().map(Fields::strings).transpose()?.unwrap_or_default();

    let name = some(&labels, "alertname");
    let summary = some(&annotations, "summary");
    let title = summary.or(name).unwrap_or("Alert");
    let told = some(&annotations, "description").or_else(|| some(&annotations, "message"));
    let severity = some(&labels, "severity").and_then(severity::named);
    let severity = severity.unwrap_or(Severity::Warning);
    let (entity_kind, entity_value) = match (some(&labels, "instance"), name) {
        (Some(instance), _) => ("instance", instance),
        (None, Some(name)) => ("alertname", name),
        (None, None) => ("other", ""),
    };
    let ended_ms = match action {
        Action::Release => instant(&root, "endsAt")?,
        Action::Store | Action::Engage => None,
    };
    let link = root.parsed("generatorURL", "a string", |url| Some(canonical::link(url)))?;
    let id = arrival.ids.next(arrival.now_ms);
    Ok(Alert {
        id,
        tenant: arrival.tenant,
        fingerprint: condition(&root, &labels, arrival.tenant)?,
        episode: id,
        producer: PRODUCER.into(),
        time_ms: instant(&root, "startsAt")?.unwrap_or(arrival.now_ms),
        received_ms: arrival.now_ms,
        ended_ms,
        severity,
        score: severity.score(),
        action,
        category: some(&labels, "category").map_or_else(|| "system".into(), canonical::slug),
        alert_type: word(name.unwrap_or_default()),
        title: bounds::text(title, 256),
        text: bounds::text(told.or(summary).unwrap_or_default(), 16_384),
        entity_kind: entity_kind.into(),
        entity_value: bounds::text(entity_value, 1024),
        interface_name: None,
        flow: None,
        host: None,
        link: link.flatten().or_else(|| page.map(str::to_owned)),
        labels: bounds::pairs(&labels, 4096),
        annotations: bounds::pairs(&annotations, 16_384),
        raw: element.json.to_owned(),
        may_ban: false,
    })
}

fn action(root: &Fields<'_>) -> Result<Action, Rejection> {
    const STATUS: &str = "firing or resolved";
    let action = root.parsed("status", STATUS, |status| match status {
        "firing" => Some(Action::Engage),
        "resolved" => Some(Action::Release),
        _ => None,
    })?;
    root.required("status", action, STATUS)
}

/// The value of `name`, where it is not blank.
fn some<'a>(pairs: &'a Pairs<'_>, name: &str) -> Option<&'a str> {
    pairs.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
}

/// The name of an alert's type as the rule has it, where programs can match on that.
fn word(name: &str) -> String {
    if fields::is_word(name) { name.to_owned() } else { canonical::slug(name) }
}

/// Go writes its zero time for none.
fn instant(root: &Fields<'_>, key: &str) -> Result<Option<u64>, Rejection> {
    let expected = "a time from 1970 to 9998 in RFC 3339, such as `2026-11-24T02:51:00.000Z`";
    let read = root.parsed(key, expected, |text| match text {
        "0001-01-01T00:00:00Z" => Some(None),
        text => fields::rfc_3339(text).map(Some),
    })?;
    Ok(read.flatten())
}

/// By Alertmanager's own fingerprint of the labels, which a release has in common with its engage;
/// else by the labels themselves. Nothing else is in it: annotations may change while it fires.
fn condition(
    root: &Fields<'_>,
    labels: &Pairs<'_>,
    tenant: TenantId,
) -> Result<Fingerprint, Rejection> {
    let given = root.parsed("fingerprint", "a string", |text| Some(text.to_owned()))?;
    if let Some(given) = given.filter(|given| !given.is_empty()) {
        return Ok(fingerprint::of(tenant, PRODUCER, &["fingerprint", &given]));
    }
    let mut parts = vec!["labels"];
    parts.extend(labels.iter().flat_map(|(name, value)| [*name, value.as_ref()]));
    Ok(fingerprint::of(tenant, PRODUCER, &parts))
}
