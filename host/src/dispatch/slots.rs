//! The right to have a store alive: how many there are, and whose turn is next.
//!
//! Promise: a tenant that is alone may take every slot up to its own bound. While others wait, a
//! slot that comes free goes to the tenant that holds the fewest, so nobody gets one while it holds
//! half or more and another waits with less. Within a tenant it goes by order of arrival.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::ids::TenantId;
use crate::telemetry::{Limit, LimitHits};

/// All the slots of the engine.
#[derive(Debug)]
pub struct Slots {
    state: Mutex<State>,
    count: usize,
    per_tenant_max: usize,
    hits: LimitHits,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// Never 0.
    held: HashMap<TenantId, usize>,
    /// Who waits, by ticket. Never empty for a tenant.
    waiting: HashMap<TenantId, BTreeMap<u64, oneshot::Sender<Slot>>>,
    next_ticket: u64,
}

/// One slot; free again when it is dropped.
#[derive(Debug)]
pub struct Slot {
    /// `None`: nobody took it.
    of: Option<(Arc<Slots>, TenantId)>,
}

impl Slots {
    /// `count` slots, of which one tenant has at most `per_tenant_max`; both at least 1.
    pub fn new(count: usize, per_tenant_max: usize, hits: LimitHits) -> Arc<Self> {
        debug_assert!(count > 0 && per_tenant_max > 0, "nobody would ever get a slot");
        let state =
            State { free: count, held: HashMap::new(), waiting: HashMap::new(), next_ticket: 0 };
        Arc::new(Self { state: Mutex::new(state), count, per_tenant_max, hits })
    }

    /// Waits for a slot. Safe to drop: whoever asks again goes to the end of its tenant's line.
    pub async fn acquire(self: &Arc<Self>, tenant: TenantId) -> Slot {
        let (give, given) = oneshot::channel();
        let ticket = {
            let mut state = self.lock();
            let ticket = state.next_ticket;
            state.next_ticket += 1;
            state.waiting.entry(tenant).or_default().insert(ticket, give);
            self.hand_out(&mut state);
            if state.waits(tenant, ticket) && state.held(tenant) >= self.part(&state, tenant) {
                self.hits.count(Limit::Instances);
            }
            ticket
        };
        // Leaves the line with this future.
        let _place = Place { slots: self, tenant, ticket };
        match given.await {
            Ok(slot) => slot,
            // A sender leaves the line only with a slot.
            Err(_) => std::future::pending().await,
        }
    }

    /// What a tenant may hold right now: its bound, and half where another waits.
    fn part(&self, state: &State, tenant: TenantId) -> usize {
        let is_alone = state.waiting.keys().all(|other| *other == tenant);
        let fair = if is_alone { self.count } else { self.count.div_ceil(2) };
        fair.min(self.per_tenant_max)
    }

    /// Gives what is free to whoever is next.
    fn hand_out(self: &Arc<Self>, state: &mut State) {
        while state.free > 0 {
            let Some((tenant, ticket)) = state.next(self.per_tenant_max) else { return };
            let Some(give) = state.leave(tenant, ticket) else { return };
            let slot = Slot { of: Some((Arc::clone(self), tenant)) };
            match give.send(slot) {
                Ok(()) => {
                    state.free -= 1;
                    *state.held.entry(tenant).or_default() += 1;
                }
                // It has gone meanwhile; nothing was taken, so nothing is given back.
                Err(mut untaken) => untaken.of = None,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn held(&self, tenant: TenantId) -> usize {
        self.held.get(&tenant).copied().unwrap_or(0)
    }

    fn waits(&self, tenant: TenantId, ticket: u64) -> bool {
        self.waiting.get(&tenant).is_some_and(|line| line.contains_key(&ticket))
    }

    /// The waiting tenant that holds the fewest, and of equals the one that has waited longest.
    fn next(&self, per_tenant_max: usize) -> Option<(TenantId, u64)> {
        self.waiting
            .iter()
            .filter_map(|(tenant, line)| Some((self.held(*tenant), *line.keys().next()?, *tenant)))
            .filter(|(held, ..)| *held < per_tenant_max)
            .min_by_key(|(held, ticket, _)| (*held, *ticket))
            .map(|(_, ticket, tenant)| (tenant, ticket))
    }

    fn leave(&mut self, tenant: TenantId, ticket: u64) -> Option<oneshot::Sender<Slot>> {
        let line = self.waiting.get_mut(&tenant)?;
        let give = line.remove(&ticket);
        if line.is_empty() {
            self.waiting.remove(&tenant);
        }
        give
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some((slots, tenant)) = self.of.take() else { return };
        let mut state = slots.lock();
        state.free += 1;
        if let Some(held) = state.held.get_mut(&tenant) {
            *held -= 1;
            if *held == 0 {
                state.held.remove(&tenant);
            }
        }
        slots.hand_out(&mut state);
    }
}

/// A place in the line.
struct Place<'a> {
    slots: &'a Slots,
    tenant: TenantId,
    ticket: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        // The lock is given back before the sender goes.
        let left = self.slots.lock().leave(self.tenant, self.ticket);
        drop(left);
    }
}

#[cfg(test)]
mod tests;
