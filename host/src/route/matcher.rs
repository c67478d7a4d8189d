//! Matchers of labels and of text.

use regex::{Regex, RegexBuilder};

/// Memory that one compiled expression may take, so that a thousand recipients stay affordable.
const REGEX_BYTES_MAX: usize = 256 << 10;

/// One matcher of a label, as Alertmanager writes them.
#[derive(Clone, Debug)]
pub(super) struct Matcher {
    label: String,
    wants: Wants,
    /// As it was written.
    pub(super) written: String,
}

#[derive(Clone, Debug)]
enum Wants {
    Equal(String),
    NotEqual(String),
    Like(Regex),
    NotLike(Regex),
}

impl Matcher {
    /// Reads `label="value"`, and the same with `!=`, `=~` and `!~`; quotes may be left out.
    pub(super) fn read(written: &str) -> Result<Self, String> {
        const EXPECTED: &str =
            "expected `label=\"value\"`, or with `!=`, `=~` (a regular expression) or `!~`";
        let at = written.find(['=', '!']).ok_or(EXPECTED)?;
        let (label, rest) = written.split_at(at);
        let label = label.trim();
        let is_label = !label.is_empty() && !label.contains(|c: char| c.is_control() || c == '"');
        let (operator, value) = rest.split_at_checked(2).unwrap_or((rest, ""));
        let (operator, value) = match operator {
            "!=" | "=~" | "!~" => (operator, value),
            _ if rest.starts_with('=') => ("=", &rest[1..]),
            _ => return Err(EXPECTED.to_owned()),
        };
        let value = unquoted(value.trim()).filter(|_| is_label).ok_or(EXPECTED)?;
        // A regular expression is of the whole value.
        let whole = || expression(&format!("^(?:{value})$"), false);
        let wants = match operator {
            "=" => Wants::Equal(value.clone()),
            "!=" => Wants::NotEqual(value.clone()),
            "=~" => Wants::Like(whole()?),
            _ => Wants::NotLike(whole()?),
        };
        Ok(Self { label: label.to_owned(), wants, written: written.to_owned() })
    }

    pub(super) fn holds(&self, labels: &[(String, String)]) -> bool {
        let value = value_of(labels, &self.label);
        match &self.wants {
            Wants::Equal(wanted) => value == wanted,
            Wants::NotEqual(other) => value != other,
            Wants::Like(wanted) => wanted.is_match(value),
            Wants::NotLike(other) => !other.is_match(value),
        }
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }
}

/// The value of a label; empty where there is none.
pub(super) fn value_of<'a>(labels: &'a [(String, String)], label: &str) -> &'a str {
    labels.iter().find(|(name, _)| name == label).map_or("", |(_, value)| value)
}

/// `^` and `$` are the ends of the text. `Err` says what is expected.
pub(super) fn expression(written: &str, in_any_case: bool) -> Result<Regex, String> {
    RegexBuilder::new(written)
        .case_insensitive(in_any_case)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "expected a smaller regular expression".to_owned(),
            _ => "expected a regular expression, as Rust's crate `regex` reads them".to_owned(),
        })
}

fn unquoted(text: &str) -> Option<String> {
    match text.strip_prefix('"') {
        None => (!text.contains('"')).then(|| text.to_owned()),
        // JSON has the same escapes.
        Some(_) => serde_json::from_str(text).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matcher_compares_the_whole_value_and_an_absent_label_is_empty() {
        let labels =
            [("team".to_owned(), "db".to_owned()), ("env".to_owned(), "prod-1".to_owned())];
        let table = [
            (r#"team="db""#, Some(true)),
            ("team=db", Some(true)),
            (" team = db ", Some(true)),
            (r#"team="d""#, Some(false)),
            (r#"team!="db""#, Some(false)),
            (r#"team!="web""#, Some(true)),
            (r#"env=~"prod.*""#, Some(true)),
            (r#"env=~"prod""#, Some(false)),
            (r#"env=~"dev|prod-1""#, Some(true)),
            (r#"env!~"prod.*""#, Some(false)),
            (r#"none="""#, Some(true)),
            ("none=", Some(true)),
            (r#"none!="""#, Some(false)),
            (r#"none=~".+""#, Some(false)),
            (r#"team="d\u0062""#, Some(true)),
            ("team", None),
            ("=x", None),
            ("team!db", None),
            (r#"team="db"#, None),
            (r#"team=d"b"#, None),
            (r#"team=~"(""#, None),
            (r#"team=~"x{1000}{1000}""#, None),
        ];
        for (written, expected) in table {
            let found = Matcher::read(written).ok().map(|matcher| matcher.holds(&labels));
            assert_eq!(found, expected, "{written}");
        }
    }
}
