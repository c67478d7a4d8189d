//! The engine's end of its connection to one helper.
//!
//! Promise: a question is answered, or ends with an error that says whether it can have had an effect.
//! When the monitor has started the helper anew, the next question goes to the new one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot, watch};

use super::frame;
use super::helper::Numbered;

/// Messages that wait to be written.
const WAITING_MAX: usize = 64;

/// A helper, whichever process it is now.
#[derive(Clone, Debug)]
pub struct Link(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Of the helper that is there now.
    now: watch::Sender<Option<Met>>,
    id: AtomicU64,
}

/// A helper that said who it is.
#[derive(Clone, Debug)]
struct Met {
    to: mpsc::Sender<Vec<u8>>,
    hello: Value,
    waiting: Arc<Waiting>,
}

/// Who waits for an answer, by the number of the question. `None`: the helper is gone.
type Waiting = Mutex<Option<HashMap<u64, oneshot::Sender<Value>>>>;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Nothing was asked.
    #[error("its helper process is not there; the log says why, and it is started again by itself")]
    Down,
    /// It may have done it.
    #[error("its helper process ended in the middle; the log says why")]
    Lost,
    /// It may still do it.
    #[error("its helper process did not answer in time")]
    Late,
    /// Nothing was asked.
    #[error("what its helper process would be asked is larger than 4 MiB")]
    TooLarge,
    /// It did something.
    #[error("its helper process answered what nobody asked for; is it of another version?")]
    Malformed,
}

impl Default for Link {
    fn default() -> Self {
        Self(Arc::new(Shared { now: watch::Sender::new(None), id: AtomicU64::new(1) }))
    }
}

impl Link {
    /// What the helper told of itself; `None`: it is not there.
    pub fn hello(&self) -> Option<Value> {
        self.0.now.borrow().as_ref().map(|met| met.hello.clone())
    }

    /// Waits until a helper has said who it is; `false`: none did in time.
    pub async fn met(&self, within: Duration) -> bool {
        let mut now = self.0.now.subscribe();
        matches!(tokio::time::timeout(within, now.wait_for(Option::is_some)).await, Ok(Ok(_)))
    }

    /// Speaks with the helper at the other end of `stream` from now on, until it is gone.
    pub async fn speak(&self, stream: UnixStream) {
        let (mut from, mut to) = stream.into_split();
        let Ok(Some(hello)) = frame::read::<Value>(&mut from).await else { return };
        let (sender, mut receiver) = mpsc::channel::<Vec<u8>>(WAITING_MAX);
        let waiting: Arc<Waiting> = Arc::new(Mutex::new(Some(HashMap::new())));
        self.0.now.send_replace(Some(Met { to: sender, hello, waiting: Arc::clone(&waiting) }));
        let write = async {
            while let Some(bytes) = receiver.recv().await {
                if tokio::io::AsyncWriteExt::write_all(&mut to, &bytes).await.is_err() {
                    return;
                }
            }
        };
        let read = async {
            while let Ok(Some(answer)) = frame::read::<Numbered<Value>>(&mut from).await {
                let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
                let asked = waiting.as_mut().and_then(|all| all.remove(&answer.id));
                // Who asked may have given up.
                if let Some(asked) = asked {
                    let _ = asked.send(answer.what);
                }
            }
        };
        tokio::select! {
            () = write => {}
            () = read => {}
        }
        // Whoever waits is told, and nobody joins them.
        drop(waiting.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.0.now.send_if_modified(|now| {
            let is_ours = now.as_ref().is_some_and(|met| Arc::ptr_eq(&met.waiting, &waiting));
            is_ours && now.take().is_some()
        });
    }

    /// Asks the helper, and waits for its answer.
    pub async fn ask<A: Serialize, R: DeserializeOwned>(
        &self,
        ask: &A,
        within: Duration,
    ) -> Result<R, LinkError> {
        let met = self.0.now.borrow().clone().ok_or(LinkError::Down)?;
        let id = self.0.id.fetch_add(1, Ordering::Relaxed);
        let bytes = frame::bytes(&Numbered { id, what: ask }).map_err(|_| LinkError::TooLarge)?;
        let (answer, answered) = oneshot::channel();
        match met.waiting.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(waiting) => _ = waiting.insert(id, answer),
            None => return Err(LinkError::Down),
        }
        let asking = async {
            met.to.send(bytes).await.map_err(|_| LinkError::Down)?;
            answered.await.map_err(|_| LinkError::Lost)
        };
        let answer = tokio::time::timeout(within, asking).await;
        if answer.is_err()
            && let Some(waiting) =
                met.waiting.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
        {
            waiting.remove(&id);
        }
        let answer: Value = answer.map_err(|_| LinkError::Late)??;
        serde_json::from_value(answer).map_err(|_| LinkError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn the_next_question_goes_to_the_helper_that_came_after_one_that_is_gone() {
        let link = Link::default();
        assert!(matches!(link.ask::<_, u32>(&1, SOON).await, Err(LinkError::Down)));
        for _ in 0..2 {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            let speaking = link.speak(ours);
            let helper = async {
                frame::write(&mut theirs, &"hello").await.unwrap();
                assert!(link.met(SOON).await);
                let ask = async { link.ask::<_, u32>(&7, SOON).await };
                let answer = async {
                    let asked: Numbered<u32> = frame::read(&mut theirs).await.unwrap().unwrap();
                    let answer = Numbered { id: asked.id, what: asked.what + 1 };
                    frame::write(&mut theirs, &answer).await.unwrap();
                };
                let (answer, ()) = tokio::join!(ask, answer);
                assert_eq!(answer.unwrap(), 8);
                assert_eq!(link.hello().unwrap(), "hello");

                let ask = async { link.ask::<_, u32>(&9, SOON).await };
                let end = async {
                    let _: Numbered<u32> = frame::read(&mut theirs).await.unwrap().unwrap();
                    drop(theirs);
                };
                let (answer, ()) = tokio::join!(ask, end);
                assert!(matches!(answer, Err(LinkError::Lost)), "{answer:?}");
            };
            tokio::join!(speaking, helper);
            assert!(link.hello().is_none());
        }
    }
}
