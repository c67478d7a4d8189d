//! Conversations by script, one for each connection, in the order in which they are made.

use std::io;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{DEADLINE, SHORT};
use crate::contract::Held;

/// A server under way.
pub(super) struct Playing {
    /// Ends with the value.
    task: JoinSet<Held>,
    /// Calls that have returned.
    calls: watch::Sender<usize>,
    /// `wait` steps whose consequences are done.
    passed: watch::Receiver<usize>,
    waits: usize,
}

/// One step of a script.
#[derive(Clone, Debug)]
enum Step {
    /// The server says this.
    Server(String),
    /// The client says exactly this.
    Client(String),
    /// The client says a line that begins with this.
    ClientMatches(String),
    /// TLS begins.
    StartTls,
    /// What follows is done once the call has returned, and before the next.
    Wait,
    Close,
    Reset,
    /// Takes everything and says nothing.
    Hang,
}

impl Playing {
    pub(super) fn start(
        listener: TcpListener,
        tls: TlsAcceptor,
        is_encrypted: bool,
        conversations: &[Value],
    ) -> Result<Self, String> {
        let mut scripts = Vec::new();
        for conversation in conversations {
            let steps =
                conversation.as_array().ok_or("expected a conversation, a list of steps")?;
            scripts.push(steps.iter().map(step).collect::<Result<Vec<_>, _>>()?);
        }
        let waits = scripts.iter().flatten().filter(|step| matches!(step, Step::Wait)).count();
        let calls = watch::Sender::new(0);
        let (done, passed) = watch::channel(0);
        let hear = calls.subscribe();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut turn = Turn { calls: hear, passed: done, waits: 0, owes: false };
            for (at, script) in scripts.iter().enumerate() {
                let accepted = timeout(DEADLINE, listener.accept()).await;
                let accepted = accepted.map_err(|_| format!("nobody made connection {at}"))?;
                let (stream, _) = accepted.map_err(|error| error.to_string())?;
                let held = converse(stream, &tls, is_encrypted, script, &mut turn).await;
                turn.pass();
                held.map_err(|what| format!("connection {at}, {what}"))?;
            }
            match timeout(SHORT, listener.accept()).await {
                Ok(Ok(_)) => Err(format!("connection {} is one too many", scripts.len())),
                _ => Ok(()),
            }
        });
        Ok(Self { task, calls, passed, waits })
    }

    /// A call has returned.
    pub(super) async fn called(&mut self) -> Held {
        self.calls.send_modify(|calls| *calls += 1);
        let calls = *self.calls.borrow();
        if calls > self.waits {
            return Ok(());
        }
        match timeout(DEADLINE, self.passed.wait_for(|passed| *passed >= calls)).await {
            // It ended before that, and tells why when it is asked.
            Ok(_) => Ok(()),
            Err(_) => Err(format!("the script did not come past its wait {calls}")),
        }
    }

    /// Whether everything was said that the scripts have.
    pub(super) async fn ended(mut self) -> Held {
        match timeout(DEADLINE, self.task.join_next()).await {
            Ok(Some(held)) => held.map_err(|error| error.to_string())?,
            Ok(None) => Ok(()),
            Err(_) => Err("the conversation did not end".to_owned()),
        }
    }
}

fn step(step: &Value) -> Result<Step, String> {
    let only = step.as_object().filter(|step| step.len() == 1);
    let (name, value) = only
        .and_then(|step| step.iter().next())
        .ok_or_else(|| format!("expected a step with one key, got {step}"))?;
    let text = || value.as_str().map(str::to_owned).ok_or(format!("`{name}`: expected a text"));
    Ok(match name.as_str() {
        "server" => Step::Server(text()?),
        "client" => Step::Client(text()?),
        "client_matches" => Step::ClientMatches(text()?),
        "starttls" => Step::StartTls,
        "wait" => Step::Wait,
        "close" => Step::Close,
        "reset" => Step::Reset,
        "hang" => Step::Hang,
        other => return Err(format!("there is no step `{other}`")),
    })
}

/// Whose turn it is: the script's or the call's.
struct Turn {
    calls: watch::Receiver<usize>,
    passed: watch::Sender<usize>,
    waits: usize,
    owes: bool,
}

