//! Deliveries as the members of messages: how they are grouped, counted and told.

use std::collections::VecDeque;
use std::time::Duration;

use crate::delivery::{Delivery, Fate};
use crate::ids::DeliveryId;

/// Calls of one function, and the CPU they used.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) count: u64,
    pub(super) used: Duration,
}

impl Calls {
    pub(super) fn add(&mut self, used: Duration) {
        self.count += 1;
        self.used += used;
    }
}

/// What one call of `format` takes each. A delivery that comes back without its message (a verdict
/// of its own, too large with others, a fault) goes alone.
pub(super) fn groups(deliveries: Vec<Delivery>, batch_max: usize) -> VecDeque<Vec<Delivery>> {
    let mut groups: VecDeque<Vec<Delivery>> = VecDeque::new();
    let mut fresh = Vec::new();
    for delivery in deliveries {
        if delivery.attempts > 0 {
            groups.push_back(vec![delivery]);
        } else {
            fresh.push(delivery);
        }
    }
    while !fresh.is_empty() {
        let rest = fresh.split_off(batch_max.min(fresh.len()));
        groups.push_back(std::mem::replace(&mut fresh, rest));
    }
    groups
}

pub(super) fn ids(deliveries: &[Delivery]) -> Vec<DeliveryId> {
    deliveries.iter().map(|one| one.id).collect()
}

/// Which try this is, from 1. Members of one message have been tried equally often.
pub(super) fn number(deliveries: &[Delivery]) -> u32 {
    deliveries.iter().map(|one| one.attempts).max().unwrap_or(0).saturating_add(1)
}

/// A number from 0 to 1.
pub(super) fn jitter() -> f64 {
    // Without random the wait is the whole bound.
    getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX))
}

pub(super) fn fate_name(fates: &[Fate]) -> &'static str {
    match fates.first() {
        Some(Fate::Delivered { .. }) => "delivered",
        Some(Fate::Skipped) => "skipped",
        Some(Fate::Retry { .. }) => "retry",
        Some(Fate::Dead) | None => "dead",
    }
}
