//! The peer of a case that is not HTTP: a server on TCP or TLS that speaks by script, or one that
//! datagrams come to.
//!
//! The keys of such a case are described in `components/README.md`.

mod script;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use campanile::capability::doors::Doors;
use campanile::capability::egress::{Policy, TlsSettings, Way};
use campanile::capability::net::NetGate;
use campanile::config::Config;
use campanile_tests::peer::tls::Authority;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, UdpSocket, UnixDatagram};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::{Held, KindRef, Stage, doors, equal, fill};
use script::Playing;

/// Longest wait for what is expected.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long something more than that is looked for.
const SHORT: Duration = Duration::from_millis(20);

const HOST: &str = "127.0.0.1";

/// Whom a case speaks with.
pub(super) struct Peer {
    port: u16,
    /// A place for a datagram socket, which the operator granted.
    socket: PathBuf,
    _folder: TempDir,
    ca: String,
    clear_text: bool,
    gate: Arc<NetGate>,
    ears: Ears,
}

enum Ears {
    Nobody,
    Tcp { listener: TcpListener, tls: TlsAcceptor, is_encrypted: bool },
    Playing(Playing),
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

impl Peer {
    /// `None`: the case speaks HTTP.
    pub(super) async fn of(case: &Value) -> Result<Option<Self>, String> {
        let has = |key: &str| case.get(key).is_some();
        let usual = match (has("conversation") || has("conversations"), has("datagrams")) {
            (true, _) => Some("tcp"),
            (false, true) => Some("udp"),
            (false, false) => None,
        };
        let Some(kind) = case["peer"].as_str().or(usual) else { return Ok(None) };
        let folder = tempfile::tempdir().map_err(wrong)?;
        let socket = folder.path().canonicalize().map_err(wrong)?.join("log");
        let authority = Authority::new();
        let tls = match case["certificate"].as_str().unwrap_or("good") {
            "good" => authority.server(&[HOST]),
            "other_name" => authority.server(&["other.test"]),
            "expired" => authority.expired(&[HOST]),
            "unknown" => Authority::new().server(&[HOST]),
            other => return Err(format!("there is no certificate `{other}`")),
        };
        let listener = TcpListener::bind((HOST, 0)).await.map_err(wrong)?;
        let mut port = listener.local_addr().map_err(wrong)?.port();
        let ears = match kind {
            "tcp" | "tls" => Ears::Tcp { listener, tls, is_encrypted: kind == "tls" },
            "udp" => {
                let ears = UdpSocket::bind((HOST, 0)).await.map_err(wrong)?;
                port = ears.local_addr().map_err(wrong)?.port();
                Ears::Udp(ears)
            }
            "unix" => Ears::Unix(UnixDatagram::bind(&socket).map_err(wrong)?),
            "nobody" => Ears::Nobody,
            other => return Err(format!("there is no peer `{other}`")),
        };
        Ok(Some(Self {
            port,
            socket,
            _folder: folder,
            ca: authority.pem(),
            clear_text: case["clear_text"] == true,
            gate: Arc::default(),
            ears,
        }))
    }

    /// The settings with `{{host}}`, `{{port}}` and `{{socket}}` filled in. A port that stands alone
    /// is a number.
    pub(super) fn settings(&self, settings: &Value) -> Map<String, Value> {
        let filled = fill::all(settings, &|name| self.placeholder(name, None));
        let mut filled = filled.as_object().cloned().unwrap_or_default();
        for (name, written) in settings.as_object().into_iter().flatten() {
            if written == "{{port}}" {
                filled.insert(name.clone(), self.port.into());
            }
        }
        filled
    }

    /// The ways that the settings lead to, and the settings as the component gets them.
    pub(super) fn doors(
        &self,
        stage: &Stage,
        kind: KindRef<'_>,
        settings: &Map<String, Value>,
    ) -> Result<(Doors, String), String> {
        doors::open(stage, kind, settings, self.way()?, &self.gate)
    }

