use std::time::Instant;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::alert::tests::alert;
use crate::alert::{Flow, Party, Severity, Traffic};

const NIGHT: u64 = 1_795_488_660_500;

fn written(filter: Value) -> FilterSettings {
    serde_json::from_value(filter).unwrap()
}

fn compiled(filter: Value) -> Filter {
    Filter::compile(&written(filter), &TimeZone::UTC).unwrap()
}

fn party(ip: &str, is_local: bool, is_attacker: bool) -> Party {
    Party { ip: ip.into(), is_local, is_attacker, is_victim: !is_attacker, ..Party::default() }
}

/// A flow from a local attacker to a remote victim, with labels.
fn flow() -> Alert {
    let flow = Flow {
        client: party("192.0.2.29", true, true),
        server: party("2001:db8::35", false, false),
        transport: "tcp".into(),
        transport_number: None,
        application: None,
        vlan: None,
        community_id: None,
        sent: Traffic::default(),
        received: Traffic::default(),
        blocked: false,
    };
    let labels = [("env", "prod"), ("cli_host_pool_id", "3"), ("srv_host_pool_id", "0")];
    Alert {
        severity: Severity::Warning,
        flow: Some(flow),
        interface_name: Some("eth0".into()),
        labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
        ..alert()
    }
}

/// Milliseconds of an RFC 3339 instant.
fn at(text: &str) -> u64 {
    let at: jiff::Timestamp = text.parse().unwrap();
    at.as_millisecond().unsigned_abs()
}

#[test]
fn each_part_of_a_filter_says_yes_and_no_with_its_reason() {
    let table = [
        // filter, yes, words of the reason
        (json!({}), true, "all that is asked for holds: severity warning is at least notice"),
        (json!({"minimum_severity": "none"}), true, "the recipient takes everything"),
        (json!({"minimum_severity": "warning"}), true, "severity warning is at least warning"),
        (
            json!({"minimum_severity": "error"}),
            false,
            "its severity is warning, and the recipient wants error or more",
        ),
        (json!({"categories": ["system", "security"]}), true, "category security"),
        (
            json!({"categories": ["system", "reports"]}),
            false,
            "its category is `security`, which is not among system, reports",
        ),
        (json!({"entities": ["flow"]}), true, "entity flow"),
        (json!({"entities": ["host"]}), false, "its entity is `flow`, which is not among host"),
        (json!({"alert_types": ["low_goodput"]}), true, "type low_goodput"),
        (
            json!({"alert_types": ["flood"]}),
            false,
            "its type is `low_goodput`, which is not among flood",
        ),
        (json!({"except_alert_types": ["flood"]}), true, "no excepted type"),
        (
            json!({"except_alert_types": ["low_goodput"]}),
            false,
            "its type is `low_goodput`, which the recipient excepts",
        ),
        (json!({"interfaces": ["eth0"]}), true, "interface eth0"),
        (json!({"interfaces": ["eth1"]}), false, "its interface is `eth0`"),
        (json!({"host_pools": ["3"]}), true, "a host pool"),
        (json!({"host_pools": ["0"]}), true, "a host pool"),
        (json!({"host_pools": ["4"]}), false, "none of its host pools is among 4"),
        (json!({"networks": ["192.0.2.0/24"]}), true, "a host"),
        (json!({"networks": ["192.0.2.29"]}), true, "a host"),
        (json!({"networks": ["::ffff:192.0.2.0/120"]}), true, "a host"),
        (json!({"networks": ["2001:db8::/32"]}), true, "a host"),
        (json!({"networks": ["2001:db9::/32", "10.0.0.0/8"]}), false, "none of its hosts"),
        (json!({"roles": ["attacker"]}), true, "a host"),
        (json!({"locality": ["remote"]}), true, "a host"),
        // Both are there, and not in one host.
        (json!({"roles": ["attacker"], "locality": ["remote"]}), false, "none of its hosts"),
        (json!({"roles": ["victim"], "networks": ["192.0.2.0/24"]}), false, "none of its hosts"),
        (
            json!({"roles": ["attacker"], "locality": ["local"], "networks": ["192.0.2.0/24"]}),
            true,
            "a host",
        ),
        (json!({"roles": ["attacker", "victim"], "locality": ["local", "remote"]}), true, "a host"),
        (json!({"matchers": ["env=\"prod\""]}), true, "all labels"),
        (json!({"matchers": ["env=~\"pr.*\"", "team=\"\""]}), true, "all labels"),
        (
            json!({"matchers": ["env=\"prod\"", "env!~\"p.*\""]}),
            false,
            "its label `env` is `prod`, and `env!~\"p.*\"` is wanted",
        ),
        (
            json!({"matchers": ["team=db"]}),
            false,
            "its label `team` is ``, and `team=db` is wanted",
        ),
        (json!({"text_matches": ["goodPUT"]}), true, "the text"),
        (json!({"text_matches": ["nothing", "198\\.51\\.100\\.\\d+:80"]}), true, "the text"),
        (json!({"text_matches": ["nothing"]}), false, "neither its title nor its text"),
        (json!({"times": [{"weekdays": ["mon"]}]}), false, "it came at Tue 2026-11-24"),
        (json!({"times": [{"weekdays": ["mon"]}, {"weekdays": ["tue"]}]}), true, "the time"),
        (json!({"maintenance": [{"weekdays": ["mon"]}]}), true, "no maintenance"),
        (
            json!({"maintenance": [{"name": "backup", "weekdays": ["tue"]}]}),
            false,
            "within a maintenance, `backup`",
        ),
        // The first part that does not hold is told.
        (json!({"minimum_severity": "error", "categories": ["x"]}), false, "its severity"),
    ];
    let alert = Alert { received_ms: at("2026-11-24T03:10:00Z"), ..flow() };
    for (filter, yes, words) in table {
        let compiled = compiled(filter.clone());
        let decision = decide(&compiled, RecipientId(1), &alert, Episode::Fresh);
        assert_eq!(decision.is_yes(), yes, "{filter}: {decision}");
        assert!(decision.to_string().contains(words), "{filter}: {decision}");
    }
}

