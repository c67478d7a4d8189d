//! Keys of stored secrets: rotated while alerts are delivered, missed when they are missing, and
//! never at odds with the store, whenever the engine is killed.

use std::fs;
use std::path::{Path, PathBuf};

use campanile_tests::alerts::native;
use campanile_tests::capture::Capture;
use campanile_tests::client::{Ask, Client};
use campanile_tests::engine::Engine;
use campanile_tests::site::Site;
use serde_json::{Value, json};

const SECRET: &str = "c4n4ryW0lfr4m";

async fn site(capture: &Capture) -> Site {
    let settings = json!({ "url": capture.url(), "shared_secret": SECRET });
    Site::new().await.endpoint("hook", "webhook", &settings).recipient(
        "ops",
        "hook",
        &json!({ "max_alerts": 1 }),
    )
}

fn key_file(site: &Site) -> PathBuf {
    site.data().join("secrets.key")
}

fn keys(site: &Site) -> Vec<String> {
    // It is replaced as a whole, so that it is always there.
    fs::read_to_string(key_file(site)).unwrap().lines().map(str::to_owned).collect()
}

async fn secrets(engine: &Engine) -> Vec<Value> {
    engine.get("/v1/secrets").await.json()["secrets"].as_array().unwrap().clone()
}

async fn delivers(engine: &Engine, capture: &Capture, count: usize) {
    engine.accepts(&native(&format!("alert {count}"))).await;
    let request = capture.sees(count).await.pop().unwrap();
    assert!(request.text().contains(SECRET), "{}", request.text());
}

#[tokio::test]
async fn keys_rotate_while_alerts_are_delivered_and_the_old_key_opens_nothing() {
    let capture = Capture::answering([200]).await;
    let site = site(&capture).await;
    let engine = site.start().await;
    delivers(&engine, &capture, 1).await;
    let before = (keys(&site), secrets(&engine).await);
    assert_eq!((before.0.len(), before.1.len()), (1, 2), "the URL, and the secret");
    assert_eq!((&before.1[0]["owner"], &before.1[0]["name"]), (&json!("endpoint"), &json!("hook")));

    let rotated = engine.call("POST", "/v1/secrets/rotate", &Value::Null).await;
    assert_eq!(rotated.status, 200, "{}", rotated.text());
    let after = (keys(&site), secrets(&engine).await);
    assert_ne!((&before.0, &before.1[0]["key"]), (&after.0, &after.1[0]["key"]));
    assert_eq!((after.0.len(), &after.1[0]["problem"]), (1, &Value::Null));
    delivers(&engine, &capture, 2).await;
    engine.terminate().await;
    let engine = site.start_as_it_was().await;
    delivers(&engine, &capture, 3).await;
    engine.terminate().await;

    fs::write(key_file(&site), format!("{}\n", before.0[0])).unwrap();
    let engine = site.start_as_it_was().await;
    let listed = secrets(&engine).await;
    let told: Vec<_> = listed.iter().map(|one| one["problem"].to_string()).collect();
    for name in ["url", "shared_secret"] {
        assert!(told.iter().any(|one| one.contains(&format!("`{name}` of endpoint"))), "{told:?}");
    }
    let shown = engine.get("/v1/endpoints/hook").await.json();
    assert_eq!(shown["state"], "unusable", "{shown}");
    let log = engine.get("/v1/audit?limit=1000").await.json();
    let entries = log["entries"].as_array().unwrap();
    assert!(entries.iter().any(|one| one["action"] == "secret-rotate"), "{log}");
}

#[tokio::test]
async fn without_its_key_an_engine_that_has_secrets_does_not_start_and_makes_no_other() {
    let capture = Capture::answering([200]).await;
    let site = site(&capture).await;
    site.start().await.terminate().await;
    let key = fs::read(key_file(&site)).unwrap();
    fs::remove_file(key_file(&site)).unwrap();
    let (code, log) = site.refused().await;
    assert_eq!(code, Some(3), "{log}");
    assert!(log.contains("the store holds secrets, and their key"), "{log}");
    assert!(!key_file(&site).exists());

    fs::write(key_file(&site), &key).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(key_file(&site), mode).unwrap();
    let (code, log) = site.refused().await;
    assert_eq!(code, Some(3), "written with a mode that lets others read: {log}");
    assert!(log.contains("others can read or write the key"), "{log}");
    private(&key_file(&site), &String::from_utf8(key).unwrap());
    let engine = site.start_as_it_was().await;
    delivers(&engine, &capture, 1).await;
}

