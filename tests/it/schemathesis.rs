//! The API against its own description, by schemathesis: examples, bounds, invention, sequences.

use std::fs;
use std::time::Duration;

use campanile_tests::capture::Capture;
use campanile_tests::site::{Site, project};
use serde_json::json;
use tokio::process::Command;

/// Of what it invents, per route: enough to find the mistakes of a change within half a minute.
const EXAMPLES: &str = "15";

#[tokio::test]
async fn the_api_answers_as_its_description_says_whatever_is_asked() {
    let capture = Capture::answering([200]).await;
    let site = Site::new().await.endpoint("hook", "webhook", &json!({ "url": capture.url() }));
    let site = site.recipient("ops", "hook", &json!({}));
    let engine = site.start().await;
    let tool = project().join(".tools/python/bin/schemathesis");
    assert!(tool.exists(), "{} is not there; run `.ci/setup test`", tool.display());
    fs::copy(
        project().join("tests/api/schemathesis.toml"),
        site.folder().join("schemathesis.toml"),
    )
    .unwrap();

    let mut command = Command::new(tool);
    command
        .args(["run", &format!("http://{}/v1/openapi.json", engine.address())])
        .args(["--header", &format!("Authorization: Bearer {}", engine.admin_token)])
        .args(["--max-examples", EXAMPLES, "--seed", "1", "--no-color", "--continue-on-failure"])
        .current_dir(site.folder())
        .kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(300), command.output()).await;
    let output = output.expect("it ends").expect("it starts");

    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("generated"), "it tried something: {told}");
    // The engine is still well.
    engine.get("/readyz").await;
}
