//! Endpoints and recipients as the store keeps them.

use std::collections::BTreeMap;

use rusqlite::{Row, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::ids::{EndpointId, RecipientId, Secret, TenantId};
use crate::setup::{EndpointSetup, RecipientSetup, Settings};
use crate::store::row::Whole;
use crate::store::{Prepared, StoreError};

/// An endpoint, with all that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointRow {
    pub id: EndpointId,
    pub tenant: TenantId,
    pub name: String,
    /// Where secrets were, its settings have markers.
    pub setup: EndpointSetup,
    pub secrets: Secrets,
    pub stamp: Stamp,
    pub pause: Option<Pause>,
}

/// A recipient, with all that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct RecipientRow {
    pub id: RecipientId,
    pub tenant: TenantId,
    pub name: String,
    /// Names the endpoint by name; `endpoint` is its id. Where secrets were, its settings have
    /// markers.
    pub setup: RecipientSetup,
    pub secrets: Secrets,
    pub endpoint: EndpointId,
    pub stamp: Stamp,
    pub pause: Option<Pause>,
}

/// By field: `password`, `headers.X-Key`.
pub type Secrets = BTreeMap<String, StoredSecret>;

/// A secret beside the settings that it belongs to. Its row in the store is sealed.
#[derive(Clone, Debug)]
pub struct StoredSecret {
    /// The revision of the row that brought it; never the same for two values of one field.
    pub version: u64,
    /// What it was bound to when it was sealed.
    pub bound_to: String,
    /// `None`: it is bound to something else now, or was sealed elsewhere, and cannot be used.
    pub value: Option<Secret>,
}

impl StoredSecret {
    /// Whether this is its value.
    pub fn holds(&self, value: &Secret) -> bool {
        self.value.as_ref().is_some_and(|own| own.equals(value.expose()))
    }
}

impl PartialEq for StoredSecret {
    fn eq(&self, other: &Self) -> bool {
        (self.version, &self.bound_to) == (other.version, &other.bound_to)
            && self.value.is_some() == other.value.is_some()
    }
}

/// Where a row comes from, and which version of it this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The set of files that made it; `None`: it was made by hand.
    pub apply_set: Option<String>,
    /// Another number with every change, pauses included; never the same for two versions.
    pub revision: u64,
    pub created_ms: u64,
    pub changed_ms: u64,
}

/// Why nothing is sent, with the queue kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pause {
    pub by: PausedBy,
    pub since_ms: u64,
    /// A stable word: `by-hand`, or what the component said (`403`).
    pub code: String,
    /// For people; without secrets.
    pub detail: String,
}

/// Who paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PausedBy {
    /// Lasts until somebody resumes it.
    Person,
    /// A verdict `misconfigured`; lasts until a setting changes, or somebody resumes it.
    Verdict,
}

/// All rows, those of removed recipients to whom something may still be owed, and the counters.
#[derive(Debug, Default)]
pub struct Rows {
    /// Names of tenants.
    pub tenants: BTreeMap<TenantId, String>,
    pub endpoints: Vec<EndpointRow>,
    pub recipients: Vec<RecipientRow>,
    pub removed: Vec<RecipientId>,
    pub newest_endpoint: u32,
    pub newest_recipient: u32,
    pub newest_revision: u64,
}

pub(crate) fn load(db: &Prepared<'_>) -> Result<Rows, StoreError> {
    const ENDPOINTS: &str =
        "select id, tenant, name, kind, settings, apply_set, revision, created_ms,
            changed_ms, pause_by, pause_ms, pause_code, pause_detail
        from endpoint where removed_ms is null order by id";
    const RECIPIENTS: &str = "select r.id, r.tenant, r.name, r.endpoint, r.settings, r.apply_set,
            r.revision, r.created_ms, r.changed_ms, r.pause_by, r.pause_ms, r.pause_code,
            r.pause_detail, r.filter, e.name, r.templates
        from recipient r join endpoint e on e.id = r.endpoint and e.tenant = r.tenant
        where r.removed_ms is null order by r.id";
    /// Through the index of what is pending, from recipient to recipient.
    const OWED: &str = "select r.id from recipient r where r.removed_ms is not null and exists
        (select 1 from delivery d where d.state = 0 and d.recipient = r.id)";
    const NEWEST: &str = "select
        (select coalesce(max(seq), 0) from sqlite_sequence where name = 'endpoint'),
        (select coalesce(max(seq), 0) from sqlite_sequence where name = 'recipient'),
        max((select coalesce(max(revision), 0) from endpoint),
            (select coalesce(max(revision), 0) from recipient))";
    const TENANTS: &str = "select id, name from tenant";
    let failed = || StoreError::sqlite("read endpoints and recipients");
    let tenants = db.all(TENANTS, [], |row| Ok((TenantId(row.get(0)?), row.get(1)?)));
    let endpoints = db.all(ENDPOINTS, [], endpoint).map_err(failed())?;
    let recipients = db.all(RECIPIENTS, [], recipient).map_err(failed())?;
    let removed = db.all(OWED, [], |row| Ok(RecipientId(row.get(0)?))).map_err(failed())?;
    let newest =
        db.first(NEWEST, [], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, Whole>(2)?.0)));
    let (newest_endpoint, newest_recipient, newest_revision) =
        newest.map_err(failed())?.unwrap_or_default();
    Ok(Rows {
        tenants: tenants.map_err(failed())?.into_iter().collect(),
        endpoints: endpoints.into_iter().collect::<Result<_, _>>()?,
        recipients: recipients.into_iter().collect::<Result<_, _>>()?,
        removed,
        newest_endpoint,
        newest_recipient,
        newest_revision,
    })
}

