//! Everything as it is at one moment: rows, what was made of them, and the router over them.
//!
//! A change makes a new one; what did not change is shared with the one before.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::Kinds;
use super::change::What;
use super::plan::Places;
use crate::config::Problem;
use crate::dispatch::{Destination, Endpoint};
use crate::ids::{EndpointId, RecipientId, TenantId};
use crate::records::rows::{EndpointRow, Pause, RecipientRow, Rows};
use crate::route::{Filter, FilterSettings, Router};
use crate::setup::{EndpointSetup, RecipientSetup, Setup};

/// Names are keys within a tenant.
pub(super) type Key = (TenantId, String);

/// The rows alone; cheap to copy and to change.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) endpoints: BTreeMap<Key, Arc<EndpointRow>>,
    pub(super) recipients: BTreeMap<Key, Arc<RecipientRow>>,
    /// Removed ones to whom something may still be owed.
    pub(super) removed: BTreeSet<RecipientId>,
}

/// The newest numbers that were given.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Newest {
    pub(super) endpoint: u32,
    pub(super) recipient: u32,
    pub(super) revision: u64,
}

/// Endpoints, recipients, the router over them, and whom dispatch sends to.
#[derive(Debug, Default)]
pub struct Live {
    pub router: Arc<Router>,
    /// Those that are sent to now: neither paused nor unusable.
    pub destinations: HashMap<RecipientId, Arc<Destination>>,
    pub(super) table: Table,
    pub(super) newest: Newest,
    endpoints: BTreeMap<Key, Arc<EndpointEntry>>,
    recipients: BTreeMap<Key, Arc<RecipientEntry>>,
}

/// An endpoint and what was made of it.
#[derive(Debug)]
pub struct EndpointEntry {
    pub row: Arc<EndpointRow>,
    /// `Err`: what is wrong, by place beneath it.
    pub built: Result<Arc<Endpoint>, Vec<Problem>>,
}

/// A recipient and what was made of it.
#[derive(Debug)]
pub struct RecipientEntry {
    pub row: Arc<RecipientRow>,
    pub endpoint: Arc<EndpointEntry>,
    /// Everything, where what is stored does not compile any more: then it waits.
    pub filter: Arc<Filter>,
    /// `Err`: what is wrong, by place beneath it; empty where only its endpoint is unusable.
    pub built: Result<Arc<Destination>, Vec<Problem>>,
}

/// Whether something is sent.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    Active,
    /// By a person or a verdict; its queue is kept.
    Paused,
    /// Its component is missing or does not take its settings; its queue is kept.
    Unusable,
}

impl EndpointEntry {
    pub fn standing(&self) -> Standing {
        standing(self.built.is_ok(), self.row.pause.as_ref())
    }
}

impl RecipientEntry {
    /// Its own; an endpoint that is not active stops it, too.
    pub fn standing(&self) -> Standing {
        let is_usable = self.built.as_ref().map_or_else(Vec::is_empty, |_| true);
        standing(is_usable, self.row.pause.as_ref())
    }

    fn is_sent_to(&self) -> bool {
        self.standing() == Standing::Active && self.endpoint.standing() == Standing::Active
    }
}

fn standing(is_usable: bool, pause: Option<&Pause>) -> Standing {
    match (is_usable, pause) {
        (false, _) => Standing::Unusable,
        (true, Some(_)) => Standing::Paused,
        (true, None) => Standing::Active,
    }
}

impl Table {
    fn of(rows: Rows) -> Self {
        let endpoints = rows.endpoints.into_iter();
        let recipients = rows.recipients.into_iter();
        Self {
            endpoints: endpoints
                .map(|one| ((one.tenant, one.name.clone()), Arc::new(one)))
                .collect(),
            recipients: recipients
                .map(|one| ((one.tenant, one.name.clone()), Arc::new(one)))
                .collect(),
            removed: rows.removed.into_iter().collect(),
        }
    }
}

impl Live {
    pub(super) fn open(rows: Rows, kinds: &Kinds) -> Self {
        let newest = Newest {
            endpoint: rows.newest_endpoint,
            recipient: rows.newest_recipient,
            revision: rows.newest_revision,
        };
        Self::default().next(Table::of(rows), newest, kinds)
    }

