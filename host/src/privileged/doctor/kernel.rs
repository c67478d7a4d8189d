//! What the kernel can, and what this machine lets us have of it.

use super::{Finding, told};
use crate::privileged::confine::{self, Layer};
use crate::privileged::shell::{init, program};

/// The version of Landlock that has all that the engine asks for.
const LANDLOCK_WHOLE: i32 = 6;

pub(super) fn look(is_strict: bool) -> Vec<Finding> {
    vec![landlock(confine::landlock_abi(), is_strict), seccomp(is_strict), namespaces(), memory()]
}

fn landlock(version: i32, is_strict: bool) -> Finding {
    let to_do = "run a kernel from 6.12 on, with `landlock` in its list `lsm=`";
    if version < 1 {
        let found = "the kernel has none, or does not start it; files are guarded by the rights of \
                     the user alone";
        return Finding::missing(Layer::Files, found, is_strict).to_do(to_do);
    }
    if version < LANDLOCK_WHOLE {
        let found = format!(
            "version {version}: files are guarded; of truncating, devices, ports and signals, not all"
        );
        return Finding::missing(Layer::Scopes, &found, is_strict).to_do(to_do);
    }
    Finding::good(Layer::Files.name(), format!("version {version}: all that the engine asks for"))
}

fn seccomp(is_strict: bool) -> Finding {
    let name = Layer::SystemCalls.name();
    if confine::can_filter_calls() {
        return Finding::good(name, "the kernel filters system calls");
    }
    let found = "the kernel has no filters of system calls";
    let missing = Finding::missing(Layer::SystemCalls, found, is_strict);
    missing.to_do("run a kernel with CONFIG_SECCOMP_FILTER")
}

/// Only scripts need them. That they are on and cannot run is told with their policy.
fn namespaces() -> Finding {
    const NAME: &str = "namespaces";
    if !confine::is_root() {
        let found =
            "a plain user makes none: scripts would see every process and mount of the machine";
        return Finding::note(NAME, found);
    }
    match init::try_namespaces() {
        Ok(()) => Finding::good(NAME, "of processes, mounts, IPC and network can be made"),
        Err(error) => {
            let found = format!("scripts could not be started by root: {}", told(&error));
            Finding::note(NAME, found).to_do(NAMESPACES_TO_DO)
        }
    }
}

pub(in crate::privileged) const NAMESPACES_TO_DO: &str =
    "give the container CAP_SYS_ADMIN, or start campanile as a plain user";

fn memory() -> Finding {
    const NAME: &str = "memfd";
    match program::try_memory() {
        Ok(()) => Finding::good(NAME, "sealed memory can be made, from which scripts run"),
        Err(error) => Finding::note(NAME, format!("scripts could not be held: {}", told(&error)))
            .to_do("sysctl vm.memfd_noexec=0"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Standing;
    use super::*;

    #[test]
    fn a_layer_that_is_missing_is_a_note_or_an_end_where_all_are_asked_for() {
        let table = [
            (0, false, Standing::Note),
            (0, true, Standing::Wrong),
            (5, false, Standing::Note),
            (5, true, Standing::Wrong),
            (6, true, Standing::Good),
            (7, true, Standing::Good),
        ];
        for (version, is_strict, expected) in table {
            let finding = landlock(version, is_strict);
            assert_eq!(finding.standing, expected, "{version} {is_strict}");
            assert_eq!(finding.to_do.is_some(), expected != Standing::Good, "{finding:?}");
        }
    }
}
