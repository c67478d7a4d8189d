//! Logs and metrics, each defined once, here.
//!
//! Promise: logs go to stderr; labels of metrics are bounded by the configuration, whatever
//! senders write.

mod limit;
mod prevented;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;

use crate::delivery::OutcomeKind;
use crate::dispatch::guard::Level;
use crate::queue::QueueStats;

pub use limit::{Limit, LimitHits};
pub use prevented::BansPrevented;

/// Media type of [`Metrics::text`].
pub const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Every number the engine counts. Cheap to share; never fails.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    kinds: RwLock<Vec<Arc<str>>>,
    alerts: Family<Door, Counter>,
    repeated: Family<Door, Counter>,
    refused: Family<Refusal, Counter>,
    deliveries: Family<Ended, Counter>,
    attempts: Family<Ended, Counter>,
    calls: Family<Call, Counter>,
    call_cpu: Family<Call, Counter<f64, AtomicU64>>,
    answers: Family<Route, Histogram, fn() -> Histogram>,
    guard_origins: Family<Guarded, Gauge>,
    guard_held: Family<Guarded, Counter>,
    misuses: Family<Misused, Counter>,
    denials: Family<Denied, Counter>,
    /// Deliveries that wait or are in flight.
    queue_pending: Gauge,
    /// Deliveries that are handed out right now.
    queue_leased: Gauge,
    /// Deliveries in memory that wait for their time.
    queue_waiting: Gauge,
    /// Age of the delivery that is owed longest, in milliseconds.
    queue_oldest_ms: Gauge,
}

impl Metrics {
    /// Counters for these kinds; what is counted for others appears under `other`.
    pub fn new<'a>(kinds: impl IntoIterator<Item = &'a str>) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("campanile"),
            kinds: RwLock::new(kinds.into_iter().map(Arc::from).collect()),
            alerts: Family::default(),
            repeated: Family::default(),
            refused: Family::default(),
            deliveries: Family::default(),
            attempts: Family::default(),
            calls: Family::default(),
            call_cpu: Family::default(),
            answers: Family::new_with_constructor(|| Histogram::new(ANSWER_BUCKETS)),
            guard_origins: Family::default(),
            guard_held: Family::default(),
            misuses: Family::default(),
            denials: Family::default(),
            queue_pending: Gauge::default(),
            queue_leased: Gauge::default(),
            queue_waiting: Gauge::default(),
            queue_oldest_ms: Gauge::default(),
        };
        let to = &mut metrics.registry;
        to.register("alerts", "Alerts taken in, by producer", metrics.alerts.clone());
        let help = "Batches that were answered as before";
        to.register("batches_repeated", help, metrics.repeated.clone());
        let help = "Requests with alerts that were not taken in, by reason";
        to.register("batches_refused", help, metrics.refused.clone());
        let help = "Outcomes of deliveries, each attempt counted";
        to.register("deliveries", help, metrics.deliveries.clone());
        to.register("attempts", "Tries to send a message, by outcome", metrics.attempts.clone());
        to.register("guest_calls", "Calls of components", metrics.calls.clone());
        let help = "CPU that calls of components used, in seconds";
        to.register("guest_cpu_seconds", help, metrics.call_cpu.clone());
        let help = "Time from request to answer, in seconds";
        to.register("http_answer_seconds", help, metrics.answers.clone());
        let help = "Origins near a ban, by what is done about it";
        to.register("guard_origins", help, metrics.guard_origins.clone());
        let help = "Times that messages were held back from an origin near a ban";
        to.register("guard_held", help, metrics.guard_held.clone());
        let help = "Credentials that a component put where they must not be, by kind and reason";
        to.register("secret_misuses", help, metrics.misuses.clone());
        let help = "Times that a component asked for what it was not granted, by kind and door";
        to.register("denials", help, metrics.denials.clone());
        let help = "Deliveries whose outcome is open";
        to.register("queue_pending", help, metrics.queue_pending.clone());
        to.register("queue_leased", "Deliveries in flight", metrics.queue_leased.clone());
        to.register(
            "queue_waiting",
            "Deliveries that wait for a retry",
            metrics.queue_waiting.clone(),
        );
        let help = "Age of the delivery that is owed longest, in milliseconds";
        to.register("queue_oldest_ms", help, metrics.queue_oldest_ms.clone());
        metrics
    }

    /// Shows what `hits` counts, here and elsewhere.
    pub fn show_limits(&mut self, hits: &LimitHits) {
        hits.register(&mut self.registry);
    }

    /// Shows what `prevented` counts.
    pub fn show_bans_prevented(&mut self, prevented: &BansPrevented) {
        prevented.register(&mut self.registry);
    }

    /// `count` alerts were taken in through the door of `producer`.
    pub fn accepted(&self, producer: &'static str, count: usize) {
        self.alerts.get_or_create(&Door { producer }).inc_by(count as u64);
    }

    /// A batch was answered as before.
    pub fn repeated(&self, producer: &'static str) {
        self.repeated.get_or_create(&Door { producer }).inc();
    }

    /// A batch was not taken in; `code` is the stable code of the answer.
    pub fn refused(&self, producer: &'static str, code: &'static str) {
        self.refused.get_or_create(&Refusal { producer, code }).inc();
    }

    /// A message of `deliveries` deliveries was tried.
    pub fn tried(&self, kind: &str, outcome: OutcomeKind, deliveries: usize) {
        let labels = Ended { kind: self.kind(kind), outcome: outcome.name() };
        self.attempts.get_or_create(&labels).inc();
        self.deliveries.get_or_create(&labels).inc_by(deliveries as u64);
    }

    /// A component was called `count` times; `call` is the function's name.
    pub fn called(&self, kind: &str, call: &'static str, count: u64, cpu: Duration) {
        let labels = Call { kind: self.kind(kind), call };
        self.calls.get_or_create(&labels).inc_by(count);
        self.call_cpu.get_or_create(&labels).inc_by(cpu.as_secs_f64());
    }

    /// A request was answered; `route` is the pattern, not the path.
    pub fn answered(&self, route: &str, took: Duration) {
        self.answers.get_or_create(&Route { route: route.to_owned() }).observe(took.as_secs_f64());
    }

    /// A component put a credential where it must not be.
    pub fn misused(&self, kind: &str, code: &'static str) {
        self.misuses.get_or_create(&Misused { kind: self.kind(kind), code }).inc();
    }

    /// A component asked for what it was not granted.
    pub fn denied(&self, kind: &str, door: &'static str) {
        self.denials.get_or_create(&Denied { kind: self.kind(kind), door }).inc();
    }

    /// How many origins are how near a ban.
    pub fn guarded(&self, levels: [(Level, usize); 2]) {
        for (level, count) in levels {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.guard_origins.get_or_create(&Guarded { state: level.name() }).set(count);
        }
    }

    /// Somebody was held back from an origin near a ban: stopped, or merely slowed.
    pub fn held_back(&self, is_stopped: bool) {
        let level = if is_stopped { Level::Stopping } else { Level::Slowing };
        self.guard_held.get_or_create(&Guarded { state: level.name() }).inc();
    }

    /// What the queue holds right now.
    pub fn queue(&self, stats: &QueueStats) {
        self.queue_pending.set(stats.pending.cast_signed());
        self.queue_leased.set(stats.leased.cast_signed());
        self.queue_waiting.set(stats.waiting.cast_signed());
        self.queue_oldest_ms.set(stats.oldest_age_ms.unwrap_or_default().cast_signed());
    }

    /// Everything, as Prometheus reads it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// Counters for this kind too, which was installed while the engine runs.
    pub fn know(&self, kind: &str) {
        let mut kinds = self.kinds.write().unwrap_or_else(PoisonError::into_inner);
        if !kinds.iter().any(|one| **one == *kind) {
            kinds.push(kind.into());
        }
    }

    fn kind(&self, name: &str) -> Arc<str> {
        let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        kinds.iter().find(|one| ***one == *name).cloned().unwrap_or_else(|| "other".into())
    }
}

