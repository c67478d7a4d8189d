//! Which IP addresses may be connected to, in every spelling, and by which rule one may not.
//!
//! Promise: an address passes only if it and every IPv4 address embedded in it are public ones, or
//! the operator granted them by network and port. Metadata services pass only where a grant names
//! that single address. Nothing here asks the network: bytes in, verdict out.
//!
//! Not here: finding addresses (`resolve`), and which of them are our own (`own`).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Why an address is not connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Set aside by IANA; `name` says for what.
    Special { network: IpNet, name: &'static str },
    /// IPv6 outside of `2000::/3`.
    NotGlobal,
    /// Gives credentials to whoever asks from this machine.
    Metadata,
    /// Of this machine.
    Own,
    /// The machine's addresses could not be read, so that none can be told from them.
    OwnUnknown,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Special { network, name } => write!(f, "{network}, {name}"),
            Self::NotGlobal => f.write_str("outside of 2000::/3, the public IPv6 addresses"),
            Self::Metadata => f.write_str("a metadata service"),
            Self::Own => f.write_str("an address of this machine"),
            Self::OwnUnknown => f.write_str("perhaps of this machine, whose addresses are unknown"),
        }
    }
}

/// One address that has to pass, and where it was found in the address asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub address: IpAddr,
    pub form: Form,
}

/// How an address stands in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// The address itself, an IPv4-mapped one in its IPv4 form.
    Itself,
    /// An address under one of the operator's NAT64 prefixes: the translator decides by the
    /// embedded one, which follows.
    Translator,
    /// `::a.b.c.d` (RFC 4291).
    Compatible,
    /// `::ffff:0:a.b.c.d` (RFC 2765).
    Translated,
    /// RFC 6052 and 8215.
    Nat64,
    /// RFC 3056.
    SixToFour,
    /// RFC 4380: the server, or the client.
    Teredo,
    /// RFC 5214.
    Isatap,
}

/// The parts of `address` that each have to pass. `nat64`: prefixes of the operator's translators.
pub(super) fn parts(address: IpAddr, nat64: &[Ipv6Net]) -> Vec<Part> {
    let outer = match address.to_canonical() {
        v4 @ IpAddr::V4(_) => return vec![Part { address: v4, form: Form::Itself }],
        IpAddr::V6(outer) => outer,
    };
    let prefix = nat64.iter().find(|prefix| prefix.contains(&outer));
    let form = if prefix.is_some() { Form::Translator } else { Form::Itself };
    let mut parts = vec![Part { address: outer.into(), form }];
    let mut embeds = |address: Ipv4Addr, form| parts.push(Part { address: address.into(), form });
    if let Some(prefix) = prefix {
        embeds(translated(outer, prefix.prefix_len()), Form::Nat64);
        return parts;
    }
    let bytes = outer.octets();
    let last = ipv4(&bytes[12..]);
    match outer.segments() {
        // `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 || low > 1 => embeds(last, Form::Compatible),
        [0, 0, 0, 0, 0xffff, 0, _, _] => embeds(last, Form::Translated),
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => embeds(last, Form::Nat64),
        [0x64, 0xff9b, 1, ..] => {
            for prefix_len in [48, 96] {
                embeds(translated(outer, prefix_len), Form::Nat64);
            }
        }
        [0x2002, ..] => embeds(ipv4(&bytes[2..6]), Form::SixToFour),
        [0x2001, 0, ..] => {
            embeds(ipv4(&bytes[4..8]), Form::Teredo);
            // The client's address is stored inverted.
            embeds(Ipv4Addr::from(!u32::from(last)), Form::Teredo);
        }
        _ => {}
    }
    if matches!(outer.segments(), [_, _, _, _, 0 | 0x200, 0x5efe, _, _]) {
        embeds(last, Form::Isatap);
    }
    parts
}

/// The rule of the registries that `address` falls under, or none for a public one. Looks at no
/// embedded address: [`parts`] finds those.
pub(super) fn rule(address: IpAddr) -> Option<Rule> {
    if is_metadata(address) {
        return Some(Rule::Metadata);
    }
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let found = SPECIAL_V4.iter().find(|(network, _)| network.contains(&address));
            found.map(|(network, name)| Rule::Special { network: IpNet::V4(*network), name })
        }
        IpAddr::V6(address) => {
            let found = SPECIAL_V6.iter().find(|(network, _)| network.contains(&address));
            let special =
                found.map(|(network, name)| Rule::Special { network: IpNet::V6(*network), name });
            special.or_else(|| (!GLOBAL.contains(&address)).then_some(Rule::NotGlobal))
        }
    }
}

