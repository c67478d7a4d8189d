use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::*;

const A: TenantId = TenantId(1);
const B: TenantId = TenantId(2);

/// Somebody in the line.
struct Asking(Pin<Box<dyn Future<Output = Slot>>>);

impl Asking {
    fn new(slots: &Arc<Slots>, tenant: TenantId) -> Self {
        let slots = Arc::clone(slots);
        let mut asking = Self(Box::pin(async move { slots.acquire(tenant).await }));
        assert!(asking.got().is_none(), "takes its place first");
        asking
    }

    fn got(&mut self) -> Option<Slot> {
        match self.0.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(slot) => Some(slot),
            Poll::Pending => None,
        }
    }
}

fn take(slots: &Arc<Slots>, tenant: TenantId) -> Option<Slot> {
    let mut asking = Box::pin(slots.acquire(tenant));
    match asking.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(slot) => Some(slot),
        Poll::Pending => None,
    }
}

fn slots(count: usize, per_tenant_max: usize) -> (Arc<Slots>, LimitHits) {
    let hits = LimitHits::default();
    (Slots::new(count, per_tenant_max, hits.clone()), hits)
}

#[test]
fn one_that_is_alone_takes_all_and_shares_as_they_come_free() {
    let (slots, hits) = slots(4, 4);
    let mut held: Vec<_> = (0..4).map(|_| take(&slots, A).expect("alone")).collect();
    let mut more_of_a = Asking::new(&slots, A);
    let mut of_b: Vec<_> = (0..3).map(|_| Asking::new(&slots, B)).collect();
    assert_eq!(hits.of(Limit::Instances), 1, "A is told that it has its part");

    // A waits longer, but holds half or more: the next two are B's.
    held.pop();
    let first = of_b[0].got().expect("B holds none");
    assert!(more_of_a.got().is_none());
    held.pop();
    let second = of_b[1].got().expect("B holds one, A two");
    held.pop();
    let third = more_of_a.got().expect("A holds one, B two");
    assert!(of_b[2].got().is_none());
    drop(third);
    assert!(of_b[2].got().is_some(), "nobody else waits");
    drop((first, second));
}

#[test]
fn a_tenant_never_has_more_than_its_own_bound() {
    let (slots, hits) = slots(4, 2);
    let held: Vec<_> = (0..2).map(|_| take(&slots, A).expect("below its bound")).collect();
    assert!(take(&slots, A).is_none(), "two are free, and stay so");
    assert_eq!(hits.of(Limit::Instances), 1);
    assert!(take(&slots, B).is_some());
    drop(held);
    assert!(take(&slots, A).is_some());
}

#[test]
fn who_stops_asking_leaves_no_trace() {
    let (slots, _) = slots(1, 1);
    let held = take(&slots, A).expect("free");
    let gone = Asking::new(&slots, B);
    // Given, and never looked at.
    let mut unread = Asking::new(&slots, A);
    drop(gone);
    drop(held);
    let mut last = Asking::new(&slots, B);
    drop(unread.got().expect("B has left the line"));
    let unread = Asking::new(&slots, A);
    drop(last.got().expect("the only one"));
    drop(unread);
    let state = slots.lock();
    assert_eq!((state.free, state.held.len(), state.waiting.len()), (1, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_slot_is_lost_or_made_among_threads() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    const COUNT: usize = 3;
    let (slots, _) = slots(COUNT, COUNT);
    let alive = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for at in 0..30_u32 {
        let (slots, alive) = (Arc::clone(&slots), Arc::clone(&alive));
        tasks.spawn(async move {
            for round in 0..100_u32 {
                let asking = slots.acquire(TenantId(at % 4));
                if (at + round) % 3 == 0 {
                    // Asks, and may give up while it is being answered.
                    tokio::select! { biased; () = tokio::task::yield_now() => {} slot = asking => drop(slot) }
                    continue;
                }
                let slot = asking.await;
                assert!(alive.fetch_add(1, Ordering::SeqCst) < COUNT);
                tokio::task::yield_now().await;
                alive.fetch_sub(1, Ordering::SeqCst);
                drop(slot);
            }
        });
    }
    while let Some(joined) = tasks.join_next().await {
        joined.unwrap();
    }
    let state = slots.lock();
    assert_eq!((state.free, state.held.len(), state.waiting.len()), (COUNT, 0, 0));
}
