//! Pauses as a part of a plan: who may overrule whom, and what a change makes void.

use std::sync::Arc;

use serde_json::json;

use super::ChangeError;
use super::change::{Action, Change, Expect, What};
use super::plan::Planning;
use crate::ids::EndpointId;
use crate::records::rows::{EndpointRow, Pause, PausedBy, RecipientRow, Stamp};
use crate::setup::FieldChange;

impl Planning<'_> {
    pub(super) fn pause_endpoint(
        &mut self,
        name: String,
        pause: Option<Pause>,
        expect: Expect,
    ) -> Result<(), ChangeError> {
        let key = self.key(&name);
        let row = self.plan.rows.endpoints.get(&key).cloned();
        self.expected(What::Endpoint, &name, row.as_ref().map(|row| &row.stamp), expect)?;
        let Some(row) = row else {
            return Err(ChangeError::NotFound { what: What::Endpoint, name });
        };
        if !self.tell_pause(What::Endpoint, &name, row.pause.as_ref(), pause.as_ref()) {
            return Ok(());
        }
        let stamp = self.changed(&row.stamp);
        self.plan
            .rows
            .endpoints
            .insert(key, Arc::new(EndpointRow { pause, stamp, ..(*row).clone() }));
        Ok(())
    }

    pub(super) fn pause_recipient(
        &mut self,
        name: String,
        pause: Option<Pause>,
        expect: Expect,
    ) -> Result<(), ChangeError> {
        let key = self.key(&name);
        let row = self.plan.rows.recipients.get(&key).cloned();
        self.expected(What::Recipient, &name, row.as_ref().map(|row| &row.stamp), expect)?;
        let Some(row) = row else {
            return Err(ChangeError::NotFound { what: What::Recipient, name });
        };
        if !self.tell_pause(What::Recipient, &name, row.pause.as_ref(), pause.as_ref()) {
            return Ok(());
        }
        let stamp = self.changed(&row.stamp);
        self.plan
            .rows
            .recipients
            .insert(key, Arc::new(RecipientRow { pause, stamp, ..(*row).clone() }));
        Ok(())
    }

    /// Notes a pause or its end; false: it is so already. Who paused by hand is not overruled by a
    /// verdict.
    fn tell_pause(
        &mut self,
        what: What,
        name: &str,
        before: Option<&Pause>,
        after: Option<&Pause>,
    ) -> bool {
        let action = match (before, after) {
            (None, None) => return self.is_so(),
            (Some(_), None) => Action::Resume,
            (Some(before), Some(after))
                if before.by == PausedBy::Person || before.by == after.by =>
            {
                return self.is_so();
            }
            (_, Some(_)) => Action::Pause,
        };
        let shown = |pause: Option<&Pause>| pause.map(|pause| json!(pause));
        let change = FieldChange {
            path: "pause".to_owned(),
            before: shown(before),
            after: shown(after),
            secret: false,
        };
        self.plan.changes.push(Change {
            action,
            what,
            name: name.to_owned(),
            fields: vec![change],
        });
        true
    }

    fn is_so(&mut self) -> bool {
        self.plan.unchanged += 1;
        false
    }

    /// The settings of its endpoint changed: what a verdict said of them before is void.
    pub(super) fn resume_after(&mut self, endpoint: EndpointId) {
        let stamp = |this: &mut Self, stamp: &Stamp| this.changed(stamp);
        let paused: Vec<_> = self
            .plan
            .rows
            .recipients
            .iter()
            .filter(|(_, row)| row.endpoint == endpoint)
            .filter(|(_, row)| row.pause.as_ref().is_some_and(|it| it.by == PausedBy::Verdict))
            .map(|(key, row)| (key.clone(), Arc::clone(row)))
            .collect();
        for (key, row) in paused {
            let stamp = stamp(self, &row.stamp);
            self.tell_pause(What::Recipient, &row.name, row.pause.as_ref(), None);
            let row = RecipientRow { pause: None, stamp, ..(*row).clone() };
            self.plan.rows.recipients.insert(key, Arc::new(row));
        }
    }
}
