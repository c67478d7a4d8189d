//! Reads the fields of one JSON object, each at its path and with what is expected of it.
//!
//! Every object is read one level at a time, so that whatever is wrong in a value is told with the
//! name of its field.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::json::{Text, excerpt, nests_too_deep};
use super::{ALERT_BYTES_MAX, NESTING_COUNT_MAX, Rejection};

/// One object of an alert: the alert itself, or `flow`, or `flow.client`, ...
pub(super) struct Fields<'a> {
    element: Element<'a>,
    path: String,
    entries: Vec<(Cow<'a, str>, &'a RawValue)>,
}

/// One alert of a request, unread.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) position: usize,
    pub(super) line: Option<usize>,
    pub(super) json: &'a str,
}

impl<'a> Element<'a> {
    /// Its fields, if it is one object within the bounds of an alert.
    pub(super) fn object(self) -> Result<Fields<'a>, Rejection> {
        if self.json.len() > ALERT_BYTES_MAX {
            let found = format!("{} bytes", self.json.len());
            let expected = format!("an alert of at most {ALERT_BYTES_MAX} bytes");
            return Err(self.rejection(String::new(), expected, Some(&found)));
        }
        if nests_too_deep(self.json) {
            let expected =
                format!("at most {NESTING_COUNT_MAX} objects and arrays inside one another");
            return Err(self.rejection(String::new(), expected, Some(self.json)));
        }
        entries(self.json)
            .map(|entries| Fields { element: self, path: String::new(), entries })
            .ok_or_else(|| self.rejection(String::new(), "one JSON object", Some(self.json)))
    }

    pub(super) fn rejection(
        self,
        field: String,
        expected: impl Into<String>,
        found: Option<&str>,
    ) -> Rejection {
        Rejection {
            position: self.position,
            line: self.line,
            field,
            expected: expected.into(),
            found: found.map(excerpt),
        }
    }
}

impl<'a> Fields<'a> {
    /// The one value of `key`. A second one is refused: receivers of the raw alert would disagree
    /// on which counts.
    fn value(&self, key: &str) -> Result<Option<&'a str>, Rejection> {
        let mut values = self.entries.iter().filter(|(name, _)| name == key);
        match (values.next(), values.next()) {
            (_, Some((_, second))) => {
                Err(self.fault(key, "this key once; remove the second", Some(second.get())))
            }
            (first, None) => Ok(first.map(|(_, value)| value.get())),
        }
    }

    /// A text of `chars` characters without NUL, which many stores cut at.
    pub(super) fn text(
        &self,
        key: &str,
        chars: RangeInclusive<usize>,
    ) -> Result<Option<String>, Rejection> {
        self.value(key)?.map(|json| self.bounded(key, json, &chars)).transpose()
    }

    fn bounded(
        &self,
        key: &str,
        json: &str,
        chars: &RangeInclusive<usize>,
    ) -> Result<String, Rejection> {
        let text = string(json)
            .filter(|text| chars.contains(&text.chars().count()) && !text.contains('\0'));
        text.map(Cow::into_owned).ok_or_else(|| {
            let (least, most) = (chars.start(), chars.end());
            self.fault(key, format!("a string of {least} to {most} characters, no NUL"), Some(json))
        })
    }

    /// A string for which `read` has a value.
    pub(super) fn parsed<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Rejection> {
        let Some(json) = self.value(key)? else { return Ok(None) };
        match string(json).and_then(|text| read(&text)) {
            Some(value) => Ok(Some(value)),
            None => Err(self.fault(key, expected, Some(json))),
        }
    }

    /// A name that programs match on.
    pub(super) fn word(&self, key: &str) -> Result<Option<String>, Rejection> {
        let expected =
            "1 to 64 letters, digits, `.`, `_`, `:`, `/` or `-`, a letter or digit first";
        self.parsed(key, expected, |text| is_word(text).then(|| text.to_owned()))
    }

    /// A whole number; `1.0` and `1e3` are whole, too.
    pub(super) fn integer<T: TryFrom<u64>>(
        &self,
        key: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<T>, Rejection> {
        let Some(json) = self.value(key)? else { return Ok(None) };
        let value = whole(json).filter(|value| range.contains(value));
        match value.and_then(|value| T::try_from(value).ok()) {
            Some(value) => Ok(Some(value)),
            None => {
                let expected = format!("a whole number, {} to {}", range.start(), range.end());
                Err(self.fault(key, expected, Some(json)))
            }
        }
    }

    /// An instant in milliseconds since the Unix epoch, written so or as RFC 3339.
    pub(super) fn instant(&self, key: &str) -> Result<Option<u64>, Rejection> {
        let Some(json) = self.value(key)? else { return Ok(None) };
        let read = match string(json) {
            Some(text) => rfc_3339(&text),
            None => whole(json).filter(|ms| *ms <= LAST_MS),
        };
        match read {
            Some(ms) => Ok(Some(ms)),
            None => {
                let expected = "a time from 1970 to 9998, RFC 3339 such as \
                     `2026-11-24T02:51:00.000Z` or whole milliseconds since the Unix epoch";
                Err(self.fault(key, expected, Some(json)))
            }
        }
    }

    /// `true` or `false`; absent is `false`.
    pub(super) fn flag(&self, key: &str) -> Result<bool, Rejection> {
        match self.value(key)? {
            Some("true") => Ok(true),
            Some("false") | None => Ok(false),
            found => Err(self.fault(key, "true or false", found)),
        }
    }

    /// Two numbers, each within the range beside it.
    pub(super) fn pair(
        &self,
        key: &str,
        [first, second]: &[RangeInclusive<f64>; 2],
        expected: &str,
    ) -> Result<Option<(f64, f64)>, Rejection> {
        let Some(json) = self.value(key)? else { return Ok(None) };
        match serde_json::from_str::<[f64; 2]>(json) {
            Ok([one, two]) if first.contains(&one) && second.contains(&two) => Ok(Some((one, two))),
            _ => Err(self.fault(key, expected, Some(json))),
        }
    }

    pub(super) fn object(&self, key: &str) -> Result<Option<Self>, Rejection> {
        let Some(json) = self.value(key)? else { return Ok(None) };
        let path = self.path_of(key);
        match entries(json) {
            Some(entries) => Ok(Some(Self { element: self.element, path, entries })),
            None => Err(self.element.rejection(path, "a JSON object", Some(json))),
        }
    }

    /// An object of texts, in its order: at most 64, each name and value within its bound.
    pub(super) fn texts(
        &self,
        key: &str,
        value_chars_max: usize,
    ) -> Result<Vec<(String, String)>, Rejection> {
        const COUNT_MAX: usize = 64;
        let Some(object) = self.object(key)? else { return Ok(Vec::new()) };
        if object.entries.len() > COUNT_MAX {
            let found = format!("{} entries", object.entries.len());
            return Err(self.fault(key, format!("at most {COUNT_MAX} entries"), Some(&found)));
        }
        let mut texts = Vec::with_capacity(object.entries.len());
        for (name, _) in &object.entries {
            if !(1..=128).contains(&name.chars().count()) || name.contains('\0') {
                let expected = "names of 1 to 128 characters, no NUL";
                return Err(self.fault(key, expected, Some(&format!("\"{name}\""))));
            }
            let value = object.text(name, 0..=value_chars_max)?.unwrap_or_default();
            texts.push((name.to_string(), value));
        }
        Ok(texts)
    }

    /// Every name with its value, all of them strings of any length, by name.
    pub(super) fn strings(&self) -> Result<BTreeMap<&str, Cow<'a, str>>, Rejection> {
        let mut strings = BTreeMap::new();
        for (name, value) in &self.entries {
            let json = value.get();
            let text = string(json).ok_or_else(|| self.fault(name, "a string", Some(json)))?;
            if strings.insert(name.as_ref(), text).is_some() {
                return Err(self.fault(name, "this key once; remove the second", Some(json)));
            }
        }
        Ok(strings)
    }

    /// `value`, or that it is missing.
    pub(super) fn required<T>(
        &self,
        key: &str,
        value: Option<T>,
        expected: &str,
    ) -> Result<T, Rejection> {
        value.ok_or_else(|| self.fault(key, format!("{expected}; it is missing"), None))
    }

    pub(super) fn fault(
        &self,
        key: &str,
        expected: impl Into<String>,
        found: Option<&str>,
    ) -> Rejection {
        self.element.rejection(self.path_of(key), expected, found)
    }

    /// `key` may be the sender's own, so what is told of it is bounded.
    fn path_of(&self, key: &str) -> String {
        let key = excerpt(key);
        if self.path.is_empty() { key } else { format!("{}.{key}", self.path) }
    }
}

