use super::*;

const RULES: GuardRules = GuardRules { window_ms: 1_000, slow_count: 4, stop_count: 8 };
const ORIGIN: &str = "https://a.example:443";

fn by(tenant: u32, endpoint: u32) -> By {
    By { tenant: TenantId(tenant), endpoint: EndpointId(endpoint) }
}

/// A guard that saw `count` refusals of each endpoint, all at `now_ms`.
fn refused(now_ms: u64, causes: &[(By, usize)]) -> (BanGuard, Vec<Change>) {
    let guard = BanGuard::new(RULES);
    let mut changes = Vec::new();
    for (by, count) in causes {
        changes.extend((0..*count).filter_map(|_| guard.saw(ORIGIN, *by, Some(403), now_ms)));
    }
    (guard, changes)
}

#[test]
fn those_that_cause_refusals_are_slowed_then_stopped_and_the_rest_is_never_stopped() {
    let (bad, good) = (by(1, 1), by(2, 2));
    let stopped = Some(Held { until_ms: 1_100, is_stopped: true });
    let next = Some(Held { until_ms: 1_100, is_stopped: false });
    let table = [
        // refusals of the bad one, then what holds each for its second send at once
        (0, None, None),
        (3, None, None),
        (4, next, None),
        (7, next, None),
        (8, stopped, next),
        (1_000, stopped, next),
    ];
    for (count, held_bad, held_good) in table {
        let (guard, _) = refused(100, &[(bad, count)]);
        let first = guard.admit(ORIGIN, bad, 100);
        assert_eq!(first.is_some(), held_bad == stopped, "{count}");
        assert_eq!(guard.admit(ORIGIN, good, 100), None, "{count}");
        assert_eq!(guard.admit(ORIGIN, bad, 100), held_bad, "{count}");
        assert_eq!(guard.held(ORIGIN, good, 100), held_good, "{count}");
        assert_eq!(guard.held("https://b.example:443", bad, 100), None, "{count}");
    }
}

#[test]
fn who_caused_more_than_its_part_is_told_from_who_did_not() {
    // Refusals of the one, beside 20 others with one each; whether the one is stopped.
    let table = [(0, false), (1, false), (2, false), (3, true), (5, true), (500, true)];
    for (count, is_stopped) in table {
        let one = by(1, 1);
        let others: Vec<_> = (100..120).map(|endpoint| (by(2, endpoint), 1)).collect();
        let (guard, _) = refused(0, &[(one, count)]);
        for (other, _) in &others {
            guard.saw(ORIGIN, *other, Some(429), 0);
        }
        let held = guard.held(ORIGIN, one, 0);
        assert_eq!(held.is_some_and(|held| held.is_stopped), is_stopped, "{count}");
        assert!(guard.held(ORIGIN, by(2, 7), 0).is_none(), "{count}: only slowed");
    }
}

#[test]
fn only_refusals_count_and_only_for_a_window() {
    let table = [(None, 0), (Some(200), 0), (Some(500), 0), (Some(404), 0)]
        .into_iter()
        .chain([401, 403, 429].map(|status| (Some(status), 1)));
    for (status, changes) in table {
        let guard = BanGuard::new(RULES);
        let seen = (0..8).filter_map(|_| guard.saw(ORIGIN, by(1, 1), status, 0)).count();
        assert_eq!(seen, changes * 2, "{status:?}: slowing, then stopping");
    }
    // Spread over time they never meet the threshold.
    let guard = BanGuard::new(RULES);
    assert!((0..100).all(|at| guard.saw(ORIGIN, by(1, 1), Some(401), at * 400).is_none()));
}

#[test]
fn it_stays_stopped_until_the_window_has_cleared() {
    let guard = BanGuard::new(RULES);
    let bad = by(1, 1);
    for at in 0..8 {
        guard.saw(ORIGIN, bad, Some(403), at * 10);
    }
    // Calm below 4: when the fifth of eight has worn off.
    let until_ms = 4 * 10 + 1_000;
    assert_eq!(guard.held(ORIGIN, bad, 80), Some(Held { until_ms, is_stopped: true }));
    assert_eq!(guard.held(ORIGIN, bad, 1_010), Some(Held { until_ms, is_stopped: true }));
    assert_eq!(guard.held(ORIGIN, bad, until_ms), None);
    let told = guard.sweep(until_ms);
    assert_eq!(told.iter().map(|one| one.level).collect::<Vec<_>>(), [Level::Calm]);
    assert_eq!(guard.sweep(until_ms), []);
    assert!(!guard.lock().is_empty(), "three still count");
    guard.sweep(70 + 1_000);
    assert!(guard.lock().is_empty());
}

#[test]
fn each_change_is_told_once_with_who_caused_it() {
    let (bad, worse) = (by(1, 1), by(2, 2));
    let (guard, changes) = refused(0, &[(bad, 100), (worse, 4)]);
    let told: Vec<_> =
        changes.iter().map(|one| (one.level, one.refusals, one.causes.len())).collect();
    assert_eq!(told, [(Level::Slowing, 4, 1), (Level::Stopping, 8, 1), (Level::Stopping, 32, 2)]);
    assert_eq!(changes[2].causes, [(bad, 28), (worse, 4)]);
    assert_eq!(guard.levels(), [(Level::Slowing, 0), (Level::Stopping, 1)]);
}

#[test]
fn memory_is_bounded_and_the_nearest_to_a_ban_stay() {
    let (guard, _) = refused(0, &[(by(1, 1), 100_000)]);
    for at in 1..5_000 {
        guard.saw(&format!("https://{at}.example:443"), by(1, 1), Some(403), at);
    }
    let watched = guard.lock();
    assert_eq!(watched.len(), ORIGINS_MAX);
    assert_eq!(watched[ORIGIN].refusals.len(), 4 * RULES.stop_count);
    assert!(watched.contains_key("https://4999.example:443"));
}
