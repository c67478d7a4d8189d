//! `Retry-After`: how long a service asks to be left alone.

use std::time::{Duration, UNIX_EPOCH};

/// The longest wait that is passed on: seven days, in milliseconds. The engine has its own bound.
pub const WAIT_MS_MAX: u32 = 7 * 24 * 60 * 60 * 1000;

/// Reads the header's value (RFC 9110, 10.2.3): whole seconds, or a date in one of the three forms
/// of section 5.6.7. `now_ms` is the time of the attempt, in milliseconds since the Unix epoch.
///
/// The wait in milliseconds: 0 for a date that has passed, at most [`WAIT_MS_MAX`], and `None` for
/// a value that is neither.
pub fn wait_ms(value: &str, now_ms: u64) -> Option<u32> {
    let value = value.trim_matches([' ', '\t']);
    let wait_ms = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are still a number of seconds.
        value.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(1000)
    } else {
        let at = httpdate::parse_http_date(value).ok()?;
        let now = UNIX_EPOCH.checked_add(Duration::from_millis(now_ms))?;
        let wait = at.duration_since(now).unwrap_or_default();
        u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
    };
    Some(u32::try_from(wait_ms).unwrap_or(u32::MAX).min(WAIT_MS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_as_seconds_or_as_a_date_in_any_of_the_three_forms() {
        // 1994-11-06T08:49:07.500Z, half a minute before the dates of RFC 9110.
        let now_ms = 784_111_747_500;
        let table = [
            ("0", Some(0)),
            ("120", Some(120_000)),
            (" 120\t", Some(120_000)),
            ("604801", Some(WAIT_MS_MAX)),
            ("4294968", Some(WAIT_MS_MAX)),
            ("99999999999999999999999999", Some(WAIT_MS_MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(29_500)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(29_500)),
            ("Sun Nov  6 08:49:37 1994", Some(29_500)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("Mon, 06 Nov 2034 08:49:37 GMT", Some(WAIT_MS_MAX)),
            ("", None),
            ("-1", None),
            ("+5", None),
            ("1.5", None),
            ("soon", None),
            ("12\u{664}", None),
            ("Sun, 32 Nov 1994 08:49:37 GMT", None),
        ];
        for (value, expected) in table {
            assert_eq!(wait_ms(value, now_ms), expected, "{value:?}");
        }
        assert_eq!(wait_ms("Sun, 06 Nov 1994 08:49:37 GMT", u64::MAX), Some(0));
    }
}