pub(super) fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:/-".contains(&byte))
}

/// `None` where `json` is no string, or has half of a surrogate pair in it.
fn string(json: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str(json).ok().map(|Text(text)| text)
}

fn whole(json: &str) -> Option<u64> {
    if let Ok(value) = serde_json::from_str(json) {
        return Some(value);
    }
    // Up to 2^53 every whole number has a float of its own.
    let value = serde_json::from_str::<f64>(json).ok()?;
    let exact = value.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&value);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
    exact.then_some(value as u64)
}

/// The end of the year 9998, after which a zone could lead out of the calendar.
const LAST_MS: u64 = 253_370_764_799_999;

/// Milliseconds since the Unix epoch, 1970 to 9998. Only the form of RFC 3339, section 5.6; the
/// parser takes many more.
pub(super) fn rfc_3339(text: &str) -> Option<u64> {
    let (date, rest) = text.split_at_checked(10)?;
    let zone = rest.trim_start_matches(|one: char| one.is_ascii_digit() || "Tt:.".contains(one));
    let plain = date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        && rest.get(..1).is_some_and(|separator| separator.eq_ignore_ascii_case("t"))
        && rest.as_bytes().get(6) == Some(&b':')
        && (zone.eq_ignore_ascii_case("z") || is_offset(zone.as_bytes()));
    let at = plain.then(|| text.parse::<jiff::Timestamp>().ok())??;
    u64::try_from(at.as_millisecond()).ok().filter(|ms| *ms <= LAST_MS)
}

fn is_offset(zone: &[u8]) -> bool {
    matches!(zone, [b'+' | b'-', h, hh, b':', m, mm]
        if [h, hh, m, mm].into_iter().all(u8::is_ascii_digit))
}

/// The keys and values of an object in their order, no further read; duplicates stay.
fn entries(json: &str) -> Option<Vec<(Cow<'_, str>, &RawValue)>> {
    debug_assert!(json.len() <= ALERT_BYTES_MAX, "the bound comes first");
    struct Entries<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);
    impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            struct Reader;
            impl<'de> Visitor<'de> for Reader {
                type Value = Entries<'de>;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                    let mut entries = Vec::with_capacity(16);
                    while let Some((Text(key), value)) = map.next_entry()? {
                        entries.push((key, value));
                    }
                    Ok(Entries(entries))
                }
            }
            from.deserialize_map(Reader)
        }
    }
    serde_json::from_str(json).ok().map(|Entries(entries)| entries)
}
