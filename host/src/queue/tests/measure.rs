//! What a delivery costs: `cargo test --release -p campanile -- --ignored --nocapture measure`.

use std::time::Instant;

use super::*;

const BATCHES: usize = 12_500;
const PER_BATCH: usize = 16;
const SENDERS: usize = 32;

/// User and system time of this process so far, from clock ticks of 10 ms.
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks =
        fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap());
    ticks.sum::<u64>() * 10
}

fn batch(house: &House, sender: usize, number: usize) -> Batch {
    let owed = (0..PER_BATCH).map(|at| {
        let mut alert = house.alert(0, Action::Store);
        let place = ((sender * BATCHES + number) * PER_BATCH + at) as u128;
        alert.fingerprint = Fingerprint(scattered(place).to_le_bytes());
        alert.raw = "x".repeat(1200);
        Owed { alert, recipients: vec![RecipientId(u32::try_from(sender % 4).unwrap() + 1)] }
    });
    let mut key = [0; 32];
    key[..16].copy_from_slice(&scattered((sender * BATCHES + number) as u128).to_le_bytes());
    let key = BatchKey { sender: [1; 16], key, body: [0; 32] };
    Batch {
        tenant: TenantId::DEFAULT,
        alerts: owed.collect(),
        key: Some(key),
        answer: "x".repeat(500),
        within: None,
    }
}

/// As a hash would be: all over the index.
fn scattered(number: u128) -> u128 {
    (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

#[ignore = "a measurement, not a proof"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn measure_commit_lease_and_settle_per_delivery() {
    let limits = QueueLimits { commit_wait: Duration::from_secs(10), ..QueueLimits::default() };
    let house = Arc::new(House::with(limits, StoreLimits::default()).await);
    let recipients: Vec<_> = (1..=4).map(RecipientId).collect();
    for &recipient in &recipients {
        // Their lanes are read to the end before anything is committed.
        drop(tokio::time::timeout(Duration::from_millis(20), house.queue.due(recipient)).await);
    }
    // What the test itself spends on making alerts and messages is not the queue's.
    let cpu = cpu_ms();
    for at in 0..BATCHES {
        let batch = batch(&house, at % SENDERS, at / SENDERS);
        for owed in batch.alerts {
            let id = id_of(owed.alert.id, ONE);
            let alert = Arc::new(owed.alert);
            let one =
                Delivery { id, alert, attempts: 0, forgiven: 0, first_ms: None, previous: None };
            std::hint::black_box(settlement(message(&[one]), delivered(), false));
        }
    }
    let own = cpu_ms() - cpu;
    let (cpu, start) = (cpu_ms(), Instant::now());
    let mut tasks = tokio::task::JoinSet::new();
    for sender in 0..SENDERS {
        let house = house.clone();
        tasks.spawn(async move {
            for number in 0..BATCHES / SENDERS {
                house.queue.commit(batch(&house, sender, number)).await.unwrap();
            }
        });
    }
    let each = BATCHES / SENDERS * PER_BATCH * SENDERS / recipients.len();
    for recipient in recipients {
        let house = house.clone();
        tasks.spawn(async move {
            let mut count = 0;
            let mut settling = tokio::task::JoinSet::new();
            while count < each {
                house.queue.due(recipient).await;
                let Some(mut lease) = house.queue.lease(recipient, 16).await.unwrap() else {
                    continue;
                };
                let Work::Fresh(leased) = lease.work() else { panic!("nothing is sent again") };
                count += leased.len();
                let settled: Vec<_> = leased
                    .iter()
                    .map(|one| {
                        lease.settle(settlement(
                            message(std::slice::from_ref(one)),
                            delivered(),
                            false,
                        ))
                    })
                    .collect();
                settling.spawn(async move {
                    for one in settled {
                        one.await.unwrap();
                    }
                    drop(lease);
                });
                while settling.len() > 32 {
                    settling.join_next().await.unwrap().unwrap();
                }
            }
            while let Some(done) = settling.join_next().await {
                done.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let count = BATCHES / SENDERS * PER_BATCH * SENDERS;
    let (took, cpu) = (start.elapsed(), cpu_ms() - cpu);
    let each_us = |ms: u64| ms as f64 * 1000.0 / count as f64;
    let log = std::fs::metadata(house.folder.path().join("campanile.db-wal")).unwrap().len();
    println!(
        "{count} deliveries: {:.0}/s, {:.1} us CPU each, {:.1} of them the test's own; log {} MiB",
        count as f64 / took.as_secs_f64(),
        each_us(cpu),
        each_us(own),
        log >> 20
    );
    assert_eq!(house.queue.stats().await.unwrap(), QueueStats::default());
}
