//! Pauses as a part of a plan: who may overrule whom, and what a change makes void.

use std::sync::Arc;

use serde_json::json;

use super::ChangeError;
use super::change::{Action, Change, Expect, What};
use super::live::Key;
use super::plan::Planning;
use crate::ids::EndpointId;
use crate::records::rows::{Pause, PausedBy, Stamp};
use crate::setup::FieldChange;

impl Planning<'_> {
    /// Pauses, or with `None` resumes.
    pub(super) fn pause(
        &mut self,
        what: What,
        name: String,
        pause: Option<Pause>,
        expect: Expect,
    ) -> Result<(), ChangeError> {
        let key = self.key(&name);
        let rows = &self.plan.rows;
        let found = match what {
            What::Endpoint => rows.endpoints.get(&key).map(|row| (&row.stamp, &row.pause)),
            What::Recipient => rows.recipients.get(&key).map(|row| (&row.stamp, &row.pause)),
        };
        let found = found.map(|(stamp, pause)| (stamp.clone(), pause.clone()));
        self.expected(what, &name, found.as_ref().map(|(stamp, _)| stamp), expect)?;
        let Some((stamp, before)) = found else {
            return Err(ChangeError::NotFound { what, name });
        };
        if self.tell_pause(what, &name, before.as_ref(), pause.as_ref()) {
            self.stand(what, &key, pause, &stamp);
        }
        Ok(())
    }

    /// The settings of its endpoint changed: what a verdict said of them before is void.
    pub(super) fn resume_after(&mut self, endpoint: EndpointId) {
        let recipients = self.plan.rows.recipients.values();
        let paused: Vec<_> = recipients
            .filter(|row| row.endpoint == endpoint)
            .filter(|row| row.pause.as_ref().is_some_and(|it| it.by == PausedBy::Verdict))
            .map(Arc::clone)
            .collect();
        for row in paused {
            self.tell_pause(What::Recipient, &row.name, row.pause.as_ref(), None);
            self.stand(What::Recipient, &self.key(&row.name), None, &row.stamp);
        }
    }

    fn stand(&mut self, what: What, key: &Key, pause: Option<Pause>, before: &Stamp) {
        let stamp = self.changed(before);
        let rows = &mut self.plan.rows;
        match what {
            What::Endpoint => {
                if let Some(row) = rows.endpoints.get_mut(key).map(Arc::make_mut) {
                    (row.pause, row.stamp) = (pause, stamp);
                }
            }
            What::Recipient => {
                if let Some(row) = rows.recipients.get_mut(key).map(Arc::make_mut) {
                    (row.pause, row.stamp) = (pause, stamp);
                }
            }
        }
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
            (None, None) => None,
            (Some(_), None) => Some(Action::Resume),
            (Some(before), Some(after)) => {
                let stays = before.by == PausedBy::Person || before.by == after.by;
                (!stays).then_some(Action::Pause)
            }
            (None, Some(_)) => Some(Action::Pause),
        };
        let Some(action) = action else {
            self.plan.unchanged += 1;
            return false;
        };
        let shown = |pause: Option<&Pause>| pause.map(|pause| json!(pause));
        let change = FieldChange {
            path: "pause".to_owned(),
            before: shown(before),
            after: shown(after),
            secret: false,
        };
        let name = name.to_owned();
        self.plan.changes.push(Change { action, what, name, fields: vec![change] });
        true
    }
}
