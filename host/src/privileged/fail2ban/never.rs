//! Who is never banned, whatever the engine asks for: a ban of these would cut the machine off.
//!
//! Promise: what belongs to this machine is read anew for each ban. If it cannot be read, nothing is
//! banned.
//!
//! Not here: what only the engine knows, such as who sends it alerts (`spared`).

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use if_addrs::IfAddr;
use ipnet::IpNet;

/// Longest file of name servers that is read.
const RESOLV_BYTES_MAX: u64 = 64 << 10;

/// A rule that saves an address. Its name is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Loopback,
    Unspecified,
    Multicast,
    Broadcast,
    LinkLocal,
    Own,
    Gateway,
    NameServer,
    Configured,
}

impl Rule {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Unspecified => "unspecified",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::LinkLocal => "link-local",
            Self::Own => "own-address",
            Self::Gateway => "gateway",
            Self::NameServer => "name-server",
            Self::Configured => "never-ban",
        }
    }
}

/// The rules.
#[derive(Debug)]
pub(super) struct NeverBan {
    networks: Vec<IpNet>,
    machine: Machine,
}

/// Where this machine's network is written down.
#[derive(Debug)]
struct Machine {
    routes: PathBuf,
    routes_v6: PathBuf,
    name_servers: Vec<PathBuf>,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            routes: "/proc/net/route".into(),
            routes_v6: "/proc/net/ipv6_route".into(),
            // The second has the servers behind the resolver on loopback that the first names.
            name_servers: vec![
                "/etc/resolv.conf".into(),
                "/run/systemd/resolve/resolv.conf".into(),
            ],
        }
    }
}

impl NeverBan {
    pub(super) fn new(networks: Vec<IpNet>) -> Self {
        Self { networks, machine: Machine::default() }
    }

    /// The rule that saves `address`. `Err`: that cannot be known.
    pub(super) fn rule(&self, address: IpAddr) -> io::Result<Option<Rule>> {
        let address = address.to_canonical();
        if let Some(rule) = by_itself(address) {
            return Ok(Some(rule));
        }
        // With what carries an IPv4 address in it, that one is meant, too.
        let meant = [Some(address), embedded(address)];
        for address in meant.into_iter().flatten() {
            if self.networks.iter().any(|network| network.contains(&address)) {
                return Ok(Some(Rule::Configured));
            }
            if let Some(rule) =
                by_itself(address).map(Ok).or_else(|| self.of_machine(address).transpose())
            {
                return rule.map(Some);
            }
        }
        Ok(None)
    }

    fn of_machine(&self, address: IpAddr) -> io::Result<Option<Rule>> {
        for interface in if_addrs::get_if_addrs()? {
            if interface.ip().to_canonical() == address {
                return Ok(Some(Rule::Own));
            }
            if let IfAddr::V4(own) = &interface.addr
                && own.broadcast.is_some_and(|it| IpAddr::V4(it) == address)
            {
                return Ok(Some(Rule::Broadcast));
            }
        }
        let is_gateway = match address {
            IpAddr::V4(address) => {
                leads(&self.machine.routes, |line| gateway(line) == Some(address))?
            }
            IpAddr::V6(address) => {
                leads(&self.machine.routes_v6, |line| gateway_v6(line) == Some(address))?
            }
        };
        if is_gateway {
            return Ok(Some(Rule::Gateway));
        }
        for file in &self.machine.name_servers {
            let Some(file) = open(file)? else { continue };
            let mut text = Vec::new();
            file.take(RESOLV_BYTES_MAX).read_to_end(&mut text)?;
            if name_servers(&String::from_utf8_lossy(&text)).any(|server| server == address) {
                return Ok(Some(Rule::NameServer));
            }
        }
        Ok(None)
    }
}

fn by_itself(address: IpAddr) -> Option<Rule> {
    let is_link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    let is_broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
    // 0.0.0.0/8 is this network (RFC 1122, 3.2.1.3).
    let is_unspecified = match address {
        IpAddr::V4(address) => address.octets()[0] == 0,
        IpAddr::V6(address) => address.is_unspecified(),
    };
    match () {
        () if address.is_loopback() => Some(Rule::Loopback),
        () if is_unspecified => Some(Rule::Unspecified),
        () if address.is_multicast() => Some(Rule::Multicast),
        () if is_broadcast => Some(Rule::Broadcast),
        () if is_link_local => Some(Rule::LinkLocal),
        () => None,
    }
}

