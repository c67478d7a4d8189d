//! The tables `[egress]`, `[[egress.grant]]` and `[tenant.NAME]`: what the operator lets endpoints
//! reach beyond the public Internet, and by which way.
//!
//! Not here: the files that are named (`egress::Policy` reads them), and what applies to one
//! endpoint (`egress::Way`).

mod proxy;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::{IpNet, Ipv6Net};
use serde::Deserialize;
use toml::{Table, Value};

use proxy::PROXY;
pub use proxy::{ProxyAddress, ProxyChoice};

use super::plain_path;
use super::reading::Reading;

/// The `[egress]` table, checked.
#[derive(Clone, Debug, Default)]
pub struct EgressConfig {
    /// Prefixes under which this site's NAT64 puts IPv4 addresses. Default: none.
    pub nat64_prefixes: Vec<Ipv6Net>,
    /// HTTP proxy of every endpoint for which no grant says otherwise. Default: none.
    pub proxy: Option<ProxyAddress>,
    /// Name servers, `address:port`. Default: those of `/etc/resolv.conf`.
    pub resolver: Vec<SocketAddr>,
    pub grants: Vec<EgressGrant>,
}

/// One `[[egress.grant]]`, checked.
#[derive(Clone, Debug)]
pub struct EgressGrant {
    /// Default `default`.
    pub tenant: String,
    pub endpoints: Vec<NamePattern>,
    /// Networks that are otherwise refused, and the ports there. Default: none.
    pub networks: Vec<IpNet>,
    pub ports: Vec<PortRange>,
    /// Whether credentials may go over unencrypted connections. Default false.
    pub clear_text: bool,
    /// Left out: that of `[egress]`.
    pub proxy: Option<ProxyChoice>,
    /// Exact path of a datagram socket, such as `/dev/log`.
    pub unix_datagram: Option<PathBuf>,
    /// Files of certificates in PEM that are trusted beside the public ones. Default: none.
    pub ca_files: Vec<PathBuf>,
    pub client: Option<ClientFiles>,
}

/// Certificate and key that a server asks for, in PEM.
#[derive(Clone, Debug)]
pub struct ClientFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// The name of an endpoint, or its beginning and a `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamePattern {
    Exact(String),
    Beginning(String),
}

/// Ports from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    pub first: u16,
    pub last: u16,
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            self.first.fmt(f)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// The `[tenant.NAME]` table: the most that a tenant's endpoints may do.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TenantConfig {
    /// Ports at public addresses. Default 443, 465, 587, 6514.
    pub ports: Vec<u16>,
    /// Kinds of the engine, which act on this machine, that the tenant may use. Default: none; the
    /// tenant `default` may use all that are on.
    pub native_kinds: Vec<String>,
}

impl Default for TenantConfig {
    fn default() -> Self {
        Self { ports: vec![443, 465, 587, 6514], native_kinds: Vec::new() }
    }
}

impl NamePattern {
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == name,
            Self::Beginning(beginning) => name.starts_with(beginning),
        }
    }

    fn read(text: &str) -> Option<Self> {
        let (name, is_beginning) =
            text.strip_suffix('*').map_or((text, false), |beginning| (beginning, true));
        let is_name = !name.contains('*') && (is_beginning || !name.is_empty());
        let name = name.to_owned();
        let pattern = if is_beginning { Self::Beginning(name) } else { Self::Exact(name) };
        is_name.then_some(pattern)
    }
}

