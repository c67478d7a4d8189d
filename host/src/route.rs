//! Who gets an alert, and why; for everyone else the reason why not: one pure function.
//!
//! Promise: an empty list means 'all', and all parts of a filter must hold. The order of
//! recipients and of lists makes no difference. Everything that can be prepared is, once, when a
//! filter is compiled.

mod described;
mod expression;
mod faults;
mod filter;
pub mod fingerprint;
mod hosts;
mod matcher;
mod reason;
#[cfg(test)]
mod tests;
mod window;
mod written;

use std::collections::HashMap;
use std::sync::Arc;

use crate::alert::Alert;
use crate::ids::{RecipientId, TenantId};

pub use faults::FilterFault;
pub use filter::Filter;
pub use reason::{Decision, Reason};
pub use written::{FilterSettings, Locality, Role, Weekday, Window};

/// The recipients of all tenants, each with its filter.
#[derive(Clone, Debug, Default)]
pub struct Router {
    tenants: HashMap<TenantId, Vec<(RecipientId, Arc<Filter>)>>,
}

/// What is known of the episode that an alert belongs to.
#[derive(Clone, Copy, Debug)]
pub enum Episode<'a> {
    /// Nothing was told before that it belongs to.
    Fresh,
    /// It is a release, and its engage was owed to these. It goes to exactly them, whatever their
    /// filters say now: who was told of the beginning is told of the end, and nobody else.
    Told(&'a [RecipientId]),
    /// It repeats the engage that is open, and is owed to nobody again.
    Repeated,
}

impl Router {
    pub fn add(&mut self, tenant: TenantId, recipient: RecipientId, filter: Arc<Filter>) {
        self.tenants.entry(tenant).or_default().push((recipient, filter));
    }

    /// Whom the alert is owed to.
    pub fn route(&self, alert: &Alert, episode: Episode<'_>) -> Vec<RecipientId> {
        self.decide(alert, episode)
            .filter(|(_, decision)| decision.is_yes())
            .map(|(recipient, _)| recipient)
            .collect()
    }

    /// Every recipient of the alert's tenant, with the decision.
    pub fn decide<'a>(
        &'a self,
        alert: &'a Alert,
        episode: Episode<'a>,
    ) -> impl Iterator<Item = (RecipientId, Decision<'a>)> + 'a {
        let of_tenant = self.tenants.get(&alert.tenant).into_iter().flatten();
        of_tenant.map(move |(id, filter)| (*id, decide(filter, *id, alert, episode)))
    }
}

/// Whether one recipient gets an alert, and why.
pub fn decide<'a>(
    filter: &'a Filter,
    recipient: RecipientId,
    alert: &'a Alert,
    episode: Episode<'_>,
) -> Decision<'a> {
    let reason = match episode {
        Episode::Fresh => filter.decide(alert),
        Episode::Told(to) if to.contains(&recipient) => Reason::WasTold,
        Episode::Told(_) => Reason::WasNotTold,
        Episode::Repeated => Reason::Repeated,
    };
    Decision { filter, alert, reason }
}
