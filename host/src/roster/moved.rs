//! Secrets of recipients whose endpoint goes elsewhere: they do not go with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::change::{Action, Change, What};
use super::plan::Planning;
use super::secrets::{Binding, Bindings, take_marker, unset};
use crate::records::rows::{EndpointRow, RecipientRow};

impl Planning<'_> {
    /// Unsets what was bound to where `before` led, and `after` does not.
    pub(super) fn unset_moved(&mut self, before: &EndpointRow, after: &EndpointRow) {
        let is_concerned =
            |row: &&Arc<RecipientRow>| row.endpoint == before.id && !row.secrets.is_empty();
        let concerned: Vec<_> =
            self.plan.rows.recipients.values().filter(is_concerned).map(Arc::clone).collect();
        if concerned.is_empty() {
            return;
        }
        let (old, new) = (self.kinds.bindings_of(before), self.kinds.bindings_of(after));
        let text = |bindings: &Option<Bindings<'_>>, field: &str| {
            bindings.as_ref()?.of_field(field)?.ok().as_ref().map(Binding::to_text)
        };
        for row in concerned {
            let is_moved = |field: &str| text(&old, field) != text(&new, field);
            let (secrets, fields) = unset(&row.secrets, is_moved);
            if fields.is_empty() {
                continue;
            }
            let mut now =
                RecipientRow { stamp: self.changed(&row.stamp), ..RecipientRow::clone(&row) };
            let left: BTreeSet<_> = secrets.keys().collect();
            for field in row.secrets.keys().filter(|field| !left.contains(field)) {
                take_marker(&mut now.setup.settings, field);
            }
            now.secrets = secrets;
            let (what, name) = (What::Recipient, row.name.clone());
            let key = self.key(&name);
            self.plan.changes.push(Change { action: Action::Update, what, name, fields });
            self.plan.rows.recipients.insert(key, Arc::new(now));
        }
    }
}