#[test]
fn a_part_about_what_an_alert_lacks_does_not_hold() {
    let bare = Alert { interface_name: None, flow: None, labels: Vec::new(), ..flow() };
    for part in [
        json!({"interfaces": ["eth0"]}),
        json!({"host_pools": ["0"]}),
        json!({"networks": ["0.0.0.0/0", "::/0"]}),
        json!({"roles": ["attacker", "victim"]}),
        json!({"locality": ["local", "remote"]}),
    ] {
        let filter = compiled(part.clone());
        assert!(!decide(&filter, RecipientId(1), &bare, Episode::Fresh).is_yes(), "{part}");
    }
}

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

#[test]
fn each_fault_of_a_written_filter_is_told_with_its_place() {
    let table = [
        (json!({"categories": ["", "a\u{7}"]}), vec!["categories[0]", "categories[1]"]),
        (json!({"networks": ["10.0.0.0/33", "host", "::1"]}), vec!["networks[0]", "networks[1]"]),
        (json!({"matchers": ["a", "b=~\"(\""]}), vec!["matchers[0]", "matchers[1]"]),
        (
            json!({"text_matches": ["[", "x{999}{999}{999}"]}),
            vec!["text_matches[0]", "text_matches[1]"],
        ),
        (json!({"times": [{"from": "8:00", "to": "25:00"}]}), vec!["times[0].from", "times[0].to"]),
        (json!({"times": [{"from": "24:00"}]}), vec!["times[0].from"]),
        (
            json!({"maintenance": [{}, {"zone": "Mars", "days_of_month": [0, 32], "months": [13]}]}),
            vec![
                "maintenance[1].zone",
                "maintenance[1].days_of_month[0]",
                "maintenance[1].days_of_month[1]",
                "maintenance[1].months[0]",
            ],
        ),
        (
            json!({"times": [{"first_day": "24.11.2026", "last_day": "2026-02-30", "name": ""}]}),
            vec!["times[0].name", "times[0].first_day", "times[0].last_day"],
        ),
        (json!({"categories": vec!["a"; 257]}), vec!["categories"]),
        (json!({"matchers": vec!["a=b"; 65]}), vec!["matchers"]),
        (json!({"times": vec![json!({}); 65]}), vec!["times"]),
        (json!({"alert_types": ["a".repeat(257)]}), vec!["alert_types[0]"]),
        (json!({"roles": ["victim", "victim", "victim"]}), vec!["roles"]),
        (
            json!({"times": [{"weekdays": vec!["mon"; 8], "months": vec![1; 13]}]}),
            vec!["times[0].weekdays", "times[0].months"],
        ),
        (
            json!({"times": [{"first_day": "2026-11-24", "last_day": "2026-11-23"}]}),
            vec!["times[0].last_day"],
        ),
        // Everything at once.
        (
            json!({"interfaces": [""], "networks": ["x"], "matchers": ["a"], "times": [{"to": ""}]}),
            vec!["interfaces[0]", "networks[0]", "matchers[0]", "times[0].to"],
        ),
    ];
    for (filter, places) in table {
        let faults = Filter::compile(&written(filter.clone()), &TimeZone::UTC).unwrap_err();
        let found: Vec<_> = faults.iter().map(|one| one.place.as_str()).collect();
        assert_eq!(found, places, "{filter}");
        assert!(faults.iter().all(|one| one.expected.starts_with("expected ")), "{faults:?}");
    }
}

