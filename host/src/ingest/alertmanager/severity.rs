//! What the label `severity` says, in the words that rule files use for it.

use crate::alert::Severity;

/// `None` for a word of the sender's own. Case does not count.
pub(super) fn named(word: &str) -> Option<Severity> {
    Some(match word.trim().to_ascii_lowercase().as_str() {
        "none" => Severity::None,
        "debug" => Severity::Debug,
        "info" | "information" | "informational" => Severity::Info,
        "notice" | "low" => Severity::Notice,
        "warning" | "warn" | "minor" | "medium" => Severity::Warning,
        "error" | "err" | "major" | "high" => Severity::Error,
        "critical" | "crit" | "page" | "fatal" => Severity::Critical,
        "alert" => Severity::Alert,
        "emergency" | "emerg" => Severity::Emergency,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_own_names_and_those_of_rule_files_are_known_in_any_case() {
        for one in Severity::ALL {
            assert_eq!(named(one.name()), Some(one));
        }
        let table = [
            ("page", Some(Severity::Critical)),
            ("CRITICAL", Some(Severity::Critical)),
            (" Warn ", Some(Severity::Warning)),
            ("major", Some(Severity::Error)),
            ("minor", Some(Severity::Warning)),
            ("low", Some(Severity::Notice)),
            ("informational", Some(Severity::Info)),
            ("sev1", None),
            ("", None),
        ];
        for (word, expected) in table {
            assert_eq!(named(word), expected, "{word:?}");
        }
    }
}