/// Whether cloud providers hand credentials to this machine there.
pub(super) fn is_metadata(address: IpAddr) -> bool {
    METADATA.contains(&address.to_canonical())
}

/// The IPv4 address within `address` under a NAT64 prefix of `prefix_len` (RFC 6052, 2.2): bits 64
/// to 71 are skipped.
fn translated(address: Ipv6Addr, prefix_len: u8) -> Ipv4Addr {
    let bytes = address.octets();
    let from = usize::from(prefix_len / 8);
    let skipped = if prefix_len == 96 { 16 } else { 8 };
    let mut found = (from..16).filter(|at| *at != skipped).map(|at| bytes[at]);
    Ipv4Addr::from([0; 4].map(|_: u8| found.next().unwrap_or_default()))
}

fn ipv4(bytes: &[u8]) -> Ipv4Addr {
    Ipv4Addr::from([bytes[0], bytes[1], bytes[2], bytes[3]])
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix_len: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix_len)
}

const fn v6(a: u16, b: u16, c: u16, prefix_len: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix_len)
}

/// Unicast addresses that IANA gives out.
const GLOBAL: Ipv6Net = v6(0x2000, 0, 0, 3);

/// <https://www.iana.org/assignments/iana-ipv4-special-registry>, and multicast.
const SPECIAL_V4: [(Ipv4Net, &str); 19] = [
    (v4(0, 0, 0, 0, 8), "this network"),
    (v4(10, 0, 0, 0, 8), "a private network"),
    (v4(100, 64, 0, 0, 10), "shared addresses of carriers"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    (v4(169, 254, 0, 0, 16), "link-local addresses"),
    (v4(172, 16, 0, 0, 12), "a private network"),
    (v4(192, 0, 0, 0, 24), "protocol assignments"),
    (v4(192, 0, 2, 0, 24), "documentation"),
    (v4(192, 31, 196, 0, 24), "AS112 name servers"),
    (v4(192, 52, 193, 0, 24), "multicast tunnels"),
    (v4(192, 88, 99, 0, 24), "6to4 relays"),
    (v4(192, 168, 0, 0, 16), "a private network"),
    (v4(192, 175, 48, 0, 24), "AS112 name servers"),
    (v4(198, 18, 0, 0, 15), "benchmarks"),
    (v4(198, 51, 100, 0, 24), "documentation"),
    (v4(203, 0, 113, 0, 24), "documentation"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(255, 255, 255, 255, 32), "broadcast"),
    (v4(240, 0, 0, 0, 4), "reserved"),
];

/// <https://www.iana.org/assignments/iana-ipv6-special-registry>, and multicast. What is outside of
/// [`GLOBAL`] stands here for its name alone.
const SPECIAL_V6: [(Ipv6Net, &str); 13] = [
    (v6(0x2001, 0, 0, 23), "protocol assignments, Teredo among them"),
    (v6(0x2001, 0xdb8, 0, 32), "documentation"),
    (v6(0x2002, 0, 0, 16), "6to4"),
    (v6(0x2620, 0x4f, 0x8000, 48), "AS112 name servers"),
    (v6(0x3fff, 0, 0, 20), "documentation"),
    (v6(0x64, 0xff9b, 0, 96), "NAT64"),
    (v6(0x64, 0xff9b, 1, 48), "NAT64 of a site"),
    (v6(0x100, 0, 0, 64), "addresses to discard"),
    (v6(0x5f00, 0, 0, 16), "segment routing"),
    (v6(0xfc00, 0, 0, 7), "a private network"),
    (v6(0xfe80, 0, 0, 10), "link-local addresses"),
    (v6(0xfec0, 0, 0, 10), "site-local addresses"),
    (v6(0xff00, 0, 0, 8), "multicast"),
];

const METADATA: [IpAddr; 13] = [
    // AWS, Azure, Google, OpenStack and most others.
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    // AWS: credentials of containers.
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    // Tencent, Scaleway, Alibaba, Oracle.
    IpAddr::V4(Ipv4Addr::new(169, 254, 0, 23)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 42, 42)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    // Azure's host: a public address that leads to the hypervisor.
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // AWS, Scaleway, Google, OpenStack.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
];

#[cfg(test)]
pub(super) mod tests;
