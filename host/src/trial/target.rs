//! Whom a trial is made with: a saved recipient, or settings that are not saved (yet).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::Problem;
use crate::dispatch::Destination;
use crate::ids::{EndpointId, RecipientId, TenantId};
use crate::records::rows::{EndpointRow, RecipientRow, Secrets, Stamp};
use crate::roster::{Before, Kinds, Laid, Live, Roster};
use crate::route::{Filter, FilterSettings};
use crate::setup::{EndpointSetup, RecipientSetup, Settings};
use crate::wording::WordingSettings;

/// A name stands for what is saved under it; settings beside it are taken instead of the saved ones.
#[derive(Clone, Debug, Default)]
pub struct Target {
    pub recipient: Option<String>,
    pub endpoint: Option<String>,
    pub kind: Option<String>,
    pub endpoint_settings: Option<Settings>,
    pub recipient_settings: Option<Settings>,
    pub filter: Option<FilterSettings>,
    pub templates: Option<WordingSettings>,
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

/// Secrets that are not saved have another version in each try, so that no connection is shared with
/// one that proved itself by others.
static TRIES: AtomicU64 = AtomicU64::new(0);

/// Name of a recipient that is not saved.
const UNSAVED: &str = "unsaved";

impl Target {
    /// Nobody is named and nothing is given.
    pub fn is_empty(&self) -> bool {
        let is_named = self.recipient.is_some() || self.endpoint.is_some() || self.kind.is_some();
        let is_given = self.endpoint_settings.is_some()
            || self.recipient_settings.is_some()
            || self.filter.is_some()
            || self.templates.is_some();
        !is_named && !is_given
    }

    pub(super) fn aim(&self, roster: &Roster, tenant: TenantId) -> Result<Aim, TargetError> {
        let live = roster.live();
        let kinds = roster.kinds();
        let recipient = self.saved_recipient(&live, tenant)?;
        let endpoint = self.endpoint_row(&live, &kinds, tenant, recipient.as_ref())?;
        let built =
            kinds.endpoint(&endpoint).map_err(|found| problems("endpoint_settings", found))?;
        let row = self.recipient_row(&kinds, tenant, &endpoint, recipient)?;
        let destination = kinds
            .recipient(&row, &endpoint, &built)
            .map_err(|found| problems("recipient_settings", found))?;
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

    /// Settings that are not saved are read as if they were to be: a marker in them means the
    /// stored secret only where that could be kept.
    fn endpoint_row(
        &self,
        live: &Live,
        kinds: &Kinds,
        tenant: TenantId,
        recipient: Option<&RecipientRow>,
    ) -> Result<EndpointRow, TargetError> {
        let named = self.endpoint.as_ref().or(recipient.map(|row| &row.setup.endpoint));
        let saved = match named {
            Some(name) => match live.endpoint(tenant, name) {
                Some(entry) => Some(&*entry.row),
                None => {
                    return Err(TargetError::NotFound { what: "endpoint", name: name.clone() });
                }
            },
            None => None,
        };
        let mut row = match (saved, &self.kind) {
            (Some(saved), _) => saved.clone(),
            (None, Some(kind)) => EndpointRow {
                id: EndpointId(0),
                tenant,
                name: UNSAVED.to_owned(),
                setup: EndpointSetup { kind: kind.clone(), settings: Settings::default() },
                secrets: Secrets::new(),
                stamp: unstored(),
                pause: None,
            },
            (None, None) => return Err(TargetError::Nobody),
        };
        if let Some(settings) = &self.endpoint_settings {
            let of = (tenant, row.name.as_str(), row.setup.kind.as_str());
            let laid = kinds.lay_endpoint(of, settings.clone(), saved.map(Before::from));
            (row.setup.settings, row.secrets) = taken("endpoint_settings", laid)?;
        }
        Ok(row)
    }

    fn recipient_row(
        &self,
        kinds: &Kinds,
        tenant: TenantId,
        endpoint: &EndpointRow,
        saved: Option<RecipientRow>,
    ) -> Result<RecipientRow, TargetError> {
        // At another endpoint than its own its secrets mean nothing, wherever that one leads.
        let before = saved.clone().filter(|row| row.endpoint == endpoint.id);
        let is_elsewhere = saved.is_some() && before.is_none();
        let mut row = saved.unwrap_or_else(|| RecipientRow {
            id: RecipientId(0),
            tenant,
            name: UNSAVED.to_owned(),
            setup: RecipientSetup { endpoint: endpoint.name.clone(), ..RecipientSetup::default() },
            secrets: Secrets::new(),
            endpoint: endpoint.id,
            stamp: unstored(),
            pause: None,
        });
        let own = self.recipient_settings.clone();
        if let Some(settings) = own.or_else(|| is_elsewhere.then(|| row.setup.settings.clone())) {
            let laid = kinds.lay_recipient(endpoint, settings, before.as_ref().map(Before::from));
            (row.setup.settings, row.secrets) = taken("recipient_settings", laid)?;
        }
        if let Some(filter) = &self.filter {
            row.setup.filter = filter.clone();
        }
        if let Some(templates) = &self.templates {
            row.setup.templates = templates.clone();
        }
        Ok(row)
    }
}

fn taken(place: &str, mut laid: Laid) -> Result<(Settings, Secrets), TargetError> {
    let found = laid.take_problems();
    if !found.is_empty() {
        return Err(problems(place, found));
    }
    let secrets = laid.secrets(u64::MAX - TRIES.fetch_add(1, Ordering::Relaxed));
    Ok((laid.settings, secrets))
}

/// Those of settings are told at `place`.
fn problems(place: &str, found: Vec<Problem>) -> TargetError {
    let join = |one: Problem| {
        let place = match one.place.strip_prefix("settings") {
            Some(rest) => format!("{place}{rest}"),
            None => one.place,
        };
        Problem { place, expected: one.expected }
    };
    TargetError::Problems(found.into_iter().map(join).collect())
}

fn unstored() -> Stamp {
    Stamp { apply_set: None, revision: 0, created_ms: 0, changed_ms: 0 }
}
