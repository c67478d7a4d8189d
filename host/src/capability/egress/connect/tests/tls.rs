//! Certificates, pins, tickets: with servers that speak TLS.

use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PublicKeyData, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{HandshakeKind, RootCertStore, ServerConfig};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::super::super::TlsSettings;
use super::*;
use crate::ids::Secret;

/// What a certificate of a test is made of.
#[derive(Clone, Copy)]
struct Made<'a> {
    name: &'a str,
    years: (i32, i32),
    /// Signed by the test's authority; else by itself.
    is_issued: bool,
    says_authority: bool,
}

const GOOD: Made<'_> =
    Made { name: "tls.example", years: (2020, 2090), is_issued: true, says_authority: false };

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Certificate and key.
    fn make(&self, made: Made<'_>) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec![made.name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(made.years.0, 1, 1);
        params.not_after = date_time_ymd(made.years.1, 1, 1);
        if made.says_authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = if made.is_issued {
            params.signed_by(&key, &self.issuer).unwrap()
        } else {
            params.self_signed(&key).unwrap()
        };
        (certificate, key)
    }
}

fn pin(key: &KeyPair) -> String {
    let digest = Sha256::digest(key.subject_public_key_info());
    format!("sha256:{}", digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn identity(settings: &serde_json::Value, key: Option<&Secret>) -> TlsIdentity {
    TlsSettings::parse(settings.as_object().unwrap(), key).unwrap()
}

/// A TLS server at 127.0.0.1 that greets; it asks for a certificate of `clients` if there is one.
async fn tls_server(
    certificate: &CertificateDer<'static>,
    key: &KeyPair,
    clients: Option<&Authority>,
) -> (u16, JoinSet<()>) {
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let config = builder.with_single_cert(vec![certificate.clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.write_all(b"220 hello\r\n").await;
                let _ = stream.read(&mut [0; 1]).await;
            }
        }
    });
    (port, serving)
}

/// Connects and reads the greeting: what was wrong, if something was.
async fn greeted(
    connector: &Connector,
    grant: &Grant,
    name: &str,
    port: u16,
) -> Result<HandshakeKind, ConnectError> {
    let stream = connector.tcp(grant, &host(name), port).await?;
    let mut stream = connector.tls(grant, &host(name), stream).await?;
    let lost = |source| ConnectError::Tls { host: name.to_owned(), source };
    stream.read_exact(&mut [0; 11]).await.map_err(lost)?;
    Ok(stream.get_ref().1.handshake_kind().unwrap())
}

