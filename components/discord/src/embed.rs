//! The embed that tells of one alert: a colored box with a title, a text, names and values.
//!
//! Promise: the bytes depend on the alert and the context alone, and Discord's limits hold for any
//! alert: the bounds below, all spent, are within [`UNITS_MAX`]. Titles, descriptions and fields are
//! markdown, so what came with the alert is escaped in them; a footer is not.
//!
//! Source: <https://docs.discord.com/developers/resources/message#embed-limits>.

use campanile_guest::discord_markdown::{escaped, link, literal, units};
use campanile_guest::{Action, Alert, Context, color, story};
use serde::Serialize;

/// The most embeds in a message.
pub(crate) const EMBEDS_MAX: u32 = 10;
/// The most characters in all embeds of a message together.
pub(crate) const UNITS_MAX: usize = 6000;

/// Discord's bound.
const TITLE_MAX: usize = 256;
/// Discord takes 4096.
const DESCRIPTION_MAX: usize = 3000;
/// Discord takes 1024 in a field.
const VALUE_MAX: usize = 300;
const LABELS_MAX: usize = 600;
/// Discord takes 2048.
const FOOTER_MAX: usize = 400;
const OVER_MAX: usize = 250;
/// An address that is longer is left out.
const LINK_MAX: usize = 1000;

#[derive(Debug, Serialize)]
pub(crate) struct Embed {
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    color: u32,
    /// Which Discord shows in the zone of who reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Field>,
    footer: Footer,
}

#[derive(Debug, Serialize)]
struct Field {
    name: &'static str,
    value: String,
    /// Beside others, where there is room.
    inline: bool,
}

#[derive(Debug, Serialize)]
struct Footer {
    text: String,
}

impl Embed {
    pub(crate) fn of(alert: &Alert, context: &Context) -> Self {
        let rows = story::rows(alert);
        let mut fields: Vec<_> = rows
            .iter()
            .map(|(name, value)| Field { name, value: escaped(value, VALUE_MAX), inline: true })
            .collect();
        let labels = story::labels(alert, &rows);
        if !labels.is_empty() {
            let value = escaped(&labels, LABELS_MAX);
            fields.push(Field { name: "Labels", value, inline: false });
        }
        Self {
            title: escaped(&story::headline(alert, context.purpose), TITLE_MAX),
            description: description(alert),
            color: color::of(alert.action, alert.severity),
            timestamp: timestamp(alert),
            fields,
            footer: Footer { text: footer(alert, context) },
        }
    }

    /// What Discord counts of it.
    pub(crate) fn units(&self) -> usize {
        let fields = self.fields.iter().map(|one| units(one.name) + units(&one.value));
        units(&self.title)
            + units(&self.description)
            + units(&self.footer.text)
            + fields.sum::<usize>()
    }
}

/// That it is over, what the producer wrote, and where to read on. The link stands here and not at
/// the title: of embeds whose titles have the same address, Discord shows the first alone.
fn description(alert: &Alert) -> String {
    let over = story::over(alert).map(|over| escaped(&over, OVER_MAX));
    let page = alert.link.as_deref().and_then(|one| link(one, "Open the alert", LINK_MAX));
    let taken: usize = over.iter().chain(&page).map(|part| units(part) + 1).sum();
    let text = story::text(alert).map(|text| escaped(&text, DESCRIPTION_MAX - taken));
    let parts: Vec<_> = [over, text, page].into_iter().flatten().collect();
    parts.join("\n")
}

/// Of what sort, and from where. When it was Discord writes behind it; where it cannot, it stands
/// before.
fn footer(alert: &Alert, context: &Context) -> String {
    let from = usize::from(timestamp(alert).is_some());
    let parts = story::origin(alert, context).into_iter().skip(from);
    let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    literal(&parts.join(" \u{b7} "), FOOTER_MAX)
}

/// The moment that the alert speaks of; `None` for a year that ISO 8601 has no four digits for.
fn timestamp(alert: &Alert) -> Option<String> {
    let at = match alert.action {
        Action::Release => alert.ended.as_ref().unwrap_or(&alert.received),
        Action::Store | Action::Engage => &alert.time,
    };
    let is_usual =
        at.utc.len() == "2026-11-24T02:51:00.000Z".len() && at.utc.starts_with(char::is_numeric);
    is_usual.then(|| at.utc.clone())
}
