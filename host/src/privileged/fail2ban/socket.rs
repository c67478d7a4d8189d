//! Fail2Ban's own socket: one question, one answer, one connection.
//!
//! Promise: what is sent is a list of texts; what comes back is bounded in bytes and read as plain
//! values. Whoever may open this socket is root on this machine, since Fail2Ban runs what it is sent.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::pickle::{self, PICKLE_BYTES_MAX, PickleError, Value};
use super::protocol::{Command, Trouble};
use super::server::{Reply, Said};
use crate::printable::printable;

const END: &[u8] = b"<F2B_END_COMMAND>";
const CLOSE: &[u8] = b"<F2B_CLOSE_COMMAND>";

/// Between two tries where its one place is taken.
const AGAIN: Duration = Duration::from_millis(20);
/// So often where nobody listens: it may be about to.
const TRIES_MAX: u32 = 10;

/// Asks the server at `path`. The caller bounds the time.
pub(super) async fn ask(path: &Path, command: Command<'_>) -> Reply {
    let mut stream = connect(path).await.map_err(|error| unconnected(path, &error))?;
    let answer = exchange(&mut stream, command).await.map_err(|error| broken(&error))?;
    // In order; it has answered, so how this ends says nothing.
    let _ = stream.write_all(&[CLOSE, END].concat()).await;
    let _ = stream.shutdown().await;
    judge(&answer)
}

async fn connect(path: &Path) -> io::Result<UnixStream> {
    let mut refused = 0;
    loop {
        match UnixStream::connect(path).await {
            // It has room for one at a time, and says so in this way.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                refused += 1;
                if refused >= TRIES_MAX {
                    return Err(error);
                }
            }
            done => return done,
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn exchange(stream: &mut UnixStream, command: Command<'_>) -> io::Result<Vec<u8>> {
    let words = command.words();
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    let asked = [pickle::write(&words).as_slice(), END].concat();
    stream.write_all(&asked).await?;
    let mut answer = Vec::with_capacity(4 << 10);
    while !answer.ends_with(END) {
        if answer.len() > PICKLE_BYTES_MAX + END.len() {
            // Its pickle is too large, which the reader says.
            return Ok(answer);
        }
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    answer.truncate(answer.len() - END.len());
    Ok(answer)
}

fn judge(answer: &[u8]) -> Reply {
    let value = pickle::read(answer).map_err(|error| match error {
        PickleError::Large | PickleError::Deep => (Trouble::Other, format!("its answer: {error}")),
        PickleError::Malformed(_) => {
            (Trouble::Other, format!("its answer cannot be understood: {error}"))
        }
    })?;
    match &value {
        Value::Tuple(pair) => match &pair[..] {
            [Value::Int(0), said] => Ok(said_of(said)),
            [Value::Int(1), exception] => Err(refusal(exception)),
            _ => Err((Trouble::Other, "its answer has another shape than expected".to_owned())),
        },
        // A text: it could not read what it was sent.
        other => {
            let text = other.as_text().unwrap_or("something that is no answer");
            Err((Trouble::Other, format!("it answered: {}", printable(text, 256))))
        }
    }
}

fn said_of(value: &Value) -> Said {
    match value {
        Value::Int(number) => Said::Number(u64::try_from(*number).unwrap_or(0)),
        other => match other.as_text() {
            Some(text) => Said::Text(text.to_owned()),
            None => Said::Facts(facts(other)),
        },
    }
}

/// Numbers of a status: `[("Filter", [("Currently failed", 2), ..]), ("Actions", [..])]`.
fn facts(status: &Value) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    for part in status.items() {
        let [_, lines] = part.items() else { continue };
        for line in lines.items() {
            if let [name, Value::Int(count)] = line.items()
                && let Some(name) = name.as_text()
                && facts.len() < 16
            {
                facts.push((printable(name, 64), count.to_string()));
            }
        }
    }
    facts
}

fn refusal(exception: &Value) -> (Trouble, String) {
    let Value::Object(class, arguments) = exception else {
        return (Trouble::Other, "it refused, and does not say why".to_owned());
    };
    let name = class.rsplit('.').next().unwrap_or_default();
    let words = arguments.items().iter().filter_map(Value::as_text).collect::<Vec<_>>();
    let detail =
        format!("it refused: {} {}", printable(name, 64), printable(&words.join(" "), 256));
    let trouble = match name {
        "UnknownJailException" | "KeyError" => Trouble::UnknownJail,
        "ValueError" => Trouble::BadValue,
        _ => Trouble::Other,
    };
    (trouble, detail.trim_end().to_owned())
}

fn unconnected(path: &Path, error: &io::Error) -> (Trouble, String) {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => (
            Trouble::Absent,
            format!("nobody listens at `{shown}`; start fail2ban, or correct `fail2ban.socket`"),
        ),
        io::ErrorKind::PermissionDenied => (
            Trouble::Denied,
            format!(
                "`{shown}` may not be opened; the helper must run as root (never open the \
                     socket to others: whoever has it is root)"
            ),
        ),
        _ => (Trouble::Unasked, format!("fail2ban cannot be reached: {error}")),
    }
}

fn broken(error: &io::Error) -> (Trouble, String) {
    (Trouble::Broken, format!("the conversation with fail2ban broke: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_become_what_services_say_of_them() {
        let table: [(&[u8], Reply); 7] = [
            (b"\x80\x05K\0K\x01\x86.", Ok(Said::Number(1))),
            (b"K\0K\0\x86.", Ok(Said::Number(0))),
            (b"K\0\x8c\x04pong\x86.", Ok(Said::Text("pong".to_owned()))),
            (
                b"K\x01cfail2ban.exceptions\nUnknownJailException\n(\x8c\x04ssh2tR\x86.",
                Err((Trouble::UnknownJail, "it refused: UnknownJailException ssh2".to_owned())),
            ),
            (
                b"K\x01cbuiltins\nValueError\n(\x8c\x06bad\x1b[2tR\x86.",
                Err((Trouble::BadValue, "it refused: ValueError bad\\u{1b}[2".to_owned())),
            ),
            (b"\x8c\x08ERROR: x.", Err((Trouble::Other, "it answered: ERROR: x".to_owned()))),
            (
                b"K\x02K\0\x86.",
                Err((Trouble::Other, "its answer has another shape than expected".to_owned())),
            ),
        ];
        for (bytes, expected) in table {
            assert_eq!(judge(bytes), expected, "{bytes:?}");
        }
        assert!(judge(b"rubbish").is_err_and(|(trouble, _)| trouble == Trouble::Other));
    }
}
