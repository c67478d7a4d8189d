//! Why a recipient gets an alert, or does not: cheap to make, put into words only when somebody
//! reads it.

use std::fmt::{self, Display};

use super::filter::{self, Filter, pools};
use super::hosts;
use super::matcher::{Matcher, value_of};
use super::window::Span;
use crate::alert::{Alert, Severity};
use crate::printable::printable;

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

impl Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { filter, alert, reason } = *self;
        let came = |span: Option<&Span>| span.map(|one| one.shown(alert.received_ms));
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
                write!(f, "its type is `{}`, which the recipient excepts", Found(&alert.alert_type))
            }
            Reason::Interface => {
                let found = alert.interface_name.as_deref().unwrap_or_default();
                among(f, "interface", found, &filter.interfaces)
            }
            Reason::HostPool => {
                let found = pools(alert).collect::<Vec<_>>().join(", ");
                among(f, "host pool", &found, &filter.host_pools)
            }
            Reason::Hosts => match hosts::parties(alert).map(|one| &one.ip).collect::<Vec<_>>() {
                none if none.is_empty() => {
                    write!(f, "it names no host, and one is wanted that is {}", filter.hosts)
                }
                found => {
                    write!(f, "none of its hosts ({}) is {}", Listed(&found, ", "), filter.hosts)
                }
            },
            Reason::Matcher(at) => match filter.matchers.get(at) {
                Some(matcher) => labeled(f, alert, matcher),
                None => f.write_str("a label is not as wanted"),
            },
            Reason::Time => write!(
                f,
                "it came at {}, outside of the recipient's times",
                came(filter.times.first()).unwrap_or_default()
            ),
            Reason::Maintenance(at) => {
                let span = filter.maintenance.get(at);
                write!(f, "it came at {}, within ", came(span).unwrap_or_default())?;
                match span.and_then(|span| span.name.as_ref()) {
                    Some(name) => write!(f, "the maintenance `{name}`"),
                    None => write!(f, "`maintenance[{at}]`"),
                }
            }
            Reason::Text => write!(
                f,
                "neither its title nor its text has one of {}",
                Listed(&filter.text_matches, ", ")
            ),
        }
    }
}

impl Decision<'_> {
    /// The parts that are set, each with what of the alert made it hold.
    fn all_that_holds(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { filter, alert, .. } = *self;
        let mut parts = Vec::new();
        if filter.minimum_severity > Severity::None {
            let least = filter.minimum_severity;
            parts.push(format!("severity {} is at least {least}", alert.severity));
        }
        for (what, list, found) in [
            ("category", &filter.categories, alert.category.as_str()),
            ("entity", &filter.entities, &alert.entity_kind),
            ("type", &filter.alert_types, &alert.alert_type),
            ("no excepted type, but", &filter.except_alert_types, &alert.alert_type),
            ("interface", &filter.interfaces, alert.interface_name.as_deref().unwrap_or_default()),
        ] {
            if !list.is_empty() {
                parts.push(format!("{what} {}", Found(found)));
            }
        }
        let is_wanted = |pool: &&str| filter.host_pools.iter().any(|one| one == pool);
        parts.extend(pools(alert).find(is_wanted).map(|pool| format!("host pool {}", Found(pool))));
        let host = filter.hosts.found(alert);
        parts.extend(host.map(|one| format!("host {} is {}", one.ip, filter.hosts)));
        if !filter.matchers.is_empty() {
            let written: Vec<_> = filter.matchers.iter().map(|one| &one.written).collect();
            parts.push(format!("{}", Listed(&written, " and ")));
        }
        let found = filter.text_matches.iter().find(|one| filter::is_in(one, alert));
        parts.extend(found.map(|one| format!("the text has {one}")));
        if let Some((at, span)) = filter.time_of(alert) {
            let shown = span.shown(alert.received_ms);
            parts.push(match &span.name {
                Some(name) => format!("{shown} is within `{name}`"),
                None => format!("{shown} is within `times[{at}]`"),
            });
        }
        if !filter.maintenance.is_empty() {
            parts.push("no maintenance".to_owned());
        }
        match parts.as_slice() {
            [] => f.write_str("the recipient takes everything"),
            parts => write!(f, "all that is asked for holds: {}", parts.join("; ")),
        }
    }
}

fn among(f: &mut fmt::Formatter<'_>, what: &str, found: &str, wanted: &[String]) -> fmt::Result {
    match found {
        "" => write!(f, "it has no {what}, and the recipient wants ")?,
        _ => write!(f, "its {what} is `{}`, which is not among ", Found(found))?,
    }
    Listed(wanted, ", ").fmt(f)
}

fn labeled(f: &mut fmt::Formatter<'_>, alert: &Alert, matcher: &Matcher) -> fmt::Result {
    let label = matcher.label();
    match value_of(&alert.labels, label) {
        "" => write!(f, "it has no label `{label}`")?,
        found => write!(f, "its label `{label}` is `{}`", Found(found))?,
    }
    write!(f, ", and `{}` is wanted", matcher.written)
}

/// What somebody sent: cut where it gets long, and without what would disturb a terminal.
struct Found<'a>(&'a str);

impl Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CHARS_MAX: usize = 100;
        let shown: String = self.0.chars().take(CHARS_MAX).collect();
        f.write_str(&printable(&shown, usize::MAX))?;
        f.write_str(if self.0.chars().nth(CHARS_MAX).is_some() { "..." } else { "" })
    }
}

/// The first entries of a list, and how many more there are.
pub(super) struct Listed<'a, T>(pub(super) &'a [T], pub(super) &'static str);

impl<T: Display> Display for Listed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const COUNT_MAX: usize = 8;
        for (at, one) in self.0.iter().take(COUNT_MAX).enumerate() {
            f.write_str(if at == 0 { "" } else { self.1 })?;
            one.fmt(f)?;
        }
        match self.0.len().saturating_sub(COUNT_MAX) {
            0 => Ok(()),
            more => write!(f, "{}{more} more", self.1),
        }
    }
}
