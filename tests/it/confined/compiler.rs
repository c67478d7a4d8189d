//! The processes that compile, while they do.

use campanile_tests::engine::Engine;
use campanile_tests::site::{Site, engine_user};
use campanile_tests::{eventually, process};
use rustix::process::{Signal, geteuid};
use serde_json::Value;

use super::{kept, status};

/// A site that compiles these by itself.
async fn compiling(kinds: &[&str]) -> Site {
    let site = Site::new().await.set("runtime.cache_dir", "\"own\"");
    super::only(&site, kinds);
    site
}

#[tokio::test]
async fn a_process_that_compiles_has_no_right_left() {
    let site = compiling(&["slack", "webhook"]).await;
    let monitor = site.spawn();
    let user = engine_user().unwrap_or_else(|| geteuid().as_raw());
    let about = eventually("a process that compiles has shut itself in", || async {
        let pid = process::child(monitor.id()?, "process compiler")?;
        status(&pid.to_string()).filter(|about| about["Seccomp"] == "2")
    })
    .await;
    let mut kept = kept(&about, user);
    if engine_user().is_some() && about["CapBnd"] != "0".repeat(16) {
        kept.push(format!("CapBnd: {}", about["CapBnd"]));
    }
    assert!(kept.is_empty(), "{kept:?}");
}

#[tokio::test]
async fn a_component_whose_compiler_is_killed_is_broken_by_name_and_the_engine_runs() {
    let site = compiling(&["slack", "webhook"]).await;
    let monitor = site.spawn();
    let pid = eventually("a process that compiles has shut itself in", || async {
        let pid = process::child(monitor.id()?, "process compiler")?;
        status(&pid.to_string()).filter(|about| about["Seccomp"] == "2").map(|_| pid)
    })
    .await;
    process::signal(pid, Signal::KILL);
    let engine = Engine::start(monitor, &site).await;
    let found = engine.get("/v1/components").await.json();
    let (broken, others): (Vec<&Value>, Vec<_>) =
        found["components"].as_array().unwrap().iter().partition(|one| one["state"] == "broken");
    assert_eq!((broken.len(), others.len()), (1, 1), "{found}");
    let problem = broken[0]["problem"].to_string();
    assert!(problem.contains("ended without an answer"), "{problem}");
    assert_eq!(others[0]["state"], "built-in", "{found}");
    assert_eq!(engine.get("/readyz").await.status, 200);
}
