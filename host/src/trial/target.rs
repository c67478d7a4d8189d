//! Whom a trial is made with: a saved recipient, or settings that are not saved (yet).

use std::sync::Arc;

use crate::config::Problem;
use crate::dispatch::Destination;
use crate::ids::{EndpointId, RecipientId, TenantId};
use crate::records::rows::{EndpointRow, RecipientRow, Stamp};
use crate::roster::{Live, Roster};
use crate::route::{Filter, FilterSettings};
use crate::setup::{EndpointSetup, RecipientSetup, Settings};

/// A name stands for what is saved under it; settings beside it are taken instead of the saved ones.
#[derive(Clone, Debug, Default)]
pub struct Target {
    pub recipient: Option<String>,
    pub endpoint: Option<String>,
    pub kind: Option<String>,
    pub endpoint_settings: Option<Settings>,
    pub recipient_settings: Option<Settings>,
    pub filter: Option<FilterSettings>,
}

/// Why there is nothing to try.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    #[error("there is no {what} `{name}`")]
    NotFound { what: &'static str, name: String },

    #[error("name a `recipient`, an `endpoint`, or a `kind` with `endpoint_settings`")]
    Nobody,

    #[error("that may be {count} messages; name a `recipient`, or send fewer alerts")]
    TooMany { count: usize },

    #[error("what is written cannot be used")]
    Problems(Vec<Problem>),
}

/// Somebody to try with.
#[derive(Debug)]
pub(super) struct Aim {
    pub(super) destination: Arc<Destination>,
    pub(super) filter: Arc<Filter>,
}

/// Name of a recipient that is not saved.
const UNSAVED: &str = "unsaved";

impl Target {
    /// Nobody is named and nothing is given.
    pub fn is_empty(&self) -> bool {
        let is_named = self.recipient.is_some() || self.endpoint.is_some() || self.kind.is_some();
        let is_given = self.endpoint_settings.is_some()
            || self.recipient_settings.is_some()
            || self.filter.is_some();
        !is_named && !is_given
    }

    pub(super) fn aim(&self, roster: &Roster, tenant: TenantId) -> Result<Aim, TargetError> {
        let live = roster.live();
        let recipient = self.saved_recipient(&live, tenant)?;
        let endpoint = self.endpoint_row(&live, tenant, recipient.as_ref())?;
        let row = self.recipient_row(tenant, &endpoint, recipient);
        let kinds = roster.kinds();
        let at = |place: &str, problems: Vec<Problem>| {
            let join = |one: Problem| {
                let rest = one.place.strip_prefix("settings").unwrap_or(&one.place).to_owned();
                let place = if one.place.starts_with("settings") { place } else { "" };
                Problem { place: format!("{place}{rest}"), expected: one.expected }
            };
            TargetError::Problems(problems.into_iter().map(join).collect())
        };
        let built = kinds.endpoint(&endpoint).map_err(|found| at("endpoint_settings", found))?;
        let destination =
            kinds.recipient(&row, &built).map_err(|found| at("recipient_settings", found))?;
        let filter = Filter::compile(&row.setup.filter, kinds.zone()).map_err(|faults| {
            let problem = |fault: crate::route::FilterFault| Problem {
                place: format!("filter.{}", fault.place),
                expected: fault.expected,
            };
            TargetError::Problems(faults.into_iter().map(problem).collect())
        })?;
        Ok(Aim { destination, filter: Arc::new(filter) })
    }

    fn saved_recipient(
        &self,
        live: &Live,
        tenant: TenantId,
    ) -> Result<Option<RecipientRow>, TargetError> {
        let Some(name) = &self.recipient else { return Ok(None) };
        match live.recipient(tenant, name) {
            Some(entry) => Ok(Some(RecipientRow::clone(&entry.row))),
            None => Err(TargetError::NotFound { what: "recipient", name: name.clone() }),
        }
    }

    fn endpoint_row(
        &self,
        live: &Live,
        tenant: TenantId,
        recipient: Option<&RecipientRow>,
    ) -> Result<EndpointRow, TargetError> {
        let named = self.endpoint.as_ref().or(recipient.map(|row| &row.setup.endpoint));
        let mut row = match (named, &self.kind) {
            (Some(name), _) => match live.endpoint(tenant, name) {
                Some(entry) => EndpointRow::clone(&entry.row),
                None => {
                    return Err(TargetError::NotFound { what: "endpoint", name: name.clone() });
                }
            },
            (None, Some(kind)) => EndpointRow {
                id: EndpointId(0),
                tenant,
                name: UNSAVED.to_owned(),
                setup: EndpointSetup { kind: kind.clone(), settings: Settings::default() },
                stamp: unstored(),
                pause: None,
            },
            (None, None) => return Err(TargetError::Nobody),
        };
        if let Some(settings) = &self.endpoint_settings {
            row.setup.settings = settings.clone();
        }
        Ok(row)
    }

    fn recipient_row(
        &self,
        tenant: TenantId,
        endpoint: &EndpointRow,
        saved: Option<RecipientRow>,
    ) -> RecipientRow {
        let mut row = saved.unwrap_or_else(|| RecipientRow {
            id: RecipientId(0),
            tenant,
            name: UNSAVED.to_owned(),
            setup: RecipientSetup { endpoint: endpoint.name.clone(), ..RecipientSetup::default() },
            endpoint: endpoint.id,
            stamp: unstored(),
            pause: None,
        });
        if let Some(settings) = &self.recipient_settings {
            row.setup.settings = settings.clone();
        }
        if let Some(filter) = &self.filter {
            row.setup.filter = filter.clone();
        }
        row
    }
}

fn unstored() -> Stamp {
    Stamp { apply_set: None, revision: 0, created_ms: 0, changed_ms: 0 }
}