#[tokio::test]
async fn certificates_are_verified_by_chain_validity_name_and_pin() {
    let dns = Dns::start().await;
    dns.tell("tls.example", 60, &["127.0.0.1"]);
    let connector = Connector::with_ttl(&[dns.address()], NEVER_KEPT);
    let authority = Authority::new();
    let (ours, nobody) = (true, false);
    let alone = Made { is_issued: false, ..GOOD };
    #[derive(Clone, Copy, PartialEq)]
    enum Pin {
        None,
        Right,
        Wrong,
    }
    let table = [
        // the certificate, whether the authority is trusted, the pin, and what is told
        ("issued", GOOD, ours, Pin::None, ""),
        ("issued, pinned", GOOD, ours, Pin::Right, ""),
        ("issued, other pin", GOOD, ours, Pin::Wrong, "not the pinned one, but sha256:"),
        ("of nobody", GOOD, nobody, Pin::None, "UnknownIssuer"),
        ("of nobody, pinned", GOOD, nobody, Pin::Right, ""),
        ("of nobody, other pin", GOOD, nobody, Pin::Wrong, "not the pinned one"),
        ("other name", Made { name: "other.example", ..GOOD }, ours, Pin::None, "not valid for"),
        (
            "other name, pin",
            Made { name: "a.example", ..GOOD },
            nobody,
            Pin::Right,
            "not valid for",
        ),
        ("expired", Made { years: (2020, 2021), ..GOOD }, ours, Pin::None, "expired"),
        ("expired, pinned", Made { years: (2020, 2021), ..GOOD }, nobody, Pin::Right, "expired"),
        (
            "not yet valid",
            Made { years: (2089, 2090), ..GOOD },
            nobody,
            Pin::Right,
            "not valid yet",
        ),
        ("self-signed", alone, nobody, Pin::None, "UnknownIssuer"),
        ("self-signed, pinned", alone, nobody, Pin::Right, ""),
        (
            "self-signed, expired",
            Made { years: (2020, 2021), ..alone },
            nobody,
            Pin::Right,
            "expired",
        ),
        ("as an authority", Made { says_authority: true, ..alone }, nobody, Pin::None, "CaUsed"),
        ("as an authority, pinned", Made { says_authority: true, ..alone }, nobody, Pin::Right, ""),
        (
            "as an authority, other pin",
            Made { says_authority: true, ..alone },
            nobody,
            Pin::Wrong,
            "not the pinned one",
        ),
        (
            "as an authority, expired",
            Made { says_authority: true, years: (2020, 2021), ..alone },
            nobody,
            Pin::Right,
            "expired",
        ),
        (
            "as an authority, other name",
            Made { says_authority: true, name: "a.example", ..alone },
            nobody,
            Pin::Right,
            "not valid for",
        ),
    ];
    for (what, made, is_trusted, pinned, expected) in table {
        let (certificate, key) = authority.make(made);
        let (port, _serving) = tls_server(certificate.der(), &key, None).await;
        let mut settings = json!({});
        if is_trusted {
            settings["tls_ca"] = json!(authority.pem);
        }
        match pinned {
            Pin::None => {}
            Pin::Right => settings["tls_pin"] = json!(pin(&key)),
            Pin::Wrong => settings["tls_pin"] = json!(pin(&KeyPair::generate().unwrap())),
        }
        let grant = grant_with(&opening("'127.0.0.1'", port), &identity(&settings, None));
        match greeted(&connector, &grant, "tls.example", port).await {
            Ok(_) => assert_eq!(expected, "", "{what} was trusted"),
            Err(error) => {
                assert!(error.is_untrusted() && !expected.is_empty(), "{what}: {error:?}");
                assert!(error.to_string().contains(expected), "{what}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn a_ticket_is_shown_only_by_the_endpoint_and_to_the_peer_that_it_was_given_for() {
    let dns = Dns::start().await;
    dns.tell("tls.example", 60, &["127.0.0.1"]);
    let connector = Connector::with_ttl(&[dns.address()], NEVER_KEPT);
    let authority = Authority::new();
    let (certificate, key) = authority.make(GOOD);
    let (port, _serving) = tls_server(certificate.der(), &key, None).await;
    let identity = identity(&json!({"tls_ca": authority.pem}), None);
    let one = grant_with(&opening("'127.0.0.1'", port), &identity);
    let mut two = one.clone();
    two.endpoint = EndpointId(2);
    let mut other_tenant = one.clone();
    other_tenant.tenant = TenantId(2);
    let table = [
        ("the first time", one.clone(), HandshakeKind::Full),
        ("again", one.clone(), HandshakeKind::Resumed),
        ("another endpoint", two, HandshakeKind::Full),
        ("another tenant", other_tenant, HandshakeKind::Full),
        ("another version of a secret", one.clone().with_secrets([1; 32]), HandshakeKind::Full),
        ("the first again", one, HandshakeKind::Resumed),
    ];
    for (what, grant, expected) in table {
        let kind = greeted(&connector, &grant, "tls.example", port).await.unwrap();
        assert_eq!(kind, expected, "{what}");
    }
}

#[tokio::test]
async fn a_client_certificate_proves_the_endpoint_that_has_it() {
    let connector = Connector::default();
    let authority = Authority::new();
    let (certificate, key) = authority.make(Made { name: "127.0.0.1", ..GOOD });
    let (port, _serving) = tls_server(certificate.der(), &key, Some(&authority)).await;
    let (client, client_key) = authority.make(Made { name: "campanile.example", ..GOOD });
    let secret = Secret::new(client_key.serialize_pem());
    let settings = json!({"tls_ca": authority.pem, "tls_client_cert": client.pem()});
    let proves = grant_with(&opening("'127.0.0.1'", port), &identity(&settings, Some(&secret)));
    greeted(&connector, &proves, "127.0.0.1", port).await.unwrap();
    let settings = json!({"tls_ca": authority.pem});
    let without = grant_with(&opening("'127.0.0.1'", port), &identity(&settings, None));
    let error = greeted(&connector, &without, "127.0.0.1", port).await.unwrap_err();
    assert_eq!(error.code(), "tls", "{error}");
    assert!(!format!("{proves:?}").contains("PRIVATE"), "{proves:?}");
    assert_ne!(proves.revision(), without.revision());
}

#[tokio::test]
async fn tls_goes_from_end_to_end_through_a_proxy() {
    let authority = Authority::new();
    let (certificate, key) = authority.make(Made { name: "127.0.0.1", ..GOOD });
    let (port, _serving) = tls_server(certificate.der(), &key, None).await;
    // This proxy waits for nothing before it answers.
    let listener = TcpListener::bind("127.0.0.9:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(near.read_u8().await.unwrap());
        }
        let mut far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        near.write_all(b"HTTP/1.0 200 OK\r\n\r\n").await.unwrap();
        let _ = copy_bidirectional(&mut near, &mut far).await;
    });
    let config = format!("{}proxy = 'http://{at}'", opening("'127.0.0.1'", port));
    let grant = grant_with(&config, &identity(&json!({"tls_ca": authority.pem}), None));
    let connector = Connector::default();
    assert!(greeted(&connector, &grant, "127.0.0.1", port).await.is_ok());
}

#[test]
fn settings_of_tls_are_told_with_their_names_when_they_are_wrong() {
    let authority = Authority::new();
    let (certificate, key) = authority.make(GOOD);
    let key = Secret::new(key.serialize_pem());
    let other = Secret::new(KeyPair::generate().unwrap().serialize_pem());
    let table = [
        (json!({"tls_ca": "/etc/ssl/ca.pem"}), None, "tls_ca", "stands only in campanile.toml"),
        (json!({"tls_ca": 7}), None, "tls_ca", "expected a text"),
        (
            json!({"tls_ca": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}),
            None,
            "tls_ca",
            "can be read",
        ),
        (json!({"tls_pin": "sha1:00"}), None, "tls_pin", "64 hexadecimal digits"),
        (json!({"tls_pin": format!("sha256:{}", "+1".repeat(32))}), None, "tls_pin", "digits"),
        (json!({"tls_client_cert": certificate.pem()}), None, "tls_client_key", "belong together"),
        (json!({}), Some(&key), "tls_client_cert", "belong together"),
        (json!({"tls_client_cert": "x"}), Some(&key), "tls_client_cert", "in PEM"),
        (
            json!({"tls_client_cert": certificate.pem()}),
            Some(&other),
            "tls_client_key",
            "the key of the certificate",
        ),
    ];
    for (settings, key, place, expected) in table {
        let problems = TlsSettings::parse(settings.as_object().unwrap(), key).unwrap_err();
        assert_eq!(problems.len(), 1, "{settings}: {problems:?}");
        assert_eq!(problems[0].place, place, "{settings}");
        assert!(problems[0].expected.contains(expected), "{settings}: {}", problems[0]);
    }
    let settings = json!({"tls_ca": authority.pem, "tls_client_cert": certificate.pem()});
    assert!(TlsSettings::parse(settings.as_object().unwrap(), Some(&key)).is_ok());
}
