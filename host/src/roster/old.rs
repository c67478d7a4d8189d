//! Stores from before secrets were kept apart: theirs are taken out of the settings and sealed,
//! once, when the store is opened.

use std::collections::HashMap;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::Kinds;
use super::kinds::OfKind;
use super::secrets::{Binding, Bindings, Written, split};
use super::write::put_secrets;
use crate::audit::{self, Entry, Who};
use crate::capability::secrets::is_marker;
use crate::ids::{EndpointId, Secret, TenantId};
use crate::records::rows::{self, EndpointRow, RecipientRow, Rows, Secrets, StoredSecret};
use crate::setup::Settings;
use crate::store::{Prepared, Store, StoreError, Weight, WriteJob};
use crate::vault::{Owner, Vault};

/// Returns when no row on disk holds a secret in plain text.
pub(super) async fn seal(
    rows: &mut Rows,
    kinds: &Kinds,
    store: &Store,
    vault: &Vault,
) -> Result<(), StoreError> {
    let (endpoints, recipients) = take(rows, kinds);
    if endpoints.is_empty() && recipients.is_empty() {
        return Ok(());
    }
    let (reply, answer) = oneshot::channel();
    let (vault, at_ms) = (vault.clone(), store.clock().now_ms());
    let job = Seal { endpoints, recipients, vault, at_ms, reply };
    store.ingest(Box::new(job), Weight { count: 0, bytes: 0 }).map_err(super::refused)?;
    answer.await.unwrap_or(Err(StoreError::Closed))
}

/// The rows that had some, as they are now.
fn take(rows: &mut Rows, kinds: &Kinds) -> (Vec<EndpointRow>, Vec<RecipientRow>) {
    let (mut endpoints, mut recipients) = (Vec::new(), Vec::new());
    for row in &mut rows.endpoints {
        let Some(of_kind) = kinds.of_kind(&row.setup.kind) else { continue };
        if let Some(values) = take_plain(&mut row.setup.settings, of_kind) {
            let bindings = kinds.bindings_of(row);
            bind(&mut row.secrets, values, row.stamp.revision, bindings.as_ref());
            endpoints.push(row.clone());
        }
    }
    let by_id: HashMap<EndpointId, &EndpointRow> =
        rows.endpoints.iter().map(|row| (row.id, row)).collect();
    for row in &mut rows.recipients {
        let Some(endpoint) = by_id.get(&row.endpoint) else { continue };
        let Some(of_kind) = kinds.of_kind(&endpoint.setup.kind) else { continue };
        if let Some(values) = take_plain(&mut row.setup.settings, of_kind) {
            let bindings = kinds.bindings_of(endpoint);
            bind(&mut row.secrets, values, row.stamp.revision, bindings.as_ref());
            recipients.push(row.clone());
        }
    }
    (endpoints, recipients)
}

/// `None`: nothing secret is in them in plain text.
fn take_plain(settings: &mut Settings, of_kind: &OfKind) -> Option<Vec<(String, Secret)>> {
    let mut map = settings.as_map().clone();
    for one in of_kind.secrets.iter() {
        match map.get_mut(&one.name) {
            Some(Value::Object(values)) if one.is_object => values.values_mut().for_each(as_text),
            Some(value) => as_text(value),
            None => {}
        }
    }
    let split = split(map.into(), &of_kind.secrets, &mut Vec::new());
    let values = split.written.into_iter().filter_map(|(field, written)| match written {
        Written::Value(value) => Some((field, value)),
        Written::Kept(_) => None,
    });
    let values: Vec<_> = values.collect();
    if values.is_empty() {
        return None;
    }
    *settings = split.settings;
    Some(values)
}

/// A number where a text belongs is no less a secret.
fn as_text(value: &mut Value) {
    if !value.is_string() && !is_marker(value) {
        *value = Value::String(value.to_string());
    }
}

/// What has nowhere to go is bound to nothing, and counts as unset.
fn bind(
    secrets: &mut Secrets,
    values: Vec<(String, Secret)>,
    version: u64,
    bindings: Option<&Bindings<'_>>,
) {
    for (field, value) in values {
        let binding = bindings.and_then(|bindings| bindings.of_field(&field)?.ok());
        let bound_to = binding.as_ref().map(Binding::to_text).unwrap_or_default();
        secrets.insert(field, StoredSecret { version, bound_to, value: Some(value) });
    }
}

struct Seal {
    endpoints: Vec<EndpointRow>,
    recipients: Vec<RecipientRow>,
    vault: Vault,
    at_ms: u64,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

impl Seal {
    fn entry(&self, tenant: TenantId, object: String, secrets: &Secrets) -> Entry {
        Entry {
            at_ms: self.at_ms,
            tenant,
            who: Who::engine("a store from before secrets were sealed"),
            action: "secret-sealed",
            object,
            detail: json!({ "fields": secrets.keys().collect::<Vec<_>>() }),
        }
    }
}

impl WriteJob for Seal {
    fn run(&mut self, db: &Prepared<'_>) -> rusqlite::Result<()> {
        /// What was there is overwritten on disk, too.
        const WIPING: &str = "pragma secure_delete = on";
        const AS_BEFORE: &str = "pragma secure_delete = off";
        db.first(WIPING, [], |_| Ok(()))?;
        let none = Secrets::new();
        for row in &self.endpoints {
            rows::put_endpoint(db, row)?;
            let of = (row.tenant, Owner::Endpoint(row.id));
            put_secrets(db, &self.vault, of, &none, &row.secrets, self.at_ms)?;
            let object = format!("endpoint {}", row.name);
            audit::append(db, &self.entry(row.tenant, object, &row.secrets))?;
        }
        for row in &self.recipients {
            rows::put_recipient(db, row)?;
            let of = (row.tenant, Owner::Recipient(row.id));
            put_secrets(db, &self.vault, of, &none, &row.secrets, self.at_ms)?;
            let object = format!("recipient {}", row.name);
            audit::append(db, &self.entry(row.tenant, object, &row.secrets))?;
        }
        db.first(AS_BEFORE, [], |_| Ok(())).map(drop)
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        // Whoever asked may have gone.
        _ = self.reply.send(result);
    }
}
