//! Alerts, to be looked at.

use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Page, ROWS_MAX};
use crate::alert::{Action, Alert, Severity};
use crate::ids::{AlertId, TenantId};
use crate::store::row::{AlertRow, Id, Whole};
use crate::store::{Prepared, StoreError};

/// Which alerts to list, newest first. `None`: any.
#[derive(Clone, Debug, Default)]
pub struct AlertQuery {
    pub minimum_severity: Option<Severity>,
    pub category: Option<String>,
    pub entity: Option<String>,
    pub alert_type: Option<String>,
    pub limit: u32,
    /// `next` of the page before.
    pub before: Option<u64>,
}

/// An alert in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AlertRecord {
    #[schema(value_type = String)]
    pub id: AlertId,
    /// Id of the alert that opened this condition, or its own.
    #[schema(value_type = String)]
    pub episode: AlertId,
    /// Equal for all alerts about one condition.
    pub fingerprint: String,
    pub received_ms: u64,
    #[serde(flatten)]
    pub about: About,
}

/// What of an alert's body a list shows.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct About {
    pub producer: String,
    pub time_ms: u64,
    pub severity: Severity,
    pub action: Action,
    pub category: String,
    pub alert_type: String,
    pub title: String,
    pub entity_kind: String,
    pub entity_value: String,
}

/// Looks at the newest `ROWS_MAX` before the query's place, and shows those that are meant.
pub(super) fn list(
    db: &Prepared<'_>,
    tenant: TenantId,
    query: &AlertQuery,
) -> Result<Page<AlertRecord>, StoreError> {
    const ROWS: &str =
        "select seq, severity, id, tenant from alert where seq < ?1 order by seq desc limit ?2";
    const ONE: &str =
        "select id, episode, fingerprint, received_ms, body from alert where seq = ?1";
    /// Rows read at a time: most pages need no more.
    const STEP: u32 = 1_000;
    let failed = || StoreError::sqlite("list alerts");
    let least = query.minimum_severity.map_or(0, |least| least as u8);
    let mut rows = Vec::new();
    let mut before = query.before.unwrap_or(u64::MAX);
    for _ in 0..ROWS_MAX / STEP {
        let step = db.all(ROWS, params![Whole(before), STEP], |row| {
            Ok((row.get::<_, Whole>(0)?.0, row.get::<_, u8>(1)?, row.get::<_, u32>(3)?))
        });
        let step = step.map_err(failed())?;
        if step.is_empty() {
            return Ok(Page { rows, next: None });
        }
        for (seq, severity, of) in step {
            before = seq;
            if of != tenant.0 || severity < least {
                continue;
            }
            let row = db.first(ONE, [Whole(seq)], read).map_err(failed())?;
            let Some(record) = row.transpose()? else { continue };
            if query.wants(&record.about) {
                rows.push(record);
                if rows.len() >= query.limit as usize {
                    return Ok(Page { rows, next: Some(before) });
                }
            }
        }
    }
    Ok(Page { rows, next: Some(before) })
}

impl AlertQuery {
    fn wants(&self, about: &About) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        is(&self.category, &about.category)
            && is(&self.entity, &about.entity_kind)
            && is(&self.alert_type, &about.alert_type)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Result<AlertRecord, StoreError>> {
    let id = row.get::<_, Id>(0)?.alert();
    let (episode, fingerprint) = (row.get::<_, Id>(1)?.alert(), row.get::<_, Id>(2)?.fingerprint());
    let received_ms = row.get::<_, Whole>(3)?.0;
    let about = serde_json::from_str(row.get_ref(4)?.as_str()?);
    Ok(about
        .map(|about| AlertRecord {
            id,
            episode,
            fingerprint: fingerprint.to_string(),
            received_ms,
            about,
        })
        .map_err(|source| StoreError::Unreadable {
            what: format!("alert {id}"),
            source: source.into(),
        }))
}

pub(super) fn find(
    db: &Prepared<'_>,
    tenant: TenantId,
    id: AlertId,
) -> Result<Option<Alert>, StoreError> {
    const SQL: &str = "select tenant, id, fingerprint, episode, body, raw, may_ban from alert
        where id = ?1 and tenant = ?2";
    let row = db.first(SQL, params![Id::from(id), tenant.0], |row| AlertRow::read(row, 0));
    row.map_err(StoreError::sqlite("read an alert"))?.map(AlertRow::alert).transpose()
}
