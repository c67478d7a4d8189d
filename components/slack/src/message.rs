//! Makes an alert a message of blocks, and a message a request.
//!
//! Promise: the bytes depend on the alert, the recipient's zone and the settings alone.

use campanile_guest::{
    Action, Alert, Coding, Context, Filling, Flow, Message, Method, Party, Purpose, Request,
    Severity, Subject, cut,
};
use serde_json::{Value, json};

use crate::blocks::{self, SUM_MAX, TEXT_MAX, escape, one_line, plain};
use crate::settings::Settings;

const SUMMARY_CHARS_MAX: usize = 200;
const LINK_BYTES_MAX: usize = 2000;
const RELEASED: &str = "#2ECC71";

/// One alert, one message.
pub(crate) fn tell(at: u32, subject: &Subject, context: &Context, settings: &Settings) -> Message {
    let alert = &subject.alert;
    let title = title(alert, context.purpose);
    let mut body = json!({
        "text": notification(alert, &title, settings),
        "unfurl_links": false,
        "unfurl_media": false,
        "attachments": [{ "color": color(alert), "blocks": blocks(alert, &title, context) }],
    });
    if let Some(name) = &settings.sender_username {
        body["username"] = plain(name, 80).into();
    }
    if let Some(text) = called(alert, settings) {
        // Outside of the attachment, so that it calls.
        let text = json!({ "type": "mrkdwn", "text": text });
        body["blocks"] = json!([{ "type": "section", "text": text }]);
    }
    Message {
        alerts: vec![at],
        summary: cut::chars(&one_line(&title), SUMMARY_CHARS_MAX).to_owned(),
        content_type: "application/json".into(),
        body: body.to_string().into_bytes(),
        notes: vec![(USER_AGENT.into(), context.engine.clone())],
        // A webhook knows no key of a message: the same again is shown again.
        repeat_safe_ms: 0,
    }
}

/// The POST that hands a message over.
pub(crate) fn request(message: Message, settings: &Settings) -> Request {
    let agent = message.notes.into_iter().find(|(name, _)| name == USER_AGENT);
    let kind = ("content-type".to_owned(), "application/json; charset=utf-8".to_owned());
    Request {
        headers: agent.into_iter().chain([kind]).collect(),
        body: message.body,
        ..bare(settings)
    }
}

/// An empty message, which a webhook refuses without showing anything.
pub(crate) fn probe(settings: &Settings) -> Request {
    let kind = ("content-type".to_owned(), "application/json; charset=utf-8".to_owned());
    Request { headers: vec![kind], body: b"{}".to_vec(), ..bare(settings) }
}

/// The note, and the header, that says who is asking; `deliver` is not told by itself.
const USER_AGENT: &str = "user-agent";

fn bare(settings: &Settings) -> Request {
    Request {
        method: Method::Post,
        url: settings.webhook_url.clone(),
        headers: vec![],
        body: vec![],
        filling: Filling::None,
        coding: Coding::Identity,
        timeout_ms: Some(settings.timeout_ms),
    }
}

/// What happened, in a few words: `ERROR: Low Goodput`, `RESOLVED: Low Goodput`.
fn title(alert: &Alert, purpose: Purpose) -> String {
    let word = match (purpose, alert.action) {
        (Purpose::Test, _) => "TEST".to_owned(),
        (_, Action::Release) => "RESOLVED".to_owned(),
        _ => alert.severity.name().to_uppercase(),
    };
    format!("{word}: {}", one_line(&alert.title))
}

/// What a notification shows, and clients without blocks.
fn notification(alert: &Alert, title: &str, settings: &Settings) -> String {
    let mut text = String::new();
    if let Some(called) = called(alert, settings) {
        text.push_str(&called);
        text.push(' ');
    }
    let about = match (&alert.flow, &alert.host) {
        (Some(flow), _) => format!(" {} -> {}", side(&flow.client), side(&flow.server)),
        (None, Some(host)) => format!(" {}", side(host)),
        (None, None) => format!(" {}", alert.entity_value),
    };
    let left = TEXT_MAX.saturating_sub(text.chars().count());
    text.push_str(&escape(&one_line(&format!("{title}{about}")), left));
    text
}

/// Nobody is called because something is over.
fn called(alert: &Alert, settings: &Settings) -> Option<String> {
    if settings.mention.is_empty() || alert.action == Action::Release {
        return None;
    }
    let mention = |one: &String| match one.as_str() {
        "here" | "channel" => format!("<!{one}>"),
        group if group.starts_with('S') => format!("<!subteam^{group}>"),
        member => format!("<@{member}>"),
    };
    Some(settings.mention.iter().map(mention).collect::<Vec<_>>().join(" "))
}

fn color(alert: &Alert) -> &'static str {
    if alert.action == Action::Release {
        return RELEASED;
    }
    match alert.severity {
        Severity::None | Severity::Debug => "#95A5A6",
        Severity::Info => "#3498DB",
        Severity::Notice => "#1ABC9C",
        Severity::Warning => "#F1C40F",
        Severity::Error => "#E67E22",
        Severity::Critical | Severity::Alert => "#E74C3C",
        Severity::Emergency => "#8E44AD",
    }
}

fn blocks(alert: &Alert, title: &str, context: &Context) -> Vec<Value> {
    let header = blocks::header(title);
    let facts = blocks::fields(&facts(alert));
    let end = blocks::context(&end(alert, context));
    let mut all = vec![header];
    let used =
        count(&all) + count(std::slice::from_ref(&facts)) + count(std::slice::from_ref(&end));
    let text = alert.text.trim();
    if !text.is_empty() && text != alert.title {
        // What is left of the sum is for the text; `section` cuts it at its own limit.
        all.push(blocks::section(&plain(text, SUM_MAX.saturating_sub(used))));
    }
    all.extend([facts, end]);
    all
}

