//! What is read, made and bound while the process still has the rights it was started with.
//!
//! Promise: everything in the configuration is checked, files of secrets are read, the port is
//! bound, and then the process gives its rights up: after `shut_in` it is the engine's user, without
//! capabilities, beneath Landlock and seccomp. All before its first thread.

use std::fs::{self, DirBuilder};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, fchown};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use tracing::warn;

use super::{AppError, build};
use crate::api;
use crate::capability::egress::Policy;
use crate::config::{Config, KeySource};
use crate::privileged::confine::{self, Calls, Files, Layer, Missing};
use crate::privileged::natives::{Native, Policies};
use crate::privileged::user::{User, uid_of};
use crate::runtime;
use crate::vault::KeyFound;

/// An engine that has what it needs, and not yet begun.
#[derive(Debug)]
pub struct Start {
    pub(super) config: Config,
    pub(super) egress: Policy,
    pub(super) listener: TcpListener,
    pub(super) key: KeyFound,
    /// The native kinds that are on.
    pub(super) natives: Vec<Native>,
    user: Option<User>,
}

impl Start {
    pub fn prepare(config: Config) -> Result<Self, AppError> {
        let user = config.process.engine_user()?;
        let owner = uid_of(user.as_ref());
        let natives = Policies::read(&config.process.policy, owner)?.on();
        let egress = build::egress(&config)?;
        runtime::folders(&config.components_dir)?;
        own_folders(&config, user.as_ref())?;
        // One that is there has the owner that the operator wants.
        if let Some(root) = config.files.root.as_ref().filter(|root| !root.exists()) {
            own(root, user.as_ref())?;
        }
        let key = KeyFound::read(&config.key, owner)?;
        let listener = api::bind(config.api.listen)?;
        Ok(Self { config, egress, listener, key, natives, user })
    }

    /// Gives all rights up that the engine does not need, for good. The engine ends with the process
    /// `monitor`, which started it.
    pub fn shut_in(&self, monitor: i32) -> Result<(), AppError> {
        let files = self.files();
        confine::become_user(self.user.as_ref())?;
        // A change of the user has forgotten it.
        set_parent_process_death_signal(Some(Signal::KILL))
            .map_err(|error| AppError::Monitor(error.into()))?;
        if getppid().map(Pid::as_raw_pid) != Some(monitor) {
            return Err(AppError::Alone);
        }
        let mut missing = confine::shut_in(&files, Calls::Engine)?;
        if confine::is_root() {
            let why = "the engine was started by root, and there is no user for it: it stays root, \
                       without capabilities; `useradd --system campanile`, or name one as \
                       `process.user`";
            missing.push(Missing { layer: Layer::User, why: why.to_owned() });
        }
        if self.config.process.strict && !missing.is_empty() {
            return Err(AppError::NotConfined { missing });
        }
        for one in &missing {
            warn!(
                layer = one.layer.name(),
                "The engine is not shut in as it could be: {}", one.why
            );
        }
        Ok(())
    }

    /// What the engine reaches on the disk, whatever its user may.
    fn files(&self) -> Files {
        let config = &self.config;
        let mut files = Files::default().write(&config.data_dir).write(&config.cache_dir);
        if let Some(root) = &config.files.root {
            files = files.write(root);
        }
        if let KeySource::File(path) = &config.key {
            // A rotation puts another file in its place.
            files = files.write(path.parent().unwrap_or(Path::new(".")));
        }
        files = files.read(&config.components_dir);
        // A component's folder may be a link; one that is made later leads nowhere.
        for kind in fs::read_dir(&config.components_dir).into_iter().flatten().flatten() {
            if let Ok(real) = kind.path().canonicalize() {
                files = files.read(real);
            }
        }
        // Names, zones; and where the file of name servers really is, which is replaced whole.
        files = files.read("/etc").read("/usr/share/zoneinfo");
        let resolver = Path::new("/etc/resolv.conf").canonicalize();
        if let Some(folder) = resolver.ok().as_deref().and_then(Path::parent) {
            files = files.read(folder);
        }
        // How many cores there are.
        files.read("/proc/self/cgroup").read("/sys/fs/cgroup").read("/sys/devices/system/cpu")
    }
}

/// Makes the folders of data and machine code that are not there, for `user`; those that are must be
/// theirs. What is beneath the folder of data they make themselves: root does nothing in a folder of
/// another.
pub fn own_folders(config: &Config, user: Option<&User>) -> Result<(), AppError> {
    own(&config.data_dir, user)?;
    let is_beneath = config.cache_dir.starts_with(&config.data_dir);
    if is_beneath && !config.cache_dir.exists() { Ok(()) } else { own(&config.cache_dir, user) }
}

/// Makes a folder that is not there, for `user`; one that is must be theirs.
fn own(folder: &Path, user: Option<&User>) -> Result<(), AppError> {
    let unusable = |source| AppError::Folder { path: folder.to_owned(), source };
    let Some(user) = user else {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        return made.map_err(unusable);
    };
    if !folder.exists() {
        make(folder, user).map_err(unusable)?;
    }
    let owner = fs::metadata(folder).map_err(unusable)?.uid();
    if owner == user.uid {
        return Ok(());
    }
    Err(AppError::OtherOwner { path: folder.to_owned(), user: user.clone(), owner })
}

/// A folder that is its user's from the moment that it has its name.
fn make(folder: &Path, user: &User) -> io::Result<()> {
    let beside = folder.with_added_extension(format!("new-{}", std::process::id()));
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    DirBuilder::new().mode(0o700).create(&beside)?;
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fchown(rustix::fs::open(&beside, flags, Mode::empty())?, Some(user.uid), Some(user.gid))?;
    match renameat_with(CWD, &beside, CWD, folder, RenameFlags::NOREPLACE) {
        // Another engine was quicker.
        Err(Errno::EXIST) => fs::remove_dir(&beside),
        renamed => Ok(renamed?),
    }
}
