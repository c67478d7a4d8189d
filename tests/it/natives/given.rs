//! What scripts are given by the engine, and what their ends lead to.

use std::collections::BTreeSet;
use std::fs;

use campanile_tests::alerts::{flow, native};
use campanile_tests::engine::Engine;
use campanile_tests::site::Site;
use campanile_tests::{alerts, eventually};
use rustix::fs::symlink;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::ground::{Ground, prints, text};

/// Tells what it was given, in hexadecimal digits.
const DUMP: &str = r#"hex() { od -An -v -tx1 | tr -d ' \n'; }
for one in "$@"; do echo "argument $(printf %s "$one" | hex)"; done
echo "stdin $(hex)"
tr '\0' '\n' < /proc/$$/environ"#;

/// Notes that it ran: `none` for a live alert.
const NOTE: &str = r#"echo "${ALERT_TEST-none}" >> "$OPEN/ran""#;

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One endpoint and one recipient, both named `name`.
fn with_script(site: Site, name: &str, script: &str, arguments: &[&str]) -> Site {
    site.endpoint(name, "shell", &json!({ "script": script })).recipient(
        name,
        name,
        &json!({ "arguments": arguments }),
    )
}

async fn post(engine: &Engine, path: &str, body: &Value) -> Value {
    let answer = engine.call("POST", path, body).await;
    assert_eq!(answer.status, 200, "{body}: {}", answer.text());
    answer.json()
}

/// What the newest try of a delivery printed.
async fn printed(engine: &Engine, delivery: &Value) -> String {
    text(&engine.attempts(&text(&delivery["id"])).await.last().unwrap()["output"])
}

#[tokio::test]
async fn a_script_reads_an_alert_as_ntopng_sent_it_and_the_record_tells_what_ran() {
    let Some((site, ground)) = Ground::new().await else { return };
    ground.policy(&ground.shell(""));
    let script = ground.script("dump.sh", DUMP);
    let arguments = ["a b", "", "--help", "$(id) `id` \"$HOME\"", "line\nline"];
    let site = with_script(site, "ops", "dump.sh", &arguments);
    let engine = site.start().await;
    let alert = flow(7);
    let accepted = engine.accepts_ntopng([&alert]).await;
    let delivery = engine.reaches(&accepted[0], "delivered").await;
    let id = text(&delivery["id"]);

    let tries = engine.attempts(&id).await;
    let [one] = &tries[..] else { panic!("{tries:?}") };
    let output = text(&one["output"]);
    let mut expected: Vec<_> =
        arguments.iter().map(|one| format!("argument {}", hex(one))).collect();
    expected.push(format!("stdin {}", hex(format!("{alert}\n"))));
    let count = expected.len();
    let lines: Vec<_> = output.lines().collect();
    assert_eq!(lines[..count], expected, "{output}");
    let environment: BTreeSet<_> = lines[count..].iter().copied().collect();
    let id_of_alert = format!("ALERT_ID={}", accepted[0]);
    let expected = [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG=C.UTF-8",
        &id_of_alert,
        "ALERT_ACTION=store",
        "ALERT_SEVERITY=error",
        "ALERT_RECIPIENT=ops",
        "ALERT_ATTEMPT=1",
        "ALERT_VERSION=1",
        "ALERT_SCRIPT=dump.sh",
    ];
    assert_eq!(environment, BTreeSet::from(expected));

    let hash = hex(Sha256::digest(fs::read(script).unwrap()));
    assert_eq!(
        (&one["program_sha256"], &one["origin"], &one["outcome"]),
        (&json!(hash), &json!("shell:dump.sh"), &json!("delivered"))
    );
    let shown = prints(&site, &engine, &["deliveries", "show", &id]).await;
    assert!(shown.contains(&format!("try 1 ran a program with SHA-256 {hash}")), "{shown}");
    assert!(shown.contains(&format!("try 1 printed\n\n{}", lines[0])), "{shown}");
}