impl PortRange {
    pub fn contains(&self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    fn read(value: &Value) -> Option<Self> {
        let range = match value {
            Value::Integer(port) => {
                let port = u16::try_from(*port).ok()?;
                Self { first: port, last: port }
            }
            Value::String(text) => {
                let (first, last) = text.split_once('-').unwrap_or((text, text));
                Self { first: digits(first)?, last: digits(last)? }
            }
            _ => return None,
        };
        (range.first > 0 && range.first <= range.last).then_some(range)
    }
}

fn digits(text: &str) -> Option<u16> {
    // `parse` alone would take `+443`, too.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The `[egress]` table as the operator writes it, without its grants.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct EgressTable {
    nat64_prefixes: Vec<String>,
    proxy: Option<String>,
    resolver: Vec<String>,
}

/// One `[[egress.grant]]` as the operator writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct GrantTable {
    tenant: String,
    endpoints: Vec<String>,
    networks: Vec<String>,
    ports: Vec<Value>,
    clear_text: bool,
    proxy: Option<String>,
    proxy_authorization_file: Option<PathBuf>,
    unix_datagram: Option<PathBuf>,
    ca_files: Vec<PathBuf>,
    client_cert_file: Option<PathBuf>,
    client_key_file: Option<PathBuf>,
}

impl Default for GrantTable {
    fn default() -> Self {
        Self {
            tenant: "default".into(),
            endpoints: Vec::new(),
            networks: Vec::new(),
            ports: Vec::new(),
            clear_text: false,
            proxy: None,
            proxy_authorization_file: None,
            unix_datagram: None,
            ca_files: Vec::new(),
            client_cert_file: None,
            client_key_file: None,
        }
    }
}

impl EgressConfig {
    /// Takes `[egress]` out of `top`. Paths are resolved against `base`.
    pub(super) fn read(top: &mut Table, base: &Path, reading: &mut Reading) -> Self {
        let grants = match top.get_mut("egress") {
            Some(Value::Table(table)) => table.remove("grant"),
            _ => None,
        };
        let table: EgressTable = reading.section("egress", top);
        let grants = match grants {
            None => Vec::new(),
            Some(Value::Array(grants)) if grants.iter().all(Value::is_table) => grants,
            Some(_) => {
                reading.problem("egress.grant", "expected tables; write `[[egress.grant]]`");
                Vec::new()
            }
        };
        let prefixes = each(
            reading,
            "egress.nat64_prefixes",
            &table.nat64_prefixes,
            |text| {
                let prefix: Ipv6Net = text.parse().ok()?;
                matches!(prefix.prefix_len(), 32 | 40 | 48 | 56 | 64 | 96).then(|| prefix.trunc())
            },
            "expected an IPv6 network of 32, 40, 48, 56, 64 or 96 bits, such as `64:ff9b::/96`",
        );
        let proxy = table.proxy.as_deref().and_then(|text| {
            let proxy = ProxyAddress::read(text);
            if proxy.is_none() {
                reading.problem("egress.proxy", PROXY);
            }
            proxy
        });
        let resolver = each(
            reading,
            "egress.resolver",
            &table.resolver,
            |text| {
                let address = text.parse::<SocketAddr>().ok();
                address.or_else(|| Some((text.parse::<IpAddr>().ok()?, 53).into()))
            },
            "expected the address of a name server, such as `192.0.2.53` or `127.0.0.1:5353`",
        );
        let grants = grants.into_iter().enumerate().filter_map(|(at, grant)| {
            let Value::Table(grant) = grant else { return None };
            Some(EgressGrant::read(&format!("egress.grant[{at}]"), grant, base, reading))
        });
        Self { nat64_prefixes: prefixes, proxy, resolver, grants: grants.collect() }
    }
}

