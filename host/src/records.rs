//! Records (seam 2): endpoints and recipients, what was owed to whom, and how each try ended.
//!
//! Promise: every query is bound to a tenant and sees nothing of another, and looks at a bounded
//! number of rows. Ids are never reused.

mod alerts;
pub mod components;
mod deliveries;
pub(crate) mod granted;
pub mod rows;
pub(crate) mod secrets;

use crate::alert::Alert;
use crate::audit::{self, Record, Verified};
use crate::delivery::{DeliveryRecord, Message, TryRecord};
use crate::ids::{AlertId, DeliveryId, RecipientId, TenantId};
use crate::store::{Store, StoreError};

pub use alerts::{AlertQuery, AlertRecord};
pub use deliveries::DeliveryQuery;
pub use secrets::SecretRecord;

#[cfg(test)]
mod tests;

/// Rows that one page looks at, so that a rare match costs no more than a common one.
const ROWS_MAX: u32 = 20_000;

/// A handle to the records of a store.
#[derive(Clone, Debug)]
pub struct Records(Store);

/// A part of a list, newest first.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub rows: Vec<T>,
    /// Where the next part begins; `None`: there is none.
    pub next: Option<u64>,
}

impl Records {
    pub fn new(store: &Store) -> Self {
        Self(store.clone())
    }

    pub async fn deliveries(
        &self,
        tenant: TenantId,
        query: DeliveryQuery,
    ) -> Result<Page<DeliveryRecord>, StoreError> {
        let listed = self.0.read(move |db| {
            deliveries::list(db, tenant, query).map_err(StoreError::sqlite("list deliveries"))
        });
        listed.await
    }

    /// A delivery and its attempts, oldest first.
    pub async fn delivery(
        &self,
        tenant: TenantId,
        id: DeliveryId,
    ) -> Result<Option<(DeliveryRecord, Vec<TryRecord>)>, StoreError> {
        let found = self.0.read(move |db| {
            deliveries::find(db, tenant, id).map_err(StoreError::sqlite("read a delivery"))
        });
        found.await
    }

    /// The message that a delivery is to go again as, or was last tried as before it was dead.
    pub async fn message(
        &self,
        tenant: TenantId,
        id: DeliveryId,
    ) -> Result<Option<Message>, StoreError> {
        self.0.read(move |db| deliveries::message(db, tenant, id)).await
    }

    /// The deliveries of one alert.
    pub async fn deliveries_of(
        &self,
        tenant: TenantId,
        alert: AlertId,
    ) -> Result<Vec<DeliveryRecord>, StoreError> {
        let found = self.0.read(move |db| {
            deliveries::of_alert(db, tenant, alert).map_err(StoreError::sqlite("list deliveries"))
        });
        found.await
    }

    /// How many deliveries are pending for a recipient, counted up to `count_max`.
    pub async fn pending_of(
        &self,
        recipient: RecipientId,
        count_max: u32,
    ) -> Result<u64, StoreError> {
        let counted = self.0.read(move |db| {
            deliveries::count_pending(db, recipient, count_max)
                .map_err(StoreError::sqlite("count what is pending"))
        });
        counted.await
    }

    /// Dead deliveries of a recipient, oldest first, at most `count_max`.
    pub async fn dead_of(
        &self,
        tenant: TenantId,
        recipient: RecipientId,
        count_max: u32,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        let found = self.0.read(move |db| {
            deliveries::dead_of(db, tenant, recipient, count_max)
                .map_err(StoreError::sqlite("list dead deliveries"))
        });
        found.await
    }

    pub async fn alerts(
        &self,
        tenant: TenantId,
        query: AlertQuery,
    ) -> Result<Page<AlertRecord>, StoreError> {
        self.0.read(move |db| alerts::list(db, tenant, &query)).await
    }

    pub async fn alert(&self, tenant: TenantId, id: AlertId) -> Result<Option<Alert>, StoreError> {
        self.0.read(move |db| alerts::find(db, tenant, id)).await
    }

    /// A tenant's audit log, newest first, older than `before`.
    pub async fn audit(
        &self,
        tenant: TenantId,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        audit::list(&self.0, tenant, before, limit).await
    }

    /// Whether the audit log is as it was written.
    pub async fn verify_audit(&self) -> Result<Verified, StoreError> {
        audit::verify(&self.0).await
    }

    /// A tenant's secrets, newest first, older than `before`.
    pub async fn secrets(
        &self,
        tenant: TenantId,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<SecretRecord>, StoreError> {
        self.0.read(move |db| secrets::list(db, tenant, before, limit)).await
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0
    }

    /// Notes something that was done, where nothing else is written with it.
    pub async fn note(&self, entry: audit::Entry) -> Result<(), StoreError> {
        audit::note(&self.0, entry).await
    }
}
