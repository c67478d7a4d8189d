//! By which way one endpoint goes out: what of the operator's grants applies to it.
//!
//! Promise: several grants add up, but never mix: the ports of one are not open at the networks of
//! another. Without any, only public addresses at the tenant's ports are reached.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipnet::{IpNet, Ipv6Net};
use sha2::{Digest, Sha256};

use super::address::{Form, Part, Rule, is_metadata, parts, rule};
use super::own::OwnAddresses;
use super::policy::{Policy, Proxy};
use super::tls::TlsIdentity;
use crate::config::{PortRange, TenantConfig};

/// What the operator lets one endpoint do beyond its settings.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// Ports at public addresses.
    ports: Vec<u16>,
    openings: Vec<Opening>,
    nat64: Vec<Ipv6Net>,
    clear_text: bool,
    proxy: Option<Arc<Proxy>>,
    unix_datagrams: Vec<PathBuf>,
    tls: TlsIdentity,
}

/// Networks that one grant opens, and the ports there.
#[derive(Clone, Debug)]
struct Opening {
    networks: Vec<IpNet>,
    ports: Vec<PortRange>,
}

/// Why an address may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    Public,
    /// By a grant of the operator that names this network.
    Granted(IpNet),
}

/// Why it may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barred {
    /// `address` is the one asked for, or one embedded in it.
    Address { address: IpAddr, rule: Rule },
    /// Not among the tenant's, nor granted there.
    Port,
}

impl Way {
    /// What applies to an endpoint, by the names of its tenant and its own.
    pub fn of(policy: &Policy, tenant: &str, endpoint: &str) -> Self {
        let default = TenantConfig::default();
        let ceiling = policy.tenants.get(tenant).unwrap_or(&default);
        let mut way = Self {
            ports: ceiling.ports.clone(),
            nat64: policy.nat64_prefixes.clone(),
            proxy: policy.proxy.clone(),
            ..Self::default()
        };
        let mut has_proxy = false;
        for grant in &policy.grants {
            let is_meant = grant.written.tenant == tenant
                && grant.written.endpoints.iter().any(|pattern| pattern.matches(endpoint));
            if !is_meant {
                continue;
            }
            if !grant.written.networks.is_empty() {
                way.openings.push(Opening {
                    networks: grant.written.networks.clone(),
                    ports: grant.written.ports.clone(),
                });
            }
            way.clear_text |= grant.written.clear_text;
            way.unix_datagrams.extend(grant.written.unix_datagram.clone());
            way.tls = way.tls.beside(&grant.tls);
            // The first grant that says something about a proxy has it.
            if let Some(proxy) = grant.proxy.as_ref().filter(|_| !has_proxy) {
                has_proxy = true;
                way.proxy.clone_from(proxy);
            }
        }
        way
    }

    /// The same way with what the endpoint's settings say about TLS.
    #[must_use]
    pub fn with_tls(mut self, tls: &TlsIdentity) -> Self {
        self.tls = tls.beside(&self.tls);
        self
    }

    /// Whether credentials may go over unencrypted connections.
    pub fn clear_text(&self) -> bool {
        self.clear_text
    }

    /// Ports at public addresses.
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    pub fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_deref()
    }

    pub fn tls(&self) -> &TlsIdentity {
        &self.tls
    }

    pub(super) fn nat64(&self) -> &[Ipv6Net] {
        &self.nat64
    }

    /// Whether datagrams may go to the socket at exactly this path.
    pub fn unix_datagram(&self, path: &Path) -> bool {
        self.unix_datagrams.iter().any(|granted| granted == path)
    }

    /// Tells what it opens, each with the name of the rule.
    pub(super) fn tell(&self, told: &mut impl FnMut(&str, String)) {
        told("port", format!("at public addresses: {}", listed(&self.ports)));
        for opening in &self.openings {
            let (networks, ports) = (listed(&opening.networks), listed(&opening.ports));
            told("network", format!("{networks} at {ports}, by a grant of the operator"));
        }
        if !self.nat64.is_empty() {
            told("nat64", format!("IPv4 addresses are looked for in {}", listed(&self.nat64)));
        }
        for path in &self.unix_datagrams {
            told("socket", format!("{}, by a grant of the operator", path.display()));
        }
    }

    /// Whether `port` is open anywhere: what a name leads to is not known yet.
    pub fn port(&self, port: u16) -> bool {
        let opened = self.openings.iter().flat_map(|opening| &opening.ports);
        self.ports.contains(&port) || opened.into_iter().any(|range| range.contains(port))
    }

    /// Whether `address` may be connected to at `port`, and by what.
    pub(super) fn judge(
        &self,
        address: IpAddr,
        port: u16,
        own: &OwnAddresses,
    ) -> Result<Passed, Barred> {
        let mut passed = Passed::Public;
        for part in parts(address, &self.nat64) {
            let granted = self.granted(part.address, port);
            let rule = rule_of(part, own);
            match (granted, rule) {
                (Some(network), Some(_)) => passed = Passed::Granted(network),
                (None, Some(rule)) => {
                    return Err(Barred::Address { address: part.address, rule });
                }
                (Some(network), None) if !self.ports.contains(&port) => {
                    passed = Passed::Granted(network);
                }
                (_, None) => {}
            }
        }
        if passed == Passed::Public && !self.ports.contains(&port) {
            return Err(Barred::Port);
        }
        Ok(passed)
    }

    /// The network of a grant that opens `address` at `port`.
    pub(super) fn granted(&self, address: IpAddr, port: u16) -> Option<IpNet> {
        let opened = self
            .openings
            .iter()
            .filter(|opening| opening.ports.iter().any(|range| range.contains(port)))
            .flat_map(|opening| &opening.networks);
        let mut holding = opened.filter(|network| network.contains(&address));
        // Whoever opens a whole network does not mean the metadata service in it.
        let is_meant = |network: &&IpNet| {
            !is_metadata(address) || network.prefix_len() == network.max_prefix_len()
        };
        holding.find(is_meant).copied()
    }

    /// Mixes everything in: a connection made by another way is not reused.
    pub(super) fn feed(&self, hash: &mut Sha256) {
        let told = format!(
            "{:?} {:?} {:?} {} {:?} ",
            self.ports, self.openings, self.nat64, self.clear_text, self.unix_datagrams
        );
        hash.update(told.len().to_be_bytes());
        hash.update(told);
        hash.update(self.proxy.as_ref().map_or([0; 32], |proxy| proxy.hash));
        hash.update(self.tls.hash());
    }
}

fn listed(all: &[impl std::fmt::Display]) -> String {
    if all.is_empty() {
        return "none".to_owned();
    }
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn rule_of(part: Part, own: &OwnAddresses) -> Option<Rule> {
    let by_registry = match part.form {
        Form::Translator => None,
        _ => rule(part.address),
    };
    by_registry.or_else(|| match own.list() {
        Ok(list) => list.contains(&part.address).then_some(Rule::Own),
        Err(_) => Some(Rule::OwnUnknown),
    })
}
