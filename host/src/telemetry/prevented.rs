//! Bans that never-ban rules prevented.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Counts what each rule prevented. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct BansPrevented(Family<By, Counter>);

impl BansPrevented {
    /// `rule`: its stable name.
    pub fn count(&self, rule: &str) {
        self.0.get_or_create(&By { rule: rule.to_owned() }).inc();
    }

    pub(super) fn register(&self, to: &mut Registry) {
        let help = "Bans that were not asked for, or not made, by the rule that says never";
        to.register("bans_prevented", help, self.0.clone());
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct By {
    rule: String,
}