fn endpoint(row: &Row<'_>) -> rusqlite::Result<Result<EndpointRow, StoreError>> {
    let settings: String = row.get(4)?;
    let row = EndpointRow {
        id: EndpointId(row.get(0)?),
        tenant: TenantId(row.get(1)?),
        name: row.get(2)?,
        setup: EndpointSetup { kind: row.get(3)?, settings: Settings::default() },
        secrets: Secrets::new(),
        stamp: stamp(row)?,
        pause: pause(row)?,
    };
    Ok(json(&settings, "endpoint", &row.name).map(|settings| EndpointRow {
        setup: EndpointSetup { settings, ..row.setup.clone() },
        ..row
    }))
}

fn recipient(row: &Row<'_>) -> rusqlite::Result<Result<RecipientRow, StoreError>> {
    let (settings, filter): (String, String) = (row.get(4)?, row.get(13)?);
    let templates: String = row.get(15)?;
    let row = RecipientRow {
        id: RecipientId(row.get(0)?),
        tenant: TenantId(row.get(1)?),
        name: row.get(2)?,
        setup: RecipientSetup { endpoint: row.get(14)?, ..RecipientSetup::default() },
        secrets: Secrets::new(),
        endpoint: EndpointId(row.get(3)?),
        stamp: stamp(row)?,
        pause: pause(row)?,
    };
    let read = || {
        let settings = json(&settings, "recipient", &row.name)?;
        let filter = json(&filter, "recipient", &row.name)?;
        let templates = json(&templates, "recipient", &row.name)?;
        Ok(RecipientSetup { endpoint: row.setup.endpoint.clone(), filter, settings, templates })
    };
    Ok(read().map(|setup| RecipientRow { setup, ..row }))
}

fn json<T: serde::de::DeserializeOwned>(
    text: &str,
    what: &str,
    name: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|source| StoreError::Unreadable {
        what: format!("{what} `{name}`"),
        source: source.into(),
    })
}

fn stamp(row: &Row<'_>) -> rusqlite::Result<Stamp> {
    Ok(Stamp {
        apply_set: row.get(5)?,
        revision: row.get::<_, Whole>(6)?.0,
        created_ms: row.get::<_, Whole>(7)?.0,
        changed_ms: row.get::<_, Whole>(8)?.0,
    })
}

fn pause(row: &Row<'_>) -> rusqlite::Result<Option<Pause>> {
    let by = match row.get::<_, Option<String>>(9)?.as_deref() {
        None => return Ok(None),
        Some("verdict") => PausedBy::Verdict,
        Some(_) => PausedBy::Person,
    };
    Ok(Some(Pause {
        by,
        since_ms: row.get::<_, Whole>(10)?.0,
        code: row.get(11)?,
        detail: row.get(12)?,
    }))
}

/// The columns of a pause.
fn paused(
    pause: Option<&Pause>,
) -> (Option<&'static str>, Option<Whole>, Option<&str>, Option<&str>) {
    match pause {
        None => (None, None, None, None),
        Some(pause) => {
            let by = match pause.by {
                PausedBy::Person => "person",
                PausedBy::Verdict => "verdict",
            };
            (Some(by), Some(Whole(pause.since_ms)), Some(&pause.code), Some(&pause.detail))
        }
    }
}

pub(crate) fn put_endpoint(db: &Prepared<'_>, row: &EndpointRow) -> rusqlite::Result<()> {
    const PUT: &str =
        "insert or replace into endpoint (id, tenant, name, kind, settings, apply_set,
            revision, created_ms, changed_ms, pause_by, pause_ms, pause_code, pause_detail)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    let (by, since, code, detail) = paused(row.pause.as_ref());
    let values = params![
        row.id.0,
        row.tenant.0,
        row.name,
        row.setup.kind,
        row.setup.settings.to_json(),
        row.stamp.apply_set,
        Whole(row.stamp.revision),
        Whole(row.stamp.created_ms),
        Whole(row.stamp.changed_ms),
        by,
        since,
        code,
        detail
    ];
    db.execute(PUT, values).map(drop)
}