/// Fine around the promise to ntopng: an answer well within one second.
const ANSWER_BUCKETS: [f64; 11] =
    [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Door {
    producer: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    producer: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    kind: Arc<str>,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    kind: Arc<str>,
    call: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Guarded {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Misused {
    kind: Arc<str>,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Denied {
    kind: Arc<str>,
    door: &'static str,
}

/// How logs look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Sends logs to stderr from now on. Called once, by `main`.
pub fn start_logs(format: LogFormat, filter: &str) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(filter).map_err(|source| LogError::Filter { source })?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => {
            use std::io::IsTerminal;
            logs.with_ansi(std::io::stderr().is_terminal()).try_init()
        }
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    }
    .map_err(|source| LogError::Twice { source })
}

/// Why there are no logs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    #[error(
        "cannot read the filter of logs; expected in CAMPANILE_LOG a level such as `info`, or \
             levels per module such as `warn,campanile::queue=debug`"
    )]
    Filter { source: tracing_subscriber::filter::ParseError },
    #[error("logs were started twice")]
    Twice { source: Box<dyn std::error::Error + Send + Sync> },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_appears_in_the_text() {
        let metrics = Metrics::new(["webhook"]);
        metrics.accepted("ntopng", 3);
        metrics.repeated("native");
        metrics.refused("native", "bad-input");
        metrics.tried("webhook", OutcomeKind::RateLimited, 2);
        metrics.called("webhook", "format", 1, Duration::from_millis(500));
        metrics.answered("/v1/alerts", Duration::from_millis(3));
        metrics.queue(&QueueStats { pending: 7, ..QueueStats::default() });
        let text = metrics.text();
        for line in [
            r#"campanile_alerts_total{producer="ntopng"} 3"#,
            r#"campanile_batches_repeated_total{producer="native"} 1"#,
            r#"campanile_batches_refused_total{producer="native",code="bad-input"} 1"#,
            r#"campanile_attempts_total{kind="webhook",outcome="rate-limited"} 1"#,
            r#"campanile_deliveries_total{kind="webhook",outcome="rate-limited"} 2"#,
            r#"campanile_guest_calls_total{kind="webhook",call="format"} 1"#,
            r#"campanile_guest_cpu_seconds_total{kind="webhook",call="format"} 0.5"#,
            r#"campanile_http_answer_seconds_bucket{le="0.005",route="/v1/alerts"} 1"#,
            "campanile_queue_pending 7",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn kinds_that_are_not_configured_share_one_label() {
        let metrics = Metrics::new(["webhook"]);
        for made_up in 0..100 {
            metrics.tried(&format!("made-up-{made_up}"), OutcomeKind::Fault, 1);
        }
        let text = metrics.text();
        assert!(text.contains(r#"attempts_total{kind="other",outcome="fault"} 100"#), "{text}");
        assert_eq!(text.matches("attempts_total{").count(), 1, "{text}");
    }
}
