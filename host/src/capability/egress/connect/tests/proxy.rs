//! Tunnels: with a proxy that keeps what it was asked.

use std::os::unix::fs::PermissionsExt;

use tokio::io::copy_bidirectional;

use super::*;

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
