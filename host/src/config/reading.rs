//! Reads tables field by field, so that one problem does not hide the next.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::Problem;

/// Collects what is wrong.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) problems: Vec<Problem>,
}

impl Reading {
    /// Notes a problem, unless one is noted for that place: the first is the cause of the next.
    pub(super) fn problem(&mut self, place: &str, expected: &str) {
        if !self.problems.iter().any(|one| one.place == place) {
            self.problems.push(Problem { place: place.to_owned(), expected: expected.to_owned() });
        }
    }

    /// The table `[key]` of `top`, taken out of it.
    pub(super) fn section<T: DeserializeOwned + Default>(
        &mut self,
        key: &str,
        top: &mut Table,
    ) -> T {
        match top.remove(key) {
            None => T::default(),
            Some(Value::Table(table)) => self.table(key, table),
            Some(_) => {
                self.problem(key, &format!("expected a table; write `[{key}]`, then its fields"));
                T::default()
            }
        }
    }

    /// A `T` out of `table`, which is at `place`. Every field of a `T` has a default, so each is
    /// tried alone; those that are wrong are noted, and keep their default.
    pub(super) fn table<T: DeserializeOwned + Default>(&mut self, place: &str, table: Table) -> T {
        let mut good = Table::new();
        for (key, value) in table {
            let alone = Table::from_iter([(key.clone(), value.clone())]);
            match alone.try_into::<T>() {
                Ok(_) => {
                    good.insert(key, value);
                }
                Err(error) => {
                    let dot = if place.is_empty() { "" } else { "." };
                    self.problem(&format!("{place}{dot}{key}"), &expectation(error.message()));
                }
            }
        }
        good.try_into().unwrap_or_default()
    }
}

/// What was expected, out of the parser's message: what was found is left out, since it can be a
/// credential that slipped into the wrong line.
pub(crate) fn expectation(message: &str) -> String {
    const PLAIN: [(&str, &str); 6] = [
        ("a nonzero u32", "a whole number above 0"),
        ("a nonzero u64", "a whole number above 0"),
        ("a nonzero usize", "a whole number above 0"),
        ("u32", "a whole number"),
        ("u64", "a whole number"),
        ("usize", "a whole number"),
    ];
    let expected = message.rsplit_once("expected ").map_or("another value", |(_, after)| after);
    let expected =
        PLAIN.iter().find(|(rust, _)| *rust == expected).map_or(expected, |(_, plain)| plain);
    if message.starts_with("unknown field") {
        return format!("is not a field of this table; expected {expected}");
    }
    format!("expected {expected}")
}
