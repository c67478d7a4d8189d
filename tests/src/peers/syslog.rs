//! A syslog daemon that keeps each message as it understood it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::{Daemon, Over, find, lines_of, rsyslog, syslog_ng};
use crate::eventually;
use crate::peer::tls::{Authority, Identity};

/// Which daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Rsyslog,
    SyslogNg,
}

/// How messages come to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Udp,
    /// Each message ends with a line feed.
    Tcp,
    /// Each message begins with its length.
    TcpCounted,
    Tls,
    /// TLS in which both sides have a certificate.
    MutualTls,
    /// Datagrams to a socket of this machine.
    Local,
}

/// Which header it is to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    Rfc5424,
    Rfc3164,
}

/// A message as the daemon understood it. What a header does not have is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub priority: u32,
    /// In UTC or with an offset, as the daemon writes it.
    pub time: String,
    pub hostname: String,
    pub app_name: String,
    pub procid: String,
    pub msgid: String,
    /// All elements, in their brackets.
    pub data: String,
    /// The text, without the mark of UTF-8.
    pub text: String,
}

/// A daemon with one way in.
#[derive(Debug)]
pub struct Syslog {
    daemon: Daemon,
    folder: TempDir,
    target: String,
}

/// What a configuration is made of.
#[derive(Debug)]
pub(super) struct Given<'a> {
    pub folder: &'a Path,
    pub way: Way,
    pub header: Header,
}

/// Names of files in the folder.
pub(super) const TAKEN: &str = "taken";
pub(super) const SOCKET: &str = "socket";
pub(super) const CA: &str = "ca.pem";
pub(super) const CERTIFICATE: &str = "server.pem";
pub(super) const KEY: &str = "server.key";

impl Syslog {
    /// Starts one, with a certificate by `authority` for 127.0.0.1. `None`: skipped.
    pub async fn start(
        program: Program,
        way: Way,
        header: Header,
        authority: &Authority,
    ) -> Option<Self> {
        let name = match program {
            Program::Rsyslog => "rsyslog",
            Program::SyslogNg => "syslog-ng",
        };
        let found = find(name)?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        // The engine is another user, and a daemon's socket is for all.
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), open).expect("a folder of our own");
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let Identity { certificate, key } = authority.identity(&["127.0.0.1"]);
        for (name, text) in [(CA, authority.pem()), (CERTIFICATE, certificate), (KEY, key)] {
            fs::write(path(name), text).expect("a folder of our own");
        }
        let given = Given { folder: folder.path(), way, header };
        let (config, config_file) = match program {
            Program::Rsyslog => (rsyslog::config(&given), path("rsyslog.conf")),
            Program::SyslogNg => (syslog_ng::config(&given), path("syslog-ng.conf")),
        };
        fs::write(&config_file, config).expect("a folder of our own");
        let pid = path("pid");
        let (persist, control) = (path("persist"), path("control"));
        let arguments = match program {
            Program::Rsyslog => vec!["-n", "-f", &config_file, "-i", &pid],
            #[rustfmt::skip]
            Program::SyslogNg => vec![
                "-F", "-e", "--no-caps", "-f", &config_file, "--pidfile", &pid,
                "--persist-file", &persist, "--control", &control,
            ],
        };
        let mut daemon = Daemon::start(name, &found, folder.path(), &arguments);
        let target = match way {
            Way::Udp => format!("udp://127.0.0.1:{}", daemon.port(Over::Udp).await),
            Way::Tcp | Way::TcpCounted => {
                format!("tcp://127.0.0.1:{}", daemon.port(Over::Tcp).await)
            }
            Way::Tls | Way::MutualTls => {
                format!("tls://127.0.0.1:{}", daemon.port(Over::Tcp).await)
            }
            Way::Local => {
                let socket = folder.path().join(SOCKET);
                eventually("a socket", async || socket.exists().then_some(())).await;
                format!("unix-dgram:{}", socket.display())
            }
        };
        Some(Self { daemon, folder, target })
    }

    /// As an endpoint has it: `tcp://127.0.0.1:12345`.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Waits until it took so many messages; all that it took.
    pub async fn sees(&self, count: usize) -> Vec<Record> {
        let lines = lines_of(&self.folder.path().join(TAKEN), count).await;
        lines.iter().map(Record::of).collect()
    }

    /// How many messages it took until now.
    pub fn count(&self) -> usize {
        let taken = fs::read_to_string(self.folder.path().join(TAKEN));
        taken.map_or(0, |text| text.lines().count())
    }

    /// What it complained about.
    pub fn said(&self) -> String {
        self.daemon.said()
    }
}

impl Record {
    /// The two daemons write what is not there, and where a text begins, in ways of their own.
    fn of(line: &Value) -> Self {
        let field = |name: &str| {
            let value = line[name].as_str().unwrap_or_default();
            if value == "-" { String::new() } else { value.to_owned() }
        };
        let priority = field("priority").parse();
        let text = field("text");
        let text = text.strip_prefix(' ').unwrap_or(&text);
        Self {
            priority: priority.unwrap_or_else(|error| panic!("priority: {error}: {line}")),
            time: field("time"),
            hostname: field("hostname"),
            app_name: field("app_name"),
            procid: field("procid"),
            msgid: field("msgid"),
            data: field("data"),
            text: text.strip_prefix('\u{feff}').unwrap_or(text).to_owned(),
        }
    }
}
