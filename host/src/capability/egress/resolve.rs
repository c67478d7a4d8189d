//! From a name to its addresses.
//!
//! Promise: names are absolute, whatever the machine's search list says; `localhost` and addresses
//! never go to a name server. At most 16 addresses of a name are told, and none that is reached
//! over more than 8 aliases. An answer is used for 5 to 300 seconds, a failure for at most 5.
//!
//! Not here: which of the addresses may be connected to (`address`, `way`).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use url::Host;

/// Addresses of one name that are tried.
pub const ADDRESSES_MAX: usize = 16;

/// Aliases (CNAME) between a name and its addresses.
pub const ALIASES_MAX: usize = 8;

/// Longest wait for a name, all tries together.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Longest wait for one answer of one name server.
const TRY_MAX: Duration = Duration::from_secs(2);

/// Between two looks at the machine's list of name servers.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const MACHINE: &str = "/etc/resolv.conf";

/// Names whose answers are kept.
const NAMES_MAX: u64 = 1024;

/// How long answers are used, whatever their TTL says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ttl {
    pub(super) min: Duration,
    pub(super) max: Duration,
    /// Of an answer that says that there is nothing.
    pub(super) nothing_max: Duration,
}

impl Default for Ttl {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self { min: secs(5), max: secs(300), nothing_max: secs(5) }
    }
}

/// Looks names up.
pub(super) struct Resolver {
    /// Nothing where the machine names no server.
    dns: RwLock<Option<TokioResolver>>,
    /// Of the machine's own file, as it was read; nothing where the operator names the servers.
    machine: Option<Mutex<Machine>>,
    ttl: Ttl,
    /// One lookup of a name at a time: whoever comes meanwhile finds its answer kept.
    flights: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// When the machine's list of name servers was looked at, and what it was then.
#[derive(Debug)]
struct Machine {
    looked: Instant,
    /// Changes with the file, which is replaced as a whole.
    stamp: Option<(u64, SystemTime, u64)>,
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resolver")
    }
}

/// Why a name has no addresses.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    #[error("the name has no address")]
    Nothing,
    #[error("more than {ALIASES_MAX} aliases follow each other")]
    Aliases,
    #[error("no name server answered within 5 s")]
    Timeout,
    #[error("/etc/resolv.conf names no server; set `resolver` in [egress]")]
    NoServer,
    #[error("the name servers cannot tell")]
    Dns(#[source] NetError),
}

impl Resolver {
    /// Asks `servers`; if there are none, those of the machine, after its file of hosts.
    pub(super) fn new(servers: &[SocketAddr], ttl: Ttl) -> Self {
        let machine = servers
            .is_empty()
            .then(|| Mutex::new(Machine { looked: Instant::now(), stamp: stamp() }));
        let dns = if servers.is_empty() {
            of_machine(ttl)
        } else {
            let servers = servers.iter().map(|server| name_server(*server)).collect();
            let mut options = ResolverOpts::default();
            options.use_hosts_file = ResolveHosts::Never;
            built(ResolverConfig::from_name_servers(servers), options, ttl)
        };
        Self { dns: RwLock::new(dns), machine, ttl, flights: Mutex::default() }
    }

    /// Who is asked now. The machine's file is looked at again, once a second at most: another
    /// network has other name servers.
    fn now(&self) -> Option<TokioResolver> {
        if let Some(machine) = &self.machine {
            let mut machine = machine.lock().unwrap_or_else(PoisonError::into_inner);
            if machine.looked.elapsed() >= LOOK_EVERY {
                machine.looked = Instant::now();
                let is = stamp();
                if is != machine.stamp {
                    machine.stamp = is;
                    let found = of_machine(self.ttl);
                    // One that makes no sense changes nothing.
                    if found.is_some() {
                        *self.dns.write().unwrap_or_else(PoisonError::into_inner) = found;
                    }
                }
            }
        }
        self.dns.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The addresses of `host`, IPv6 and IPv4 in turn.
    pub(super) async fn addresses(&self, host: &Host<String>) -> Result<Vec<IpAddr>, ResolveError> {
        let name = match host {
            Host::Ipv4(address) => return Ok(vec![(*address).into()]),
            Host::Ipv6(address) => return Ok(vec![(*address).into()]),
            Host::Domain(name) if is_localhost(name) => {
                return Ok(vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]);
            }
            Host::Domain(name) => name,
        };
        let flight = Flight::join(self, name);
        let found = tokio::time::timeout(WAIT_MAX, async {
            let _alone = flight.turn.lock().await;
            self.ask(name).await
        });
        found.await.unwrap_or(Err(ResolveError::Timeout))
    }

