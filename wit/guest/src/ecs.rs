//! An alert as a document of the Elastic Common Schema, 8.17.
//!
//! Source: <https://www.elastic.co/guide/en/ecs/8.17/ecs-field-reference.html>; the keys that
//! ntopng's own ECS output promises are all here.
//!
//! Promise: equal alerts in an equal context give equal bytes. No field is empty, a field with a
//! closed vocabulary has a word of it, an `ip`, `mac`, `long` or `geo_point` is one, and no key is
//! there twice: an index that maps the schema refuses nothing of it. A document is one line.
//!
//! Not here: where it is stored, and under which id.

mod sides;
#[cfg(test)]
mod tests;
mod vocabulary;
mod writer;

use crate::story::{end, title};
use crate::{Action, Alert, Context, Instant, Purpose, Severity, cut, json, plain, span};
use writer::Writer;

/// The version of the schema that a document says it conforms to.
pub const VERSION: &str = "8.17.0";

/// What a document has beside the alert.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The alert as its producer sent it, as text in `event.original`. Default true.
    pub original: bool,
    /// What the producer labeled it with, in `labels`. Default true.
    pub labels: bool,
    /// Places, networks and the lists of `related`. Default true.
    pub surroundings: bool,
    /// The most bytes of UTF-8 in `message`; what is longer ends in an ellipsis. Default: any.
    pub message_bytes_max: usize,
    /// `organization.name`. Default none; an alert of ntopng then has "ntop", as ntopng has it.
    pub organization: Option<&'a str>,
    /// The data stream that it goes into, whose `event.dataset` it takes over. Default none.
    pub data_stream: Option<DataStream<'a>>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            original: true,
            labels: true,
            surroundings: true,
            message_bytes_max: usize::MAX,
            organization: None,
            data_stream: None,
        }
    }
}

/// The three parts of a data stream's name: "logs", "ntopng.alerts", "default".
#[derive(Clone, Copy, Debug)]
pub struct DataStream<'a> {
    pub kind: &'a str,
    pub dataset: &'a str,
    pub namespace: &'a str,
}

/// Room for a document without its raw form, so that it is seldom moved while it grows.
const BYTES_USUAL: usize = 2048;

/// One alert as a JSON object.
pub fn document(alert: &Alert, context: &Context, options: &Options<'_>) -> String {
    let original = if options.original { alert.raw.len() + alert.raw.len() / 8 } else { 0 };
    let mut to = Writer::with_capacity(BYTES_USUAL + original);
    to.text("@timestamp", &moment(alert).utc);
    to.text("message", &message(alert, context, options.message_bytes_max));
    if context.purpose != Purpose::Live {
        to.list("tags", [context.purpose.name()]);
    }
    to.object("ecs", |to| to.text("version", VERSION));
    to.object("event", |to| event(to, alert, options));
    to.object("log", |to| {
        if alert.severity != Severity::None {
            to.text("level", alert.severity.name());
        }
    });
    to.object("rule", |to| {
        to.text("id", &alert.alert_type);
        to.text("name", &title(alert));
        to.text("category", &alert.category);
        to.text("ruleset", &alert.producer);
    });
    sides::write(&mut to, alert, options);
    to.object("observer", |to| observer(to, alert, context));
    let organization = options.organization.or(is_ntopng(alert).then_some("ntop"));
    to.object("organization", |to| to.text("name", organization.unwrap_or_default()));
    if let Some(DataStream { kind, dataset, namespace }) = options.data_stream {
        to.object("data_stream", |to| {
            to.text("type", kind);
            to.text("dataset", dataset);
            to.text("namespace", namespace);
        });
    }
    labels(&mut to, alert, options);
    to.finish()
}