#[tokio::test]
async fn hostile_text_of_an_alert_is_bytes_on_stdin_and_runs_nothing() {
    let Some((site, ground)) = Ground::new().await else { return };
    ground.policy(&ground.shell(""));
    ground.script("dump.sh", DUMP);
    let touched = ground.open("touched");
    let path = touched.display();
    let nasty = format!(
        "$(touch {path}) `touch {path}`; touch {path} & ${{IFS}} '\" \\ \u{1b}]0;x\u{7} %s \
         ALERT_TEST=1\nALERT_TEST=1\r\n\u{202e} -rf"
    );
    let site = with_script(site, "ops", "dump.sh", &[])
        .endpoint("own", "shell", &json!({ "script": "dump.sh", "format": "native" }))
        .recipient("own", "own", &json!({}));
    let engine = site.start().await;
    // NUL is a character like others in what ntopng sends.
    let quoted = json!(format!("{nasty}\0")).to_string();
    let alert = flow(7).replace(r#""updates.example.org/firmware.bin""#, &quoted);
    let alert = alert.replace(r#""kiosk-7.example.net""#, &json!(nasty).to_string());
    assert!(alert.contains("\\u0000") && alert.matches("ALERT_TEST").count() >= 4, "{alert}");
    let accepted = engine.accepts_ntopng([&alert]).await;
    engine.reaches(&accepted[0], "delivered").await;
    for delivery in engine.deliveries_of(&accepted[0]).await {
        let output = printed(&engine, &delivery).await;
        let stdin = output.lines().find_map(|line| line.strip_prefix("stdin ")).unwrap();
        if delivery["recipient"] == "ops" {
            assert_eq!(stdin, hex(format!("{alert}\n")));
        } else {
            // The same inside of the engine's own JSON.
            assert!(stdin.contains(&hex(&alert)), "{output}");
        }
        assert!(!output.lines().any(|line| line.starts_with("ALERT_TEST")), "{output}");
    }

    let mut alert = native(&nasty);
    alert["text"] = json!(nasty);
    let accepted = engine.accepts(&alert).await;
    engine.reaches(&accepted[0], "delivered").await;
    for delivery in engine.deliveries_of(&accepted[0]).await {
        let output = printed(&engine, &delivery).await;
        let stdin = output.lines().find_map(|line| line.strip_prefix("stdin ")).unwrap();
        let (pairs, _) = stdin.as_bytes().as_chunks::<2>();
        let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
        let bytes: Vec<_> = pairs.iter().map(byte).collect();
        assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 1, "one line");
        let read: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(read["raw"]["text"], nasty, "{read}");
    }
    assert!(!touched.exists());
}

#[tokio::test]
async fn exit_codes_become_outcomes() {
    let Some((site, ground)) = Ground::new().await else { return };
    ground.policy(&ground.shell("max_concurrency = 4"));
    // The code of the first try; the next one ends well.
    ground.script("end.sh", r#"[ "$ALERT_ATTEMPT" -gt 1 ] && exit 0; exit "$1""#);
    ground.script("signal.sh", r#"[ "$ALERT_ATTEMPT" -gt 1 ] && exit 0; kill -KILL $$"#);
    let mut site = site;
    for code in ["0", "75", "65", "1", "64", "78"] {
        site = with_script(site, &format!("end-{code}"), "end.sh", &[code]);
    }
    site = with_script(site, "signal", "signal.sh", &[]);
    let engine = site.start().await;
    let accepted = engine.accepts(&native("disk full")).await;
    let record = async |recipient: &str, tries: usize| {
        eventually(&format!("{tries} tries for {recipient}"), async || {
            let found = engine.deliveries_of(&accepted[0]).await;
            let one = found.into_iter().find(|one| one["recipient"] == recipient)?;
            // State and tries in one answer: each is written with the other.
            let path = format!("/v1/deliveries/{}", text(&one["id"]));
            let one = engine.get(&path).await.json();
            let found = one["tries"].as_array()?.iter();
            let found = found.map(|it| format!("{}: {}", text(&it["outcome"]), text(&it["code"])));
            let found: Vec<_> = found.collect();
            (found.len() >= tries).then(|| (text(&one["state"]), found.join(", ")))
        })
        .await
    };
    let table = [
        ("end-0", 1, "delivered", "delivered: "),
        ("end-75", 2, "delivered", "unavailable: exit-75, delivered: "),
        ("signal", 2, "delivered", "unavailable: signal, delivered: "),
        ("end-65", 1, "dead", "rejected: exit-65"),
        ("end-1", 1, "dead", "rejected: exit-1"),
        ("end-64", 1, "pending", "misconfigured: exit-64"),
        ("end-78", 1, "pending", "misconfigured: exit-78"),
    ];
    for (recipient, tries, state, expected) in table {
        let seen = record(recipient, tries).await;
        assert_eq!(seen, (state.to_owned(), expected.to_owned()), "{recipient}");
    }
    for (what, name, code) in
        [("recipients", "end-64", "exit-64"), ("endpoints", "end-78", "exit-78")]
    {
        let pause = eventually(&format!("{name} is paused"), async || {
            let answer = engine.get(&format!("/v1/{what}/{name}")).await.json();
            (answer["state"] == "paused").then(|| answer["pause"].clone())
        })
        .await;
        assert_eq!(pause["code"], code, "{pause}");
    }
}

#[tokio::test]
async fn a_preview_and_a_probe_run_nothing_and_a_test_says_that_it_is_one() {
    let Some((site, ground)) = Ground::new().await else { return };
    ground.policy(&ground.shell(""));
    ground.script("note.sh", NOTE);
    let site = with_script(site, "ops", "note.sh", &["x"]);
    let engine = site.start().await;

    let alert = flow(7);
    let asked = json!({ "recipient": "ops", "producer": "ntopng", "alerts": "AS IT IS" });
    let asked = asked.to_string().replace("\"AS IT IS\"", &format!("[{alert}]"));
    let asked = campanile_tests::client::Ask::post("/v1/preview", asked);
    let shown = engine.ask(&asked.bearing(&engine.admin_token)).await.json();
    assert_eq!(shown["messages"][0]["body"], format!("{alert}\n"), "{shown}");
    let probed = prints(&site, &engine, &["test", "--endpoint", "ops", "--no-send"]).await;
    assert!(probed.contains("it was not run"), "{probed}");
    let uid = format!("runs_as: {}", ground.uid);
    assert!(probed.contains(&uid) && probed.contains("isolated: yes"), "{probed}");

    let tested = prints(&site, &engine, &["test", "ops"]).await;
    assert!(tested.contains("delivered"), "{tested}");
    assert_eq!(ground.lines("ran"), ["1"]);
    let accepted = engine.accepts_ntopng([&alert]).await;
    engine.reaches(&accepted[0], "delivered").await;
    assert_eq!(ground.lines("ran"), ["1", "none"]);
}

#[tokio::test]
async fn kinds_that_are_off_say_what_turns_them_on() {
    let Some((site, ground)) = Ground::new().await else { return };
    ground.policy(&ground.shell(""));
    ground.script("note.sh", NOTE);
    let engine = site.start().await;
    let listed = prints(&site, &engine, &["component", "list"]).await;
    let find = |name: &str| listed.lines().find(|line| line.starts_with(&format!("{name} ")));
    let line = find("shell").unwrap_or_else(|| panic!("{listed}"));
    assert!(line.contains("native") && line.contains("Shell script"), "{listed}");
    assert_eq!(find("fail2ban"), None, "what is off is no kind");
    let shown = prints(&site, &engine, &["component", "show", "shell"]).await;
    assert!(
        shown.contains("a helper process does, within what `privileged.toml` allows"),
        "{shown}"
    );

    let refused = engine.call("PUT", "/v1/endpoints/x", &json!({ "kind": "fail2ban" })).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("privileged.toml"), "{}", refused.text());
    assert_eq!(
        campanile_tests::process::child(engine.monitor_pid(), "process helper fail2ban"),
        None
    );
}

#[tokio::test]
async fn what_is_no_script_of_the_folder_is_refused_when_saved_or_by_the_helper() {
    let Some((site, ground)) = Ground::new().await else { return };
    ground.policy(&ground.shell("arguments = ['[a-z]+']"));
    let note = ground.script("note.sh", NOTE);
    symlink(&note, note.with_file_name("link.sh")).unwrap();
    ground.script("note.txt", NOTE);
    let elsewhere = ground.open("elsewhere.sh");
    fs::copy(&note, &elsewhere).unwrap();
    let engine = site.start().await;
    for script in ["../open/elsewhere.sh", "/bin/sh", "a/b.sh", ".hidden.sh", "-c", "", ".."] {
        let endpoint = json!({ "kind": "shell", "settings": { "script": script } });
        let refused = engine.call("PUT", "/v1/endpoints/x", &endpoint).await;
        assert_eq!(refused.status, 422, "{script}: {}", refused.text());
        assert!(refused.text().contains("script"), "{script}: {}", refused.text());
    }
    let all = json!({ "minimum_severity": "none" });
    for (at, (script, argument)) in
        [("note.txt", "a"), ("none.sh", "a"), ("link.sh", "a"), ("note.sh", "A")].iter().enumerate()
    {
        let name = format!("x{at}");
        let endpoint = json!({ "kind": "shell", "settings": { "script": script } });
        let saved = engine.call("PUT", &format!("/v1/endpoints/{name}"), &endpoint).await;
        assert_eq!(saved.status, 201, "{script}: {}", saved.text());
        let settings = json!({ "arguments": [argument] });
        let recipient = json!({ "endpoint": name, "filter": all, "settings": settings });
        let saved = engine.call("PUT", &format!("/v1/recipients/{name}"), &recipient).await;
        assert_eq!(saved.status, 201, "{script}: {}", saved.text());
        let asked = json!({ "recipient": name, "send": false });
        let tested = post(&engine, "/v1/test", &asked).await;
        assert_eq!(tested["probe"]["certainty"], "failed", "{script}: {tested}");
    }
    let accepted = engine.accepts_ntopng([alerts::host("192.0.2.7", "store", 100)]).await;
    for (name, what, code) in [
        ("x0", "endpoints", "script"),
        ("x1", "endpoints", "script"),
        ("x2", "endpoints", "script"),
        ("x3", "recipients", "arguments"),
    ] {
        let pause = eventually(&format!("{name} is paused"), async || {
            let answer = engine.get(&format!("/v1/{what}/{name}")).await.json();
            (answer["state"] == "paused").then(|| answer["pause"].clone())
        })
        .await;
        assert_eq!(pause["code"], code, "{name}: {pause}");
    }
    let states: Vec<_> = engine.deliveries_of(&accepted[0]).await;
    assert!(states.iter().all(|one| one["state"] == "pending"), "{states:?}");
    assert_eq!(ground.lines("ran"), [] as [&str; 0]);
}
