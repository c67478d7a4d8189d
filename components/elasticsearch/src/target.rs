//! Where documents go: a data stream, an index for each day, or what the operator named.

use std::borrow::Cow;

use campanile_guest::Alert;
use campanile_guest::ecs::{self, DataStream};

/// The longest name of an index, in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 255;

/// What a day adds to a prefix: "-2026.11.24".
pub(crate) const DAY_BYTES: usize = 11;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Append-only, rolled over by the server.
    DataStream(String),
    Daily {
        prefix: String,
        pattern: DatePattern,
    },
    /// An index or an alias.
    Named(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DatePattern {
    /// "2026.11.24"
    Dots,
    /// "2026-11-24"
    Dashes,
}

impl Target {
    /// The name for this alert. Of the alert's own day, in UTC: a repeat after midnight finds what
    /// the first try stored.
    pub(crate) fn of(&self, alert: &Alert) -> Cow<'_, str> {
        match self {
            Self::DataStream(name) | Self::Named(name) => Cow::Borrowed(name),
            Self::Daily { prefix, pattern } => {
                let day = ecs::moment(alert).utc.get(..10).unwrap_or_default();
                Cow::Owned(match pattern {
                    DatePattern::Dots => format!("{prefix}-{}", day.replace('-', ".")),
                    DatePattern::Dashes => format!("{prefix}-{day}"),
                })
            }
        }
    }

    /// All that documents may go to, as a pattern.
    pub(crate) fn pattern(&self) -> Cow<'_, str> {
        match self {
            Self::DataStream(name) | Self::Named(name) => Cow::Borrowed(name),
            Self::Daily { prefix, .. } => Cow::Owned(format!("{prefix}-*")),
        }
    }

    pub(crate) fn is_data_stream(&self) -> bool {
        matches!(self, Self::DataStream(_))
    }

    /// The parts of a data stream's name, where it has those of the naming scheme.
    pub(crate) fn parts(&self) -> Option<DataStream<'_>> {
        const TYPES: [&str; 4] = ["logs", "metrics", "traces", "synthetics"];
        let Self::DataStream(name) = self else { return None };
        let (kind, rest) = name.split_once('-')?;
        // A namespace may have hyphens, a dataset none.
        let (dataset, namespace) = rest.split_once('-')?;
        let is_whole = TYPES.contains(&kind) && !dataset.is_empty() && !namespace.is_empty();
        is_whole.then_some(DataStream { kind, dataset, namespace })
    }
}

/// A name that an index may have, of at most `bytes_max` bytes.
pub(crate) fn is_name(name: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&name.len())
        && !name.starts_with(['-', '_', '+'])
        && !matches!(name, "." | "..")
        && !name.contains(|one: char| {
            one.is_uppercase()
                || one.is_whitespace()
                || one.is_control()
                || matches!(one, '\\' | '/' | '*' | '?' | '"' | '<' | '>' | '|' | ',' | '#' | ':')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_an_index_may_have() {
        let long = "\u{e9}".repeat(127);
        let table = [
            ("logs-ntopng.alerts-default", true),
            (".alerts", true),
            ("a", true),
            ("m\u{fc}nchen_1+2", true),
            (&long, true),
            ("", false),
            ("-a", false),
            ("_a", false),
            ("+a", false),
            (".", false),
            ("..", false),
            ("Alerts", false),
            ("\u{c9}", false),
            ("a b", false),
            ("a\tb", false),
            ("a\u{7f}", false),
            ("a/b", false),
            ("a\\b", false),
            ("a*", false),
            ("a?", false),
            ("a\"", false),
            ("<a-{now/d}>", false),
            ("a|b", false),
            ("a,b", false),
            ("a#b", false),
            ("cluster:a", false),
        ];
        for (name, expected) in table {
            assert_eq!(is_name(name, NAME_BYTES_MAX), expected, "{name:?}");
        }
        assert!(!is_name(&format!("{long}ab"), NAME_BYTES_MAX));
        assert!(is_name("abcd", 4) && !is_name("abcd", 3));
    }

    #[test]
    fn a_stream_of_the_naming_scheme_has_three_parts() {
        let table = [
            ("logs-ntopng.alerts-default", Some(("logs", "ntopng.alerts", "default"))),
            ("logs-a-b-c", Some(("logs", "a", "b-c"))),
            ("metrics-a-b", Some(("metrics", "a", "b"))),
            ("my-alerts-stream", None),
            ("logs-a", None),
            ("logs--b", None),
            ("logs-a-", None),
            ("alerts", None),
        ];
        for (name, expected) in table {
            let target = Target::DataStream(name.into());
            let parts = target.parts().map(|one| (one.kind, one.dataset, one.namespace));
            assert_eq!(parts, expected, "{name}");
            assert_eq!(Target::Named(name.into()).parts().map(|one| one.dataset), None);
        }
    }
}
