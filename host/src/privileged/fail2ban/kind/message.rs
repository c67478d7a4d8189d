//! From an alert to what is asked of the helper, as one line of JSON.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::super::protocol::{self, Mode};
use super::super::spared::Spared;
use super::Settings;
use crate::printable::printable;
use crate::runtime::bindings::campanile::endpoint::alerts::{Action, Alert};
use crate::runtime::bindings::kind::{Formatted, Message, Purpose, Refusal};
use crate::runtime::native::NativeSubject;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Act {
    Ban,
    Attempt,
    Unban,
}

impl Act {
    /// `None`: it lifts one.
    pub(super) fn mode(self) -> Option<Mode> {
        match self {
            Self::Ban => Some(Mode::Ban),
            Self::Attempt => Some(Mode::Attempt),
            Self::Unban => None,
        }
    }
}

/// The body of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    pub(super) act: Act,
    pub(super) address: String,
    pub(super) jail: String,
    pub(super) fingerprint: String,
    pub(super) alert: String,
    pub(super) dry_run: bool,
}

/// Why there is no order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoOrder {
    Spared { address: IpAddr, rule: &'static str },
    Skipped(String),
    Rejected(String),
}

impl NoOrder {
    pub(super) fn note(self, alert: u32, formatted: &mut Formatted) {
        match self {
            Self::Spared { address, rule } => {
                let detail = spared(&address.to_string(), rule);
                formatted.skipped.push(Refusal { alert, detail });
            }
            Self::Skipped(detail) => formatted.skipped.push(Refusal { alert, detail }),
            Self::Rejected(detail) => formatted.rejected.push(Refusal { alert, detail }),
        }
    }
}

pub(super) fn order(
    subject: &NativeSubject<'_>,
    settings: &Settings,
    purpose: Purpose,
    known: &dyn Spared,
) -> Result<Order, NoOrder> {
    let alert = &subject.subject.alert;
    if !subject.may_ban {
        return Err(skipped("its sender's token may not ban"));
    }
    let (act, jail, address) = if alert.action == Action::Release {
        if !settings.unban_on_release {
            return Err(skipped("a release lifts no ban; `unban_on_release` does"));
        }
        // The jail may be another by now; what is lifted is what was banned.
        let banned = subject.subject.previous.as_deref().and_then(previous);
        let (jail, address) = banned.ok_or_else(|| skipped("nothing was banned for it"))?;
        (Act::Unban, jail, address)
    } else {
        let address = attacker(alert)?;
        if let Some(rule) = known.spares(address) {
            return Err(NoOrder::Spared { address, rule });
        }
        let act = if settings.mode == Mode::Ban { Act::Ban } else { Act::Attempt };
        (act, settings.jail.clone(), address)
    };
    Ok(Order {
        act,
        address: address.to_string(),
        jail,
        fingerprint: alert.fingerprint.clone(),
        alert: alert.id.clone(),
        dry_run: settings.dry_run || purpose == Purpose::Test,
    })
}

/// The one side that is an attacker.
fn attacker(alert: &Alert) -> Result<IpAddr, NoOrder> {
    let flow = alert.flow.iter().flat_map(|flow| [&flow.client, &flow.server]);
    let mut attackers: Vec<IpAddr> = Vec::new();
    for party in flow.chain(&alert.host).filter(|party| party.is_attacker) {
        let address = protocol::address(&party.ip).ok_or_else(|| {
            let shown = printable(&party.ip, 64);
            NoOrder::Rejected(format!("the attacker's address `{shown}` is no IP address"))
        })?;
        if !attackers.contains(&address) {
            attackers.push(address);
        }
    }
    match attackers[..] {
        [one] => Ok(one),
        [] => Err(skipped("no attacker")),
        _ => Err(skipped("both sides are attackers")),
    }
}

/// Out of what [`super::verdict`] gave as the ban's own name.
fn previous(text: &str) -> Option<(String, IpAddr)> {
    let (jail, address) = text.split_once(' ')?;
    let jail = protocol::JailName::parse(jail)?;
    Some((jail.as_str().to_owned(), protocol::address(address)?))
}

pub(super) fn spared(address: &str, rule: &str) -> String {
    format!("{address} is never banned: {rule}")
}

fn skipped(why: &str) -> NoOrder {
    NoOrder::Skipped(why.to_owned())
}

impl Order {
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(body).map_err(|_| "it is none of this kind's messages".to_owned())
    }

    pub(super) fn address(&self) -> Option<IpAddr> {
        protocol::address(&self.address)
    }

    pub(super) fn message(&self, at: u32) -> Message {
        let what = match self.act {
            Act::Ban => "ban",
            Act::Attempt => "count a failure of",
            Act::Unban => "lift the ban of",
        };
        let dry = if self.dry_run { " (dry run)" } else { "" };
        Message {
            alerts: vec![at],
            summary: format!("{what} {} in {}{dry}", self.address, self.jail),
            content_type: "application/json".to_owned(),
            // Texts and words: always JSON.
            body: serde_json::to_vec(self).unwrap_or_default(),
            notes: Vec::new(),
            // A set either has an address or has not; only an attempt counts each time.
            repeat_safe_ms: if self.act == Act::Attempt { 0 } else { u32::MAX },
        }
    }
}
