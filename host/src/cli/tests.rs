//! The commands against the API over a real socket.

mod bans;
mod help;
mod peer;
mod secrets;
mod words;

use clap::CommandFactory;
use serde_json::Value;

use super::*;
use crate::api::tests::stand_in::StandIn;
use crate::tenant::{Role, tokens};

#[test]
fn the_command_line_is_sound() {
    Args::command().debug_assert();
}

#[tokio::test]
async fn send_hands_in_every_alert_and_prints_what_was_accepted() {
    let host = StandIn::start().await;
    let file = host.file("alerts.json", &many(1001));
    let printed = campanile(&host, &["send", &file, "--json"]).await.unwrap();
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed["accepted"].as_array().unwrap().len(), 1001);
    assert_eq!((&printed["batches"], host.committed().await), (&Value::from(3), 1001));

    let printed = campanile(&host, &["send", &file]).await.unwrap();
    assert!(printed.ends_with("... and 981 more\n1001 accepted, 0 rejected\n"), "{printed}");
    assert_eq!(host.committed().await, 2002, "each run is a batch of its own");
}

#[tokio::test]
async fn send_with_the_key_of_a_run_sends_nothing_twice() {
    let host = StandIn::start().await;
    let file = host.file("alerts.json", &many(3));
    for expected in ["3 accepted, 0 rejected\n", "1 of 1 batches were known already\n"] {
        let printed = campanile(&host, &["send", &file, "--key", "run-7"]).await.unwrap();
        assert!(printed.ends_with(expected), "{printed}");
    }
    assert_eq!(host.committed().await, 3);
}

#[tokio::test]
async fn send_waits_while_the_engine_is_busy() {
    let host = StandIn::start().await;
    let held = host.hold_the_store();
    let file = host.file("alerts.json", &many(1));
    let args = ["send", &file];
    let sending = campanile(&host, &args);
    // The engine answers 503 within 300 ms; `send` then waits for a second.
    let (printed, ()) = tokio::join!(sending, async {
        host.sees_refused("slow-store").await;
        drop(held);
    });
    assert!(printed.unwrap().contains("1 accepted"));
    assert_eq!(host.committed().await, 1);
}

#[tokio::test]
async fn send_tells_positions_in_the_file_of_what_is_rejected() {
    let host = StandIn::start().await;
    let file = host.file("alerts.json", &format!("{}{{\"title\":7}}", many(600)));
    let printed = campanile(&host, &["send", &file, "--partial"]).await.unwrap();
    assert!(printed.contains("rejected: alert 600, `title`: expected "), "{printed}");

    let failure = campanile(&host, &["send", &file]).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Refused);
    let told = chain(&failure);
    assert!(told.contains("500 alerts accepted before") && told.contains("--key "), "{told}");
    assert!(told.contains("alert 100"), "{told}");
}

#[tokio::test]
async fn deliveries_are_listed_and_shown() {
    let host = StandIn::start().await;
    let file = host.file("alerts.json", &many(2));
    campanile(&host, &["send", &file]).await.unwrap();
    host.let_one_die().await;
    let printed = campanile(&host, &["deliveries", "--state", "dead"]).await.unwrap();
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines.len(), 2, "{printed}");
    assert!(lines[0].starts_with("ID") && lines[1].contains("dead"), "{printed}");
    let id = lines[1].split(' ').next().unwrap();
    let printed = campanile(&host, &["deliveries", "show", id]).await.unwrap();
    assert!(printed.contains("rejected") && printed.contains("410"), "{printed}");
    let printed = campanile(&host, &["deliveries", "show", id, "--json"]).await.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap()["id"], id);
}

