//! placeholder
pub mod fingerprint;
use crate::alert::{Alert, Severity};
use crate::ids::{RecipientId, TenantId};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, fmt, sync::Arc};
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FilterSettings {
    pub minimum_severity: Severity,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
}
impl Default for FilterSettings {
    fn default() -> Self {
        Self { minimum_severity: Severity::Notice, categories: vec![] }
    }
}
#[derive(Debug, Clone)]
pub struct Filter(FilterSettings);
impl Default for Filter {
    fn default() -> Self {
        Self(FilterSettings { minimum_severity: Severity::None, categories: vec![] })
    }
}
#[derive(Debug, Clone)]
pub struct FilterFault {
    pub place: String,
    pub expected: String,
}
impl Filter {
    pub fn compile(s: &FilterSettings, _z: &jiff::tz::TimeZone) -> Result<Self, Vec<FilterFault>> {
        Ok(Self(s.clone()))
    }
}
#[derive(Clone, Copy, Debug)]
pub enum Episode<'a> {
    Fresh,
    Told(&'a [RecipientId]),
    Repeated,
}
pub struct Decision(bool);
impl Decision {
    pub fn is_yes(&self) -> bool {
        self.0
    }
}
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
pub fn decide<'a>(
    filter: &'a Filter,
    recipient: RecipientId,
    alert: &'a Alert,
    episode: Episode<'a>,
) -> Decision {
    Decision(match episode {
        Episode::Told(t) => t.contains(&recipient),
        Episode::Repeated => false,
        Episode::Fresh => {
            alert.severity >= filter.0.minimum_severity
                && (filter.0.categories.is_empty() || filter.0.categories.contains(&alert.category))
        }
    })
}
#[derive(Debug, Default)]
pub struct Router {
    tenants: HashMap<TenantId, Vec<(RecipientId, Arc<Filter>)>>,
}
impl Router {
    pub fn add(&mut self, tenant: TenantId, recipient: RecipientId, filter: Arc<Filter>) {
        self.tenants.entry(tenant).or_default().push((recipient, filter));
    }
    pub fn route(&self, alert: &Alert, episode: Episode<'_>) -> Vec<RecipientId> {
        self.tenants
            .get(&alert.tenant)
            .into_iter()
            .flatten()
            .filter(|(r, f)| decide(f, *r, alert, episode).is_yes())
            .map(|(r, _)| *r)
            .collect()
    }
}
