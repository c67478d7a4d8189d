//! PagerDuty's Events API v2.
//!
//! Source: <https://developer.pagerduty.com/docs/events-api-v2/trigger-events/>.

use serde_json::{Value, json};

use super::{
    Call, Fault, Field, Sort, chars, faults, may, must, object, says, strangers as unheard_of,
};
use crate::capture::{Reply, Request};

/// Any key of the right form is taken: an unknown one is dropped later.
pub const ROUTING_KEY: &str = "0123456789abcdef0123456789ABCDEF";

/// 512 KB, in the smaller reading.
const BYTES_MAX: usize = 512_000;

const ACTIONS: &[&str] = &["trigger", "acknowledge", "resolve"];
const SEVERITIES: &[&str] = &["critical", "error", "warning", "info"];

const EVERY: &[Field] = &[
    must("/routing_key", Sort::Text(32)),
    must("/event_action", Sort::Word(ACTIONS)),
    may("/dedup_key", Sort::Text(255)),
];
const TRIGGER: &[Field] = &[
    must("/payload", Sort::Object),
    must("/payload/summary", Sort::Text(1024)),
    must("/payload/source", Sort::Text(usize::MAX)),
    must("/payload/severity", Sort::Word(SEVERITIES)),
    may("/payload/timestamp", Sort::Text(usize::MAX)),
    may("/payload/component", Sort::Text(usize::MAX)),
    may("/payload/group", Sort::Text(usize::MAX)),
    may("/payload/class", Sort::Text(usize::MAX)),
    may("/payload/custom_details", Sort::Object),
    may("/client", Sort::Text(usize::MAX)),
    may("/client_url", Sort::Text(usize::MAX)),
    may("/links", Sort::List),
    may("/images", Sort::List),
];
const KNOWN: &[Field] = &[must("/dedup_key", Sort::Text(255))];

/// The Events API.
pub fn pagerduty() -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
    |request| {
        let call = Call::of(request);
        if call.path != "/v2/enqueue" {
            return says(404, &json!({"status": "not found"}));
        }
        if call.method != "POST" {
            return says(405, &json!({"status": "method not allowed"}));
        }
        if request.body.len() > BYTES_MAX {
            return says(413, &invalid(&["Event object exceeds max size of 512KB".to_owned()]));
        }
        let Some(event) = object(request) else {
            return says(400, &invalid(&["JSON object expected".to_owned()]));
        };
        let errors = errors(&event);
        if !errors.is_empty() {
            return says(400, &invalid(&errors));
        }
        // Made up where the event has none.
        let key = event["dedup_key"].as_str().unwrap_or("made-by-pagerduty");
        let said = json!({"status": "success", "message": "Event processed", "dedup_key": key});
        says(202, &said)
    }
}

/// The keys of an event that the service has no word for, and so would drop in silence.
pub fn strangers(event: &Value) -> Vec<String> {
    unheard_of(event, &["", "/payload"], &[EVERY, TRIGGER])
}

fn invalid(errors: &[String]) -> Value {
    json!({"status": "invalid event", "message": "Event object is invalid", "errors": errors})
}

fn errors(event: &Value) -> Vec<String> {
    let mut wrong = faults(event, EVERY, chars);
    match event["event_action"].as_str() {
        Some("trigger") => wrong.extend(faults(event, TRIGGER, chars)),
        _ => wrong.extend(faults(event, KNOWN, chars)),
    }
    let says = |(at, fault): (&str, Fault)| {
        let name = at[1..].replace('/', ".");
        match fault {
            Fault::Missing => format!("'{name}' is missing or blank"),
            Fault::Type => format!("'{name}' is of the wrong type"),
            Fault::Long => format!("'{name}' is too long"),
            Fault::Value => format!("'{name}' is invalid"),
        }
    };
    let mut errors: Vec<_> = wrong.into_iter().map(says).collect();
    let key = event["routing_key"].as_str().unwrap_or_default();
    let is_key = key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !key.is_empty() && !is_key {
        errors.push("Length of 'routing_key' is incorrect (should be 32 characters)".to_owned());
    }
    if let Some(time) = event.pointer("/payload/timestamp").and_then(Value::as_str)
        && !is_time(time)
    {
        errors.push("'payload.timestamp' is invalid".to_owned());
    }
    let each = |name: &str| event[name].as_array().into_iter().flatten();
    for link in each("links") {
        let href = link["href"].as_str().unwrap_or_default();
        if !href.starts_with("https://") && !href.starts_with("http://") {
            errors.push("'links.href' is invalid".to_owned());
        }
    }
    for image in each("images") {
        if !image["src"].as_str().unwrap_or_default().starts_with("https://") {
            errors.push("'images.src' is invalid (must be https)".to_owned());
        }
    }
    errors
}

