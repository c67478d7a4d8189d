//! Where things are on this machine, and who engines run as.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Owns nothing that others may not have.
const NOBODY: u32 = 65_534;

/// Who engines run as that root starts. `None`: we are not root, or nobody else reaches the target
/// folder; then they stay who started them.
pub fn engine_user() -> Option<u32> {
    static USER: LazyLock<Option<u32>> = LazyLock::new(|| {
        let is_open = |folder: &Path| {
            fs::metadata(folder).is_ok_and(|about| about.permissions().mode() & 0o001 != 0)
        };
        let is_reached = target().ancestors().all(is_open);
        (rustix::process::geteuid().is_root() && is_reached).then_some(NOBODY)
    });
    *USER
}

/// Gives what is in a folder to the engine's user, which is not ours where we are root; but for what is
/// `kept`.
pub(crate) fn hand_over(folder: &Path, kept: &[PathBuf]) {
    let Some(user) = engine_user() else { return };
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).expect("a folder of our own").flatten();
        for entry in entries.filter(|entry| !kept.contains(&entry.path())) {
            if entry.file_type().is_ok_and(|it| it.is_dir()) {
                folders.push(entry.path());
            }
            // It may be gone meanwhile: an engine that ends removes files.
            let _ = lchown(entry.path(), Some(user), Some(user));
        }
    }
}

/// The folder of machine code that all sites share; it belongs to the engine's user.
pub(crate) fn cache() -> PathBuf {
    let user = engine_user().unwrap_or_else(|| rustix::process::geteuid().as_raw());
    target().join(format!("test-cache-{user}"))
}

/// The folder that cargo builds into: the test program is in `<target>/<profile>/deps`.
pub fn target() -> PathBuf {
    let profile = binary();
    profile.ancestors().nth(2).expect("a target folder above the program").to_owned()
}

/// A folder that only root can put files into, and no parent of it is writable for others, where there is
/// one and we are root: beneath it are policies and scripts.
pub fn trusted() -> PathBuf {
    let is_fit = |folder: &Path| {
        fs::metadata(folder)
            .is_ok_and(|about| about.uid() == 0 && about.permissions().mode() & 0o022 == 0)
    };
    let is_root = rustix::process::geteuid().is_root();
    if !is_root || target().ancestors().all(is_fit) { target() } else { "/run".into() }
}

/// The folder of the whole project.
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the project").to_owned()
}

pub(crate) fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("a test knows its own program");
    own.ancestors().nth(2).expect("a profile folder above the program").join("campanile")
}

/// Puts every component that was built into a site: those of the project, and those that attack.
pub(crate) fn link_components(to: &Path) {
    fs::create_dir(to).expect("a folder in a folder of our own");
    for from in ["components", "test-components"] {
        let built = fs::read_dir(target().join(from)).into_iter().flatten().flatten();
        for kind in built.filter(|one| one.path().is_dir()) {
            symlink(kind.path(), to.join(kind.file_name())).expect("a link in a folder of our own");
        }
    }
}
