//! What a person wants to know of an alert, in words: how bad, what, who, since when, until when.
//!
//! Promise: no control character is in it.
//!
//! Not here: the markup of a service, and how much fits there.

use std::{iter, mem};

use crate::{Action, Alert, Context, Flow, Instant, Party, Purpose, Severity, cut, plain, span};

/// The kind of entity that an alert about a network interface has.
const INTERFACE: &str = "interface";

/// A text that names the other side only behind this many bytes names it where a telephone cuts.
const NEAR_BYTES_MAX: usize = 100;

/// Numbers that ntopng gives to its own things: to match by, and nothing to a reader.
const INTERNAL: [&str; 10] = [
    "ifid",
    "alert_id",
    "granularity",
    "observation_point_id",
    "host_pool_id",
    "network",
    "cli_host_pool_id",
    "cli_network",
    "srv_host_pool_id",
    "srv_network",
];

/// A shorter value stands in other words by chance.
const TOLD_CHARS_MIN: usize = 4;

/// Services cut a text: what stands further in it may not be seen.
const TOLD_TEXT_CHARS_MAX: usize = 300;

/// "CRITICAL: Disk full", "RESOLVED: Disk full".
pub fn headline(alert: &Alert, purpose: Purpose) -> String {
    let (label, title) = (label(alert, purpose), title(alert));
    if label.is_empty() { title } else { format!("{label}: {title}") }
}

/// All of it in one line, for a notification:
/// "[ERROR] Low Goodput: 192.0.2.1:60952 -> 192.0.2.9:80. Slow since noon".
pub fn notice(alert: &Alert, purpose: Purpose) -> String {
    let (label, title) = (label(alert, purpose), title(alert));
    let mut notice = if label.is_empty() { title } else { format!("[{label}] {title}") };
    let (more, is_named) = match over(alert) {
        Some(over) => (over, false),
        None => {
            let text = text(alert).map(|text| plain::line(&text)).unwrap_or_default();
            // Some producers begin their text with whom it is about.
            let is_named = begins_with_whom(&text, alert);
            (text, is_named)
        }
    };
    let whom = Some(whom(alert)).filter(|_| !is_named);
    let mut mark = ": ";
    for part in whom.into_iter().chain([more]).filter(|part| !part.is_empty()) {
        notice.push_str(mark);
        notice.push_str(&part);
        mark = ". ";
    }
    notice
}

/// What the producer wrote, unless it is the title again.
pub fn text(alert: &Alert) -> Option<String> {
    let text = plain::lines(&alert.text);
    (!text.is_empty() && text != title(alert)).then_some(text)
}

/// That a condition is over, since when, and how long it lasted; `None` if it is not.
pub fn over(alert: &Alert) -> Option<String> {
    if alert.action != Action::Release {
        return None;
    }
    let end = end(alert);
    let mut over = format!("Over since {}.", span::moment(end));
    let began_ms = alert.time.unix_ms;
    if began_ms < end.unix_ms {
        // A producer that tells no end leaves us the time when we were told.
        let about = if alert.ended.is_some() { "" } else { "about " };
        let length = span::length(end.unix_ms - began_ms);
        over.push_str(&format!(" Began {}, lasted {about}{length}.", span::moment(&alert.time)));
    } else if let Some(length_ms) = since_engage(alert, end) {
        over.push_str(&format!(" Lasted about {}.", span::length(length_ms)));
    }
    Some(over)
}

/// The moment that the alert speaks of.
pub fn when(alert: &Alert) -> String {
    let at = if alert.action == Action::Release { end(alert) } else { &alert.time };
    span::moment(at)
}

