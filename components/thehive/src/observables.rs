//! What of an alert can be looked up elsewhere: addresses, names, and what an operator fixed.
//!
//! Promise: no two observables of an alert have the same type and value: TheHive refuses the whole
//! alert for that.

use std::net::IpAddr;

use campanile_guest::{Alert, Party, plain};
use serde::Serialize;

use crate::settings::Settings;

/// Half a value would be another one: what is longer is left out. In bytes.
const DATA_BYTES_MAX: usize = 4096;

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Observable {
    /// One of those that TheHive has from the start; another may be unknown there.
    data_type: &'static str,
    data: String,
    tlp: u32,
    pap: u32,
    ioc: bool,
    tags: Vec<&'static str>,
}

/// The observables of an alert, in the order of its parties, then the fixed ones.
pub(crate) fn of(alert: &Alert, settings: &Settings) -> Vec<Observable> {
    let mut found = Found { settings, list: vec![] };
    if let Some(flow) = &alert.flow {
        found.take_party(&flow.client, "client");
        found.take_party(&flow.server, "server");
    }
    if let Some(host) = &alert.host {
        found.take_party(host, "host");
    }
    if let Some(url) = &settings.observable_url {
        found.take("url", url, false, vec!["configured"]);
    }
    if let Some(mail) = &settings.observable_mail {
        found.take("mail", mail, false, vec!["configured"]);
    }
    found.list
}

struct Found<'a> {
    settings: &'a Settings,
    list: Vec<Observable>,
}

impl Found<'_> {
    fn take_party(&mut self, party: &Party, side: &'static str) {
        let mut tags = vec![side];
        let roles = [
            (party.is_attacker, "attacker"),
            (party.is_victim, "victim"),
            (party.is_blacklisted, "blacklisted"),
        ];
        tags.extend(roles.iter().filter(|(is_so, _)| *is_so).map(|(_, role)| *role));
        let is_bad = party.is_attacker || party.is_blacklisted;
        if self.settings.observes("ip") {
            let data_type = if party.ip.parse::<IpAddr>().is_ok() { "ip" } else { "other" };
            self.take(data_type, &party.ip, is_bad, tags.clone());
        }
        // A name that is an address says nothing more.
        let name = party.name.as_ref().filter(|name| name.parse::<IpAddr>().is_err());
        if let Some(name) = name.filter(|_| self.settings.observes("name")) {
            self.take(type_of_name(name), name, false, tags.clone());
        }
        if let Some(mac) = party.mac.as_ref().filter(|_| self.settings.observes("mac")) {
            self.take("other", mac, false, tags);
        }
    }

    fn take(&mut self, data_type: &'static str, data: &str, ioc: bool, tags: Vec<&'static str>) {
        let data = plain::line(data);
        if data.is_empty() || data.len() > DATA_BYTES_MAX {
            return;
        }
        let same = self.list.iter_mut().find(|one| one.data_type == data_type && one.data == data);
        if let Some(same) = same {
            same.ioc |= ioc;
            for tag in tags {
                if !same.tags.contains(&tag) {
                    same.tags.push(tag);
                }
            }
            return;
        }
        let (tlp, pap) = (self.settings.tlp, self.settings.pap);
        self.list.push(Observable { data_type, data, tlp, pap, ioc, tags });
    }
}

fn type_of_name(name: &str) -> &'static str {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let name = name.trim_end_matches('.');
    match (name.split('.').all(is_label), name.contains('.')) {
        (true, true) => "fqdn",
        (true, false) => "hostname",
        (false, _) => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_type_of_what_it_is() {
        let table = [
            ("db-1", "hostname"),
            ("db-1.example", "fqdn"),
            ("db-1.example.", "fqdn"),
            ("_dns.example", "fqdn"),
            ("Jane's phone", "other"),
            ("a..b", "other"),
            ("caf\u{e9}.example", "other"),
        ];
        for (name, expected) in table {
            assert_eq!(type_of_name(name), expected, "{name}");
        }
    }
}
