//! Who talks to whom, or which host it is: `source`, `destination`, `network`, `host`, `related`.

use std::net::IpAddr;

use super::writer::Writer;
use super::{Options, is_ntopng, label, vocabulary};
use crate::{Alert, Flow, Party, Traffic};

pub(super) fn write(to: &mut Writer, alert: &Alert, options: &Options<'_>) {
    match (&alert.flow, &alert.host) {
        (Some(flow), _) => {
            // Nothing was counted where nothing was sent at all.
            let is_counted = flow.sent.bytes > 0 || flow.received.bytes > 0;
            let counted = |traffic| is_counted.then_some(traffic);
            to.object("source", |to| side(to, &flow.client, counted(flow.sent), options));
            to.object("destination", |to| side(to, &flow.server, counted(flow.received), options));
            to.object("network", |to| network(to, flow, is_counted));
        }
        // Its role says on which side a host stands.
        (None, Some(party)) => {
            if party.is_attacker {
                to.object("source", |to| side(to, party, None, options));
            }
            if party.is_victim {
                to.object("destination", |to| side(to, party, None, options));
            }
        }
        (None, None) => {}
    }
    if let Some(party) = &alert.host {
        to.object("host", |to| host(to, party, options));
    }
    if is_ntopng(alert) {
        let asked = label(alert, "dns_last_query").unwrap_or_default();
        to.object("dns", |to| to.object("question", |to| to.text("name", asked)));
    }
    if options.surroundings {
        to.object("related", |to| related(to, alert));
    }
}

fn side(to: &mut Writer, party: &Party, traffic: Option<Traffic>, options: &Options<'_>) {
    to.text(if is_ip(&party.ip) { "ip" } else { "address" }, &party.ip);
    if let Some(port) = party.port.filter(|port| *port > 0) {
        to.number("port", port.into());
    }
    to.text("domain", party.name.as_deref().unwrap_or_default());
    to.text("mac", &mac(party));
    if let Some(Traffic { bytes, packets }) = traffic {
        to.number("bytes", bytes);
        to.number("packets", packets);
    }
    if !options.surroundings {
        return;
    }
    if let Some(system) = party.autonomous_system.as_ref().filter(|system| system.number > 0) {
        to.object("as", |to| {
            to.number("number", system.number.into());
            let name = system.name.as_deref().unwrap_or_default();
            to.object("organization", |to| to.text("name", name));
        });
    }
    geo(to, party);
}

fn host(to: &mut Writer, party: &Party, options: &Options<'_>) {
    if is_ip(&party.ip) {
        to.list("ip", [party.ip.as_str()]);
    }
    to.text("name", party.name.as_deref().unwrap_or_default());
    let mac = mac(party);
    to.list("mac", (!mac.is_empty()).then_some(mac.as_str()));
    if options.surroundings {
        geo(to, party);
    }
}

fn geo(to: &mut Writer, party: &Party) {
    to.object("geo", |to| {
        let continent = party.continent.as_deref().unwrap_or_default();
        to.text("continent_code", continent);
        to.text("continent_name", vocabulary::continent(continent));
        to.text("country_iso_code", party.country.as_deref().unwrap_or_default());
        to.text("city_name", party.city.as_deref().unwrap_or_default());
        // What is not on Earth, an index refuses with all the rest.
        let is_on_earth = |(lat, lon): &(f64, f64)| lat.abs() <= 90.0 && lon.abs() <= 180.0;
        if let Some((lat, lon)) = party.location.filter(is_on_earth) {
            to.object("location", |to| {
                to.float("lat", lat);
                to.float("lon", lon);
            });
        }
    });
}

fn network(to: &mut Writer, flow: &Flow, is_counted: bool) {
    let is_named = !flow.transport.is_empty()
        && flow.transport != "unknown"
        && !flow.transport.bytes().all(|byte| byte.is_ascii_digit());
    to.text("transport", if is_named { &flow.transport } else { "" });
    if let Some(number) = flow.transport_number {
        to.text("iana_number", &number.to_string());
    }
    let version = match flow.client.ip.parse() {
        Ok(IpAddr::V4(_)) => "ipv4",
        Ok(IpAddr::V6(_)) => "ipv6",
        Err(_) => "",
    };
    to.text("type", version);
    let told = flow.application.as_deref().unwrap_or_default();
    let (protocol, application) = told.split_once('.').unwrap_or((told, ""));
    to.text("protocol", &protocol.to_lowercase());
    to.text("application", &application.to_lowercase());
    to.text("community_id", flow.community_id.as_deref().unwrap_or_default());
    if let Some(id) = flow.vlan.filter(|id| *id > 0) {
        to.object("vlan", |to| to.text("id", &id.to_string()));
    }
    if is_counted {
        to.number("bytes", flow.sent.bytes.saturating_add(flow.received.bytes));
        to.number("packets", flow.sent.packets.saturating_add(flow.received.packets));
    }
}

/// All addresses and names, each once.
fn related(to: &mut Writer, alert: &Alert) {
    let flow = alert.flow.iter().flat_map(|flow| [&flow.client, &flow.server]);
    let (mut ips, mut hosts) = (Vec::<&str>::with_capacity(3), Vec::<&str>::with_capacity(3));
    for party in flow.chain(&alert.host) {
        let name = party.name.as_deref().filter(|name| !name.is_empty());
        for (list, value) in
            [(&mut ips, Some(party.ip.as_str()).filter(|ip| is_ip(ip))), (&mut hosts, name)]
        {
            list.extend(value.filter(|value| !list.contains(value)));
        }
    }
    to.list("ip", ips);
    to.list("hosts", hosts);
}

/// As the schema wants it: "00-00-5E-00-53-23".
fn mac(party: &Party) -> String {
    party.mac.as_deref().unwrap_or_default().replace(':', "-").to_ascii_uppercase()
}

fn is_ip(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}
