//! Packs alerts into messages, and messages into requests.
//!
//! Promise: the bytes that tell of an alert depend on the alert and the settings alone, not on
//! the clock and not on where the alert stands; the order of the alerts is kept.

use std::borrow::Cow;

use campanile_guest::{
    Coding, Context, Filling, Formatted, Message, Method, Purpose, Request, Subject, cut, ecs,
    native,
};

use crate::settings::{Payload, Settings};
use crate::{alertmanager, ntopng, standard};

/// A body is closed before it would grow beyond this, in bytes; an alert that is larger goes
/// alone. Common servers take 1 MiB, some only a quarter of it.
const BODY_BYTES_MAX: usize = 256 * 1024;

const SUMMARY_CHARS_MAX: usize = 200;

/// Puts the alerts, in their order, into messages of up to `alerts_max`.
pub(crate) fn pack(subjects: &[Subject], context: &Context, settings: &Settings) -> Formatted {
    let mut messages = vec![];
    let mut open = Open::default();
    let alerts_max = if settings.payload.is_of_one() { 1 } else { settings.alerts_max };
    for (at, subject) in (0_u32..).zip(subjects) {
        // Told once, in the first message.
        let omitted = if at == 0 { context.omitted } else { 0 };
        let element = element(subject, context, settings.payload, omitted);
        let is_full = open.members.len() == alerts_max
            || open.elements.len() + element.len() > BODY_BYTES_MAX;
        if is_full && !open.members.is_empty() {
            let omitted = if messages.is_empty() { context.omitted } else { 0 };
            messages.push(std::mem::take(&mut open).close(context, settings.payload, omitted));
        }
        open.take(at, subject, &element);
    }
    if !open.members.is_empty() {
        let omitted = if messages.is_empty() { context.omitted } else { 0 };
        messages.push(open.close(context, settings.payload, omitted));
    }
    messages.into_iter().collect()
}

/// What stands for one alert in the body; where a body has one alert, the whole of it.
fn element<'a>(
    subject: &'a Subject,
    context: &Context,
    payload: Payload,
    omitted: u32,
) -> Cow<'a, str> {
    let alert = &subject.alert;
    match payload {
        Payload::Ntopng => ntopng::element(alert),
        Payload::Native => native::element(alert).into(),
        Payload::StandardWebhooks => {
            standard::event(alert, &marks(context.purpose, omitted)).into()
        }
        Payload::AlertmanagerV4 => alertmanager::notification(alert, context, omitted).into(),
        Payload::Ecs => ecs::document(alert, context, &ecs::Options::default()).into(),
    }
}

