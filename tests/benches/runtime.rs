//! What the runtime's parts cost: a store with an instance, `format`, a delivery to a receiver in
//! this process. Criterion's figures are wall clock; run it on a quiet machine.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use campanile::capability::budget::CallLimits;
use campanile::capability::egress::{
    Connector, Grant, Origin, OriginGrant, Policy, Pool, Reach, Way,
};
use campanile::capability::http::HttpGate;
use campanile::capability::secrets::{Credential, Credentials, Decoding, Form, Place};
use campanile::config::Config;
use campanile::delivery::{Delivery, Message};
use campanile::dispatch::{Destination, Endpoint, Own, Site};
use campanile::ids::{AlertIds, DeliveryId, EndpointId, MessageId, RecipientId, Secret, TenantId};
use campanile::ingest::{Arrival, ntopng};
use campanile::runtime::bindings::kind;
use campanile::runtime::{Catalog, Delivering, Formatting, Limits, Runtime, Try};
use campanile::wording::Wording;
use campanile_tests::alerts::{envelope, flow};
use campanile_tests::site::{EGRESS_GRANT, target};
use campanile_tests::tally::Tally;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::tz::TimeZone;
use serde_json::json;

const BATCH: u32 = 16;

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).measurement_time(Duration::from_secs(3));
    targets = runtime
}
criterion_main!(benches);

