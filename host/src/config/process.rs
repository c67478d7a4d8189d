//! `[process]`: who the engine is on its machine.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::reading::Reading;
use crate::privileged::confine;
use crate::privileged::user::User;

/// The user that is taken where none is named and the machine has it.
const USER_DEFAULT: &str = "campanile";
/// Where the native kinds are turned on.
const POLICY_DEFAULT: &str = "/etc/campanile/privileged.toml";

/// What the monitor and the engine do with the rights they are started with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProcessConfig {
    /// Who the engine runs as when it is started by root: a name, or `uid:gid`. Default: the user
    /// `campanile`, where there is one.
    pub user: Option<String>,
    /// Not to start where a layer of the confinement is missing. Default false: that is told.
    pub strict: bool,
    /// The file that turns the native kinds on, owned by root. Default
    /// `/etc/campanile/privileged.toml`.
    pub policy: PathBuf,
}

impl Default for ProcessConfig {
    fn default() -> Self {
        Self { user: None, strict: false, policy: POLICY_DEFAULT.into() }
    }
}

impl ProcessConfig {
    pub(super) fn check(&mut self, base: &Path, reading: &mut Reading) {
        self.policy = super::plain_path(&base.join(&self.policy));
        if self.user.as_deref().is_some_and(|name| name.is_empty() || name.contains('\n')) {
            reading.problem("process.user", "expected the name of a user, or `uid:gid`");
        }
    }

    /// Who the engine becomes when it is started by this process. `None`: it stays who it is: a plain
    /// user; or root, without its capabilities, where there is no user for it and none was named.
    pub fn engine_user(&self) -> Result<Option<User>, UserError> {
        if !confine::is_root() {
            return Ok(None);
        }
        let found = User::find(self.user.as_deref().unwrap_or(USER_DEFAULT))?;
        match (found, &self.user) {
            (None, Some(name)) => Err(UserError::Unknown { name: name.clone() }),
            (found, _) => Ok(found),
        }
    }
}

/// Why the user of the engine cannot be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    #[error(
        "there is no user `{name}` in /etc/passwd; `useradd --system {name}` makes one, or \
             give numbers, such as `1000:1000`"
    )]
    Unknown { name: String },
    #[error("the users of this machine cannot be read")]
    Unreadable(#[from] std::io::Error),
}
