//! Reading what an operator sets, one setting after the other.
//!
//! Promise: every fault names the setting, whose it is, and what was expected; none quotes a value,
//! which may be a credential in the wrong place.
//!
//! Secrets are texts like others here: `deliver` and `probe` have a placeholder in their place, of a
//! secret URL the origin and placeholders, and `format` has nothing. What they look like is for the
//! schema to say, which the engine checks when they are saved.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::{Fault, Scope};

/// Most kinds have fewer settings.
const KNOWN_USUAL: usize = 24;

/// The effective settings, the endpoint's and over them the recipient's, as far as they are not
/// taken yet.
#[derive(Debug)]
pub struct Given {
    settings: Map<String, Value>,
    /// Asked for so far.
    known: Vec<&'static str>,
}

impl Given {
    /// `text`: as `format`, `deliver` and `probe` are given it, a JSON object.
    pub fn read(text: &str) -> Result<Self, Fault> {
        let expected = || Fault::new(Scope::Endpoint, "settings", "expected a JSON object");
        let settings = serde_json::from_str(text).map_err(|_| expected())?;
        Ok(Self { settings, known: Vec::with_capacity(KNOWN_USUAL) })
    }

    /// The setting by any rule; `None`: it is not set. `read` says what it expected.
    pub fn take<T, E: Into<String>>(
        &mut self,
        name: &'static str,
        scope: Scope,
        read: impl FnOnce(Value) -> Result<T, E>,
    ) -> Result<Option<T>, Fault> {
        self.known.push(name);
        let Some(value) = self.settings.remove(name) else { return Ok(None) };
        read(value).map(Some).map_err(|expected| wrong(scope, name, &expected.into()))
    }

    /// A text of so many characters, without control characters.
    pub fn text(
        &mut self,
        name: &'static str,
        scope: Scope,
        chars: RangeInclusive<usize>,
    ) -> Result<Option<String>, Fault> {
        self.take(name, scope, |value| match value {
            Value::String(text)
                if chars.contains(&text.chars().count()) && !text.contains(char::is_control) =>
            {
                Ok(text)
            }
            _ => Err(format!(
                "expected a text of {} to {} characters in one line",
                chars.start(),
                chars.end()
            )),
        })
    }

    /// A text that `is_good` takes; `expected` describes it.
    pub fn text_that(
        &mut self,
        name: &'static str,
        scope: Scope,
        expected: &str,
        is_good: impl FnOnce(&str) -> bool,
    ) -> Result<Option<String>, Fault> {
        self.take(name, scope, |value| match value {
            Value::String(text) if is_good(&text) => Ok(text),
            _ => Err(format!("expected {expected}")),
        })
    }

    /// An absolute URL with one of these schemes, without user, fragment or blanks.
    pub fn url(
        &mut self,
        name: &'static str,
        scope: Scope,
        schemes: &[&str],
    ) -> Result<Option<String>, Fault> {
        let expected = format!(
            "a URL that begins with {}, without user, fragment or blanks",
            schemes.iter().map(|one| format!("{one}://")).collect::<Vec<_>>().join(" or ")
        );
        self.text_that(name, scope, &expected, |url| is_url(url, schemes))
    }

    pub fn flag(&mut self, name: &'static str, scope: Scope) -> Result<Option<bool>, Fault> {
        self.take(name, scope, |value| value.as_bool().ok_or("expected true or false"))
    }

    /// A whole number.
    pub fn number(
        &mut self,
        name: &'static str,
        scope: Scope,
        range: RangeInclusive<u32>,
    ) -> Result<Option<u32>, Fault> {
        self.take(name, scope, |value| {
            let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
            number.filter(|number| range.contains(number)).ok_or_else(|| {
                format!("expected a whole number, {} to {}", range.start(), range.end())
            })
        })
    }

