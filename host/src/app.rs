//! PLACEHOLDER until the parts stand: what the commands call. At the merge this file goes, and the
//! real `app` and `runtime` take its place, with these signatures.

use std::net::SocketAddr;

use crate::cli::{Exit, Failure};
use crate::config::Config;

/// Runs the engine until it is told to stop. `ready` is called once alerts can be taken in.
pub async fn serve(_config: Config, _ready: impl FnOnce(SocketAddr) + Send) -> Result<(), Failure> {
    Err(missing())
}

/// What would be sent for the alerts in `input` (of a sample alert, if there is none), to
/// `recipient` or to everyone. Nothing is sent, and no store is opened.
pub async fn preview(
    _config: Config,
    _input: Option<Vec<u8>>,
    _recipient: Option<String>,
) -> Result<Vec<Preview>, Failure> {
    Err(missing())
}

/// The kinds that are installed.
pub async fn kinds(_config: Config) -> Result<Vec<KindInfo>, Failure> {
    Err(missing())
}

/// One message as it would be sent.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Preview {
    pub recipient: String,
    pub kind: String,
    pub summary: String,
    pub content_type: String,
    pub body: String,
}

/// One kind of endpoint.
#[derive(Clone, Debug, serde::Serialize)]
pub struct KindInfo {
    pub name: String,
    pub version: String,
    pub title: String,
    /// SHA-256 of the component, in hexadecimal.
    pub digest: String,
    /// In plain words: what it may do, given an endpoint.
    pub capabilities: Vec<String>,
}

fn missing() -> Failure {
    Failure::says(Exit::Failed, "this build has no engine; build one that has")
}
