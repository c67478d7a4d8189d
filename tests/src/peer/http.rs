//! A web server that says byte for byte what a script tells it, to whoever sends it a request.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio_rustls::TlsAcceptor;

use super::{Heard, Listening, Script, run, script};
use crate::wire::{self, Head};

/// A running server.
#[derive(Debug)]
pub struct Web {
    listening: Listening,
    heard: Heard<Request>,
}

/// One request, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub head: Head,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// All of it, as text: the first line, the headers, the body.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.head.line);
        for (name, value) in &self.head.headers {
            text += &format!("{name}: {value}\n");
        }
        text + &String::from_utf8_lossy(&self.body)
    }
}

/// A part of what is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    /// These bytes, in a packet of their own.
    Bytes(Vec<u8>),
    /// One byte at a time.
    Drip(Vec<u8>, Duration),
    /// These bytes, until the peer takes no more.
    ForEver(Vec<u8>),
    /// RST.
    Reset,
    /// The end of the connection.
    Close,
    /// Nothing more, until the peer gives up.
    Silence,
}

impl Web {
    /// Answers each request with what `rule` says of it.
    pub async fn saying(rule: impl FnMut(&Request) -> Vec<Say> + Send + 'static) -> Self {
        Self::start(None, script(rule)).await
    }

    /// The same over TLS.
    pub async fn saying_over(
        tls: TlsAcceptor,
        rule: impl FnMut(&Request) -> Vec<Say> + Send + 'static,
    ) -> Self {
        Self::start(Some(tls), script(rule)).await
    }

    async fn start(tls: Option<TlsAcceptor>, rule: Script<Request, Vec<Say>>) -> Self {
        let heard: Heard<Request> = Heard::default();
        let listening = Listening::start({
            let heard = heard.clone();
            move |stream| {
                let (tls, rule, heard) = (tls.clone(), rule.clone(), heard.clone());
                async move {
                    stream.set_nodelay(true)?;
                    if let Some(tls) = tls {
                        return converse(tls.accept(stream).await?, &rule, &heard, |_| {}).await;
                    }
                    let reset = |stream: &tokio::net::TcpStream| {
                        // The peer may have gone before.
                        drop(stream.set_zero_linger());
                    };
                    converse(stream, &rule, &heard, reset).await
                }
            }
        });
        Self { listening: listening.await, heard }
    }

    pub fn address(&self) -> SocketAddr {
        self.listening.address
    }

    /// What was sent here until now.
    pub fn requests(&self) -> Vec<Request> {
        self.heard.all()
    }

    /// Waits until `count` requests have come.
    pub async fn sees(&self, count: usize) -> Vec<Request> {
        self.heard.sees(count).await
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    rule: &Script<Request, Vec<Say>>,
    heard: &Heard<Request>,
    reset: impl Fn(&S),
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(head) = wire::read_head(&mut stream).await? {
        let body = wire::read_body(&mut stream, &head).await?;
        let request = Request { head, body };
        heard.add(request.clone());
        for say in run(rule, &request) {
            match say {
                Say::Bytes(bytes) => {
                    stream.write_all(&bytes).await?;
                    stream.flush().await?;
                }
                Say::Drip(bytes, pace) => {
                    let mut ticks = tokio::time::interval(pace);
                    for byte in bytes {
                        ticks.tick().await;
                        stream.write_all(&[byte]).await?;
                        stream.flush().await?;
                    }
                }
                Say::ForEver(bytes) => loop {
                    stream.write_all(&bytes).await?;
                },
                Say::Reset => {
                    reset(stream.get_ref());
                    return Ok(());
                }
                Say::Close => return stream.shutdown().await,
                Say::Silence => {
                    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// An answer with this body.
pub fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<Say> {
    let mut bytes = head(status, headers);
    bytes.truncate(bytes.len() - 2);
    bytes.extend(format!("content-length: {}\r\n\r\n", body.len()).into_bytes());
    bytes.extend(body);
    vec![Say::Bytes(bytes)]
}

/// An answer whose body comes in these chunks, each in a packet of its own.
pub fn chunks(status: u16, headers: &[(&str, &str)], parts: &[&[u8]]) -> Vec<Say> {
    let headers = [headers, &[("transfer-encoding", "chunked")]].concat();
    let mut all = vec![Say::Bytes(head(status, &headers))];
    for part in parts {
        let mut chunk = format!("{:x}\r\n", part.len()).into_bytes();
        chunk.extend(*part);
        chunk.extend(b"\r\n");
        all.push(Say::Bytes(chunk));
    }
    all.push(Say::Bytes(b"0\r\n\r\n".to_vec()));
    all
}

/// An answer that ends nowhere.
pub fn endless(status: u16) -> Vec<Say> {
    let mut chunk = b"4000\r\n".to_vec();
    chunk.resize(chunk.len() + 0x4000, b'x');
    chunk.extend(b"\r\n");
    vec![Say::Bytes(head(status, &[("transfer-encoding", "chunked")])), Say::ForEver(chunk)]
}

/// An answer whose head comes byte for byte.
pub fn slow(status: u16, pace: Duration) -> Vec<Say> {
    vec![Say::Drip([head(status, &[]), vec![b'x'; 100_000]].concat(), pace)]
}

/// An answer with these lines after the first, as they stand, and this body.
pub fn raw(status: u16, lines: &str, body: &str) -> Vec<Say> {
    vec![Say::Bytes(format!("HTTP/1.1 {status} Scripted\r\n{lines}\r\n{body}").into_bytes())]
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything")
}

fn head(status: u16, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    (head + "\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn it_keeps_what_it_hears_and_says_what_it_is_told() {
        let web = Web::saying(|request| {
            let mut said =
                chunks(200, &[("x-got", "yes")], &[&request.body[..1], &request.body[1..]]);
            said.push(Say::Close);
            said
        })
        .await;
        let mut stream = TcpStream::connect(web.address()).await.unwrap();
        stream
            .write_all(b"POST /a HTTP/1.1\r\nX-B: c\r\ncontent-length: 3\r\n\r\nxyz")
            .await
            .unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        assert!(said.ends_with("\r\n\r\n1\r\nx\r\n2\r\nyz\r\n0\r\n\r\n"), "{said}");
        let requests = web.sees(1).await;
        assert_eq!(requests[0].text(), "POST /a HTTP/1.1\nX-B: c\ncontent-length: 3\nxyz");
    }
}
