//! The commands, from a shell's side, against the real engine.

use std::fs;

use campanile_tests::alerts::native;
use campanile_tests::capture::Capture;
use campanile_tests::engine::Engine;
use campanile_tests::site::Site;
use serde_json::{Value, json};

const DONE: Option<i32> = Some(0);
const REFUSED: Option<i32> = Some(5);
const DIFFERENT: Option<i32> = Some(7);

/// A shell beside a running engine.
struct Shell<'a> {
    site: &'a Site,
    url: String,
}

impl<'a> Shell<'a> {
    fn beside(site: &'a Site, engine: &Engine) -> Self {
        Self { site, url: format!("http://{}", engine.address()) }
    }

    /// Exit code, stdout, stderr.
    async fn runs(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        self.site.run(&[arguments, &["--url", &self.url]].concat()).await
    }

    /// What a command prints that succeeds.
    async fn prints(&self, arguments: &[&str]) -> String {
        let (code, printed, said) = self.runs(arguments).await;
        assert_eq!(code, DONE, "{arguments:?}: {printed}{said}");
        printed
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.prints(&[arguments, &["--json"]].concat()).await;
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
    }

    /// What a command says that ends with this code.
    async fn refused(&self, expected: Option<i32>, arguments: &[&str]) -> String {
        let (code, printed, said) = self.runs(arguments).await;
        assert_eq!(code, expected, "{arguments:?}: {printed}{said}");
        said
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.site.folder().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

fn setup(url: &str, minimum_severity: &str) -> String {
    format!(
        "[endpoint.hook]\nkind = \"webhook\"\n[endpoint.hook.settings]\nurl = \"{url}\"\n\
         [recipient.ops]\nendpoint = \"hook\"\n[recipient.ops.filter]\n\
         minimum_severity = \"{minimum_severity}\"\n[recipient.ops.settings]\nmax_alerts = 1\n"
    )
}

#[tokio::test]
async fn an_endpoint_and_a_recipient_live_from_add_to_remove() {
    let capture = Capture::answering([200]).await;
    let site = Site::new().await;
    let engine = site.start().await;
    let shell = Shell::beside(&site, &engine);
    let url = format!("url={}", capture.url());

    let args = ["endpoint", "add", "hook", "--kind", "webhook", "--setting", &url];
    assert_eq!(shell.prints(&args).await, "endpoint hook is active\n");
    shell.refused(REFUSED, &args).await;
    let args = ["--endpoint", "hook", "--setting", "max_alerts=1", "--filter", "categories=system"];
    shell.prints(&[&["recipient", "add", "ops"][..], &args].concat()).await;
    let first = engine.accepts(&native("one")).await;
    engine.reaches(&first[0], "delivered").await;

    let printed = shell.prints(&["recipient", "pause", "ops", "--detail", "too loud"]).await;
    assert_eq!(printed, "recipient ops is paused: too loud\n");
    let held = engine.accepts(&native("two")).await;
    engine.reaches(&held[0], "pending").await;
    shell.prints(&["recipient", "resume", "ops"]).await;
    engine.reaches(&held[0], "delivered").await;
    assert_eq!(capture.count(), 2);

    shell.prints(&["recipient", "set", "ops", "--filter", "categories=security,network"]).await;
    let saved = shell.json(&["recipient", "show", "ops"]).await;
    assert_eq!(saved["filter"], json!({"categories": ["security", "network"]}));
    assert_eq!(saved["settings"], json!({"max_alerts": 1}));
    let worded = "title={{ severity|upper }}: {{ title }}";
    shell.prints(&["recipient", "set", "ops", "--template", worded]).await;
    let printed = shell.prints(&["recipient", "show", "ops"]).await;
    assert!(
        printed.contains("templates:\n  title = \"{{ severity|upper }}: {{ title }}\""),
        "{printed}"
    );
    let said =
        shell.refused(REFUSED, &["recipient", "set", "ops", "--template", "text={{ x }}"]).await;
    assert!(said.contains("templates.text: expected fields of an alert"), "{said}");
    shell.prints(&["recipient", "set", "ops", "--template", "title="]).await;
    assert_eq!(shell.json(&["recipient", "show", "ops"]).await["templates"], json!({}));
    let unwanted = engine.accepts(&native("three")).await;
    assert_eq!(engine.deliveries_of(&unwanted[0]).await, [Value::Null; 0]);

    let said = shell.refused(REFUSED, &["endpoint", "remove", "hook"]).await;
    assert!(said.contains("409"), "{said}");
    shell.prints(&["recipient", "remove", "ops"]).await;
    shell.prints(&["endpoint", "remove", "hook"]).await;
    let endpoints = shell.json(&["endpoint", "list"]).await;
    assert_eq!(endpoints["endpoints"], json!([]));
    shell.refused(REFUSED, &["endpoint", "show", "hook"]).await;
}

#[tokio::test]
async fn files_make_the_engine_what_they_say_and_an_export_says_the_same() {
    let capture = Capture::answering([200]).await;
    let site = Site::new().await;
    let engine = site.start().await;
    let shell = Shell::beside(&site, &engine);
    let file = shell.file("setup.toml", &setup(&capture.url(), "notice"));

    let (code, printed, _) = shell.runs(&["diff", &file]).await;
    assert_eq!(code, DIFFERENT, "{printed}");
    assert!(printed.contains("+ endpoint hook (webhook)\n+ recipient ops"), "{printed}");
    assert_eq!(shell.json(&["endpoint", "list"]).await["endpoints"], json!([]));
    shell.prints(&["apply", &file]).await;
    let printed = shell.prints(&["diff", &file]).await;
    assert_eq!(printed, "0 created, 0 updated, 0 removed, 2 unchanged\n");
    let accepted = engine.accepts(&native("through files")).await;
    engine.reaches(&accepted[0], "delivered").await;

    let exported = shell.file("export.toml", &shell.prints(&["export"]).await);
    shell.prints(&["diff", &exported]).await;

    let stricter = shell.file("setup.toml", &setup(&capture.url(), "critical"));
    let printed = shell.prints(&["apply", &stricter]).await;
    assert!(printed.contains("~ recipient ops: filter.minimum_severity "), "{printed}");
    let nothing = shell.file("setup.toml", "");
    let printed = shell.prints(&["apply", &nothing]).await;
    assert!(printed.starts_with("0 created, 0 updated, 0 removed"), "{printed}");
    let printed = shell.prints(&["apply", "--prune", &nothing]).await;
    assert!(
        printed.contains("- recipient ops") && printed.contains("- endpoint hook"),
        "{printed}"
    );
    assert_eq!(shell.prints(&["export"]).await, "");
}

#[tokio::test]
async fn a_setup_with_a_fault_changes_nothing_and_every_place_is_told() {
    let site = Site::new().await;
    let engine = site.start().await;
    let shell = Shell::beside(&site, &engine);
    let good = shell.file("good.toml", &setup("http://127.0.0.1:9/", "error"));
    let bad = "[recipient.lost]\nendpoint = \"nowhere\"\n\
               [recipient.bad]\nendpoint = \"hook\"\nfilter.minimum_severity = \"loud\"\n";
    let bad = shell.file("bad.toml", bad);

    let said = shell.refused(REFUSED, &["apply", &good, &bad]).await;

    assert!(said.contains("recipient.bad.filter.minimum_severity: "), "{said}");
    assert_eq!(shell.json(&["endpoint", "list"]).await["endpoints"], json!([]));
    let lost = shell.file("lost.toml", "[recipient.lost]\nendpoint = \"nowhere\"\n");
    let said = shell.refused(REFUSED, &["apply", &good, &lost]).await;
    assert!(said.contains("recipient.lost.endpoint: "), "{said}");
    assert_eq!(shell.json(&["recipient", "list"]).await["recipients"], json!([]));
}

#[tokio::test]
async fn a_preview_shows_the_bytes_that_go_out_and_why_others_get_none() {
    let capture = Capture::answering([200]).await;
    let payload = json!({"payload": "native", "max_alerts": 1});
    let site = Site::new()
        .await
        .endpoint("hook", "webhook", &json!({"url": capture.url()}))
        .recipient("ops", "hook", &payload);
    let engine = site.start().await;
    let shell = Shell::beside(&site, &engine);
    shell
        .prints(&["recipient", "add", "quiet", "--endpoint", "hook", "--filter", "categories=none"])
        .await;
    let accepted = engine.accepts(&native("shown before")).await;
    let sent = capture.sees(1).await[0].text();

    let shown = shell.json(&["preview", "--alert", &accepted[0]]).await;
    let file = shell.file("alerts.json", &native("shown before").to_string());
    let printed = shell.prints(&["preview", &file, "--why"]).await;

    let messages = shown["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 1, "{shown}");
    assert_eq!((&messages[0]["recipient"], &messages[0]["body"]), (&json!("ops"), &json!(sent)));
    assert!(printed.starts_with("to ops (webhook): "), "{printed}");
    assert!(printed.contains("\nto ops: alert 0: "), "{printed}");
    assert!(printed.contains("\nnot to quiet: alert 0: "), "{printed}");
    assert_eq!(capture.count(), 1, "a preview sends nothing");
}

#[tokio::test]
async fn a_test_tells_whether_the_service_took_the_message() {
    let capture = Capture::answering([200]).await;
    let gone = Capture::answering([410]).await;
    let site = Site::new()
        .await
        .endpoint("hook", "webhook", &json!({"url": capture.url()}))
        .endpoint("gone", "webhook", &json!({"url": gone.url()}))
        .recipient("ops", "hook", &json!({"max_alerts": 1}));
    let engine = site.start().await;
    let shell = Shell::beside(&site, &engine);

    let printed = shell.prints(&["test", "ops", "--no-send"]).await;
    assert!(printed.ends_with("nothing was sent\n"), "{printed}");
    let samples = |capture: &Capture| {
        capture.requests().iter().filter(|one| one.text().contains("Sample alert")).count()
    };
    assert_eq!(samples(&capture), 0);
    let printed = shell.prints(&["test", "ops"]).await;
    assert!(printed.contains("\nsent: delivered"), "{printed}");
    assert_eq!(samples(&capture), 1);
    let said = shell.refused(Some(1), &["test", "--endpoint", "gone"]).await;
    assert!(said.contains("the test failed: ") && said.contains("410"), "{said}");
    assert_eq!(engine.deliveries(None).await, [Value::Null; 0], "a test is no delivery");
}

#[tokio::test]
async fn what_is_dead_is_shown_and_delivered_after_a_retry() {
    let capture = Capture::answering([503, 200]).await;
    let site = Site::new()
        .await
        .set("retry.attempts_max", "1")
        .endpoint("hook", "webhook", &json!({"url": capture.url()}))
        .recipient("ops", "hook", &json!({"max_alerts": 1}));
    let engine = site.start().await;
    let shell = Shell::beside(&site, &engine);
    let accepted = engine.accepts(&native("once more")).await;
    let dead = engine.reaches(&accepted[0], "dead").await;
    let id = dead["id"].as_str().unwrap();

    let printed = shell.prints(&["deliveries", "--state", "dead", "--recipient", "ops"]).await;
    assert!(printed.lines().count() == 2 && printed.contains(id), "{printed}");
    let printed = shell.prints(&["deliveries", "show", id]).await;
    assert!(printed.contains("503") && printed.contains("\nmessage msg_"), "{printed}");
    let printed = shell.prints(&["deliveries", "retry", "--recipient", "ops"]).await;
    assert_eq!(printed, "1 retried, 0 not\n");
    engine.reaches(&accepted[0], "delivered").await;
    let requests = capture.sees(2).await;
    assert_eq!(requests[0].webhook_id(), requests[1].webhook_id(), "it is the same message");
    shell.refused(REFUSED, &["deliveries", "retry", id]).await;

    let printed = shell.prints(&["alerts", "--minimum-severity", "error"]).await;
    assert!(printed.contains("once more"), "{printed}");
    let printed = shell.prints(&["alerts", &accepted[0]]).await;
    assert!(printed.contains(id) && printed.contains("delivered"), "{printed}");
}

#[tokio::test]
async fn what_was_changed_stands_in_the_audit_and_its_chain_is_whole() {
    let site = Site::new().await;
    let engine = site.start().await;
    let shell = Shell::beside(&site, &engine);
    let secret = "url=http://127.0.0.1:9/hunter2";
    shell.prints(&["endpoint", "add", "hook", "--kind", "webhook", "--setting", secret]).await;
    shell.prints(&["endpoint", "pause", "hook"]).await;
    shell.prints(&["endpoint", "remove", "hook"]).await;

    let printed = shell.prints(&["audit", "--limit", "3"]).await;
    let verified = shell.prints(&["audit", "verify"]).await;

    let lines: Vec<_> = printed.lines().skip(1).collect();
    for (line, action) in lines.iter().zip(["remove", "pause", "create"]) {
        assert!(line.contains(action) && line.ends_with("endpoint hook"), "{action}: {printed}");
    }
    assert_eq!(lines.len(), 3, "{printed}");
    let entries = shell.json(&["audit"]).await;
    let head = verified.lines().find_map(|line| line.strip_prefix("head: "));
    assert_eq!(head, entries["entries"][0]["hash"].as_str(), "{verified}");
}
