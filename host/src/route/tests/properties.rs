//! What holds for all filters.

use std::fmt::Debug;

use proptest::prelude::*;

use super::*;

const NIGHT: u64 = 1_795_488_660_500;

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["security", "system", "flow", "host", "low_goodput", "eth0", "3"])
        .prop_map(str::to_owned)
}

fn words() -> impl Strategy<Value = Vec<String>> {
    some(word(), 3)
}

/// Mostly nothing: filters in which everything is set take hardly any alert.
fn some<T: Clone + Debug + 'static>(
    one: impl Strategy<Value = T> + 'static,
    count_max: usize,
) -> impl Strategy<Value = Vec<T>> {
    prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(one, 1..=count_max)]
}

fn texts(from: &[&str]) -> impl Strategy<Value = Vec<String>> {
    let from: Vec<_> = from.iter().map(|&one| one.to_owned()).collect();
    some(prop::sample::select(from), 2)
}

fn severity() -> impl Strategy<Value = Severity> {
    prop::sample::select(Severity::ALL.to_vec())
}

prop_compose! {
    fn settings()(
        minimum_severity in severity(),
        categories in words(),
        entities in words(),
        alert_types in words(),
        except_alert_types in words(),
        host_pools in words(),
        interfaces in words(),
        networks in texts(&["192.0.2.0/24", "10.0.0.0/8", "::/0"]),
        roles in some(prop::sample::select(vec![Role::Attacker, Role::Victim]), 2),
        locality in some(prop::sample::select(vec![Locality::Local, Locality::Remote]), 2),
        matchers in texts(&["env=prod", "env!=dev", "x=~\".*\"", "env!~\"p.*\""]),
        text_matches in texts(&["goodput", "192", "nothing"]),
        times in some(window(), 2),
        maintenance in some(window(), 2),
    ) -> FilterSettings {
        FilterSettings {
            minimum_severity,
            categories,
            entities,
            alert_types,
            except_alert_types,
            host_pools,
            interfaces,
            networks,
            roles,
            locality,
            matchers,
            text_matches,
            times,
            maintenance,
        }
    }
}

fn window() -> impl Strategy<Value = Window> {
    let days = prop::sample::select(vec![Weekday::Mon, Weekday::Tue]);
    let from = prop::sample::select(vec!["00:00", "03:00", "12:00"]);
    (some(days, 2), from).prop_map(|(weekdays, from)| Window {
        weekdays,
        from: Some(from.to_owned()),
        ..Window::default()
    })
}

/// Every list the other way round.
fn turned(settings: &FilterSettings) -> FilterSettings {
    let mut turned = settings.clone();
    for list in [
        &mut turned.categories,
        &mut turned.entities,
        &mut turned.alert_types,
        &mut turned.except_alert_types,
        &mut turned.host_pools,
        &mut turned.interfaces,
        &mut turned.networks,
        &mut turned.matchers,
        &mut turned.text_matches,
    ] {
        list.reverse();
    }
    turned.roles.reverse();
    turned.locality.reverse();
    turned.times.reverse();
    turned.maintenance.reverse();
    turned
}

fn takes(settings: &FilterSettings, alert: &Alert) -> bool {
    let filter = Filter::compile(settings, &TimeZone::UTC).unwrap();
    decide(&filter, RecipientId(1), alert, Episode::Fresh).is_yes()
}

proptest! {
    #[test]
    fn the_order_of_filters_and_of_lists_makes_no_difference(
        all in prop::collection::vec(settings(), 1..6),
        severity in severity(),
    ) {
        let alert = Alert { severity, received_ms: NIGHT, ..flow() };
        let mut there = Router::default();
        let mut back = Router::default();
        let numbered: Vec<_> = all.iter().zip(1_u32..).collect();
        for (one, id) in &numbered {
            let filter = Filter::compile(one, &TimeZone::UTC).unwrap();
            there.add(TenantId::DEFAULT, RecipientId(*id), Arc::new(filter));
        }
        for (one, id) in numbered.iter().rev() {
            let filter = Filter::compile(&turned(one), &TimeZone::UTC).unwrap();
            back.add(TenantId::DEFAULT, RecipientId(*id), Arc::new(filter));
        }
        let mut ends = back.route(&alert, Episode::Fresh);
        ends.sort_unstable();
        prop_assert_eq!(there.route(&alert, Episode::Fresh), ends);
    }

    #[test]
    fn one_value_more_in_a_list_that_is_not_empty_loses_no_alert(
        list in settings(),
        more in settings(),
    ) {
        // Each of these lists alone, since all of them together hardly ever take an alert.
        macro_rules! each {
            ($($part:ident)*) => { $({
                let of = |values| {
                    takes(&FilterSettings { $part: values, ..FilterSettings::default() }, &flow())
                };
                let (narrow, more) = (list.$part.clone(), more.$part.clone());
                let wide = [narrow.clone(), more].concat();
                let wide: Vec<_> = wide.into_iter().take(narrow.len() + 1).collect();
                // `roles` and `locality` can have no third.
                let is_list = !narrow.is_empty() && wide.len() < 3;
                prop_assert!(!is_list || !of(narrow) || of(wide), stringify!($part));
            })* };
        }
        each!(categories entities alert_types host_pools interfaces);
        each!(networks roles locality text_matches times);
    }

    #[test]
    fn a_written_filter_is_the_same_after_json_and_toml(settings in settings()) {
        let json = serde_json::to_string(&settings).unwrap();
        prop_assert_eq!(&serde_json::from_str::<FilterSettings>(&json).unwrap(), &settings);
        let toml = toml::to_string(&settings).unwrap();
        prop_assert_eq!(&toml::from_str::<FilterSettings>(&toml).unwrap(), &settings);
    }

    #[test]
    fn no_text_makes_the_compiler_of_filters_panic(text in "\\PC{0,40}") {
        let settings = FilterSettings {
            networks: vec![text.clone()],
            matchers: vec![text.clone(), format!("a=~{text}")],
            text_matches: vec![text.clone()],
            times: vec![Window {
                from: Some(text.clone()), to: Some(text.clone()), zone: Some(text.clone()),
                first_day: Some(text.clone()), last_day: Some(text), ..Window::default()
            }],
            ..FilterSettings::default()
        };
        _ = Filter::compile(&settings, &TimeZone::UTC);
    }
}
