//! Syslog at rsyslog and syslog-ng.

use campanile_tests::alerts::native;
use campanile_tests::engine::Engine;
use campanile_tests::eventually;
use campanile_tests::peer::tls::Authority;
use campanile_tests::peers::syslog::{Header, Program, Record, Syslog, Way};
use campanile_tests::site::Site;
use serde_json::{Value, json};

use super::{alerts, probes, sends};

const PROGRAMS: [Program; 2] = [Program::Rsyslog, Program::SyslogNg];

/// Of facility 14.
const CRITICAL: u32 = 14 * 8 + 2;

/// What an endpoint needs for this daemon.
fn endpoint(syslog: &Syslog, authority: &Authority, more: &Value) -> Value {
    let mut settings = json!({
        "server": syslog.target(), "hostname": "edge-1.example", "app_name": "campanile",
    });
    let settings_of = settings.as_object_mut().unwrap();
    if syslog.target().starts_with("tls:") {
        settings_of.insert("tls_ca".into(), authority.pem().into());
    }
    settings_of.extend(more.as_object().unwrap().clone());
    settings
}

/// A daemon, and an engine with a recipient `ops` for it; more settings of the endpoint and of the
/// recipient. `None`: skipped.
async fn wired(
    (program, way, header): (Program, Way, Header),
    authority: &Authority,
    [of_endpoint, of_recipient]: [Value; 2],
) -> Option<(Syslog, Engine)> {
    let syslog = Syslog::start(program, way, header, authority).await?;
    let settings = endpoint(&syslog, authority, &of_endpoint);
    let site = Site::new().await.endpoint("log", "syslog", &settings);
    let engine = site.recipient("ops", "log", &of_recipient).start().await;
    Some((syslog, engine))
}

/// Sends all the alerts: their ids, and what the daemon read.
async fn told(engine: &Engine, syslog: &Syslog) -> (Vec<String>, Vec<Record>) {
    let sent = alerts();
    let mut ids = vec![];
    for alert in &sent {
        let (id, record) = sends(engine, alert).await;
        assert!(record.starts_with("delivered"), "{record}\n{}", syslog.said());
        ids.push(id);
    }
    let records = syslog.sees(sent.len()).await;
    assert_eq!(records.len(), sent.len(), "{records:#?}");
    (ids, records)
}

/// How many elements of structured data end here: what an alert holds ends none.
fn ends(data: &str) -> usize {
    data.match_indices(']').filter(|(at, _)| !data[..*at].ends_with('\\')).count()
}

fn milliseconds(time: &str) -> i64 {
    time.parse::<jiff::Timestamp>()
        .unwrap_or_else(|error| panic!("{time}: {error}"))
        .as_millisecond()
}

/// 2025-01-01T00:00:00.250Z.
const TIME_MS: i64 = 1_735_689_600_250;

