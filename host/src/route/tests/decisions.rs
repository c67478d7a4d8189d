//! Each part of a filter: yes, no, and the reason in words.

use super::*;

#[test]
fn each_part_of_a_filter_says_yes_and_no_with_its_reason() {
    let holds = |parts: &str| format!("all that is asked for holds: {parts}");
    let more = |part: &str| holds(&format!("severity warning is at least notice; {part}"));
    let table: &[(Value, Result<String, String>)] = &[
        // filter, yes or no, and why
        (json!({"minimum_severity": "none"}), Ok("the recipient takes everything".to_owned())),
        (json!({}), Ok(holds("severity warning is at least notice"))),
        (json!({"minimum_severity": "warning"}), Ok(holds("severity warning is at least warning"))),
        (
            json!({"minimum_severity": "error"}),
            Err("its severity is warning, and the recipient wants error or more".to_owned()),
        ),
        (json!({"categories": ["system", "security"]}), Ok(more("category security"))),
        (
            json!({"categories": ["system", "reports"]}),
            Err("its category is `security`, which is not among system, reports".to_owned()),
        ),
        (
            json!({"categories": ["Security"]}),
            Err("its category is `security`, which is not among Security".to_owned()),
        ),
        (json!({"entities": ["flow"]}), Ok(more("entity flow"))),
        (
            json!({"entities": ["host"]}),
            Err("its entity is `flow`, which is not among host".to_owned()),
        ),
        (json!({"alert_types": ["low_goodput"]}), Ok(more("type low_goodput"))),
        (
            json!({"alert_types": ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]}),
            Err("its type is `low_goodput`, which is not among a, b, c, d, e, f, g, h, 2 more"
                .to_owned()),
        ),
        (json!({"except_alert_types": ["flood"]}), Ok(more("no excepted type, but low_goodput"))),
        (
            json!({"except_alert_types": ["flood", "low_goodput"]}),
            Err("its type is `low_goodput`, which the recipient excepts".to_owned()),
        ),
        (json!({"interfaces": ["eth1", "eth0"]}), Ok(more("interface eth0"))),
        (
            json!({"interfaces": ["eth1"]}),
            Err("its interface is `eth0`, which is not among eth1".to_owned()),
        ),
        (json!({"host_pools": ["3"]}), Ok(more("host pool 3"))),
        (json!({"host_pools": ["7", "0"]}), Ok(more("host pool 0"))),
        (
            json!({"host_pools": ["4"]}),
            Err("its host pool is `3, 0`, which is not among 4".to_owned()),
        ),
        (json!({"networks": ["192.0.2.0/24"]}), Ok(more("host 192.0.2.29 is within 192.0.2.0/24"))),
        (json!({"networks": ["192.0.2.29"]}), Ok(more("host 192.0.2.29 is within 192.0.2.29/32"))),
        (
            json!({"networks": ["192.0.2.77/24"]}),
            Ok(more("host 192.0.2.29 is within 192.0.2.0/24")),
        ),
        (
            json!({"networks": ["::ffff:192.0.2.0/120"]}),
            Ok(more("host 192.0.2.29 is within 192.0.2.0/24")),
        ),
        (
            json!({"networks": ["::ffff:192.0.2.29"]}),
            Ok(more("host 192.0.2.29 is within 192.0.2.29/32")),
        ),
        (
            json!({"networks": ["10.0.0.0/8", "2001:db8::/32"]}),
            Ok(more("host 2001:db8::35 is within 10.0.0.0/8 or 2001:db8::/32")),
        ),
        (
            json!({"networks": ["2001:db8::/123"]}),
            Err("none of its hosts (192.0.2.29, 2001:db8::35) is within 2001:db8::/123".to_owned()),
        ),
        (
            json!({"networks": ["0.0.0.0/0"], "locality": ["remote"]}),
            Err("none of its hosts (192.0.2.29, 2001:db8::35) is remote, within 0.0.0.0/0"
                .to_owned()),
        ),
        (json!({"roles": ["attacker"]}), Ok(more("host 192.0.2.29 is attacker"))),
        (json!({"locality": ["remote"]}), Ok(more("host 2001:db8::35 is remote"))),
        // Each holds for one of the hosts, and all for none.
        (
            json!({"roles": ["attacker"], "locality": ["remote"]}),
            Err("none of its hosts (192.0.2.29, 2001:db8::35) is attacker, remote".to_owned()),
        ),
        (
            json!({"roles": ["victim"], "networks": ["192.0.2.0/24"]}),
            Err("none of its hosts (192.0.2.29, 2001:db8::35) is victim, within 192.0.2.0/24"
                .to_owned()),
        ),
        (
            json!({"roles": ["attacker"], "locality": ["local"], "networks": ["192.0.2.0/24"]}),
            Ok(more("host 192.0.2.29 is attacker, local, within 192.0.2.0/24")),
        ),
        (
            json!({"roles": ["attacker", "victim"], "locality": ["local", "remote"]}),
            Ok(more("host 192.0.2.29 is attacker or victim, local or remote")),
        ),
        (json!({"matchers": ["env=\"prod\""]}), Ok(more(r#"env="prod""#))),
        (json!({"matchers": ["env=~\"pr.*\"", " team= "]}), Ok(more(r#"env=~"pr.*" and team="#))),
        (
            json!({"matchers": ["env=\"prod\"", "env!~\"p.*\""]}),
            Err(r#"its label `env` is `prod`, and `env!~"p.*"` is wanted"#.to_owned()),
        ),
        (
            json!({"matchers": ["team=db"]}),
            Err("it has no label `team`, and `team=db` is wanted".to_owned()),
        ),
        (json!({"text_matches": ["goodPUT"]}), Ok(more("the text has goodPUT"))),
        (
            json!({"text_matches": ["nothing", "198\\.51\\.100\\.\\d+:80$"]}),
            Ok(more(r#"the text has 198\.51\.100\.\d+:80$"#)),
        ),
        (
            json!({"text_matches": ["nothing", "no.hing"]}),
            Err("neither its title nor its text has one of nothing, no.hing".to_owned()),
        ),
        (
            json!({"times": [{"weekdays": ["mon"]}]}),
            Err("it came at Tue 2026-11-24 03:10 UTC, outside of the recipient's times".to_owned()),
        ),
        (
            json!({"times": [{"weekdays": ["mon"]}, {"weekdays": ["tue"], "zone": "Europe/Rome"}]}),
            Ok(more("Tue 2026-11-24 04:10 Europe/Rome is within `times[1]`")),
        ),
        (
            json!({"times": [{"name": "night", "from": "22:00", "to": "06:00"}]}),
            Ok(more("Tue 2026-11-24 03:10 UTC is within `night`")),
        ),
        (json!({"maintenance": [{"weekdays": ["mon"]}]}), Ok(more("no maintenance"))),
        (
            json!({"maintenance": [{"weekdays": ["mon"]}, {"name": "backup", "zone": "Europe/Rome"}]}),
            Err("it came at Tue 2026-11-24 04:10 Europe/Rome, within the maintenance `backup`"
                .to_owned()),
        ),
        (
            json!({"maintenance": [{}]}),
            Err("it came at Tue 2026-11-24 03:10 UTC, within `maintenance[0]`".to_owned()),
        ),
        // The first part that does not hold is told.
        (
            json!({"minimum_severity": "error", "categories": ["x"]}),
            Err("its severity is warning, and the recipient wants error or more".to_owned()),
        ),
        (
            json!({"minimum_severity": "none", "entities": ["flow"], "text_matches": ["."], "categories": ["security"]}),
            Ok(holds("category security; entity flow; the text has .")),
        ),
    ];
    let alert = Alert { received_ms: at("2026-11-24T03:10:00Z"), ..flow() };
    for (filter, expected) in table {
        let compiled = compiled(filter.clone());
        let decision = decide(&compiled, RecipientId(1), &alert, Episode::Fresh);
        let why = decision.to_string();
        let found = if decision.is_yes() { Ok(why) } else { Err(why) };
        assert_eq!(&found, expected, "{filter}");
    }
}

#[test]
fn a_part_about_what_an_alert_lacks_does_not_hold() {
    let bare = Alert { interface_name: None, flow: None, labels: Vec::new(), ..flow() };
    let table = [
        (json!({"interfaces": ["eth0"]}), "it has no interface, and the recipient wants eth0"),
        (json!({"host_pools": ["0", "1"]}), "it has no host pool, and the recipient wants 0, 1"),
        (
            json!({"networks": ["0.0.0.0/0", "::/0"]}),
            "it names no host, and one is wanted that is within 0.0.0.0/0 or ::/0",
        ),
        (
            json!({"roles": ["attacker", "victim"]}),
            "it names no host, and one is wanted that is attacker or victim",
        ),
        (
            json!({"locality": ["local", "remote"]}),
            "it names no host, and one is wanted that is local or remote",
        ),
    ];
    for (part, expected) in table {
        let filter = compiled(part.clone());
        let decision = decide(&filter, RecipientId(1), &bare, Episode::Fresh);
        assert!(!decision.is_yes(), "{part}");
        assert_eq!(decision.to_string(), expected, "{part}");
    }
}

#[test]
fn the_host_of_an_alert_counts_as_those_of_a_flow_do() {
    let about = |ip: &str| Alert { flow: None, host: Some(party(ip, true, false)), ..flow() };
    let table = [
        (json!({"networks": ["10.1.0.0/16"]}), "10.1.2.3", true),
        (json!({"networks": ["10.1.0.0/16"]}), "10.2.0.1", false),
        // The same network and the same address, whichever way either is written.
        (json!({"networks": ["10.1.0.0/16"]}), "::ffff:10.1.2.3", true),
        (json!({"networks": ["::ffff:10.1.0.0/112"]}), "10.1.2.3", true),
        (json!({"networks": ["::/0"]}), "10.1.2.3", false),
        (json!({"networks": ["fe80::/10"], "roles": ["victim"]}), "fe80::1", true),
        (json!({"networks": ["0.0.0.0/0", "::/0"]}), "no address", false),
        (json!({"roles": ["victim"], "locality": ["local"]}), "no address", true),
    ];
    for (filter, ip, expected) in table {
        let compiled = compiled(filter.clone());
        let alert = about(ip);
        let decision = decide(&compiled, RecipientId(1), &alert, Episode::Fresh);
        assert_eq!(decision.is_yes(), expected, "{filter} of {ip}: {decision}");
    }
}

#[test]
fn what_somebody_sent_is_cut_in_a_reason_and_disturbs_no_terminal() {
    let labels = vec![("env".to_owned(), format!("\u{1b}[2J\n\u{202e}{}", "x".repeat(2_000)))];
    let alert = Alert { labels, ..alert() };
    let filter = compiled(json!({"matchers": ["env=prod"]}));
    let why = decide(&filter, RecipientId(1), &alert, Episode::Fresh).to_string();
    assert!(why.starts_with("its label `env` is `\\u{1b}[2J\\n\\u{202e}xxx"), "{why}");
    assert!(why.ends_with("xxx...`, and `env=prod` is wanted"), "{why}");
    assert!(why.len() < 200, "{why}");
}
