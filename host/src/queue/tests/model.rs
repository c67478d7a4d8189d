//! Random sequences of what may happen, against a model that a reader can check by eye.

use std::collections::{BTreeMap, HashMap, HashSet};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Commit {
        count: u8,
        fingerprints: u8,
    },
    Lease {
        recipient: RecipientId,
        max: u8,
    },
    /// The lease at this position, or nothing.
    Settle {
        lease: u8,
        fate: u8,
        keep: bool,
        halves: bool,
    },
    GiveBack {
        lease: u8,
        wait_ms: u16,
    },
    Drop {
        lease: u8,
    },
    Advance {
        by_ms: u16,
    },
    Close,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let recipient = prop_oneof![Just(ONE), Just(TWO)];
    let step = prop_oneof![
        3 => (1..12_u8, 1..6_u8).prop_map(|(count, fingerprints)| Step::Commit { count, fingerprints }),
        6 => (recipient, 1..6_u8).prop_map(|(recipient, max)| Step::Lease { recipient, max }),
        6 => (0..4_u8, 0..6_u8, any::<bool>(), any::<bool>())
            .prop_map(|(lease, fate, keep, halves)| Step::Settle { lease, fate, keep, halves }),
        1 => (0..4_u8, 0..500_u16).prop_map(|(lease, wait_ms)| Step::GiveBack { lease, wait_ms }),
        1 => (0..4_u8).prop_map(|lease| Step::Drop { lease }),
        2 => (0..800_u16).prop_map(|by_ms| Step::Advance { by_ms }),
        1 => Just(Step::Close),
        1 => Just(Step::Crash),
    ];
    proptest::collection::vec(step, 1..60)
}

/// What is owed, in order, and what is known of each.
#[derive(Default)]
struct Model {
    owed: BTreeMap<(RecipientId, Fingerprint), Vec<DeliveryId>>,
    leased: HashSet<DeliveryId>,
    attempts: HashMap<DeliveryId, u32>,
    kept: HashMap<DeliveryId, Message>,
    finals: HashSet<DeliveryId>,
}

/// A lease and what was found in it.
struct Taken {
    lease: Lease,
    deliveries: Vec<Delivery>,
    again: Option<Message>,
}

impl Model {
    fn owe(&mut self, recipient: RecipientId, fingerprint: Fingerprint, alert: AlertId) {
        self.owed.entry((recipient, fingerprint)).or_default().push(id_of(alert, recipient));
    }

    fn take(&mut self, mut lease: Lease, max: usize) -> Taken {
        let (again, deliveries) = match lease.work() {
            Work::Fresh(deliveries) => (None, deliveries),
            Work::Again { message, deliveries } => (Some(message), deliveries),
        };
        assert!(!deliveries.is_empty() && (again.is_some() || deliveries.len() <= max));
        for one in &deliveries {
            let line = &self.owed[&(one.id.recipient, one.alert.fingerprint)];
            assert_eq!(line.first(), Some(&one.id), "the oldest of its line that is pending");
            assert!(self.leased.insert(one.id), "{} is leased twice", one.id);
            assert_eq!(one.attempts, self.attempts.get(&one.id).copied().unwrap_or(0));
            assert_eq!(
                again.as_ref(),
                self.kept.get(&one.id),
                "a message keeps bytes, id and members"
            );
        }
        if let Some(message) = &again {
            assert_eq!(message.members, deliveries.iter().map(|one| one.id).collect::<Vec<_>>());
        }
        Taken { lease, deliveries, again }
    }

    fn settle(&mut self, sent: &Message, deliveries: &[Delivery], fate: &Fate, keep: bool) {
        for one in deliveries {
            self.leased.remove(&one.id);
            *self.attempts.entry(one.id).or_default() += 1;
            self.kept.remove(&one.id);
            if !matches!(fate, Fate::Retry { .. }) {
                assert!(self.finals.insert(one.id), "{} is settled twice", one.id);
                if let Some(line) = self.owed.get_mut(&(one.id.recipient, one.alert.fingerprint)) {
                    line.remove(0);
                }
            } else if keep {
                self.kept.insert(one.id, sent.clone());
            }
        }
    }

