//! What each kind costs: the size of its component, and the CPU of making an instance and formatting
//! one alert in it, on the thread that does it. Settings are those of the first case of `format`
//! that the kind has, alerts flows of 1.2 KiB.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use campanile::capability::budget::CallLimits;
use campanile::delivery::Delivery;
use campanile::ids::{AlertIds, DeliveryId, RecipientId, TenantId};
use campanile::ingest::{Arrival, ntopng};
use campanile::runtime::bindings::kind::Purpose;
use campanile::runtime::{Catalog, Context, Formatting, Kind, Limits, Runtime};
use campanile_tests::alerts::{envelope, flow};
use campanile_tests::site::{project, target};
use jiff::tz::TimeZone;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

const ROUNDS: usize = 15;
const TIMES: u32 = 200;
/// Of CPU, for an instance and one alert.
const AIM_US: f64 = 60.0;
/// Of wasm; a mail has MIME and a protocol of its own.
const AIM_KIB: u64 = 400;
const AIM_KIB_OF: [(&str, u64); 1] = [("email", 700)];

fn main() {
    let threads = tokio::runtime::Builder::new_current_thread().enable_all().build();
    threads.expect("a runtime").block_on(measure());
}

async fn measure() {
    let runtime = Runtime::new(limits(), 64, &target().join("test-cache")).expect("an engine");
    let catalog = Catalog::load(&runtime, &target().join("components")).await.expect("kinds");
    let mut measured = Vec::new();
    for kind in catalog.kinds() {
        let wasm = target().join("components").join(&kind.name).join("component.wasm");
        let kib = fs::metadata(wasm).expect("a component").len().div_ceil(1024);
        let aim_kib =
            AIM_KIB_OF.iter().find(|(of, _)| *of == kind.name).map_or(AIM_KIB, |(_, aim)| *aim);
        measured.push((kind, kib, aim_kib, format(&runtime, kind).await));
    }
    // By which figures of different machines and hours can be compared.
    let least = measured.iter().map(|(.., cpu_us)| *cpu_us).fold(f64::INFINITY, f64::min);
    let heads = ("KiB of wasm", "instance + format, CPU us", "times the least");
    println!("{:<16} {:>12} {:>27} {:>17}", "kind", heads.0, heads.1, heads.2);
    for (kind, kib, aim_kib, cpu_us) in measured {
        let mark = |is_over: bool| if is_over { " !" } else { "" };
        println!(
            "{:<16} {kib:>12}{:2} {cpu_us:>24.1}{:2} {:>16.2}",
            kind.name,
            mark(kib > aim_kib),
            mark(cpu_us > AIM_US),
            cpu_us / least
        );
    }
    println!("aims: {AIM_KIB} KiB (email 700), {AIM_US} us; `!` is over");
}

/// CPU of an instance and one alert, the median of the rounds.
async fn format(runtime: &Arc<Runtime>, kind: &Arc<Kind>) -> f64 {
    let ids = AlertIds::default();
    let arrival = Arrival { tenant: TenantId::DEFAULT, now_ms: 1_795_488_660_123, ids: &ids };
    let alerts = ntopng::read(envelope([flow(7)]).as_bytes(), &arrival).expect("an envelope");
    let alert = alerts.alerts.into_iter().next().expect("an alert");
    let delivery = Delivery {
        id: DeliveryId { alert: alert.id, recipient: RecipientId(1) },
        alert: Arc::new(alert),
        attempts: 0,
        forgiven: 0,
        first_ms: None,
        previous: None,
    };
    let context = context(&kind.name);
    let mut taken = Vec::with_capacity(ROUNDS);
    // The first round is for caches.
    for round in 0..=ROUNDS {
        let begun = cpu();
        for _ in 0..TIMES {
            let mut formatting = Formatting::open(runtime, kind).await.expect("a store");
            let made =
                formatting.call(std::slice::from_ref(&delivery), &context, &TimeZone::UTC).await;
            let made = made.expect("a result").expect("messages");
            assert_eq!(made.drafts.len(), 1, "{}", kind.name);
        }
        if round > 0 {
            taken.push(cpu() - begun);
        }
    }
    taken.sort_unstable();
    taken[taken.len() / 2].as_secs_f64() * 1e6 / f64::from(TIMES)
}

fn context(kind: &str) -> Context {
    Context {
        settings: settings(kind).to_string(),
        recipient_id: "1".into(),
        recipient_name: "ops".into(),
        endpoint_id: "1".into(),
        instance: "bench".into(),
        instance_link: None,
        engine: "campanile/0.0.0".into(),
        zone: "UTC".into(),
        locale: "en".into(),
        purpose: Purpose::Live,
        omitted: 0,
        group: Vec::new(),
        extra: Vec::new(),
    }
}

/// Those of the first case of `format` that makes a message.
fn settings(kind: &str) -> Value {
    let folder = project().join("components").join(kind).join("cases");
    let mut files: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|one| one.path()).collect();
    files.sort();
    for file in files {
        let text = fs::read_to_string(&file).expect("a file of cases");
        let file: Value = serde_json::from_str(&text).expect("JSON");
        for case in file["cases"].as_array().into_iter().flatten() {
            let of = |key: &str| case.get(key).or(file.get(key)).cloned().unwrap_or_default();
            let makes = of("expect")["messages"].as_array().is_some_and(|made| !made.is_empty());
            if of("kind") == "format" && makes && of("settings").is_object() {
                let text = of("settings").to_string();
                let text = text.replace("{{origin}}", "http://127.0.0.1:9");
                let text = text.replace("{{host}}", "127.0.0.1").replace("{{port}}", "9");
                return serde_json::from_str(&text).expect("still JSON");
            }
        }
    }
    json!({})
}

fn limits() -> Limits {
    Limits {
        call_cpu: Duration::from_millis(500),
        call_wall: Duration::from_secs(60),
        store_memory_bytes: 16 << 20,
        store_table_elements: 20_000,
        store_handles_count: 1_000,
        hostcall_bytes_max: 4 << 20,
        log_lines_max: 100,
        log_bytes_max: 64 << 10,
        response_bytes_max: 1 << 20,
        call: CallLimits {
            calls_max: 10_000,
            sends_max: 256,
            out_bytes_max: 16 << 20,
            in_bytes_max: 16 << 20,
        },
    }
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let nanoseconds = u32::try_from(time.tv_nsec).expect("below a second");
    Duration::new(u64::try_from(time.tv_sec).expect("a clock that counts up"), nanoseconds)
}
