//! What the capture server can say, or fail to.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A whole answer, after which the connection is kept.
    Answer { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// RST as soon as the first byte of the request is there.
    ResetUnread,
    /// RST once the request was read whole.
    Reset,
    /// Nothing, until the peer gives up.
    Hang,
    /// A head that promises `promised` bytes, `body`, and the end of the connection.
    Cut { status: u16, promised: usize, body: Vec<u8> },
    /// A whole answer whose body comes one byte per `pace`.
    Slow { status: u16, body: Vec<u8>, pace: Duration },
    /// A body without end, as fast as the peer takes it.
    Endless { status: u16 },
}

impl Reply {
    pub fn text(status: u16, body: &str) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.into() }
    }

    /// An answer with one header more.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// 429, to be asked again after so many seconds.
    pub fn later(retry_after_s: u32) -> Self {
        Self::from(429).with("Retry-After", &retry_after_s.to_string())
    }

    /// A whole answer with `count` headers that nobody needs.
    pub fn of_many_headers(status: u16, count: usize) -> Self {
        let headers = (0..count).map(|at| (format!("x-{at}"), "0".repeat(64))).collect();
        Self::Answer { status, headers, body: Vec::new() }
    }

    /// Says it; whether the connection goes on.
    pub(super) async fn say(&self, stream: &mut BufReader<TcpStream>) -> io::Result<bool> {
        match self {
            Self::Answer { status, headers, body } => {
                let mut bytes = head(*status, headers, body.len());
                bytes.extend_from_slice(body);
                stream.get_mut().write_all(&bytes).await?;
                Ok(true)
            }
            Self::ResetUnread | Self::Reset => {
                stream.get_ref().set_zero_linger()?;
                Ok(false)
            }
            Self::Hang => {
                // Ends with the peer's close, so that nothing is left behind.
                stream.read_to_end(&mut Vec::new()).await?;
                Ok(false)
            }
            Self::Cut { status, promised, body } => {
                let mut bytes = head(*status, &[], *promised);
                bytes.extend_from_slice(body);
                stream.get_mut().write_all(&bytes).await?;
                stream.get_mut().shutdown().await?;
                Ok(false)
            }
            Self::Slow { status, body, pace } => {
                let mut ticks = tokio::time::interval(*pace);
                stream.get_mut().write_all(&head(*status, &[], body.len())).await?;
                for byte in body {
                    ticks.tick().await;
                    stream.get_mut().write_all(&[*byte]).await?;
                }
                Ok(true)
            }
            Self::Endless { status } => {
                let head =
                    format!("HTTP/1.1 {status} Scripted\r\ntransfer-encoding: chunked\r\n\r\n");
                stream.get_mut().write_all(head.as_bytes()).await?;
                let mut chunk = b"4000\r\n".to_vec();
                chunk.resize(chunk.len() + 0x4000, b'x');
                chunk.extend_from_slice(b"\r\n");
                loop {
                    stream.get_mut().write_all(&chunk).await?;
                }
            }
        }
    }
}

impl From<u16> for Reply {
    /// A whole answer of this status with an empty body.
    fn from(status: u16) -> Self {
        Self::Answer { status, headers: Vec::new(), body: Vec::new() }
    }
}

fn head(status: u16, headers: &[(String, String)], length: usize) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {length}\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    head.into_bytes()
}
