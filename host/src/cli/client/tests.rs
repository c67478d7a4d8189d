//! Which addresses a token may go to, and TLS over a real socket.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;

use super::*;

#[test]
fn a_token_goes_in_clear_text_to_this_machine_only() {
    let table = [
        ("http://127.0.0.1:7700", Ok("127.0.0.1:7700")),
        ("http://localhost", Ok("localhost")),
        ("http://[::1]:7700/", Ok("[::1]:7700")),
        ("https://alerts.example.org", Ok("alerts.example.org")),
        ("https://192.0.2.1:8443", Ok("192.0.2.1:8443")),
        ("http://192.0.2.1:7700", Err("clear text")),
        ("http://localhost.example.org", Err("clear text")),
        ("http://alerts.example.org", Err("clear text")),
        ("ftp://127.0.0.1", Err("expected https")),
        ("https://a.example/x", Err("host and port only")),
        ("https://a.example/?x", Err("host and port only")),
        ("https://user:word@a.example", Err("host and port only")),
        ("unix:/run/campanile", Err("expected an address")),
    ];
    for (url, expected) in table {
        match (Place::of(&Url::parse(url).unwrap()), expected) {
            (Ok(place), Ok(authority)) => {
                assert_eq!(place.authority, authority, "{url}");
                assert_eq!(place.is_secure, url.starts_with("https"), "{url}");
            }
            (Err(failure), Err(text)) => {
                assert_eq!(failure.exit, Exit::Usage, "{url}");
                assert!(failure.to_string().contains(text), "{url}: {failure}");
                assert!(!failure.to_string().contains("word"), "{url}: {failure}");
            }
            (found, expected) => panic!("{url}: {found:?}, expected {expected:?}"),
        }
    }
}

#[tokio::test]
async fn a_proxy_is_spoken_to_only_if_the_authority_vouches_for_its_name() {
    let (own, public) = (Some(data("ca.pem")), None);
    let table = [
        // host that is named, authority, what is told
        ("localhost", &own, None),
        ("127.0.0.1", &own, Some("certificate not valid for name")),
        ("localhost", &public, Some("UnknownIssuer")),
    ];
    for (host, ca, expected) in table {
        let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{host}:{}", proxy.local_addr().unwrap().port());
        let client = client(&url, ca.as_deref());
        let (answer, heard) = tokio::join!(client.get("/v1/x"), answer_once(&proxy));
        match expected {
            None => {
                assert_eq!(answer.unwrap().good().unwrap(), serde_json::json!({"good": true}));
                let heard = heard.unwrap();
                let port = proxy.local_addr().unwrap().port();
                assert!(heard.starts_with("GET /v1/x HTTP/1.1\r\n"), "{heard}");
                assert!(heard.contains(&format!("host: localhost:{port}\r\n")), "{heard}");
                assert!(heard.contains("authorization: Bearer tokentokentoken"), "{heard}");
            }
            Some(text) => {
                let failure = answer.unwrap_err();
                assert_eq!(failure.exit, Exit::Unreachable, "{host}");
                let cause = std::error::Error::source(&failure).unwrap().to_string();
                assert!(cause.contains(text), "{host}: {cause}");
                assert!(heard.is_err(), "the token was sent to {host}");
            }
        }
    }
}

#[test]
fn a_file_that_is_no_authority_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "no certificate here").unwrap();
    let torn = folder.path().join("torn.pem");
    let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(&torn, bad).unwrap();
    let table = [
        (Path::new("/nowhere"), "cannot read"),
        (&empty, "cannot use"),
        (&torn, "cannot use"),
        (&data("server.key"), "cannot use"),
    ];
    for (file, expected) in table {
        let failure = Tls::new(Some(file)).unwrap_err();
        let told = failure.to_string();
        assert!(failure.exit == Exit::Config && told.contains(expected), "{file:?}: {told}");
        assert!(told.contains("--ca"), "{file:?}: {told}");
    }
}

fn client(url: &str, ca: Option<&Path>) -> Client {
    Client {
        place: Place::of(&Url::parse(url).unwrap()).unwrap(),
        tls: Some(Tls::new(ca).unwrap()),
        token: Secret::new("token".repeat(8)),
        body_bytes_max: None,
    }
}

/// Plays a TLS proxy with an engine behind it: takes one request, and says what came.
async fn answer_once(
    proxy: &TcpListener,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let certificates =
        CertificateDer::pem_file_iter(data("server.pem"))?.collect::<Result<Vec<_>, _>>()?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, PrivateKeyDer::from_pem_file(data("server.key"))?)?;
    let (stream, _) = proxy.accept().await?;
    let mut stream = TlsAcceptor::from(Arc::new(config)).accept(stream).await?;
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut heard).await? == 0 {
            return Err("it was closed".into());
        }
    }
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{\"good\":true}";
    stream.write_all(answer).await?;
    stream.shutdown().await?;
    Ok(String::from_utf8(heard)?)
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/testdata").join(name)
}
