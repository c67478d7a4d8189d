use std::path::Path;

use proptest::prelude::*;

use super::super::own::OwnAddresses;
use super::super::way::{Barred, Passed};
use super::super::{Policy, Way};
use super::*;
use crate::config::Config;

/// The way of an endpoint under this configuration.
pub(in crate::capability::egress) fn way(text: &str) -> Way {
    let config = Config::parse(Path::new("campanile.toml"), text).unwrap();
    Way::of(&Policy::read(&config).unwrap(), "default", "hook")
}

fn judge(way: &Way, address: &str, port: u16) -> Result<Passed, Barred> {
    way.judge(address.parse().unwrap(), port, &OwnAddresses::default())
}

/// What an address is refused for: the part of it that is, and the rule's text.
fn refused(way: &Way, address: &str, port: u16) -> Option<(String, String)> {
    match judge(way, address, port) {
        Ok(_) => None,
        Err(Barred::Address { address, rule }) => Some((address.to_string(), rule.to_string())),
        Err(Barred::Port) => Some((String::new(), "port".to_owned())),
    }
}

#[test]
fn only_public_addresses_pass_by_themselves() {
    let table = [
        // The edges of each range of the registry, and their neighbors.
        ("0.0.0.0", "this network"),
        ("0.255.255.255", "this network"),
        ("1.0.0.0", ""),
        ("9.255.255.255", ""),
        ("10.0.0.0", "private"),
        ("10.255.255.255", "private"),
        ("11.0.0.0", ""),
        ("100.63.255.255", ""),
        ("100.64.0.0", "carriers"),
        ("100.127.255.255", "carriers"),
        ("100.128.0.0", ""),
        ("126.255.255.255", ""),
        ("127.0.0.0", "loopback"),
        ("127.255.255.255", "loopback"),
        ("128.0.0.0", ""),
        ("169.253.255.255", ""),
        ("169.254.0.1", "link-local"),
        ("169.254.169.254", "metadata"),
        ("169.254.170.2", "metadata"),
        ("169.255.0.0", ""),
        ("172.15.255.255", ""),
        ("172.16.0.0", "private"),
        ("172.31.255.255", "private"),
        ("172.32.0.0", ""),
        ("192.0.0.1", "protocol"),
        ("192.0.0.192", "metadata"),
        ("192.0.1.0", ""),
        ("192.0.2.255", "documentation"),
        ("192.31.196.1", "AS112"),
        ("192.52.193.1", "multicast tunnels"),
        ("192.88.99.1", "6to4"),
        ("192.167.255.255", ""),
        ("192.168.0.0", "private"),
        ("192.169.0.0", ""),
        ("192.175.48.1", "AS112"),
        ("198.17.255.255", ""),
        ("198.18.0.0", "benchmarks"),
        ("198.19.255.255", "benchmarks"),
        ("198.20.0.0", ""),
        ("198.51.100.7", "documentation"),
        ("203.0.113.7", "documentation"),
        ("223.255.255.255", ""),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("240.0.0.0", "reserved"),
        ("255.255.255.255", "broadcast"),
        ("100.100.100.200", "metadata"),
        ("168.63.129.16", "metadata"),
        ("168.63.129.17", ""),
        ("::", "2000::/3"),
        ("::1", "2000::/3"),
        ("1fff:ffff::1", "2000::/3"),
        ("2000::1", ""),
        ("2001::1", "Teredo"),
        ("2001:1ff:ffff::1", "protocol"),
        ("2001:200::1", ""),
        ("2001:db7:ffff::1", ""),
        ("2001:db8::1", "documentation"),
        ("2001:db9::1", ""),
        ("2002::1", "6to4"),
        ("2003::1", ""),
        ("2606:4700::1111", ""),
        ("2620:4f:8000::1", "AS112"),
        ("3ffe:ffff::1", ""),
        ("3fff::1", "documentation"),
        ("3fff:fff:ffff::1", "documentation"),
        ("3fff:1000::1", ""),
        ("4000::1", "2000::/3"),
        ("5f00::1", "segment routing"),
        ("100::1", "discard"),
        ("fc00::1", "private"),
        ("fd00:ec2::254", "metadata"),
        ("fd20:ce::254", "metadata"),
        ("fe80::1", "link-local"),
        ("fe80::a9fe:a9fe", "metadata"),
        ("fec0::1", "site-local"),
        ("ff02::1", "multicast"),
        // IPv4 in every form; the public one within a special form does not help.
        ("::ffff:8.8.8.8", ""),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:169.254.169.254", "metadata"),
        ("::8.8.8.8", "2000::/3"),
        ("::127.0.0.1", "2000::/3"),
        ("::ffff:0:8.8.8.8", "2000::/3"),
        ("64:ff9b::8.8.8.8", "NAT64"),
        ("64:ff9b::127.0.0.1", "NAT64"),
        ("64:ff9b:1::8.8.8.8", "NAT64 of a site"),
        ("2002:7f00:1::1", "6to4"),
        ("2002:808:808::1", "6to4"),
        ("2001:0:808:808::80ff:fffe", "Teredo"),
        ("2606:4700::5efe:127.0.0.1", "loopback"),
        ("2606:4700::200:5efe:10.0.0.1", "private"),
        ("2606:4700::5efe:8.8.8.8", ""),
        ("2606:4700::300:5efe:10.0.0.1", ""),
    ];
    for (address, expected) in table {
        let told = refused(&Way::of(&Policy::default(), "default", "hook"), address, 443);
        match told {
            None => assert_eq!(expected, "", "{address} passed"),
            Some((_, rule)) => {
                assert!(!expected.is_empty(), "{address} is refused: {rule}");
                assert!(rule.contains(expected), "{address}: {rule}, expected {expected}");
            }
        }
    }
}

