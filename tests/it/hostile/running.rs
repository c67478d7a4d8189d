//! Components that attack: each attack ends cleanly, with a name, and harms nobody else.

use std::collections::BTreeSet;

use campanile_tests::capture::{Capture, Request};
use campanile_tests::engine::Engine;
use campanile_tests::site::Site;
use serde_json::{Value, json};

use super::{Attack, Chapter};

/// Where, which attack, what it does, and how its only try may be recorded.
type Row = (&'static str, &'static str, &'static str, &'static [&'static str]);

const ATTACKS: &[Row] = &[
    ("format", "loop", "computes for ever", &["fault: cpu-limit"]),
    (
        "format",
        "loop-with-log",
        "calls the engine for ever: a storm of log lines",
        &["fault: calls-limit", "fault: cpu-limit"],
    ),
    // Where the clock stands, an hour is over at once.
    ("format", "sleep", "waits for an hour, on a clock that stands", &["delivered: 200"]),
    ("format", "allocate", "grows its memory until that is refused", &["fault: memory-limit"]),
    ("format", "recurse", "calls itself until the engine's stack ends", &["fault: stack-overflow"]),
    (
        "format",
        "return-1gib",
        "returns 1 GiB that lies in one mebibyte of its memory",
        &["fault: result-too-large"],
    ),
    ("format", "many-strings", "returns 300,000 pairs of strings", &["fault: result-too-large"]),
    ("format", "not-utf8", "returns a string that is not UTF-8", &["fault: trap"]),
    ("format", "open-10000-handles", "holds 10,000 handles", &["fault: handles"]),
    ("format", "trap", "traps", &["fault: trap"]),
    ("format", "panic", "panics", &["fault: trap"]),
    ("format", "exit", "ends itself, as a program does", &["fault: exit"]),
    (
        "format",
        "positions-missing",
        "leaves an alert out of all its messages",
        &["fault: contract"],
    ),
    ("format", "positions-double", "tells an alert in two messages", &["fault: contract"]),
    ("format", "positions-beyond", "tells an alert that it was not given", &["fault: contract"]),
    ("deliver", "loop", "computes for ever", &["fault: cpu-limit"]),
    (
        "deliver",
        "loop-with-log",
        "calls the engine for ever: a storm of log lines",
        &["fault: calls-limit", "fault: cpu-limit"],
    ),
    ("deliver", "sleep", "waits for an hour", &["fault: wall-limit"]),
    ("deliver", "allocate", "grows its memory until that is refused", &["fault: memory-limit"]),
    (
        "deliver",
        "recurse",
        "calls itself until the engine's stack ends",
        &["fault: stack-overflow"],
    ),
    (
        "deliver",
        "return-1gib",
        "returns 1 GiB that lies in one mebibyte of its memory",
        &["fault: result-too-large"],
    ),
    ("deliver", "many-strings", "returns 300,000 pairs of strings", &["fault: result-too-large"]),
    ("deliver", "not-utf8", "returns a string that is not UTF-8", &["fault: trap"]),
    ("deliver", "open-10000-handles", "holds 10,000 handles", &["fault: handles"]),
    ("deliver", "trap", "traps", &["fault: trap"]),
    ("deliver", "panic", "panics", &["fault: trap"]),
    ("deliver", "exit", "ends itself, as a program does", &["fault: exit"]),
    // A lie about the outcome: nobody knows what was sent.
    (
        "deliver",
        "lie-verdicts",
        "gives a verdict more than there are alerts",
        &["fault: contract", "uncertain: contract"],
    ),
    (
        "deliver",
        "lie-delivered",
        "says that it has delivered, and has sent nothing",
        &["uncertain: no-egress"],
    ),
    (
        "deliver",
        "huge-carry",
        "wants 1 MiB kept for its next attempt",
        &["fault: contract", "uncertain: contract"],
    ),
    // Floods are cut or ended, as the bound demands; the rest of the call counts.
    ("deliver", "huge-detail", "gives a reason of 1 MiB", &["rejected: rejected"]),
    (
        "deliver",
        "log-bytes",
        "logs 1 GiB",
        &["rejected: rejected", "fault: cpu-limit", "fault: wall-limit"],
    ),
    (
        "deliver",
        "log-lines",
        "logs a million lines",
        &["rejected: rejected", "fault: calls-limit", "fault: cpu-limit"],
    ),
    (
        "deliver",
        "log-controls",
        "logs ends of lines and a terminal's escapes",
        &["rejected: rejected"],
    ),
    (
        "deliver",
        "stdout-flood",
        "writes 1 GiB to standard output",
        &["rejected: rejected", "fault: cpu-limit", "fault: result-too-large", "fault: trap"],
    ),
    (
        "deliver",
        "stderr-flood",
        "writes 1 GiB to standard error",
        &["rejected: rejected", "fault: cpu-limit", "fault: result-too-large", "fault: trap"],
    ),
    ("deliver", "secrets-call", "asks for secrets that it has none of", &["rejected: rejected"]),
    ("deliver", "net-call", "dials what it was not granted", &["rejected: rejected"]),
];

pub(super) fn chapter() -> Chapter {
    let attacks = ATTACKS.iter().map(|(place, attack, does, outcomes)| Attack {
        name: format!("{attack} in `{place}`"),
        does: (*does).to_owned(),
        outcome: format!("`{}`", outcomes.join("` or `")),
    });
    Chapter {
        title: "Components that attack while they run",
        about: "The outcome is what the record of the attempt says. The next delivery, to the same endpoint and to\nothers, works; memory stays flat over many rounds of these.\n",
        tested: (
            "hostile/running.rs",
            "every_attack_ends_with_its_name_and_the_next_delivery_works",
        ),
        attacks: attacks.collect(),
    }
}

/// An endpoint and a recipient of its own for every attack, which its category addresses.
async fn besieged(capture: &Capture) -> Site {
    let mut site = Site::new()
        .await
        .set("limits.call_cpu_ms", "50")
        .set("limits.call_wall_ms", "400")
        .set("retry.attempts_max", "1")
        .endpoint("hook", "webhook", &json!({"url": capture.url()}))
        .recipient_of(
            "ops",
            "hook",
            &json!({}),
            &json!({ "minimum_severity": "none", "categories": ["ops"] }),
        );
    for &(place, attack, ..) in ATTACKS {
        let settings = json!({
            "url": capture.url(), "attack": attack, "where": place, "only_bad": true,
            "target": format!("tcp://{}", capture.address()),
        });
        site = attacked(site, &format!("{place}-{attack}"), &settings);
    }
    site
}

fn attacked(site: Site, name: &str, settings: &Value) -> Site {
    let filter = json!({ "minimum_severity": "none", "categories": [name] });
    site.endpoint(name, "hostile", settings).recipient_of(name, name, &json!({}), &filter)
}

fn alert(title: &str, category: &str) -> Value {
    json!({"title": title, "category": category, "severity": "error", "time": 1_790_000_000_000_u64})
}

/// A new alert each time, so that none waits for another.
async fn tell(engine: &Engine, title: &str, category: &str) -> String {
    let mut alert = alert(title, category);
    alert["fingerprint"] = json!(format!("{title} {category} {}", fastrand::u64(..)));
    engine.accepts(&alert).await.swap_remove(0)
}

#[tokio::test]
async fn every_attack_ends_with_its_name_and_the_next_delivery_works() {
    let capture = Capture::answering([200]).await;
    let engine = besieged(&capture).await.start().await;
    let mut wrong = Vec::new();
    for &(place, attack, _, expected) in ATTACKS {
        let category = format!("{place}-{attack}");
        let bad = tell(&engine, "bad", &category).await;
        let record = engine.record_of(&bad).await;
        if !matches!(&record[..], [only] if expected.contains(&only.as_str())) {
            wrong.push(format!("{attack} in {place}: {record:?}, expected one of {expected:?}"));
        }
        for (title, category) in [("good", category.as_str()), ("good", "ops")] {
            let good = tell(&engine, title, category).await;
            let record = engine.record_of(&good).await;
            if !matches!(&record[..], [only] if only.starts_with("delivered: ")) {
                wrong.push(format!("to {category} after {attack} in {place}: {record:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let sent: Vec<_> = capture.requests().iter().map(Request::text).collect();
    assert!(sent.iter().all(|body| !body.contains(r#":"bad""#)), "an attack got through: {sent:?}");
}

#[tokio::test]
async fn memory_stays_flat_over_many_rounds_of_attacks() {
    const ROUNDS: usize = 6;
    const GROWTH_MAX: u64 = 16 << 20;
    // Those that take the engine's time are told of elsewhere.
    const SLOW: [&str; 2] = ["sleep", "log-lines"];
    let capture = Capture::answering([200]).await;
    let engine = besieged(&capture).await.start().await;
    let mut resident = Vec::new();
    for _ in 0..ROUNDS {
        let attacks = ATTACKS.iter().filter(|(_, attack, ..)| !SLOW.contains(attack));
        let mut told = Vec::new();
        for (place, attack, ..) in attacks {
            told.push(tell(&engine, "bad", &format!("{place}-{attack}")).await);
        }
        for bad in told {
            engine.record_of(&bad).await;
        }
        resident.push(engine.memory().now);
    }
    // The first rounds fill pools and caches.
    let growth = resident[ROUNDS - 1].saturating_sub(resident[1]);
    assert!(growth <= GROWTH_MAX, "{growth} bytes more: {resident:?}");
}

#[tokio::test]
async fn one_bad_alert_does_not_take_its_batch_with_it() {
    for attack in ["trap", "loop", "positions-missing"] {
        let capture = Capture::answering([200]).await;
        let settings =
            json!({"url": capture.url(), "attack": attack, "where": "format", "only_bad": true});
        let site = Site::new().await.set("retry.attempts_max", "1");
        let engine = attacked(site, "victim", &settings).start().await;
        let titles = ["a", "b", "c", "bad", "d", "e", "f", "g"];
        let batch: Vec<_> = titles
            .iter()
            .map(|title| {
                let mut alert = alert(title, "victim");
                alert["fingerprint"] = json!(title);
                alert
            })
            .collect();

        let accepted = engine.accepts(&json!(batch)).await;

        for (title, id) in titles.iter().zip(&accepted) {
            let record = engine.record_of(id).await;
            let expected = if *title == "bad" { "fault: " } else { "delivered: " };
            assert!(
                record.len() == 1 && record[0].starts_with(expected),
                "{attack}, {title}: {record:?}"
            );
        }
        let arrived: BTreeSet<_> =
            capture.requests().iter().map(|one| one.json()["title"].to_string()).collect();
        assert_eq!(arrived.len(), titles.len() - 1, "{attack}: {arrived:?}");
    }
}

#[tokio::test]
async fn format_sees_a_clock_that_stands_and_random_that_is_none() {
    let capture = Capture::answering([200]).await;
    let settings = json!({"url": capture.url(), "attack": "clock-and-random", "where": "format"});
    let engine = attacked(Site::new().await, "victim", &settings).start().await;
    for round in 0..3 {
        tell(&engine, &format!("round {round}"), "victim").await;
        capture.sees(round + 1).await;
    }
    let bodies: Vec<_> = capture.requests().iter().map(Request::json).collect();
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    assert_eq!(bodies[0]["environment"], 0, "no variable and no argument");
}

#[tokio::test]
async fn a_request_to_another_origin_is_denied_and_never_arrives() {
    let capture = Capture::answering([200]).await;
    let other = Capture::answering([200]).await;
    let port = other.address().port();
    let mut site = Site::new().await.set("retry.attempts_max", "1");
    let own = capture.address();
    let targets = [
        // target, whether it is denied
        (other.url(), true),
        (format!("http://localhost:{port}/hook"), true),
        (format!("http://127.1:{port}/hook"), true),
        (format!("http://[::ffff:127.0.0.1]:{port}/hook"), true),
        // The granted origin as a user name.
        (format!("http://{own}@127.0.0.1:{port}/hook"), true),
        // A backslash ends the host, as in browsers: this is a path at the granted origin.
        (format!("http://{own}\\@127.0.0.1:{port}/hook"), false),
        ("file:///etc/hostname".to_owned(), true),
    ];
    for (at, (target, _)) in targets.iter().enumerate() {
        let settings = json!({"url": capture.url(), "attack": "other-origin", "target": target});
        site = attacked(site, &format!("victim-{at}"), &settings);
    }
    let engine = site.start().await;
    for (at, (target, denied)) in targets.iter().enumerate() {
        let id = tell(&engine, "bad", &format!("victim-{at}")).await;
        let dead = engine.reaches(&id, "dead").await;
        let detail = dead["last"]["detail"].as_str().unwrap_or_default();
        assert_eq!(detail.contains("Denied"), *denied, "{target}: {dead}");
        assert_eq!(dead["last"]["sent_bytes"] == 0, *denied, "{target}: {dead}");
    }
    assert_eq!((other.attempts(), capture.attempts()), (0, 1));
}

#[tokio::test]
async fn a_component_cannot_frame_a_request_in_two_ways() {
    let capture = Capture::answering([200]).await;
    let settings = json!({"url": capture.url(), "attack": "smuggle"});
    let site = Site::new().await.set("retry.attempts_max", "1");
    let engine = attacked(site, "victim", &settings).start().await;
    let id = tell(&engine, "bad", "victim").await;
    let dead = engine.reaches(&id, "dead").await;
    let detail = dead["last"]["detail"].as_str().unwrap_or_default();
    // The record keeps 1 KiB, which is room for the first nine of eleven ways.
    assert!(detail.matches("Denied").count() >= 9, "{detail}");
    // Each is denied before a byte leaves, or else goes out framed by the engine alone.
    assert_eq!(detail.contains("answered"), capture.count() > 0, "{detail}");
    let own = capture.address().to_string();
    for request in capture.requests() {
        let all = |name: &str| {
            let same =
                request.head.headers.iter().filter(|(one, _)| one.eq_ignore_ascii_case(name));
            same.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(all("host"), [own.as_str()]);
        assert_eq!(all("content-length"), ["2"]);
        for name in ["transfer-encoding", "upgrade", "te", "x-b"] {
            assert_eq!(all(name), [""; 0], "{name}");
        }
        assert_eq!(request.body, b"{}");
    }
}

#[tokio::test]
async fn what_a_component_logs_cannot_forge_a_line_or_move_the_cursor() {
    let capture = Capture::answering([200]).await;
    let settings = json!({"url": capture.url(), "attack": "log-controls"});
    let site = attacked(Site::new().await.set("retry.attempts_max", "1"), "victim", &settings);
    let engine = site.start().await;
    let id = tell(&engine, "bad", "victim").await;
    engine.record_of(&id).await;
    engine.terminate().await;
    let log = site.log();
    for forbidden in ["\u{1b}]0;", "\u{1b}[2J", "\u{9b}", "\u{202e}", "\nforged"] {
        assert!(!log.contains(forbidden), "{forbidden:?} in {log:?}");
    }
}