    fn give_back(&mut self, taken: &Taken) {
        taken.deliveries.iter().for_each(|one| _ = self.leased.remove(&one.id));
    }

    fn pending(&self, recipient: RecipientId) -> usize {
        self.owed.iter().filter(|((of, _), _)| *of == recipient).map(|(_, line)| line.len()).sum()
    }
}

async fn run(steps: Vec<Step>) {
    let limits = QueueLimits { lane_count: 8, body_bytes: 4096, ..QueueLimits::default() };
    let mut house = House::with(limits, StoreLimits::default()).await;
    let mut model = Model::default();
    let mut leases: Vec<Taken> = Vec::new();
    for step in steps {
        match step {
            Step::Commit { count, fingerprints } => {
                let fingerprints: Vec<_> = (0..count).map(|at| at % fingerprints).collect();
                let ids = house.commit(&fingerprints, &[ONE, TWO]).await;
                for (id, fingerprint) in ids.into_iter().zip(fingerprints) {
                    for recipient in [ONE, TWO] {
                        model.owe(recipient, Fingerprint([fingerprint; 16]), id);
                    }
                }
            }
            Step::Lease { recipient, max } => {
                if let Some(lease) = soon(house.queue.lease(recipient, max.into())).await.unwrap() {
                    leases.push(model.take(lease, max.into()));
                }
            }
            Step::Settle { lease, fate, keep, halves } if usize::from(lease) < leases.len() => {
                let taken = leases.remove(lease.into());
                let fate = match fate {
                    0 | 1 => Fate::Retry { due_ms: house.clock.now_ms() + 300 },
                    2 => Fate::Dead,
                    3 => Fate::Skipped,
                    _ => delivered(),
                };
                settle(&mut model, taken, &fate, keep, halves).await;
            }
            Step::GiveBack { lease, wait_ms } if usize::from(lease) < leases.len() => {
                let taken = leases.remove(lease.into());
                let ids: Vec<_> = taken.deliveries.iter().map(|one| one.id).collect();
                taken.lease.give_back(&ids, Some(house.clock.now_ms() + u64::from(wait_ms)));
                model.give_back(&taken);
            }
            Step::Drop { lease } if usize::from(lease) < leases.len() => {
                model.give_back(&leases.remove(lease.into()));
            }
            Step::Settle { .. } | Step::GiveBack { .. } | Step::Drop { .. } => {}
            Step::Advance { by_ms } => house.clock.advance(by_ms.into()),
            Step::Close | Step::Crash => {
                leases.drain(..).for_each(|taken| model.give_back(&taken));
                house = if matches!(step, Step::Close) {
                    house.reopen().await
                } else {
                    house.crash().await
                };
            }
        }
    }
    leases.drain(..).for_each(|taken| model.give_back(&taken));
    drain(&house, &mut model).await;
}

async fn settle(model: &mut Model, taken: Taken, fate: &Fate, keep: bool, halves: bool) {
    let middle = if halves && taken.again.is_none() { taken.deliveries.len() / 2 } else { 0 };
    let (left, right) = taken.deliveries.split_at(middle);
    for part in [left, right].into_iter().filter(|part| !part.is_empty()) {
        let sent = taken.again.clone().unwrap_or_else(|| message(part));
        soon(taken.lease.settle(settlement(sent.clone(), fate.clone(), keep))).await.unwrap();
        model.settle(&sent, part, fate, keep);
    }
}

/// Nothing is lost: all that the model owes comes, and nothing else.
async fn drain(house: &House, model: &mut Model) {
    house.clock.advance(10_000);
    for recipient in [ONE, TWO] {
        while model.pending(recipient) > 0 {
            let taken = model.take(house.lease(recipient, 4).await, 4);
            settle(model, taken, &delivered(), false, false).await;
        }
        assert!(house.is_idle(recipient).await);
    }
    assert_eq!(soon(house.queue.stats()).await.unwrap(), QueueStats::default());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_or_leased_twice_and_order_is_kept(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(run(steps));
    }
}
