//! One shape of the engine, from an empty store to the last arrival.

use std::time::Duration;

use campanile_tests::site::Site;
use campanile_tests::tally::Tally;
use serde_json::json;

use crate::load::{self, Accepted, Batches};
use crate::report::{Order, Shape, Spread};

/// Deliveries before anything is measured.
const WARM: u32 = 1_000;
/// The steady run: 200 alerts a second.
const PACE: Duration = Duration::from_millis(5);
/// How long the slowest engine worth a figure may take.
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) async fn measure(batch_max: u32, order: &Order) -> Shape {
    let steady =
        u32::try_from(order.latency.as_millis() / PACE.as_millis()).expect("a few minutes");
    let all = WARM + order.alerts + steady;
    let tally = Tally::start(count(all)).await.expect("a free port");
    let site = Site::alone()
        .await
        .set("dispatch.batch_max", &batch_max.to_string())
        .endpoint("hook", "webhook", &json!({"url": tally.url()}))
        .recipient("ops", "hook", &json!({"max_alerts": 1}));
    let engine = site.start().await;

    Batches::of(0..WARM, &engine).post(&engine).await;
    arrived(&tally, WARM).await;
    let idle_bytes = engine.memory().peak;

    let serials = WARM..WARM + order.alerts;
    let batches = Batches::of(serials.clone(), &engine);
    let cpu_before = engine.cpu();
    let accepted = batches.post(&engine).await;
    arrived(&tally, WARM + order.alerts).await;
    let cpu = engine.cpu() - cpu_before;
    let first = accepted.iter().map(|(_, at)| *at).min().expect("at least one alert");
    let last = serials.filter_map(|serial| tally.arrival(count(serial))).max().expect("an arrival");
    let per_second = f64::from(order.alerts) / last.saturating_duration_since(first).as_secs_f64();

    let accepted = load::steadily(&engine, all - steady..all, PACE).await;
    arrived(&tally, all).await;
    Shape {
        batch_max,
        per_second,
        cpu_us: cpu.as_secs_f64() * 1e6 / f64::from(order.alerts),
        repeats: tally.requests() - tally.distinct(),
        delay: Spread::of(delays(&tally, &accepted)),
        idle_bytes,
        peak_bytes: engine.memory().peak,
    }
}

async fn arrived(tally: &Tally, awaited: u32) {
    let came = tally.sees(count(awaited), PATIENCE).await;
    assert!(came, "{} of {awaited} arrived within {PATIENCE:?}", tally.distinct());
}

/// From the accept's answer to the arrival; zero where the arrival was first.
fn delays(tally: &Tally, accepted: &[Accepted]) -> Vec<Duration> {
    let delay = |(serial, at): &Accepted| {
        tally.arrival(count(*serial)).map(|came| came.saturating_duration_since(*at))
    };
    accepted.iter().filter_map(delay).collect()
}

fn count(number: u32) -> usize {
    usize::try_from(number).expect("a 32-bit number")
}
