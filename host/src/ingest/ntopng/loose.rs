//! One value of an ntopng alert. Versions differ in what is a number and what a string, so each is
//! read as whatever it can be read as.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

#[derive(Debug, Default)]
pub(super) enum Loose<'a> {
    /// Or null.
    #[default]
    Absent,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'a, str>),
    /// An object or an array, which none of the fields read here should be.
    Nested,
}

/// A value that cannot be read as what it should be.
#[derive(Debug)]
pub(super) struct Unfit;

impl Loose<'_> {
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// A whole number; a fraction is dropped. An empty string is none.
    pub(super) fn integer(&self) -> Result<Option<i64>, Unfit> {
        match self {
            Self::Absent => Ok(None),
            Self::Int(value) => Ok(Some(*value)),
            Self::Float(value) => truncated(*value).map(Some),
            Self::Text(text) => match text.trim() {
                "" => Ok(None),
                text => match text.parse() {
                    Ok(value) => Ok(Some(value)),
                    Err(_) => truncated(text.parse().map_err(|_| Unfit)?).map(Some),
                },
            },
            Self::Bool(_) | Self::Nested => Err(Unfit),
        }
    }

    /// A number within the range of `T`, for what is left out where it cannot be read.
    pub(super) fn number<T: TryFrom<i64>>(&self) -> Option<T> {
        self.integer().ok()?.and_then(|value| T::try_from(value).ok())
    }

    pub(super) fn float(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "degrees are small")]
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Text(text) => matches!(text.trim(), "true" | "1"),
            _ => false,
        }
    }

    /// What stands there as text; empty where there is none.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Absent | Self::Nested => Cow::Borrowed(""),
            Self::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            Self::Int(value) => Cow::Owned(value.to_string()),
            Self::Float(value) => Cow::Owned(value.to_string()),
            // Many stores and services cut at a NUL.
            Self::Text(text) if text.contains('\0') => Cow::Owned(text.replace('\0', "\u{fffd}")),
            Self::Text(text) => Cow::Borrowed(text),
        }
    }

    /// The text, if there is one.
    pub(super) fn some_text(&self) -> Option<String> {
        let text = self.text();
        (!text.is_empty()).then(|| text.into_owned())
    }
}

fn truncated(value: f64) -> Result<i64, Unfit> {
    // Beyond 2^53 floats leave whole numbers out, so none of them was meant.
    if value.abs() > 9_007_199_254_740_992.0 || value.is_nan() {
        return Err(Unfit);
    }
    #[expect(clippy::cast_possible_truncation, reason = "within 2^53; the fraction is to go")]
    Ok(value as i64)
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Loose<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Loose::Absent)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Loose::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Loose::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        #[expect(clippy::cast_precision_loss, reason = "no field read here is that large")]
        Ok(i64::try_from(value).map_or(Loose::Float(value as f64), Loose::Int))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Loose::Float(value))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Loose::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Loose::Text(Cow::Owned(text.into())))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Self::Value, S::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose::Nested)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose::Nested)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_be_strings_and_strings_numbers() {
        let table = [
            // JSON, as integer (None: unfit), as text, as truth
            ("7", Some(Some(7)), "7", true),
            ("\" 7 \"", Some(Some(7)), " 7 ", false),
            ("7.9", Some(Some(7)), "7.9", false),
            ("\"7.9\"", Some(Some(7)), "7.9", false),
            ("-1", Some(Some(-1)), "-1", true),
            ("0", Some(Some(0)), "0", false),
            ("1e300", None, &format!("1{}", "0".repeat(300)), false),
            ("18446744073709551615", None, "18446744073709552000", false),
            ("\"\"", Some(None), "", false),
            ("null", Some(None), "", false),
            ("true", None, "true", true),
            ("\"x\\u0000y\"", None, "x\u{fffd}y", false),
            ("\"nan\"", None, "nan", false),
            ("{\"a\":[1]}", None, "", false),
        ];
        for (json, integer, text, truth) in table {
            let value: Loose<'_> = serde_json::from_str(json).unwrap();
            assert_eq!(value.integer().ok(), integer, "{json}");
            assert_eq!(value.text(), text, "{json}");
            assert_eq!(value.is_true(), truth, "{json}");
        }
    }
}