#[test]
fn an_alert_reaches_only_recipients_of_its_own_tenant() {
    let all = Arc::new(Filter::default());
    let mut router = Router::default();
    router.add(TenantId(1), RecipientId(1), Arc::clone(&all));
    router.add(TenantId(2), RecipientId(2), all);
    let mut alert = alert();
    alert.tenant = TenantId(2);
    assert_eq!(router.route(&alert, Episode::Fresh), [RecipientId(2)]);
    alert.tenant = TenantId(3);
    assert_eq!(router.route(&alert, Episode::Fresh), []);
}

#[test]
fn a_release_goes_to_whom_its_engage_was_owed_and_a_repeat_to_nobody() {
    let mut router = Router::default();
    let high = compiled(json!({"minimum_severity": "emergency"}));
    router.add(TenantId::DEFAULT, RecipientId(1), Arc::new(high));
    router.add(TenantId::DEFAULT, RecipientId(2), Arc::new(Filter::default()));
    let alert = alert();
    let told = [RecipientId(1), RecipientId(9)];
    assert_eq!(router.route(&alert, Episode::Told(&told)), [RecipientId(1)]);
    let reasons: Vec<_> =
        router.decide(&alert, Episode::Told(&told)).map(|(_, it)| it.to_string()).collect();
    assert_eq!(reasons, ["it was told of the beginning", "it was not told of the beginning"]);
    assert_eq!(router.route(&alert, Episode::Repeated), []);
    assert_eq!(router.route(&alert, Episode::Told(&[])), []);
}

#[test]
fn a_written_filter_leaves_out_what_has_its_default() {
    assert_eq!(serde_json::to_value(FilterSettings::default()).unwrap(), json!({}));
    let filter = json!({"minimum_severity": "error", "times": [{"weekdays": ["sat", "sun"]}]});
    assert_eq!(serde_json::to_value(written(filter.clone())).unwrap(), filter);
    for wrong in [json!({"severity": 1}), json!({"roles": ["boss"]}), json!({"times": [{"at": 1}]})]
    {
        assert!(serde_json::from_value::<FilterSettings>(wrong.clone()).is_err(), "{wrong}");
    }
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["security", "system", "flow", "host", "low_goodput", "eth0", "3"])
        .prop_map(str::to_owned)
}

