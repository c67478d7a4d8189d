//! Campanile's own schema: one JSON object, one array, or NDJSON, into alerts.
//!
//! Promise: strict. What is not as `docs/schema/alert.schema.json` says is refused with its place
//! and what was expected; keys that the schema does not know are accepted, and stay in `raw`.

mod elements;
#[cfg(test)]
mod tests;

use super::fields::{Element, Fields};
use super::{Arrival, BadBody, Rejection, canonical};
use crate::alert::{Action, Alert, AutonomousSystem, Flow, Party, Severity, Traffic};
use crate::ids::Fingerprint;
use crate::route::fingerprint;

/// JSON Schema (2020-12) of one alert, as it is published.
pub const SCHEMA: &str = include_str!("../../../docs/schema/alert.schema.json");

/// Reads one alert, an array of them, or one per line. `ndjson`: the sender says it is the last
/// (`application/x-ndjson`); else the bytes tell.
///
/// The results stand in the order of the body, one per element, in a body of lines one per line
/// that is not blank.
pub fn read(
    body: &[u8],
    ndjson: bool,
    arrival: &Arrival<'_>,
) -> Result<Vec<Result<Alert, Rejection>>, BadBody> {
    let elements = elements::tell_apart(body, ndjson)?;
    Ok(elements.into_iter().map(|element| one(element, arrival)).collect())
}

fn one(element: Element<'_>, arrival: &Arrival<'_>) -> Result<Alert, Rejection> {
    let root = element.object()?;
    let action = action(&root)?;
    let (severity, score) = urgency(&root)?;
    let title = root.required("title", root.text("title", 1..=256)?, "a title")?;
    let alert_type = match root.word("type")? {
        Some(word) => word,
        None => canonical::slug(&title),
    };
    let flow = root.object("flow")?.map(|fields| flow(&fields)).transpose()?;
    let host = root.object("host")?.map(|fields| party(&fields)).transpose()?;
    let (entity_kind, entity_value) = entity(&root, flow.as_ref(), host.as_ref())?;
    let time_ms = root.instant("time")?;
    let ended_ms = ended(&root, action, time_ms, arrival)?;

    let id = arrival.ids.next(arrival.now_ms);
    let mut alert = Alert {
        id,
        tenant: arrival.tenant,
        fingerprint: Fingerprint([0; 16]),
        episode: id,
        producer: producer(&root)?,
        time_ms: time_ms.unwrap_or(arrival.now_ms),
        received_ms: arrival.now_ms,
        ended_ms,
        severity,
        score,
        action,
        category: root.word("category")?.unwrap_or_else(|| "other".into()),
        alert_type,
        title,
        text: root.text("text", 0..=16_384)?.unwrap_or_default(),
        entity_kind,
        entity_value,
        interface_name: root.text("interface", 1..=256)?,
        flow,
        host,
        link: root.parsed("link", LINK, canonical::link)?,
        labels: root.texts("labels", 4096)?,
        annotations: root.texts("annotations", 16_384)?,
        raw: element.json.to_owned(),
        may_ban: false,
    };
    alert.fingerprint = condition(&alert, root.text("fingerprint", 1..=1024)?.as_deref());
    Ok(alert)
}

const PRODUCERS_RESERVED: [&str; 3] = ["ntopng", "alertmanager", "campanile"];

const LINK: &str = "an http or https address without blanks, at most 2048 bytes";

/// Who raised it. The engine's own names are refused: receivers may trust what has one of them to
/// have come in by its door.
fn producer(root: &Fields<'_>) -> Result<String, Rejection> {
    let producer = root.word("producer")?.unwrap_or_else(|| "api".into());
    if PRODUCERS_RESERVED.contains(&producer.as_str()) {
        let expected = "a name of the sender's own: `ntopng` and `alertmanager` come in by doors \
                        of their own below `/v1/ingest/`, and `campanile` is the engine itself";
        return Err(root.fault("producer", expected, Some(&format!("\"{producer}\""))));
    }
    Ok(producer)
}

fn action(root: &Fields<'_>) -> Result<Action, Rejection> {
    let action = root.parsed("action", "store, engage or release", |text| match text {
        "store" => Some(Action::Store),
        "engage" => Some(Action::Engage),
        "release" => Some(Action::Release),
        _ => None,
    });
    Ok(action?.unwrap_or(Action::Store))
}

/// Severity and score, each made from the other where only one is given.
fn urgency(root: &Fields<'_>) -> Result<(Severity, u32), Rejection> {
    let expected = || format!("one of {}", Severity::ALL.map(Severity::name).join(", "));
    let severity = root.parsed("severity", &expected(), |text| text.parse().ok())?;
    let score = root.integer("score", 0..=u64::from(u32::MAX))?;
    Ok(match (severity, score) {
        (Some(severity), Some(score)) => (severity, score),
        (Some(severity), None) => (severity, severity.score()),
        (None, Some(score)) => (Severity::of_score(score), score),
        (None, None) => (Severity::Notice, Severity::Notice.score()),
    })
}

