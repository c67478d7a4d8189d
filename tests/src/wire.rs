//! HTTP/1.1 on the wire, as plain as a test needs it: what came is kept as it came.
//!
//! Promise: header names keep their case and order, bodies their bytes. Not a client and not a
//! server: nothing here decides what to send.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// The first line and the headers of a request or an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// `POST /hook HTTP/1.1`, or `HTTP/1.1 200 OK`.
    pub line: String,
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(one, _)| one.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Reads a head; `None` if the peer closed before its first byte.
pub async fn read_head(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Head>> {
    let Some(line) = read_line(from).await? else { return Ok(None) };
    let mut head = Head { line, headers: Vec::new() };
    loop {
        let line = read_line(from).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if line.is_empty() {
            return Ok(Some(head));
        }
        let (name, value) = line.split_once(':').ok_or_else(|| unreadable(&line))?;
        head.headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

/// Reads the body that `head` announces: chunked, of a length, or else none.
pub async fn read_body(from: &mut (impl AsyncBufRead + Unpin), head: &Head) -> io::Result<Vec<u8>> {
    if head.header("transfer-encoding").is_some_and(|value| value.ends_with("chunked")) {
        return read_chunks(from).await;
    }
    let length = head.header("content-length").unwrap_or("0");
    let length = length.parse().map_err(|_| unreadable(&length))?;
    let mut body = vec![0; length];
    from.read_exact(&mut body).await?;
    Ok(body)
}

async fn read_chunks(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = read_line(from).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let size = usize::from_str_radix(&size, 16).map_err(|_| unreadable(&size))?;
        let start = body.len();
        body.resize(start + size, 0);
        from.read_exact(&mut body[start..]).await?;
        // The line end after a chunk; after the last one it ends the (empty) trailers.
        read_line(from).await?;
        if size == 0 {
            return Ok(body);
        }
    }
}

/// A line without its end; `None` at the end of the stream.
async fn read_line(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if from.read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).map(Some).map_err(|error| unreadable(&error))
}

fn unreadable(what: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not HTTP/1.1: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_message_is_read_with_its_headers_in_order_and_its_body_to_the_byte() {
        let table: [(&str, &[u8]); 4] = [
            ("POST / HTTP/1.1\r\nB: 1\r\na: 2\r\nContent-Length: 3\r\n\r\nabcREST", b"abc"),
            ("POST / HTTP/1.1\nB:1\na:  2 \ncontent-length: 0\n\nREST", b""),
            ("POST / HTTP/1.1\r\nB: 1\r\na: 2\r\n\r\nREST", b""),
            (
                "POST / HTTP/1.1\r\nB: 1\r\na: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\nREST",
                b"abc",
            ),
        ];
        for (text, expected) in table {
            let mut from = text.as_bytes();
            let head = read_head(&mut from).await.unwrap().expect("a head");
            assert_eq!(head.line, "POST / HTTP/1.1", "{text:?}");
            assert_eq!(head.headers[0], ("B".to_owned(), "1".to_owned()), "{text:?}");
            assert_eq!(head.header("A"), Some("2"), "{text:?}");
            assert_eq!(read_body(&mut from, &head).await.unwrap(), expected, "{text:?}");
            assert_eq!(from, b"REST", "{text:?}");
        }
    }

    #[tokio::test]
    async fn a_message_that_ends_early_is_an_error_and_a_closed_stream_is_none() {
        assert_eq!(read_head(&mut &b""[..]).await.unwrap(), None);
        for text in
            ["POST / HT", "POST / HTTP/1.1\r\nA: 1\r\n", "POST / HTTP/1.1\r\nno colon\r\n\r\n"]
        {
            assert!(read_head(&mut text.as_bytes()).await.is_err(), "{text:?}");
        }
        let head = read_head(&mut &b"X\r\ncontent-length: 4\r\n\r\n"[..]).await.unwrap().unwrap();
        assert!(read_body(&mut &b"abc"[..], &head).await.is_err());
    }
}
