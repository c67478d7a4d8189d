//! A mail server, Exim: what it takes it puts into a box, a file for each mail.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use serde_json::Value;
use tempfile::TempDir;

use super::{Daemon, Over, find, judge};
use crate::eventually;
use crate::peer::tls::{Authority, Identity};

/// The domain whose mail it takes; `nobody` is not known there.
pub const DOMAIN: &str = "mail.test";
/// Who may log in, by PLAIN and LOGIN.
pub const USER: &str = "alerts@mail.test";
pub const PASSWORD: &str = "p\u{e4}ss w0rd%20";

/// What it wants of those who connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// STARTTLS, then a login.
    StartTls,
    /// TLS from the first byte, then a login.
    Tls,
    /// Nothing: neither TLS nor a login is offered.
    Clear,
}

/// Ways to log in that it offers once the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    Plain,
    Login,
    /// With a token of `access-1-token` and so on.
    XOAuth2,
}

/// One server.
#[derive(Debug)]
pub struct Exim {
    port: u16,
    _daemon: Daemon,
    folder: TempDir,
}

/// A mail as Python's reader of mails understands it.
#[derive(Clone, Debug)]
pub struct Mail {
    /// `headers`: pairs; `parts`: with `type` and `text`; `defects`: what is wrong with it.
    pub read: Value,
}

impl Exim {
    /// Starts one, with a certificate by `authority` for 127.0.0.1. `None`: skipped.
    pub async fn start(door: Door, logins: &[Login], authority: &Authority) -> Option<Self> {
        let found = find("exim")?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let Identity { certificate, key } = authority.identity(&["127.0.0.1"]);
        // It takes port 0 for its default. Between here and there another may take this one; then
        // it ends, and the test says so.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|one| one.local_addr());
        let port = port.expect("a free port").port();
        let program = found.join("start");
        let config = config(&path(""), &program.to_string_lossy(), door, logins);
        for (name, text) in [("server.pem", certificate), ("server.key", key), ("conf", config)] {
            fs::write(path(name), text).expect("a folder of our own");
        }
        let (config, place) = (path("conf"), format!("127.0.0.1.{port}"));
        let mut arguments = vec!["-bdf", "-oX", &place, "-C", &config];
        if door == Door::Tls {
            arguments.push("-tls-on-connect");
        }
        let mut daemon = Daemon::start("exim", &found, folder.path(), &arguments);
        assert_eq!(daemon.port(Over::Tcp).await, port);
        Some(Self { port, _daemon: daemon, folder })
    }

    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Waits until so many mails are in the box; all of them, in the order of their subjects.
    pub async fn sees(&self, count: usize) -> Vec<Mail> {
        let what = format!("{count} mails");
        let files = eventually(&what, || async {
            let files = self.files();
            (files.len() >= count).then_some(files)
        })
        .await;
        let mut mails = vec![];
        for bytes in files {
            mails.push(Mail { read: judge::mail(&bytes).await });
        }
        mails.sort_by_key(|mail| mail.header("subject"));
        mails
    }

    pub fn count(&self) -> usize {
        self.files().len()
    }

    /// What it wrote about its conversations.
    pub fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("mainlog")).unwrap_or_default()
    }

    fn files(&self) -> Vec<Vec<u8>> {
        // A file is moved there once it is whole.
        let box_of = self.folder.path().join("box/new");
        let files = fs::read_dir(box_of).into_iter().flatten().flatten();
        files.map(|one| fs::read(one.path()).expect("a mail")).collect()
    }
}

impl Mail {
    /// The value of a header, decoded; empty where it is not there, joined where it is twice.
    pub fn header(&self, name: &str) -> String {
        let headers = self.read["headers"].as_array().map(Vec::as_slice).unwrap_or_default();
        let values = headers.iter().filter_map(|one| {
            let is_it = one[0].as_str()?.eq_ignore_ascii_case(name);
            is_it.then(|| one[1].as_str().unwrap_or_default())
        });
        values.collect::<Vec<_>>().join("\n")
    }

    /// The names of its headers, once each.
    pub fn names(&self) -> BTreeSet<String> {
        let headers = self.read["headers"].as_array().map(Vec::as_slice).unwrap_or_default();
        headers.iter().filter_map(|one| Some(one[0].as_str()?.to_ascii_lowercase())).collect()
    }

    /// The text of the first part of this type.
    pub fn part(&self, content_type: &str) -> String {
        let parts = self.read["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
        let found = parts.iter().find(|one| one["type"] == content_type);
        let text = found.and_then(|one| one["text"].as_str());
        text.unwrap_or_else(|| panic!("no {content_type} in {}", self.read)).to_owned()
    }
}

fn config(folder: &str, program: &str, door: Door, logins: &[Login]) -> String {
    let folder = folder.trim_end_matches('/');
    let (tls_hosts, taken) = match door {
        Door::Clear => ("", "accept domains = +ours"),
        Door::StartTls | Door::Tls => {
            ("*", "accept authenticated = *\n  deny message = log in first")
        }
    };
    let authenticators = logins.iter().map(|login| authenticator(*login));
    let authenticators = authenticators.collect::<String>();
    format!(
        r#"exim_path = {program}
keep_environment = *
spool_directory = {folder}/spool
log_file_path = {folder}/%slog
pid_file_path = {folder}/pid
primary_hostname = {DOMAIN}
domainlist ours = {DOMAIN}
acl_smtp_rcpt = rcpt
tls_advertise_hosts = {tls_hosts}
tls_certificate = {folder}/server.pem
tls_privatekey = {folder}/server.key
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
host_lookup =
rfc1413_hosts =
message_size_limit = 1M

begin acl
rcpt:
  deny !domains = +ours
       message = relaying is not permitted
  deny local_parts = nobody
       message = no such user
  {taken}

begin routers
all:
  driver = accept
  transport = box

begin transports
box:
  driver = appendfile
  maildir_format
  directory = {folder}/box
  create_directory
  user = Debian-exim
  batch_max = 100
  envelope_to_add
  return_path_add

begin authenticators
{authenticators}"#
    )
}

fn authenticator(login: Login) -> String {
    match login {
        Login::Plain => format!(
            "plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${{if and{{{{eq{{$auth2}}{{{USER}}}}}{{eq{{$auth3}}{{{PASSWORD}}}}}}}}}
  server_set_id = $auth2
"
        ),
        Login::Login => format!(
            "login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = User Name : Password
  server_condition = ${{if and{{{{eq{{$auth1}}{{{USER}}}}}{{eq{{$auth2}}{{{PASSWORD}}}}}}}}}
  server_set_id = $auth1
"
        ),
        Login::XOAuth2 => format!(
            r"xoauth2:
  driver = plaintext
  public_name = XOAUTH2
  server_condition = ${{if match{{$auth1}}{{\N^user={USER}\x01auth=Bearer access-[0-9]+-token\x01\x01$\N}}}}
  server_set_id = {USER}
"
        ),
    }
}