    /// One of these words, and what it stands for.
    pub fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        scope: Scope,
        words: &[(&str, T)],
    ) -> Result<Option<T>, Fault> {
        self.take(name, scope, |value| {
            let found = words.iter().find(|(word, _)| value.as_str() == Some(word));
            found.map(|(_, meant)| *meant).ok_or_else(|| {
                let words: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
                format!("expected one of {}", words.join(", "))
            })
        })
    }

    /// A list of at most `count_max` texts, each once, that `is_good` takes; `expected` describes
    /// one of them.
    pub fn texts(
        &mut self,
        name: &'static str,
        scope: Scope,
        count_max: usize,
        expected: &str,
        is_good: impl Fn(&str) -> bool,
    ) -> Result<Option<Vec<String>>, Fault> {
        self.take(name, scope, |value| {
            let expected =
                || format!("expected a list of at most {count_max}, each once: {expected}");
            let Value::Array(given) = value else { return Err(expected()) };
            let mut texts = Vec::with_capacity(given.len());
            for one in given {
                match one {
                    Value::String(text) if is_good(&text) && !texts.contains(&text) => {
                        texts.push(text);
                    }
                    _ => return Err(expected()),
                }
            }
            if texts.len() > count_max { Err(expected()) } else { Ok(texts) }
        })
    }

    /// Refuses a setting that nobody asked for.
    pub fn finish(self) -> Result<(), Fault> {
        match self.settings.keys().next() {
            None => Ok(()),
            Some(name) => {
                let known = self.known.join(", ");
                let detail = format!("no setting `{name}`; there are {known}");
                Err(Fault::new(Scope::Endpoint, "settings", detail))
            }
        }
    }
}

/// A setting has to be there.
pub fn missing(scope: Scope, name: &str, what_to_do: &str) -> Fault {
    wrong(scope, name, &format!("is missing; {what_to_do}"))
}

/// A setting is not what was `expected`.
pub fn wrong(scope: Scope, name: &str, expected: &str) -> Fault {
    Fault::new(scope, "settings", format!("setting `{name}`: {expected}"))
}

fn is_url(url: &str, schemes: &[&str]) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    schemes.iter().any(|one| scheme.eq_ignore_ascii_case(one))
        && !authority.is_empty()
        && !authority.starts_with(':')
        && !authority.contains('@')
        && !rest.contains(|one: char| {
            matches!(one, '#' | '\\') || one.is_whitespace() || one.is_control()
        })
}

