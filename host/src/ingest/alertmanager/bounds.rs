//! Cuts texts to what an alert holds. Nothing is refused for its length: Alertmanager would not
//! send it again, and the whole of it stays in the raw alert.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Most labels, and most annotations, of one alert.
pub(super) const PAIRS_COUNT_MAX: usize = 64;
const NAME_CHARS_MAX: usize = 128;

/// The first [`PAIRS_COUNT_MAX`] by name; values of at most `value_chars_max` characters.
pub(super) fn pairs(
    pairs: &BTreeMap<&str, Cow<'_, str>>,
    value_chars_max: usize,
) -> Vec<(String, String)> {
    let named = pairs.iter().filter(|(name, _)| !name.is_empty()).take(PAIRS_COUNT_MAX);
    named.map(|(name, value)| (text(name, NAME_CHARS_MAX), text(value, value_chars_max))).collect()
}

/// The beginning of `text`. A NUL, which many stores cut at, is replaced by `U+FFFD`.
pub(super) fn text(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).map(|one| if one == '\0' { '\u{fffd}' } else { one }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_or_too_many_is_cut_and_what_has_no_name_is_left_out() {
        let names: Vec<_> = (100..200).map(|at| at.to_string()).collect();
        let long = "ä".repeat(200);
        let mut given: BTreeMap<&str, Cow<'_, str>> =
            names.iter().map(|name| (name.as_str(), Cow::Borrowed("a\0bc"))).collect();
        given.insert("", "nameless".into());
        let kept = pairs(&given, 3);
        assert_eq!(kept.len(), PAIRS_COUNT_MAX);
        assert_eq!(kept[0], ("100".to_owned(), "a\u{fffd}b".to_owned()));

        let given = BTreeMap::from([(long.as_str(), Cow::Borrowed("v"))]);
        assert_eq!(pairs(&given, 3)[0].0, "ä".repeat(128));
    }
}
