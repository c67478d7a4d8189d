use std::sync::Mutex;

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

use super::super::address::tests::way;
use super::super::resolve::tests::{Dns, NEVER_KEPT};
use super::super::{Reach, Standing, TlsIdentity, TlsSettings};
use super::*;
use crate::ids::{EndpointId, Secret, TenantId};

fn host(name: &str) -> Host<String> {
    Host::parse(name).unwrap()
}

fn grant_with(config: &str, identity: &TlsIdentity) -> Grant {
    let way = way(config).with_tls(identity);
    Grant::new(TenantId(1), EndpointId(1), Reach::default(), Arc::new(way))
}

fn grant(config: &str) -> Grant {
    grant_with(config, &TlsIdentity::default())
}

/// A configuration that opens these networks at this port.
fn opening(networks: &str, port: u16) -> String {
    format!("[[egress.grant]]\nendpoints = ['*']\nnetworks = [{networks}]\nports = [{port}]\n")
}

/// A server at this address that greets whoever comes, and a list of who did.
struct Greeter {
    address: SocketAddr,
    came: Arc<Mutex<Vec<SocketAddr>>>,
    _serving: JoinSet<()>,
}

impl Greeter {
    async fn at(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let (address, came) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<_>>>::default());
        let mut serving = JoinSet::new();
        let list = Arc::clone(&came);
        serving.spawn(async move {
            while let Ok((mut stream, from)) = listener.accept().await {
                list.lock().unwrap().push(from);
                stream.write_all(b"220 hello\r\n").await.unwrap();
            }
        });
        Self { address, came, _serving: serving }
    }

    fn came(&self) -> usize {
        self.came.lock().unwrap().len()
    }
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_the_next_time_leads_nowhere() {
    let dns = Dns::start().await;
    let granted = Greeter::at("127.0.0.2:0").await;
    let port = granted.address.port();
    let inside = Greeter::at(&format!("127.0.0.1:{port}")).await;
    dns.tell("rebind.example", 0, &["127.0.0.2"]);
    dns.tell("rebind.example", 0, &["127.0.0.1"]);
    let connector = Connector::with_ttl(&[dns.address()], NEVER_KEPT);
    let grant = grant(&opening("'127.0.0.2'", port));
    let name = host("rebind.example");

    let mut stream = connector.tcp(&grant, &name, port).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), granted.address);
    stream.read_exact(&mut [0; 11]).await.unwrap();
    assert_eq!(dns.asked().len(), 2, "looked up once, A and AAAA, then pinned");

    let error = connector.tcp(&grant, &name, port).await.unwrap_err();
    let ConnectError::Forbidden { address, .. } = &error else { panic!("{error:?}") };
    assert_eq!(address.to_string(), "127.0.0.1");
    assert!(error.is_denied() && error.code() == "address", "{error}");
    assert!(error.to_string().contains("127.0.0.0/8, loopback"), "{error}");
    assert_eq!((granted.came(), inside.came()), (1, 0));

    // The same with a public address, which passes without a grant, and is not connected to here.
    dns.tell("public.example", 0, &["93.184.215.14", "10.0.0.1"]);
    dns.tell("public.example", 0, &["10.0.0.1"]);
    let grant = self::grant("");
    let name = host("public.example");
    let first = connector.addresses(&grant, &name, 443).await.unwrap();
    assert_eq!(first, ["93.184.215.14:443".parse().unwrap()], "the private one is dropped");
    let second = connector.addresses(&grant, &name, 443).await.unwrap_err();
    assert_eq!(second.code(), "address", "{second}");
    let third = connector.addresses(&grant, &host("8.8.8.8"), 8443).await.unwrap_err();
    assert!(third.is_denied() && third.code() == "port", "{third}");
}

#[tokio::test]
async fn forbidden_addresses_are_dropped_and_the_rest_is_tried() {
    let dns = Dns::start().await;
    let granted = Greeter::at("127.0.0.2:0").await;
    let port = granted.address.port();
    let inside = Greeter::at(&format!("127.0.0.1:{port}")).await;
    // Loopback is forbidden; at 127.0.0.3 nobody listens; 127.0.0.2 answers.
    dns.tell("mixed.example", 60, &["::1", "127.0.0.1", "127.0.0.3", "127.0.0.2"]);
    let connector = Connector::with_ttl(&[dns.address()], NEVER_KEPT);
    let grant = grant(&opening("'127.0.0.2', '127.0.0.3'", port));
    let stream = connector.tcp(&grant, &host("mixed.example"), port).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), granted.address);
    assert!(stream.nodelay().unwrap());
    for name in ["localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"] {
        let error = connector.tcp(&grant, &host(name), port).await.unwrap_err();
        assert_eq!(error.code(), "address", "{name}: {error}");
    }
    // Told as unreachable, not as denied: it may be there tomorrow.
    let error = connector.tcp(&grant, &host("127.0.0.3"), port).await.unwrap_err();
    assert!(!error.is_denied() && error.code() == "connect", "{error}");
    let error = connector.tcp(&grant, &host("gone.example"), port).await.unwrap_err();
    assert!(!error.is_denied() && error.code() == "name", "{error}");
    assert_eq!(inside.came(), 0);
}

