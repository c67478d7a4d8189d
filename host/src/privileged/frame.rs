//! One message between the processes of an installation: its length, then JSON.
//!
//! Promise: no more than the bound is read, whatever length the other side names, and what does not
//! fit the type is an error. Nothing is executed, resolved or opened by reading.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Largest message, in bytes: the JSON of one alert, and what goes with it.
pub const FRAME_BYTES_MAX: usize = 4 << 20;

/// Bytes of the length that stands before each message, most significant first.
const LENGTH_BYTES: usize = 4;

/// Reads one message; `None`: the other side has closed before it began one.
pub async fn read<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<T>> {
    let mut length = [0; LENGTH_BYTES];
    match from.read_exact(&mut length).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => _ = read?,
    }
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > FRAME_BYTES_MAX {
        return Err(malformed("is larger than 4 MiB"));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes).await?;
    parse(&bytes).map(Some)
}

/// The message in these bytes, which come without their length.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    // Not the error's own text: that quotes values.
    serde_json::from_slice(bytes).map_err(|_| malformed("is not what this process is asked for"))
}

/// Writes one message, and waits until it is handed on.
pub async fn write<T: Serialize>(to: &mut (impl AsyncWrite + Unpin), what: &T) -> io::Result<()> {
    to.write_all(&bytes(what)?).await?;
    to.flush().await
}

/// The message with its length before it.
pub fn bytes<T: Serialize>(what: &T) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; LENGTH_BYTES];
    serde_json::to_writer(&mut bytes, what)?;
    let length = bytes.len() - LENGTH_BYTES;
    if length > FRAME_BYTES_MAX {
        return Err(malformed("is larger than 4 MiB"));
    }
    let length = u32::try_from(length).map_err(|_| malformed("is larger than 4 MiB"))?;
    bytes[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
    Ok(bytes)
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a message between processes {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read_and_a_length_beyond_the_bound_reads_nothing() {
        let (mut one, mut other) = tokio::io::duplex(64);
        let message = ["a", "b"];
        let writing = write(&mut one, &message);
        let (written, read_back) = tokio::join!(writing, read::<Vec<String>>(&mut other));
        written.unwrap();
        assert_eq!(read_back.unwrap().unwrap(), ["a", "b"]);

        for bytes in [&[0xff, 0xff, 0xff, 0xff][..], &[0, 0, 0, 3, b'{'], &[0, 0, 0, 1, b'{']] {
            let mut from = bytes;
            assert!(read::<Vec<String>>(&mut from).await.is_err(), "{bytes:?}");
        }
        assert!(read::<Vec<String>>(&mut &[][..]).await.unwrap().is_none());
        let long = "x".repeat(FRAME_BYTES_MAX);
        assert!(bytes(&long).is_err() && bytes(&&long[..FRAME_BYTES_MAX - 2]).is_ok());
    }
}