pub(crate) fn put_recipient(db: &Prepared<'_>, row: &RecipientRow) -> rusqlite::Result<()> {
    const PUT: &str =
        "insert or replace into recipient (id, tenant, name, endpoint, filter, settings,
            apply_set, revision, created_ms, changed_ms, pause_by, pause_ms, pause_code,
            pause_detail, templates)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    let (by, since, code, detail) = paused(row.pause.as_ref());
    let templates = serde_json::to_string(&row.setup.templates).unwrap_or_default();
    // A filter is made of texts, numbers and lists: always JSON.
    let filter = serde_json::to_string(&row.setup.filter).unwrap_or_default();
    let values = params![
        row.id.0,
        row.tenant.0,
        row.name,
        row.endpoint.0,
        filter,
        row.setup.settings.to_json(),
        row.stamp.apply_set,
        Whole(row.stamp.revision),
        Whole(row.stamp.created_ms),
        Whole(row.stamp.changed_ms),
        by,
        since,
        code,
        detail,
        templates
    ];
    db.execute(PUT, values).map(drop)
}

/// The row stays for its name and its id, without settings.
pub(crate) fn remove_endpoint(
    db: &Prepared<'_>,
    id: EndpointId,
    at_ms: u64,
) -> rusqlite::Result<()> {
    const REMOVE: &str = "update endpoint set removed_ms = ?2, settings = '{}' where id = ?1";
    db.execute(REMOVE, params![id.0, Whole(at_ms)]).map(drop)
}

/// The row stays for its name and its id, without settings.
pub(crate) fn remove_recipient(
    db: &Prepared<'_>,
    id: RecipientId,
    at_ms: u64,
) -> rusqlite::Result<()> {
    const REMOVE: &str =
        "update recipient set removed_ms = ?2, settings = '{}', filter = '{}', templates = '{}'
            where id = ?1";
    db.execute(REMOVE, params![id.0, Whole(at_ms)]).map(drop)
}

#[cfg(test)]
pub(crate) mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::alert::Severity;
    use crate::route::FilterSettings;
    use crate::store::{Store, Weight, WriteJob};

    /// Stores a recipient of everything, at an endpoint of a kind that is not installed.
    pub(crate) async fn recipient(
        store: &Store,
        id: u32,
        tenant: TenantId,
        name: &str,
    ) -> RecipientId {
        let stamp = Stamp { apply_set: None, revision: id.into(), created_ms: 1, changed_ms: 1 };
        let filter =
            FilterSettings { minimum_severity: Severity::None, ..FilterSettings::default() };
        let endpoint = EndpointRow {
            id: EndpointId(id),
            tenant,
            name: name.to_owned(),
            setup: EndpointSetup {
                kind: "not-installed".to_owned(),
                settings: Settings::default(),
            },
            secrets: Secrets::new(),
            stamp: stamp.clone(),
            pause: None,
        };
        let setup =
            RecipientSetup { endpoint: name.to_owned(), filter, ..RecipientSetup::default() };
        let recipient = RecipientRow {
            id: RecipientId(id),
            tenant,
            name: name.to_owned(),
            setup,
            secrets: Secrets::new(),
            endpoint: endpoint.id,
            stamp,
            pause: None,
        };
        let (reply, answer) = oneshot::channel();
        let job = Put { endpoint, recipient, reply };
        store.ingest(Box::new(job), Weight { count: 0, bytes: 0 }).unwrap();
        answer.await.unwrap().unwrap();
        RecipientId(id)
    }

    struct Put {
        endpoint: EndpointRow,
        recipient: RecipientRow,
        reply: oneshot::Sender<Result<(), StoreError>>,
    }

    impl WriteJob for Put {
        fn run(&mut self, db: &Prepared<'_>) -> rusqlite::Result<()> {
            put_endpoint(db, &self.endpoint)?;
            put_recipient(db, &self.recipient)
        }

        fn answer(self: Box<Self>, result: Result<(), StoreError>) {
            self.reply.send(result).unwrap();
        }
    }

    #[tokio::test]
    async fn rows_read_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let clock = std::sync::Arc::new(crate::clock::Clock::fixed(1_000));
        let store = Store::open(folder.path(), clock, Default::default()).unwrap();
        recipient(&store, 7, TenantId::DEFAULT, "ops").await;
        let rows = store.read(load).await.unwrap();
        assert_eq!((rows.newest_endpoint, rows.newest_recipient, rows.newest_revision), (7, 7, 7));
        assert_eq!(rows.recipients[0].setup.endpoint, "ops");
        assert_eq!(rows.recipients[0].setup.filter.minimum_severity, Severity::None);
        assert_eq!(rows.endpoints[0].setup.kind, "not-installed");
    }
}