/// Who talks to whom, and what it is about.
fn facts(alert: &Alert) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(flow) = &alert.flow {
        facts.push(("Client", party(&flow.client)));
        facts.push(("Server", party(&flow.server)));
        facts.push(("Protocol", protocol(flow)));
    } else if let Some(host) = &alert.host {
        facts.push(("Host", party(host)));
    } else {
        let kind = if alert.entity_kind.is_empty() { "entity" } else { &alert.entity_kind };
        facts.push(("About", format!("{kind} {}", alert.entity_value)));
    }
    if let Some(name) = &alert.interface_name {
        facts.push(("Interface", name.clone()));
    }
    facts.push(("Category", alert.category.clone()));
    facts.push(("Score", alert.score.to_string()));
    if let Some(ended) = alert.ended.as_ref().filter(|_| alert.action == Action::Release) {
        let lasted = ended.unix_ms.saturating_sub(alert.time.unix_ms) / 1000;
        facts.push(("Lasted", duration(lasted)));
    }
    facts.retain(|(_, value)| !value.trim().is_empty());
    facts
}

fn party(party: &Party) -> String {
    let mut text = side(party);
    if let Some(name) = party.name.as_ref().filter(|name| **name != party.ip && !name.is_empty()) {
        text += &format!(" ({name})");
    }
    for (is, word) in [
        (party.is_attacker, "attacker"),
        (party.is_victim, "victim"),
        (party.is_blacklisted, "blacklisted"),
    ] {
        if is {
            text += &format!(", {word}");
        }
    }
    text
}

fn side(party: &Party) -> String {
    match party.port {
        Some(port) if party.ip.contains(':') => format!("[{}]:{port}", party.ip),
        Some(port) => format!("{}:{port}", party.ip),
        None => party.ip.clone(),
    }
}

fn protocol(flow: &Flow) -> String {
    match &flow.application {
        Some(application) => format!("{} {application}", flow.transport),
        None => flow.transport.clone(),
    }
}

/// When, where from, and the way to more.
fn end(alert: &Alert, context: &Context) -> Vec<String> {
    let short = |text: &str| escape(&one_line(text), 200);
    let mut parts = vec![short(&format!("{} @ {}", alert.producer, context.instance))];
    let began = if alert.action == Action::Release { "since " } else { "" };
    parts.push(short(&format!("{began}{}", moment(&alert.time.local))));
    parts.extend(alert.link.as_deref().and_then(link));
    if context.omitted > 0 {
        parts.push(format!("{} more left out", context.omitted));
    }
    parts
}

/// An instant of RFC 3339 as people write it, to the second: `2026-11-24 03:51:00 +01:00`.
fn moment(text: &str) -> String {
    match (text.split_at_checked(19), text.rfind(['+', '-', 'Z'])) {
        (Some((second, _)), Some(at)) if at >= 19 => {
            format!("{} {}", second.replace('T', " "), text[at..].replace('Z', "UTC"))
        }
        _ => text.to_owned(),
    }
}

/// A link that opens; one that could end early or is not of the web is none.
fn link(url: &str) -> Option<String> {
    let is_good = url.len() <= LINK_BYTES_MAX
        && ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme))
        && !url.contains(|c: char| matches!(c, '<' | '>' | '|' | ' ') || c.is_control());
    is_good.then(|| format!("<{}|open>", url.replace('&', "&amp;")))
}

/// `2 h 5 min`; the two largest units.
fn duration(seconds: u64) -> String {
    let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let mut left = seconds;
    let mut parts = Vec::new();
    for (name, size) in units {
        if left >= size {
            parts.push(format!("{} {name}", left / size));
            left %= size;
        }
    }
    parts.truncate(2);
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

/// Characters of all texts in blocks.
fn count(blocks: &[Value]) -> usize {
    let mut sum = 0;
    let mut open: Vec<&Value> = blocks.iter().collect();
    while let Some(one) = open.pop() {
        match one {
            Value::Object(map) => {
                if let Some(Value::String(text)) = map.get("text") {
                    sum += text.chars().count();
                }
                open.extend(map.values());
            }
            Value::Array(list) => open.extend(list),
            _ => {}
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_told_by_its_two_largest_units() {
        let table =
            [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_725, "1 h 2 min"), (90_061, "1 d 1 h")];
        for (seconds, expected) in table {
            assert_eq!(duration(seconds), expected);
        }
    }

    #[test]
    fn an_instant_is_told_to_the_second_with_its_offset() {
        let table = [
            ("2026-11-24T03:51:00.250+01:00", "2026-11-24 03:51:00 +01:00"),
            ("2026-11-24T03:51:00-05:00", "2026-11-24 03:51:00 -05:00"),
            ("2026-11-24T03:51:00.25Z", "2026-11-24 03:51:00 UTC"),
            ("soon", "soon"),
        ];
        for (text, expected) in table {
            assert_eq!(moment(text), expected);
        }
    }

    #[test]
    fn only_a_link_that_cannot_end_early_is_one() {
        assert_eq!(link("https://a/?b&c").as_deref(), Some("<https://a/?b&amp;c|open>"));
        for url in ["javascript:alert(1)", "https://a/|x", "https://a/>", "https://a b", "ftp://a"]
        {
            assert_eq!(link(url), None, "{url}");
        }
    }
}
