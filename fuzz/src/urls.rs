//! URLs of settings and of components.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use campanile::capability::egress::{Grant, Origin, OriginGrant, Policy, Reach, Way};
use campanile::capability::secrets::Place;
use campanile::ids::{EndpointId, TenantId};
use url::{Host, Url};

use crate::ITERATIONS;

#[test]
fn an_origin_has_one_normal_form() {
    bolero::check!().with_iterations(ITERATIONS).with_max_len(256).for_each(|text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        for url in [text.as_ref(), &format!("https://{text}")] {
            let Ok(url) = Url::parse(url) else { continue };
            let Ok(origin) = Origin::of(&url) else { continue };
            let written = origin.to_string();
            let again = Url::parse(&written).ok().and_then(|url| Origin::of(&url).ok());
            assert_eq!(again.as_ref(), Some(&origin), "{written}");
            assert!(!written.contains(['@', '\\', ' ', '\n']), "{written}");
        }
    });
}

#[test]
fn a_place_reads_back_as_it_was_written() {
    bolero::check!().with_iterations(ITERATIONS).with_max_len(64).for_each(|text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        if let Ok(place) = text.parse::<Place>() {
            assert_eq!(place.to_string().parse(), Ok(place));
        }
    });
}

/// Whatever the URL's author made of an address, what is connected to is judged.
#[test]
fn no_spelling_of_an_address_that_is_not_public_is_let_through() {
    let is_let_through = |host: &str| {
        let way = Arc::new(Way::of(&Policy::default(), "default", "hook"));
        let url = Url::parse(&format!("https://{host}/")).ok()?;
        let origin = Origin::of(&url).ok()?;
        let address: IpAddr = match &origin.host {
            Host::Ipv4(address) => (*address).into(),
            Host::Ipv6(address) => (*address).into(),
            Host::Domain(_) => return None,
        };
        let reach = Reach { origins: vec![OriginGrant::whole(origin)], targets: Vec::new() };
        let grant = Grant::new(TenantId::DEFAULT, EndpointId(1), reach, way);
        Some((address.to_canonical(), grant.problems("url").is_empty()))
    };
    bolero::check!().with_iterations(ITERATIONS).with_type().for_each(
        |(text, bits, noise): &(Vec<u8>, u32, u16)| {
            let v4 = Ipv4Addr::from(*bits);
            let [a, b, c, d] = v4.octets();
            let spellings = [
                String::from_utf8_lossy(text).into_owned(),
                v4.to_string(),
                bits.to_string(),
                format!("{bits:#x}"),
                format!("{a:#o}.{b}.{:#X}", u16::from_be_bytes([c, d])).replace("0o", "0"),
                format!("{a}.{}", bits & 0xff_ffff),
                format!("[::{v4}]"),
                format!("[::ffff:{v4}]"),
                format!("[::ffff:0:{v4}]"),
                format!("[64:ff9b::{v4}]"),
                format!("[2002:{:x}:{:x}::{noise:x}]", bits >> 16, bits & 0xffff),
                format!("[2606:4700:{noise:x}::5efe:{v4}]"),
            ];
            for spelled in &spellings {
                let Some((address, passes)) = is_let_through(spelled) else { continue };
                if passes {
                    let is_public = match address {
                        IpAddr::V4(address) => is_public(address),
                        // Public IPv6, and of what has an IPv4 address in it only ISATAP's.
                        IpAddr::V6(address) => {
                            address.segments()[0] & 0xe000 == 0x2000
                                && (spelled == &spellings[0] || is_public(v4))
                        }
                    };
                    assert!(is_public, "{spelled} reaches {address}");
                }
            }
        },
    );
}

/// An independent reading, as far as the standard library has one.
fn is_public(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let is_shared = first == 100 && second & 0xc0 == 64;
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || first == 0
        || first >= 240
        || is_shared)
}
