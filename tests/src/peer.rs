//! Services that are not honest: name servers, web servers and mail servers that answer by script.
//!
//! Promise: real sockets on loopback and a free port; everything that is said to a peer is kept, and
//! everything ends when the peer is dropped.
//!
//! Not here: the server that plays an honest service, and its faults (`capture`).

pub mod dns;
pub mod http;
pub mod smtp;
pub mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::DEADLINE;

/// Takes connections until it is dropped.
#[derive(Debug)]
struct Listening {
    address: SocketAddr,
    /// Ends with the value, and takes its conversations with it.
    _tasks: JoinSet<()>,
}

impl Listening {
    /// Holds `converse` with each who connects.
    async fn start<F>(converse: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address that was bound");
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut conversations = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let conversation = converse(stream);
                // Whoever goes away in the middle tells his own test.
                conversations.spawn(async move { drop(conversation.await) });
                while conversations.try_join_next().is_some() {}
            }
        });
        Self { address, _tasks: tasks }
    }
}

/// What was said to a peer, in order.
#[derive(Debug)]
struct Heard<T>(Arc<watch::Sender<Vec<T>>>);

impl<T> Clone for Heard<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Heard<T> {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Vec::new())))
    }
}

impl<T: Clone> Heard<T> {
    fn add(&self, one: T) {
        self.0.send_modify(|all| all.push(one));
    }

    fn all(&self) -> Vec<T> {
        self.0.borrow().clone()
    }

    /// Waits until it was said so often.
    async fn sees(&self, count: usize) -> Vec<T> {
        let mut all = self.0.subscribe();
        let found = tokio::time::timeout(DEADLINE, all.wait_for(|all| all.len() >= count)).await;
        match found {
            Ok(found) => found.expect("the sender lives as long as `self`").clone(),
            Err(_) => panic!("{count} within {DEADLINE:?}: saw {}", self.0.borrow().len()),
        }
    }
}

/// A script that counts, shared by conversations.
type Script<A, B> = Arc<Mutex<Box<dyn FnMut(&A) -> B + Send>>>;

fn script<A, B>(script: impl FnMut(&A) -> B + Send + 'static) -> Script<A, B> {
    Arc::new(Mutex::new(Box::new(script)))
}

fn run<A, B>(script: &Script<A, B>, given: &A) -> B {
    (script.lock().unwrap_or_else(PoisonError::into_inner))(given)
}
