//! One alert of ntopng's into one of ours.

use serde_json::value::RawValue;

use super::inner::Inner;
use super::labels;
use super::loose::Loose;
use super::names::{self, Scope};
use super::parties;
use super::seen::{Broken, Seen};
use super::sentence;
use crate::alert::{Action, Alert, Severity};
use crate::ids::Fingerprint;
use crate::ingest::json::nests_too_deep;
use crate::ingest::{ALERT_BYTES_MAX, Arrival, NESTING_COUNT_MAX, canonical};
use crate::route::fingerprint;

/// `Err`: why it cannot be read, as a sentence's end.
pub(super) fn read(json: &str, arrival: &Arrival<'_>) -> Result<Alert, String> {
    if json.len() > ALERT_BYTES_MAX {
        let found = json.len();
        return Err(format!("expected at most {ALERT_BYTES_MAX} bytes, found {found}"));
    }
    if nests_too_deep(json) {
        return Err(format!(
            "expected at most {NESTING_COUNT_MAX} objects and arrays inside one another"
        ));
    }
    let told = |broken: Broken| match broken.field.as_str() {
        "" => broken.reason,
        field => format!("`{}`: {}", field.escape_debug(), broken.reason),
    };
    let seen = Seen::read(json).map_err(told)?;
    let alert = match seen.notification_type.text().as_ref() {
        "" | "alerts" => alert(&seen, json, arrival),
        kind => message(&seen, kind, json, arrival),
    };
    alert.map_err(told)
}

fn alert(seen: &Seen<'_>, json: &str, arrival: &Arrival<'_>) -> Result<Alert, Broken> {
    let entity_kind = entity_kind(seen);
    let scope = match entity_kind.as_str() {
        "flow" => Scope::Flow,
        "host" => Scope::Host,
        _ => Scope::Other,
    };
    let what = what(seen, scope)?;
    let action = action(seen)?;
    let (severity, score) = urgency(seen)?;
    let time_ms = instant("tstamp", &seen.tstamp)?.unwrap_or(arrival.now_ms);
    let ended_ms = match action {
        Action::Release => instant("tstamp_end", &seen.tstamp_end)?,
        Action::Store | Action::Engage => None,
    };
    // For a flow nothing is taken from it, and reading it would cost as much as all the rest.
    let inner = if scope == Scope::Flow { Inner::default() } else { Inner::read(seen.json) };
    let entity_value = entity_value(seen, scope);
    let text = if !seen.message.is_absent() {
        sentence::without_tags(&seen.message)
    } else if scope == Scope::Flow {
        sentence::of_flow(seen)
    } else {
        sentence::of_other(seen, &entity_value, &inner)
    };
    let interface_name = seen.interface_name.some_text().or_else(|| match entity_kind.as_str() {
        "interface" => seen.host.name.some_text(),
        _ => None,
    });
    let id = arrival.ids.next(arrival.now_ms);
    Ok(Alert {
        id,
        tenant: arrival.tenant,
        fingerprint: condition(seen, &entity_kind, &what.key, scope, arrival),
        episode: id,
        producer: super::PRODUCER.into(),
        time_ms,
        received_ms: arrival.now_ms,
        ended_ms,
        severity,
        score,
        action,
        category: category(seen, &entity_kind),
        alert_type: what.name,
        title: what.title,
        text,
        interface_name,
        flow: parties::flow(seen, entity_kind == "flow").map(|mut flow| {
            flow.blocked = what.blocks;
            flow
        }),
        host: parties::host(seen, scope, &inner),
        link: link(seen),
        labels: labels::of(seen),
        annotations: Vec::new(),
        entity_kind,
        entity_value,
        raw: json.to_owned(),
        may_ban: false,
    })
}

