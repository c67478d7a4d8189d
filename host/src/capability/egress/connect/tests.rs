mod proxy;
mod tls;

use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::super::address::tests::way;
use super::super::resolve::tests::{Dns, NEVER_KEPT};
use super::super::{OriginGrant, Reach, Standing, Target, TlsIdentity};
use super::*;
use crate::ids::{EndpointId, TenantId};
use crate::privileged::fail2ban::Spared;

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

#[tokio::test]
async fn where_a_name_leads_to_is_noted_so_that_it_is_not_banned() {
    let dns = Dns::start().await;
    dns.tell("logs.example", 60, &["127.0.0.2"]);
    let connector = Connector::with_ttl(&[dns.address()], NEVER_KEPT);
    let address = "127.0.0.2".parse().unwrap();
    assert_eq!(connector.spared().spares(address), None);
    // Also where it is refused: it was to be reached.
    connector.udp(&grant(""), &host("logs.example"), 443).await.unwrap_err();
    assert_eq!(connector.spared().spares(address), Some("endpoint-address"));
}

#[tokio::test]
async fn the_explanation_has_each_rule_and_what_came_of_it() {
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
