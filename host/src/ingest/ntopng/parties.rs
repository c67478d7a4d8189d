//! The sides of a flow, and the host an alert is about.
//!
//! Left out where it cannot be read: the alert is worth telling without, and `raw` has it all.

use super::inner::Inner;
use super::loose::Loose;
use super::names::{self, Scope};
use super::seen::{Seen, Side};
use crate::alert::{AutonomousSystem, Flow, Party, Traffic};
use crate::ingest::canonical;

/// `None` unless both addresses are addresses.
pub(super) fn flow(seen: &Seen<'_>, is_flow: bool) -> Option<Flow> {
    let (client, server) =
        is_flow.then(|| Some((party(&seen.client)?, party(&seen.server)?)))??;
    let (transport, transport_number) = transport(&seen.proto);
    let traffic = |bytes: &Loose<'_>, packets: &Loose<'_>| Traffic {
        bytes: bytes.number().unwrap_or_default(),
        packets: packets.number().unwrap_or_default(),
    };
    Some(Flow {
        client,
        server,
        transport,
        transport_number,
        application: seen.application.some_text().map(|name| name.to_lowercase()),
        vlan: seen.vlan_id.number().filter(|vlan| *vlan != 0),
        community_id: seen.community_id.some_text(),
        sent: traffic(&seen.cli2srv_bytes, &seen.cli2srv_packets),
        received: traffic(&seen.srv2cli_bytes, &seen.srv2cli_packets),
        blocked: false,
    })
}

/// The host of an alert about one, or about a device that has an address.
pub(super) fn host(seen: &Seen<'_>, scope: Scope, inner: &Inner) -> Option<Party> {
    if scope == Scope::Flow {
        return None;
    }
    let mut host = party(&seen.host).or_else(|| {
        let entity = seen.entity_val.text();
        let ip = canonical::ip(entity.split('@').next().filter(|_| scope == Scope::Host)?)?;
        Some(Party { ip, ..about(&seen.host) })
    })?;
    host.is_local |= inner.is_true("/alert_generation/host_info/localhost");
    host.is_blacklisted |= inner.is_true("/alert_generation/host_info/is_blacklisted");
    Some(host)
}

fn party(side: &Side<'_>) -> Option<Party> {
    let ip = side.ip.text();
    // A zone is the sender's own, and no part of the address.
    let ip = canonical::ip(ip.split('%').next().unwrap_or_default())?;
    Some(Party { ip, ..about(side) })
}

/// All but the address.
fn about(side: &Side<'_>) -> Party {
    let number = side.asn.number().filter(|number| *number != 0);
    Party {
        ip: String::new(),
        port: side.port.number().filter(|port| *port != 0),
        name: side.name.some_text().filter(|name| *name != side.ip.text()),
        mac: canonical::mac(&side.mac.text()),
        autonomous_system: number
            .map(|number| AutonomousSystem { number, name: side.asname.some_text() }),
        country: canonical::two_letters(&side.country.text()),
        city: side.city.some_text(),
        continent: canonical::two_letters(&side.continent.text()),
        location: location(side),
        is_local: side.localhost.is_true() || side.location.number() == Some(1_u8),
        is_attacker: side.is_attacker.is_true(),
        is_victim: side.is_victim.is_true(),
        is_blacklisted: side.blacklisted.is_true(),
    }
}

fn location(side: &Side<'_>) -> Option<(f64, f64)> {
    let (latitude, longitude) = (side.latitude.float()?, side.longitude.float()?);
    let on_earth = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    on_earth.then_some((latitude, longitude))
}

/// Name in lower case and number, from whichever was sent.
fn transport(proto: &Loose<'_>) -> (String, Option<u8>) {
    match proto.integer() {
        Ok(Some(number)) => {
            let name = names::transport(number).map_or_else(|| number.to_string(), str::to_owned);
            (name, u8::try_from(number).ok())
        }
        Ok(None) => ("unknown".into(), None),
        Err(_) => {
            let name = proto.text().to_lowercase();
            let number =
                names::transport_number(&name).and_then(|number| u8::try_from(number).ok());
            (name, number)
        }
    }
}