/// What the alert is about, by kind and value.
fn entity(
    root: &Fields<'_>,
    flow: Option<&Flow>,
    host: Option<&Party>,
) -> Result<(String, String), Rejection> {
    if let Some(entity) = root.object("entity")? {
        let kind = entity.required("kind", entity.word("kind")?, "a word such as `host`")?;
        let value = entity.required("value", entity.text("value", 0..=1024)?, "a string")?;
        return Ok((kind, value));
    }
    Ok(match (flow, host) {
        (Some(_), _) => ("flow".into(), "flow".into()),
        (None, Some(host)) => ("host".into(), host.ip.clone()),
        (None, None) => ("other".into(), String::new()),
    })
}

/// When the condition ended: only a release may say, and one that does not ended at its time.
fn ended(
    root: &Fields<'_>,
    action: Action,
    time_ms: Option<u64>,
    arrival: &Arrival<'_>,
) -> Result<Option<u64>, Rejection> {
    let ended_ms = root.instant("ended")?;
    match action {
        Action::Release => Ok(ended_ms.or(time_ms).or(Some(arrival.now_ms))),
        _ if ended_ms.is_some() => {
            Err(root.fault("ended", "no such field unless `action` is `release`", None))
        }
        _ => Ok(None),
    }
}

fn flow(fields: &Fields<'_>) -> Result<Flow, Rejection> {
    let side = |key| -> Result<Party, Rejection> {
        let side = fields.required(key, fields.object(key)?, "an object with `ip`")?;
        party(&side)
    };
    let transport = fields.word("transport")?;
    Ok(Flow {
        client: side("client")?,
        server: side("server")?,
        transport: fields
            .required("transport", transport, "a protocol such as `tcp`")?
            .to_ascii_lowercase(),
        transport_number: fields.integer("transport_number", 0..=255)?,
        application: fields.text("application", 1..=128)?.map(|name| name.to_lowercase()),
        vlan: fields.integer("vlan", 0..=4095)?,
        community_id: fields.text("community_id", 1..=128)?,
        sent: traffic(fields, "sent")?,
        received: traffic(fields, "received")?,
        blocked: fields.flag("blocked")?,
    })
}

fn traffic(fields: &Fields<'_>, key: &str) -> Result<Traffic, Rejection> {
    // Every whole number up to here is the same in a reader of floats.
    const MOST: u64 = 9_007_199_254_740_991;
    let Some(fields) = fields.object(key)? else { return Ok(Traffic::default()) };
    Ok(Traffic {
        bytes: fields.integer("bytes", 0..=MOST)?.unwrap_or_default(),
        packets: fields.integer("packets", 0..=MOST)?.unwrap_or_default(),
    })
}

fn party(fields: &Fields<'_>) -> Result<Party, Rejection> {
    let address = "an IPv4 or IPv6 address, no port, no zone";
    let mac = "a MAC address such as `66:77:88:99:aa:bb`";
    let degrees = "[latitude, longitude] in degrees, -90 to 90 and -180 to 180";
    Ok(Party {
        ip: fields.required("ip", fields.parsed("ip", address, canonical::ip)?, address)?,
        port: fields.integer("port", 0..=65_535)?,
        name: fields.text("name", 1..=256)?,
        mac: fields.parsed("mac", mac, canonical::mac)?,
        autonomous_system: autonomous_system(fields)?,
        country: fields.parsed("country", "two letters (ISO 3166-1)", canonical::two_letters)?,
        city: fields.text("city", 1..=256)?,
        continent: fields.parsed("continent", "a two-letter code", canonical::two_letters)?,
        location: fields.pair("location", &[-90.0..=90.0, -180.0..=180.0], degrees)?,
        is_local: fields.flag("is_local")?,
        is_attacker: fields.flag("is_attacker")?,
        is_victim: fields.flag("is_victim")?,
        is_blacklisted: fields.flag("is_blacklisted")?,
    })
}

fn autonomous_system(fields: &Fields<'_>) -> Result<Option<AutonomousSystem>, Rejection> {
    let Some(fields) = fields.object("autonomous_system")? else { return Ok(None) };
    let number = fields.integer("number", 0..=u64::from(u32::MAX))?;
    Ok(Some(AutonomousSystem {
        number: fields.required("number", number, "its number")?,
        name: fields.text("name", 1..=256)?,
    }))
}

/// By the sender's own key where there is one; else by what, where, and for a flow between whom.
fn condition(alert: &Alert, key: Option<&str>) -> Fingerprint {
    if let Some(key) = key {
        return fingerprint::of(alert.tenant, &alert.producer, &["key", key]);
    }
    let interface = alert.interface_name.as_deref().unwrap_or_default();
    let about = [&alert.alert_type, &alert.entity_kind, &alert.entity_value].map(String::as_str);
    let port = alert.flow.as_ref().and_then(|flow| flow.server.port).map(|port| port.to_string());
    let between = match &alert.flow {
        Some(flow) => [
            flow.client.ip.as_str(),
            flow.server.ip.as_str(),
            port.as_deref().unwrap_or_default(),
            flow.transport.as_str(),
        ],
        None => [""; 4],
    };
    let parts = [&["about", interface], &about[..], &between[..]].concat();
    fingerprint::of(alert.tenant, &alert.producer, &parts)
}