#[tokio::test]
async fn killed_in_the_middle_of_a_rotation_everything_is_readable_and_the_next_finishes() {
    let capture = Capture::answering([200]).await;
    let site = site(&capture).await;
    let mut engine = site.start().await;
    for round in 1..=5 {
        let ask = Ask::post("/v1/secrets/rotate", "null").bearing(&engine.admin_token);
        let address = engine.address();
        let rotating = async {
            loop {
                Client::connect(address).await.unwrap().send(&ask).await.unwrap();
            }
        };
        let between = async {
            while keys(&site).len() < 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = between => {}
            () = rotating => {}
        }
        engine.kill().await;
        engine = site.start_as_it_was().await;
        let stored = secrets(&engine).await;
        assert_eq!((stored.len(), &stored[0]["problem"]), (2, &Value::Null), "round {round}");
        delivers(&engine, &capture, round).await;
    }
    let (code, out, err) = site.run(&["secret", "new-key"]).await;
    assert_eq!((code, out.len()), (Some(0), 61), "{err}");
    let rotated = engine.call("POST", "/v1/secrets/rotate", &Value::Null).await;
    assert_eq!((rotated.status, keys(&site).len()), (200, 1), "{}", rotated.text());
}

#[tokio::test]
async fn a_credential_of_systemd_is_the_key_and_no_other_is_made() {
    let capture = Capture::answering([200]).await;
    let site = site(&capture).await.set("secrets.key_credential", "'campanile-key'");
    let (code, log) = site.refused().await;
    assert_eq!(code, Some(3), "{log}");
    assert!(log.contains("LoadCredentialEncrypted=campanile-key:FILE"), "{log}");

    let credentials = site.folder().join("credentials");
    fs::create_dir(&credentials).unwrap();
    let (_, key, _) = site.run(&["secret", "new-key"]).await;
    private(&credentials.join("campanile-key"), &key);
    let site = site.with_variable("CREDENTIALS_DIRECTORY", credentials.clone());
    let engine = site.start().await;
    delivers(&engine, &capture, 1).await;
    let before = secrets(&engine).await[0]["key"].clone();
    engine.terminate().await;

    // A new key before the old one: a rotation says when the old one can go.
    let (_, new, _) = site.run(&["secret", "new-key"]).await;
    private(&credentials.join("campanile-key"), &(new.clone() + &key));
    let engine = site.start_as_it_was().await;
    let rotated = engine.call("POST", "/v1/secrets/rotate", &Value::Null).await.json();
    assert_eq!(rotated["unused_keys"], json!([before]));
    assert_eq!(rotated["removed"], false);
    engine.terminate().await;
    private(&credentials.join("campanile-key"), &new);
    let engine = site.start_as_it_was().await;
    delivers(&engine, &capture, 2).await;
    assert!(!key_file(&site).exists());
}

#[tokio::test]
async fn a_command_of_root_prints_the_key() {
    let capture = Capture::answering([200]).await;
    let site = site(&capture).await;
    let [file, program] = ["key-command", "program"].map(|name| site.folder().join(name));
    let site = site.set("secrets.key_command_file", &format!("'{}'", file.display()));
    let site = site.keeping(&file).keeping(&program);
    private(&file, &format!("{}\n$(id)\n", program.display()));
    private(&program, "#!/bin/sh\n[ \"$1\" = '$(id)' ] && printf '%064d\\n' 7\n");
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    if !rustix::process::geteuid().is_root() {
        let (code, log) = site.refused().await;
        assert_eq!(code, Some(3), "{log}");
        assert!(log.contains("others than root can change what runs as the engine"), "{log}");
        return;
    }
    let engine = site.start().await;
    delivers(&engine, &capture, 1).await;
    assert!(!key_file(&site).exists());
    engine.terminate().await;
    fs::write(&program, "#!/bin/sh\necho hunter2 >&2; exit 4\n").unwrap();
    let (code, log) = site.refused().await;
    assert_eq!(code, Some(3), "{log}");
    assert!(log.contains("ended with exit code 4") && !log.contains("hunter2"), "{log}");
}

fn private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}