    async fn ask(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let dns = self.now().ok_or(ResolveError::NoServer)?;
        let mut absolute =
            Name::from_ascii(name).map_err(|error| ResolveError::Dns(error.into()))?;
        absolute.set_fqdn(true);
        let (v6, v4) = tokio::join!(
            dns.lookup(absolute.clone(), RecordType::AAAA),
            dns.lookup(absolute.clone(), RecordType::A),
        );
        let of = |found: Result<hickory_resolver::lookup::Lookup, NetError>| match found {
            Ok(lookup) => addresses_of(&absolute, lookup.answers()),
            Err(NetError::Dns(DnsError::NoRecordsFound(_))) => Ok(Vec::new()),
            Err(error) => Err(ResolveError::Dns(error)),
        };
        match (of(v6), of(v4)) {
            // A chain that is too long is so for both; whoever answers differently lies.
            (Err(error @ ResolveError::Aliases), _) | (_, Err(error @ ResolveError::Aliases)) => {
                Err(error)
            }
            (Ok(v6), Ok(v4)) if v6.is_empty() && v4.is_empty() => Err(ResolveError::Nothing),
            (Ok(v6), Ok(v4)) => Ok(in_turn(v6, v4)),
            // Half an answer is one, if it has an address.
            (Ok(some), Err(error)) | (Err(error), Ok(some)) => {
                if some.is_empty() {
                    Err(error)
                } else {
                    Ok(in_turn(some, Vec::new()))
                }
            }
            (Err(error), Err(_)) => Err(error),
        }
    }
}

/// Those that the machine names, after its file of hosts. `None`: it names none.
fn of_machine(ttl: Ttl) -> Option<TokioResolver> {
    let (config, options) = read_system_conf().ok()?;
    built(config, options, ttl)
}

fn stamp() -> Option<(u64, SystemTime, u64)> {
    let about = std::fs::metadata(MACHINE).ok()?;
    Some((about.ino(), about.modified().ok()?, about.len()))
}

fn built(config: ResolverConfig, mut options: ResolverOpts, ttl: Ttl) -> Option<TokioResolver> {
    options.timeout = TRY_MAX;
    options.attempts = 2;
    options.cache_size = NAMES_MAX;
    options.preserve_intermediates = true;
    options.positive_min_ttl = Some(ttl.min);
    options.positive_max_ttl = Some(ttl.max);
    options.negative_min_ttl = Some(ttl.min.min(ttl.nothing_max));
    options.negative_max_ttl = Some(ttl.nothing_max);
    let (_, _, servers) = config.into_parts();
    let config = ResolverConfig::from_name_servers(servers);
    let provider = TokioRuntimeProvider::default();
    let dns = TokioResolver::builder_with_config(config, provider).with_options(options);
    dns.build().ok()
}

/// A lookup of one name, which others may wait for. Forgotten with the last who does.
struct Flight<'a> {
    resolver: &'a Resolver,
    name: &'a str,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl<'a> Flight<'a> {
    fn join(resolver: &'a Resolver, name: &'a str) -> Self {
        let mut flights = resolver.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = Arc::clone(flights.entry(name.to_owned()).or_default());
        Self { resolver, name, turn }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let mut flights = self.resolver.flights.lock().unwrap_or_else(PoisonError::into_inner);
        // The map's and ours: nobody else's.
        if Arc::strong_count(&self.turn) <= 2 {
            flights.remove(self.name);
        }
    }
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut connections {
        connection.port = address.port();
    }
    NameServerConfig::new(address.ip(), true, connections)
}

/// `localhost` and what is beneath it (RFC 6761, 6.3).
fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

/// The addresses at the end of the chain of aliases that begins at `name`.
fn addresses_of(name: &Name, records: &[Record]) -> Result<Vec<IpAddr>, ResolveError> {
    let alias_of = |name: &Name| {
        records.iter().find_map(|record| match &record.data {
            RData::CNAME(alias) if record.name == *name => Some(&alias.0),
            _ => None,
        })
    };
    let mut end = name;
    let mut count = 0;
    while let Some(alias) = alias_of(end) {
        count += 1;
        if count > ALIASES_MAX {
            return Err(ResolveError::Aliases);
        }
        end = alias;
    }
    let at_the_end = records.iter().filter(|record| record.name == *end);
    Ok(at_the_end
        .filter_map(|record| match &record.data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        })
        .collect())
}

/// The first of each, then the second of each; what is too many is left out.
fn in_turn(v6: Vec<IpAddr>, v4: Vec<IpAddr>) -> Vec<IpAddr> {
    let (mut v6, mut v4) = (v6.into_iter(), v4.into_iter());
    let mut all: Vec<IpAddr> = Vec::with_capacity(ADDRESSES_MAX);
    loop {
        let pair = [v6.next(), v4.next()];
        if pair == [None, None] {
            break;
        }
        for address in pair.into_iter().flatten() {
            if !all.contains(&address) {
                all.push(address);
            }
        }
    }
    all.truncate(ADDRESSES_MAX);
    all
}

#[cfg(test)]
pub(super) mod tests;
