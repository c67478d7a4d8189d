//! The parts of Block Kit that a message here is made of, and how much each takes.
//!
//! Promise: no object is built that Slack refuses for its length. Texts go into `plain_text`
//! objects and into texts of `rich_text`, in which nothing is markup; `mrkdwn` is for mentions and
//! links.
//!
//! Source: <https://docs.slack.dev/reference/block-kit/blocks>.

use campanile_guest::mrkdwn;
use serde::Serialize;

/// Slack's own bounds, in characters and in counts.
pub(crate) const HEADER_MAX: usize = 150;
pub(crate) const SECTION_MAX: usize = 3000;
pub(crate) const ELEMENTS_MAX: usize = 10;

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Block {
    Header { text: Text },
    Section { text: Text },
    RichText { elements: [Rich; 1] },
    Context { elements: Vec<Text> },
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Text {
    /// `emoji: false`: what looks like `:fire:` stays that.
    PlainText { text: String, emoji: bool },
    /// `verbatim: true`: no address, name or channel in it becomes a link.
    Mrkdwn { text: String, verbatim: bool },
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Rich {
    RichTextSection { elements: Vec<Run> },
}

/// Letters of one style, shown as they are: a link, a mention or an emoji is a type of its own there.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Run {
    Text {
        text: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        style: Option<Style>,
    },
}

#[derive(Debug, Serialize)]
pub(crate) struct Style {
    bold: bool,
}

impl Text {
    /// Anything at all, cut to `max`.
    pub(crate) fn plain(text: &str, max: usize) -> Self {
        Self::PlainText { text: mrkdwn::literal(text, max), emoji: false }
    }

    /// Markup: nothing that came with an alert, but by `mrkdwn::escaped` and `mrkdwn::link`.
    pub(crate) fn markup(text: String) -> Self {
        Self::Mrkdwn { text, verbatim: true }
    }
}

impl Block {
    /// In large letters.
    pub(crate) fn header(text: &str) -> Self {
        Self::Header { text: Text::plain(text, HEADER_MAX) }
    }

    pub(crate) fn section(text: Text) -> Self {
        Self::Section { text }
    }

    /// A name in bold and its value in each line, whatever the width of the screen.
    pub(crate) fn table<'a>(
        rows: impl Iterator<Item = (&'a str, String)>,
        value_max: usize,
    ) -> Self {
        let mut runs = vec![];
        for (at, (name, value)) in rows.enumerate() {
            let begin = if at == 0 { "" } else { "\n" };
            let name = format!("{begin}{name}");
            runs.push(Run::Text { text: name, style: Some(Style { bold: true }) });
            let value = format!("  {}", mrkdwn::literal(&value, value_max));
            runs.push(Run::Text { text: value, style: None });
        }
        Self::RichText { elements: [Rich::RichTextSection { elements: runs }] }
    }

    /// In small gray letters, one after the other.
    pub(crate) fn context(elements: impl Iterator<Item = Text>) -> Self {
        Self::Context { elements: elements.take(ELEMENTS_MAX).collect() }
    }
}
