//! What was asked, and what came out.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

/// What to measure.
#[derive(Debug)]
pub(crate) struct Order {
    /// Alerts of the throughput run. Default 100,000.
    pub(crate) alerts: u32,
    /// How long the steady run lasts. Default 10 s.
    pub(crate) latency: Duration,
    pub(crate) json: bool,
}

impl Order {
    pub(crate) fn read(arguments: &[String]) -> Option<Self> {
        let mut order = Self { alerts: 100_000, latency: Duration::from_secs(10), json: false };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--alerts" => {
                    order.alerts = rest.next()?.parse().ok().filter(|&count| count > 0)?
                }
                "--latency-s" => order.latency = Duration::from_secs(rest.next()?.parse().ok()?),
                "--json" => order.json = true,
                // Cargo adds it.
                "--bench" => {}
                _ => return None,
            }
        }
        Some(order)
    }
}

#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) alerts: u32,
    pub(crate) shapes: Vec<Shape>,
    pub(crate) client: Client,
    pub(crate) sync: Spread,
}

/// The engine with micro-batches of at most `batch_max`.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) batch_max: u32,
    /// From the first accept to the last arrival.
    pub(crate) per_second: f64,
    pub(crate) cpu_us: f64,
    /// Requests beyond one per alert.
    pub(crate) repeats: usize,
    /// From accept to arrival, at a steady 200 alerts a second.
    pub(crate) delay: Spread,
    /// Most resident memory after 1000 deliveries, with nothing waiting.
    pub(crate) idle_bytes: u64,
    /// Most resident memory over the whole run.
    pub(crate) peak_bytes: u64,
}

/// The plain client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) per_second: f64,
    pub(crate) cpu_us: f64,
}

/// The middle and the upper end of many durations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Spread {
    /// Panics where there is nothing to spread.
    pub(crate) fn of(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        let at = |percent: usize| all[(all.len() * percent / 100).min(all.len() - 1)];
        Self { p50: at(50), p99: at(99) }
    }
}

impl Report {
    pub(crate) fn table(&self) -> String {
        let mut text = format!("{} alerts of 1.2 KiB, one a message\n\n", self.alerts);
        let mut row = |name: &str, cells: &[String]| {
            let cells: String = cells.iter().map(|cell| format!(" | {cell:>16}")).collect();
            writeln!(text, "| {name:<34}{cells} |").expect("a string takes all");
        };
        let of = |cell: &dyn Fn(&Shape) -> String, client: String| {
            self.shapes.iter().map(cell).chain([client]).collect::<Vec<_>>()
        };
        let none = String::new;
        row("", &of(&|one| format!("batches of {}", one.batch_max), "plain client".to_owned()));
        row("---", &of(&|_| "---:".to_owned(), "---:".to_owned()));
        let client = &self.client;
        row(
            "deliveries/s",
            &of(&|one| format!("{:.0}", one.per_second), format!("{:.0}", client.per_second)),
        );
        row(
            "... of the plain client's",
            &of(&|one| format!("{:.2}", one.per_second / client.per_second), none()),
        );
        row(
            "CPU us per delivery",
            &of(&|one| format!("{:.1}", one.cpu_us), format!("{:.1}", client.cpu_us)),
        );
        row(
            "... times the plain client's",
            &of(&|one| format!("{:.1}", one.cpu_us / client.cpu_us), none()),
        );
        row("accept to arrival p50 at 200/s, ms", &of(&|one| ms(one.delay.p50), none()));
        row("accept to arrival p99 at 200/s, ms", &of(&|one| ms(one.delay.p99), none()));
        row("peak memory, nothing waiting, MiB", &of(&|one| mib(one.idle_bytes), none()));
        row("peak memory of the run, MiB", &of(&|one| mib(one.peak_bytes), none()));
        row("messages sent twice", &of(&|one| one.repeats.to_string(), none()));
        let Spread { p50, p99 } = self.sync;
        text + &format!(
            "\nfdatasync of 4 KiB appends, same folder: p50 {} ms, p99 {} ms\n",
            ms(p50),
            ms(p99)
        )
    }

    pub(crate) fn json(&self) -> Value {
        let spread = |one: &Spread| json!({"p50_us": us(one.p50), "p99_us": us(one.p99)});
        let shapes = self.shapes.iter().map(|one| {
            json!({
                "batch_max": one.batch_max,
                "deliveries_per_second": one.per_second,
                "cpu_us_per_delivery": one.cpu_us,
                "messages_sent_twice": one.repeats,
                "accept_to_arrival": spread(&one.delay),
                "peak_idle_bytes": one.idle_bytes,
                "peak_bytes": one.peak_bytes,
            })
        });
        json!({
            "alerts": self.alerts,
            "shapes": shapes.collect::<Vec<_>>(),
            "plain_client": {
                "per_second": self.client.per_second,
                "cpu_us": self.client.cpu_us,
            },
            "fdatasync": spread(&self.sync),
        })
    }
}

fn us(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn ms(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64() * 1e3)
}

fn mib(bytes: u64) -> String {
    // Whole KiB: no precision is lost for any memory there is.
    format!("{}.{}", bytes >> 20, (bytes >> 10 & 1023) * 10 / 1024)
}
