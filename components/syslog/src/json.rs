//! An alert as one JSON object with the keys of ntopng's user guide, and JSON that is to be shorter.
//!
//! Promise: what comes out is whole JSON in one line, or nothing.

use campanile_guest::{Alert, Context, Purpose, json, rfc5424};
use serde_json::Value;

use crate::text;

/// Texts that are no longer than this are not shortened: times, addresses and ids stay whole.
const VALUE_BYTES_LEAST: usize = 64;

/// The object, in at most `bytes_max` bytes; `None`: not even the shortest fits.
pub(crate) fn document(alert: &Alert, context: &Context, bytes_max: usize) -> Option<String> {
    let whole = object(alert, context);
    if whole.len() <= bytes_max { Some(whole) } else { shorter(&whole, bytes_max) }
}

fn object(alert: &Alert, context: &Context) -> String {
    let label = |name: &str| {
        alert.labels.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    };
    let mut to = String::from("{\"entity_value\":");
    json::push_string(&mut to, &entity_value(alert));
    if let Some(ifid) = label("ifid").and_then(|ifid| ifid.parse::<i64>().ok()) {
        to.push_str(&format!(",\"ifid\":{ifid}"));
    }
    to.push_str(&format!(
        ",\"action\":\"{}\",\"tstamp\":{},\"type\":",
        alert.action.name(),
        text::moment(alert).unix_ms / 1000
    ));
    json::push_string(&mut to, &text::line(&alert.alert_type));
    to.push_str(",\"entity_type\":");
    json::push_string(&mut to, &text::line(&alert.entity_kind));
    to.push_str(",\"message\":");
    json::push_string(&mut to, &message(alert, context));
    to.push_str(&format!(",\"severity\":\"{}\"", alert.severity.name()));
    if let Some(key) = label("alert_key").or_else(|| label("subtype")) {
        to.push_str(",\"alert_key\":");
        json::push_string(&mut to, &text::line(key));
    }
    if !matches!(context.purpose, Purpose::Live) {
        to.push_str(&format!(",\"purpose\":\"{}\"", context.purpose.name()));
    }
    to.push('}');
    to
}

/// For an interface it is the name, for a flow its two sides, as in the line of text.
fn entity_value(alert: &Alert) -> String {
    let is_told = alert.flow.is_none() && alert.entity_kind != "interface";
    let value = text::line(&alert.entity_value);
    if is_told && !value.is_empty() { value } else { text::whom(alert) }
}

fn message(alert: &Alert, context: &Context) -> String {
    let (title, rest) = (text::title(alert), text::rest(alert, context));
    let told = if rest.is_empty() || rest == title { title } else { format!("{title}: {rest}") };
    match text::purpose(context.purpose) {
        Some(purpose) => format!("[{purpose}] {told}"),
        None => told,
    }
}

/// What is left out of a document that is too long, in this order: of ECS and of the guide's.
const OPTIONAL: [&str; 29] = [
    "/event/original",
    "/alert_key",
    "/labels",
    "/tags",
    "/threat",
    "/related",
    "/source/geo",
    "/destination/geo",
    "/host/geo",
    "/source/as",
    "/destination/as",
    "/host/as",
    "/observer",
    "/organization",
    "/event/url",
    "/event/risk_score_norm",
    "/event/provider",
    "/event/code",
    "/rule/ruleset",
    "/rule/category",
    "/rule/id",
    "/event/created",
    "/event/start",
    "/event/end",
    "/event/duration",
    "/network",
    "/log",
    "/host",
    "/ifid",
];

/// The same JSON in at most `bytes_max` bytes: first without what is optional, then with shorter
/// texts, the longest first. `None`: not even so, or it is no JSON object.
pub(crate) fn shorter(document: &str, bytes_max: usize) -> Option<String> {
    let mut value: Value = serde_json::from_str(document).ok()?;
    value.as_object()?;
    let mut optional = OPTIONAL.iter();
    loop {
        let written = value.to_string();
        let Some(over) = written.len().checked_sub(bytes_max).filter(|over| *over > 0) else {
            return Some(written);
        };
        if optional.any(|pointer| remove(&mut value, pointer)) {
            continue;
        }
        let longest = longest(&mut value)?;
        // A byte of it may take up to six in JSON.
        let keep = longest.len().saturating_sub(over.div_ceil(6)).max(VALUE_BYTES_LEAST);
        *longest = rfc5424::shortened(longest, keep);
    }
}

/// Whether it was there.
fn remove(value: &mut Value, pointer: &str) -> bool {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return false };
    let parent = value.pointer_mut(parent).and_then(Value::as_object_mut);
    parent.is_some_and(|parent| parent.remove(key).is_some())
}

/// The longest text that can still be shortened.
fn longest(value: &mut Value) -> Option<&mut String> {
    let found = match value {
        Value::String(text) => Some(text),
        Value::Array(items) => items.iter_mut().filter_map(longest).max_by_key(|text| text.len()),
        Value::Object(fields) => {
            fields.values_mut().filter_map(longest).max_by_key(|text| text.len())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    };
    found.filter(|text| text.len() > VALUE_BYTES_LEAST)
}

#[cfg(test)]
mod tests;
