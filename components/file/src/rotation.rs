//! Which file comes when: one or more for each day of delivery, in UTC, numbered from 1.
//!
//! Promise: pure. Names in the order of the alphabet are in the order of time, up to 9999 files of
//! one day; a name that is not exactly one of ours is never taken for one.

use crate::settings::Settings;

/// A file by its day and its number. Earlier ones are less.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn {
    /// "2026-11-24".
    pub(crate) day: String,
    pub(crate) number: u32,
}

const ENDING: &str = ".jsonl";

impl Turn {
    pub(crate) fn name(&self, prefix: &str) -> String {
        format!("{prefix}-{}-{:04}{ENDING}", self.day, self.number)
    }

    /// `None`: a file of somebody else.
    pub(crate) fn parse(prefix: &str, name: &str) -> Option<Self> {
        let rest = name.strip_prefix(prefix)?.strip_prefix('-')?.strip_suffix(ENDING)?;
        let (day, number) = (rest.get(..10)?, rest.get(10..)?.strip_prefix('-')?);
        let is_day = day.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
        let turn = Self { day: day.to_owned(), number: number.parse().ok()? };
        (is_day && turn.number > 0 && turn.name(prefix) == name).then_some(turn)
    }
}

/// Those of `names` that are ours, the oldest first.
pub(crate) fn own(names: &[String], settings: &Settings) -> Vec<Turn> {
    let turns = names.iter().filter_map(|name| Turn::parse(&settings.prefix, name));
    let mut turns: Vec<_> = turns.collect();
    turns.sort_unstable();
    turns
}

/// The file to append `more` bytes to. `present` has the size of the newest file of this day.
pub(crate) fn next(
    day: &str,
    present: Option<(&Turn, u64)>,
    more: usize,
    settings: &Settings,
) -> Turn {
    match present {
        None => Turn { day: day.to_owned(), number: 1 },
        Some((turn, size)) => {
            let is_full =
                size > 0 && size.saturating_add(more as u64) > settings.file_bytes_max.into();
            let number = turn.number.saturating_add(is_full.into());
            Turn { day: day.to_owned(), number }
        }
    }
}

/// Those of `turns`, the oldest first, that are more than are to be kept.
pub(crate) fn surplus<'a>(turns: &'a [Turn], settings: &Settings) -> &'a [Turn] {
    let kept = settings.keep_files.unwrap_or(usize::MAX);
    &turns[..turns.len().saturating_sub(kept)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_ours_is_read_and_no_other_is() {
        let turn = |day: &str, number| Some(Turn { day: day.into(), number });
        let table = [
            ("alerts-2026-11-24-0001.jsonl", turn("2026-11-24", 1)),
            ("alerts-2026-11-24-9999.jsonl", turn("2026-11-24", 9999)),
            ("alerts-2026-11-24-10000.jsonl", turn("2026-11-24", 10_000)),
            ("alerts-2026-11-24-00001.jsonl", None),
            ("alerts-2026-11-24-0000.jsonl", None),
            ("alerts-2026-11-24-1.jsonl", None),
            ("alerts-2026-11-24-+001.jsonl", None),
            ("alerts-2026-11-24-0001.json", None),
            ("alerts-2026-11-24-0001.jsonl.gz", None),
            ("alerts-2026-11-24.jsonl", None),
            ("alerts-2026_11_24-0001.jsonl", None),
            ("alerts-web-2026-11-24-0001.jsonl", None),
            ("alert-2026-11-24-0001.jsonl", None),
            ("alerts-é026-11-24-0001.jsonl", None),
            ("alerts", None),
            ("", None),
        ];
        for (name, expected) in table {
            assert_eq!(Turn::parse("alerts", name), expected, "{name}");
        }
        let name = "a-2026-11-24-b-2026-11-25-0002.jsonl";
        assert_eq!(Turn::parse("a", name), None);
        assert_eq!(Turn::parse("a-2026-11-24-b", name), turn("2026-11-25", 2));
    }

    #[test]
    fn a_file_is_followed_by_the_next_when_it_is_full_or_the_day_is_over() {
        let settings = settings(None);
        let turn = Turn { day: "2026-11-24".into(), number: 7 };
        let table = [
            // size, more, number
            (0, 65_536, 7),
            (0, 65_537, 7),
            (1, 65_535, 7),
            (1, 65_536, 8),
            (65_536, 0, 7),
            (70_000, 1, 8),
            (u64::MAX, 1, 8),
        ];
        for (size, more, number) in table {
            let found = next("2026-11-24", Some((&turn, size)), more, &settings);
            assert_eq!(found.number, number, "{size} and {more}");
        }
        let first = next("2026-11-25", None, 10, &settings);
        assert_eq!(first, Turn { day: "2026-11-25".into(), number: 1 });
    }

    #[test]
    fn the_oldest_go_first_and_only_ours_go() {
        let names = [
            "alerts-2026-11-24-10000.jsonl",
            "alerts-2026-11-24-9999.jsonl",
            "alerts-2026-11-23-0002.jsonl",
            "alerts-2025-12-31-0001.jsonl",
            "notes.txt",
            "other-2020-01-01-0001.jsonl",
        ];
        let (settings, all) = (settings(Some(2)), settings(None));
        let own = own(&names.map(str::to_owned), &settings);
        let named =
            |turns: &[Turn]| turns.iter().map(|turn| turn.name("alerts")).collect::<Vec<_>>();
        assert_eq!(named(&own), [names[3], names[2], names[1], names[0]]);
        assert_eq!(named(surplus(&own, &settings)), [names[3], names[2]]);
        assert!(surplus(&own, &all).is_empty());
        assert!(surplus(&own[..1], &settings).is_empty());
    }

    fn settings(keep_files: Option<usize>) -> Settings {
        Settings { file_bytes_max: 65_536, keep_files, prefix: "alerts".into() }
    }
}