/// The same in at most `bytes_max` bytes, for what takes no more: first without `event.original`,
/// then without labels, then without places, networks and `related`, then with a shorter `message`.
/// `None`: not even so.
pub fn document_within(
    alert: &Alert,
    context: &Context,
    options: &Options<'_>,
    bytes_max: usize,
) -> Option<String> {
    let mut less = *options;
    let steps: [fn(&mut Options<'_>); 4] = [
        |_| (),
        |less| less.original = false,
        |less| less.labels = false,
        |less| less.surroundings = false,
    ];
    let mut document = String::new();
    for step in steps {
        step(&mut less);
        document = self::document(alert, context, &less);
        if document.len() <= bytes_max {
            return Some(document);
        }
    }
    let message = message(alert, context, less.message_bytes_max);
    let rest = document.len() - json::string(&message).len();
    let mut room = bytes_max.checked_sub(rest + r#""""#.len() + ELLIPSIS.len())?;
    let mut kept = 0;
    for one in message.chars() {
        // No other character of a message has an escape.
        let is_escaped = matches!(one, '"' | '\\' | '\n');
        let Some(left) = room.checked_sub(one.len_utf8() + usize::from(is_escaped)) else { break };
        (room, kept) = (left, kept + one.len_utf8());
    }
    // Shorter at any rate: what is left may count for less than it takes in JSON.
    less.message_bytes_max = (kept + ELLIPSIS.len()).min(message.len() - 1);
    (kept > 0).then(|| self::document(alert, context, &less))
}

/// The moment that a document is stamped with: when it happened, for a release when it was over,
/// as far as its producer told that.
pub fn moment(alert: &Alert) -> &Instant {
    if alert.action == Action::Release { end(alert) } else { &alert.time }
}

fn event(to: &mut Writer, alert: &Alert, options: &Options<'_>) {
    to.text("kind", "alert");
    to.list("category", vocabulary::categories(alert));
    let is_blocked = alert.flow.as_ref().is_some_and(|flow| flow.blocked);
    to.list("type", ["info"].into_iter().chain(is_blocked.then_some("denied")));
    to.text("action", vocabulary::action(alert.action));
    to.text("id", &alert.episode);
    to.text("code", &alert.alert_type);
    to.text("module", &alert.producer);
    match options.data_stream {
        Some(stream) => to.text("dataset", stream.dataset),
        None if alert.producer.is_empty() => {}
        None => to.text("dataset", &format!("{}.alerts", alert.producer)),
    }
    to.text("provider", &alert.producer);
    to.number("severity", alert.severity.number().into());
    to.text("severity_label", vocabulary::severity_label(alert.severity));
    to.number("risk_score", alert.score.into());
    to.tenths("risk_score_norm", risk_tenths(alert.score));
    to.text("created", &alert.received.utc);
    span_of(to, alert);
    to.text("url", alert.link.as_deref().unwrap_or_default());
    if options.original {
        to.text("original", &alert.raw);
    }
}

/// ntopng's emergency, 250, is the whole of it, in tenths of a percent.
fn risk_tenths(score: u32) -> u64 {
    (u64::from(score) * 1000 / 250).min(1000)
}

/// `start`, `end` and `duration`, in nanoseconds.
fn span_of(to: &mut Writer, alert: &Alert) {
    let began = &alert.time;
    if alert.action == Action::Engage {
        return to.text("start", &began.utc);
    }
    if alert.action == Action::Store && alert.ended.is_none() {
        return;
    }
    let end = end(alert);
    let mut began_ms = Some(began.unix_ms).filter(|began_ms| *began_ms < end.unix_ms);
    if began_ms.is_some() {
        to.text("start", &began.utc);
    } else if alert.episode != alert.id {
        // Its own beginning is not told, but when we took it in.
        began_ms = span::given_ms(&alert.episode).filter(|given_ms| *given_ms < end.unix_ms);
    }
    to.text("end", &end.utc);
    if let Some(began_ms) = began_ms {
        to.number("duration", (end.unix_ms - began_ms).saturating_mul(1_000_000));
    }
}

fn observer(to: &mut Writer, alert: &Alert, context: &Context) {
    to.text("name", &context.instance);
    if is_ntopng(alert) {
        to.text("vendor", "ntop");
        to.text("type", "probe");
    }
    to.text("product", &alert.producer);
    to.object("ingress", |to| {
        to.object("interface", |to| {
            let id = label(alert, "ifid").filter(|id| is_ntopng(alert) && *id != "-1");
            to.text("id", id.unwrap_or_default());
            to.text("name", alert.interface_name.as_deref().unwrap_or_default());
        });
    });
}

/// Ours first; a name that is there already gets an underscore behind it.
fn labels(to: &mut Writer, alert: &Alert, options: &Options<'_>) {
    let mut own = vec![
        ("entity_kind", alert.entity_kind.as_str()),
        ("entity_value", alert.entity_value.as_str()),
        ("fingerprint", alert.fingerprint.as_str()),
    ];
    let parties = alert.flow.iter().flat_map(|flow| [&flow.client, &flow.server]);
    for party in parties.chain(&alert.host) {
        for (is_so, name) in [(party.is_attacker, "attacker_ip"), (party.is_victim, "victim_ip")] {
            if is_so && own.iter().all(|(one, _)| *one != name) {
                own.push((name, &party.ip));
            }
        }
    }
    let given = alert.labels.iter().filter(|(_, value)| options.labels && !value.is_empty());
    let mut names = Vec::<String>::with_capacity(own.len() + alert.labels.len());
    to.object("labels", |to| {
        for (name, value) in own {
            to.text(name, value);
            names.push(name.into());
        }
        for (name, value) in given {
            let Some(mut name) = field_name(name) else { continue };
            while names.contains(&name) {
                name.push('_');
            }
            to.any_text(&name, value);
            names.push(name);
        }
    });
}

/// A dot would make an object of it; a field without a name is refused.
fn field_name(name: &str) -> Option<String> {
    let name = plain::line(name).replace(['.', '*'], "_");
    (!name.is_empty()).then_some(name)
}

/// For people: what, and what the producer wrote about it.
fn message(alert: &Alert, context: &Context, bytes_max: usize) -> String {
    let (title, text) = (title(alert), plain::lines(&alert.text));
    let mut message = match context.purpose {
        Purpose::Test | Purpose::Reminder => format!("[{}] ", context.purpose.name()),
        Purpose::Live | Purpose::Digest | Purpose::Folded => String::new(),
    };
    message.push_str(&title);
    if !text.is_empty() && text != title {
        message.push_str(": ");
        message.push_str(&text);
    }
    cut::short_bytes(&message, bytes_max)
}

/// Stands at the end of a text that was cut.
const ELLIPSIS: &str = "\u{2026}";

fn is_ntopng(alert: &Alert) -> bool {
    alert.producer == "ntopng"
}

fn label<'a>(alert: &'a Alert, name: &str) -> Option<&'a str> {
    alert.labels.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
}
