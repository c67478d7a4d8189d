//! What this process gives away of itself: no core file, no look into it by others of its user,
//! and panics that are told on one bounded line.
//!
//! Promise: `harden` comes first of all, before the first thread and before any secret is read.
//!
//! Not here: users, capabilities, Landlock, seccomp (`privileged`).

use std::io::{self, Write};
use std::panic::{self, PanicHookInfo};

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use crate::printable::printable;

/// Longest message of a panic that is told, in bytes.
const PANIC_BYTES_MAX: usize = 512;

/// Why the process cannot be made safe for secrets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    #[error("this process cannot forbid core files; start it without a filter of `setrlimit`")]
    Core(#[source] io::Error),
    #[error(
        "this process cannot forbid others to look into it; start it without a filter of `prctl`"
    )]
    Dumpable(#[source] io::Error),
}

/// No core file, and nobody but root reads the memory of this process, its environment, or its open
/// files, or attaches a debugger.
pub fn harden() -> Result<(), ProcessError> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).map_err(|error| ProcessError::Core(error.into()))?;
    forbid_looks()?;
    panic::set_hook(Box::new(tell));
    Ok(())
}

/// Nobody but root looks into this process. Holds until its user changes.
pub fn forbid_looks() -> Result<(), ProcessError> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| ProcessError::Dumpable(error.into()))
}

/// Tells of a panic where the logs go. Its message comes from code that was surprised by some value,
/// and can hold a part of it, so it is cut, and steers no terminal.
fn tell(info: &PanicHookInfo<'_>) {
    let message = printable(info.payload_as_str().unwrap_or("no message"), PANIC_BYTES_MAX);
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    if tracing::dispatcher::has_been_set() {
        tracing::error!(place, message, "The engine has a mistake; please report it.");
    } else {
        // Nobody to tell if stderr is gone.
        let _ = writeln!(io::stderr(), "campanile: a mistake at {place}: {message}");
    }
}
