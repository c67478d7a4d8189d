//! Who gets an alert, and for everyone else the reason why not: one pure function.
//!
//! Promise: an empty list means 'all', and all parts of a filter must hold. The order of
//! recipients and of lists makes no difference.

pub mod fingerprint;

use std::fmt;

use crate::alert::{Alert, Severity};
use crate::ids::{RecipientId, TenantId};

/// Which alerts one recipient gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub minimum_severity: Severity,
    /// Empty: all.
    pub categories: Vec<String>,
}

impl Filter {
    /// `Ok`, or the first reason why not.
    pub fn decide(&self, alert: &Alert) -> Result<(), Reason> {
        if alert.severity < self.minimum_severity {
            return Err(Reason::Severity { least: self.minimum_severity, found: alert.severity });
        }
        if !self.categories.is_empty() && !self.categories.contains(&alert.category) {
            return Err(Reason::Category { found: alert.category.clone() });
        }
        Ok(())
    }
}

/// Why a recipient does not get an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    Severity { least: Severity, found: Severity },
    Category { found: String },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Severity { least, found } => {
                write!(f, "its severity is {found}, and the recipient wants {least} or more")
            }
            Self::Category { found } => {
                write!(f, "its category is `{found}`, which is not among the recipient's")
            }
        }
    }
}

/// The recipients of all tenants, each with its filter.
#[derive(Clone, Debug, Default)]
pub struct Router {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    tenant: TenantId,
    recipient: RecipientId,
    filter: Filter,
}

impl Router {
    pub fn add(&mut self, tenant: TenantId, recipient: RecipientId, filter: Filter) {
        self.entries.push(Entry { tenant, recipient, filter });
    }

    /// Whom the alert is owed to.
    pub fn route(&self, alert: &Alert) -> Vec<RecipientId> {
        self.decide(alert)
            .filter_map(|(recipient, decision)| decision.is_ok().then_some(recipient))
            .collect()
    }

    /// Every recipient of the alert's tenant, with the decision.
    pub fn decide<'a>(
        &'a self,
        alert: &'a Alert,
    ) -> impl Iterator<Item = (RecipientId, Result<(), Reason>)> + 'a {
        self.entries
            .iter()
            .filter(|entry| entry.tenant == alert.tenant)
            .map(|entry| (entry.recipient, entry.filter.decide(alert)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::tests::alert;

    #[test]
    fn a_filter_wants_the_severity_and_the_category_and_says_why_not() {
        let filter = |minimum_severity, categories: &[&str]| Filter {
            minimum_severity,
            categories: categories.iter().map(|one| (*one).to_owned()).collect(),
        };
        let (warning, error) = (Severity::Warning, Severity::Error);
        let table = [
            // filter, severity, category, reason
            (filter(warning, &[]), warning, "network", None),
            (filter(warning, &[]), error, "anything", None),
            (filter(error, &[]), warning, "network", Some("its severity is warning")),
            (filter(warning, &["security", "network"]), error, "network", None),
            (filter(warning, &["security"]), error, "network", Some("its category is `network`")),
            (filter(error, &["security"]), warning, "network", Some("its severity")),
        ];
        for (filter, severity, category, reason) in table {
            let mut alert = alert();
            alert.severity = severity;
            alert.category = category.to_owned();
            let decision = filter.decide(&alert).map_err(|reason| reason.to_string());
            match reason {
                None => assert_eq!(decision, Ok(()), "{filter:?}"),
                Some(begin) => assert!(
                    decision.as_ref().is_err_and(|text| text.starts_with(begin)),
                    "{filter:?}: {decision:?}"
                ),
            }
        }
    }

    #[test]
    fn an_alert_reaches_only_recipients_of_its_own_tenant() {
        let filter = Filter { minimum_severity: Severity::None, categories: Vec::new() };
        let mut router = Router::default();
        router.add(TenantId(1), RecipientId(1), filter.clone());
        router.add(TenantId(2), RecipientId(2), filter);
        let mut alert = alert();
        alert.tenant = TenantId(2);
        assert_eq!(router.route(&alert), [RecipientId(2)]);
    }
}
