//! Matchers of labels.

use super::expression::Expression;

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
    Like(Expression),
    NotLike(Expression),
}

impl Matcher {
    /// Reads `label="value"`, and the same with `!=`, `=~` and `!~`; quotes may be left out.
    pub(super) fn read(written: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected one matcher: `label=\"value\"`, or with `!=`, `=~` (a \
                                regular expression) or `!~`";
        let at = written.find(['=', '!']).ok_or(EXPECTED)?;
        let (label, rest) = written.split_at(at);
        let label = label.trim();
        let is_label = |one: char| !one.is_control() && !"{},~\"".contains(one);
        let (operator, value) = rest.split_at_checked(2).unwrap_or((rest, ""));
        let (operator, value) = match operator {
            "!=" | "=~" | "!~" => (operator, value),
            _ if rest.starts_with('=') => ("=", &rest[1..]),
            _ => return Err(EXPECTED.to_owned()),
        };
        let is_label = !label.is_empty() && label.chars().all(is_label);
        let value = value_written(value.trim()).filter(|_| is_label).ok_or(EXPECTED)?;
        let wants = match operator {
            "=" => Wants::Equal(value),
            "!=" => Wants::NotEqual(value),
            "=~" => Wants::Like(whole(&value)?),
            _ => Wants::NotLike(whole(&value)?),
        };
        Ok(Self { label: label.to_owned(), wants, written: written.trim().to_owned() })
    }

    pub(super) fn holds(&self, labels: &[(String, String)]) -> bool {
        let value = value_of(labels, &self.label);
        match &self.wants {
            Wants::Equal(wanted) => value == wanted,
            Wants::NotEqual(other) => value != other,
            Wants::Like(wanted) => wanted.is_in(value),
            Wants::NotLike(other) => !other.is_in(value),
        }
    }

    /// Memory that its expression takes, if it has one.
    pub(super) fn bytes(&self) -> usize {
        match &self.wants {
            Wants::Equal(_) | Wants::NotEqual(_) => 0,
            Wants::Like(expression) | Wants::NotLike(expression) => expression.bytes(),
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

/// A regular expression of a whole value.
fn whole(value: &str) -> Result<Expression, String> {
    // By itself first: `a)|(?:b` would be none, and inside the brackets it would be two.
    Expression::read(value, false)?;
    Expression::read(&format!("^(?:{value})$"), false)
}

/// A value as Alertmanager reads it: `\"`, `\\` and `\n` stand for a quote, a backslash and a new
/// line, and before anything else a backslash is one, so that `"web-\d+"` needs no second.
fn value_written(text: &str) -> Option<String> {
    let inside = match text.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        // Neither `a==b` nor `a=b,c=d` nor `a=b"` says what somebody may have meant.
        None if text.starts_with(['=', '~']) || text.contains([',', '"']) => return None,
        None => text,
    };
    let mut value = String::with_capacity(inside.len());
    let mut letters = inside.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return None,
            '\\' => match letters.next() {
                Some('n') => value.push('\n'),
                Some(escaped @ ('"' | '\\')) => value.push(escaped),
                Some(other) => value.extend(['\\', other]),
                // The quote at the end was escaped, and there is no other.
                None if inside.len() < text.len() => return None,
                None => value.push('\\'),
            },
            _ => value.push(letter),
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matcher_compares_the_whole_value_and_an_absent_label_is_empty() {
        let labels = [
            ("team", "db"),
            ("env", "prod-1"),
            ("say", r#"a "b" \ c"#),
            ("two", "1\n2"),
            ("app.name/x", "y"),
        ];
        let labels = labels.map(|(label, value)| (label.to_owned(), value.to_owned()));
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
            (r#"env=~"prod-\d""#, Some(true)),
            (r#"env=~"prod-\\d""#, Some(true)),
            (r"env=~prod-\d", Some(true)),
            (r#"team="d\b""#, Some(false)),
            (r#"say="a \"b\" \\ c""#, Some(true)),
            (r#"say=~".*\" \\\\ c""#, Some(true)),
            (r#"say=~".*\" . \\\\ c""#, Some(false)),
            (r#"two="1\n2""#, Some(true)),
            ("env!=\"\"", Some(true)),
            ("app.name/x=\"y\"", Some(true)),
            // Of the whole value, whatever stands in it.
            (r#"team=~"d|x""#, Some(false)),
            (r#"team=~"x)|(?:db""#, None),
            (r#"team=~"x)|(?:d"#, None),
            (r#"team=~"(?m)d$""#, Some(false)),
            ("team", None),
            ("=x", None),
            ("team!db", None),
            (r#"team="db"#, None),
            (r#"team=d"b"#, None),
            (r#"team="d"b""#, None),
            (r#"team="db\""#, None),
            (r#"team=""#, None),
            ("team==db", None),
            ("team=db,env=x", None),
            (r#"{team="db"}"#, None),
            (r#"team="db",env="x""#, None),
            ("team~=db", None),
            (r#"team=~"(""#, None),
            (r#"team=~"x{1000}{1000}""#, None),
        ];
        for (written, expected) in table {
            let found = Matcher::read(written).ok().map(|matcher| matcher.holds(&labels));
            assert_eq!(found, expected, "{written}");
        }
    }
}
