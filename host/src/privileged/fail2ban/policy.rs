//! `[fail2ban]` of `privileged.toml`: what the helper may do, whatever the engine asks for.
//!
//! Promise: every problem is told at once, with its place and what was expected; no jail may be banned
//! in that is not named.
//!
//! Not here: who may write the file, and where it is (whoever starts the helper looks at that).

use std::collections::BTreeSet;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};
use serde::Deserialize;

use super::protocol::JailName;
use super::server::Way;
use crate::config::{Problem, expectation};

const SOCKET: &str = "/var/run/fail2ban/fail2ban.sock";
const CLIENT: &str = "/usr/bin/fail2ban-client";
const STATE_DIR: &str = "/var/lib/campanile-privileged";

/// Any jail.
const ANY: &str = "*";
const NETWORKS_MAX: usize = 1024;
const TIMEOUT_S_MAX: u64 = 60;

/// What the helper may do.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(super) way: Way,
    pub(super) timeout: Duration,
    /// `None`: any.
    pub(super) jails: Option<BTreeSet<JailName>>,
    pub(super) never_ban: Vec<IpNet>,
    pub(super) bans_per_minute: NonZeroU32,
    pub(super) bans_per_hour: Option<NonZeroU32>,
    pub(super) allow_unban: bool,
    pub(super) state_dir: PathBuf,
}

/// The table as the operator writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    /// The kind is on. Default false.
    enabled: bool,
    /// How Fail2Ban is reached: by its `socket`, or by its `client` program. Default `socket`.
    mode: Mode,
    /// Fail2Ban's socket. Default `/var/run/fail2ban/fail2ban.sock`; with `client`, what the program
    /// finds in Fail2Ban's own configuration.
    socket: Option<PathBuf>,
    /// Fail2Ban's client program, owned by root. Default `/usr/bin/fail2ban-client`.
    client: PathBuf,
    /// Longest wait for one answer, in seconds, at most 60. Default 10.
    timeout_s: NonZeroU64,
    /// Names of jails that may be banned in, or `["*"]` for any. There is no default.
    jails: Vec<String>,
    /// Networks that are never banned, beside those that never are. Default none.
    never_ban: Vec<String>,
    /// Bans in any 60 seconds; those above wait. Default 30.
    bans_per_minute: NonZeroU32,
    /// Bans in any hour; those above wait. Default none.
    bans_per_hour: Option<NonZeroU32>,
    /// The engine may have bans lifted that were made through the helper. Default true.
    allow_unban: bool,
    /// Folder of the list of bans that were made, root's own. Default
    /// `/var/lib/campanile-privileged`.
    state_dir: PathBuf,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Socket,
    Client,
}

impl Default for Written {
    fn default() -> Self {
        Self {
            enabled: false,
            mode: Mode::Socket,
            socket: None,
            client: CLIENT.into(),
            timeout_s: const { NonZeroU64::new(10).expect("10 is not 0") },
            jails: Vec::new(),
            never_ban: Vec::new(),
            bans_per_minute: const { NonZeroU32::new(30).expect("30 is not 0") },
            bans_per_hour: None,
            allow_unban: true,
            state_dir: STATE_DIR.into(),
        }
    }
}

impl Policy {
    /// The policy of the table `[fail2ban]`; `None`: the kind is off.
    pub fn read(table: toml::Table) -> Result<Option<Self>, Vec<Problem>> {
        let mut problems = Vec::new();
        let written = fields(table, &mut problems);
        if problems.is_empty() && !written.enabled {
            return Ok(None);
        }
        let policy = written.check(&mut problems);
        if problems.is_empty() { Ok(Some(policy)) } else { Err(problems) }
    }

    pub(super) fn allows(&self, jail: &JailName) -> bool {
        self.jails.as_ref().is_none_or(|jails| jails.contains(jail))
    }

