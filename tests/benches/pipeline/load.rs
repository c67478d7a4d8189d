//! Senders: they post alerts as ntopng does, and note when each was accepted.

use std::ops::Range;
use std::time::{Duration, Instant};

use campanile_tests::alerts::{envelope, flow};
use campanile_tests::client::{Ask, Client};
use campanile_tests::engine::Engine;
use tokio::task::JoinSet;

/// Connections that are kept alive.
pub(crate) const CONNECTIONS: usize = 4;
/// Alerts per POST in the throughput run.
const BATCH: Range<u32> = 10..101;

/// When an alert was accepted.
pub(crate) type Accepted = (u32, Instant);

/// The bodies of a throughput run, made before it starts so that making them costs it nothing.
#[derive(Debug)]
pub(crate) struct Batches(Vec<(Range<u32>, Ask)>);

impl Batches {
    pub(crate) fn of(serials: Range<u32>, engine: &Engine) -> Self {
        // The same batches in every run.
        let mut rng = fastrand::Rng::with_seed(7);
        let mut batches = Vec::new();
        let mut start = serials.start;
        while start < serials.end {
            let end = (start + rng.u32(BATCH)).min(serials.end);
            batches.push((start..end, ask(start..end, engine)));
            start = end;
        }
        Self(batches)
    }

    /// Posts all of them as fast as they are taken.
    pub(crate) async fn post(self, engine: &Engine) -> Vec<Accepted> {
        let mut hands: Vec<Vec<_>> = (0..CONNECTIONS).map(|_| Vec::new()).collect();
        for (at, batch) in self.0.into_iter().enumerate() {
            hands[at % CONNECTIONS].push(batch);
        }
        let address = engine.address();
        let mut senders = JoinSet::new();
        for batches in hands {
            senders.spawn(async move {
                let mut client = Client::connect(address).await.expect("the engine listens");
                let mut accepted = Vec::new();
                for (serials, ask) in batches {
                    let at = post(&mut client, &ask).await;
                    accepted.extend(serials.map(|serial| (serial, at)));
                }
                accepted
            });
        }
        senders.join_all().await.concat()
    }
}

/// Posts one alert every `pace`, for as long as there are serials, over several connections so
/// that a slow answer delays no other.
pub(crate) async fn steadily(
    engine: &Engine,
    serials: Range<u32>,
    pace: Duration,
) -> Vec<Accepted> {
    let begun = tokio::time::Instant::now() + pace;
    let mut senders = JoinSet::new();
    for hand in 0..CONNECTIONS {
        let mine: Vec<_> = (0..).zip(serials.clone()).skip(hand).step_by(CONNECTIONS).collect();
        let asks: Vec<_> =
            mine.into_iter().map(|(turn, one)| (turn, one, ask(one..one + 1, engine))).collect();
        let address = engine.address();
        senders.spawn(async move {
            let mut client = Client::connect(address).await.expect("the engine listens");
            let mut accepted = Vec::new();
            for (turn, serial, ask) in asks {
                tokio::time::sleep_until(begun + pace * turn).await;
                accepted.push((serial, post(&mut client, &ask).await));
            }
            accepted
        });
    }
    senders.join_all().await.concat()
}

fn ask(serials: Range<u32>, engine: &Engine) -> Ask {
    let key = format!("bench-{}-{}-{}", engine.pid(), serials.start, serials.end);
    let body = envelope(serials.map(flow));
    Ask::post("/v1/ingest/ntopng", body).with("Idempotency-Key", &key).bearing(&engine.ingest_token)
}

/// When it was accepted; asked to come later, it comes later.
async fn post(client: &mut Client, ask: &Ask) -> Instant {
    loop {
        let answer = client.send(ask).await.expect("an answer");
        if answer.status == 200 {
            return Instant::now();
        }
        assert_eq!(answer.status, 503, "{}", answer.text());
        let wait = answer.head.header("retry-after").and_then(|it| it.parse().ok());
        tokio::time::sleep(Duration::from_secs(wait.unwrap_or(1))).await;
    }
}