/// A report or the outcome of a scan: no alert, but owed to people all the same.
fn message(
    seen: &Seen<'_>,
    kind: &str,
    json: &str,
    arrival: &Arrival<'_>,
) -> Result<Alert, Broken> {
    let kind = canonical::slug(kind);
    let title = seen.title.some_text().unwrap_or_else(|| title_of(&kind));
    let failed = !seen.success.is_absent() && !seen.success.is_true();
    // Their score is always 0, which as a severity would be `none` and hide them from everybody.
    // Somebody asked ntopng for them, so they pass the least severity that filters have by default.
    let told = !(seen.score.is_absent() && seen.severity.is_absent());
    let (severity, score) = match urgency(seen)? {
        (severity, score @ 1..) if told => (severity, score),
        _ if failed => (Severity::Warning, 0),
        _ => (Severity::Notice, 0),
    };
    let parts = [&seen.message, &seen.note].map(sentence::without_tags);
    let [message, note] = parts.each_ref().map(String::as_str);
    let gap = if message.is_empty() || note.is_empty() { "" } else { "\n" };
    let id = arrival.ids.next(arrival.now_ms);
    Ok(Alert {
        id,
        tenant: arrival.tenant,
        fingerprint: fingerprint::of(arrival.tenant, super::PRODUCER, &["message", &kind, &title]),
        episode: id,
        producer: super::PRODUCER.into(),
        time_ms: instant("tstamp", &seen.tstamp)?.unwrap_or(arrival.now_ms),
        received_ms: arrival.now_ms,
        ended_ms: None,
        severity,
        score,
        action: Action::Store,
        category: kind.clone(),
        alert_type: kind,
        title,
        text: [message, gap, note].concat(),
        entity_kind: "report".into(),
        entity_value: super::PRODUCER.into(),
        interface_name: None,
        flow: None,
        host: None,
        link: link(seen),
        labels: labels::of(seen),
        annotations: Vec::new(),
        raw: json.to_owned(),
        may_ban: false,
    })
}

/// What kind of alert it is.
struct What {
    /// How the fingerprint knows it.
    key: String,
    name: String,
    title: String,
    /// The flow it is about was stopped.
    blocks: bool,
}

fn what(seen: &Seen<'_>, scope: Scope) -> Result<What, Broken> {
    let sent = seen.alert_id.text();
    if sent.is_empty() {
        return Err(broken("alert_id", "the alert's number; it is missing"));
    }
    let known = match seen.alert_id.integer() {
        Ok(Some(id)) => names::alert_type(scope, id),
        _ => names::alert_type_named(scope, &sent),
    };
    let (name, title) = match (known, seen.alert_id.integer()) {
        (Some(known), _) => (known.name.to_owned(), known.title.to_owned()),
        (None, Ok(Some(id))) => (format!("alert_{id}"), format!("Alert {id}")),
        (None, _) => {
            let name = canonical::slug(&sent);
            let title = title_of(&name);
            (name, title)
        }
    };
    let key = match seen.alert_id.integer() {
        Ok(Some(id)) => id.to_string(),
        _ => name.clone(),
    };
    let blocks = scope == Scope::Flow && name == "flow_blocked";
    Ok(What { key, name, title, blocks })
}

/// `too_many_drops` gives `Too Many Drops`.
fn title_of(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let mut letters = word.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect::<String>()
    });
    words.collect::<Vec<_>>().join(" ")
}

fn action(seen: &Seen<'_>) -> Result<Action, Broken> {
    match seen.action.text().as_ref() {
        "" | "store" => Ok(Action::Store),
        "engage" => Ok(Action::Engage),
        "release" => Ok(Action::Release),
        _ => Err(broken("action", "store, engage or release")),
    }
}

/// Severity and score, each from the other where only one is given. A severity that is none of
/// ntopng's counts as not given.
fn urgency(seen: &Seen<'_>) -> Result<(Severity, u32), Broken> {
    let score = whole("score", &seen.score)?.map(|score| u32::try_from(score.max(0)));
    let score = score.map(|score| score.unwrap_or(u32::MAX));
    let severity = match seen.severity.integer() {
        Ok(id) => id.and_then(|id| Severity::ALL.get(usize::try_from(id).ok()?).copied()),
        Err(_) => seen.severity.text().to_lowercase().parse().ok(),
    };
    Ok(match (severity, score) {
        (Some(severity), Some(score)) => (severity, score),
        (Some(severity), None) => (severity, severity.score()),
        (None, Some(score)) => (Severity::of_score(score), score),
        (None, None) => (Severity::Notice, Severity::Notice.score()),
    })
}