    pub(super) fn jail_names(&self) -> Vec<String> {
        match &self.jails {
            None => vec![ANY.to_owned()],
            Some(jails) => jails.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Each field is tried alone, so that one problem does not hide the next.
fn fields(table: toml::Table, problems: &mut Vec<Problem>) -> Written {
    let mut good = toml::Table::new();
    for (key, value) in table {
        match toml::Table::from_iter([(key.clone(), value.clone())]).try_into::<Written>() {
            Ok(_) => _ = good.insert(key, value),
            Err(error) => problem(problems, &key, &expectation(error.message())),
        }
    }
    good.try_into().unwrap_or_default()
}

fn problem(problems: &mut Vec<Problem>, key: &str, expected: &str) {
    let place = format!("fail2ban.{key}");
    if !problems.iter().any(|one| one.place == place) {
        problems.push(Problem { place, expected: expected.to_owned() });
    }
}

impl Written {
    fn check(self, problems: &mut Vec<Problem>) -> Policy {
        let mut is_absolute = |key: &str, path: &Path| {
            let has_dots = path.components().any(|it| it == std::path::Component::ParentDir);
            if !path.is_absolute() || has_dots {
                problem(problems, key, "expected an absolute path without `..`");
            }
        };
        let socket = self.socket.clone().unwrap_or_else(|| SOCKET.into());
        is_absolute("socket", &socket);
        is_absolute("client", &self.client);
        is_absolute("state_dir", &self.state_dir);
        if self.timeout_s.get() > TIMEOUT_S_MAX {
            problem(problems, "timeout_s", "expected 1 to 60 seconds");
        }
        let jails = self.jails(problems);
        let never_ban = self.networks(problems);
        let way = match self.mode {
            Mode::Socket => Way::Socket(socket),
            Mode::Client => Way::Client(self.client, self.socket),
        };
        Policy {
            way,
            timeout: Duration::from_secs(self.timeout_s.get()),
            jails,
            never_ban,
            bans_per_minute: self.bans_per_minute,
            bans_per_hour: self.bans_per_hour,
            allow_unban: self.allow_unban,
            state_dir: self.state_dir,
        }
    }

    fn jails(&self, problems: &mut Vec<Problem>) -> Option<BTreeSet<JailName>> {
        if self.jails == [ANY] {
            return None;
        }
        if self.jails.is_empty() {
            let expected =
                "expected the names of jails that may be banned in, or `[\"*\"]` for any";
            problem(problems, "jails", expected);
        }
        let mut jails = BTreeSet::new();
        for (at, name) in self.jails.iter().enumerate() {
            match JailName::parse(name) {
                Some(jail) => _ = jails.insert(jail),
                None => problem(
                    problems,
                    &format!("jails[{at}]"),
                    "expected 1 to 64 of `A-Z a-z 0-9 . _ -`, neither `.` nor `-` first, and no word \
                     of fail2ban's own; `*` stands alone",
                ),
            }
        }
        Some(jails)
    }

    fn networks(&self, problems: &mut Vec<Problem>) -> Vec<IpNet> {
        if self.never_ban.len() > NETWORKS_MAX {
            problem(problems, "never_ban", &format!("expected at most {NETWORKS_MAX} networks"));
        }
        let mut networks = Vec::new();
        for (at, text) in self.never_ban.iter().enumerate() {
            let address = || super::protocol::address(text).map(IpNet::from);
            match text.parse::<IpNet>().ok().or_else(address) {
                Some(network) => networks.push(canonical(network).trunc()),
                None => problem(
                    problems,
                    &format!("never_ban[{at}]"),
                    "expected a network such as `192.0.2.0/24` or an address",
                ),
            }
        }
        networks
    }
}

/// IPv4 in IPv6 as IPv4, since that is what addresses are looked at as.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let mapped = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    let v4 = mapped.and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    v4.map_or(network, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_says_everything_that_is_wrong_with_it_at_once() {
        let read = |text: &str| Policy::read(text.parse().unwrap());
        assert!(read("").unwrap().is_none() && read("enabled = false").unwrap().is_none());
        let policy = read("enabled = true\njails = ['sshd', 'web']").unwrap().unwrap();
        assert_eq!(policy.way, Way::Socket(SOCKET.into()));
        assert_eq!(policy.timeout, Duration::from_secs(10));
        assert_eq!((policy.bans_per_minute.get(), policy.allow_unban), (30, true));
        assert!(policy.allows(&JailName::parse("web").unwrap()));
        assert!(!policy.allows(&JailName::parse("other").unwrap()));
        let never = read(
            "enabled = true\njails = ['web']\nnever_ban = ['192.0.2.7/24', '::ffff:192.0.2.8', \
             '::ffff:198.51.100.9/120', '2001:db8::1', '::/0']",
        );
        let never: Vec<_> =
            never.unwrap().unwrap().never_ban.iter().map(ToString::to_string).collect();
        let expected =
            ["192.0.2.0/24", "192.0.2.8/32", "198.51.100.0/24", "2001:db8::1/128", "::/0"];
        assert_eq!(never, expected);
        let any = read("enabled = true\njails = ['*']\nmode = 'client'").unwrap().unwrap();
        assert!(any.allows(&JailName::parse("other").unwrap()));
        assert_eq!(any.way, Way::Client(CLIENT.into(), None));

        let problems = read(
            "enabled = true\nmode = 'shell'\nsocket = 'x'\nclient = '/usr/../tmp/c'\n\
             timeout_s = 61\njails = ['*', '-x', 'a b']\nnever_ban = ['192.0.2.0/24', 'host']\n\
             bans_per_minute = 0\nsudo = true",
        );
        let places: Vec<_> = problems.unwrap_err().into_iter().map(|it| it.place).collect();
        let expected = [
            "bans_per_minute",
            "mode",
            "sudo",
            "socket",
            "client",
            "timeout_s",
            "jails[0]",
            "jails[1]",
            "jails[2]",
            "never_ban[1]",
        ];
        assert_eq!(places, expected.map(|it| format!("fail2ban.{it}")));
        assert_eq!(read("enabled = true").unwrap_err()[0].place, "fail2ban.jails");
    }
}
