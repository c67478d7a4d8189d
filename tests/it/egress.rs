//! What endpoints reach without the operator's grant, and with it.

use std::fs;
use std::net::Ipv4Addr;

use campanile_tests::alerts::native;
use campanile_tests::capture::Capture;
use campanile_tests::eventually;
use campanile_tests::peer::dns::{self, Dns};
use campanile_tests::site::Site;
use serde_json::json;
use tokio::process::Command;

const CLEAR_TEXT: &str = "[[egress.grant]]\nendpoints = ['*']\nclear_text = true\n";

#[tokio::test]
async fn an_address_of_this_machine_is_refused_when_an_endpoint_is_saved_without_a_grant() {
    let capture = Capture::answering([200]).await;
    let port = capture.address().port();
    // Clear text is granted, so that it is the address that is refused.
    let site = Site::new().await.with_egress_grant(CLEAR_TEXT);
    let site = site.set("tenant.default.ports", &format!("[{port}]"));
    let engine = site.start_as_it_was().await;
    let spellings = ["127.0.0.1", "0x7f.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"];
    for host in spellings {
        let url = format!("http://{host}:{port}/the-path-is-a-secret");
        let hook = json!({"kind": "webhook", "settings": {"url": url}});
        let answer = engine.call("PUT", "/v1/endpoints/hook", &hook).await;
        let said = answer.text();
        assert_eq!(answer.status, 422, "{host}: {said}");
        assert_eq!(answer.json()["errors"][0]["place"], "settings", "{host}: {said}");
        assert!(said.contains("only the operator can grant ([[egress.grant]])"), "{host}: {said}");
        assert!(!said.contains("the-path-is-a-secret"), "{said}");
    }
    // A port beside the tenant's, whatever the name leads to.
    let hook = json!({"kind": "webhook", "settings": {"url": "https://hooks.example:8443"}});
    let answer = engine.call("PUT", "/v1/endpoints/hook", &hook).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert!(answer.text().contains("at port 8443"), "{}", answer.text());
    assert_eq!(capture.attempts(), 0);
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_denied_when_something_is_sent() {
    let capture = Capture::answering([200]).await;
    let port = capture.address().port();
    let url = capture.url().replace("127.0.0.1", "localhost");
    let site = Site::new().await.with_egress_grant(CLEAR_TEXT);
    let site = site.set("tenant.default.ports", &format!("[{port}]"));
    let site = site.endpoint("hook", "webhook", &json!({ "url": url }));
    let engine = site.recipient("ops", "hook", &json!({})).start().await;

    engine.accepts(&native("first")).await;

    let pause = eventually("the endpoint is paused", || async {
        let answer = engine.get("/v1/endpoints/hook").await.json();
        (answer["state"] == "paused").then(|| answer["pause"].clone())
    })
    .await;
    assert_eq!(pause["code"], "address", "{pause}");
    assert_eq!(capture.attempts(), 0);
}

#[tokio::test]
async fn a_secret_for_a_server_without_tls_is_refused_when_it_is_saved() {
    let site = Site::new().await.without_egress_grant();
    let engine = site.start_as_it_was().await;
    let hook = |url: &str| json!({"kind": "webhook", "settings": {"url": url}});
    let refused =
        engine.call("PUT", "/v1/endpoints/hook", &hook("http://hooks.example:443/x")).await;
    let said = refused.text();
    assert_eq!(
        (refused.status, &refused.json()["errors"][0]["place"]),
        (422, &json!("settings.url"))
    );
    assert!(said.contains("in clear text, which only the operator can grant"), "{said}");
    let taken = engine.call("PUT", "/v1/endpoints/hook", &hook("https://hooks.example/x")).await;
    assert_eq!(taken.status, 201, "{}", taken.text());
}

#[tokio::test]
async fn a_grant_opens_one_endpoint_its_network_and_port() {
    let capture = Capture::answering([200]).await;
    let port = capture.address().port();
    let grant = |endpoints: &str, ports: &str| {
        format!(
            "[{{ endpoints = ['{endpoints}'], networks = ['127.0.0.0/8'], ports = ['{ports}'] }},
              {{ endpoints = ['*'], clear_text = true }}]"
        )
    };
    let port_beside = (port ^ 1).to_string();
    let table = [
        ("hook", port.to_string(), 201),
        ("ho*", port.to_string(), 201),
        ("other", port.to_string(), 422),
        ("hook", port_beside, 422),
    ];
    for (endpoints, ports, expected) in table {
        let site = Site::new().await.without_egress_grant();
        let site = site.set("egress.grant", &grant(endpoints, &ports));
        let engine = site.start_as_it_was().await;
        let hook = json!({"kind": "webhook", "settings": {"url": capture.url()}});
        let answer = engine.call("PUT", "/v1/endpoints/hook", &hook).await;
        assert_eq!(answer.status, expected, "{endpoints} {ports}: {}", answer.text());
        engine.terminate().await;
    }
}

