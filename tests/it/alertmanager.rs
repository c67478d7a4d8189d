//! A real Alertmanager as the sender: what it posts goes through the engine to the service.

use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;

use campanile_tests::DEADLINE;
use campanile_tests::capture::Capture;
use campanile_tests::client::{Ask, Client};
use campanile_tests::engine::Engine;
use campanile_tests::site::Site;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

#[tokio::test]
async fn what_alertmanager_fires_and_resolves_arrives_as_one_episode_in_order() {
    let capture = Capture::answering([200]).await;
    let site = Site::new()
        .await
        .endpoint("hook", "webhook", &json!({"url": capture.url()}))
        .recipient("ops", "hook", &json!({"payload": "native", "max_alerts": 1}));
    let engine = site.start().await;
    let token_file = engine.data().join("ingest.token");
    let ways_in = [
        json!({"basic_auth": {"username": "alertmanager", "password_file": token_file}}),
        json!({"authorization": {"credentials_file": token_file}}),
    ];
    for (round, way_in) in ways_in.iter().enumerate() {
        let alertmanager = Alertmanager::posting_to(&engine, &site, round, way_in).await;
        let mut alert = json!({
            "labels": {"alertname": format!("DiskFull{round}"), "instance": "db-1:9100",
                "severity": "page"},
            "annotations": {"summary": "Disk <full>", "description": "/var: 98 %"},
            "startsAt": "2025-01-01T00:00:00.5Z",
            "generatorURL": "http://prometheus.example/graph",
        });
        alertmanager.takes(&alert).await;
        capture.sees(2 * round + 1).await;
        alert["endsAt"] = "2025-01-01T00:01:00Z".into();
        alertmanager.takes(&alert).await;

        let requests = capture.sees(2 * round + 2).await;

        let came: Vec<_> = requests[2 * round..].iter().flat_map(|one| one.alerts()).collect();
        assert_eq!(came.len(), 2, "{way_in}: {came:?}");
        let (engage, release) = (&came[0], &came[1]);
        assert_eq!((&engage["action"], &release["action"]), (&json!("engage"), &json!("release")));
        for key in ["episode", "fingerprint", "time", "labels"] {
            assert_eq!(engage[key], release[key], "{key}");
        }
        assert_eq!(engage["episode"], engage["id"]);
        let expected = json!({
            "producer": "alertmanager", "severity": "critical", "title": "Disk <full>",
            "text": "/var: 98 %", "time": "2025-01-01T00:00:00.500Z", "category": "system",
            "entity": {"kind": "instance", "value": "db-1:9100"},
            "link": "http://prometheus.example/graph",
        });
        for (key, expected) in expected.as_object().expect("an object") {
            assert_eq!(&engage[key], expected, "{key} of {engage}");
        }
        assert_eq!(release["ended"], "2025-01-01T00:01:00.000Z", "{release}");
        assert_eq!(engage["raw"]["status"], "firing", "{engage}");
        alertmanager.ends().await;
    }
    assert_eq!(capture.count(), 4);
}

/// One process of Alertmanager, alone and on loopback. It is killed when dropped.
struct Alertmanager {
    child: Child,
    address: SocketAddr,
    /// Keeps reading what it logs, so that it never waits for us.
    _log: JoinSet<()>,
}

impl Alertmanager {
    /// One that posts to the engine, and proves itself by `way_in`; returns once it listens.
    async fn posting_to(engine: &Engine, site: &Site, round: usize, way_in: &Value) -> Self {
        const PROGRAM: &str = "prometheus-alertmanager";
        let folder = site.folder().join(format!("alertmanager-{round}"));
        fs::create_dir(&folder).expect("a folder in a folder of our own");
        let url = format!("http://{}/v1/ingest/alertmanager", engine.address());
        // JSON is YAML, too.
        let config = json!({
            // Nothing is to be sent again while the test runs.
            "route": {"receiver": "campanile", "group_wait": "50ms", "group_interval": "100ms",
                "repeat_interval": "1h"},
            "receivers": [{"name": "campanile", "webhook_configs": [
                {"url": url, "send_resolved": true, "http_config": way_in}
            ]}],
        });
        let file = folder.join("alertmanager.yml");
        fs::write(&file, config.to_string()).expect("a file in a folder of our own");
        let mut child = Command::new(PROGRAM)
            .args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="])
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.path={}", folder.join("data").display()))
            // Whatever proxy the machine has, it is not for loopback.
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{PROGRAM} ({error}); run `.ci/setup test`"));

        let mut lines = BufReader::new(child.stderr.take().expect("a piped stderr")).lines();
        let mut said = String::new();
        let address = tokio::time::timeout(DEADLINE, async {
            while let Ok(Some(line)) = lines.next_line().await {
                if line.contains("Listening on") {
                    return line.rsplit_once("address=")?.1.trim_matches('"').parse().ok();
                }
                said += &(line + "\n");
            }
            None
        });
        let address = address.await.ok().flatten();
        let address = address.unwrap_or_else(|| panic!("{PROGRAM} does not listen:\n{said}"));
        let mut log = JoinSet::new();
        log.spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, address, _log: log }
    }

    /// Hands in one alert, as Prometheus does.
    async fn takes(&self, alert: &Value) {
        let ask = Ask::post("/api/v2/alerts", json!([alert]).to_string());
        let asked = async { Client::connect(self.address).await?.send(&ask).await };
        let answer = tokio::time::timeout(DEADLINE, asked).await.expect("an answer");
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// Nothing of it runs any more when this returns.
    async fn ends(mut self) {
        self.child.kill().await.expect("a child to kill");
    }
}