/// The IPv4 address in an IPv6 one: NAT64 (RFC 6052), 6to4 (RFC 3056), IPv4-compatible.
fn embedded(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(address) = address else { return None };
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = match (a, b, c, d, e, f) {
        (0x64, 0xff9b, 0, 0, 0, 0) | (0, 0, 0, 0, 0, 0) => [g, h],
        (0x2002, ..) => [b, c],
        _ => return None,
    };
    let [[a, b], [c, d]] = v4.map(u16::to_be_bytes);
    Some(Ipv4Addr::new(a, b, c, d).into())
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        // No such protocol, or no such file, on this machine.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Some line of the table at `path` leads over what is looked for.
fn leads(path: &Path, is_it: impl Fn(&str) -> bool) -> io::Result<bool> {
    let Some(file) = open(path)? else { return Ok(false) };
    for line in BufReader::new(file).lines() {
        if is_it(&line?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The third column of `/proc/net/route`: hexadecimal, in the machine's order of bytes.
fn gateway(line: &str) -> Option<Ipv4Addr> {
    let field = line.split_ascii_whitespace().nth(2)?;
    let gateway = u32::from_str_radix(field, 16).ok().filter(|it| *it != 0)?;
    Some(Ipv4Addr::from(gateway.to_ne_bytes()))
}

/// The fifth column of `/proc/net/ipv6_route`.
fn gateway_v6(line: &str) -> Option<Ipv6Addr> {
    let field = line.split_ascii_whitespace().nth(4).filter(|it| it.len() == 32)?;
    let gateway = u128::from_str_radix(field, 16).ok().filter(|it| *it != 0)?;
    Some(gateway.into())
}

fn name_servers(text: &str) -> impl Iterator<Item = IpAddr> {
    text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let address = (words.next()? == "nameserver").then(|| words.next())??;
        let address = address.split('%').next()?;
        address.parse::<IpAddr>().ok().map(|address| address.to_canonical())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(folder: &Path) -> NeverBan {
        let place = |name: &str| folder.join(name);
        let machine = Machine {
            routes: place("route"),
            routes_v6: place("route6"),
            name_servers: vec![place("resolv"), place("nowhere")],
        };
        let networks = vec!["203.0.113.0/24".parse().unwrap(), "2001:db8:7::/48".parse().unwrap()];
        NeverBan { networks, machine }
    }

    #[test]
    fn what_a_ban_would_cut_off_is_never_banned() {
        let folder = tempfile::tempdir().unwrap();
        let route = u32::from_ne_bytes([198, 51, 100, 1]);
        for (name, text) in [
            ("route", format!("Iface Destination Gateway Flags\neth0 00000000 {route:08X} 0003 0\neth0 0 00000000 1\n")),
            ("route6", "00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
                        20010db8000000000000000000000001 00000400 00000001 00000000 00000003 eth0\n".to_owned()),
            ("resolv", "search x\n# nameserver 192.0.2.99\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\n\
                        nameserver 2001:db8::53\n".to_owned()),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let rules = rules(folder.path());
        let table = [
            ("127.0.0.1", Some(Rule::Loopback)),
            ("127.9.9.9", Some(Rule::Loopback)),
            ("::1", Some(Rule::Loopback)),
            ("::ffff:127.0.0.1", Some(Rule::Loopback)),
            ("::127.0.0.1", Some(Rule::Loopback)),
            ("64:ff9b::7f00:1", Some(Rule::Loopback)),
            ("0.0.0.0", Some(Rule::Unspecified)),
            ("0.1.2.3", Some(Rule::Unspecified)),
            ("::", Some(Rule::Unspecified)),
            ("224.0.0.1", Some(Rule::Multicast)),
            ("ff02::1", Some(Rule::Multicast)),
            ("255.255.255.255", Some(Rule::Broadcast)),
            ("169.254.1.1", Some(Rule::LinkLocal)),
            ("fe80::1", Some(Rule::LinkLocal)),
            ("198.51.100.1", Some(Rule::Gateway)),
            ("64:ff9b::198.51.100.1", Some(Rule::Gateway)),
            ("2001:db8::1", Some(Rule::Gateway)),
            ("192.0.2.53", Some(Rule::NameServer)),
            ("2001:db8::53", Some(Rule::NameServer)),
            ("203.0.113.255", Some(Rule::Configured)),
            ("2002:cb00:7101::1", Some(Rule::Configured)),
            ("2001:db8:7:1::1", Some(Rule::Configured)),
            ("192.0.2.99", None),
            ("198.51.100.2", None),
            ("2001:db8:8::1", None),
        ];
        for (address, expected) in table {
            let found = rules.rule(address.parse().unwrap()).unwrap();
            assert_eq!(found, expected, "{address}");
        }
    }

    #[test]
    fn addresses_of_this_machine_are_saved_and_what_cannot_be_read_bans_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let rules = rules(folder.path());
        let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        // What the kernel would send from; nothing is sent. A machine without a route has none.
        if socket.connect("198.51.100.1:9").is_ok() {
            let own = socket.local_addr().unwrap().ip();
            if !own.is_loopback() {
                assert_eq!(rules.rule(own).unwrap(), Some(Rule::Own));
            }
        }
        std::fs::create_dir(folder.path().join("route")).unwrap();
        assert!(rules.rule("192.0.2.8".parse().unwrap()).is_err());
    }

    #[test]
    fn the_tables_of_this_kernel_are_understood() {
        let machine = Machine::default();
        let has_route = |path: &Path| leads(path, |_| true).unwrap();
        if has_route(&machine.routes) {
            let text = std::fs::read_to_string(&machine.routes).unwrap();
            let head: Vec<_> = text.lines().next().unwrap().split_whitespace().take(3).collect();
            assert_eq!(head, ["Iface", "Destination", "Gateway"]);
        }
    }
}