    /// What `table` makes; entries whose rows are the same are taken over.
    pub(super) fn next(&self, table: Table, newest: Newest, kinds: &Kinds) -> Self {
        let mut endpoints = BTreeMap::new();
        let mut by_id: HashMap<EndpointId, Arc<EndpointEntry>> = HashMap::new();
        for (key, row) in &table.endpoints {
            let known = self.endpoints.get(key).filter(|entry| Arc::ptr_eq(&entry.row, row));
            let entry = known.map_or_else(
                || Arc::new(EndpointEntry { row: Arc::clone(row), built: kinds.endpoint(row) }),
                Arc::clone,
            );
            by_id.insert(row.id, Arc::clone(&entry));
            endpoints.insert(key.clone(), entry);
        }
        let mut recipients = BTreeMap::new();
        let mut router = Router::default();
        let mut destinations = HashMap::new();
        for (key, row) in &table.recipients {
            // `plan` lets no recipient be without its endpoint.
            let Some(endpoint) = by_id.get(&row.endpoint) else { continue };
            let known = self.recipients.get(key).filter(|entry| {
                Arc::ptr_eq(&entry.row, row) && Arc::ptr_eq(&entry.endpoint, endpoint)
            });
            let entry = known.map_or_else(|| Arc::new(recipient(row, endpoint, kinds)), Arc::clone);
            router.add(row.tenant, row.id, Arc::clone(&entry.filter));
            if let Ok(destination) = &entry.built
                && entry.is_sent_to()
            {
                destinations.insert(row.id, Arc::clone(destination));
            }
            recipients.insert(key.clone(), entry);
        }
        Self { router: Arc::new(router), destinations, table, newest, endpoints, recipients }
    }

    /// The same, with everything of some kinds made anew: whether they may be used has changed.
    pub(super) fn refreshed(&self, of_kinds: &[String], kinds: &Kinds) -> Self {
        self.of_others(of_kinds).next(self.table.clone(), self.newest, kinds)
    }

    /// As [`refreshed`](Self::refreshed), of rows that were read anew: which settings of these kinds
    /// are secrets, and what for, has changed.
    pub(super) fn read_anew(&self, of_kinds: &[String], rows: Rows, kinds: &Kinds) -> Self {
        let Table { endpoints, recipients, .. } = Table::of(rows);
        let mut table = self.table.clone();
        let is_concerned = |row: &EndpointRow| of_kinds.contains(&row.setup.kind);
        let ids: HashSet<_> =
            endpoints.values().filter(|row| is_concerned(row)).map(|row| row.id).collect();
        table
            .recipients
            .extend(recipients.into_iter().filter(|(_, it)| ids.contains(&it.endpoint)));
        table.endpoints.extend(endpoints.into_iter().filter(|(_, row)| is_concerned(row)));
        self.of_others(of_kinds).next(table, self.newest, kinds)
    }

    /// What is taken over when some kinds are made anew.
    fn of_others(&self, of_kinds: &[String]) -> Self {
        let others =
            self.endpoints.iter().filter(|(_, one)| !of_kinds.contains(&one.row.setup.kind));
        Self {
            endpoints: others.map(|(key, one)| (key.clone(), Arc::clone(one))).collect(),
            recipients: self.recipients.clone(),
            ..Self::default()
        }
    }

    pub fn endpoint(&self, tenant: TenantId, name: &str) -> Option<&Arc<EndpointEntry>> {
        self.endpoints.get(&(tenant, name.to_owned()))
    }

    pub fn recipient(&self, tenant: TenantId, name: &str) -> Option<&Arc<RecipientEntry>> {
        self.recipients.get(&(tenant, name.to_owned()))
    }

    /// A tenant's endpoints by name, those after `after`.
    pub fn endpoints(
        &self,
        tenant: TenantId,
        after: &str,
    ) -> impl Iterator<Item = &Arc<EndpointEntry>> {
        of_tenant(&self.endpoints, tenant, after)
    }

    /// A tenant's recipients by name, those after `after`.
    pub fn recipients(
        &self,
        tenant: TenantId,
        after: &str,
    ) -> impl Iterator<Item = &Arc<RecipientEntry>> {
        of_tenant(&self.recipients, tenant, after)
    }

