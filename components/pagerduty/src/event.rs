//! The event that an alert becomes, without the key of who is to be paged.
//!
//! Promise: it is within PagerDuty's limits, whatever the alert holds. Everything is plain text
//! there; nothing is markup.
//!
//! Source: <https://developer.pagerduty.com/docs/events-api-v2/trigger-events/>.

use campanile_guest::{Action, Alert, Context, Party, Purpose, Severity, cut, json, plain, story};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::settings::{Image, Link, Settings};

const SUMMARY_MAX: usize = 1024;
/// PagerDuty takes 512 KB; the integration key comes to this later.
pub(crate) const EVENT_BYTES_MAX: usize = 512_000 - 200;
/// A dedup key has 255 characters at most, here in ASCII or not; the fingerprint has 32 of them.
const INSTANCE_CHARS_MAX: usize = 200;
/// Of a source, a component and their like. PagerDuty says nothing of it.
const NAME_MAX: usize = 255;
const ADDRESS_MAX: usize = 2048;

/// An event as JSON.
pub(crate) fn of(alert: &Alert, context: &Context, settings: &Settings) -> Vec<u8> {
    let key = dedup_key(alert, context);
    if alert.action == Action::Release {
        let key = json::string(&key);
        return format!(r#"{{"event_action":"resolve","dedup_key":{key}}}"#).into_bytes();
    }
    let link = alert.link.as_deref().filter(|link| plain::is_address(link, ADDRESS_MAX));
    let of_alert =
        link.map(|href| Link { href: href.to_owned(), text: Some("Open the alert".into()) });
    let client_url = [settings.client_url.as_deref(), context.instance_link.as_deref()];
    let name = |set: &Option<String>, told: Option<&str>| {
        let name = plain::line(set.as_deref().or(told).unwrap_or_default());
        (!name.is_empty()).then(|| cut::short(&name, NAME_MAX))
    };
    let mut event = Event {
        event_action: "trigger",
        dedup_key: key,
        client: &settings.client,
        client_url: client_url
            .into_iter()
            .flatten()
            .find(|address| plain::is_address(address, ADDRESS_MAX))
            // It is among the links already.
            .filter(|address| Some(*address) != link),
        payload: Payload {
            summary: cut::short(&story::notice(alert, context.purpose), SUMMARY_MAX),
            source: source(alert, context),
            severity: severity(alert.severity),
            timestamp: &alert.time.utc,
            component: name(&settings.component, alert.interface_name.as_deref()),
            group: name(&settings.group, Some(&context.instance)),
            class: name(&settings.class, Some(&alert.alert_type)),
            custom_details: details(alert, context),
        },
        links: of_alert.into_iter().chain(settings.links.iter().cloned()).collect(),
        images: &settings.images,
    };
    let mut written = json_of(&event);
    if written.len() > EVENT_BYTES_MAX {
        let note = "left out, since the event would be larger than the 512 KB that PagerDuty takes";
        event.payload.custom_details = Map::from_iter([("note".to_owned(), note.into())]);
        written = json_of(&event);
    }
    written
}

/// Names the condition, not its occurrence: what is raised again belongs to the alert that is open,
/// and what is over closes it.
pub(crate) fn dedup_key(alert: &Alert, context: &Context) -> String {
    let instance = plain::line(&context.instance);
    let instance = cut::utf16(&instance, INSTANCE_CHARS_MAX);
    format!("campanile/{instance}/{}", alert.fingerprint)
}

#[derive(Serialize)]
struct Event<'a> {
    event_action: &'static str,
    dedup_key: String,
    client: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_url: Option<&'a str>,
    payload: Payload<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<Link>,
    #[serde(skip_serializing_if = "<[Image]>::is_empty")]
    images: &'a [Image],
}

#[derive(Serialize)]
struct Payload<'a> {
    summary: String,
    source: String,
    severity: &'static str,
    timestamp: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    component: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    custom_details: Map<String, Value>,
}

/// The four words that PagerDuty has.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::None | Severity::Debug | Severity::Info | Severity::Notice => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
        Severity::Critical | Severity::Alert | Severity::Emergency => "critical",
    }
}

/// What is at fault: PagerDuty wants a host by preference, and something in any case.
fn source(alert: &Alert, context: &Context) -> String {
    let of_party = |party: &Party| party.name.clone().unwrap_or_else(|| party.ip.clone());
    let candidates = [
        alert.host.as_ref().map(of_party),
        alert.flow.as_ref().map(|flow| flow.client.ip.clone()),
        Some(alert.entity_value.clone()),
        alert.interface_name.clone(),
        Some(context.instance.clone()),
    ];
    let named = candidates.into_iter().flatten().map(|one| plain::line(&one));
    let named = named.filter(|one| !one.is_empty()).map(|one| cut::short(&one, NAME_MAX)).next();
    named.unwrap_or_else(|| "campanile".into())
}

/// What is shown as a table in the incident.
fn details(alert: &Alert, context: &Context) -> Map<String, Value> {
    let mut details = Map::new();
    let mut put = |name: &str, value: Value| {
        if value != "" {
            details.insert(name.to_owned(), value);
        }
    };
    for (name, value) in story::rows(alert) {
        put(&name.to_lowercase(), value.into());
    }
    put("when", story::when(alert).into());
    put("text", story::text(alert).unwrap_or_default().into());
    put("severity", alert.severity.name().into());
    put("score", alert.score.into());
    put("category", plain::line(&alert.category).into());
    put("type", plain::line(&alert.alert_type).into());
    put("producer", plain::line(&alert.producer).into());
    let texts = |list: &[(String, String)]| {
        let texts = list.iter().map(|(name, text)| (plain::line(name), plain::lines(text).into()));
        Value::Object(texts.filter(|(_, text): &(_, Value)| text != "").collect())
    };
    for (name, list) in [("labels", &alert.labels), ("annotations", &alert.annotations)] {
        let told = texts(list);
        if told.as_object().is_some_and(|told| !told.is_empty()) {
            put(name, told);
        }
    }
    if context.purpose != Purpose::Live {
        put("purpose", context.purpose.name().into());
    }
    if context.omitted > 0 {
        put("alerts left out before this one", context.omitted.into());
    }
    details
}

fn json_of(event: &Event<'_>) -> Vec<u8> {
    // Into memory, and only strings, numbers and lists: this cannot fail.
    let written = serde_json::to_vec(event);
    debug_assert!(written.is_ok(), "an event is always JSON: {written:?}");
    written.unwrap_or_default()
}
