//! Times of day, week, month and year, in wall-clock time of a zone.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::faults::{Faults, printable};
use super::written::{Weekday, Window};

const DAYS: [Weekday; 7] = [
    Weekday::Mon,
    Weekday::Tue,
    Weekday::Wed,
    Weekday::Thu,
    Weekday::Fri,
    Weekday::Sat,
    Weekday::Sun,
];

/// From either end of the month.
const DAYS_MAX: usize = 62;
const MONTHS_MAX: usize = 12;

/// A window that is ready to be asked.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) name: Option<String>,
    zone: TimeZone,
    weekdays: Vec<Weekday>,
    days_of_month: Vec<i8>,
    months: Vec<i8>,
    from: Time,
    /// `None`: the end of the day.
    to: Option<Time>,
    first_day: Option<Date>,
    last_day: Option<Date>,
}

impl Span {
    pub(super) fn compile(
        place: &str,
        written: &Window,
        zone: &TimeZone,
        faults: &mut Faults,
    ) -> Self {
        let zone = written
            .zone
            .as_ref()
            .and_then(|name| {
                let found = TimeZone::get(name).ok();
                if found.is_none() {
                    let expected = "expected an IANA time zone such as `Europe/Rome`";
                    faults.add(format!("{place}.zone"), expected);
                }
                found
            })
            .unwrap_or_else(|| zone.clone());
        if let Some(Err(expected)) = written.name.as_ref().map(|name| printable(name, 64)) {
            faults.add(format!("{place}.name"), expected);
        }
        for (key, count, count_max) in [
            ("weekdays", written.weekdays.len(), 7),
            ("days_of_month", written.days_of_month.len(), DAYS_MAX),
            ("months", written.months.len(), MONTHS_MAX),
        ] {
            faults.few(&format!("{place}.{key}"), count, count_max);
        }
        for (at, day) in written.days_of_month.iter().take(DAYS_MAX).enumerate() {
            if *day == 0 || !(-31..=31).contains(day) {
                let expected = "expected 1 to 31, or -31 to -1 from the end of the month";
                faults.add(format!("{place}.days_of_month[{at}]"), expected);
            }
        }
        for (at, month) in written.months.iter().take(MONTHS_MAX).enumerate() {
            if !(1..=12).contains(month) {
                faults.add(format!("{place}.months[{at}]"), "expected 1 to 12");
            }
        }
        let mut day = |key: &str, text: &Option<String>| {
            let text = text.as_ref()?;
            let found = text.parse::<Date>().ok().filter(|_| text.len() == 10);
            if found.is_none() {
                faults.add(format!("{place}.{key}"), "expected a day such as `2026-11-24`");
            }
            found
        };
        let (first_day, last_day) =
            (day("first_day", &written.first_day), day("last_day", &written.last_day));
        if first_day.zip(last_day).is_some_and(|(first, last)| last < first) {
            faults
                .add(format!("{place}.last_day"), "expected a day that is not before `first_day`");
        }
        let mut clock = |key: &str, text: &Option<String>| {
            let text = text.as_ref().filter(|text| !(key == "to" && *text == "24:00"))?;
            let found = time(text);
            if found.is_none() {
                faults.add(format!("{place}.{key}"), "expected a time of day such as `08:30`");
            }
            found
        };
        let (from, to) = (clock("from", &written.from), clock("to", &written.to));
        Self {
            name: written.name.clone(),
            zone,
            weekdays: written.weekdays.clone(),
            days_of_month: written.days_of_month.clone(),
            months: written.months.clone(),
            from: from.unwrap_or(Time::midnight()),
            to,
            first_day,
            last_day,
        }
    }

    /// Whether an instant, in milliseconds since 1970, is within. One that no calendar has is not.
    pub(super) fn contains(&self, at_ms: u64) -> bool {
        let Some(now) = self.civil(at_ms) else { return false };
        let (day, time) = (now.date(), now.time());
        match self.to {
            None => time >= self.from && self.has_day(day),
            Some(to) if to > self.from => time >= self.from && time < to && self.has_day(day),
            // Past midnight: the evening of this day, or the morning after the day before.
            Some(to) => {
                time >= self.from && self.has_day(day)
                    || time < to && day.yesterday().is_ok_and(|before| self.has_day(before))
            }
        }
    }

    /// The instant as this window sees it.
    pub(super) fn shown(&self, at_ms: u64) -> String {
        let zone = self.zone.iana_name().unwrap_or("UTC");
        self.civil(at_ms).map_or_else(
            || format!("{at_ms} ms"),
            |now| format!("{} {zone}", now.strftime("%a %Y-%m-%d %H:%M")),
        )
    }

    fn civil(&self, at_ms: u64) -> Option<jiff::civil::DateTime> {
        let at = i64::try_from(at_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok())?;
        Some(self.zone.to_datetime(at))
    }

    fn has_day(&self, day: Date) -> bool {
        let weekday = DAYS[usize::from(day.weekday().to_monday_zero_offset().unsigned_abs())];
        let from_end = day.day() - day.days_in_month() - 1;
        (self.weekdays.is_empty() || self.weekdays.contains(&weekday))
            && (self.days_of_month.is_empty()
                || self.days_of_month.iter().any(|one| *one == day.day() || *one == from_end))
            && (self.months.is_empty() || self.months.contains(&day.month()))
            && self.first_day.is_none_or(|first| day >= first)
            && self.last_day.is_none_or(|last| day <= last)
    }
}

fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let is_plain = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_plain(hour) || !is_plain(minute) {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}
