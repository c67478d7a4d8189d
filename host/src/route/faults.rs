//! What of a written filter cannot be used: everything at once, one fault per place.

/// What of a written filter cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterFault {
    /// Beneath the filter: `matchers[2]`, `times[0].from`.
    pub place: String,
    pub expected: String,
}

/// Longest entry of a list of texts.
const CHARS_MAX: usize = 256;

/// Collects what is wrong; the first fault of a place counts.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<FilterFault>);

impl Faults {
    pub(super) fn add(&mut self, place: impl Into<String>, expected: impl Into<String>) {
        let place = place.into();
        if !self.0.iter().any(|one| one.place == place) {
            self.0.push(FilterFault { place, expected: expected.into() });
        }
    }

    /// Whether a list has at most `count_max` entries.
    pub(super) fn few(&mut self, place: &str, count: usize, count_max: usize) -> bool {
        if count > count_max {
            self.add(place, format!("expected at most {count_max} of them"));
        }
        count <= count_max
    }

    /// The entries of a list of texts, each read. What is too much is not read at all.
    pub(super) fn each<T>(
        &mut self,
        place: &str,
        list: &[String],
        count_max: usize,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        if !self.few(place, list.len(), count_max) {
            return Vec::new();
        }
        let mut good = Vec::with_capacity(list.len());
        for (at, text) in list.iter().enumerate() {
            match printable(text, CHARS_MAX).and_then(&read) {
                Ok(one) => good.push(one),
                Err(expected) => self.add(format!("{place}[{at}]"), expected),
            }
        }
        good
    }

    /// `found`, if nothing was wrong with it.
    pub(super) fn or<T>(self, found: T) -> Result<T, Vec<FilterFault>> {
        if self.0.is_empty() { Ok(found) } else { Err(self.0) }
    }
}

/// The text, if it has 1 to `chars_max` characters and all of them can be printed.
pub(super) fn printable(text: &str, chars_max: usize) -> Result<&str, String> {
    let fits = (1..=chars_max).contains(&text.chars().count());
    if fits && !text.chars().any(char::is_control) {
        Ok(text)
    } else {
        Err(format!("expected 1 to {chars_max} printable characters"))
    }
}
