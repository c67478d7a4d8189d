//! Judges of what was written: readers that others made, run in Python on one text each.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::{find, read};
use crate::DEADLINE;

/// Reads a mail as Python's `email` does: `headers`, `parts`, and `defects` of any of them.
pub async fn mail(bytes: &[u8]) -> Value {
    run(include_str!("judge/mail.py"), Path::new("."), bytes).await
}

/// Reads messages of Slack as its own library does. For each `null`, or what is wrong. `None`:
/// skipped.
pub async fn slack(messages: &Value) -> Option<Value> {
    let found = find("slack")?;
    Some(run(include_str!("judge/slack.py"), &found, messages.to_string().as_bytes()).await)
}

/// The JSON Schema of Adaptive Cards of this version, such as `1.4`. `None`: skipped.
pub fn adaptive_cards(version: &str) -> Option<Value> {
    let found = find("cards")?;
    let file = found.join(format!("adaptive_cards/schemas/schema-{version}.json"));
    let text = std::fs::read_to_string(&file);
    Some(read(&text.unwrap_or_else(|error| panic!("{}: {error}", file.display()))))
}

/// Parses texts of Telegram's HTML as Telegram's own client does: for each `text`, its `entities`, and
/// what is `detected` in its words besides; or `error`. `None`: skipped.
pub async fn telegram_html(texts: &Value) -> Option<Value> {
    let found = find("tdlib")?;
    Some(run(include_str!("judge/telegram.py"), &found, texts.to_string().as_bytes()).await)
}

/// Runs a script that may import what is in `folder`.
async fn run(script: &str, folder: &Path, input: &[u8]) -> Value {
    let mut child = Command::new("python3")
        .args(["-c", script])
        .env("PYTHONPATH", folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("python3, which `.ci/setup test` brings");
    let mut stdin = child.stdin.take().expect("a piped stdin");
    let told = async {
        stdin.write_all(input).await.expect("a script that reads");
        drop(stdin);
        child.wait_with_output().await.expect("an output")
    };
    let output = tokio::time::timeout(DEADLINE, told).await.expect("a script that ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    read(&String::from_utf8_lossy(&output.stdout))
}
