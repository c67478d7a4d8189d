//! A process gives up what it does not need, for good, before its first thread.
//!
//! Promise: what this says was done was done, or the start fails; what the kernel cannot do is told.
//! Nothing here can be taken back by the process itself.
//!
//! Not here: core files and looks from outside (`process`).

mod calls;
mod files;
mod user;

use std::fmt;
use std::io;

use crate::process::{self, ProcessError};

pub use calls::{Calls, is_able as can_filter_calls};
pub use files::{Files, abi as landlock_abi};
pub use user::{become_user, is_root, keep_capabilities};

/// One layer of the confinement, as it is told to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    User,
    Capabilities,
    NoNewPrivileges,
    Files,
    Scopes,
    SystemCalls,
}

impl Layer {
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Capabilities => "capabilities",
            Self::NoNewPrivileges => "no-new-privileges",
            Self::Files => "landlock",
            Self::Scopes => "landlock-scopes",
            Self::SystemCalls => "seccomp",
        }
    }
}

/// A layer that is missing, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    pub layer: Layer,
    pub why: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.layer.name(), self.why)
    }
}

/// What could not be given up although the kernel knows how.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfineError {
    #[error("this process cannot become the user `{user}`")]
    User { user: String, source: io::Error },
    #[error("this process could become root again, which is a mistake of the engine")]
    Regained,
    #[error("this process cannot give its capabilities up")]
    Capabilities(#[source] io::Error),
    #[error(transparent)]
    Looks(#[from] ProcessError),
    #[error("this process cannot forbid itself new privileges")]
    NoNewPrivileges(#[source] io::Error),
    #[error("Landlock takes no rules")]
    Files(#[source] landlock::RulesetError),
    #[error("the filter of system calls is wrong")]
    Filter(#[source] seccompiler::BackendError),
    #[error("the kernel takes no filter of system calls")]
    Calls(#[source] seccompiler::Error),
}

/// Shuts this process in by its files alone: what it starts makes system calls of its own.
pub fn shut_in_files(files: &Files) -> Result<Vec<Missing>, ConfineError> {
    // Said before, and forgotten with a change of the user, where the machine lets such be looked into
    // (`fs.suid_dumpable`).
    process::forbid_looks()?;
    rustix::thread::set_no_new_privs(true)
        .map_err(|error| ConfineError::NoNewPrivileges(error.into()))?;
    files.apply()
}

/// Shuts this process in; what the kernel lacks comes back.
pub fn shut_in(files: &Files, calls: Calls) -> Result<Vec<Missing>, ConfineError> {
    let mut missing = shut_in_files(files)?;
    missing.extend(calls.apply()?);
    Ok(missing)
}
