//! Secrets in settings: their receiver sees them, and nobody else; what they are bound to cannot be
//! changed under them, by whatever way.

use std::fs;
use std::path::{Path, PathBuf};

use campanile_tests::alerts::native;
use campanile_tests::capture::Capture;
use campanile_tests::engine::Engine;
use campanile_tests::site::Site;
use rusqlite::Connection;
use serde_json::{Value, json};

/// In every secret of these tests, and nowhere else.
const CANARY: &str = "c4n4ryW0lfr4m";

/// Settings with a secret of each sort.
fn secret(capture: &Capture) -> Value {
    json!({
        "url": format!("{}/{CANARY}-path?key={CANARY}-query", capture.url().trim_end_matches('/')),
        "username": "campanile", "password": format!("{CANARY}-password"),
        "headers": { "X-Key": format!("{CANARY}-header") },
        "shared_secret": format!("{CANARY}-shared"),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "written as literals")]
fn hook(settings: Value) -> Value {
    json!({ "kind": "webhook", "settings": settings })
}

fn stored() -> Value {
    json!({ "secret": "stored" })
}

fn stored_at(capture: &Capture) -> Value {
    let origin = format!("http://{}", capture.address());
    json!({ "secret": "stored", "origin": origin })
}

fn recipient() -> Value {
    json!({ "max_alerts": 1 })
}

/// An engine that sends to `capture` with secrets.
async fn site(capture: &Capture) -> Site {
    Site::new().await.endpoint("hook", "webhook", &secret(capture)).recipient(
        "ops",
        "hook",
        &recipient(),
    )
}

/// Panics where the canary, or what is made of it on the way, is in `bytes`.
fn holds_no_canary(of: &str, bytes: &[u8]) {
    // What Basic authentication makes of it, as far as the text before it does not matter.
    let basic = ["YzRuNHJ5VzBsZnI0", "M0bjRyeVcwbGZyNG", "jNG40cnlXMGxmcjRt"];
    for needle in basic.into_iter().chain([CANARY]) {
        let found = bytes.windows(needle.len()).position(|window| window == needle.as_bytes());
        assert_eq!(found, None, "{of} holds {needle}");
    }
}

/// Every file beneath `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn database(site: &Site) -> Connection {
    Connection::open(site.data().join("campanile.db")).unwrap()
}

/// What the endpoint `hook` has wrong.
async fn problems(engine: &Engine) -> String {
    let shown = engine.get("/v1/endpoints/hook").await.json();
    let state = shown["state"].clone();
    let problems = shown["problems"].to_string();
    assert_eq!(state == "unusable", problems != "[]", "{shown}");
    problems
}

#[tokio::test]
async fn a_secret_reaches_its_receiver_and_shows_nowhere_else() {
    let capture = Capture::answering([200]).await;
    let site = site(&capture).await;
    let engine = site.start().await;
    let alert = engine.accepts(&native("disk full")).await;
    let request = &capture.sees(1).await[0];
    assert!(
        request.head.line.contains(&format!("/{CANARY}-path?key={CANARY}-query")),
        "{}",
        request.head.line
    );
    assert_eq!(request.header("x-key"), Some(format!("{CANARY}-header").as_str()));
    assert!(request.header("authorization").is_some_and(|it| it.starts_with("Basic ")));
    assert!(request.text().contains(&format!("{CANARY}-shared")), "{}", request.text());
    engine.record_of(&alert[0]).await;

    let changed = hook(json!({ "url": stored(), "shared_secret": format!("{CANARY}-2") }));
    let changed = engine.call("PUT", "/v1/endpoints/hook", &changed).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    holds_no_canary("the answer", changed.text().as_bytes());
    let refused = json!({ "kind": "webhook", "settings": {
        "url": format!("{CANARY}://x"), "shared_secret": 7, "headers": { "a": [CANARY] } } });
    let refused = engine.call("PUT", "/v1/endpoints/hook", &refused).await;
    assert_eq!(refused.status, 422);
    holds_no_canary("the refusal", refused.text().as_bytes());
    engine.call("POST", "/v1/test", &json!({ "recipient": "ops" })).await;
    for path in [
        "/v1/endpoints/hook",
        "/v1/endpoints",
        "/v1/recipients",
        "/v1/export",
        "/v1/audit",
        "/v1/deliveries",
        "/v1/alerts",
        "/v1/kinds",
        "/metrics",
    ] {
        holds_no_canary(path, engine.get(path).await.text().as_bytes());
    }
    let url = format!("http://{}", engine.address());
    for options in [&["--json"][..], &[]] {
        let show = ["endpoint", "show", "hook", "--url", &url];
        let (code, out, err) = site.run(&[&show[..], options].concat()).await;
        assert_eq!(code, Some(0), "{err}");
        assert!(out.contains(&format!("http://{}", capture.address())), "{out}");
        holds_no_canary("endpoint show", format!("{out}{err}").as_bytes());
    }
    // While it runs, and after it has ended: the write-ahead log, and the file.
    for file in files(site.folder()) {
        holds_no_canary(&file.display().to_string(), &fs::read(&file).unwrap());
    }
    engine.terminate().await;
    for file in files(site.folder()) {
        holds_no_canary(&file.display().to_string(), &fs::read(&file).unwrap());
    }
}