#[test]
fn who_is_at_the_other_end_is_looked_at_again() {
    let connector = Connector::default();
    let look = |config: &str, near: &str, far: &str| {
        let (near, far) = (near.parse().unwrap(), far.parse().unwrap());
        let seen = connector.look_again(&grant(config), &host("a.example"), near, far);
        seen.map_err(|error| error.to_string())
    };
    assert_eq!(look("", "10.0.0.2:4000", "8.8.8.8:443"), Ok(()));
    let told = look("", "10.0.0.2:4000", "10.0.0.1:443").unwrap_err();
    assert!(told.contains("private"), "{told}");
    // Both ends alike: this machine, although no interface has the address.
    let told = look("", "8.8.8.8:4000", "8.8.8.8:443").unwrap_err();
    assert!(told.contains("an address of this machine"), "{told}");
    assert_eq!(look(&opening("'8.8.8.8'", 443), "8.8.8.8:4000", "8.8.8.8:443"), Ok(()));
}

#[tokio::test]
async fn datagrams_go_to_what_passed_and_are_heard_from_there_alone() {
    let dns = Dns::start().await;
    let server = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    dns.tell("logs.example", 60, &["127.0.0.1", "127.0.0.2"]);
    let connector = Connector::with_ttl(&[dns.address()], NEVER_KEPT);
    let granted = grant(&opening("'127.0.0.2'", port));
    let socket = connector.udp(&granted, &host("logs.example"), port).await.unwrap();
    socket.send(b"<14>hello").await.unwrap();
    let mut datagram = [0; 32];
    let (count, _) = server.recv_from(&mut datagram).await.unwrap();
    assert_eq!(&datagram[..count], b"<14>hello");
    assert_eq!(socket.peer_addr().unwrap(), server.local_addr().unwrap());
    let error = connector.udp(&grant(""), &host("logs.example"), 443).await.unwrap_err();
    assert_eq!(error.code(), "address", "{error}");
}

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

