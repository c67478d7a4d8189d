//! Where HTTP goes: scheme, host and port in the one spelling that is compared.

use std::fmt;

use url::{Host, Url};

/// Scheme, host and port of an `http` or `https` URL, in normal form: one spelling each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    pub scheme: Scheme,
    /// As `url` normalizes it: lower case, IDNA, IP addresses in their usual form.
    pub host: Host<String>,
    pub port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    Http,
    Https,
}

impl Origin {
    /// The origin that `url` is at.
    pub fn of(url: &Url) -> Result<Self, OriginError> {
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(OriginError::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OriginError::UserInfo);
        }
        let host = url.host().ok_or(OriginError::Host)?.to_owned();
        let host = normal(host).ok_or(OriginError::Host)?;
        let port = url.port_or_known_default().filter(|port| *port > 0).ok_or(OriginError::Port)?;
        Ok(Self { scheme, host, port })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

/// Why a URL has no origin that could be granted. Never shows the URL, which may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OriginError {
    #[error("expected a URL that begins with `https://` or `http://`")]
    Scheme,
    #[error("a URL must not hold a user name or a password")]
    UserInfo,
    #[error("expected a URL with a host name or an address")]
    Host,
    #[error("expected a port from 1 to 65535")]
    Port,
}

/// A host without the dot that says that a name is absolute, which every name here is; nothing for
/// a name that no resolver could look up.
pub(super) fn normal(host: Host<String>) -> Option<Host<String>> {
    const NAME_BYTES_MAX: usize = 253;
    const LABEL_BYTES_MAX: usize = 63;
    let Host::Domain(name) = host else { return Some(host) };
    let name = name.strip_suffix('.').unwrap_or(&name);
    let is_name = name.len() <= NAME_BYTES_MAX
        && name.split('.').all(|label| (1..=LABEL_BYTES_MAX).contains(&label.len()));
    is_name.then(|| Host::Domain(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_origin_has_one_normal_form() {
        let table = [
            ("https://Hooks.Example/x", "https://hooks.example:443"),
            ("HTTPS://hooks.example:443", "https://hooks.example:443"),
            ("https://hooks.example.:443", "https://hooks.example:443"),
            ("https://hooks.example:0443", "https://hooks.example:443"),
            ("https:\\\\hooks.example\\x", "https://hooks.example:443"),
            ("https:hooks.example", "https://hooks.example:443"),
            ("https://hooks.ex\tam\nple", "https://hooks.example:443"),
            ("https://%68ooks%2eexample", "https://hooks.example:443"),
            ("https://hooks\u{3002}example", "https://hooks.example:443"),
            ("https://hooks.exam\u{ad}ple", "https://hooks.example:443"),
            ("https://ⓗooks.example", "https://hooks.example:443"),
            ("https://bücher.example", "https://xn--bcher-kva.example:443"),
            ("https://BÜCHER.example", "https://xn--bcher-kva.example:443"),
            ("https://hооks.example", "https://xn--hks-seda.example:443"),
            ("http://0x7f.1:8080/", "http://127.0.0.1:8080"),
            ("http://0177.0.0.01/", "http://127.0.0.1:80"),
            ("http://127.1/", "http://127.0.0.1:80"),
            ("http://2130706433/", "http://127.0.0.1:80"),
            ("http://0x7f000001./", "http://127.0.0.1:80"),
            ("http://１２７.０.０.１/", "http://127.0.0.1:80"),
            ("http://127%2e0.0.1/", "http://127.0.0.1:80"),
            ("http://[::0001]/", "http://[::1]:80"),
            ("http://[0:0:0:0:0:ffff:127.0.0.1]/", "http://[::ffff:7f00:1]:80"),
            ("http://[2001:DB8:0::00A]:65535/", "http://[2001:db8::a]:65535"),
        ];
        for (url, expected) in table {
            let found = Url::parse(url).map(|url| Origin::of(&url).map(|one| one.to_string()));
            assert_eq!(found, Ok(Ok(expected.to_owned())), "{url}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        let long = format!("https://{}.example", "a".repeat(64));
        let table = [
            ("ftp://hooks.example", Some(OriginError::Scheme)),
            ("file:///etc/passwd", Some(OriginError::Scheme)),
            ("data:,x", Some(OriginError::Scheme)),
            ("https://hooks.example@evil.example", Some(OriginError::UserInfo)),
            ("https://:pass@evil.example", Some(OriginError::UserInfo)),
            ("https://hooks.example%40evil.example", None),
            ("https://hooks.example..", Some(OriginError::Host)),
            ("https://hooks..example", Some(OriginError::Host)),
            ("https://.", Some(OriginError::Host)),
            (long.as_str(), Some(OriginError::Host)),
            ("https://hooks.example:0", Some(OriginError::Port)),
            ("https://hooks.example:65536", None),
            ("https://hooks.example:+443", None),
            ("https://hooks.example: 443", None),
            ("https://hooks.example:４４３", None),
            ("https://", None),
            ("https:///", None),
            ("https://:443", None),
            ("https://hooks.example%00", None),
            ("https://hooks.example%2fevil", None),
            ("https://hooks example", None),
            ("http://[fe80::1%25eth0]/", None),
            ("http://[fe80::1%eth0]/", None),
            ("http://[::1", None),
            ("http://::1/", None),
            ("http://1.2.3.256/", None),
            ("http://1.2.3.4.5/", None),
            ("http://0x100000000/", None),
            ("http://127.0.0.0x", None),
        ];
        for (url, expected) in table {
            match (Url::parse(url), expected) {
                (Err(_), None) => {}
                (Ok(url), expected) => assert_eq!(Origin::of(&url).err(), expected, "{url}"),
                (found, expected) => panic!("{url}: {found:?}, expected {expected:?}"),
            }
        }
    }
}