    fn way(&self) -> Result<Arc<Way>, String> {
        let tables = format!(
            "[[egress.grant]]\nendpoints = ['*']\nnetworks = ['127.0.0.0/8']\n\
             ports = ['1-65535']\nclear_text = {}\n\
             [[egress.grant]]\nendpoints = ['*']\nunix_datagram = '{}'\n",
            self.clear_text,
            self.socket.display()
        );
        let config = Config::parse(Path::new("campanile.toml"), &tables).map_err(shown)?;
        let policy = Policy::read(&config).map_err(shown)?;
        let ca = json!({ TlsSettings::CA: self.ca });
        let tls = TlsSettings::parse(ca.as_object().ok_or("no object")?, None).map_err(shown)?;
        Ok(Arc::new(Way::of(&policy, "default", "any").with_tls(&tls)))
    }

    /// Begins to speak as the case says.
    pub(super) fn play(&mut self, case: &Value, message_id: Option<&str>) -> Held {
        let steps = match (case.get("conversation"), case["conversations"].as_array()) {
            (Some(one), None) => vec![one.clone()],
            (None, Some(many)) => many.clone(),
            (None, None) => vec![],
            _ => return Err("expected either `conversation` or `conversations`".to_owned()),
        };
        let steps: Vec<_> = steps.iter().map(|one| self.filled(one, message_id)).collect();
        self.ears = match std::mem::replace(&mut self.ears, Ears::Nobody) {
            Ears::Tcp { listener, tls, is_encrypted } => {
                Ears::Playing(Playing::start(listener, tls, is_encrypted, &steps)?)
            }
            ears => ears,
        };
        Ok(())
    }

    /// A call has returned: does what the script has for after it.
    pub(super) async fn called(&mut self) -> Held {
        match &mut self.ears {
            Ears::Playing(playing) => playing.called().await,
            _ => Ok(()),
        }
    }

    /// Whether it heard what the case says, and nothing else. No store may use its doors any more.
    pub(super) async fn heard(self, case: &Value, message_id: Option<&str>) -> Held {
        let datagrams = self.filled(&case["datagrams"], message_id);
        let expected = datagrams.as_array().map(Vec::as_slice).unwrap_or_default();
        let heard = match self.ears {
            Ears::Nobody | Ears::Tcp { .. } => return Ok(()),
            Ears::Playing(playing) => {
                // What is parked is closed with it.
                drop(self.gate);
                return playing.ended().await;
            }
            Ears::Udp(ears) => {
                let take = async |room: &mut [u8]| ears.recv(room).await;
                datagrams_of(expected.len(), take).await?
            }
            Ears::Unix(ears) => {
                let take = async |room: &mut [u8]| ears.recv(room).await;
                datagrams_of(expected.len(), take).await?
            }
        };
        equal("number of datagrams", &heard.len(), &expected.len())?;
        for (heard, expected) in heard.iter().zip(expected) {
            let heard = String::from_utf8_lossy(heard).into_owned();
            match (expected.as_str(), expected["matches"].as_str()) {
                (Some(whole), _) => equal("datagram", &heard.as_str(), &whole)?,
                (None, Some(begin)) if heard.starts_with(begin) => {}
                _ => return Err(format!("datagram: expected {expected}, got {heard:?}")),
            }
        }
        Ok(())
    }

    /// What a script, a message or an expectation says, with what it stands for.
    pub(super) fn filled(&self, value: &Value, message_id: Option<&str>) -> Value {
        fill::all(value, &|name| self.placeholder(name, message_id))
    }

    fn placeholder(&self, name: &str, message_id: Option<&str>) -> Option<String> {
        match name {
            "host" => Some(HOST.to_owned()),
            "port" => Some(self.port.to_string()),
            "socket" => Some(self.socket.display().to_string()),
            "message_id" => message_id.map(str::to_owned),
            // So many of it, for what is longer than anybody wants to read.
            _ => {
                let (what, count) = name.rsplit_once('*')?;
                Some(what.repeat(count.parse().ok()?))
            }
        }
    }
}

/// So many datagrams, as far as they come, and what comes right behind them.
async fn datagrams_of(
    count: usize,
    take: impl AsyncFn(&mut [u8]) -> std::io::Result<usize>,
) -> Result<Vec<Vec<u8>>, String> {
    let mut room = vec![0; 1 << 20];
    let mut heard = Vec::new();
    loop {
        let wait = if heard.len() < count { DEADLINE } else { SHORT };
        match timeout(wait, take(&mut room)).await {
            Ok(length) => heard.push(room[..length.map_err(wrong)?].to_vec()),
            Err(_) => return Ok(heard),
        }
    }
}

fn wrong(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn shown(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}
