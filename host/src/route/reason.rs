//! Why a recipient gets an alert, or does not: cheap to make, put into words only when somebody
//! reads it.

use std::fmt;

use super::Filter;
use super::matcher::value_of;
use crate::alert::{Alert, Severity};

/// A decision about one alert for one recipient.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    pub(super) filter: &'a Filter,
    pub(super) alert: &'a Alert,
    pub(super) reason: Reason,
}

/// The reason of a decision; numbers are places in the filter's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Yes: everything that the filter asks for holds.
    AllHolds,
    /// Yes: it got the engage of this release.
    WasTold,
    /// No: it did not get the engage of this release.
    WasNotTold,
    /// No: it repeats the engage that is open.
    Repeated,
    Severity,
    Category,
    Entity,
    AlertType,
    ExceptedAlertType,
    Interface,
    HostPool,
    Hosts,
    Matcher(usize),
    Time,
    Maintenance(usize),
    Text,
}

impl Decision<'_> {
    pub fn is_yes(&self) -> bool {
        matches!(self.reason, Reason::AllHolds | Reason::WasTold)
    }

    pub fn reason(&self) -> Reason {
        self.reason
    }
}

impl fmt::Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { filter, alert, reason } = self;
        let among = |f: &mut fmt::Formatter<'_>, what: &str, found: &str, list: &[String]| {
            write!(f, "its {what} is `{found}`, which is not among {}", list.join(", "))
        };
        match reason {
            Reason::AllHolds => self.all_that_holds(f),
            Reason::WasTold => f.write_str("it was told of the beginning"),
            Reason::WasNotTold => f.write_str("it was not told of the beginning"),
            Reason::Repeated => f.write_str("it repeats what is open already"),
            Reason::Severity => write!(
                f,
                "its severity is {}, and the recipient wants {} or more",
                alert.severity, filter.minimum_severity
            ),
            Reason::Category => among(f, "category", &alert.category, &filter.categories),
            Reason::Entity => among(f, "entity", &alert.entity_kind, &filter.entities),
            Reason::AlertType => among(f, "type", &alert.alert_type, &filter.alert_types),
            Reason::ExceptedAlertType => {
                write!(f, "its type is `{}`, which the recipient excepts", alert.alert_type)
            }
            Reason::Interface => {
                let found = alert.interface_name.as_deref().unwrap_or_default();
                among(f, "interface", found, &filter.interfaces)
            }
            Reason::HostPool => {
                write!(f, "none of its host pools is among {}", filter.host_pools.join(", "))
            }
            Reason::Hosts => {
                f.write_str("none of its hosts has the networks, roles and locality wanted")
            }
            Reason::Matcher(at) => match filter.matchers.get(*at) {
                Some(matcher) => write!(
                    f,
                    "its label `{}` is `{}`, and `{}` is wanted",
                    matcher.label(),
                    value_of(&alert.labels, matcher.label()),
                    matcher.written
                ),
                None => f.write_str("a label is not as wanted"),
            },
            Reason::Time => match filter.times.first() {
                Some(first) => write!(
                    f,
                    "it came at {}, outside of the recipient's times",
                    first.shown(alert.received_ms)
                ),
                None => f.write_str("it came outside of the recipient's times"),
            },
            Reason::Maintenance(at) => {
                f.write_str("it came ")?;
                if let Some(span) = filter.maintenance.get(*at) {
                    write!(f, "at {}, ", span.shown(alert.received_ms))?;
                }
                f.write_str("within a maintenance")?;
                match filter.maintenance.get(*at).and_then(|span| span.name.as_ref()) {
                    Some(name) => write!(f, ", `{name}`"),
                    None => Ok(()),
                }
            }
            Reason::Text => f.write_str("neither its title nor its text has what is looked for"),
        }
    }
}

impl Decision<'_> {
    /// The parts that are set, each with what of the alert made it hold.
    fn all_that_holds(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { filter, alert, .. } = self;
        let mut parts = Vec::new();
        if filter.minimum_severity > Severity::None {
            let least = filter.minimum_severity;
            parts.push(format!("severity {} is at least {least}", alert.severity));
        }
        for (what, list, found) in [
            ("category", &filter.categories, alert.category.as_str()),
            ("entity", &filter.entities, &alert.entity_kind),
            ("type", &filter.alert_types, &alert.alert_type),
            ("interface", &filter.interfaces, alert.interface_name.as_deref().unwrap_or_default()),
        ] {
            if !list.is_empty() {
                parts.push(format!("{what} {found}"));
            }
        }
        for (is_set, what) in [
            (!filter.except_alert_types.is_empty(), "no excepted type"),
            (!filter.host_pools.is_empty(), "a host pool"),
            (!filter.hosts.is_empty(), "a host"),
            (!filter.matchers.is_empty(), "all labels"),
            (!filter.text_matches.is_empty(), "the text"),
            (!filter.times.is_empty(), "the time"),
            (!filter.maintenance.is_empty(), "no maintenance"),
        ] {
            if is_set {
                parts.push(what.to_owned());
            }
        }
        if parts.is_empty() {
            return f.write_str("the recipient takes everything");
        }
        write!(f, "all that is asked for holds: {}", parts.join("; "))
    }
}