fn runtime(criterion: &mut Criterion) {
    let threads = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .event_interval(4)
        .enable_all()
        .build()
        .expect("threads");
    let stage = threads.block_on(Stage::set());
    let mut group = criterion.benchmark_group("runtime");

    group.bench_function("instantiate", |bench| {
        bench.iter(|| threads.block_on(stage.formatting()));
    });
    group.bench_function("format, fresh store", |bench| {
        bench.iter(|| threads.block_on(stage.format(1)));
    });
    group.throughput(Throughput::Elements(BATCH.into()));
    group.bench_function("format, 16 alerts a store", |bench| {
        bench.iter(|| threads.block_on(stage.format(16)));
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("deliver, fresh store", |bench| {
        bench.iter_custom(|times| threads.block_on(stage.deliver(times, 1)));
    });
    group.throughput(Throughput::Elements(BATCH.into()));
    group.bench_function("deliver, 16 messages a store", |bench| {
        bench.iter_custom(|times| threads.block_on(stage.deliver(times, BATCH)));
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("ingest, read an ntopng alert", |bench| {
        let body = envelope([flow(1)]);
        let ids = AlertIds::default();
        let arrival = Arrival { tenant: TenantId::DEFAULT, now_ms: 1, ids: &ids };
        bench.iter(|| ntopng::read(body.as_bytes(), &arrival).expect("an envelope"));
    });
    group.finish();
}

/// A recipient of the webhook kind, and alerts for it.
struct Stage {
    runtime: Arc<Runtime>,
    gate: Arc<HttpGate>,
    destination: Destination,
    deliveries: Vec<Delivery>,
    zone: TimeZone,
    _tally: Tally,
}

impl Stage {
    async fn set() -> Self {
        let limits = Limits {
            call_cpu: Duration::from_millis(50),
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
        };
        let runtime = Runtime::new(limits, 256, &target().join("test-cache")).expect("an engine");
        let catalog = Catalog::load(&runtime, &target().join("components")).await.expect("kinds");
        let kind = Arc::clone(catalog.kind("webhook").expect("run `make components`"));
        let tally = Tally::start(1_000).await.expect("a free port");
        let url: url::Url = tally.url().parse().expect("a URL");
        let origin = Origin::of(&url).expect("an origin");
        let bound_to = vec![origin.to_string()];
        let origins = vec![OriginGrant::whole(origin)];
        let reach = Reach { origins, targets: Vec::new() };
        let credentials = vec![Credential {
            setting: "url".into(),
            value: Secret::new(tally.url()),
            form: Form::Url,
            places: vec![Place::Path, Place::WholeQuery],
            signs_into: Vec::new(),
            decode: Decoding::Raw,
            bound_to,
        }];
        let shared = Arc::new(Credentials::new(credentials.clone()).expect("a URL"));
        let endpoint = Arc::new(Endpoint {
            id: EndpointId(1),
            tenant: TenantId::DEFAULT,
            name: "hook".into(),
            kind,
            grant: Grant::new(TenantId::DEFAULT, EndpointId(1), reach, egress_way()),
            settings: json!({ "url": { "secret": "stored" } }).as_object().expect("it is").clone(),
            credentials,
            shared: Arc::clone(&shared),
            tokens: Vec::new(),
            secret_versions: [0; 32],
            net: Arc::default(),
            files: Arc::default(),
            folders: Arc::default(),
        });
        let site = Site {
            instance: "bench".into(),
            locale: "en".into(),
            link: None,
            zone_name: "UTC".into(),
            zone: TimeZone::UTC,
        };
        let own = json!({ "max_alerts": 1 });
        let settings = own.as_object().expect("an object");
        let own = Own {
            settings,
            credentials: shared,
            secret_versions: [0; 32],
            wording: Wording::default(),
        };
        let destination = Destination::new(RecipientId(1), "ops", endpoint, own, &site);
        let ids = AlertIds::default();
        let arrival = Arrival { tenant: TenantId::DEFAULT, now_ms: 1, ids: &ids };
        let body = envelope((0..BATCH).map(flow));
        let alerts = ntopng::read(body.as_bytes(), &arrival).expect("an envelope").alerts;
        let deliveries = alerts
            .into_iter()
            .map(|alert| Delivery {
                id: DeliveryId { alert: alert.id, recipient: RecipientId(1) },
                alert: Arc::new(alert),
                attempts: 0,
                forgiven: 0,
                first_ms: None,
                previous: None,
            })
            .collect();
        let gate = Arc::new(HttpGate {
            connector: Connector::default(),
            pool: Pool::default(),
            response_bytes_max: 1 << 20,
        });
        let zone = TimeZone::UTC;
        Self { runtime, gate, destination, deliveries, zone, _tally: tally }
    }

    async fn formatting(&self) -> Formatting {
        Formatting::open(&self.runtime, &self.destination.endpoint.kind).await.expect("a store")
    }

    async fn format(&self, count: usize) {
        let mut formatting = self.formatting().await;
        let deliveries = &self.deliveries[..count];
        let made = formatting.call(deliveries, &self.destination.context, &self.zone).await;
        assert_eq!(made.expect("a result").expect("messages").drafts.len(), count);
    }

    /// One message `times * per_store` times, in `times` stores.
    async fn deliver(&self, times: u64, per_store: u32) -> Duration {
        let one = &self.deliveries[..1];
        let made = self.formatting().await.call(one, &self.destination.context, &self.zone).await;
        let draft = made.expect("a result").expect("messages").drafts.swap_remove(0);
        let message = Message {
            id: MessageId::of([one[0].id]),
            members: vec![one[0].id],
            summary: draft.summary,
            content_type: draft.content_type,
            body: draft.body,
            notes: draft.notes,
            repeat_safe_ms: draft.repeat_safe_ms,
            carry: None,
            component: [0; 32],
            settings: [0; 32],
        };
        let kind = &self.destination.endpoint.kind;
        let this = Try {
            number: 1,
            now_ms: 1,
            first_ms: 1,
            zone: &self.zone,
            purpose: kind::Purpose::Live,
        };
        let begun = Instant::now();
        for _ in 0..times {
            let doors = self.destination.doors(&self.gate, &[]);
            let settings = self.destination.settings(&doors);
            let mut delivering =
                Delivering::open(&self.runtime, kind, doors).await.expect("a store");
            for _ in 0..per_store {
                let told = delivering.call(&message, one, &settings, this).await;
                assert_eq!(told.seen.status, Some(200), "{told:?}");
            }
        }
        begun.elapsed()
    }
}

/// The way to the servers of tests.
fn egress_way() -> Arc<Way> {
    let config = Config::parse(Path::new("campanile.toml"), EGRESS_GRANT).expect("a table");
    let policy = Policy::read(&config).expect("no files are named");
    Arc::new(Way::of(&policy, "default", "any"))
}