/// Why it is sent, unless that is what it always is; keys with their values, each with a comma.
fn marks(purpose: Purpose, omitted: u32) -> String {
    let mut marks = String::new();
    if purpose != Purpose::Live {
        marks.push_str(&format!(r#""purpose":"{}","#, purpose.name()));
    }
    if omitted > 0 {
        marks.push_str(&format!(r#""omitted":{omitted},"#));
    }
    marks
}

/// What a request carries beside its message: placeholders, for the engine to fill in.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    pub(crate) authorization: Option<String>,
    pub(crate) signatures: Option<String>,
}

/// What identifies what is sent: the same id at every attempt, and when this one was made, in
/// seconds since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp<'a> {
    pub(crate) id: &'a str,
    pub(crate) seconds: u64,
}

/// The POST that hands a message over.
pub(crate) fn request(
    message: Message,
    settings: &Settings,
    stamp: Stamp<'_>,
    credentials: Credentials,
) -> Request {
    let agent = message.notes.into_iter().find(|(name, _)| name == USER_AGENT);
    let mut headers = vec![
        ("webhook-id".to_owned(), stamp.id.to_owned()),
        ("webhook-timestamp".to_owned(), stamp.seconds.to_string()),
    ];
    headers.extend(credentials.signatures.map(|one| ("webhook-signature".to_owned(), one)));
    headers.extend(settings.headers.iter().cloned());
    headers.extend(credentials.authorization.map(|one| ("authorization".to_owned(), one)));
    for (name, value) in agent.into_iter().chain([("content-type".into(), message.content_type)]) {
        if !headers.iter().any(|(one, _)| *one == name) {
            headers.push((name, value));
        }
    }
    let mut request = bare(Method::Post, settings);
    (request.headers, request.body) = (headers, message.body);
    if let Some(secret) = &settings.shared_secret {
        share(&mut request.body, secret);
        request.filling = Filling::Json;
    }
    request
}

/// Puts the shared secret, a placeholder, first into a body, which is a JSON object with keys.
fn share(body: &mut Vec<u8>, secret: &str) {
    if body.first() == Some(&b'{') {
        let key = serde_json::json!(secret).to_string();
        body.splice(1..1, format!(r#""sharedsecret":{key},"#).into_bytes());
    }
}

/// The note, and the header, that says who is asking; `deliver` is not told by itself.
const USER_AGENT: &str = "user-agent";

pub(crate) const JSON: &str = "application/json";

pub(crate) fn bare(method: Method, settings: &Settings) -> Request {
    Request {
        method,
        url: settings.url.clone(),
        headers: vec![],
        body: vec![],
        filling: Filling::None,
        coding: Coding::Identity,
        timeout_ms: Some(settings.timeout_ms),
    }
}

/// A message that may still take alerts.
#[derive(Default)]
struct Open<'a> {
    members: Vec<u32>,
    first: Option<&'a Subject>,
    /// The alerts as JSON, with commas between them.
    elements: String,
    /// The last moment that its alerts speak of, in milliseconds since the Unix epoch.
    newest_ms: u64,
}

impl<'a> Open<'a> {
    fn take(&mut self, at: u32, subject: &'a Subject, element: &str) {
        let alert = &subject.alert;
        let ended_ms = alert.ended.as_ref().map_or(0, |ended| ended.unix_ms);
        self.newest_ms = self.newest_ms.max(alert.time.unix_ms).max(ended_ms);
        self.first.get_or_insert(subject);
        if !self.members.is_empty() {
            self.elements.push(',');
        }
        self.elements.push_str(element);
        self.members.push(at);
    }

    fn close(self, context: &Context, payload: Payload, omitted: u32) -> Message {
        let (head, tail) = match payload {
            Payload::Ntopng => (ntopng::head(self.newest_ms), "]}"),
            Payload::Native => {
                (format!(r#"{{{}"alerts":["#, marks(context.purpose, omitted)), "]}")
            }
            Payload::StandardWebhooks | Payload::AlertmanagerV4 => (String::new(), ""),
            Payload::Ecs => ("[".into(), "]"),
        };
        let mut body = head;
        body.reserve_exact(self.elements.len() + tail.len());
        body.push_str(&self.elements);
        body.push_str(tail);
        Message {
            summary: self.summary(),
            alerts: self.members,
            content_type: JSON.into(),
            body: body.into_bytes(),
            notes: vec![(USER_AGENT.into(), context.engine.clone())],
            // Whether a receiver knows a message by its `webhook-id` is its own business.
            repeat_safe_ms: 0,
        }
    }

    fn summary(&self) -> String {
        let title = self.first.map_or("", |subject| subject.alert.title.as_str());
        let title = cut::chars(title, SUMMARY_CHARS_MAX);
        match self.members.len() {
            0 | 1 => title.to_owned(),
            count => format!("{title} and {} more", count - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use campanile_guest::{Instant, samples};
    use serde_json::Value;

    use super::*;
    use crate::settings;

    #[test]
    fn a_batch_is_split_in_order_by_count_and_by_size() {
        let most = 256 * 1024;
        let table = [
            // max_alerts, bytes of each alert, expected members
            (10, vec![], vec![]),
            (10, vec![100], vec![vec![0]]),
            (1, vec![100, 100, 100], vec![vec![0], vec![1], vec![2]]),
            (2, vec![100, 100, 100], vec![vec![0, 1], vec![2]]),
            (3, vec![100, 100, 100], vec![vec![0, 1, 2]]),
            (9, vec![100, most, 100, 100], vec![vec![0], vec![1], vec![2, 3]]),
            (9, vec![2 * most, 100], vec![vec![0], vec![1]]),
            (9, vec![most / 2; 3], vec![vec![0, 1], vec![2]]),
            (9, vec![most / 2, most / 2 + 1], vec![vec![0], vec![1]]),
        ];
        for (max, sizes, expected) in table {
            let subjects: Vec<_> = sizes.iter().map(|bytes| of_ntopng(*bytes)).collect();
            let text = format!(r#"{{"url":"http://h","max_alerts":{max}}}"#);
            let formatted = packed(&subjects, &text);
            let members: Vec<_> = formatted.messages.iter().map(|one| one.alerts.clone()).collect();
            assert_eq!(members, expected, "max_alerts {max}, sizes {sizes:?}");
            assert!(formatted.skipped.is_empty() && formatted.rejected.is_empty());
        }
    }

    #[test]
    fn an_alert_gives_the_same_bytes_at_any_position() {
        for payload in ["ntopng", "native", "standard_webhooks", "alertmanager_v4", "ecs"] {
            let text = format!(r#"{{"url":"http://h","payload":"{payload}","max_alerts":1}}"#);
            let format = |subjects: Vec<_>| packed(&subjects, &text);
            samples::assert_equal_anywhere(format, samples::whole);
        }
    }

    #[test]
    fn what_is_no_json_object_never_breaks_the_body() {
        for raw in ["", "{", "}", "7", "[]", "{}]}, {\"x\":{}", "{\"a\":1} {}", "\u{1}\"\\"] {
            for payload in ["ntopng", "native"] {
                let mut subject = of_ntopng(2);
                subject.alert.raw = raw.into();
                subject.alert.alert_type = "unparsed".into();
                let text = format!(r#"{{"url":"http://h","payload":"{payload}"}}"#);
                let body = packed(&[subject.clone(), subject], &text).messages.remove(0).body;
                let body: Value = serde_json::from_slice(&body).expect("JSON");
                let alerts = body["alerts"].as_array().expect("alerts");
                assert_eq!(alerts.len(), 2, "{payload} of {raw:?}");
                let inner = alerts[0]["json"].as_str().unwrap_or("null");
                let inner: Value = serde_json::from_str(inner).expect("JSON in a string");
                let kept = if payload == "native" { &alerts[0]["raw"] } else { &inner["raw"] };
                assert_eq!(kept, raw, "{payload}");
            }
        }
    }

    #[test]
    fn a_moment_is_the_newest_that_the_alerts_speak_of() {
        let mut subjects = [of_ntopng(10), of_ntopng(10)];
        subjects[0].alert.ended = Some(instant(1_790_000_100_999));
        subjects[1].alert.time = instant(1_790_000_099_000);
        let body = packed(&subjects, r#"{"url":"http://h"}"#).messages.remove(0).body;
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(body["timestamp"], 1_790_000_100);
    }

    #[test]
    fn an_event_or_a_notification_has_one_alert_and_documents_have_many() {
        for (payload, count) in [("standard_webhooks", 3), ("alertmanager_v4", 3), ("ecs", 1)] {
            let text = format!(r#"{{"url":"http://h","payload":"{payload}"}}"#);
            let messages = packed(&[of_ntopng(9), of_ntopng(9), of_ntopng(9)], &text).messages;
            assert_eq!(messages.len(), count, "{payload}");
            for message in messages {
                let body: Value = serde_json::from_slice(&message.body).expect("JSON");
                let list = body.as_array().or(body["alerts"].as_array());
                assert_eq!(list.map_or(1, Vec::len), message.alerts.len(), "{payload}");
            }
        }
    }

    #[test]
    fn documents_are_a_list_of_what_the_schema_makes_of_each() {
        let subjects = [of_ntopng(9), of_ntopng(30)];
        let text = r#"{"url":"http://h","payload":"ecs"}"#;
        let body = packed(&subjects, text).messages.remove(0).body;
        let of = |subject: &Subject| {
            ecs::document(&subject.alert, &context(text), &ecs::Options::default())
        };
        let expected = format!("[{},{}]", of(&subjects[0]), of(&subjects[1]));
        assert_eq!(String::from_utf8_lossy(&body), expected);
    }

    #[test]
    fn an_event_leaves_out_what_the_producer_sent_before_it_grows_too_long() {
        let text = r#"{"url":"http://h","payload":"standard_webhooks"}"#;
        let data = |bytes: usize| {
            let body = packed(&[of_ntopng(bytes)], text).messages.remove(0).body;
            let data = serde_json::from_slice::<Value>(&body).expect("JSON")["data"].clone();
            (body.len(), data)
        };
        let (others, _) = data(8);
        let (whole, told) = data(20_000 - others + 8);
        assert!(whole == 20_000 && told["raw"].is_object());
        let (less, told) = data(20_000 - others + 9);
        assert!(less < others && told["raw"].is_null() && told["title"] == "Beacon");
    }

    fn packed(subjects: &[Subject], text: &str) -> Formatted {
        let formatted = pack(subjects, &context(text), &settings::read(text).expect("settings"));
        let is_known = |one: &Message| one.repeat_safe_ms > 0;
        assert!(!formatted.messages.iter().any(is_known), "that is the receiver's own business");
        formatted
    }

    fn context(text: &str) -> Context {
        Context { settings: text.into(), ..samples::context() }
    }

    /// An alert whose raw form is a JSON object of about so many bytes.
    fn of_ntopng(bytes: usize) -> Subject {
        let mut alert = samples::alert();
        (alert.producer, alert.title) = ("ntopng".into(), "Beacon".into());
        (alert.time, alert.received) = (instant(1_790_000_000_000), instant(1_790_000_000_500));
        alert.raw = format!(r#"{{"x":"{}"}}"#, "x".repeat(bytes.saturating_sub(8)));
        Subject { alert, previous: None }
    }

    fn instant(unix_ms: u64) -> Instant {
        Instant { unix_ms, utc: "2026-09-21T14:13:20.000Z".into(), local: String::new() }
    }
}
