//! Builds the alert that TheHive gets, and what changes in it when the condition is over.
//!
//! Promise: the bytes depend on the alert, the context and the settings alone, and TheHive's limits
//! hold for any alert.
//!
//! `sourceRef` is the id of the episode: the same in every attempt, so that TheHive takes an alert
//! once, and another when the condition is raised again after its end.

use campanile_guest::{
    Action, Alert, Context, Formatted, Message, Purpose, Severity, Subject, cut, plain, release,
    story,
};
use serde::Serialize;
use serde_json::Value;

use crate::markdown::escaped;
use crate::observables::{self, Observable};
use crate::settings::{OnRelease, Settings, TAG_MAX, TYPE_MAX};

/// TheHive's own bounds, in characters.
const TITLE_MAX: usize = 512;
const DESCRIPTION_MAX: usize = 1_048_576;
const LINK_MAX: usize = 4096;

/// Our own, far within that of the whole.
const VALUE_MAX: usize = 1000;
const LABELS_MAX: usize = 20_000;
const SUMMARY_CHARS_MAX: usize = 200;

/// The note, and the header, that says who is asking; `deliver` is not told by itself.
pub(crate) const USER_AGENT: &str = "user-agent";
/// The note of the alert that a release changes, by TheHive's id.
pub(crate) const ALERT_ID: &str = "alert-id";
/// The note of what a release changes in the alert, where it is still to be found.
pub(crate) const UPDATE: &str = "update";

/// The tag of an alert whose condition is over.
const RELEASED: &str = "released";

/// One message for each alert that is to be told.
pub(crate) fn pack(subjects: &[Subject], context: &Context, settings: &Settings) -> Formatted {
    let mut formatted = Formatted { messages: vec![], skipped: vec![], rejected: vec![] };
    for (at, subject) in (0_u32..).zip(subjects) {
        if subject.alert.action == Action::Release && settings.on_release == OnRelease::None {
            formatted.skipped.push(release::untold(at));
        } else {
            formatted.messages.push(message(at, subject, context, settings));
        }
    }
    formatted
}

/// An id that may stand in a path: `~122884120`.
pub(crate) fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"~-_".contains(&byte))
}

fn message(at: u32, subject: &Subject, context: &Context, settings: &Settings) -> Message {
    let alert = &subject.alert;
    let notice = story::notice(alert, context.purpose);
    let mut notes = vec![(USER_AGENT.to_owned(), context.engine.clone())];
    let previous = subject.previous.as_deref().filter(|id| is_id(id));
    let update = (alert.action == Action::Release).then(|| update(alert, settings));
    let body = match (update, previous) {
        (Some(update), Some(id)) => {
            notes.push((ALERT_ID.into(), id.to_owned()));
            update
        }
        // Not known by its id: it is created as over, unless TheHive turns out to have it.
        (update, _) => {
            let update = update.map(|update| String::from_utf8_lossy(&update).into_owned());
            notes.extend(update.map(|update| (UPDATE.to_owned(), update)));
            json_of(&create(alert, context, settings))
        }
    };
    Message {
        alerts: vec![at],
        summary: cut::chars(&notice, SUMMARY_CHARS_MAX).to_owned(),
        content_type: "application/json".into(),
        body,
        notes,
        // TheHive takes a `sourceRef` once, and a tag twice is there once.
        repeat_safe_ms: u32::MAX,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Create<'a> {
    r#type: String,
    source: String,
    source_ref: &'a str,
    title: String,
    description: String,
    severity: u32,
    date: u64,
    tags: Vec<String>,
    tlp: u32,
    pap: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_link: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    case_template: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    custom_fields: Vec<CustomField<'a>>,
    observables: Vec<Observable>,
}

#[derive(Serialize)]
struct CustomField<'a> {
    name: &'a str,
    value: &'a Value,
}

fn create<'a>(alert: &'a Alert, context: &Context, settings: &'a Settings) -> Create<'a> {
    let named = |set: &Option<String>, told: &str, else_: &str| {
        let name = plain::line(set.as_deref().unwrap_or(told));
        if name.is_empty() { else_.to_owned() } else { cut::utf16(&name, TYPE_MAX).to_owned() }
    };
    let (headline, rows) = (story::headline(alert, context.purpose), story::rows(alert));
    let fields = settings.custom_fields.iter();
    let severity = settings.severity.unwrap_or_else(|| severity(alert));
    Create {
        r#type: named(&settings.r#type, &alert.producer, "alert"),
        source: named(&settings.source, &context.instance, "campanile"),
        source_ref: &alert.episode,
        title: cut::short(&title(&headline, &rows), TITLE_MAX),
        description: description(alert, context, &headline, &rows),
        severity,
        date: alert.time.unix_ms,
        tags: tags(alert, context, settings),
        tlp: settings.tlp,
        pap: settings.pap,
        external_link: alert.link.as_deref().filter(|link| plain::is_address(link, LINK_MAX)),
        case_template: settings.case_template.as_deref(),
        custom_fields: fields.map(|(name, value)| CustomField { name, value }).collect(),
        observables: observables::of(alert, settings),
    }
}

