//! `campanile-capture --listen ADDRESS [--count N] [--since TIME] [--timeout-s S]`: a receiver to
//! look at.
//!
//! Prints each arriving alert in one line. Those that the engine received before TIME, as its own
//! payload tells, are marked as earlier and do not count. Ends with 0 after N alerts, with 1 when S
//! seconds have passed before, with 2 when it is called wrongly.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use campanile_tests::capture::{Capture, Script};
use serde_json::Value;

const USAGE: &str = "usage: campanile-capture --listen ADDRESS [--count N] [--since TIME] \
                     [--timeout-s S], for example `campanile-capture --listen 127.0.0.1:9000 \
                     --count 6 --since 2026-11-24T02:51:00.000Z --timeout-s 30`";

fn main() -> ExitCode {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ended = match (runtime, Order::read(&arguments)) {
        (Ok(runtime), Some(order)) => runtime.block_on(order.run()),
        (Err(error), _) => Err((1, format!("cannot start: {error}"))),
        (_, None) => Err((2, USAGE.to_owned())),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, said)) => {
            // Nobody is left to tell if stderr is closed.
            let _ = writeln!(std::io::stderr(), "campanile-capture: {said}");
            ExitCode::from(code)
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Order {
    address: String,
    /// Alerts to wait for; without it, it goes on.
    count: usize,
    /// RFC 3339 in UTC with three fraction digits, so that it compares as text.
    since: String,
    timeout: Duration,
}

impl Order {
    fn read(arguments: &[String]) -> Option<Self> {
        let mut order = Self {
            address: String::new(),
            count: usize::MAX,
            since: String::new(),
            timeout: Duration::MAX,
        };
        for option in arguments.chunks(2) {
            match option {
                [name, value] if name == "--listen" => order.address.clone_from(value),
                [name, value] if name == "--count" => order.count = value.parse().ok()?,
                [name, value] if name == "--since" => order.since.clone_from(value),
                [name, value] if name == "--timeout-s" => {
                    order.timeout = Duration::from_secs(value.parse().ok()?)
                }
                _ => return None,
            }
        }
        (!order.address.is_empty()).then_some(order)
    }

    async fn run(self) -> Result<(), (u8, String)> {
        let capture = Capture::listening(&self.address, Script::List([].into())).await;
        let capture =
            capture.map_err(|error| (1, format!("cannot listen on {}: {error}", self.address)))?;
        let mut seen = 0;
        let told = tokio::time::timeout(self.timeout, tell(&capture, &self, &mut seen)).await;
        match told {
            Ok(told) => told.map_err(|error| (1, format!("cannot print: {error}"))),
            Err(_) => {
                Err((1, format!("{seen} of {} alerts came within {:?}", self.count, self.timeout)))
            }
        }
    }
}

/// Prints alerts as they come, until there were as many as ordered.
async fn tell(capture: &Capture, order: &Order, seen: &mut usize) -> std::io::Result<()> {
    for position in 0.. {
        if *seen >= order.count {
            break;
        }
        let request = capture.request(position).await;
        let body = serde_json::from_slice::<Value>(&request.body).unwrap_or_default();
        for alert in body["alerts"].as_array().into_iter().flatten() {
            let earlier = is_earlier(alert, &order.since);
            *seen += usize::from(!earlier);
            let mark = if earlier { "earlier: " } else { "" };
            writeln!(std::io::stdout(), "{mark}{}", line(alert))?;
        }
    }
    Ok(())
}

/// The engine received it before `since`; only our own schema says when.
fn is_earlier(alert: &Value, since: &str) -> bool {
    alert["received"].as_str().is_some_and(|received| received < since)
}

/// One alert in one line: time, severity, type, entity. Safe for a terminal: whatever came over
/// the wire is escaped.
fn line(alert: &Value) -> String {
    let text = |names: &[&str]| {
        let found = names.iter().map(|name| alert.pointer(name).unwrap_or(&Value::Null));
        let mut found =
            found.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        found.find(|value| value != "null").unwrap_or_else(|| "-".to_owned())
    };
    let is_native = alert.get("title").is_some();
    let time = match alert["tstamp"].as_u64() {
        Some(s) => format!("{:02}:{:02}:{:02}Z", s / 3600 % 24, s / 60 % 60, s % 60),
        None => text(&["/time"]),
    };
    let (what, entity) = match (is_native, alert["entity_id"].as_u64()) {
        (true, _) if alert.get("flow").is_some() => {
            let side = |at: &str| {
                let port = alert.pointer(&format!("/flow/{at}/port"));
                let port = port.map(|port| format!(":{port}")).unwrap_or_default();
                text(&[&format!("/flow/{at}/ip")]) + &port
            };
            (text(&["/title"]), format!("{} -> {}", side("client"), side("server")))
        }
        (true, _) => (text(&["/title"]), text(&["/entity/value"])),
        (false, Some(4)) => {
            let side = |at: &str| {
                format!("{}:{}", text(&[&format!("/{at}_ip")]), text(&[&format!("/{at}_port")]))
            };
            (
                format!("flow alert {}", text(&["/alert_id"])),
                format!("{} -> {}", side("cli"), side("srv")),
            )
        }
        (false, scope) => {
            let scope = if scope == Some(1) { "host" } else { "other" };
            (format!("{scope} alert {}", text(&["/alert_id"])), text(&["/entity_val"]))
        }
    };
    let severity =
        if is_native { text(&["/severity"]) } else { format!("score {}", text(&["/score"])) };
    let columns = [time, text(&["/action"]), severity, what, entity];
    columns
        .map(|column| format!("{:<12}", column.escape_debug().to_string()))
        .join("  ")
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use campanile_tests::alerts;

    #[test]
    fn each_sort_of_alert_is_told_in_one_line_that_a_terminal_survives() {
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let table = [
            (
                parse(&alerts::host("192.0.2.7", "engage", 100)),
                "14:13:20Z     engage        score 100     host alert 20  192.0.2.7@0",
            ),
            (
                parse(&alerts::flow(258)),
                "14:13:29Z     store         score 120     flow alert 26  10.0.1.2:40123 -> 203.0.113.80:8080",
            ),
            (
                parse(
                    r#"{"title":"a\u001b[2Jb","severity":"error","action":"store","time":"2026-11-24T02:51:00.000Z","entity":{"value":"db-1"}}"#,
                ),
                r"2026-11-24T02:51:00.000Z  store         error         a\u{1b}[2Jb   db-1",
            ),
            (
                parse(
                    r#"{"title":"Scan","severity":"critical","action":"engage","time":"2026-11-24T02:51:00.000Z","entity":{"kind":"flow","value":"flow"},"flow":{"client":{"ip":"10.0.1.2","port":40123},"server":{"ip":"2001:db8::7"}}}"#,
                ),
                "2026-11-24T02:51:00.000Z  engage        critical      Scan          10.0.1.2:40123 -> 2001:db8::7",
            ),
            (Value::Null, "-             -             score -       other alert -  -"),
        ];
        for (alert, expected) in table {
            assert_eq!(line(&alert), expected, "{alert}");
        }
    }

    #[test]
    fn what_was_received_before_does_not_count() {
        let since = "2026-11-24T02:51:00.000Z";
        let table = [
            (r#"{"received":"2026-11-24T02:50:59.999Z"}"#, true),
            (r#"{"received":"2026-11-24T02:51:00.000Z"}"#, false),
            (r#"{"tstamp":1}"#, false),
        ];
        for (alert, expected) in table {
            let alert: Value = serde_json::from_str(alert).unwrap();
            assert_eq!(is_earlier(&alert, since), expected, "{alert}");
        }
    }

    #[test]
    fn the_arguments_are_options_and_the_address_is_needed() {
        let read = |text: &str| {
            Order::read(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        };
        let order = read("--listen 127.0.0.1:1 --count 6 --since 2026 --timeout-s 30");
        let order = order.expect("an order");
        assert_eq!((order.count, order.timeout), (6, Duration::from_secs(30)));
        assert_eq!(order.since, "2026");
        for wrong in [
            "",
            "--count 6",
            "--listen",
            "--listen x --count",
            "--listen x --count six",
            "--listen x --size 1",
        ] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