/// Who and where, as names and values.
pub fn rows(alert: &Alert) -> Vec<(&'static str, String)> {
    let mut rows = Vec::with_capacity(5);
    if let Some(flow) = &alert.flow {
        rows.push(("From", party(&flow.client)));
        rows.push(("To", party(&flow.server)));
        rows.push(("Protocol", protocol(flow)));
    }
    if let Some(host) = &alert.host {
        rows.push(("Host", party(host)));
    }
    let is_told = alert.flow.is_some()
        || (alert.entity_kind == INTERFACE && alert.interface_name.is_some())
        || alert.host.as_ref().is_some_and(|host| is_entity(host, &alert.entity_value));
    if !is_told && !alert.entity_value.trim().is_empty() {
        rows.push(("About", format!("{} {}", alert.entity_kind, alert.entity_value)));
    }
    if let Some(name) = &alert.interface_name {
        rows.push(("Interface", name.clone()));
    }
    for (_, value) in &mut rows {
        *value = plain::of_one_line(mem::take(value));
    }
    rows.retain(|(_, value)| !value.is_empty());
    rows
}

/// "security/low_goodput, score 120".
pub fn sort(alert: &Alert) -> String {
    plain::of_one_line(format!("{}/{}, score {}", alert.category, alert.alert_type, alert.score))
}

/// When, of what sort, and from where: what stands in small letters beside an alert. A part that
/// there is nothing to say of is empty.
pub fn origin(alert: &Alert, context: &Context) -> [String; 4] {
    let producer = format!("by {}", plain::line(&alert.producer));
    [when(alert), sort(alert), producer, plain::line(&context.instance)]
}

/// How many alerts were left out before this one; `None` if none was.
pub fn left_out(omitted: u32) -> Option<String> {
    match omitted {
        0 => None,
        1 => Some("1 alert was left out before this one".to_owned()),
        count => Some(format!("{count} alerts were left out before this one")),
    }
}

