//! What can be known of a grant before anything is sent: when an endpoint is saved.
//!
//! Promise: pure but for the addresses of this machine, no name is looked up. What passes here may
//! still lead to a forbidden address; the gate looks again at every connection.

use url::Host;

use super::own::OwnAddresses;
use super::way::Barred;
use super::{Grant, Target};
use crate::config::Problem;

impl Grant {
    /// All that can never be reached by this grant's way, at `place`.
    pub fn problems(&self, place: &str) -> Vec<Problem> {
        let own = OwnAddresses::default();
        let origins = self.origins().iter().map(|one| {
            (one.origin.to_string(), self.barred(&one.origin.host, one.origin.port, &own))
        });
        let targets = self.targets().iter().map(|target| {
            let barred = match target {
                Target::Network { host, port, .. } => self.barred(host, *port, &own),
                Target::UnixDatagram(path) if self.way.unix_datagram(path) => None,
                Target::UnixDatagram(_) => Some(
                    "a socket of this machine, which only the operator can grant \
                     (`unix_datagram` in [[egress.grant]])"
                        .to_owned(),
                ),
            };
            (target.to_string(), barred)
        });
        let barred = origins.chain(targets).filter_map(|(peer, why)| Some((peer, why?)));
        barred
            .map(|(peer, why)| Problem {
                place: place.to_owned(),
                expected: format!("expected what may be reached; `{peer}` is {why}"),
            })
            .collect()
    }

    fn barred(&self, host: &Host<String>, port: u16, own: &OwnAddresses) -> Option<String> {
        let address = match host {
            Host::Ipv4(address) => Some((*address).into()),
            Host::Ipv6(address) => Some((*address).into()),
            Host::Domain(_) => None,
        };
        let barred = match address {
            Some(address) => self.way.judge(address, port, own).err(),
            None => (!self.way.port(port)).then_some(Barred::Port),
        };
        barred.map(|barred| self.told(barred, port))
    }

    pub(super) fn told(&self, barred: Barred, port: u16) -> String {
        match barred {
            Barred::Address { address, rule } => format!(
                "at {address}, {rule}, which only the operator can grant ([[egress.grant]])"
            ),
            Barred::Port => {
                let ports: Vec<_> = self.way.ports().iter().map(u16::to_string).collect();
                format!(
                    "at port {port}; the tenant's ports are {}, others only the operator can \
                     grant ([tenant.NAME], [[egress.grant]])",
                    ports.join(", ")
                )
            }
        }
    }
}
