//! Which components may be used: those that came with the engine, and those that somebody approved.
//!
//! Promise: what was shown is what is approved, since the hash of both is the same; the approval, its
//! entry in the audit log and what it makes live are one change. What is not approved never runs
//! but to describe itself.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::config::{List, Problem};
use crate::records::components::{Approval, ComponentRow};
use crate::runtime::{Catalog, Kind};
use crate::store::StoreError;

/// The components that somebody approved, one for each name.
#[derive(Clone, Debug, Default)]
pub struct Approvals(Vec<ComponentRow>);

impl Approvals {
    /// Those of `rows` that are approved.
    pub fn of(rows: &[ComponentRow]) -> Self {
        Self(rows.iter().filter(|row| row.approval.is_some()).cloned().collect())
    }

    /// Who approved this very component, and when.
    pub fn approval(&self, kind: &Kind) -> Option<&Approval> {
        self.last(&kind.name).filter(|row| row.hash == kind.hash.0)?.approval.as_ref()
    }

    /// The component of this name that was approved, whether it is the one that is installed or one
    /// before it.
    pub fn last(&self, name: &str) -> Option<&ComponentRow> {
        self.0.iter().find(|row| row.name == name)
    }

    pub(super) fn with(&self, name: &str, row: Option<ComponentRow>) -> Self {
        let others = self.0.iter().filter(|one| one.name != name).cloned();
        Self(others.chain(row).collect())
    }
}

/// Why a component cannot be used, or is not to be decided on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalError {
    #[error("there is no component `{name}`; `campanile component list` shows all")]
    NotFound { name: String },

    #[error("the kind `{name}` is off; `privileged.toml` turns it on")]
    Off { name: String },

    #[error("the component `{name}` cannot be used: {reason}")]
    Broken { name: String, reason: String },

    #[error(
        "the component `{name}` that is installed is not the one that was shown; look at it anew \
         with `campanile component show {name}`"
    )]
    Other { name: String },

    #[error(
        "the component `{name}` came with the engine and needs no approval; to be rid of it, take \
         its folder out of `components_dir`"
    )]
    BuiltIn { name: String },

    #[error("the kind `{name}` is a part of the engine; `privileged.toml` turns it on and off")]
    Native { name: String },

    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The components that are here, and who may use which.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) catalog: Arc<Catalog>,
    /// What is wrong with kinds that could be loaded.
    pub(super) faults: HashMap<String, Vec<Problem>>,
    approvals: RwLock<Arc<Approvals>>,
}

impl Shelf {
    pub(super) fn new(catalog: Arc<Catalog>, faults: HashMap<String, Vec<Problem>>) -> Self {
        Self { catalog, faults, approvals: RwLock::default() }
    }

    /// A kind of which nothing is wrong, whoever may use it.
    pub(super) fn sound(&self, name: &str) -> Result<&Arc<Kind>, ApprovalError> {
        let broken = |reason: String| ApprovalError::Broken { name: name.to_owned(), reason };
        match (self.catalog.kind(name), self.faults.get(name)) {
            (Some(_), Some(problems)) => Err(broken(List(problems).to_string())),
            (Some(kind), None) => Ok(kind),
            (None, _) if self.catalog.is_off(name) => {
                Err(ApprovalError::Off { name: name.to_owned() })
            }
            (None, _) => match self.catalog.broken().iter().find(|one| one.name == name) {
                Some(found) => Err(broken(found.told())),
                None => Err(ApprovalError::NotFound { name: name.to_owned() }),
            },
        }
    }

    /// A kind that may be used. `Err`: what an endpoint of it is told.
    pub(super) fn usable(&self, name: &str) -> Result<&Arc<Kind>, Vec<Problem>> {
        let expected = match self.sound(name) {
            Ok(kind) if self.is_approved(kind) => return Ok(kind),
            Ok(_) => format!(
                "the component `{name}` waits for approval; `campanile component approve {name}` \
                 shows what it may do, and asks"
            ),
            Err(ApprovalError::NotFound { .. }) => {
                let kinds = self.catalog.kinds().iter();
                let names: Vec<_> = kinds.map(|kind| kind.name.as_str()).collect();
                format!("expected one of the kinds that are installed: {}", names.join(", "))
            }
            Err(off @ ApprovalError::Off { .. }) => off.to_string(),
            Err(broken) => format!("{broken}; correct that, and start the engine again"),
        };
        Err(vec![Problem { place: "kind".to_owned(), expected }])
    }

    pub(super) fn is_approved(&self, kind: &Kind) -> bool {
        kind.is_built_in || self.approvals().approval(kind).is_some()
    }

    pub(super) fn approvals(&self) -> Arc<Approvals> {
        Arc::clone(&self.approvals.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From here on these hold; those that held before.
    pub(super) fn decide(&self, approvals: Arc<Approvals>) -> Arc<Approvals> {
        let mut held = self.approvals.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut held, approvals)
    }
}
