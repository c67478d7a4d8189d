//! Moments and spans of time, as people read them.

use crate::Instant;

/// In the recipient's zone, to the second: "2026-11-24 03:51:00 +01:00", or "... UTC".
pub fn moment(at: &Instant) -> String {
    // "2026-11-24T03:51:00.000+01:00", as the contract has it.
    let whole = at.local.split_once('T').and_then(|(day, rest)| {
        let (time, offset) =
            (rest.get(..8)?, rest.trim_start_matches(|one| one != '+' && one != '-'));
        let zone = if matches!(offset, "" | "+00:00") { "UTC" } else { offset };
        Some(format!("{day} {time} {zone}"))
    });
    whole.unwrap_or_else(|| at.local.clone())
}

/// How long something lasted, in its two greatest units: "2 h 5 min", "45 s", "3 d 0 h".
pub fn length(ms: u64) -> String {
    let seconds = ms / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    if days > 0 {
        format!("{days} d {} h", hours % 24)
    } else if hours > 0 {
        format!("{hours} h {} min", minutes % 60)
    } else if minutes > 0 {
        format!("{minutes} min {} s", seconds % 60)
    } else if seconds > 0 {
        format!("{seconds} s")
    } else {
        "less than 1 s".into()
    }
}

/// When an id of the contract (a ULID) was given, in milliseconds since the Unix epoch; `None` for
/// what is no ULID.
pub fn given_ms(id: &str) -> Option<u64> {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    if id.len() != 26 {
        return None;
    }
    id.bytes().take(10).try_fold(0_u64, |ms, byte| {
        let digit = DIGITS.iter().position(|one| *one == byte.to_ascii_uppercase())?;
        Some((ms << 5) | digit as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_in_the_zone_of_who_reads_it() {
        let table = [
            ("2026-11-24T03:51:00.007+01:00", "2026-11-24 03:51:00 +01:00"),
            ("2026-11-23T22:51:59.999-04:00", "2026-11-23 22:51:59 -04:00"),
            ("2026-11-24T02:51:00.000+00:00", "2026-11-24 02:51:00 UTC"),
            ("2026-11-24T02:51:00.000Z", "2026-11-24 02:51:00 UTC"),
            ("some day", "some day"),
        ];
        for (local, expected) in table {
            let at = Instant { unix_ms: 0, utc: String::new(), local: local.into() };
            assert_eq!(moment(&at), expected, "{local}");
        }
    }

    #[test]
    fn a_span_has_its_two_greatest_units() {
        let table = [
            (0, "less than 1 s"),
            (999, "less than 1 s"),
            (1000, "1 s"),
            (59_999, "59 s"),
            (60_000, "1 min 0 s"),
            (3_599_999, "59 min 59 s"),
            (7_500_000, "2 h 5 min"),
            (86_399_999, "23 h 59 min"),
            (86_400_000, "1 d 0 h"),
            (u64::MAX, "213503982334 d 14 h"),
        ];
        for (ms, expected) in table {
            assert_eq!(length(ms), expected, "{ms} ms");
        }
    }

    #[test]
    fn an_id_tells_when_it_was_given() {
        let table = [
            ("01JD8Q5W3V9T6Z0M4K2N7P1R5S", Some(1_732_238_307_451)),
            ("00000000000000000000000000", Some(0)),
            ("7ZZZZZZZZZZZZZZZZZZZZZZZZZ", Some(281_474_976_710_655)),
            ("01JD8Q5W3U", None),
            ("01JD8Q5WIV9T6Z0M4K2N7P1R5S", None),
            ("", None),
        ];
        for (id, expected) in table {
            assert_eq!(given_ms(id), expected, "{id:?}");
        }
    }
}