/// How bad, what, and whom it concerns; all else is in the description.
fn title(headline: &str, rows: &[(&str, String)]) -> String {
    // Without names and roles, which stand behind the address.
    let address = |party: &str| party.split(" (").next().unwrap_or_default().to_owned();
    match rows {
        [] => headline.to_owned(),
        [("From", client), ("To", server), ..] => {
            format!("{headline}: {} -> {}", address(client), address(server))
        }
        [(_, whom), ..] => format!("{headline}: {whom}"),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Update<'a> {
    add_tags: [&'static str; 1],
    summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
}

fn update(alert: &Alert, settings: &Settings) -> Vec<u8> {
    let summary = escaped(&story::over(alert).unwrap_or_default(), DESCRIPTION_MAX);
    let status = settings.release_status.as_deref();
    json_of(&Update { add_tags: [RELEASED], summary, status })
}

/// 1 low, 2 medium, 3 high, 4 critical. What is over is no longer any of the latter.
fn severity(alert: &Alert) -> u32 {
    match (alert.action, alert.severity) {
        (Action::Release, _)
        | (_, Severity::None | Severity::Debug | Severity::Info | Severity::Notice) => 1,
        (_, Severity::Warning) => 2,
        (_, Severity::Error) => 3,
        (_, Severity::Critical | Severity::Alert | Severity::Emergency) => 4,
    }
}

/// Each once: TheHive wants them so.
fn tags(alert: &Alert, context: &Context, settings: &Settings) -> Vec<String> {
    let mut tags: Vec<String> = vec![];
    let told = [&alert.producer, &alert.category, &alert.alert_type].map(String::as_str);
    let state = [
        Some(alert.severity.name()),
        (alert.action == Action::Release).then_some(RELEASED),
        (context.purpose == Purpose::Test).then_some("test"),
    ];
    let set = settings.tags.iter().map(String::as_str);
    for tag in told.into_iter().chain(state.into_iter().flatten()).chain(set) {
        let tag = cut::short(&plain::line(tag), TAG_MAX);
        if !tag.is_empty() && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}

/// What happened, in Markdown: what was said of it, then names and values, then labels.
fn description(
    alert: &Alert,
    context: &Context,
    headline: &str,
    rows: &[(&'static str, String)],
) -> String {
    let mut head = ["**", &escaped(headline, VALUE_MAX), "**\n\n"].concat();
    if let Some(over) = story::over(alert) {
        head.push_str(&escaped(&over, VALUE_MAX));
        head.push_str("\n\n");
    }
    let mut tail = String::from("| | |\n|---|---|\n");
    // `value`: one line.
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            for part in ["| ", name, " | ", &escaped(value, VALUE_MAX), " |\n"] {
                tail.push_str(part);
            }
        }
    };
    for (name, value) in rows {
        row(name, value);
    }
    row("When", &story::when(alert));
    row("Type", &story::sort(alert));
    row("Producer", &plain::line(&alert.producer));
    row("Instance", &plain::line(&context.instance));
    if context.omitted > 0 {
        row("Alerts left out before this one", &context.omitted.to_string());
    }
    let labels = story::labels(alert, rows);
    if !labels.is_empty() {
        for part in ["\nLabels: ", &escaped(&labels, LABELS_MAX), "\n"] {
            tail.push_str(part);
        }
    }
    if let Some(text) = story::text(alert) {
        let units = |text: &str| text.encode_utf16().count();
        let room = DESCRIPTION_MAX.saturating_sub(units(&head) + units(&tail) + 2);
        head.push_str(&escaped(&text, room));
        head.push_str("\n\n");
    }
    head + &tail
}

fn json_of(value: &impl Serialize) -> Vec<u8> {
    // Into memory, and only strings, numbers and lists: this cannot fail.
    let written = serde_json::to_vec(value);
    debug_assert!(written.is_ok(), "an alert is always JSON: {written:?}");
    written.unwrap_or_default()
}

#[cfg(test)]
mod tests;
