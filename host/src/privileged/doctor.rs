//! What holds on this machine and in this configuration, without starting anything.
//!
//! Promise: nothing is made, changed or connected to, no program is run, and no secret is told. What
//! the start, a helper or a delivery would refuse is looked at with the same code that refuses it.
//!
//! Not here: whether the port is free, and how it is printed (`cli::doctor`).

mod files;
mod kernel;
mod policy;
#[cfg(test)]
mod tests;
mod who;

use std::error::Error;
use std::path::Path;

use serde::Serialize;

use super::confine::Layer;
use crate::config::Config;
use crate::printable::printable;
pub(in crate::privileged) use kernel::NAMESPACES_TO_DO;
use who::Who;

/// Longest text of a finding, in bytes.
const TEXT_BYTES_MAX: usize = 2048;

/// What a finding means for whoever wants to start the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// As it should be.
    Good,
    /// The engine starts and works; somebody may want it otherwise.
    Note,
    /// The engine starts, and something of it does not work, or is open to others.
    Mend,
    /// The engine does not start.
    Wrong,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: `landlock`, `data_dir`, `shell.folders`.
    pub what: String,
    pub standing: Standing,
    pub found: String,
    /// What to do about it.
    pub to_do: Option<String>,
}

impl Finding {
    pub fn good(what: &str, found: impl AsRef<str>) -> Self {
        Self::new(what, Standing::Good, found.as_ref())
    }

    pub fn note(what: &str, found: impl AsRef<str>) -> Self {
        Self::new(what, Standing::Note, found.as_ref())
    }

    pub fn mend(what: &str, found: impl AsRef<str>) -> Self {
        Self::new(what, Standing::Mend, found.as_ref())
    }

    pub fn wrong(what: &str, found: impl AsRef<str>) -> Self {
        Self::new(what, Standing::Wrong, found.as_ref())
    }

    #[must_use]
    pub fn to_do(mut self, to_do: impl Into<String>) -> Self {
        self.to_do = Some(to_do.into());
        self
    }

    /// A name of a file may be anybody's.
    fn new(what: &str, standing: Standing, found: &str) -> Self {
        let found = printable(found, TEXT_BYTES_MAX);
        Self { what: what.to_owned(), standing, found, to_do: None }
    }

    /// A layer of the confinement that is missing: told, or refused where the configuration is
    /// strict.
    fn missing(layer: Layer, found: &str, is_strict: bool) -> Self {
        if is_strict {
            let found = format!("{found}; `process.strict` refuses to start without it");
            return Self::wrong(layer.name(), found);
        }
        Self::note(
            layer.name(),
            format!("{found}; with `process.strict` the engine would not start"),
        )
    }
}

/// Looks at everything that the configuration leads to.
pub fn look(config: &Config) -> Vec<Finding> {
    let is_strict = config.process.strict;
    let (who, mut findings) = Who::look(config);
    findings.extend(kernel::look(is_strict));
    findings.extend(files::look(config, &who));
    findings.extend(policy::look(&config.process.policy, who.uid));
    findings
}

/// What can be looked at without a configuration.
pub fn look_at_kernel() -> Vec<Finding> {
    kernel::look(false)
}

/// An error with its causes, in one line.
pub fn told(error: &dyn Error) -> String {
    let mut told = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !told.ends_with(&text) {
            told = format!("{told}: {text}");
        }
        next = cause.source();
    }
    let lines: Vec<_> = told.lines().map(str::trim).collect();
    lines.join("; ").replace(":; ", ": ")
}

/// A path as a word of a command that somebody copies into a shell.
pub(in crate::privileged) fn word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "/._-+:@".contains(one);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
