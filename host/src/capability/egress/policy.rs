//! The operator's part of every way out: `[egress]` and the ceilings, with the files they name.
//!
//! Promise: read once, at start, every problem told at once with its place. What is secret in it
//! is not shown.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ipnet::Ipv6Net;
use sha2::{Digest, Sha256};
use url::Host;

use super::tls::{PEM_BYTES_MAX, TlsIdentity, authorities};
use crate::config::{
    ClientFiles, Config, EgressConfig, EgressGrant, Problem, ProxyAddress, ProxyChoice,
    TenantConfig,
};
use crate::ids::Secret;

/// What applies to all endpoints, and to some.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    pub(super) nat64_prefixes: Vec<Ipv6Net>,
    pub(super) proxy: Option<Arc<Proxy>>,
    pub(super) grants: Vec<PolicyGrant>,
    pub(super) tenants: BTreeMap<String, TenantConfig>,
}

/// One `[[egress.grant]]` with the content of its files.
#[derive(Clone, Debug)]
pub(super) struct PolicyGrant {
    pub(super) written: EgressGrant,
    /// `Some(None)`: directly.
    pub(super) proxy: Option<Option<Arc<Proxy>>>,
    pub(super) tls: TlsIdentity,
}

/// An HTTP proxy that is asked for tunnels.
#[derive(Debug)]
pub struct Proxy {
    pub host: Host<String>,
    pub port: u16,
    /// The value of `proxy-authorization`.
    pub(super) authorization: Option<Secret>,
    pub(super) hash: [u8; 32],
}

impl Policy {
    /// The policy of `config`, or all that is wrong with the files it names.
    pub fn read(config: &Config) -> Result<Self, Vec<Problem>> {
        Self::of(&config.egress, &config.tenants)
    }

    pub fn of(
        egress: &EgressConfig,
        tenants: &BTreeMap<String, TenantConfig>,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let grants = egress.grants.iter().enumerate();
        let grants = grants
            .map(|(at, grant)| {
                PolicyGrant::read(&format!("egress.grant[{at}]"), grant, &mut problems)
            })
            .collect();
        let proxy = egress.proxy.as_ref().map(|address| Arc::new(Proxy::new(address, None)));
        if !problems.is_empty() {
            return Err(problems);
        }
        let nat64_prefixes = egress.nat64_prefixes.clone();
        Ok(Self { nat64_prefixes, proxy, grants, tenants: tenants.clone() })
    }
}

impl PolicyGrant {
    fn read(place: &str, grant: &EgressGrant, problems: &mut Vec<Problem>) -> Self {
        let mut wrong = |key: &str, expected: String| {
            problems.push(Problem { place: format!("{place}.{key}"), expected });
        };
        let proxy = grant.proxy.as_ref().map(|choice| match choice {
            ProxyChoice::Direct => None,
            ProxyChoice::Through { address, authorization_file } => {
                let read = authorization_file.as_deref().map(authorization).transpose();
                let authorization = read.unwrap_or_else(|expected| {
                    wrong("proxy_authorization_file", expected);
                    None
                });
                Some(Arc::new(Proxy::new(address, authorization)))
            }
        });
        let mut tls = TlsIdentity::default();
        for (at, file) in grant.ca_files.iter().enumerate() {
            match read(file, false).and_then(|pem| authorities(pem.expose().as_bytes())) {
                Ok(found) => tls.authorities.extend(found),
                Err(expected) => wrong(&format!("ca_files[{at}]"), expected),
            }
        }
        if let Some(files) = &grant.client
            && let Err((key, expected)) = prove(&mut tls, files)
        {
            wrong(key, expected);
        }
        Self { written: grant.clone(), proxy, tls }
    }
}

impl Proxy {
    fn new(address: &ProxyAddress, authorization: Option<Secret>) -> Self {
        let mut hash = Sha256::new();
        hash.update(format!("{}:{} ", address.host, address.port));
        hash.update(authorization.as_ref().map_or("", Secret::expose));
        Self {
            host: address.host.clone(),
            port: address.port,
            authorization,
            hash: hash.finalize().into(),
        }
    }
}

fn prove(tls: &mut TlsIdentity, files: &ClientFiles) -> Result<(), (&'static str, String)> {
    const CERT: &str = "client_cert_file";
    const KEY: &str = "client_key_file";
    let chain = read(&files.certificate, false).map_err(|expected| (CERT, expected))?;
    let key = read(&files.key, true).map_err(|expected| (KEY, expected))?;
    tls.prove(chain.expose().as_bytes(), &key)
        .map_err(|(is_key, expected)| (if is_key { KEY } else { CERT }, expected))
}

fn authorization(file: &Path) -> Result<Secret, String> {
    let content = read(file, true)?;
    let login = content.expose().trim_end_matches(['\r', '\n']);
    let is_login = login.contains(':') && !login.chars().any(char::is_control);
    if !is_login {
        return Err("expected a file of one line, `user:password`".to_owned());
    }
    Ok(Secret::new(format!("Basic {}", BASE64_STANDARD.encode(login))))
}

/// The content of a file; of a private one only if nobody else can read it.
fn read(path: &Path, is_private: bool) -> Result<Secret, String> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| format!("cannot read `{shown}`: {error}");
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    if is_private && mode & 0o077 != 0 {
        return Err(format!("expected `{shown}` to be readable by its owner alone; chmod 0600 it"));
    }
    Secret::read(file, PEM_BYTES_MAX).map_err(unreadable)
}
