//! An index that speaks as OpenSearch does.

use std::net::SocketAddr;

use serde_json::Value;
use tempfile::TempDir;

use super::{Daemon, find, read};
use crate::client::{Answer, Ask, Client};
use crate::{DEADLINE, eventually};

/// One index, in memory.
#[derive(Debug)]
pub struct Osmem {
    address: SocketAddr,
    _daemon: Daemon,
    _folder: TempDir,
}

impl Osmem {
    /// Starts one that is empty. `None`: skipped.
    pub async fn start() -> Option<Self> {
        let found = find("osmem")?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let daemon = Daemon::start("osmem", &found, folder.path(), &[]);
        // Its first line says where it is.
        let first = eventually("osmem says where it is", || async {
            let said = daemon.said();
            let (line, _) = said.split_once('\n')?;
            Some(read(line))
        })
        .await;
        let url = first["url"].as_str().and_then(|url| url.strip_prefix("http://"));
        let address = url.and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("an address in {first}"));
        Some(Self { address, _daemon: daemon, _folder: folder })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub async fn asks(&self, method: &'static str, path: &str, body: &Value) -> Answer {
        let mut ask = Ask::post(path, body.to_string());
        ask.method = method;
        let asked = async { Client::connect(self.address).await?.send(&ask).await };
        let answer = tokio::time::timeout(DEADLINE, asked).await.expect("an answer in time");
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// What a search of one index finds: `_id`, `_index`, `_source`.
    pub async fn finds(&self, index: &str, query: &Value) -> Vec<Value> {
        let refreshed = self.asks("POST", &format!("/{index}/_refresh"), &Value::Null).await;
        assert_eq!(refreshed.status, 200, "{}", refreshed.text());
        let body = serde_json::json!({ "query": query, "size": 1000 });
        let answer = self.asks("POST", &format!("/{index}/_search"), &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["hits"]["hits"].as_array().cloned().expect("hits")
    }
}