/// "mount=/var, rack=b7": what title, text and `rows` do not tell already; empty where there is none.
pub fn labels(alert: &Alert, rows: &[(&'static str, String)]) -> String {
    let is_of_ntopng = alert.producer == "ntopng";
    let vlan = alert.flow.as_ref().and_then(|flow| flow.vlan);
    let is_protocol = |name: &str, value: &str| {
        name == "vlan" && vlan.is_some_and(|vlan| value == vlan.to_string())
    };
    let mut already = None;
    let mut labels = String::new();
    for (name, value) in &alert.labels {
        let is_known =
            is_of_ntopng && (INTERNAL.contains(&name.as_str()) || is_protocol(name, value));
        if value.is_empty() || is_known {
            continue;
        }
        let line = plain::line(value);
        let is_long = line.chars().nth(TOLD_CHARS_MIN - 1).is_some();
        if is_long && holds(already.get_or_insert_with(|| told(alert, rows)), &line) {
            continue;
        }
        if !labels.is_empty() {
            labels.push_str(", ");
        }
        labels.extend([name, "=", value]);
    }
    plain::of_one_line(labels)
}

/// What a reader has seen before the labels: lines, in which no value of a label can go on from one
/// to the next.
fn told(alert: &Alert, rows: &[(&'static str, String)]) -> String {
    let mut told = title(alert);
    let text = plain::line(cut::chars(&alert.text, TOLD_TEXT_CHARS_MAX));
    for line in iter::once(&text).chain(rows.iter().map(|(_, value)| value)) {
        told.push('\n');
        told.push_str(line);
    }
    told
}

/// As a word or as words of its own.
fn holds(text: &str, value: &str) -> bool {
    let Some(first) = value.chars().next() else { return false };
    // Cheaper than a searcher for the whole, which is made anew for each value.
    text.match_indices(first).any(|(at, _)| {
        let behind = text[at..].strip_prefix(value);
        behind.is_some_and(|behind| begins_word(&text[..at]) && ends(value, behind))
    })
}

fn label(alert: &Alert, purpose: Purpose) -> String {
    let label = match (alert.action, alert.severity) {
        (Action::Release, _) => "RESOLVED".to_owned(),
        (_, Severity::None) => String::new(),
        (_, severity) => severity.name().to_uppercase(),
    };
    match purpose {
        Purpose::Test | Purpose::Reminder if label.is_empty() => purpose.name().to_uppercase(),
        Purpose::Test | Purpose::Reminder => format!("{label} ({})", purpose.name()),
        Purpose::Live | Purpose::Digest | Purpose::Folded => label,
    }
}

pub(crate) fn title(alert: &Alert) -> String {
    let title = plain::line(&alert.title);
    if title.is_empty() { plain::line(&format!("Alert {}", alert.alert_type)) } else { title }
}

/// Whom it concerns, in the fewest words.
fn whom(alert: &Alert) -> String {
    let whom = match (&alert.flow, &alert.host) {
        (Some(flow), _) => format!("{} -> {}", address(&flow.client), address(&flow.server)),
        (None, Some(host)) => host.name.clone().unwrap_or_else(|| address(host)),
        (None, None) => match &alert.interface_name {
            // Its entity is a number.
            Some(name) if alert.entity_kind == INTERFACE => name.clone(),
            _ => alert.entity_value.clone(),
        },
    };
    plain::of_one_line(whom)
}

/// The text names whom it is about before anything else, by address or by name; of a flow both
/// sides, the client first. In doubt it does not: better twice than not at all.
fn begins_with_whom(text: &str, alert: &Alert) -> bool {
    // An IPv6 address with a port has one before it.
    let begins = |name: &String| {
        text.trim_start_matches('[')
            .strip_prefix(name.as_str())
            .is_some_and(|behind| ends(name, behind))
    };
    let holds = |name: &String| {
        let mut found = text.match_indices(name.as_str());
        found.any(|(at, _)| {
            at <= NEAR_BYTES_MAX && begins_word(&text[..at]) && ends(name, &text[at + name.len()..])
        })
    };
    match (&alert.flow, &alert.host) {
        (Some(flow), _) => {
            names(&flow.client).iter().any(begins) && names(&flow.server).iter().any(holds)
        }
        (None, Some(host)) => names(host).iter().any(begins),
        (None, None) => Some(whom(alert)).filter(|whom| !whom.is_empty()).iter().any(begins),
    }
}

/// What a text may call it by.
fn names(party: &Party) -> Vec<String> {
    let names = [Some(&party.ip), party.name.as_ref()];
    names
        .into_iter()
        .flatten()
        .map(|name| plain::line(name))
        .filter(|name| !name.is_empty())
        .collect()
}

/// No longer name goes on behind this one: "192.0.2.1" is not 192.0.2.10, "db" is not db.example.
fn ends(name: &str, behind: &str) -> bool {
    let mut behind = behind.chars();
    match behind.next() {
        Some('.') => !behind.next().is_some_and(is_of_name),
        // A port, but behind an IPv6 address more of that.
        Some(':') if name.contains(':') => !behind.next().is_some_and(is_of_name),
        Some(next) => !is_of_name(next),
        None => true,
    }
}

fn begins_word(before: &str) -> bool {
    !before.ends_with(|one| is_of_name(one) || matches!(one, '.' | ':'))
}

fn is_of_name(one: char) -> bool {
    one.is_alphanumeric() || matches!(one, '-' | '_')
}

/// "192.0.2.1:443 (web-1, CH, attacker)".
fn party(party: &Party) -> String {
    let mut told = address(party);
    let roles = [
        (party.is_attacker, "attacker"),
        (party.is_victim, "victim"),
        (party.is_blacklisted, "blacklisted"),
    ];
    let name = party.name.as_deref().filter(|name| *name != party.ip);
    let about = name.into_iter().chain(party.country.as_deref());
    let about = about.chain(roles.into_iter().filter(|(is_so, _)| *is_so).map(|(_, role)| role));
    let mut mark = " (";
    for one in about {
        told.extend([mark, one]);
        mark = ", ";
    }
    if mark == ", " {
        told.push(')');
    }
    told
}

/// The entity is this host: by its address, by that and ntopng's VLAN, or by its name.
fn is_entity(host: &Party, value: &str) -> bool {
    let is_address =
        value.strip_prefix(&host.ip).is_some_and(|rest| rest.is_empty() || rest.starts_with('@'));
    is_address || host.name.as_deref() == Some(value)
}

fn address(party: &Party) -> String {
    match party.port {
        Some(port) if party.ip.contains(':') => format!("[{}]:{port}", party.ip),
        Some(port) => format!("{}:{port}", party.ip),
        None => party.ip.clone(),
    }
}

/// "tcp, tls.youtube, VLAN 30, blocked".
fn protocol(flow: &Flow) -> String {
    let mut protocol = flow.transport.clone();
    if let Some(application) = &flow.application {
        protocol.extend([", ", application]);
    }
    // VLAN 0 is none.
    if let Some(vlan) = flow.vlan.filter(|vlan| *vlan > 0) {
        protocol.push_str(&format!(", VLAN {vlan}"));
    }
    if flow.blocked {
        protocol.push_str(", blocked");
    }
    protocol
}

/// When it was over, as far as its producer told that.
pub(crate) fn end(alert: &Alert) -> &Instant {
    alert.ended.as_ref().unwrap_or(&alert.received)
}

/// How long before `end` the engage was taken in: its id says so, where it is known.
fn since_engage(alert: &Alert, end: &Instant) -> Option<u64> {
    if alert.episode == alert.id {
        return None;
    }
    end.unix_ms.checked_sub(span::given_ms(&alert.episode)?).filter(|ms| *ms > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{alert, filled};

    #[test]
    fn labels_are_what_is_not_told_already() {
        let table = [
            // producer, name, value, whether it is shown
            ("diskwatch", "rack", "b7", true),
            ("diskwatch", "mount", "/var", false),
            ("diskwatch", "job", "Disk full", false),
            ("diskwatch", "unit", "db-1", false),
            // Not as a word of its own, and too short to tell.
            ("diskwatch", "unit", "db-", true),
            ("diskwatch", "job", "Disk", false),
            ("diskwatch", "job", "Disk f", true),
            ("diskwatch", "level", "97", true),
            ("diskwatch", "empty", "", false),
            ("diskwatch", "ifid", "3", true),
            ("ntopng", "ifid", "3", false),
            ("ntopng", "srv_network", "12", false),
            ("ntopng", "cli_os", "linux", true),
            ("ntopng", "vlan", "30", true),
        ];
        for (producer, name, value, is_shown) in table {
            let mut alert = alert();
            alert.producer = producer.into();
            alert.labels = vec![(name.into(), value.into())];
            let expected = if is_shown { format!("{name}={value}") } else { String::new() };
            assert_eq!(labels(&alert, &rows(&alert)), expected, "{producer} {name}={value}");
        }
    }

    #[test]
    fn a_label_in_a_row_or_far_in_a_text_is_told_where_it_is_seen() {
        let mut flow = filled("web.example");
        flow.producer = "ntopng".into();
        let vlan = |value: &str| ("vlan".to_owned(), value.to_owned());
        flow.labels = vec![("info".into(), "web.example".into()), vlan("4095")];
        assert_eq!(labels(&flow, &rows(&flow)), "");
        flow.labels = vec![vlan("409"), ("info".into(), "b.example".into())];
        assert_eq!(labels(&flow, &rows(&flow)), "vlan=409, info=b.example");
        let mut long = alert();
        long.labels = vec![("query".into(), "a.example".into())];
        long.text = format!("{} a.example", "x".repeat(TOLD_TEXT_CHARS_MAX - 10));
        assert_eq!(labels(&long, &rows(&long)), "");
        long.text.insert(0, 'x');
        assert_eq!(labels(&long, &rows(&long)), "query=a.example");
    }
}
