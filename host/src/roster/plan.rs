//! From what is wanted to the rows that it makes and what that changes: pure.

use std::sync::Arc;

use serde_json::Value;

use super::change::{Action, Change, Edit, Expect, Wanted, What};
use super::lay::{Before, Laid, shown};
use super::live::{Key, Live, Newest, Table, below};
use super::{ChangeError, Kinds};
use crate::config::Problem;
use crate::ids::{EndpointId, RecipientId, TenantId};
use crate::records::rows::{EndpointRow, Pause, PausedBy, RecipientRow, Stamp};
use crate::setup::{EndpointSetup, FieldChange, RecipientSetup, Setup, differences};

/// What was written, and the place where: its problems are told beneath it.
pub(super) type Places = Vec<(What, String, String)>;

/// What comes of it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) rows: Table,
    pub(super) newest: Newest,
    pub(super) changes: Vec<Change>,
    pub(super) unchanged: usize,
    pub(super) places: Places,
    /// Found on the way; then nothing of it is made.
    pub(super) problems: Vec<Problem>,
}

pub(super) fn plan(
    live: &Live,
    tenant: TenantId,
    wanted: Wanted,
    kinds: &Kinds,
    now_ms: u64,
) -> Result<Plan, ChangeError> {
    let mut planning = Planning {
        tenant,
        kinds,
        now_ms,
        set: None,
        plan: Plan {
            rows: live.table.clone(),
            newest: live.newest,
            changes: Vec::new(),
            unchanged: 0,
            places: Vec::new(),
            problems: Vec::new(),
        },
    };
    match wanted {
        Wanted::Edits(edits) => {
            for edit in edits {
                planning.edit(edit, "")?;
            }
        }
        Wanted::Setup { set, setup, prune } => planning.setup(set, setup, prune)?,
    }
    planning.check_endpoints()?;
    Ok(planning.plan)
}

pub(super) struct Planning<'a> {
    tenant: TenantId,
    pub(super) kinds: &'a Kinds,
    now_ms: u64,
    /// The set of files that makes what is made.
    set: Option<String>,
    pub(super) plan: Plan,
}

