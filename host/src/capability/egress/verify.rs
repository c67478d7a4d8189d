//! How the certificate of a server is judged.
//!
//! Promise: always by chain, validity and name. A pin comes on top: the server's key must be the
//! pinned one. Only in one case does it stand in for something: where nobody known has issued the
//! certificate (it is self-signed, or of an authority of the site's own), the pinned key vouches
//! for it, and validity and name are checked all the same.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};
use sha2::{Digest, Sha256};

/// Judges as usual, and insists on one key.
#[derive(Debug)]
pub(super) struct Pinned {
    pub(super) usual: Arc<WebPkiServerVerifier>,
    /// SHA-256 of the public key (SPKI, DER).
    pub(super) pin: [u8; 32],
}

/// Told to the operator, who may have to pin another key. A public key is no secret.
#[derive(thiserror::Error)]
#[error("the server's key is not the pinned one, but sha256:{found}")]
struct PinMissed {
    found: String,
}

impl fmt::Debug for PinMissed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `rustls` shows errors that are not its own in this form.
        fmt::Display::fmt(self, f)
    }
}

impl Pinned {
    fn is_pinned(&self, certificate: &ParsedCertificate<'_>) -> Result<(), rustls::Error> {
        let found: [u8; 32] = Sha256::digest(certificate.subject_public_key_info()).into();
        if found == self.pin {
            return Ok(());
        }
        let found = found.iter().map(|byte| format!("{byte:02x}")).collect();
        Err(CertificateError::Other(OtherError(Arc::new(PinMissed { found }))).into())
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let usual = self.usual.verify_server_cert(certificate, intermediates, name, ocsp, now);
        let parsed = ParsedCertificate::try_from(certificate)?;
        match usual {
            Ok(verified) => self.is_pinned(&parsed).map(|()| verified),
            // `webpki` has looked at the validity before it tells either.
            Err(error) if is_of_nobody(&error) => {
                self.is_pinned(&parsed)?;
                verify_server_name(&parsed, name)?;
                Ok(ServerCertVerified::assertion())
            }
            Err(error) => Err(error),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// Whether nothing is wrong but that nobody known has issued it. Self-signed certificates often say
/// that they are an authority's, which `webpki` tells in its own words.
fn is_of_nobody(error: &rustls::Error) -> bool {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
            other.0.to_string() == "CaUsedAsEndEntity"
        }
        _ => false,
    }
}
