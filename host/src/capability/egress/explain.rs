//! Tells rule by rule whether an endpoint would reach something, and how: for `campanile egress
//! explain`.
//!
//! Promise: the same rules in the same order as a connection would meet them, after resolving for
//! real; nothing is connected to.

use std::net::IpAddr;

use hyper::Method;
use url::{Host, Url};

use super::address::{Form, parts};
use super::connect::server_name;
use super::way::Passed;
use super::{Connector, Grant, Origin, Scheme, Target, Transport};

/// One rule, what came of it, and why.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = EgressLine)]
pub struct Line {
    /// `name`, `grant`, `address`: which rule.
    pub rule: String,
    pub standing: Standing,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = EgressStanding)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    Passed,
    Refused,
    /// Neither: something to know.
    Note,
}

impl Connector {
    /// Tells whether `method` at a URL, or bytes to a target, would go out by `grant`. A line that
    /// is refused where another address of the name passed does not stop a connection.
    pub async fn explain(&self, to: &str, method: &Method, grant: &Grant) -> Vec<Line> {
        let mut told = Told::default();
        if to.trim_start().to_ascii_lowercase().starts_with("http") {
            match Url::parse(to).map_err(|e| e.to_string()).and_then(|url| {
                let origin = Origin::of(&url).map_err(|error| error.to_string())?;
                Ok((url, origin))
            }) {
                Ok((url, origin)) => {
                    told.note("normal form", origin.to_string());
                    told.granted(grant, &origin, method, url.path());
                    let is_encrypted = origin.scheme == Scheme::Https;
                    self.way(grant, &origin.host, origin.port, is_encrypted, &mut told).await;
                }
                Err(error) => told.refused("normal form", error),
            }
            return told.0;
        }
        match Target::parse(to) {
            Ok(target) => {
                told.note("normal form", target.to_string());
                told.judged("grant", grant.allows_target(&target).map(|()| target.to_string()));
                self.target(grant, &target, &mut told).await;
            }
            Err(error) => told.refused("normal form", error.to_string()),
        }
        told.0
    }

    async fn target(&self, grant: &Grant, target: &Target, told: &mut Told) {
        match target {
            Target::UnixDatagram(path) => {
                let is_granted = grant.way.unix_datagram(path);
                let text = "sockets of this machine by [[egress.grant]], `unix_datagram`";
                told.judged("socket", if is_granted { Ok(text) } else { Err(text) });
            }
            Target::Network { transport, host, port } => {
                self.way(grant, host, *port, *transport == Transport::Tls, told).await;
                if *transport == Transport::Udp && grant.way.proxy().is_some() {
                    told.refused("proxy", "datagrams do not go through a proxy".to_owned());
                }
            }
        }
    }

    /// Port, addresses, proxy, TLS, and what may go over it.
    async fn way(
        &self,
        grant: &Grant,
        host: &Host<String>,
        port: u16,
        is_encrypted: bool,
        told: &mut Told,
    ) {
        let ports: Vec<_> = grant.way.ports().iter().map(u16::to_string).collect();
        let ceiling = format!("the tenant's ports are {}", ports.join(", "));
        match (grant.way.ports().contains(&port), grant.way.port(port)) {
            (true, _) => told.passed("port", ceiling),
            (false, true) => told.note("port", format!("{ceiling}; a grant opens {port}")),
            (false, false) => told.refused("port", ceiling),
        }
        match self.resolve(host).await {
            Ok(addresses) => {
                for address in addresses {
                    self.address(grant, address, port, told);
                }
            }
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                told.refused("name", format!("{error}: {}", source.unwrap_or_default()));
            }
        }
        match grant.way.proxy() {
            Some(proxy) => {
                let text = format!("through {}:{}, asked for the address", proxy.host, proxy.port);
                told.note("proxy", text);
            }
            None => told.note("proxy", "directly".to_owned()),
        }
        if !is_encrypted {
            let text = if grant.way.clear_text() {
                "not encrypted; credentials may go over it by a grant of the operator"
            } else {
                "not encrypted; credentials do not go over it"
            };
            told.note("clear text", text.to_owned());
            return;
        }
        match server_name(host) {
            Ok(_) => told.passed("tls", tls(grant, host)),
            Err(error) => told.refused("tls", error.to_string()),
        }
    }

    fn address(&self, grant: &Grant, address: IpAddr, port: u16, told: &mut Told) {
        let mut shown = address.to_string();
        for part in parts(address, grant.way.nat64()) {
            let how = match part.form {
                Form::Itself | Form::Translator => continue,
                Form::Compatible => "IPv4-compatible",
                Form::Translated => "IPv4-translated",
                Form::Nat64 => "NAT64",
                Form::SixToFour => "6to4",
                Form::Teredo => "Teredo",
                Form::Isatap => "ISATAP",
            };
            shown += &format!(", in it {} ({how})", part.address);
        }
        match grant.way.judge(address, port, self.own()) {
            Ok(Passed::Public) => told.passed("address", format!("{shown}: public")),
            Ok(Passed::Granted(network)) => {
                told.passed("address", format!("{shown}: by the operator's grant of {network}"));
            }
            Err(barred) => {
                told.refused("address", format!("{shown}: {}", grant.told(barred, port)));
            }
        }
    }
}