/// A proxy that gives tunnels, after this answer, and what it was asked.
struct TestProxy {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl TestProxy {
    async fn start(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.9:0").await.unwrap();
        let (port, asked) =
            (listener.local_addr().unwrap().port(), Arc::<Mutex<Vec<_>>>::default());
        let mut serving = JoinSet::new();
        let list = Arc::clone(&asked);
        serving.spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(near.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let to = head.split(' ').nth(1).unwrap().to_owned();
                list.lock().unwrap().push(head);
                if !status.starts_with('2') {
                    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                    near.write_all(answer.as_bytes()).await.unwrap();
                    continue;
                }
                let Ok(mut far) = TcpStream::connect(to).await else {
                    near.write_all(b"HTTP/1.1 502 no\r\n\r\n").await.unwrap();
                    continue;
                };
                // The peer speaks first: its bytes come in one piece with the proxy's own.
                let mut first = [0; 11];
                far.read_exact(&mut first).await.unwrap();
                let mut answer = format!("HTTP/1.1 {status}\r\nvia: test\r\n\r\n").into_bytes();
                answer.extend(first);
                near.write_all(&answer).await.unwrap();
                let _ = copy_bidirectional(&mut near, &mut far).await;
            }
        });
        Self { port, asked, _serving: serving }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

#[tokio::test]
async fn a_proxy_is_asked_for_addresses_that_passed_and_never_for_a_name() {
    use std::os::unix::fs::PermissionsExt;
    let dns = Dns::start().await;
    let server = Greeter::at("127.0.0.2:0").await;
    let port = server.address.port();
    dns.tell("peer.example", 60, &["127.0.0.1", "127.0.0.3", "127.0.0.2"]);
    // The proxy itself needs no grant: the operator named it.
    dns.tell("proxy.example", 60, &["127.0.0.9"]);
    let connector = Connector::with_ttl(&[dns.address()], NEVER_KEPT);
    let proxy = TestProxy::start("200 here").await;
    let login = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(login.path(), "user:pass:word\n").unwrap();
    std::fs::set_permissions(login.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    let through = |proxy: &TestProxy| {
        format!(
            "{}proxy = 'http://proxy.example:{}'\nproxy_authorization_file = '{}'",
            opening("'127.0.0.2', '127.0.0.3'", port),
            proxy.port,
            login.path().display()
        )
    };
    let granted = grant(&through(&proxy));
    let mut stream = connector.tcp(&granted, &host("peer.example"), port).await.unwrap();
    let mut greeting = [0; 11];
    stream.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"220 hello\r\n", "what the peer said first is there");
    let asked = proxy.asked();
    let expected = ["127.0.0.3", "127.0.0.2"].map(|address| {
        format!(
            "CONNECT {address}:{port} HTTP/1.1\r\nhost: {address}:{port}\r\n\
             proxy-authorization: Basic dXNlcjpwYXNzOndvcmQ=\r\n\r\n"
        )
    });
    assert_eq!(asked, expected, "first where nobody listens, then where somebody does");

    let error = connector.tcp(&granted, &host("127.0.0.1"), port).await.unwrap_err();
    assert_eq!(error.code(), "address", "{error}");
    let error = connector.udp(&granted, &host("peer.example"), port).await.unwrap_err();
    assert!(matches!(error, ConnectError::Datagram), "{error}");
    assert!(proxy.asked().is_empty());

    let refusing = TestProxy::start("407 who are you").await;
    let granted = grant(&through(&refusing));
    let error = connector.tcp(&granted, &host("127.0.0.2"), port).await.unwrap_err();
    let ConnectError::Proxy { source, .. } = &error else { panic!("{error:?}") };
    assert!(source.to_string().contains("asks for a login (407)"), "{source}");
    assert!(!format!("{granted:?}{error:?}").contains("dXNlcjpw"));
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

#[tokio::test]
async fn the_explanation_has_each_rule_and_what_came_of_it() {
    use super::super::{OriginGrant, Target};
    let dns = Dns::start().await;
    dns.tell("hooks.example", 60, &["127.0.0.1", "8.8.8.8", "2606:4700::5efe:10.0.0.1"]);
    let connector = Connector::with_ttl(&[dns.address()], NEVER_KEPT);
    let url = "https://Hooks.Example/services";
    let origin = Origin::of(&url::Url::parse(url).unwrap()).unwrap();
    let reach = Reach {
        origins: vec![OriginGrant::whole(origin)],
        targets: vec![Target::parse("udp://hooks.example:514").unwrap()],
    };
    let config = format!("{}clear_text = true", opening("'127.0.0.0/8'", 514));
    let grant = Grant::new(TenantId(1), EndpointId(1), reach, Arc::new(way(&config)));
    let told = async |to: &str| {
        let lines = connector.explain(to, &hyper::Method::POST, &grant).await;
        lines.into_iter().map(|one| (one.rule, one.standing, one.text)).collect::<Vec<_>>()
    };
    let lines = told(url).await;
    let expected = [
        ("normal form", Standing::Note, "https://hooks.example:443"),
        ("grant", Standing::Passed, "POST at https://hooks.example:443 /"),
        ("port", Standing::Passed, "443, 465, 587, 6514"),
        ("address", Standing::Refused, "in it 10.0.0.1 (ISATAP): at 10.0.0.1, 10.0.0.0/8"),
        ("address", Standing::Refused, "127.0.0.1: at 127.0.0.1, 127.0.0.0/8, loopback"),
        ("address", Standing::Passed, "8.8.8.8: public"),
        ("proxy", Standing::Note, "directly"),
        ("tls", Standing::Passed, "for the name hooks.example, by the public authorities"),
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for ((rule, standing, text), line) in expected.into_iter().zip(&lines) {
        assert_eq!((rule, standing), (line.0.as_str(), line.1), "{lines:#?}");
        assert!(line.2.contains(text), "{text} in {lines:#?}");
    }
    let lines = told("udp://hooks.example:514").await;
    let texts: Vec<_> = lines.iter().map(|line| line.2.as_str()).collect();
    let all = texts.join("\n");
    assert!(all.contains("by the operator's grant of 127.0.0.0/8"), "{all}");
    assert!(all.contains("a grant opens 514"), "{all}");
    assert!(all.contains("credentials may go over it"), "{all}");
    let lines = told("https://evil.example/").await;
    assert_eq!((lines[1].0.as_str(), lines[1].1), ("origin", Standing::Refused), "{lines:?}");
    let lines = told("https://u@hooks.example/").await;
    assert_eq!(lines.len(), 1, "{lines:?}");
}
