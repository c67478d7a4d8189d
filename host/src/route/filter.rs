//! A filter that is ready to decide.

use super::expression::Expression;
use super::faults::{Faults, FilterFault};
use super::hosts::Hosts;
use super::matcher::{Matcher, value_of};
use super::reason::Reason;
use super::window::Span;
use super::written::{FilterSettings, Window};
use crate::alert::{Alert, Severity};
use jiff::tz::TimeZone;

/// Entries of a list of plain values.
pub(super) const VALUES_MAX: usize = 256;
/// Entries of a list of what is compiled.
const COMPILED_MAX: usize = 64;
/// Memory of the expressions of one list, so that thousands of recipients stay affordable.
const EXPRESSIONS_BYTES_MAX: usize = 1 << 20;

/// Labels that ntopng's reader gives the host pools.
const POOLS: [&str; 3] = ["host_pool_id", "cli_host_pool_id", "srv_host_pool_id"];

/// Which alerts one recipient gets; everything compiled.
#[derive(Clone, Debug)]
pub struct Filter {
    pub(super) minimum_severity: Severity,
    pub(super) categories: Vec<String>,
    pub(super) entities: Vec<String>,
    pub(super) alert_types: Vec<String>,
    pub(super) except_alert_types: Vec<String>,
    pub(super) host_pools: Vec<String>,
    pub(super) interfaces: Vec<String>,
    pub(super) hosts: Hosts,
    pub(super) matchers: Vec<Matcher>,
    pub(super) text_matches: Vec<Expression>,
    pub(super) times: Vec<Span>,
    pub(super) maintenance: Vec<Span>,
}

impl Default for Filter {
    /// Takes everything.
    fn default() -> Self {
        Self {
            minimum_severity: Severity::None,
            categories: Vec::new(),
            entities: Vec::new(),
            alert_types: Vec::new(),
            except_alert_types: Vec::new(),
            host_pools: Vec::new(),
            interfaces: Vec::new(),
            hosts: Hosts::default(),
            matchers: Vec::new(),
            text_matches: Vec::new(),
            times: Vec::new(),
            maintenance: Vec::new(),
        }
    }
}

impl Filter {
    /// Compiles what is written, or tells all that is wrong with it. `zone`: for windows that name
    /// none.
    pub fn compile(written: &FilterSettings, zone: &TimeZone) -> Result<Self, Vec<FilterFault>> {
        let mut faults = Faults::default();
        let mut texts = |place: &str, list: &[String]| {
            faults.each(place, list, VALUES_MAX, |text| Ok(text.to_owned()))
        };
        let filter = Self {
            minimum_severity: written.minimum_severity,
            categories: texts("categories", &written.categories),
            entities: texts("entities", &written.entities),
            alert_types: texts("alert_types", &written.alert_types),
            except_alert_types: texts("except_alert_types", &written.except_alert_types),
            host_pools: texts("host_pools", &written.host_pools),
            interfaces: texts("interfaces", &written.interfaces),
            hosts: Hosts::compile(written, &mut faults),
            matchers: faults.each("matchers", &written.matchers, COMPILED_MAX, Matcher::read),
            text_matches: faults.each(
                "text_matches",
                &written.text_matches,
                COMPILED_MAX,
                |text| Expression::read(text, true),
            ),
            times: spans("times", &written.times, zone, &mut faults),
            maintenance: spans("maintenance", &written.maintenance, zone, &mut faults),
        };
        for (place, bytes) in [
            ("matchers", filter.matchers.iter().map(Matcher::bytes).sum::<usize>()),
            ("text_matches", filter.text_matches.iter().map(Expression::bytes).sum()),
        ] {
            if bytes > EXPRESSIONS_BYTES_MAX {
                faults.add(place, "expected fewer or smaller regular expressions");
            }
        }
        faults.or(filter)
    }

    /// Whether the alert is taken, and the first reason why not. What is quick to see comes first.
    pub(super) fn decide(&self, alert: &Alert) -> Reason {
        let any =
            |list: &[String], value: &str| list.is_empty() || list.iter().any(|one| one == value);
        if alert.severity < self.minimum_severity {
            return Reason::Severity;
        }
        if !any(&self.categories, &alert.category) {
            return Reason::Category;
        }
        if !any(&self.entities, &alert.entity_kind) {
            return Reason::Entity;
        }
        if !any(&self.alert_types, &alert.alert_type) {
            return Reason::AlertType;
        }
        if self.except_alert_types.contains(&alert.alert_type) {
            return Reason::ExceptedAlertType;
        }
        if !any(&self.interfaces, alert.interface_name.as_deref().unwrap_or_default()) {
            return Reason::Interface;
        }
        if !self.host_pools.is_empty() && !pools(alert).any(|pool| any(&self.host_pools, pool)) {
            return Reason::HostPool;
        }
        if !self.hosts.hold(alert) {
            return Reason::Hosts;
        }
        if let Some(at) = self.matchers.iter().position(|one| !one.holds(&alert.labels)) {
            return Reason::Matcher(at);
        }
        if !self.times.is_empty() && self.time_of(alert).is_none() {
            return Reason::Time;
        }
        if let Some(at) = self.maintenance.iter().position(|one| one.contains(alert.received_ms)) {
            return Reason::Maintenance(at);
        }
        let mut texts = self.text_matches.iter();
        if !self.text_matches.is_empty() && !texts.any(|one| is_in(one, alert)) {
            return Reason::Text;
        }
        Reason::AllHolds
    }

    /// The first of its times that the alert came within, with its place.
    pub(super) fn time_of(&self, alert: &Alert) -> Option<(usize, &Span)> {
        self.times.iter().enumerate().find(|(_, one)| one.contains(alert.received_ms))
    }
}

/// The host pools that an alert names.
pub(super) fn pools(alert: &Alert) -> impl Iterator<Item = &str> {
    POOLS.iter().map(|label| value_of(&alert.labels, label)).filter(|pool| !pool.is_empty())
}

pub(super) fn is_in(wanted: &Expression, alert: &Alert) -> bool {
    wanted.is_in(&alert.title) || wanted.is_in(&alert.text)
}

fn spans(place: &str, list: &[Window], zone: &TimeZone, faults: &mut Faults) -> Vec<Span> {
    if !faults.few(place, list.len(), COMPILED_MAX) {
        return Vec::new();
    }
    let list = list.iter().enumerate();
    list.map(|(at, one)| Span::compile(&format!("{place}[{at}]"), one, zone, faults)).collect()
}
