//! What can be changed, and what a change tells of itself.

use std::fmt;

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::audit::{Entry, Who};
use crate::ids::TenantId;
use crate::records::rows::PausedBy;
use crate::setup::{EndpointSetup, FieldChange, RecipientSetup, Setup};

/// What somebody wants.
#[derive(Debug)]
pub enum Wanted {
    Edits(Vec<Edit>),
    /// As these files say.
    Setup {
        set: String,
        setup: Setup,
        prune: bool,
    },
}

/// One change of one thing.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there are a few per request, each moved once")]
pub enum Edit {
    Endpoint {
        name: String,
        setup: EndpointSetup,
        expect: Expect,
    },
    Recipient {
        name: String,
        setup: RecipientSetup,
        expect: Expect,
    },
    Remove {
        what: What,
        name: String,
        expect: Expect,
    },
    /// `pause`: by whom, code, detail; `None` resumes.
    Pause {
        what: What,
        name: String,
        pause: Option<(PausedBy, String, String)>,
        expect: Expect,
    },
}

/// What must be there for an edit to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    Any,
    /// Nothing of that name.
    Absent,
    /// Any version of it.
    Present,
    /// This version.
    Revision(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum What {
    Endpoint,
    Recipient,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Endpoint => "endpoint",
            Self::Recipient => "recipient",
        })
    }
}

/// One thing that changes.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Change {
    pub action: Action,
    pub what: What,
    pub name: String,
    pub fields: Vec<FieldChange>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ChangeAction)]
pub enum Action {
    Create,
    Update,
    Remove,
    Pause,
    Resume,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Remove => "remove",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }
}

impl Change {
    /// Its entry in the audit log.
    pub(super) fn entry(&self, tenant: TenantId, who: &Who, at_ms: u64) -> Entry {
        Entry {
            at_ms,
            tenant,
            who: who.clone(),
            action: self.action.name(),
            object: format!("{} {}", self.what, self.name),
            detail: json!({ "fields": self.fields }),
        }
    }
}