#[test]
fn a_grant_opens_its_networks_at_its_ports_and_nothing_beside() {
    let way =
        way("[[egress.grant]]\nendpoints = ['hook']\nnetworks = ['10.1.0.0/16', 'fd00::/8', \
         '::1', '0.0.0.0/0', '169.254.0.0/16']\nports = ['514', '9000-9001']\n\
         [[egress.grant]]\nendpoints = ['*']\nnetworks = ['192.168.0.0/16', '169.254.169.254', \
         'fd00:ec2::254/128']\nports = [25]\n\
         [[egress.grant]]\nendpoints = ['other']\nnetworks = ['0.0.0.0/0']\nports = ['1-65535']\n\
         [[egress.grant]]\ntenant = 'other'\nendpoints = ['*']\nnetworks = ['0.0.0.0/0']\n\
         ports = ['1-65535']\n[tenant.default]\nports = [443]");
    let table = [
        ("10.1.2.3", 514, true),
        ("10.1.2.3", 9001, true),
        ("::ffff:10.1.2.3", 514, true),
        // Neither the ports of the other grant, nor the tenant's, which are for public addresses.
        ("10.1.2.3", 25, false),
        ("10.1.2.3", 443, false),
        ("192.168.7.7", 25, true),
        ("192.168.7.7", 26, false),
        // Port 514 is open everywhere by the first grant, also at public addresses.
        ("8.8.8.8", 514, true),
        ("8.8.8.8", 443, true),
        ("8.8.8.8", 25, false),
        ("2606:4700::1", 443, true),
        ("2606:4700::1", 514, false),
        ("fd00::7", 514, true),
        ("::1", 514, true),
        ("::1", 25, false),
        // Metadata only where a grant names that address, at its port.
        ("169.254.1.1", 514, true),
        ("169.254.169.254", 514, false),
        ("169.254.169.254", 25, true),
        ("169.254.169.254", 443, false),
        ("fd00:ec2::254", 514, false),
        ("fd00:ec2::254", 25, true),
        ("168.63.129.16", 514, false),
        ("100.100.100.200", 514, false),
        ("::ffff:169.254.169.254", 514, false),
        // No network of IPv6 opens the IPv4 address in it.
        ("64:ff9b::10.1.2.3", 514, false),
    ];
    for (address, port, expected) in table {
        let judged = judge(&way, address, port);
        assert_eq!(judged.is_ok(), expected, "{address} at {port}: {judged:?}");
    }
    assert!(way.port(514) && way.port(25) && way.port(443) && !way.port(26));
}

#[test]
fn an_address_under_the_sites_nat64_is_judged_by_the_one_in_it() {
    let way = way("[egress]\nnat64_prefixes = ['64:ff9b::/96', '2606:4700:1::/48', \
         '2606:4700:2:2::/64', '2606:4702::/32', '2606:4703:100::/40', '2606:4704:0:100::/56']");
    let table = [
        ("64:ff9b::8.8.8.8", true),
        ("64:ff9b::10.0.0.1", false),
        ("64:ff9b::169.254.169.254", false),
        // RFC 6052, 2.2: the bits 64 to 71 are skipped.
        ("2606:4702:808:808::", true),
        ("2606:4702:a00:1::", false),
        ("2606:4703:108:808:8::", true),
        ("2606:4703:10a:0:1::", false),
        ("2606:4700:1:808:8:800::", true),
        ("2606:4700:1:a00:0:100::", false),
        ("2606:4704:0:108:8:808::", true),
        ("2606:4704:0:10a:0:1::", false),
        ("2606:4700:2:2:8:808:800:0", true),
        ("2606:4700:2:2:a:0:100:0", false),
        ("64:ff9b:1::8.8.8.8", false),
    ];
    for (address, expected) in table {
        let judged = judge(&way, address, 443);
        assert_eq!(judged.is_ok(), expected, "{address}: {judged:?}");
    }
}

#[test]
fn an_address_of_this_machine_is_refused_on_every_port_but_a_granted_one() {
    let own = OwnAddresses::default();
    let list = own.list().unwrap();
    assert!(!list.is_empty());
    for address in list.iter() {
        for port in [1, 80, 443, 7700, 65535] {
            let judged = Way::of(&Policy::default(), "default", "hook").judge(*address, port, &own);
            assert!(judged.is_err(), "{address} at {port}");
        }
        let text = format!(
            "[[egress.grant]]\nendpoints = ['hook']\nnetworks = ['{address}']\nports = [7979]"
        );
        assert!(way(&text).judge(*address, 7979, &own).is_ok(), "{address}");
        assert!(way(&text).judge(*address, 7978, &own).is_err(), "{address}");
    }
}