#[tokio::test]
async fn what_is_exported_can_be_applied_and_changes_nothing() {
    let capture = Capture::answering([200]).await;
    let site = site(&capture).await;
    let engine = site.start().await;
    let exported = engine.get("/v1/export").await.json();
    assert_eq!(exported["endpoint"]["hook"]["settings"]["url"], stored_at(&capture));
    assert_eq!(exported["endpoint"]["hook"]["settings"]["headers"]["X-Key"], stored());
    for setup in [&exported, &site.setup()] {
        let applied = engine.apply(setup).await;
        assert_eq!((&applied["changes"], &applied["unchanged"]), (&json!([]), &json!(2)));
    }
    let url = format!("http://{}", engine.address());
    let (code, file, told) = site.run(&["export", "--url", &url]).await;
    assert_eq!(code, Some(0), "{told}");
    let path = site.folder().join("setup.toml");
    fs::write(&path, file).unwrap();
    let (code, out, told) =
        site.run(&["diff", "--set", "test", "--url", &url, path.to_str().unwrap()]).await;
    assert_eq!(code, Some(0), "{out}{told}");

    let mut other = site.setup();
    other["endpoint"]["hook"]["settings"]["password"] = json!(format!("{CANARY}-new"));
    let changed = engine.apply(&other).await;
    let fields = json!([{ "path": "settings.password", "before": "set", "after": "changed", "secret": true }]);
    assert_eq!(changed["changes"][0]["fields"], fields);
    let sent = engine.accepts(&native("with the new one")).await;
    capture.sees(1).await;
    assert_eq!(engine.record_of(&sent[0]).await, ["delivered: 200"]);
}

