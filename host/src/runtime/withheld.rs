//! What of an alert the operator keeps from a kind: applied where the alert is lowered for it, so
//! that nothing of it is ever in the component's memory.
//!
//! Promise: what is left is valid in the contract's types. Title and text stay: they are the
//! message, and a sender can write anything into them.

use std::collections::HashMap;

use super::bindings::alerts as contract;

/// An alert's object that says nothing. Not an empty text, so that what is built around it stays
/// JSON.
const NO_RAW: &str = "{}";

/// The parts that one kind is not shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Withheld {
    pub raw: bool,
    pub labels: bool,
    pub annotations: bool,
    /// Who took part: the sides of a flow, the host, the entity, the link to their page.
    pub parties: bool,
}

impl Withheld {
    /// The alert as its producer sent it holds all the other parts, and goes with any of them.
    pub(super) fn hides_raw(self) -> bool {
        self.raw || self.labels || self.annotations || self.parties
    }

    /// What stands for the raw alert.
    pub(super) fn raw(self, raw: &str) -> String {
        if self.hides_raw() { NO_RAW.to_owned() } else { raw.to_owned() }
    }

    /// Takes out who took part. A party has an address in the contract, so one without it is no
    /// party at all, and a flow without its sides no flow.
    pub(super) fn without_parties(self, mut alert: contract::Alert) -> contract::Alert {
        if self.parties {
            alert.flow = None;
            alert.host = None;
            alert.link = None;
            alert.entity_value.clear();
        }
        alert
    }
}

/// What is withheld from whom.
#[derive(Clone, Debug, Default)]
pub struct Withholding {
    pub by_name: HashMap<String, Withheld>,
    /// From all that did not come with the engine and are not named.
    pub others: Withheld,
}

impl Withholding {
    pub(super) fn from(&self, kind: &str, is_built_in: bool) -> Withheld {
        match self.by_name.get(kind) {
            Some(withheld) => *withheld,
            None if is_built_in => Withheld::default(),
            None => self.others,
        }
    }
}