#[test]
fn a_public_address_of_this_machine_is_none_for_endpoints() {
    let own: Vec<IpAddr> = ["8.8.8.8", "2606:4700::7"].map(|one| one.parse().unwrap()).into();
    let site = "[egress]\nnat64_prefixes = ['64:ff9b::/96']\n[[egress.grant]]\n\
                endpoints = ['hook']\nnetworks = ['2606:4700::7']\nports = [25]";
    let way = way(site);
    let table = [
        ("8.8.8.8", 443, Some("8.8.8.8")),
        ("::ffff:8.8.8.8", 443, Some("8.8.8.8")),
        ("64:ff9b::8.8.8.8", 443, Some("8.8.8.8")),
        ("2a00::5efe:8.8.8.8", 443, Some("8.8.8.8")),
        ("8.8.8.9", 443, None),
        ("2606:4700::7", 443, Some("2606:4700::7")),
        ("2606:4700::7", 25, None),
        ("2606:4700::8", 443, None),
    ];
    for (address, port, expected) in table {
        let judged = way.judge(address.parse().unwrap(), port, &OwnAddresses::of(&own));
        let expected =
            expected.map(|own| Barred::Address { address: own.parse().unwrap(), rule: Rule::Own });
        assert_eq!(judged.err(), expected, "{address} at {port}");
    }
}

/// Every special range, by any of its addresses.
fn special() -> impl Strategy<Value = Ipv4Addr> {
    let ranges = SPECIAL_V4.map(|(network, _)| network);
    (prop::sample::select(ranges.to_vec()), any::<u32>()).prop_map(|(network, bits)| {
        let host = bits & u32::from(network.hostmask());
        Ipv4Addr::from(u32::from(network.network()) | host)
    })
}

/// `address` in each form, within a prefix that is public itself where the form allows one.
fn spelled(address: Ipv4Addr, noise: u64) -> Vec<Ipv6Addr> {
    let [a, b, c, d] = address.octets();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let inverted = !u32::from(address);
    let [w, x, y, z] = [48, 32, 16, 0].map(|shift| u16::try_from(noise >> shift & 0xffff).unwrap());
    let half = |bits: u32| u16::try_from(bits & 0xffff).unwrap();
    let v6 = Ipv6Addr::new;
    vec![
        address.to_ipv6_mapped(),
        v6(0, 0, 0, 0, 0, 0, high, low),
        v6(0, 0, 0, 0, 0xffff, 0, high, low),
        v6(0x64, 0xff9b, 0, 0, 0, 0, high, low),
        v6(0x64, 0xff9b, 1, w, x, y, high, low),
        v6(0x64, 0xff9b, 1, high, u16::from(c), u16::from(d) << 8, y, z),
        v6(0x2002, high, low, w, x, y, z, 1),
        v6(0x2001, 0, high, low, w, x, y, z),
        v6(0x2001, 0, w, x, y, z, half(inverted >> 16), half(inverted)),
        v6(0x2606, w, x, y, 0, 0x5efe, high, low),
        v6(0x2606, w, x, y, 0x200, 0x5efe, high, low),
    ]
}

proptest! {
    #[test]
    fn no_special_ipv4_address_passes_in_any_form(address in special(), noise in any::<u64>()) {
        // Even where the operator opens all of IPv6.
        let all = "[egress]\nnat64_prefixes = ['2606:ffff::/96']\n[[egress.grant]]\n\
                   endpoints = ['hook']\nnetworks = ['::/0']\nports = ['1-65535']";
        for way in [Way::of(&Policy::default(), "default", "hook"), way(all)] {
            let own = OwnAddresses::default();
            prop_assert!(way.judge(address.into(), 443, &own).is_err());
            for form in spelled(address, noise) {
                prop_assert!(way.judge(form.into(), 443, &own).is_err(), "{address} as {form}");
            }
            let [a, b, c, d] = address.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let by_site = Ipv6Addr::new(0x2606, 0xffff, 0, 0, 0, 0, high, low);
            if !way.nat64().is_empty() {
                prop_assert!(way.judge(by_site.into(), 443, &own).is_err(), "{by_site}");
            }
        }
    }

    #[test]
    fn what_passes_is_unicast_and_judged_alike_in_its_mapped_form(bits in any::<u32>()) {
        let (address, own) = (Ipv4Addr::from(bits), OwnAddresses::default());
        let way = Way::of(&Policy::default(), "default", "hook");
        let judged = way.judge(address.into(), 443, &own);
        prop_assert_eq!(judged, way.judge(address.to_ipv6_mapped().into(), 443, &own));
        // An independent reading of the same ranges, as far as the standard library has one.
        if judged.is_ok() {
            prop_assert!(!address.is_private() && !address.is_loopback());
            prop_assert!(!address.is_link_local() && !address.is_multicast());
            prop_assert!(!address.is_documentation() && !address.is_broadcast());
        }
    }
}