/// For the tests of components: what the schemas have and what is read are the same settings, and
/// numbers and texts have the same bounds.
///
/// `read`: a component's reading of its settings, told by what it says of an unknown one.
pub fn assert_schemas_name_what_is_read<T>(
    schemas: [&str; 2],
    read: impl Fn(&str) -> Result<T, Fault>,
) {
    let mut named = vec![];
    for schema in schemas {
        let schema: Value = serde_json::from_str(schema).expect("a schema is JSON");
        assert_eq!(schema["additionalProperties"], false, "unknown settings are refused");
        for (name, property) in schema["properties"].as_object().expect("properties") {
            assert_bounds(name, property, &read);
            named.push(name.clone());
        }
    }
    let Err(fault) = read(r#"{"no such setting":1}"#) else { panic!("it takes any setting") };
    let read = fault.detail.rsplit("there are ").next().expect("a list").split(", ");
    let mut read: Vec<_> = read.map(str::to_owned).collect();
    named.sort();
    named.dedup();
    read.sort();
    assert_eq!(read, named);
}

/// At its bounds a value is taken, and one past them it is not. Not here: texts of some form, and
/// secrets, of which `read` is given placeholders.
fn assert_bounds<T>(name: &str, property: &Value, read: &impl Fn(&str) -> Result<T, Fault>) {
    let is_taken = |value: Value| {
        let fault = read(&serde_json::json!({ name: value }).to_string()).err();
        fault.is_none_or(|fault| !fault.detail.contains(&format!("`{name}`: expected")))
    };
    let text = |chars| "\u{e9}".repeat(usize::try_from(chars).expect("a length")).into();
    let has_form =
        ["pattern", "format", "writeOnly"].iter().any(|one| property[one] != Value::Null);
    let kinds: [(_, _, &dyn Fn(i64) -> Value); 4] = [
        ("minimum", -1, &Value::from),
        ("maximum", 1, &Value::from),
        ("minLength", -1, &text),
        ("maxLength", 1, &text),
    ];
    for (bound, step, value) in kinds {
        let Some(at) = property[bound].as_i64().filter(|_| !has_form) else { continue };
        assert!(is_taken(value(at)), "`{name}` of {bound} {at}");
        assert!(!is_taken(value(at + step)), "`{name}` past {bound} {at}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> Given {
        Given::read(text).expect("an object")
    }

    #[test]
    fn what_is_set_is_taken_and_what_is_not_is_none() {
        let mut all = given(
            r#"{"url":"https://h/x?y","name":"é","is":true,"count":7,"mode":"b","ids":["a","b"]}"#,
        );
        let of = Scope::Endpoint;
        assert_eq!(all.url("url", of, &["https"]).expect("good").as_deref(), Some("https://h/x?y"));
        assert_eq!(all.text("name", of, 1..=1).expect("good").as_deref(), Some("é"));
        assert_eq!(all.flag("is", of), Ok(Some(true)));
        assert_eq!(all.number("count", of, 7..=7), Ok(Some(7)));
        assert_eq!(all.choice("mode", of, &[("a", 1), ("b", 2)]), Ok(Some(2)));
        let ids = all.texts("ids", of, 2, "an id", |id| id.len() == 1);
        assert_eq!(ids.expect("good"), Some(vec!["a".into(), "b".into()]));
        assert_eq!(all.flag("other", of), Ok(None));
        assert_eq!(all.finish(), Ok(()));
    }

    #[test]
    fn a_fault_names_the_setting_and_never_its_value() {
        let of = Scope::Recipient;
        let bad = |text: &str, take: &dyn Fn(&mut Given) -> Result<(), Fault>, expected: &str| {
            let fault = take(&mut given(text)).expect_err(text);
            assert_eq!((fault.scope, fault.code.as_str()), (of, "settings"), "{text}");
            assert!(fault.detail.contains(expected), "{text}: {}", fault.detail);
            assert!(!fault.detail.contains("hunter2"), "{text}");
        };
        for text in [r#"{"a":7}"#, r#"{"a":""}"#, r#"{"a":"hunter2 long"}"#, r#"{"a":"x\n"}"#] {
            let take = |given: &mut Given| given.text("a", of, 1..=8).map(|_| ());
            bad(text, &take, "setting `a`: expected a text of 1 to 8 characters");
        }
        for url in [
            "hunter2",
            "ftp://hunter2",
            "https://",
            "https://:1/",
            "https://u:hunter2@h/",
            "https://h/#hunter2",
            "https://h/ x",
            "https:\\\\h",
        ] {
            let take = |given: &mut Given| given.url("a", of, &["https", "http"]).map(|_| ());
            let text = format!(r#"{{"a":{}}}"#, Value::from(url));
            bad(&text, &take, "setting `a`: expected a URL that begins with https:// or http://");
        }
        let take = |given: &mut Given| given.number("a", of, 1..=9).map(|_| ());
        for text in [r#"{"a":0}"#, r#"{"a":10}"#, r#"{"a":1.5}"#, r#"{"a":"hunter2"}"#] {
            bad(text, &take, "expected a whole number, 1 to 9");
        }
        let take = |given: &mut Given| given.choice("a", of, &[("x", ()), ("y", ())]).map(|_| ());
        bad(r#"{"a":"hunter2"}"#, &take, "expected one of `x`, `y`");
        let take = |given: &mut Given| given.flag("a", of).map(|_| ());
        bad(r#"{"a":"true"}"#, &take, "expected true or false");
        let take =
            |given: &mut Given| given.texts("a", of, 1, "an id", |id| id.len() == 1).map(|_| ());
        for text in [r#"{"a":"x"}"#, r#"{"a":["x","y"]}"#, r#"{"a":["hunter2"]}"#, r#"{"a":[1]}"#] {
            bad(text, &take, "expected a list of at most 1, each once: an id");
        }
    }

    #[test]
    fn a_setting_that_nobody_knows_is_refused_with_those_that_are_known() {
        assert!(Given::read("[]").is_err());
        let mut given = given(r#"{"a":true,"hunter":2}"#);
        let _ = (given.flag("a", Scope::Endpoint), given.flag("b", Scope::Endpoint));
        let fault = given.finish().expect_err("unknown");
        assert_eq!(fault.detail, "no setting `hunter`; there are a, b");
        assert_eq!(
            missing(Scope::Endpoint, "url", "set one").detail,
            "setting `url`: is missing; set one"
        );
    }
}
