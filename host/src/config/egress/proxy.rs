//! The proxy that endpoints go through, as the operator writes it.

use std::path::{Path, PathBuf};

use url::{Host, Url};

use super::super::plain_path;
use super::super::reading::Reading;
use super::{GrantTable, digits};

/// What a grant says about a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyChoice {
    /// Written as `none`.
    Direct,
    Through {
        address: ProxyAddress,
        authorization_file: Option<PathBuf>,
    },
}

/// `http://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyAddress {
    pub host: Host<String>,
    pub port: u16,
}

impl ProxyAddress {
    pub(super) fn read(text: &str) -> Option<Self> {
        // The port has to be said: there is no usual one for proxies.
        let (_, port) = text.strip_suffix('/').unwrap_or(text).rsplit_once(':')?;
        let port = digits(port).filter(|port| *port > 0)?;
        let url = Url::parse(text).ok()?;
        let is_plain = url.scheme() == "http"
            && url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.port_or_known_default() == Some(port);
        let host = url.host()?.to_owned();
        is_plain.then_some(Self { host, port })
    }
}

pub(super) const PROXY: &str = "expected an HTTP proxy with its port, such as `http://proxy.example:3128`; \
                     user and password belong into `proxy_authorization_file`";

/// What the grant at `place` says.
pub(super) fn choice(
    place: &str,
    table: &GrantTable,
    base: &Path,
    reading: &mut Reading,
) -> Option<ProxyChoice> {
    let authorization_file =
        table.proxy_authorization_file.as_ref().map(|path| plain_path(&base.join(path)));
    let text = match table.proxy.as_deref() {
        Some(text) if text != "none" => text,
        other => {
            if authorization_file.is_some() {
                let expected = "expected beside a `proxy` in the same grant";
                reading.problem(&format!("{place}.proxy_authorization_file"), expected);
            }
            return other.map(|_| ProxyChoice::Direct);
        }
    };
    let Some(address) = ProxyAddress::read(text) else {
        reading.problem(&format!("{place}.proxy"), PROXY);
        return None;
    };
    Some(ProxyChoice::Through { address, authorization_file })
}
