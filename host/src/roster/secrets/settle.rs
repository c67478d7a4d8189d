//! What was written against what is stored: which secrets stay, change and go.

use std::collections::BTreeMap;

use serde_json::Value;

use super::binding::Binding;
use super::split::Written;
use crate::config::Problem;
use crate::records::rows::{Secrets, StoredSecret};
use crate::setup::FieldChange;

/// What comes of it.
#[derive(Debug, Default)]
pub(in super::super) struct Settled {
    /// As they are to be stored; those of `fresh` wait for their version.
    pub(in super::super) secrets: Secrets,
    pub(in super::super) fresh: Vec<String>,
    pub(in super::super) changes: Vec<FieldChange>,
    pub(in super::super) problems: Vec<Problem>,
}

/// `binding`: what a field is bound to from now on; `None`: its origins are not known, which is a
/// problem that is told elsewhere.
pub(in super::super) fn settle(
    written: BTreeMap<String, Written>,
    before: &Secrets,
    binding: impl Fn(&str) -> Option<Binding>,
) -> Settled {
    let mut settled = Settled::default();
    for (field, written) in written {
        let bound_to = binding(&field).as_ref().map(Binding::to_text);
        let old = before.get(&field);
        let is_bound = old.is_some_and(|old| Some(&old.bound_to) == bound_to.as_ref());
        let stored = match written {
            Written::Value(value) => match old {
                Some(old) if is_bound && old.holds(&value) => old.clone(),
                _ => {
                    settled.changes.push(change(&field, old.is_some(), Some("changed")));
                    settled.fresh.push(field.clone());
                    let bound_to = bound_to.unwrap_or_default();
                    StoredSecret { version: 0, bound_to, value: Some(value) }
                }
            },
            Written::Kept(_) => match kept(old, is_bound, bound_to.is_some()) {
                Ok(old) => old,
                Err(expected) => {
                    let place = format!("settings.{}", crate::printable::printable(&field, 128));
                    settled.problems.push(Problem { place, expected });
                    continue;
                }
            },
        };
        settled.secrets.insert(field, stored);
    }
    for field in before.keys().filter(|field| !settled.secrets.contains_key(*field)) {
        settled.changes.push(change(field, true, None));
    }
    settled
}

fn kept(
    old: Option<&StoredSecret>,
    is_bound: bool,
    is_known: bool,
) -> Result<StoredSecret, String> {
    match old {
        None => Err("nothing is stored for it; give its value, or leave it out".to_owned()),
        Some(old) if is_bound && old.value.is_some() || !is_known => Ok(old.clone()),
        Some(old) => Err(format!(
            "the stored one was bound to {}, which is not where it would go now; give its value \
             again, or leave it out",
            Binding::read_out(&old.bound_to)
        )),
    }
}

/// `after`: the word for a secret that replaces another.
fn change(field: &str, was_set: bool, after: Option<&str>) -> FieldChange {
    let set = || Value::from("set");
    FieldChange {
        path: format!("settings.{field}"),
        before: was_set.then(set),
        after: after.map(|changed| if was_set { changed.into() } else { set() }),
        secret: true,
    }
}

/// Takes out what is not bound as it was before, because its endpoint changed.
pub(in super::super) fn unset(
    secrets: &Secrets,
    is_moved: impl Fn(&str) -> bool,
) -> (Secrets, Vec<FieldChange>) {
    let mut changes = Vec::new();
    let left = secrets.iter().filter(|(field, _)| {
        let is_moved = is_moved(field);
        if is_moved {
            changes.push(change(field, true, None));
        }
        !is_moved
    });
    let left = left.map(|(field, stored)| (field.clone(), stored.clone())).collect();
    (left, changes)
}
