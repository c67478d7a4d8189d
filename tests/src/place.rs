//! Where things are on this machine, and who engines run as.

use std::fs;
use std::os::unix::fs::PermissionsExt;
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

/// The folder of the whole project.
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the project").to_owned()
}

pub(crate) fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("a test knows its own program");
    own.ancestors().nth(2).expect("a profile folder above the program").join("campanile")
}
