//! The parts of an Adaptive Card that a message here is made of.
//!
//! Promise: nothing that came with an alert is markup in them.
//!
//! Source: <https://adaptivecards.io/explorer/>. No `Action.Submit`: webhooks do not have it.

use campanile_guest::card_markdown::escaped;
use campanile_guest::{Action, Alert, Context, Purpose, Severity, story, uri};
use serde::Serialize;

use crate::settings::Mention;

const HEADLINE_MAX: usize = 300;
const SHORT_MAX: usize = 300;
/// An address that is longer, in bytes, is left out.
const ADDRESS_MAX: usize = 2000;
/// Beyond these, names and values are left out; the words of an alert have fewer.
const FACTS_MAX: usize = 20;

#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub(crate) enum Element {
    #[serde(rename_all = "camelCase")]
    TextBlock {
        text: String,
        wrap: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        size: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        weight: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        color: Option<&'static str>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_subtle: bool,
    },
    FactSet {
        facts: Vec<Fact>,
    },
    Container {
        separator: bool,
        items: Vec<Element>,
    },
    ActionSet {
        actions: Vec<OpenUrl>,
    },
}

#[derive(Debug, Serialize)]
pub(crate) struct Fact {
    title: &'static str,
    value: String,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "Action.OpenUrl")]
pub(crate) struct OpenUrl {
    title: &'static str,
    url: String,
}

/// How much of an alert is told, in UTF-16 code units. 0: nothing of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) text: usize,
    pub(crate) labels: usize,
    pub(crate) value: usize,
}

/// In large letters.
pub(crate) fn title(text: &str, color: &'static str) -> Element {
    headed(text, "Large", color)
}

/// Calls members: Teams replaces what stands in `<at>` where an entity says who that is.
pub(crate) fn call(mention: &[Mention]) -> Element {
    let calls: Vec<_> = mention.iter().map(at).collect();
    block(calls.join(" "))
}

pub(crate) fn at(mention: &Mention) -> String {
    format!("<at>{}</at>", mention.name)
}

/// A remark of our own.
pub(crate) fn remark(text: String) -> Element {
    subtle(text)
}

/// An alert that stands alone, without the button.
pub(crate) fn whole(
    alert: &Alert,
    context: &Context,
    call: Option<Element>,
    bounds: Bounds,
) -> Vec<Element> {
    let mut parts = vec![title(&story::headline(alert, context.purpose), color(alert))];
    parts.extend(call);
    parts.extend(details(alert, context, bounds));
    parts
}

/// An alert beside others.
pub(crate) fn section(alert: &Alert, context: &Context, bounds: Bounds) -> Element {
    let mut items = vec![headed(&story::headline(alert, context.purpose), "Medium", color(alert))];
    items.extend(details(alert, context, bounds));
    if let Some(open) = open(alert) {
        items.push(Element::ActionSet { actions: vec![open] });
    }
    Element::Container { separator: true, items }
}

/// The button that leads to the alert's page.
pub(crate) fn open(alert: &Alert) -> Option<OpenUrl> {
    let url = uri::of_web(alert.link.as_deref()?).filter(|url| url.len() <= ADDRESS_MAX)?;
    Some(OpenUrl { title: "Open the alert", url })
}

/// What a client shows that cannot show the card, at most `max` UTF-16 code units.
pub(crate) fn fallback(alert: &Alert, purpose: Purpose, max: usize) -> String {
    escaped(&story::notice(alert, purpose), max)
}

fn details(alert: &Alert, context: &Context, bounds: Bounds) -> Vec<Element> {
    let mut parts = vec![];
    if let Some(over) = story::over(alert) {
        parts.push(block(escaped(&over, SHORT_MAX)));
    }
    if let Some(text) = story::text(alert).filter(|_| bounds.text > 0) {
        parts.push(block(escaped(&text, bounds.text)));
    }
    let rows = story::rows(alert);
    let facts: Vec<_> = rows
        .iter()
        .filter(|_| bounds.value > 0)
        .take(FACTS_MAX)
        .map(|(title, value)| Fact { title, value: escaped(value, bounds.value) })
        .collect();
    if !facts.is_empty() {
        parts.push(Element::FactSet { facts });
    }
    parts.push(subtle(origin(alert, context)));
    let labels = story::labels(alert, &rows);
    if !labels.is_empty() && bounds.labels > 0 {
        parts.push(subtle(escaped(&labels, bounds.labels)));
    }
    parts
}

/// When, of what sort, and from where.
fn origin(alert: &Alert, context: &Context) -> String {
    let parts: Vec<_> = story::origin(alert, context)
        .iter()
        .filter(|part| !part.is_empty())
        .map(|part| escaped(part, SHORT_MAX / 2))
        .collect();
    parts.join(" \u{b7} ")
}

/// The color of a headline, among the seven that cards have.
pub(crate) fn color(alert: &Alert) -> &'static str {
    match (alert.action, alert.severity) {
        (Action::Release, _) => "Good",
        (_, Severity::None | Severity::Debug) => "Default",
        (_, Severity::Info | Severity::Notice) => "Accent",
        (_, Severity::Warning) => "Warning",
        (_, Severity::Error | Severity::Critical | Severity::Alert | Severity::Emergency) => {
            "Attention"
        }
    }
}

fn headed(text: &str, size: &'static str, color: &'static str) -> Element {
    let text = escaped(text, HEADLINE_MAX);
    let (size, weight, color) = (Some(size), Some("Bolder"), Some(color));
    Element::TextBlock { text, wrap: true, size, weight, color, is_subtle: false }
}

/// `text` is markup already.
fn block(text: String) -> Element {
    let (size, weight, color) = (None, None, None);
    Element::TextBlock { text, wrap: true, size, weight, color, is_subtle: false }
}

/// Small and gray. `text` is markup already.
fn subtle(text: String) -> Element {
    let (size, weight, color) = (Some("Small"), None, None);
    Element::TextBlock { text, wrap: true, size, weight, color, is_subtle: true }
}