async fn arrives_over(way: Way) {
    let authority = Authority::new();
    for program in PROGRAMS {
        let client = authority.identity(&["campanile.test"]);
        let more = match way {
            Way::Udp | Way::Tcp | Way::Tls | Way::Local => json!({}),
            Way::TcpCounted => json!({"framing": "octet_counting"}),
            Way::MutualTls => {
                json!({"tls_client_cert": client.certificate, "tls_client_key": client.key})
            }
        };
        let settings = [more, json!({"sd_id": "alert@32473", "msgid": "ALARM"})];
        let wired = wired((program, way, Header::Rfc5424), &authority, settings).await;
        let Some((syslog, engine)) = wired else { return };
        let (certainty, found) = probes(&engine).await;
        assert_ne!(certainty, "failed", "{found}");

        let (ids, records) = told(&engine, &syslog).await;

        for (record, id) in records.iter().zip(&ids) {
            let Record { hostname, app_name, procid, msgid, data, .. } = record;
            assert_eq!((hostname.as_str(), app_name.as_str()), ("edge-1.example", "campanile"));
            assert_eq!((procid.as_str(), msgid.as_str()), ("", "ALARM"), "{program:?}");
            assert_eq!(milliseconds(&record.time), TIME_MS, "{program:?}: {record:?}");
            assert!(data.starts_with("[alert@32473 ") && data.ends_with(']'), "{data}");
            assert_eq!(ends(data), 1, "{program:?}: {data}");
            assert!(data.contains(&format!("id=\"{id}\"")), "{data}");
            assert!(data.contains("action=\"stored\""), "{data}");
            let is_clean = !record.text.contains(|it: char| it.is_control() || it == '\u{202e}');
            assert!(is_clean, "{:?}", record.text);
        }
        let whole = "[2025-01-01T00:00:00Z][Critical][Disk full][Host][192.0.2.5] /var is at 97 %";
        assert_eq!(records[0].text, whole, "{program:?}");
        assert!(records[0].data.contains(r#"link="https://watch.example/alert/7?a=b&c=d""#));
        for (record, (priority, parts)) in records.iter().zip([
            (CRITICAL, ["[2025-01-01T00:00:00", "[Critical][Disk full]", "/var is at 97 %"]),
            (
                CRITICAL + 2,
                [
                    "[Warning]",
                    "[Gr\u{fc}\u{df}e \u{65e5}\u{672c} \u{1f600}]",
                    "caf\u{e9} \u{1f4a5} ok",
                ],
            ),
            (CRITICAL, ["<b>&amp;</b> @everyone", "Bcc: evil@mail.test", "evil evil - - - two"]),
            (
                CRITICAL + 3,
                ["[Notice][Long]", "0123456789abcdef \u{1f4a5}\u{e9}<&>\"'", "\u{2026}"],
            ),
        ]) {
            assert_eq!(record.priority, priority, "{program:?}: {record:?}");
            for part in parts {
                assert!(record.text.contains(part), "{program:?}: {part} in {}", record.text);
            }
        }
    }
}

#[tokio::test]
async fn syslog_over_udp_is_read_field_by_field() {
    arrives_over(Way::Udp).await;
}

#[tokio::test]
async fn syslog_over_tcp_with_line_feeds_is_read_field_by_field() {
    arrives_over(Way::Tcp).await;
}

#[tokio::test]
async fn syslog_over_tcp_with_lengths_is_read_field_by_field() {
    arrives_over(Way::TcpCounted).await;
}

#[tokio::test]
async fn syslog_over_tls_is_read_field_by_field() {
    arrives_over(Way::Tls).await;
}

#[tokio::test]
async fn syslog_over_tls_with_both_certificates_is_read_field_by_field() {
    arrives_over(Way::MutualTls).await;
}

#[tokio::test]
async fn a_syslog_daemon_that_wants_a_certificate_takes_nothing_without_one() {
    let authority = Authority::new();
    for program in PROGRAMS {
        let of = (program, Way::MutualTls, Header::Rfc5424);
        let wired = wired(of, &authority, [json!({}), json!({})]).await;
        let Some((syslog, engine)) = wired else { return };
        let (_, probed) = probes(&engine).await;
        engine.accepts(&native("nobody hears this")).await;
        eventually("it complains", || async { (!syslog.said().is_empty()).then_some(()) }).await;
        assert_eq!(syslog.count(), 0, "{program:?}: {probed}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_gets_no_message() {
    let authority = Authority::new();
    for program in PROGRAMS {
        let another = json!({"tls_ca": Authority::new().pem()});
        let of = (program, Way::Tls, Header::Rfc5424);
        let Some((syslog, engine)) = wired(of, &authority, [another, json!({})]).await else {
            return;
        };
        engine.accepts(&native("for another")).await;
        eventually("the endpoint is paused", || async {
            let shown = engine.get("/v1/endpoints/log").await.json();
            (shown["state"] == "paused").then_some(())
        })
        .await;
        assert_eq!(syslog.count(), 0, "{program:?}");
    }
}

#[tokio::test]
async fn the_older_header_is_read_by_both_daemons() {
    let authority = Authority::new();
    for (program, way) in PROGRAMS.into_iter().flat_map(|one| [(one, Way::Udp), (one, Way::Tcp)]) {
        let settings = [json!({"header": "rfc3164"}), json!({})];
        let wired = wired((program, way, Header::Rfc3164), &authority, settings).await;
        let Some((syslog, engine)) = wired else { return };

        let (_, records) = told(&engine, &syslog).await;

        for record in &records {
            let names = (record.hostname.as_str(), record.app_name.as_str());
            assert_eq!(names, ("edge-1.example", "campanile"), "{program:?}, {way:?}: {record:?}");
        }
        assert_eq!(records[0].priority, CRITICAL);
        assert!(records[0].text.contains("[Critical][Disk full]"), "{}", records[0].text);
        assert!(records[3].text.len() <= 1024, "{}", records[3].text.len());
    }
}

#[tokio::test]
async fn json_and_ecs_behind_a_header_are_whole_json_at_both_daemons() {
    let authority = Authority::new();
    for (program, way) in PROGRAMS.into_iter().flat_map(|one| [(one, Way::Udp), (one, Way::Tcp)]) {
        let Some(syslog) = Syslog::start(program, way, Header::Rfc5424, &authority).await else {
            return;
        };
        let settings = endpoint(&syslog, &authority, &json!({}));
        let site = Site::new().await.endpoint("log", "syslog", &settings);
        let site = site.recipient("json", "log", &json!({"format": "json", "msgid": "JSON"}));
        let engine = site.recipient("ecs", "log", &json!({"format": "ecs", "msgid": "ECS"}));
        let engine = engine.start().await;
        let sent = alerts();
        for alert in &sent {
            let id = engine.accepts(alert).await.swap_remove(0);
            engine.reaches(&id, "delivered").await;
        }

        let records = syslog.sees(2 * sent.len()).await;

        assert_eq!(records.len(), 2 * sent.len(), "{program:?}, {way:?}");
        for record in &records {
            let read = serde_json::from_str::<Value>(&record.text);
            let read = read.unwrap_or_else(|error| panic!("{error}: {}", record.text));
            let times = (record.msgid.as_str(), &read["tstamp"], &read["@timestamp"]);
            match times {
                ("JSON", tstamp, _) => assert_eq!(tstamp, &json!(TIME_MS / 1000), "{read}"),
                (_, _, timestamp) => {
                    assert_eq!(
                        milliseconds(timestamp.as_str().unwrap_or_default()),
                        TIME_MS,
                        "{read}"
                    );
                }
            }
        }
        let first = records.iter().find(|one| one.msgid == "JSON").unwrap();
        let first: Value = serde_json::from_str(&first.text).unwrap();
        let expected = json!({"entity_value": "192.0.2.5", "action": "store", "tstamp": TIME_MS / 1000,
            "type": "disk_full", "entity_type": "host", "message": "Disk full: /var is at 97 %",
            "severity": "critical"});
        assert_eq!(first, expected);
    }
}

#[tokio::test]
async fn the_daemon_of_this_machine_takes_datagrams_at_its_socket() {
    let authority = Authority::new();
    for program in PROGRAMS {
        let daemon = Syslog::start(program, Way::Local, Header::Rfc3164, &authority).await;
        let Some(syslog) = daemon else { return };
        let path = syslog.target().strip_prefix("unix-dgram:").unwrap();
        let grant = format!("[[egress.grant]]\nendpoints = ['*']\nunix_datagram = '{path}'\n");
        let settings = json!({"server": syslog.target(), "app_name": "campanile"});
        let site = Site::new().await.with_egress_grant(&grant);
        let site = site.endpoint("log", "syslog", &settings);
        let engine = site.recipient("ops", "log", &json!({})).start().await;

        let (_, records) = told(&engine, &syslog).await;

        for record in &records {
            assert_eq!(record.app_name, "campanile", "{program:?}: {record:?}");
            // Without a year, at midnight wherever this machine is.
            assert!(
                record.time.contains("-01-01T") || record.time.contains("-12-31T"),
                "{record:?}"
            );
        }
        let (first, hostile) = (&records[0], &records[2]);
        assert_eq!(first.priority, CRITICAL, "{program:?}");
        assert!(first.text.starts_with("[2025-01-01T00:00:00"), "{program:?}: {}", first.text);
        assert!(first.text.ends_with("/var is at 97 %"), "{program:?}: {}", first.text);
        assert!(hostile.text.contains("evil evil - - - two"), "{program:?}: {}", hostile.text);
    }
}

#[tokio::test]
async fn checkmks_structured_data_is_one_element_whatever_an_alert_holds() {
    let authority = Authority::new();
    for program in PROGRAMS {
        let settings = [json!({}), json!({"format": "checkmk"})];
        let wired = wired((program, Way::Udp, Header::Rfc5424), &authority, settings).await;
        let Some((syslog, engine)) = wired else { return };

        let (_, records) = told(&engine, &syslog).await;

        for record in &records {
            let Record { data, text, time, .. } = record;
            assert_eq!(milliseconds(time), TIME_MS, "{program:?}: {record:?}");
            assert!(data.starts_with("[Checkmk@18662 ") && data.ends_with(']'), "{record:?}");
            assert!(data.contains(" sl=\"") && data.contains(" severity=\""), "{record:?}");
            assert_eq!(ends(data), 1, "{program:?}: {record:?}");
            assert!(!text.is_empty() && !text.starts_with('['), "{program:?}: {record:?}");
        }
        assert!(records[0].data.contains("/var is at 97 %"), "{:?}", records[0]);
        assert!(records[0].text.starts_with("Disk full"), "{:?}", records[0]);
    }
}