#[tokio::test]
async fn a_secret_does_not_follow_its_endpoint_to_another_server() {
    let (capture, evil) = (Capture::answering([200]).await, Capture::answering([200]).await);
    let site = site(&capture).await;
    let engine = site.start().await;
    let with = |key: &str, value: Value| {
        let mut settings = json!({ "url": evil.url() });
        settings[key] = value;
        hook(settings)
    };
    let table = [
        (with("shared_secret", stored()), "settings.shared_secret"),
        (with("headers", json!({ "X-Key": stored() })), "settings.headers.X-Key"),
        (hook(json!({ "url": stored_at(&evil) })), "settings.url"),
        (
            hook(json!({ "url": stored_at(&capture), "password": stored(), "username": "u",
                      "tls_pin": format!("sha256:{}", "ab".repeat(32)) })),
            "settings.url",
        ),
    ];
    for (setup, place) in &table {
        let answer = engine.call("PUT", "/v1/endpoints/hook", setup).await;
        let told = answer.json();
        assert_eq!(answer.status, 422, "{told}");
        let places = told["errors"].as_array().unwrap().iter().map(|one| &one["place"]);
        assert!(places.clone().any(|one| one == place), "{told}");
        assert!(told.to_string().contains("give its value"), "{told}");
        // Tries are no way around it.
        let target = json!({ "endpoint": "hook", "endpoint_settings": setup["settings"] });
        for path in ["/v1/test", "/v1/preview"] {
            let answer = engine.call("POST", path, &target).await;
            assert_eq!(answer.status, 422, "{path}: {}", answer.text());
            let place = place.replacen("settings", "endpoint_settings", 1);
            assert!(answer.text().contains(&place), "{path}: {}", answer.text());
        }
    }
    let target = json!({ "kind": "webhook", "endpoint_settings": { "url": stored_at(&capture) } });
    assert_eq!(engine.call("POST", "/v1/test", &target).await.status, 422);
    assert_eq!(evil.attempts(), 0);

    // Where it was it may be tried, with another path as well.
    let near = json!({ "url": format!("{}near", capture.url()), "shared_secret": stored() });
    let target = json!({ "endpoint": "hook", "endpoint_settings": near });
    let tried = engine.call("POST", "/v1/test", &target).await;
    assert_eq!(tried.status, 200, "{}", tried.text());
    let requests = capture.requests();
    assert!(requests.iter().any(|one| one.text().contains(&format!("{CANARY}-shared"))));

    // Without its secrets it may go.
    let moved = engine.call("PUT", "/v1/endpoints/hook", &hook(json!({ "url": evil.url() }))).await;
    assert_eq!(moved.status, 200, "{}", moved.text());
    engine.accepts(&native("to the other one")).await;
    let got = evil.sees(1).await[0].clone();
    holds_no_canary("what the other server got", format!("{got:?}").as_bytes());
    let audit = engine.get("/v1/audit").await.json();
    let fields = audit["entries"][0]["detail"]["fields"].clone();
    let unset: Vec<_> = fields
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["secret"] == true && one.get("after").is_none())
        .map(|one| one["path"].as_str().unwrap())
        .collect();
    assert_eq!(unset, ["settings.headers.X-Key", "settings.password", "settings.shared_secret"]);
}

#[tokio::test]
async fn a_row_that_was_edited_in_the_database_opens_no_secret() {
    let (capture, evil) = (Capture::answering([200]).await, Capture::answering([200]).await);
    let site = site(&capture).await;
    site.start().await.terminate().await;
    let whole = fs::read(site.data().join("campanile.db")).unwrap();
    let table = [
        // The endpoint leads elsewhere.
        format!(
            "update endpoint set settings = replace(settings, '{}', '{}')",
            capture.address(),
            evil.address()
        ),
        // And what is written beside the secrets says so, too.
        format!(
            "update endpoint set settings = replace(settings, '{0}', '{1}');
             update secret set bound_to = replace(bound_to, '{0}', '{1}')",
            capture.address(),
            evil.address()
        ),
        // Secrets of one field, one version, one tenant as another's.
        "update secret set field = 'x' where field = 'password';
         update secret set field = 'password' where field = 'shared_secret';
         update secret set field = 'shared_secret' where field = 'x'"
            .to_owned(),
        "update secret set version = version + 1".to_owned(),
        "insert into tenant values (2, 'other'); update secret set tenant = 2;
         update endpoint set tenant = 2; update recipient set tenant = 2"
            .to_owned(),
        "update secret set sealed = zeroblob(length(sealed))".to_owned(),
        "delete from secret where field = 'password'".to_owned(),
    ];
    for edit in table {
        let behind_its_back = database(&site);
        behind_its_back.execute_batch(&edit).unwrap_or_else(|error| panic!("{edit}: {error}"));
        // Another tenant's is not asked for over this API; what it has wrong is in the log.
        let is_ours = !edit.contains("tenant = 2");
        drop(behind_its_back);
        let before = site.log().len();
        let engine = site.start_as_it_was().await;
        let told = if is_ours { problems(&engine).await } else { site.log()[before..].to_owned() };
        assert!(told.contains("set it again"), "{edit}: {told}");
        holds_no_canary("the problem", told.as_bytes());
        if is_ours {
            engine.accepts(&native("waits")).await;
            let answer = engine.call("POST", "/v1/test", &json!({ "recipient": "ops" })).await;
            assert_eq!(answer.status, 422, "{edit}: {}", answer.text());
        }
        engine.terminate().await;
        assert_eq!((capture.attempts(), evil.attempts()), (0, 0), "{edit}");
        fs::write(site.data().join("campanile.db"), &whole).unwrap();
    }
    let engine = site.start_as_it_was().await;
    assert_eq!(problems(&engine).await, "[]", "the store as it was is as good as before");
}

