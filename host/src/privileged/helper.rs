//! What every helper does: it hears the engine, does one thing at a time per question, and answers.
//!
//! Promise: a helper whose engine is gone drops what it was doing, which ends what it had started.

use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::frame;

/// Questions that are answered at once; the next are not read before.
const AT_ONCE_MAX: usize = 64;

/// A question with its number, which the answer repeats.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Numbered<T> {
    pub id: u64,
    pub what: T,
}

/// What one helper does.
pub trait Verbs: 'static {
    type Ask: DeserializeOwned;
    type Answer: Serialize + 'static;
    /// What it tells the engine of itself when they meet: what its policy allows.
    type Hello: Serialize;

    fn hello(&self) -> Self::Hello;

    /// Does it. Dropped when the engine is gone, which must end all that it began.
    fn perform(self: Rc<Self>, ask: Self::Ask) -> impl Future<Output = Self::Answer> + 'static;
}

/// Serves one engine until it is gone. Runs in a `LocalSet`.
pub async fn serve<V: Verbs>(verbs: Rc<V>, engine: UnixStream) -> io::Result<()> {
    let (mut from, mut to) = engine.into_split();
    match frame::write(&mut to, &verbs.hello()).await {
        Err(error) if is_gone(&error) => return Ok(()),
        written => written?,
    }
    let (answers, mut answered) = mpsc::channel::<Vec<u8>>(AT_ONCE_MAX);
    let write = async {
        while let Some(bytes) = answered.recv().await {
            to.write_all(&bytes).await?;
        }
        io::Result::Ok(())
    };
    let read = async {
        let places = Arc::new(Semaphore::new(AT_ONCE_MAX));
        // Dropped with this future, and what each question had begun with it.
        let mut doing = JoinSet::new();
        loop {
            let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
            let asked = frame::read::<Numbered<V::Ask>>(&mut from).await?;
            let Some(Numbered { id, what }) = asked else { return Ok(()) };
            while doing.try_join_next().is_some() {}
            let (verbs, answers) = (Rc::clone(&verbs), answers.clone());
            doing.spawn_local(async move {
                let answer = Numbered { id, what: verbs.perform(what).await };
                if let Ok(bytes) = frame::bytes(&answer) {
                    // Nobody hears it if the engine is gone.
                    let _ = answers.send(bytes).await;
                }
                drop(place);
            });
        }
    };
    let served = tokio::select! {
        written = write => written,
        read = read => read,
    };
    match served {
        // An engine that was killed closes nothing in order.
        Err(error) if is_gone(&error) => Ok(()),
        served => served,
    }
}

fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use tokio::task::LocalSet;

    use super::*;

    /// Answers a number with itself; 0 takes for ever.
    struct Echo(Rc<Cell<u32>>);

    struct Ended(Rc<Cell<u32>>);

    impl Drop for Ended {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    impl Verbs for Echo {
        type Ask = u32;
        type Answer = u32;
        type Hello = &'static str;

        fn hello(&self) -> &'static str {
            "echo"
        }

        async fn perform(self: Rc<Self>, ask: u32) -> u32 {
            let _ended = Ended(Rc::clone(&self.0));
            if ask == 0 {
                std::future::pending::<()>().await;
            }
            ask
        }
    }

    #[tokio::test]
    async fn a_question_that_waits_holds_no_other_up_and_ends_with_the_engine() {
        let ended = Rc::new(Cell::new(0));
        let (engine, helper) = UnixStream::pair().unwrap();
        let verbs = Rc::new(Echo(Rc::clone(&ended)));
        let asking = async {
            let (mut from, mut to) = engine.into_split();
            let hello: String = frame::read(&mut from).await.unwrap().unwrap();
            assert_eq!(hello, "echo");
            for what in [0, 7, 8] {
                frame::write(&mut to, &Numbered { id: what + 10, what }).await.unwrap();
            }
            for expected in [7, 8] {
                let answer: Numbered<u64> = frame::read(&mut from).await.unwrap().unwrap();
                assert_eq!((answer.id, answer.what), (expected + 10, expected));
            }
        };
        let serving = async { serve(verbs, helper).await };
        let both = async { tokio::join!(serving, asking).0 };
        let set = LocalSet::new();
        let done = tokio::time::timeout(Duration::from_secs(10), set.run_until(both)).await;
        done.unwrap().unwrap();
        drop(set);
        assert_eq!(ended.get(), 3, "the one that waits is dropped, too");
    }
}