impl Planning<'_> {
    pub(super) fn key(&self, name: &str) -> Key {
        (self.tenant, name.to_owned())
    }

    fn setup(&mut self, set: String, setup: Setup, prune: bool) -> Result<(), ChangeError> {
        let is_gone = |of: &Option<String>, is_named: bool| {
            prune && !is_named && of.as_deref() == Some(set.as_str())
        };
        let rows = &self.plan.rows;
        let recipients: Vec<_> = rows
            .recipients
            .values()
            .filter(|row| row.tenant == self.tenant)
            .filter(|row| is_gone(&row.stamp.apply_set, setup.recipient.contains_key(&row.name)))
            .map(|row| row.name.clone())
            .collect();
        let endpoints: Vec<_> = rows
            .endpoints
            .values()
            .filter(|row| row.tenant == self.tenant)
            .filter(|row| is_gone(&row.stamp.apply_set, setup.endpoint.contains_key(&row.name)))
            .map(|row| row.name.clone())
            .collect();
        self.set = Some(set);
        for (name, setup) in setup.endpoint {
            let place = format!("endpoint.{name}");
            self.edit(Edit::Endpoint { name, setup, expect: Expect::Any }, &place)?;
        }
        for (name, setup) in setup.recipient {
            let place = format!("recipient.{name}");
            self.edit(Edit::Recipient { name, setup, expect: Expect::Any }, &place)?;
        }
        let gone = recipients.into_iter().map(|name| (What::Recipient, name));
        for (what, name) in gone.chain(endpoints.into_iter().map(|name| (What::Endpoint, name))) {
            self.edit(Edit::Remove { what, name, expect: Expect::Any }, "")?;
        }
        Ok(())
    }

    fn edit(&mut self, edit: Edit, place: &str) -> Result<(), ChangeError> {
        match edit {
            Edit::Endpoint { name, setup, expect } => self.put_endpoint(name, setup, expect, place),
            Edit::Recipient { name, setup, expect } => {
                self.put_recipient(&name, setup, expect, place)
            }
            Edit::Remove { what: What::Endpoint, name, expect } => {
                self.remove_endpoint(name, expect)
            }
            Edit::Remove { what: What::Recipient, name, expect } => {
                self.remove_recipient(name, expect)
            }
            Edit::Pause { what, name, pause, expect } => {
                let pause = pause.map(|pause| Pause::new(pause, self.now_ms));
                self.pause(what, name, pause, expect)
            }
        }
    }

    fn put_endpoint(
        &mut self,
        name: String,
        setup: EndpointSetup,
        expect: Expect,
        place: &str,
    ) -> Result<(), ChangeError> {
        let key = self.key(&name);
        let before = self.plan.rows.endpoints.get(&key).cloned();
        self.expected(What::Endpoint, &name, before.as_ref().map(|row| &row.stamp), expect)?;
        if before.as_ref().is_some_and(|row| row.setup.kind != setup.kind) {
            return Err(ChangeError::KindFixed { name });
        }
        let EndpointSetup { kind, settings } = setup;
        let is_of = (self.tenant, name.as_str(), kind.as_str());
        let mut laid =
            self.kinds.lay_endpoint(is_of, settings, before.as_deref().map(Before::from));
        let setup = EndpointSetup { kind, settings: std::mem::take(&mut laid.settings) };
        let fields = self.compare(
            &setup.kind,
            before.as_deref().map(endpoint_shown),
            Some(shown(&setup, &setup.settings)),
            &mut laid,
        );
        self.note(What::Endpoint, &name, place, &laid.take_problems());
        let row = match before.as_deref() {
            Some(_) if fields.is_empty() => {
                self.plan.unchanged += 1;
                return Ok(());
            }
            Some(row) => {
                self.resume_after(row.id);
                let pause = row.pause.clone().filter(|pause| pause.by == PausedBy::Person);
                let stamp = self.changed(&row.stamp);
                let secrets = laid.secrets(stamp.revision);
                let now = EndpointRow { setup, secrets, pause, stamp, ..row.clone() };
                self.unset_moved(row, &now);
                now
            }
            None => {
                self.plan.newest.endpoint += 1;
                let id = EndpointId(self.plan.newest.endpoint);
                let stamp = self.made();
                EndpointRow {
                    id,
                    tenant: self.tenant,
                    name: name.clone(),
                    setup,
                    secrets: laid.secrets(stamp.revision),
                    stamp,
                    pause: None,
                }
            }
        };
        self.tell(What::Endpoint, &name, before.is_some(), fields);
        self.plan.rows.endpoints.insert(key, Arc::new(row));
        Ok(())
    }

    fn put_recipient(
        &mut self,
        name: &str,
        mut setup: RecipientSetup,
        expect: Expect,
        place: &str,
    ) -> Result<(), ChangeError> {
        let key = self.key(name);
        let before = self.plan.rows.recipients.get(&key).cloned();
        self.expected(What::Recipient, name, before.as_ref().map(|row| &row.stamp), expect)?;
        let Some(endpoint) = self.plan.rows.endpoints.get(&self.key(&setup.endpoint)).cloned()
        else {
            let place =
                if place.is_empty() { "endpoint".into() } else { format!("{place}.endpoint") };
            let expected =
                format!("expected the name of an endpoint; there is no `{}`", setup.endpoint);
            self.plan.problems.push(Problem { place, expected });
            return Ok(());
        };
        let settings = std::mem::take(&mut setup.settings);
        let mut laid =
            self.kinds.lay_recipient(&endpoint, settings, before.as_deref().map(Before::from));
        setup.settings = std::mem::take(&mut laid.settings);
        let fields = self.compare(
            &endpoint.setup.kind,
            before.as_deref().map(recipient_shown),
            Some(shown(&setup, &setup.settings)),
            &mut laid,
        );
        self.note(What::Recipient, name, place, &laid.take_problems());
        let row = match before.as_deref() {
            Some(_) if fields.is_empty() => {
                self.plan.unchanged += 1;
                return Ok(());
            }
            Some(row) => {
                let pause = row.pause.clone().filter(|pause| pause.by == PausedBy::Person);
                let stamp = self.changed(&row.stamp);
                let secrets = laid.secrets(stamp.revision);
                RecipientRow { setup, secrets, endpoint: endpoint.id, pause, stamp, ..row.clone() }
            }
            None => {
                self.plan.newest.recipient += 1;
                let stamp = self.made();
                RecipientRow {
                    id: RecipientId(self.plan.newest.recipient),
                    tenant: self.tenant,
                    name: name.to_owned(),
                    setup,
                    secrets: laid.secrets(stamp.revision),
                    endpoint: endpoint.id,
                    stamp,
                    pause: None,
                }
            }
        };
        self.tell(What::Recipient, name, before.is_some(), fields);
        self.plan.rows.recipients.insert(key, Arc::new(row));
        Ok(())
    }

    /// What is in use is found by `check_endpoints`, after all edits.
    fn remove_endpoint(&mut self, name: String, expect: Expect) -> Result<(), ChangeError> {
        let key = self.key(&name);
        let row = self.plan.rows.endpoints.get(&key).cloned();
        self.expected(What::Endpoint, &name, row.as_ref().map(|row| &row.stamp), expect)?;
        let Some(row) = row else { return Ok(()) };
        let mut gone = Laid::removal((&*row).into());
        let fields = self.compare(&row.setup.kind, Some(endpoint_shown(&row)), None, &mut gone);
        self.plan.changes.push(Change {
            action: Action::Remove,
            what: What::Endpoint,
            name,
            fields,
        });
        self.plan.rows.endpoints.remove(&key);
        Ok(())
    }

    fn remove_recipient(&mut self, name: String, expect: Expect) -> Result<(), ChangeError> {
        let key = self.key(&name);
        let row = self.plan.rows.recipients.get(&key).cloned();
        self.expected(What::Recipient, &name, row.as_ref().map(|row| &row.stamp), expect)?;
        let Some(row) = row else { return Ok(()) };
        let kind = self.kind_of(&row);
        let mut gone = Laid::removal((&*row).into());
        let fields = self.compare(&kind, Some(recipient_shown(&row)), None, &mut gone);
        self.plan.changes.push(Change {
            action: Action::Remove,
            what: What::Recipient,
            name,
            fields,
        });
        self.plan.rows.removed.insert(row.id);
        self.plan.rows.recipients.remove(&key);
        Ok(())
    }

    pub(super) fn expected(
        &self,
        what: What,
        name: &str,
        found: Option<&Stamp>,
        expect: Expect,
    ) -> Result<(), ChangeError> {
        let name = name.to_owned();
        match (found, expect) {
            (Some(_), Expect::Absent) => return Err(ChangeError::NameTaken { what, name }),
            (None, Expect::Revision(_)) => return Err(ChangeError::Outdated { what, name }),
            (None, Expect::Present) => return Err(ChangeError::NotFound { what, name }),
            (Some(stamp), Expect::Revision(revision)) if stamp.revision != revision => {
                return Err(ChangeError::Outdated { what, name });
            }
            _ => {}
        }
        match (&self.set, found.and_then(|stamp| stamp.apply_set.clone())) {
            (Some(own), Some(set)) if *own != set => Err(ChangeError::OtherSet { what, name, set }),
            _ => Ok(()),
        }
    }

    /// No recipient is without its endpoint, whatever was removed or made anew under its name.
    fn check_endpoints(&self) -> Result<(), ChangeError> {
        let rows = &self.plan.rows;
        for row in rows.recipients.values().filter(|row| row.tenant == self.tenant) {
            let endpoint = rows.endpoints.get(&self.key(&row.setup.endpoint));
            if endpoint.is_none_or(|endpoint| endpoint.id != row.endpoint) {
                let name = &row.setup.endpoint;
                let users = rows
                    .recipients
                    .values()
                    .filter(|one| one.tenant == self.tenant && one.setup.endpoint == *name);
                let mut names: Vec<_> = users.map(|one| one.name.as_str()).collect();
                names.truncate(10);
                let (name, recipients) = (name.clone(), names.join(", "));
                return Err(ChangeError::InUse { name, recipients });
            }
        }
        Ok(())
    }

    fn kind_of(&self, row: &RecipientRow) -> String {
        let endpoint = self.plan.rows.endpoints.get(&self.key(&row.setup.endpoint));
        endpoint.map(|endpoint| endpoint.setup.kind.clone()).unwrap_or_default()
    }

    /// What differs between two versions as they are shown, and among their secrets.
    fn compare(
        &self,
        kind: &str,
        before: Option<Value>,
        after: Option<Value>,
        laid: &mut Laid,
    ) -> Vec<FieldChange> {
        let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
        let mut fields = differences(&before, &after, |name| self.kinds.is_unshown(kind, name));
        fields.append(&mut laid.settled.changes);
        fields.sort_by(|a, b| a.path.cmp(&b.path));
        fields
    }

    /// What was written, where, and what is wrong with its secrets.
    fn note(&mut self, what: What, name: &str, place: &str, problems: &Vec<Problem>) {
        self.plan.problems.extend(below(place, Some(problems)));
        self.plan.places.push((what, name.to_owned(), place.to_owned()));
    }

    fn tell(&mut self, what: What, name: &str, was_there: bool, fields: Vec<FieldChange>) {
        let action = if was_there { Action::Update } else { Action::Create };
        self.plan.changes.push(Change { action, what, name: name.to_owned(), fields });
    }

    fn made(&mut self) -> Stamp {
        let apply_set = self.set.clone();
        let revision = self.revision();
        Stamp { apply_set, revision, created_ms: self.now_ms, changed_ms: self.now_ms }
    }

    pub(super) fn changed(&mut self, before: &Stamp) -> Stamp {
        Stamp { revision: self.revision(), changed_ms: self.now_ms, ..before.clone() }
    }

    /// Rises, and is not one that a removed row had before a restart: those were earlier.
    fn revision(&mut self) -> u64 {
        let newest = &mut self.plan.newest.revision;
        *newest = self.now_ms.max(*newest + 1);
        *newest
    }
}

fn endpoint_shown(row: &EndpointRow) -> Value {
    shown(&row.setup, &row.setup.settings)
}

fn recipient_shown(row: &RecipientRow) -> Value {
    shown(&row.setup, &row.setup.settings)
}