    /// Removed recipients to whom something may still be owed.
    pub fn removed(&self) -> impl Iterator<Item = RecipientId> + '_ {
        self.table.removed.iter().copied()
    }

    /// All that a tenant has set up, or what one set made of it, as it would be written.
    pub fn setup(&self, tenant: TenantId, set: Option<&str>) -> Setup {
        let is_meant = |of: &Option<String>| set.is_none_or(|set| of.as_deref() == Some(set));
        let endpoints = self.endpoints(tenant, "").filter(|one| is_meant(&one.row.stamp.apply_set));
        let recipients =
            self.recipients(tenant, "").filter(|one| is_meant(&one.row.stamp.apply_set));
        Setup {
            endpoint: endpoints
                .map(|one| (one.row.name.clone(), EndpointSetup::clone(&one.row.setup)))
                .collect(),
            recipient: recipients
                .map(|one| (one.row.name.clone(), RecipientSetup::clone(&one.row.setup)))
                .collect(),
        }
    }

    /// What stored rows have wrong, by name.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let of_endpoints = self
            .endpoints
            .values()
            .flat_map(|one| below(&format!("endpoint.{}", one.row.name), one.built.as_ref().err()));
        let of_recipients = self.recipients.values().flat_map(|one| {
            below(&format!("recipient.{}", one.row.name), one.built.as_ref().err())
        });
        of_endpoints.chain(of_recipients).collect()
    }

    /// What is wrong with the rows that a change has written, at the places where it has.
    pub(super) fn problems_of(&self, tenant: TenantId, places: &Places) -> Vec<Problem> {
        let found = places.iter().flat_map(|(what, name, place)| match what {
            What::Endpoint => {
                let entry = self.endpoint(tenant, name);
                below(place, entry.and_then(|one| one.built.as_ref().err()))
            }
            What::Recipient => {
                let entry = self.recipient(tenant, name);
                below(place, entry.and_then(|one| one.built.as_ref().err()))
            }
        });
        found.collect()
    }
}

fn recipient(
    row: &Arc<RecipientRow>,
    endpoint: &Arc<EndpointEntry>,
    kinds: &Kinds,
) -> RecipientEntry {
    let mut problems = Vec::new();
    let filter = Filter::compile(&row.setup.filter, kinds.zone()).unwrap_or_else(|faults| {
        problems.extend(faults.into_iter().map(|fault| Problem {
            place: format!("filter.{}", fault.place),
            expected: fault.expected,
        }));
        let everything = FilterSettings {
            minimum_severity: crate::alert::Severity::None,
            ..FilterSettings::default()
        };
        Filter::compile(&everything, kinds.zone()).unwrap_or_default()
    });
    let built = match &endpoint.built {
        Ok(built) => match kinds.recipient(row, &endpoint.row, built) {
            Ok(destination) if problems.is_empty() => Ok(destination),
            Ok(_) => Err(problems),
            Err(found) => {
                problems.extend(found);
                Err(problems)
            }
        },
        Err(_) => Err(problems),
    };
    RecipientEntry {
        row: Arc::clone(row),
        endpoint: Arc::clone(endpoint),
        filter: Arc::new(filter),
        built,
    }
}

fn of_tenant<'a, T>(
    map: &'a BTreeMap<Key, Arc<T>>,
    tenant: TenantId,
    after: &str,
) -> impl Iterator<Item = &'a Arc<T>> {
    use std::ops::Bound::{Excluded, Unbounded};
    let from = (tenant, after.to_owned());
    // No name is empty, so that the empty text is before the first.
    map.range((Excluded(from), Unbounded))
        .take_while(move |((of, _), _)| *of == tenant)
        .map(|(_, entry)| entry)
}

pub(super) fn below(place: &str, problems: Option<&Vec<Problem>>) -> Vec<Problem> {
    let join = |one: &Problem| Problem {
        place: if place.is_empty() { one.place.clone() } else { format!("{place}.{}", one.place) },
        expected: one.expected.clone(),
    };
    problems.into_iter().flatten().map(join).collect()
}
