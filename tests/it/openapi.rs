//! The description of the API is the API.

use std::collections::BTreeSet;
use std::fs;

use campanile_tests::client::Ask;
use campanile_tests::site::{Site, project};
use serde_json::Value;

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

#[tokio::test]
async fn every_described_route_is_there_and_no_other_method_is() {
    let engine = Site::new().await.start_as_it_was().await;
    let description = engine.get("/v1/openapi.json").await.json();
    assert!(description["openapi"].as_str().is_some_and(|it| it.starts_with("3.1")), "3.1");
    let paths = description["paths"].as_object().expect("paths");
    assert!(paths.len() > 20, "{}", paths.len());
    for (path, item) in paths {
        let path = path.replace("{name}", "x").replace("{id}", "x");
        for method in METHODS {
            let mut ask = Ask::post(&path, "{}").bearing(&engine.admin_token);
            ask.method = method;
            let answer = engine.ask(&ask).await;
            let code = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
            let code = code["code"].as_str().unwrap_or_default().to_owned();
            let is_described = item.get(method.to_lowercase()).is_some();
            let is_there = code != "no-method" && code != "no-route";
            assert_eq!(is_there, is_described, "{method} {path}: {} {code}", answer.status);
        }
    }
}

#[tokio::test]
async fn the_document_lists_the_routes_that_are_described() {
    let engine = Site::new().await.start_as_it_was().await;
    let description = engine.get("/v1/openapi.json").await.json();
    let paths = description["paths"].as_object().expect("paths").iter();
    let described: BTreeSet<String> = paths
        .flat_map(|(path, item)| {
            let methods = item.as_object().expect("methods").keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let document = fs::read_to_string(project().join("docs/api.md")).expect("docs/api.md");
    let listed: BTreeSet<String> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|route| route.contains(" /"))
        .map(|route| route.split('?').next().unwrap_or(route).to_owned())
        .collect();
    assert_eq!(listed, described);
}