impl Turn {
    async fn wait(&mut self) -> Held {
        self.pass();
        self.waits += 1;
        let waits = self.waits;
        let waited = timeout(DEADLINE, self.calls.wait_for(|calls| *calls >= waits)).await;
        waited.map_err(|_| "the call did not return".to_owned())?.map_err(|e| e.to_string())?;
        self.owes = true;
        Ok(())
    }

    fn pass(&mut self) {
        if std::mem::take(&mut self.owes) {
            self.passed.send_modify(|passed| *passed += 1);
        }
    }
}

/// The bytes of one connection.
enum Line {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Line {
    async fn read(&mut self, to: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read_buf(to).await,
            Self::Tls(stream) => stream.read_buf(to).await,
        }
    }

    async fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.shutdown().await,
            Self::Tls(stream) => stream.shutdown().await,
        }
    }

    fn reset(&self) {
        let stream = match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        };
        // The client may have gone before.
        drop(stream.set_zero_linger());
    }
}

async fn converse(
    stream: TcpStream,
    tls: &TlsAcceptor,
    is_encrypted: bool,
    script: &[Step],
    turn: &mut Turn,
) -> Held {
    let mut line = Line::Plain(stream);
    if is_encrypted {
        line = match encrypted(line, tls).await {
            Ok(line) => line,
            // Whom the client does not trust it does not speak with.
            Err(_) if script.is_empty() => return Ok(()),
            Err(error) => return Err(error),
        };
    }
    let mut heard = Vec::new();
    for (at, step) in script.iter().enumerate() {
        let told = |what: String| format!("step {at}: {what}");
        match step {
            Step::Server(text) => {
                line.say(text.as_bytes()).await.map_err(|error| told(error.to_string()))?;
            }
            Step::Client(text) => {
                turn.pass();
                hear(&mut line, &mut heard, text, |heard| heard.len() >= text.len())
                    .await
                    .map_err(told)?;
                heard.drain(..text.len());
            }
            Step::ClientMatches(text) => {
                turn.pass();
                hear(&mut line, &mut heard, text, |heard| heard.contains(&b'\n'))
                    .await
                    .map_err(told)?;
                let end = heard.iter().position(|byte| *byte == b'\n').unwrap_or_default();
                heard.drain(..=end);
            }
            Step::StartTls => {
                if !heard.is_empty() {
                    return Err(told(format!("more was said before TLS: {}", lossy(&heard))));
                }
                line = encrypted(line, tls).await.map_err(told)?;
            }
            Step::Wait => turn.wait().await.map_err(told)?,
            Step::Close => {
                // The client may have gone before.
                drop(line.close().await);
                return Ok(());
            }
            Step::Reset => {
                line.reset();
                return Ok(());
            }
            Step::Hang => {
                turn.pass();
                while matches!(line.read(&mut heard).await, Ok(1..)) {}
                return Ok(());
            }
        }
    }
    turn.pass();
    // One that is reset is over, too.
    while matches!(line.read(&mut heard).await, Ok(1..)) {}
    if heard.is_empty() {
        Ok(())
    } else {
        Err(format!("at the end more was said: {}", lossy(&heard)))
    }
}

async fn encrypted(line: Line, tls: &TlsAcceptor) -> Result<Line, String> {
    let Line::Plain(stream) = line else { return Err("TLS within TLS".to_owned()) };
    match timeout(DEADLINE, tls.accept(stream)).await {
        Ok(Ok(stream)) => Ok(Line::Tls(Box::new(stream))),
        Ok(Err(error)) => Err(format!("no TLS: {error}")),
        Err(_) => Err("no TLS in time".to_owned()),
    }
}

/// Reads until it is enough, and looks whether it begins with `expected`.
async fn hear(
    line: &mut Line,
    heard: &mut Vec<u8>,
    expected: &str,
    is_enough: impl Fn(&[u8]) -> bool,
) -> Held {
    let wrong = |heard: &[u8]| format!("expected {expected:?}, got {}", lossy(heard));
    while !is_enough(heard) {
        match timeout(DEADLINE, line.read(heard)).await {
            Ok(Ok(1..)) => {}
            Ok(Ok(0)) => return Err(format!("{}, and the end", wrong(heard))),
            Ok(Err(error)) => return Err(format!("{}, and {error}", wrong(heard))),
            Err(_) => return Err(format!("{}, and nothing more", wrong(heard))),
        }
    }
    if heard.starts_with(expected.as_bytes()) { Ok(()) } else { Err(wrong(heard)) }
}

fn lossy(bytes: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(bytes))
}
