//! Starts that are refused: once, by name, with what to do.

use std::fs;
use std::net::TcpListener;

use campanile_tests::site::{Site, engine_user};

/// Its exit code is the one of the engine, which is not started again.
async fn refused(site: &Site, code: i32, says: &[&str]) {
    let (found, log) = site.refused().await;
    assert_eq!(found, Some(code), "{log}");
    for part in says {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert_eq!(log.matches("campanile: ").count(), 1, "told once: {log}");
    assert!(!log.contains("started again"), "{log}");
}

#[tokio::test]
async fn an_engine_that_cannot_start_ends_its_monitor_with_its_code_and_is_not_tried_again() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("{:?}", taken.local_addr().unwrap().to_string());
    let site = Site::new().await.set("api.listen", &listen);
    refused(&site, 1, &[&taken.local_addr().unwrap().to_string()]).await;
    let wrong = site.set("api.listen", "\"nowhere\"");
    fs::remove_file(wrong.folder().join("engine.log")).unwrap();
    refused(&wrong, 3, &["api.listen"]).await;
}

#[tokio::test]
async fn who_is_strict_is_refused_where_a_layer_is_missing_and_others_are_told() {
    if engine_user().is_none() {
        // There is no layer that a plain user can be without here.
        return;
    }
    let root = Site::new().await.set("process.user", "\"0:0\"").set("runtime.cache_dir", "\"own\"");
    super::only(&root, &["webhook"]);
    let strict = root.set("process.strict", "true");
    refused(&strict, 3, &["`process.strict` is set", "\n  user: ", "useradd"]).await;

    let (data, own) = (strict.data(), strict.folder().join("own"));
    let root = strict.set("process.strict", "false").keeping(&data).keeping(&own);
    let engine = root.start_as_it_was().await;
    assert!(root.log().contains("The engine is not shut in as it could be"), "{}", root.log());
    let about = super::status(&engine.pid().to_string()).unwrap();
    assert!(about["Uid"].starts_with("0 ") && about["CapEff"] == "0".repeat(16), "{about:?}");
}

#[tokio::test]
async fn a_user_that_there_is_not_is_refused() {
    if engine_user().is_none() {
        return;
    }
    let site = Site::new().await.set("process.user", "\"nobody-knows\"");
    refused(&site, 3, &["there is no user `nobody-knows`", "useradd --system nobody-knows"]).await;
}

#[tokio::test]
async fn a_data_folder_of_another_owner_is_refused_with_the_command_that_changes_that() {
    let Some(user) = engine_user() else { return };
    let site = Site::new().await;
    fs::create_dir(site.data()).unwrap();
    let data = site.data();
    let site = site.keeping(&data);
    let command = format!("chown -R {user}:{user} {}", data.display());
    refused(&site, 3, &["belongs to user 0", &command]).await;
}
