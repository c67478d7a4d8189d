//! What the engine asks the Fail2Ban helper for, and what it answers.
//!
//! Promise: what reaches Fail2Ban is one of five commands, made of constants, a jail's name, an
//! address in its one spelling, and a reason of letters and digits. Each is a type that nothing else
//! can become, and the helper makes them itself: the engine only asks.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Longest name of a jail.
const JAIL_BYTES_MAX: usize = 64;
/// What Fail2Ban takes for something else than a jail.
const RESERVED: [&str; 5] = ["all", "add", "create", "INCLUDES", "DEFAULT"];
/// Longest fingerprint or reason.
const WORD_BYTES_MAX: usize = 128;

/// How an address is banned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// At once.
    #[default]
    Ban,
    /// It counts as a failure: the jail's own `maxretry` and `findtime` decide.
    Attempt,
}

/// A question of the engine. Texts are looked at by the helper, not by the reader of messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    Ban(BanAsked),
    Unban(UnbanAsked),
    Probe {
        /// `None`: only whether Fail2Ban is there.
        jail: Option<String>,
    },
    /// The newest bans of ours since then, milliseconds since the Unix epoch.
    List {
        since_ms: u64,
    },
    /// Lifts bans of ours since then.
    Undo {
        since_ms: u64,
        jail: Option<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BanAsked {
    pub jail: String,
    pub address: String,
    pub mode: Mode,
    pub reason: String,
    pub fingerprint: String,
    /// Everything is checked, and nothing is done.
    pub dry_run: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnbanAsked {
    pub jail: String,
    pub address: String,
    pub fingerprint: String,
    pub dry_run: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// `new`: how many Fail2Ban says are newly banned; 0: it was banned before. `ours`: the ban that
    /// stands is of this fingerprint.
    Banned {
        new: u64,
        ours: bool,
    },
    /// Counted as a failure; whether that banned it is the jail's business.
    Attempted,
    /// It would have been asked for.
    DryRun,
    /// `lifted`: 0 where the ban was gone already.
    Unbanned {
        lifted: u64,
    },
    /// No ban of ours for that fingerprint.
    NotOurs,
    /// Never banned, by this rule.
    Spared {
        rule: String,
    },
    RateLimited {
        retry_after_ms: u64,
    },
    /// What was asked for is none, or the policy does not allow it.
    Refused {
        refusal: Refusal,
        detail: String,
    },
    Failed {
        trouble: Trouble,
        detail: String,
    },
    Probed {
        facts: Vec<(String, String)>,
    },
    /// Newest first. `more`: there are older ones that are not told.
    Bans {
        bans: Vec<BanRecord>,
        more: bool,
    },
    /// What was lifted, how many of them were gone already, and what could not be.
    Undone {
        lifted: Vec<BanRecord>,
        gone: u64,
        failed: Vec<(BanRecord, String)>,
        more: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// No name of a jail, or none of the policy's.
    Jail,
    Address,
    /// The policy does not allow it.
    Policy,
    /// Anything else.
    Malformed,
}

/// Why Fail2Ban did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// Nobody listens.
    Absent,
    /// We may not.
    Denied,
    /// It may have done it.
    Broken,
    /// It was not asked for it: others took the time, or a question before it was not answered.
    Unasked,
    UnknownJail,
    /// It said no to the address.
    BadValue,
    /// It said no, or what nobody understands.
    Other,
    /// The helper itself cannot: its ledger, or what it must know of this machine.
    Helper,
}

/// A ban of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BanRecord {
    /// When it was asked for, milliseconds since the Unix epoch.
    pub at_ms: u64,
    pub jail: String,
    pub address: String,
    /// Of the alert that it was made for.
    pub fingerprint: String,
    pub reason: String,
}

/// A name that can only be a jail's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JailName(String);

impl JailName {
    pub fn parse(text: &str) -> Option<Self> {
        let is_name = (1..=JAIL_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            && !text.starts_with(['-', '.'])
            && !RESERVED.contains(&text);
        is_name.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JailName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The one address that `text` is, IPv4 within IPv6 as IPv4. No name, network, port or zone is one.
pub fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// Letters, digits and a few marks: what actions of a jail may put into a command line.
pub fn is_plain(text: &str) -> bool {
    text.len() <= WORD_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" ._:-".contains(&byte))
        && !text.starts_with('-')
}

/// A command to Fail2Ban.
#[derive(Clone, Copy, Debug)]
pub enum Command<'a> {
    Ping,
    Status(&'a JailName),
    IsBanned(&'a JailName, IpAddr),
    Ban(&'a JailName, IpAddr),
    /// The reason is plain.
    Attempt(&'a JailName, IpAddr, &'a str),
    Unban(&'a JailName, IpAddr),
}

impl<'a> Command<'a> {
    pub fn words(self) -> Vec<Cow<'a, str>> {
        let address_of = |address: IpAddr| Cow::Owned(address.to_string());
        match self {
            Self::Ping => vec!["ping".into()],
            Self::Status(jail) => vec!["status".into(), jail.as_str().into()],
            Self::IsBanned(jail, address) => {
                vec!["get".into(), jail.as_str().into(), "banned".into(), address_of(address)]
            }
            Self::Ban(jail, address) => {
                vec!["set".into(), jail.as_str().into(), "banip".into(), address_of(address)]
            }
            Self::Attempt(jail, address, reason) => vec![
                "set".into(),
                jail.as_str().into(),
                "attempt".into(),
                address_of(address),
                reason.into(),
            ],
            Self::Unban(jail, address) => {
                vec!["set".into(), jail.as_str().into(), "unbanip".into(), address_of(address)]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_spelling_and_nothing_else_is_one() {
        let table = [
            ("192.0.2.8", Some("192.0.2.8")),
            ("::ffff:192.0.2.9", Some("192.0.2.9")),
            ("::FFFF:c000:0209", Some("192.0.2.9")),
            ("2001:DB8:0::1", Some("2001:db8::1")),
            ("192.0.2.8; touch /tmp/x", None),
            ("-h", None),
            ("--all", None),
            ("192.0.2.0/24", None),
            ("fe80::1%lo", None),
            ("", None),
            (" 192.0.2.8", None),
            ("192.0.2.8\n", None),
            ("192.0.2.8:80", None),
            ("[2001:db8::1]", None),
            ("192.0.2", None),
            ("3221225992", None),
            ("0xc0000208", None),
            ("192.0.2.010", None),
            ("db-1.example", None),
            ("١٩٢.0.2.8", None),
        ];
        for (text, expected) in table {
            let found = address(text).map(|it| it.to_string());
            assert_eq!(found.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_jail_is_a_name_and_never_an_option() {
        let long = "a".repeat(65);
        for good in ["sshd", "a", "ngx_404.v2-x", &long[1..]] {
            assert!(JailName::parse(good).is_some(), "{good}");
        }
        let bad = ["", "-h", "--all", ".x", "all", "a b", "a/b", "a\n", "a;b", "\u{e9}", &long];
        for bad in bad {
            assert!(JailName::parse(bad).is_none(), "{bad:?}");
        }
        for bad in ["a'b", "$(x)", "`x`", "a\nb", "a|b", "<b>", "-x", "%(a)s", "\u{e9}"] {
            assert!(!is_plain(bad), "{bad:?}");
        }
        assert!(is_plain("campanile 01JD8Q5W3V9T6Z0M4K2N7P1R5S") && is_plain(""));
    }

    #[test]
    fn commands_are_what_fail2ban_documents() {
        let jail = JailName::parse("sshd").unwrap();
        let address = address("::ffff:192.0.2.9").unwrap();
        let table = [
            (Command::Ping, "ping"),
            (Command::Status(&jail), "status sshd"),
            (Command::IsBanned(&jail, address), "get sshd banned 192.0.2.9"),
            (Command::Ban(&jail, address), "set sshd banip 192.0.2.9"),
            (Command::Attempt(&jail, address, "why"), "set sshd attempt 192.0.2.9 why"),
            (Command::Unban(&jail, address), "set sshd unbanip 192.0.2.9"),
        ];
        for (command, expected) in table {
            assert_eq!(command.words().join(" "), expected);
        }
    }
}
