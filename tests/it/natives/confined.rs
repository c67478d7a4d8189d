//! What goes on while the engine is shut in, and what is refused at its start.

use std::fs;
use std::os::unix::fs::chown;

use campanile_tests::alerts::native;
use campanile_tests::eventually;
use campanile_tests::site::Site;
use serde_json::json;

use super::ground::Ground;

#[tokio::test]
async fn a_policy_that_somebody_else_could_change_refuses_the_start() {
    let Some((site, ground)) = Ground::new().await else { return };
    ground.policy(&ground.shell(""));
    site.start().await.kill().await;
    let policy = ground.policy_path();
    for (name, change, remedy) in [
        (
            "another owner",
            &(|| chown(&policy, Some(65_534), None).unwrap()) as &dyn Fn(),
            "chown root",
        ),
        ("a group that writes", &|| mode(&policy, 0o664), "chmod go-w"),
        ("a folder that others write", &|| mode(policy.parent().unwrap(), 0o777), "chmod go-w"),
        ("a kind that makes no sense", &|| ground.policy("[shell]\nenabled = 1"), "shell"),
    ] {
        change();
        let (code, said) = site.refused().await;
        assert_eq!(code, Some(3), "{name}: {said}");
        assert!(said.contains(remedy), "{name}: {said}");
        ground.policy(&ground.shell(""));
        chown(&policy, Some(0), None).unwrap();
        mode(&policy, 0o644);
        mode(policy.parent().unwrap(), 0o755);
    }
    site.start().await;
}

#[tokio::test]
async fn an_engine_that_would_stay_root_gets_no_kind_that_acts_on_the_machine() {
    let Some((site, ground)) = Ground::new().await else { return };
    let site = site.set("process.user", "\"root\"");
    ground.policy(&ground.shell(""));
    let (code, said) = site.refused().await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("turns `shell` on, and the engine would stay root"), "{said}");
}

fn mode(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_folder_that_is_granted_while_the_engine_runs_is_written_to() {
    let site = Site::new().await;
    let root = site.folder().join("files");
    let site = site.set("files.root", "\"files\"").set("process.strict", "true");
    let engine = site.start().await;
    let endpoint = json!({ "kind": "file", "settings": { "folder": "made/now" } });
    let saved = engine.call("PUT", "/v1/endpoints/log", &endpoint).await;
    assert_eq!(saved.status, 201, "{}", saved.text());
    let recipient = json!({ "endpoint": "log", "filter": { "minimum_severity": "none" } });
    let saved = engine.call("PUT", "/v1/recipients/log", &recipient).await;
    assert_eq!(saved.status, 201, "{}", saved.text());
    let accepted = engine.accepts(&native("disk full")).await;
    engine.reaches(&accepted[0], "delivered").await;
    let found = eventually("a file", async || {
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).ok()?.flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if fs::read_to_string(&path).is_ok_and(|it| it.contains("disk full")) {
                    return Some(path);
                }
            }
        }
        None
    })
    .await;
    assert!(found.to_string_lossy().contains("made/now"), "{found:?}");
}