#[tokio::test]
async fn what_an_endpoint_reaches_is_told_with_its_folders() {
    let root = tempfile::tempdir().unwrap();
    let path = json!(root.path().to_string_lossy()).to_string();
    let site = Site::new().await.set("files.root", &path);
    let site = site.endpoint("log", "file", &json!({ "folder": "audit/trail" }));
    let engine = site.start().await;
    let told = engine.get("/v1/endpoints/log/grant").await.json();
    let rules = told["rules"].as_array().cloned().unwrap_or_default();
    let folder = rules.iter().find(|one| one["rule"] == "folder");
    let text = folder.and_then(|one| one["text"].as_str()).unwrap_or_default();
    assert_eq!(text, "default/audit/trail for `alerts`: append", "{told}");
}

#[tokio::test]
async fn a_list_of_name_servers_that_is_replaced_whole_is_read_anew_while_the_engine_runs() {
    if !rustix::process::geteuid().is_root() {
        // Only root gives the engine an `/etc` of its own.
        return;
    }
    let capture = Capture::answering([200]).await;
    let knows = |name: &'static str, at: &str| {
        let at = format!("{at}:53").parse().unwrap();
        Dns::answering_at(at, move |question| {
            let is_known = question.name == name && !question.v6;
            is_known
                .then(|| dns::Answer::address(name, 5, Ipv4Addr::LOCALHOST))
                .into_iter()
                .collect()
        })
    };
    let _first = knows("first.test.", "127.0.53.1").await;
    let _second = knows("second.test.", "127.0.53.2").await;
    let folder = tempfile::tempdir().unwrap();
    let etc = folder.path().join("etc");
    let copied = Command::new("cp").arg("-a").arg("/etc").arg(&etc).status().await.unwrap();
    assert!(copied.success());
    let replace = |server: &str| {
        let new = etc.join("resolv.conf.new");
        fs::write(&new, format!("nameserver {server}\n")).unwrap();
        fs::rename(new, etc.join("resolv.conf")).unwrap();
    };
    replace("127.0.53.1");
    let mount = format!("mount --bind '{}' /etc && exec \"$@\"", etc.display());
    let site = Site::new().await.set("retry.attempts_max", "1000");
    let site = site.behind(&["unshare", "--mount", "sh", "-c", &mount, "sh"]);
    let port = capture.address().port();
    let of = |site: Site, name: &str| {
        let url = json!({ "url": format!("http://{name}.test:{port}/{name}") });
        site.without_recipients().endpoint("hook", "webhook", &url).recipient(
            "ops",
            "hook",
            &json!({}),
        )
    };
    let site = of(site, "first");
    let engine = site.start().await;
    let accepted = engine.accepts(&native("first")).await;
    engine.reaches(&accepted[0], "delivered").await;

    replace("127.0.53.2");
    let site = of(site, "second");
    engine.apply(&site.setup()).await;
    let accepted = engine.accepts(&native("second")).await;
    engine.reaches(&accepted[0], "delivered").await;
    let seen = capture.sees(2).await;
    let lines: Vec<_> = seen.iter().map(|one| one.head.line.as_str()).collect();
    assert_eq!(lines, ["POST /first HTTP/1.1", "POST /second HTTP/1.1"]);
}