fn words() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(word(), 0..4)
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
        networks in prop::collection::vec(prop::sample::select(vec!["192.0.2.0/24", "10.0.0.0/8", "::/0"]), 0..3),
        roles in prop::collection::vec(prop::sample::select(vec![Role::Attacker, Role::Victim]), 0..3),
        locality in prop::collection::vec(prop::sample::select(vec![Locality::Local, Locality::Remote]), 0..3),
        matchers in prop::collection::vec(prop::sample::select(vec!["env=prod", "env!=dev", "x=~\".*\"", "env!~\"p.*\""]), 0..3),
        text_matches in prop::collection::vec(prop::sample::select(vec!["goodput", "192", "nothing"]), 0..3),
        days in prop::collection::vec(prop::sample::select(vec![Weekday::Mon, Weekday::Tue]), 0..3),
        maintained in any::<bool>(),
    ) -> FilterSettings {
        let owned = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect();
        let times = days.iter().map(|day| Window { weekdays: vec![*day], ..Window::default() }).collect();
        let maintenance = if maintained { vec![Window { weekdays: days, ..Window::default() }] } else { vec![] };
        FilterSettings {
            minimum_severity, categories, entities, alert_types, except_alert_types, host_pools,
            interfaces, networks: owned(networks), roles, locality, matchers: owned(matchers),
            text_matches: owned(text_matches), times, maintenance,
        }
    }
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
        list in prop::collection::vec(word(), 1..4),
        more in word(),
        part in 0..6_usize,
    ) {
        let alert = Alert { received_ms: NIGHT, ..flow() };
        let of = |list: Vec<String>| {
            let mut settings = FilterSettings::default();
            let part = [
                &mut settings.categories, &mut settings.entities, &mut settings.alert_types,
                &mut settings.host_pools, &mut settings.interfaces, &mut settings.text_matches,
            ].into_iter().nth(part);
            *part.unwrap() = list;
            takes(&settings, &alert)
        };
        let wider = [list.clone(), vec![more]].concat();
        prop_assert!(!of(list) || of(wider));
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

#[test]
fn routing_one_alert_past_a_thousand_recipients_takes_less_than_200_us() {
    let rome = TimeZone::get("Europe/Rome").unwrap();
    let mut router = Router::default();
    for id in 0..1_000_u32 {
        let filter = match id % 5 {
            0 => json!({"minimum_severity": "warning", "categories": ["network", "security"]}),
            1 => {
                json!({"minimum_severity": "notice", "matchers": [format!("team=\"t{id}\""), "env=~\"prod|stage\""]})
            }
            2 => {
                json!({"minimum_severity": "none", "text_matches": [format!("host-{id}\\b"), "198\\.51"]})
            }
            3 => {
                json!({"minimum_severity": "none", "times": [{"weekdays": ["mon", "tue"], "from": "08:00", "to": "18:00"}]})
            }
            _ => {
                json!({"minimum_severity": "none", "roles": ["victim"], "networks": [format!("10.{}.0.0/16", id % 256)]})
            }
        };
        let filter = Filter::compile(&written(filter), &rome).unwrap();
        router.add(TenantId::DEFAULT, RecipientId(id), Arc::new(filter));
    }
    let alert = flow();
    let mut took: Vec<_> = (0..201)
        .map(|_| {
            let began = Instant::now();
            let routed = router.route(&alert, Episode::Fresh);
            assert!(routed.len() > 100, "{}", routed.len());
            began.elapsed()
        })
        .collect();
    took.sort_unstable();
    println!("routing one alert past 1,000 recipients: median {:?}", took[100]);
    assert!(took[100].as_micros() < 200, "{:?}", took[100]);
}
