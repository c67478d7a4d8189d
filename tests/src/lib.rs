//! The test ground: starts the real engine, and plays everyone it talks to.
//!
//! Promise: real processes and sockets only. Every wait is for an event and has a deadline, and a
//! deadline that passes says what was waited for and what was there instead.
//!
//! Not here: the tests themselves (`it/`) and the benchmark (`benches/`).

pub mod alerts;
pub mod capture;
pub mod client;
pub mod engine;
pub mod peer;
pub mod peers;
mod place;
mod plain;
pub mod process;
pub mod program;
pub mod services;
pub mod site;
pub mod tally;
mod turn;
pub mod wire;

use std::time::Duration;

/// How long any event may take before the test gives up. Generous: it costs only where a test
/// fails, and a busy machine must not make one fail.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Asks `probe` again and again until it gives something, for what has no event to wait on.
///
/// Panics with `what` once [`DEADLINE`] has passed.
pub async fn eventually<T, F>(what: &str, mut probe: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    const PAUSE: Duration = Duration::from_millis(10);
    let found = tokio::time::timeout(DEADLINE, async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
    found.await.unwrap_or_else(|_| panic!("{what}: not within {DEADLINE:?}"))
}
