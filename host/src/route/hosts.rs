//! The parts of a filter that are about hosts: they hold for one and the same host.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::faults::Faults;
use super::filter::VALUES_MAX;
use super::reason::Listed;
use super::written::{FilterSettings, Locality, Role};
use crate::alert::{Alert, Party};

#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
    networks: Vec<IpNet>,
    roles: Vec<Role>,
    locality: Vec<Locality>,
}

impl Hosts {
    pub(super) fn compile(written: &FilterSettings, faults: &mut Faults) -> Self {
        const EXPECTED: &str =
            "expected a network such as `192.0.2.0/24` or `2001:db8::/32`, or an address";
        let read = |text: &str| network(text).ok_or_else(|| EXPECTED.to_owned());
        faults.few("roles", written.roles.len(), 2);
        faults.few("locality", written.locality.len(), 2);
        Self {
            networks: faults.each("networks", &written.networks, VALUES_MAX, read),
            roles: written.roles.clone(),
            locality: written.locality.clone(),
        }
    }

    fn is_empty(&self) -> bool {
        self.networks.is_empty() && self.roles.is_empty() && self.locality.is_empty()
    }

    pub(super) fn hold(&self, alert: &Alert) -> bool {
        self.is_empty() || self.found(alert).is_some()
    }

    /// The first host that is wanted, if hosts make a difference.
    pub(super) fn found<'a>(&self, alert: &'a Alert) -> Option<&'a Party> {
        parties(alert).find(|one| !self.is_empty() && self.hold_for(one))
    }

    fn hold_for(&self, party: &Party) -> bool {
        let role = |role: &Role| match role {
            Role::Attacker => party.is_attacker,
            Role::Victim => party.is_victim,
        };
        let place = |place: &Locality| (*place == Locality::Local) == party.is_local;
        (self.roles.is_empty() || self.roles.iter().any(role))
            && (self.locality.is_empty() || self.locality.iter().any(place))
            && (self.networks.is_empty() || self.is_within(&party.ip))
    }

    fn is_within(&self, ip: &str) -> bool {
        let Ok(address) = ip.parse::<IpAddr>() else { return false };
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// What a host must be: `attacker, local, within 192.0.2.0/24 or 2001:db8::/32`.
impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roles = self.roles.iter().map(|one| match one {
            Role::Attacker => "attacker",
            Role::Victim => "victim",
        });
        let locality = self.locality.iter().map(|one| match one {
            Locality::Local => "local",
            Locality::Remote => "remote",
        });
        let within = if self.networks.is_empty() { "" } else { "within " };
        let parts = [
            Listed(&roles.collect::<Vec<_>>(), " or ").to_string(),
            Listed(&locality.collect::<Vec<_>>(), " or ").to_string(),
            format!("{within}{}", Listed(&self.networks, " or ")),
        ];
        let set: Vec<_> = parts.iter().filter(|part| !part.is_empty()).collect();
        write!(f, "{}", Listed(&set, ", "))
    }
}

/// The hosts that an alert names.
pub(super) fn parties(alert: &Alert) -> impl Iterator<Item = &Party> {
    let of_flow = alert.flow.iter().flat_map(|flow| [&flow.client, &flow.server]);
    of_flow.chain(&alert.host)
}

/// An IPv4 network that is written as IPv6 means the IPv4 network, as with addresses.
fn network(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(IpNet::from(address.to_canonical()));
    }
    let network: IpNet = text.parse().ok()?;
    match network {
        IpNet::V6(six) if six.prefix_len() >= 96 => match six.addr().to_ipv4_mapped() {
            Some(four) => IpNet::new(four.into(), six.prefix_len() - 96).ok().map(|it| it.trunc()),
            None => Some(network.trunc()),
        },
        _ => Some(network.trunc()),
    }
}