/// Whether it is a time as ISO 8601 has it, with a zone.
fn is_time(text: &str) -> bool {
    const SHAPE: &str = "0000-00-00T00:00:00";
    let Some((time, rest)) = text.split_at_checked(SHAPE.len()) else { return false };
    let fits = time.bytes().zip(SHAPE.bytes()).all(|(one, shape)| match shape {
        b'0' => one.is_ascii_digit(),
        _ => one == shape,
    });
    let zone = rest.strip_prefix('.').unwrap_or(rest);
    let zone = zone.trim_start_matches(|one: char| one.is_ascii_digit());
    let offset: String = zone.chars().filter(char::is_ascii_digit).collect();
    fits && (zone == "Z" || zone.starts_with(['+', '-']) && offset.len() == 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::tests::{but, read, request};

    fn answer(line: &str, event: &Value) -> (u16, Value) {
        read(pagerduty()(&request(line, ("x", "y"), event)))
    }

    #[test]
    fn an_event_is_taken_and_what_the_service_refuses_is_refused() {
        let event = json!({
            "routing_key": ROUTING_KEY, "event_action": "trigger", "dedup_key": "k".repeat(255),
            "payload": {"summary": "\u{1f600}".repeat(1024), "source": "s", "severity": "error",
                "timestamp": "2026-11-24T02:51:00.000+0000", "custom_details": {"a": 1}},
            "links": [{"href": "https://a.example"}], "images": [{"src": "https://a.example"}],
            "heard_of": "never",
        });
        let (status, said) = answer("POST /v2/enqueue", &event);
        assert_eq!((status, &said["status"]), (202, &json!("success")), "{said}");
        assert_eq!(said["dedup_key"], "k".repeat(255));
        let known =
            json!({"routing_key": ROUTING_KEY, "event_action": "resolve", "dedup_key": "k"});
        assert_eq!(answer("POST /v2/enqueue", &known).0, 202);

        let length = "Length of 'routing_key' is incorrect (should be 32 characters)";
        let table = [
            ("/routing_key", json!(null), "'routing_key' is missing or blank"),
            ("/routing_key", json!("k".repeat(31)), length),
            ("/routing_key", json!("-".repeat(32)), length),
            ("/event_action", json!(null), "'event_action' is missing or blank"),
            ("/event_action", json!("release"), "'event_action' is invalid"),
            ("/dedup_key", json!("k".repeat(256)), "'dedup_key' is too long"),
            ("/dedup_key", json!(7), "'dedup_key' is of the wrong type"),
            ("/payload", json!(null), "'payload' is missing or blank"),
            ("/payload/summary", json!(" "), "'payload.summary' is missing or blank"),
            ("/payload/summary", json!("s".repeat(1025)), "'payload.summary' is too long"),
            ("/payload/source", json!(null), "'payload.source' is missing or blank"),
            ("/payload/severity", json!("notice"), "'payload.severity' is invalid"),
            ("/payload/severity", json!(null), "'payload.severity' is missing or blank"),
            ("/payload/timestamp", json!("yesterday"), "'payload.timestamp' is invalid"),
            ("/payload/timestamp", json!("2026-11-24T02:51:00"), "'payload.timestamp' is invalid"),
            (
                "/payload/custom_details",
                json!("x"),
                "'payload.custom_details' is of the wrong type",
            ),
            ("/links", json!([{"text": "x"}]), "'links.href' is invalid"),
            ("/images", json!([{"src": "http://x"}]), "'images.src' is invalid (must be https)"),
        ];
        for (at, value, error) in table {
            let (status, said) = answer("POST /v2/enqueue", &but(&event, at, value));
            assert_eq!((status, &said["status"]), (400, &json!("invalid event")), "{at}: {said}");
            let errors = said["errors"].as_array().unwrap();
            assert!(errors.contains(&json!(error)), "{at}: {said}");
        }
        for action in ["acknowledge", "resolve"] {
            let unknown = json!({"routing_key": ROUTING_KEY, "event_action": action});
            let (status, said) = answer("POST /v2/enqueue", &unknown);
            assert_eq!(
                (status, &said["errors"][0]),
                (400, &json!("'dedup_key' is missing or blank"))
            );
        }
        let large = but(&event, "/payload/custom_details", json!({"a": "x".repeat(BYTES_MAX)}));
        assert_eq!(answer("POST /v2/enqueue", &large).0, 413);
        assert_eq!(answer("POST /v2/enqueue", &json!([event])).0, 400);
        assert_eq!(answer("POST /generic/enqueue", &event).0, 404);
        assert_eq!(answer("GET /v2/enqueue", &event).0, 405);
        let mut plain = request("POST /v2/enqueue", ("x", "y"), &event);
        plain.head.headers[0].1 = "text/plain".to_owned();
        assert_eq!(read(pagerduty()(&plain)).0, 400);
    }
}