impl Grant {
    /// Everything that it lets through, rule by rule; nothing is resolved.
    pub fn rules(&self) -> Vec<Line> {
        let mut told = Told::default();
        for one in self.origins() {
            told.passed(
                "origin",
                format!("{}: {}; paths from {}", one.origin, one.methods, one.path),
            );
        }
        for target in self.targets() {
            told.passed("target", target.to_string());
        }
        if self.origins().is_empty() && self.targets().is_empty() {
            told.note("origin", "none".to_owned());
        }
        self.way.tell(&mut |rule, text| told.passed(rule, text));
        let proxy = self.way.proxy().map(|proxy| format!("through {}:{}", proxy.host, proxy.port));
        told.note("proxy", proxy.unwrap_or_else(|| "directly".to_owned()));
        let clear = if self.way.clear_text() { "may" } else { "do not" };
        told.note("clear text", format!("credentials {clear} go over unencrypted connections"));
        told.note("tls", trusted(self));
        told.0
    }
}

fn tls(grant: &Grant, host: &Host<String>) -> String {
    format!("for the name {host}, {}", trusted(grant))
}

fn trusted(grant: &Grant) -> String {
    let identity = grant.way.tls();
    let mut text = "by the public authorities".to_owned();
    let own = identity.authorities.len();
    if own > 0 {
        text += &format!(" and {own} more");
    }
    if identity.pin.is_some() {
        text += ", with a pinned key";
    }
    if identity.client.is_some() {
        text += ", with a client certificate";
    }
    text
}

#[derive(Default)]
struct Told(Vec<Line>);

impl Told {
    fn granted(&mut self, grant: &Grant, origin: &Origin, method: &Method, path: &str) {
        let granted = grant.origins().iter().filter(|one| one.origin == *origin);
        let allowed = grant.allows(origin, method, path).map(|()| {
            let by = granted.map(|one| format!("{} {}", one.origin, one.path)).next();
            format!("{method} at {}", by.unwrap_or_default())
        });
        let rule = allowed.as_ref().err().map_or("grant", super::Denied::code);
        self.judged(rule, allowed);
    }

    fn judged(
        &mut self,
        rule: &str,
        judged: Result<impl std::fmt::Display, impl std::fmt::Display>,
    ) {
        match judged {
            Ok(text) => self.passed(rule, text.to_string()),
            Err(text) => self.refused(rule, text.to_string()),
        }
    }

    fn passed(&mut self, rule: &str, text: String) {
        self.add(rule, Standing::Passed, text);
    }

    fn refused(&mut self, rule: &str, text: String) {
        self.add(rule, Standing::Refused, text);
    }

    fn note(&mut self, rule: &str, text: String) {
        self.add(rule, Standing::Note, text);
    }

    fn add(&mut self, rule: &str, standing: Standing, text: String) {
        self.0.push(Line { rule: rule.to_owned(), standing, text });
    }
}