impl EgressGrant {
    fn read(place: &str, table: Table, base: &Path, reading: &mut Reading) -> Self {
        let asked =
            |key: &str| table.get(key).and_then(Value::as_array).is_some_and(|a| !a.is_empty());
        let (names_networks, names_ports) = (asked("networks"), asked("ports"));
        let table: GrantTable = reading.table(place, table);
        let below = |key: &str| format!("{place}.{key}");
        if table.endpoints.is_empty() {
            reading.problem(
                &below("endpoints"),
                "expected names of endpoints, such as [\"hook\"]; [\"*\"] means all of the tenant",
            );
        }
        if names_networks != names_ports {
            let missing = if names_networks { "ports" } else { "networks" };
            reading.problem(
                &below(missing),
                "expected beside the other: `networks` and `ports` are granted together",
            );
        }
        let path = |path: &PathBuf| plain_path(&base.join(path));
        Self {
            proxy: proxy::choice(place, &table, base, reading),
            client: client(place, &table, base, reading),
            endpoints: each(
                reading,
                &below("endpoints"),
                &table.endpoints,
                |text| NamePattern::read(text),
                "expected the name of an endpoint, or its beginning and a `*` at the end",
            ),
            networks: each(
                reading,
                &below("networks"),
                &table.networks,
                |text| network(text),
                "expected a network such as `10.1.0.0/16`, or a single address",
            ),
            ports: each(
                reading,
                &below("ports"),
                &table.ports,
                PortRange::read,
                "expected a port such as 7979, or a range such as \"1024-65535\"",
            ),
            unix_datagram: table.unix_datagram.filter(|path| {
                let is_plain = path.is_absolute() && plain_path(path) == *path;
                if !is_plain {
                    reading.problem(
                        &below("unix_datagram"),
                        "expected an absolute path without detours, such as \"/dev/log\"",
                    );
                }
                is_plain
            }),
            ca_files: table.ca_files.iter().map(path).collect(),
            tenant: table.tenant,
            clear_text: table.clear_text,
        }
    }
}

fn client(
    place: &str,
    table: &GrantTable,
    base: &Path,
    reading: &mut Reading,
) -> Option<ClientFiles> {
    let path = |path: &PathBuf| plain_path(&base.join(path));
    match (&table.client_cert_file, &table.client_key_file) {
        (Some(certificate), Some(key)) => {
            Some(ClientFiles { certificate: path(certificate), key: path(key) })
        }
        (None, None) => None,
        (certificate, _) => {
            let missing =
                if certificate.is_some() { "client_key_file" } else { "client_cert_file" };
            let expected = "expected beside the other: certificate and key belong together";
            reading.problem(&format!("{place}.{missing}"), expected);
            None
        }
    }
}

/// What `read` makes of each; the place of what it does not take is told.
fn each<T, U>(
    reading: &mut Reading,
    place: &str,
    values: &[T],
    read: impl Fn(&T) -> Option<U>,
    expected: &str,
) -> Vec<U> {
    let mut good = Vec::with_capacity(values.len());
    for (at, value) in values.iter().enumerate() {
        match read(value) {
            Some(value) => good.push(value),
            None => reading.problem(&format!("{place}[{at}]"), expected),
        }
    }
    good
}

fn network(text: &str) -> Option<IpNet> {
    let network = text.parse::<IpNet>().ok();
    network.map(|one| one.trunc()).or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Takes `[tenant.NAME]` out of `top`: the ceilings, by name.
pub(super) fn tenants(top: &mut Table, reading: &mut Reading) -> BTreeMap<String, TenantConfig> {
    let tenants: Table = reading.section("tenant", top);
    let mut read = BTreeMap::new();
    for (name, table) in tenants {
        let place = format!("tenant.{name}");
        let Value::Table(table) = table else {
            reading.problem(&place, "expected a table; write `[tenant.NAME]`, then its fields");
            continue;
        };
        let tenant: TenantConfig = reading.table(&place, table);
        if let Some(at) = tenant.ports.iter().position(|port| *port == 0) {
            reading.problem(&format!("{place}.ports[{at}]"), "expected a port above 0");
        }
        for (at, kind) in tenant.native_kinds.iter().enumerate() {
            if !is_native_kind(kind) {
                reading.problem(
                    &format!("{place}.native_kinds[{at}]"),
                    "expected the name of a kind of the engine: 1 to 64 of a-z, 0-9 and `-`",
                );
            }
        }
        read.insert(name, tenant);
    }
    read
}

fn is_native_kind(name: &str) -> bool {
    let is_in = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(is_in)
}

#[cfg(test)]
mod tests;