fn entity_kind(seen: &Seen<'_>) -> String {
    match seen.entity_id.integer() {
        Ok(Some(id)) => names::entity(id).map_or_else(|| format!("entity_{id}"), str::to_owned),
        Err(_) => canonical::slug(&seen.entity_id.text()),
        Ok(None) if seen.is_flow_alert.is_true() || !seen.client.ip.is_absent() => "flow".into(),
        Ok(None) if !seen.host.ip.text().is_empty() => "host".into(),
        Ok(None) => "other".into(),
    }
}

/// As sent; of a host without a VLAN only its address.
fn entity_value(seen: &Seen<'_>, scope: Scope) -> String {
    let sent = seen.entity_val.text();
    match scope {
        Scope::Flow => "flow".into(),
        Scope::Host if sent.is_empty() => seen.host.ip.text().into_owned(),
        Scope::Host => sent.strip_suffix("@0").unwrap_or(&sent).to_owned(),
        Scope::Other => sent.into_owned(),
    }
}

fn category(seen: &Seen<'_>, entity_kind: &str) -> String {
    match seen.alert_category.integer() {
        Ok(Some(id)) => names::category(id).unwrap_or("other").into(),
        Err(_) => canonical::slug(&seen.alert_category.text()),
        Ok(None) if entity_kind == "system" => "system".into(),
        Ok(None) => "other".into(),
    }
}

fn link(seen: &Seen<'_>) -> Option<String> {
    let link: serde_json::Value = serde_json::from_str(seen.link.map(RawValue::get)?).ok()?;
    canonical::link(link.as_str().or_else(|| link.get("url")?.as_str())?)
}

/// Neither times nor the action are in it, so an engage and its release share it.
fn condition(
    seen: &Seen<'_>,
    entity_kind: &str,
    alert_key: &str,
    scope: Scope,
    arrival: &Arrival<'_>,
) -> Fingerprint {
    let (ifid, entity_value) = (seen.ifid.text(), seen.entity_val.text());
    let subtype = seen.subtype.text();
    let about = [&ifid, entity_kind, &entity_value, alert_key, &subtype];
    if scope != Scope::Flow {
        return fingerprint::of(arrival.tenant, super::PRODUCER, &about);
    }
    let (client, server) = (seen.client.ip.text(), seen.server.ip.text());
    let (port, transport) = (seen.server.port.text(), seen.proto.text());
    let [ifid, kind, value, key, subtype] = about;
    let parts = [ifid, kind, value, key, subtype, &client, &server, &port, &transport];
    fingerprint::of(arrival.tenant, super::PRODUCER, &parts)
}

/// Seconds since the Unix epoch, or milliseconds where seconds would lie beyond the year 5138.
/// 0 is none.
fn instant(field: &str, value: &Loose<'_>) -> Result<Option<u64>, Broken> {
    const LAST_MS: u64 = 253_370_764_799_999;
    let expected = || broken(field, "seconds since the Unix epoch");
    let Some(value) = whole(field, value)?.filter(|value| *value != 0) else { return Ok(None) };
    let value = u64::try_from(value).map_err(|_| expected())?;
    let ms = if value < 100_000_000_000 { value * 1000 } else { value };
    if ms > LAST_MS { Err(expected()) } else { Ok(Some(ms)) }
}

fn whole(field: &str, value: &Loose<'_>) -> Result<Option<i64>, Broken> {
    value.integer().map_err(|_| broken(field, "a number"))
}

fn broken(field: &str, expected: &str) -> Broken {
    Broken { field: field.into(), reason: format!("expected {expected}") }
}
