//! TLS of one endpoint: whom it trusts beside the public authorities, which key it insists on, and
//! with which certificate it proves itself.
//!
//! Promise: verification is never switched off. Texts in PEM come from settings, paths only from
//! `campanile.toml`. Keys are not shown.
//!
//! Not here: how a server's certificate is judged (`verify`).

use std::fmt;
use std::sync::Arc;

use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use crate::config::Problem;
use crate::ids::Secret;

/// Bytes of PEM in one setting or file.
pub(super) const PEM_BYTES_MAX: usize = 256 << 10;

/// What a TLS connection of one endpoint is made with.
#[derive(Clone, Default)]
pub struct TlsIdentity {
    /// Trusted beside the public authorities.
    pub(super) authorities: Vec<CertificateDer<'static>>,
    /// SHA-256 of the public key (SPKI) that the server must have.
    pub(super) pin: Option<[u8; 32]>,
    pub(super) client: Option<Arc<CertifiedKey>>,
    /// SHA-256 of the client's key, so that another one makes another identity.
    client_key_sha256: [u8; 32],
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity")
            .field("authorities", &self.authorities.len())
            .field("pin", &self.pin.is_some())
            .field("client", &self.client.is_some())
            .finish()
    }
}

/// The settings of an endpoint that concern TLS, whatever its kind.
#[derive(Debug)]
pub struct TlsSettings;

impl TlsSettings {
    pub const CA: &'static str = "tls_ca";
    pub const PIN: &'static str = "tls_pin";
    pub const CLIENT_CERT: &'static str = "tls_client_cert";
    /// A secret.
    pub const CLIENT_KEY: &'static str = "tls_client_key";

    /// What `settings` say, with the secret among them handed over apart; or all that is wrong, by
    /// the setting's name.
    pub fn parse(
        settings: &Map<String, Value>,
        client_key: Option<&Secret>,
    ) -> Result<TlsIdentity, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut wrong = |place: &str, expected: String| {
            problems.push(Problem { place: place.to_owned(), expected });
        };
        let mut text = |name: &str| match settings.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.as_str()),
            Some(_) => {
                wrong(name, "expected a text".to_owned());
                None
            }
        };
        let (ca, pin, cert) = (text(Self::CA), text(Self::PIN), text(Self::CLIENT_CERT));
        let mut identity = TlsIdentity::default();
        match ca.map_or(Ok(Vec::new()), |pem| authorities(pem.as_bytes())) {
            Ok(found) => identity.authorities = found,
            Err(expected) => wrong(Self::CA, expected),
        }
        if let Some(text) = pin {
            identity.pin = pin_of(text);
            if identity.pin.is_none() {
                let expected = "expected `sha256:` and the 64 hexadecimal digits of the SHA-256 of \
                                the server's public key (SPKI, DER)";
                wrong(Self::PIN, expected.to_owned());
            }
        }
        match (cert, client_key) {
            (None, None) => {}
            (Some(cert), Some(key)) => {
                if let Err((is_key, expected)) = identity.prove(cert.as_bytes(), key) {
                    wrong(if is_key { Self::CLIENT_KEY } else { Self::CLIENT_CERT }, expected);
                }
            }
            (cert, _) => {
                let (place, other) = match cert {
                    Some(_) => (Self::CLIENT_KEY, Self::CLIENT_CERT),
                    None => (Self::CLIENT_CERT, Self::CLIENT_KEY),
                };
                wrong(place, format!("expected beside `{other}`: they belong together"));
            }
        }
        if problems.is_empty() { Ok(identity) } else { Err(problems) }
    }
}

impl TlsIdentity {
    /// Proves itself with this certificate chain and key, both in PEM. `Err`: what is expected, and
    /// whether of the key.
    pub(super) fn prove(&mut self, chain: &[u8], key: &Secret) -> Result<(), (bool, String)> {
        let chain = certificates(chain).map_err(|expected| (false, expected))?;
        let mut der = PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(|_| {
            (true, "expected a private key in PEM (PKCS#8, PKCS#1 or SEC 1), not encrypted".into())
        })?;
        let signer = any_supported_type(&der);
        self.client_key_sha256 = Sha256::digest(der.secret_der()).into();
        der.zeroize();
        let signer = signer.map_err(|_| {
            (true, "expected an RSA, ECDSA or Ed25519 key that can sign".to_owned())
        })?;
        let certified = CertifiedKey::new(chain, signer);
        certified
            .keys_match()
            .map_err(|_| (true, "expected the key of the certificate beside it".to_owned()))?;
        self.client = Some(Arc::new(certified));
        Ok(())
    }

    /// This one, and what `other` has beside it.
    pub(super) fn beside(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for authority in &other.authorities {
            if !both.authorities.contains(authority) {
                both.authorities.push(authority.clone());
            }
        }
        both.pin = both.pin.or(other.pin);
        if both.client.is_none() {
            both.client.clone_from(&other.client);
            both.client_key_sha256 = other.client_key_sha256;
        }
        both
    }

    /// Equal for those alone that trust the same servers; `None`: only what the public authorities
    /// vouch for.
    pub fn trust_hash(&self) -> Option<[u8; 32]> {
        if self.authorities.is_empty() && self.pin.is_none() {
            return None;
        }
        let peer = Self { authorities: self.authorities.clone(), pin: self.pin, ..Self::default() };
        Some(peer.hash())
    }

    /// Equal for equal identities alone.
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let chain = self.client.iter().flat_map(|client| &client.cert);
        for (kind, certificate) in self
            .authorities
            .iter()
            .map(|certificate| (1, certificate))
            .chain(chain.map(|certificate| (2, certificate)))
        {
            hash.update([kind]);
            hash.update(certificate.len().to_be_bytes());
            hash.update(certificate);
        }
        hash.update([3, u8::from(self.pin.is_some())]);
        hash.update(self.pin.unwrap_or_default());
        hash.update(self.client_key_sha256);
        hash.finalize().into()
    }
}

/// Certificates in PEM that can be trusted as authorities.
pub(super) fn authorities(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = certificates(pem)?;
    let mut roots = rustls::RootCertStore::empty();
    for certificate in &found {
        roots
            .add(certificate.clone())
            .map_err(|_| "expected certificates that can be read (X.509, DER in PEM)".to_owned())?;
    }
    Ok(found)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    const EXPECTED: &str = "expected certificates in PEM, as text that begins \
                            `-----BEGIN CERTIFICATE-----`; the path of a file stands only in \
                            campanile.toml";
    if pem.len() > PEM_BYTES_MAX {
        return Err("expected at most 256 KiB of certificates".to_owned());
    }
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| EXPECTED.to_owned())?;
    if found.is_empty() { Err(EXPECTED.to_owned()) } else { Ok(found) }
}

fn pin_of(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix("sha256:")?.as_bytes();
    let mut pin = [0; 32];
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, pair) in pin.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(pin)
}
