//! Windows: midnight, the ends of months, and the days on which a zone's clock is set.

use super::*;

#[test]
fn a_window_is_of_the_wall_clock_of_its_zone() {
    let table = [
        (json!({}), "2026-11-24T03:10:00Z", true),
        (json!({"from": "08:00", "to": "18:00"}), "2026-11-24T08:00:00Z", true),
        (json!({"from": "08:00", "to": "18:00"}), "2026-11-24T17:59:59Z", true),
        (json!({"from": "08:00", "to": "18:00"}), "2026-11-24T18:00:00Z", false),
        (json!({"from": "08:00", "to": "18:00"}), "2026-11-24T07:59:59Z", false),
        (json!({"from": "08:00", "to": "24:00"}), "2026-11-24T23:59:59Z", true),
        (json!({"from": "08:00"}), "2026-11-24T23:59:59Z", true),
        // Past midnight: of the day on which it began. 2026-11-24 is a Tuesday.
        (
            json!({"weekdays": ["tue"], "from": "22:00", "to": "06:00"}),
            "2026-11-24T23:00:00Z",
            true,
        ),
        (
            json!({"weekdays": ["tue"], "from": "22:00", "to": "06:00"}),
            "2026-11-25T05:59:00Z",
            true,
        ),
        (
            json!({"weekdays": ["tue"], "from": "22:00", "to": "06:00"}),
            "2026-11-25T06:00:00Z",
            false,
        ),
        (
            json!({"weekdays": ["tue"], "from": "22:00", "to": "06:00"}),
            "2026-11-24T05:00:00Z",
            false,
        ),
        (
            json!({"weekdays": ["tue"], "from": "22:00", "to": "06:00"}),
            "2026-11-25T23:00:00Z",
            false,
        ),
        (json!({"from": "06:00", "to": "06:00"}), "2026-11-24T05:00:00Z", true),
        // In Rome the clock is one hour ahead, in summer two; it was set on 2026-03-29 and 2026-10-25.
        (
            json!({"from": "08:00", "to": "09:00", "zone": "Europe/Rome"}),
            "2026-03-28T07:30:00Z",
            true,
        ),
        (
            json!({"from": "08:00", "to": "09:00", "zone": "Europe/Rome"}),
            "2026-03-29T07:30:00Z",
            false,
        ),
        (
            json!({"from": "08:00", "to": "09:00", "zone": "Europe/Rome"}),
            "2026-03-29T06:30:00Z",
            true,
        ),
        (
            json!({"from": "02:00", "to": "03:00", "zone": "Europe/Rome"}),
            "2026-10-25T00:30:00Z",
            true,
        ),
        (
            json!({"from": "02:00", "to": "03:00", "zone": "Europe/Rome"}),
            "2026-10-25T01:30:00Z",
            true,
        ),
        (
            json!({"from": "02:00", "to": "03:00", "zone": "Europe/Rome"}),
            "2026-10-25T02:30:00Z",
            false,
        ),
        (json!({"days_of_month": [1, -1]}), "2026-02-28T12:00:00Z", true),
        (json!({"days_of_month": [1, -1]}), "2028-02-28T12:00:00Z", false),
        (json!({"days_of_month": [1, -1]}), "2028-02-29T12:00:00Z", true),
        (json!({"days_of_month": [1, -1]}), "2026-03-01T12:00:00Z", true),
        (json!({"months": [11, 12]}), "2026-11-24T12:00:00Z", true),
        (json!({"months": [12]}), "2026-11-24T12:00:00Z", false),
        (
            json!({"first_day": "2026-11-24", "last_day": "2026-11-24"}),
            "2026-11-24T00:00:00Z",
            true,
        ),
        (json!({"first_day": "2026-11-25"}), "2026-11-24T23:59:59Z", false),
        (json!({"last_day": "2026-11-23"}), "2026-11-24T00:00:00Z", false),
    ];
    for (window, instant, expected) in table {
        let filter = compiled(json!({"times": [window]}));
        let alert = Alert { received_ms: at(instant), ..alert() };
        let decision = decide(&filter, RecipientId(1), &alert, Episode::Fresh);
        assert_eq!(decision.is_yes(), expected, "{window} at {instant}: {decision}");
    }
    let never = Alert { received_ms: u64::MAX, ..alert() };
    let filter = compiled(json!({"times": [{}]}));
    assert!(!decide(&filter, RecipientId(1), &never, Episode::Fresh).is_yes());
}
