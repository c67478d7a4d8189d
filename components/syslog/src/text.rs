//! An alert in one line: as ntopng's user guide has it, and in the order of its present code.
//!
//! Promise: one line without control characters, and no value looks like a part of its own: the
//! brackets in it are round.

use campanile_guest::{
    Action, Alert, Context, Instant, Party, Purpose, Severity, plain, rfc5424, story,
};

/// A part in brackets is not longer than this, so that one name does not push the rest out.
const PART_BYTES_MAX: usize = 256;

/// `[time][severity][type][entity][value][action] text`.
pub(crate) fn guide(alert: &Alert, context: &Context) -> String {
    let parts = [
        Some(time(alert)),
        Some(severity(alert.severity)),
        Some(title(alert)),
        Some(entity(alert)),
        value(alert, " ", Names::Addresses),
        action(alert.action).map(str::to_owned),
        purpose(context.purpose).map(str::to_owned),
    ];
    let parts = parts.into_iter().flatten().map(|part| format!("[{}]", bracketed(&part)));
    with_rest(parts.collect(), alert, context)
}

/// `[time] [Interface: name] [Severity: label] [entity] [type] [value] [action] text`.
pub(crate) fn ntopng(alert: &Alert, context: &Context) -> String {
    let mut parts = format!("[{}]", time(alert));
    for part in ordered(alert, context) {
        parts.push_str(&format!(" [{}]", bracketed(&part)));
    }
    with_rest(parts, alert, context)
}

/// The parts in the order of ntopng's present code, without the time.
pub(crate) fn ordered(alert: &Alert, context: &Context) -> impl Iterator<Item = String> {
    let interface = alert.interface_name.as_ref().filter(|name| !name.is_empty());
    let parts = [
        interface.map(|name| format!("Interface: {name}")),
        Some(format!("Severity: {}", severity(alert.severity))),
        Some(entity(alert)),
        Some(title(alert)),
        value(alert, " -> ", Names::Names),
        action(alert.action).map(str::to_owned),
        purpose(context.purpose).map(str::to_owned),
    ];
    parts.into_iter().flatten()
}

/// What the producer wrote, how long it lasted, and what was left out; in one line.
pub(crate) fn rest(alert: &Alert, context: &Context) -> String {
    let left_out = story::left_out(context.omitted).map(|left_out| format!("({left_out})"));
    let mut rest = line(&alert.text);
    if let Some(over) = story::over(alert) {
        if !rest.is_empty() {
            rest.push_str(if rest.ends_with(['.', '!', '?']) { " " } else { ". " });
        }
        rest.push_str(&over);
    }
    if let Some(left_out) = left_out {
        let blank = if rest.is_empty() { "" } else { " " };
        rest.push_str(&format!("{blank}{left_out}"));
    }
    rest
}

/// Whom it is about, in the fewest words: of a flow "client:port -> server:port".
pub(crate) fn whom(alert: &Alert) -> String {
    value(alert, " -> ", Names::Names).unwrap_or_default()
}

/// When it happened, or was over.
pub(crate) fn moment(alert: &Alert) -> &Instant {
    match alert.action {
        Action::Release => alert.ended.as_ref().unwrap_or(&alert.received),
        Action::Store | Action::Engage => &alert.time,
    }
}

pub(crate) fn title(alert: &Alert) -> String {
    let title = line(&alert.title);
    if title.is_empty() { line(&format!("Alert {}", alert.alert_type)) } else { title }
}

/// "Error".
pub(crate) fn severity(severity: Severity) -> String {
    capitalized(severity.name())
}

/// ntopng's word for what is opened or closed; nothing for what is only stored.
pub(crate) fn action(action: Action) -> Option<&'static str> {
    match action {
        Action::Store => None,
        Action::Engage => Some("Engaged"),
        Action::Release => Some("Released"),
    }
}

pub(crate) fn purpose(purpose: Purpose) -> Option<&'static str> {
    match purpose {
        Purpose::Test => Some("Test"),
        Purpose::Reminder => Some("Reminder"),
        Purpose::Live | Purpose::Digest | Purpose::Folded => None,
    }
}

/// One line; a byte order mark within a text would end up in the middle of another.
pub(crate) fn line(text: &str) -> String {
    plain::line(&text.replace('\u{feff}', ""))
}

fn with_rest(mut parts: String, alert: &Alert, context: &Context) -> String {
    let rest = rest(alert, context);
    if !rest.is_empty() {
        parts.push(' ');
        parts.push_str(&rest);
    }
    parts
}

/// In UTC, to the second.
fn time(alert: &Alert) -> String {
    let utc = &moment(alert).utc;
    utc.split_once('.').map_or_else(|| utc.clone(), |(whole, _)| format!("{whole}Z"))
}

fn entity(alert: &Alert) -> String {
    capitalized(&alert.entity_kind)
}

#[derive(Clone, Copy)]
enum Names {
    Addresses,
    /// Where there are some.
    Names,
}

fn value(alert: &Alert, between: &str, names: Names) -> Option<String> {
    let value = match (&alert.flow, &alert.interface_name) {
        (Some(flow), _) => {
            format!("{}{between}{}", side(&flow.client, names), side(&flow.server, names))
        }
        // Its entity is a number.
        (None, Some(name)) if alert.entity_kind == "interface" => name.clone(),
        (None, _) if !alert.entity_value.trim().is_empty() => alert.entity_value.clone(),
        (None, _) => alert.host.as_ref().map(|host| side(host, names))?,
    };
    let value = line(&value);
    (!value.is_empty()).then_some(value)
}

fn side(party: &Party, names: Names) -> String {
    let name = party.name.as_deref().filter(|name| !name.trim().is_empty());
    let (who, is_address) = match (names, name) {
        (Names::Names, Some(name)) => (name, false),
        _ => (party.ip.as_str(), true),
    };
    match party.port {
        Some(port) if is_address && who.contains(':') => format!("[{who}]:{port}"),
        Some(port) => format!("{who}:{port}"),
        None => who.to_owned(),
    }
}

fn bracketed(part: &str) -> String {
    let part = line(part).replace('[', "(").replace(']', ")");
    rfc5424::shortened(&part, PART_BYTES_MAX)
}

fn capitalized(word: &str) -> String {
    let word = line(word);
    let mut chars = word.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => "Unknown".into(),
    }
}
