//! The parts of Block Kit that a message here is made of, and how much each takes.
//!
//! Promise: no object is built that Slack refuses for its length. Texts go into `plain_text`
//! objects, in which nothing is markup; `mrkdwn` is for words of our own, mentions and links.
//!
//! Source: <https://docs.slack.dev/reference/block-kit/blocks>.

use campanile_guest::mrkdwn;
use serde::Serialize;

/// Slack's own bounds, in characters and in counts.
pub(crate) const HEADER_MAX: usize = 150;
pub(crate) const SECTION_MAX: usize = 3000;
pub(crate) const FIELDS_MAX: usize = 10;
pub(crate) const ELEMENTS_MAX: usize = 10;

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Block {
    Header {
        text: Text,
    },
    Section {
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<Text>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        fields: Vec<Text>,
    },
    Context {
        elements: Vec<Text>,
    },
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Text {
    /// `emoji: false`: what looks like `:fire:` stays that.
    PlainText { text: String, emoji: bool },
    /// `verbatim: true`: no address, name or channel in it becomes a link.
    Mrkdwn { text: String, verbatim: bool },
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
        Self::Section { text: Some(text), fields: vec![] }
    }

    /// Names and values in two columns, one below the other where the screen is narrow.
    pub(crate) fn table<'a>(
        rows: impl Iterator<Item = (&'a str, String)>,
        value_max: usize,
    ) -> Self {
        let cells = rows.flat_map(|(name, value)| {
            [Text::markup(format!("*{name}*")), Text::plain(&value, value_max)]
        });
        Self::Section { text: None, fields: cells.take(FIELDS_MAX).collect() }
    }

    /// In small gray letters, one after the other.
    pub(crate) fn context(elements: impl Iterator<Item = Text>) -> Self {
        Self::Context { elements: elements.take(ELEMENTS_MAX).collect() }
    }
}
