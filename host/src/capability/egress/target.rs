//! Where bytes go that are not HTTP: a transport, a host and a port, or the path of a socket, in
//! the one spelling that is compared.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use url::Host;

use super::origin::normal;

/// `tcp://host:port`, `tls://host:port`, `udp://host:port` or `unix-dgram:/path`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    Network {
        transport: Transport,
        host: Host<String>,
        port: u16,
    },
    /// A datagram socket of this machine, by its exact path.
    UnixDatagram(PathBuf),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    Tcp,
    Tls,
    Udp,
}

impl Transport {
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Udp => "udp",
        }
    }
}

impl Target {
    /// Reads any spelling. There is no usual port: it has to be said.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let (scheme, rest) = text.split_once(':').ok_or(TargetError::Scheme)?;
        let transport = match scheme.to_ascii_lowercase().as_str() {
            "tcp" => Transport::Tcp,
            "tls" => Transport::Tls,
            "udp" => Transport::Udp,
            "unix-dgram" => return socket(rest),
            _ => return Err(TargetError::Scheme),
        };
        let authority = rest.strip_prefix("//").ok_or(TargetError::Scheme)?;
        if authority.contains('@') {
            return Err(TargetError::UserInfo);
        }
        if authority.contains(['/', '\\', '?', '#']) {
            return Err(TargetError::Rest);
        }
        let (host, port) = authority.rsplit_once(':').ok_or(TargetError::Port)?;
        // `parse` alone would take `+514`, too.
        let is_digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse::<u16>().ok().filter(|port| is_digits && *port > 0);
        let port = port.ok_or(TargetError::Port)?;
        let host = Host::parse(host).ok().and_then(normal).ok_or(TargetError::Host)?;
        Ok(Self::Network { transport, host, port })
    }
}

fn socket(path: &str) -> Result<Target, TargetError> {
    const PATH_BYTES_MAX: usize = 107;
    let path = Path::new(path);
    let mut parts = path.components();
    let is_plain = parts.next() == Some(Component::RootDir)
        && parts.all(|part| matches!(part, Component::Normal(_)))
        && path.file_name().is_some();
    let bytes = path.as_os_str().as_encoded_bytes();
    let is_short = bytes.len() <= PATH_BYTES_MAX && !bytes.contains(&0);
    // `//dev/./log/` is told as `/dev/log`.
    let plain = || Target::UnixDatagram(path.components().collect());
    (is_plain && is_short).then(plain).ok_or(TargetError::Path)
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network { transport, host, port } => {
                write!(f, "{}://{host}:{port}", transport.name())
            }
            Self::UnixDatagram(path) => write!(f, "unix-dgram:{}", path.display()),
        }
    }
}

/// Why a text names no target. Never shows the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    #[error("expected a target that begins with `tcp://`, `tls://`, `udp://` or `unix-dgram:/`")]
    Scheme,
    #[error("a target must not hold a user name or a password")]
    UserInfo,
    #[error("expected nothing after the port of a target")]
    Rest,
    #[error("expected a target with a host name or an address")]
    Host,
    #[error("expected a target that ends with a port from 1 to 65535, such as `tls://host:6514`")]
    Port,
    #[error("expected the absolute path of a socket, without `..`, such as `unix-dgram:/dev/log`")]
    Path,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_target_has_one_normal_form() {
        let table = [
            ("tls://Logs.Example:6514", Ok("tls://logs.example:6514")),
            ("TLS://logs.example.:06514", Ok("tls://logs.example:6514")),
            ("udp://0x7f.1:514", Ok("udp://127.0.0.1:514")),
            ("tcp://[::0001]:25", Ok("tcp://[::1]:25")),
            ("tcp://bücher.example:25", Ok("tcp://xn--bcher-kva.example:25")),
            ("tcp://%6dail.example:25", Ok("tcp://mail.example:25")),
            ("unix-dgram:/dev/log", Ok("unix-dgram:/dev/log")),
            ("unix-dgram:/dev//./log", Ok("unix-dgram:/dev/log")),
            ("unix-dgram:///dev/log", Ok("unix-dgram:/dev/log")),
            ("unix-dgram:dev/log", Err(TargetError::Path)),
            ("unix-dgram:/dev/../log", Err(TargetError::Path)),
            ("unix-dgram:/", Err(TargetError::Path)),
            ("unix-dgram:/dev/\0log", Err(TargetError::Path)),
            ("unix:/dev/log", Err(TargetError::Scheme)),
            ("https://logs.example:443", Err(TargetError::Scheme)),
            ("tls:logs.example:6514", Err(TargetError::Scheme)),
            ("logs.example", Err(TargetError::Scheme)),
            ("tls://u@logs.example:6514", Err(TargetError::UserInfo)),
            ("tls://logs.example:6514/", Err(TargetError::Rest)),
            ("tls://logs.example:6514?a", Err(TargetError::Rest)),
            ("tls://logs.example", Err(TargetError::Port)),
            ("tls://logs.example:", Err(TargetError::Port)),
            ("tls://logs.example:0", Err(TargetError::Port)),
            ("tls://logs.example:+6514", Err(TargetError::Port)),
            ("tls://logs.example:65536", Err(TargetError::Port)),
            ("tls://::1:6514", Err(TargetError::Host)),
            ("tls://:6514", Err(TargetError::Host)),
            ("tls://logs..example:6514", Err(TargetError::Host)),
            ("tls://logs.example\n:6514", Err(TargetError::Host)),
            ("tls://[fe80::1%eth0]:6514", Err(TargetError::Host)),
        ];
        for (text, expected) in table {
            let found = Target::parse(text).map(|target| target.to_string());
            assert_eq!(found, expected.map(str::to_owned), "{text:?}");
        }
    }
}