#[tokio::test]
async fn each_sort_of_failure_has_its_exit_code_and_says_what_to_do() {
    let host = StandIn::start().await;
    let good = host.file("good.json", &many(1));
    let broken = host.file("broken.json", "{");
    let config = host.file("wrong.toml", "[api]\nlisten = '0.0.0.0:1'");
    let stranger = host.file("other.token", &"x".repeat(43));
    let unused = unused_url();
    let table: [(&[&str], Exit, &str); 9] = [
        (&["send", "/nowhere"], Exit::Failed, "name a file"),
        (&["send", &broken], Exit::Failed, "line 1, column 1"),
        (&["send", &good, "--url", "http://192.0.2.1:7700"], Exit::Usage, "clear text"),
        (&["send", &good, "--ca", &good], Exit::Usage, "https"),
        (&["send", &good, "--url", &unused], Exit::Unreachable, "campanile serve"),
        (&["send", &good, "--token-file", "/nowhere"], Exit::Config, "--token-file"),
        (&["send", &good, "--token-file", &stranger], Exit::Refused, "needs a token"),
        (&["deliveries", "show", "01JD8Q5W3V9T6Z0M4K2N7P1R5S-9"], Exit::Refused, "no delivery"),
        (&["--config", &config, "component", "list"], Exit::Config, "loopback address"),
    ];
    for (args, exit, expected) in table {
        let failure = campanile(&host, args).await.unwrap_err();
        let told = chain(&failure);
        assert_eq!(failure.exit, exit, "{args:?}: {told}");
        assert!(told.contains(expected), "{args:?}: {told}");
    }
}

#[tokio::test]
async fn doctor_knows_a_running_engine_from_somebody_else_at_its_port() {
    let host = StandIn::start().await;
    let written = |listen: std::net::SocketAddr| {
        let folder = host.folder().display();
        let components = concat!(env!("CARGO_MANIFEST_DIR"), "/../components");
        let text = format!(
            "data_dir = '{folder}'\ncomponents_dir = '{components}'\n[api]\nlisten = '{listen}'"
        );
        host.file("doctor.toml", &text)
    };
    let of_listen = |printed: &str| {
        let printed: Value = serde_json::from_str(printed).unwrap();
        let findings = printed["findings"].as_array().unwrap().clone();
        findings.into_iter().find(|one| one["what"] == "api.listen").unwrap()
    };
    let doctor = async |listen| {
        let args = ["campanile", "--config", &written(listen), "doctor", "--json"];
        let args = Args::try_parse_from(args).unwrap();
        let common = Common { config: args.config.unwrap_or_default(), json: args.json };
        let mut out = Vec::new();
        let done = args.command.run(&common, &mut out).await;
        (of_listen(&String::from_utf8(out).unwrap()), done.err().map(|failure| failure.exit))
    };
    let (found, _) = doctor(host.address()).await;
    assert_eq!(found["standing"], "good", "{found}");
    assert!(found["found"].as_str().unwrap().contains("which is healthy"), "{found}");

    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = other.local_addr().unwrap();
    // It takes a connection, and says nothing of an engine.
    let hearing = std::thread::spawn(move || other.accept().map(drop));
    let (found, exit) = doctor(at).await;
    assert_eq!((&found["standing"], exit), (&Value::from("wrong"), Some(Exit::Config)), "{found}");
    hearing.join().unwrap().unwrap();
}

/// Runs a command as `main` does, with what leads it to `host` added where it is not given.
async fn campanile(host: &StandIn, args: &[&str]) -> Result<String, Failure> {
    let mut all = vec!["campanile".to_owned()];
    all.extend(args.iter().map(|one| (*one).to_owned()));
    let role = if args[0] == "send" { Role::Ingest } else { Role::Admin };
    if ["send", "deliveries", "secret", "audit", "bans"].contains(&args[0]) {
        let token = tokens::path(host.folder(), role).display().to_string();
        for (name, value) in
            [("--url", format!("http://{}", host.address())), ("--token-file", token)]
        {
            if !args.contains(&name) {
                all.extend([name.to_owned(), value]);
            }
        }
    }
    let args = Args::try_parse_from(all).unwrap();
    let common = Common { config: args.config.unwrap_or_default(), json: args.json };
    let mut out = Vec::new();
    args.command.run(&common, &mut out).await?;
    Ok(String::from_utf8(out).unwrap())
}

fn many(count: usize) -> String {
    (0..count).map(|at| format!("{{\"title\":\"alert {at}\"}}\n")).collect()
}

fn chain(failure: &Failure) -> String {
    let mut told = failure.to_string();
    let mut next = std::error::Error::source(failure);
    while let Some(cause) = next {
        told = format!("{told}: {cause}");
        next = cause.source();
    }
    told
}

/// An address where nobody listens.
fn unused_url() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
