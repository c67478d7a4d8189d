//! The service at the other end: it records what reaches it, and answers by script.
//!
//! Promise: real sockets, port 0 unless told otherwise, and no politeness: a scripted fault is on
//! the wire what it says (a reset is a reset). A request is recorded before it is answered.

mod reply;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use self::reply::Reply;
use crate::DEADLINE;
use crate::wire::{self, Head};

/// A running capture server; it stops when dropped.
#[derive(Debug)]
pub struct Capture {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Ends with the value, and takes its conversations with it.
    _server: JoinSet<()>,
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub head: Head,
    pub body: Vec<u8>,
    /// When its last byte was read.
    pub arrived: Instant,
    /// Which connection brought it, counting from 0.
    pub connection: usize,
}

impl Capture {
    /// Answers the first requests with `replies`, in order, and all others with 200.
    pub async fn answering<R: Into<Reply>>(replies: impl IntoIterator<Item = R>) -> Self {
        let replies = replies.into_iter().map(Into::into).collect();
        Self::listening("127.0.0.1:0", Script::List(replies)).await.expect("a free port")
    }

    /// Answers each request with what `rule` says of it.
    pub async fn deciding<F>(rule: F) -> Self
    where
        F: Fn(&Request) -> Reply + Send + Sync + 'static,
    {
        Self::listening("127.0.0.1:0", Script::Rule(Box::new(rule))).await.expect("a free port")
    }

    /// Listens on an address of the caller's choice.
    pub async fn listening(address: &str, script: Script) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let seen = watch::Sender::new(Seen::default());
        let shared = Arc::new(Shared { script: Mutex::new(script), seen });
        let mut server = JoinSet::new();
        server.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, _server: server })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL that a webhook is pointed at.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Waits until `count` requests have arrived whole, and returns all that have.
    pub async fn sees(&self, count: usize) -> Vec<Request> {
        self.waits(&format!("{count} requests"), |seen| seen.requests.len() >= count).await;
        self.requests()
    }

    /// Waits until `count` requests were begun, those included that were reset unread.
    pub async fn sees_attempts(&self, count: usize) {
        self.waits(&format!("{count} attempts"), |seen| seen.attempts >= count).await;
    }

    /// The request at this position, however long it takes to come.
    pub async fn request(&self, position: usize) -> Request {
        let mut seen = self.shared.seen.subscribe();
        let seen = seen.wait_for(|seen| seen.requests.len() > position).await;
        seen.expect("the sender lives as long as `self`").requests[position].clone()
    }

    /// What has arrived until now.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.seen.borrow().requests.clone()
    }

    /// How many requests were begun until now.
    pub fn attempts(&self) -> usize {
        self.shared.seen.borrow().attempts
    }

    /// How many requests have arrived whole until now.
    pub fn count(&self) -> usize {
        self.shared.seen.borrow().requests.len()
    }

    /// Waits until all that was sent by peers who are gone by now has been read. Only where nobody
    /// else connects meanwhile.
    pub async fn falls_silent(&self) {
        // Connections are taken in the order in which they were made, so ours is the last.
        let last = TcpStream::connect(self.address).await.and_then(|last| last.local_addr());
        let last = last.expect("the server listens as long as `self` lives");
        self.waits("silence", |seen| seen.newest == Some(last) && seen.open == 0).await;
    }

    async fn waits(&self, what: &str, enough: impl FnMut(&Seen) -> bool) {
        let mut seen = self.shared.seen.subscribe();
        if tokio::time::timeout(DEADLINE, seen.wait_for(enough)).await.is_err() {
            let seen = self.shared.seen.borrow();
            let lines: Vec<_> = seen.requests.iter().map(|one| &one.head.line).collect();
            panic!("{what} within {DEADLINE:?}: saw {} attempts, {lines:?}", seen.attempts);
        }
    }
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// The body as JSON; panics with the body where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("expected JSON ({error}), got {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The message's id; panics where there is none.
    pub fn webhook_id(&self) -> &str {
        self.header("webhook-id").unwrap_or_else(|| panic!("no webhook-id in {:?}", self.head))
    }

    /// The alerts it carries: of ntopng's envelope and of the native payload alike.
    pub fn alerts(&self) -> Vec<Value> {
        self.json()["alerts"].as_array().cloned().unwrap_or_default()
    }
}

/// How the server decides.
pub enum Script {
    /// By the number of the request; 200 once the list is used up.
    List(VecDeque<Reply>),
    /// By the request itself.
    Rule(Box<dyn Fn(&Request) -> Reply + Send + Sync>),
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(replies) => f.debug_tuple("List").field(replies).finish(),
            Self::Rule(_) => f.write_str("Rule"),
        }
    }
}

#[derive(Debug)]
struct Shared {
    script: Mutex<Script>,
    seen: watch::Sender<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Connections that have not ended.
    open: usize,
    /// Who connected last.
    newest: Option<SocketAddr>,
    attempts: usize,
    requests: Vec<Request>,
}

impl Shared {
    /// Counts an attempt; the reply to it where its number alone decides.
    fn begin(&self) -> Option<Reply> {
        let reply = match &mut *self.script.lock().unwrap_or_else(PoisonError::into_inner) {
            Script::List(replies) => Some(replies.pop_front().unwrap_or_else(|| 200.into())),
            Script::Rule(_) => None,
        };
        self.seen.send_modify(|seen| seen.attempts += 1);
        reply
    }

    fn decide(&self, request: &Request) -> Reply {
        match &*self.script.lock().unwrap_or_else(PoisonError::into_inner) {
            Script::Rule(rule) => rule(request),
            Script::List(_) => 200.into(),
        }
    }
}

/// Takes connections until it is aborted, and its conversations with it.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut conversations = JoinSet::new();
    for number in 0.. {
        let Ok((stream, peer)) = listener.accept().await else { return };
        shared.seen.send_modify(|seen| {
            seen.open += 1;
            seen.newest = Some(peer);
        });
        let shared = Arc::clone(&shared);
        conversations.spawn(async move {
            // A peer that went away in the middle is the peer's affair: its test sees it elsewhere.
            let _ = converse(stream, number, &shared).await;
            shared.seen.send_modify(|seen| seen.open -= 1);
        });
        while conversations.try_join_next().is_some() {}
    }
}

async fn converse(stream: TcpStream, connection: usize, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while !stream.fill_buf().await?.is_empty() {
        let scripted = shared.begin();
        if matches!(scripted, Some(Reply::ResetUnread)) {
            return stream.get_ref().set_zero_linger();
        }
        let Some(head) = wire::read_head(&mut stream).await? else { break };
        let body = wire::read_body(&mut stream, &head).await?;
        let request = Request { head, body, arrived: Instant::now(), connection };
        let reply = scripted.unwrap_or_else(|| shared.decide(&request));
        shared.seen.send_modify(|seen| seen.requests.push(request));
        if !reply.say(&mut stream).await? {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