#[tokio::test]
async fn what_the_operator_changes_unsets_what_was_bound_to_it_until_it_is_as_it_was() {
    let capture = Capture::answering([200]).await;
    let site = site(&capture).await;
    site.start().await.terminate().await;
    let site = site.set("egress.proxy", "\"http://127.0.0.1:9\"");
    let engine = site.start_as_it_was().await;
    let told = problems(&engine).await;
    assert!(told.contains("`password` was bound to something else; set it again"), "{told}");
    let sent = engine.accepts(&native("waits")).await;
    engine.terminate().await;
    let site = site.unset("egress.proxy");
    let engine = site.start_as_it_was().await;
    assert_eq!(problems(&engine).await, "[]");
    assert_eq!(engine.record_of(&sent[0]).await, ["delivered: 200"]);
}

#[tokio::test]
async fn a_store_from_before_is_sealed_once_and_sends_as_it_did() {
    let capture = Capture::answering([200]).await;
    // So many that pages of the file come free when they are taken out.
    let headers: serde_json::Map<_, _> =
        (0..60).map(|n| (format!("X-{n}"), json!(format!("{CANARY}{n}").repeat(20)))).collect();
    let large = json!({ "url": format!("{}{CANARY}", capture.url()), "headers": headers });
    let site = site(&capture).await.endpoint("large", "webhook", &large);
    site.start().await.terminate().await;
    let old = database(&site);
    for (name, settings) in [("hook", secret(&capture)), ("large", large)] {
        let settings = settings.to_string();
        old.execute("update endpoint set settings = ?1 where name = ?2", [&settings, name])
            .unwrap();
    }
    old.execute_batch("delete from secret; pragma wal_checkpoint(truncate)").unwrap();
    drop(old);
    let held = fs::read(site.data().join("campanile.db")).unwrap();
    assert!(held.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()));

    let engine = site.start_as_it_was().await;
    assert_eq!(problems(&engine).await, "[]");
    let sent = engine.accepts(&native("from before")).await;
    assert_eq!(engine.record_of(&sent[0]).await, ["delivered: 200"]);
    let request = &capture.sees(1).await[0];
    assert!(request.head.line.contains(&format!("{CANARY}-path")), "{}", request.head.line);
    let applied = engine.apply(&site.setup()).await;
    assert_eq!(applied["changes"], json!([]), "nothing but its place has changed");
    engine.terminate().await;
    for file in files(&site.data()) {
        holds_no_canary(&file.display().to_string(), &fs::read(&file).unwrap());
    }
    let engine = site.start_as_it_was().await;
    let audit = engine.get("/v1/audit").await.json();
    let sealed: Vec<_> = audit["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["action"] == "secret-sealed")
        .collect();
    assert_eq!(sealed.len(), 2, "{sealed:?}");
    let fields = json!(["headers.X-Key", "password", "shared_secret", "url"]);
    let of_hook = sealed.iter().find(|one| one["object"] == "endpoint hook").unwrap();
    assert_eq!(of_hook["detail"]["fields"], fields);
    assert_eq!(engine.get("/v1/audit/verify").await.json()["broken_at"], Value::Null);
}

#[tokio::test]
async fn what_is_removed_takes_its_secrets_with_it() {
    let capture = Capture::answering([200]).await;
    let site = site(&capture).await;
    let engine = site.start().await;
    engine.call("DELETE", "/v1/recipients/ops", &json!({})).await;
    let removed = engine.call("DELETE", "/v1/endpoints/hook", &json!({})).await;
    assert_eq!(removed.status, 204);
    engine.terminate().await;
    let left = database(&site).query_row("select count(*) from secret", [], |row| row.get(0));
    assert_eq!(left, Ok(0_i64));
}
