//! Which scripts would run, and which would be refused and why.
//!
//! Promise: a script is looked at by the code that opens it for a run; nothing is run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::policy::Policy;
use super::program::Program;
use super::{init, program};
use crate::privileged::doctor::{Finding, NAMESPACES_TO_DO, told, word};
use crate::privileged::owned::{NotOwned, OwnedFolder};

/// Files of one folder that are looked at.
const FILES_MAX: usize = 1_000;
const REFUSED_TOLD_MAX: usize = 50;

/// What there is to say of the kind under this policy.
pub(in crate::privileged) fn look(policy: &Policy) -> Vec<Finding> {
    let mut findings = vec![user(policy)];
    if policy.limits.is_isolated
        && let Err(error) = init::try_namespaces()
    {
        let found = format!("no script can be started: {}", told(&error));
        findings.push(Finding::mend("shell.namespaces", found).to_do(NAMESPACES_TO_DO));
    }
    if let Err(error) = program::try_memory() {
        let found = format!("no script can be held: {}", told(&error));
        findings.push(Finding::mend("shell.memfd", found).to_do("sysctl vm.memfd_noexec=0"));
    }
    let mut seen = BTreeMap::new();
    for path in &policy.folders {
        folder(policy, path, &mut seen, &mut findings);
    }
    findings
}

fn user(policy: &Policy) -> Finding {
    const NAME: &str = "shell.user";
    let name = &policy.user.name;
    match (policy.limits.is_isolated, policy.user.is_root()) {
        (true, false) => {
            let network = if policy.limits.network { "with" } else { "without" };
            let found = format!("scripts run as `{name}`, in namespaces, {network} network");
            Finding::good(NAME, found)
        }
        (true, true) => {
            let found = "scripts run as root: whoever has one do something else has the machine";
            Finding::note(NAME, found).to_do("name another as `user`, if they need no more")
        }
        (false, _) => {
            let found = format!(
                "scripts run as who starts campanile, `{name}`, without namespaces: they can do \
                 what that user can"
            );
            Finding::note(NAME, found)
        }
    }
}

/// `seen`: names that are taken from folders before this one.
fn folder(
    policy: &Policy,
    path: &Path,
    seen: &mut BTreeMap<String, PathBuf>,
    findings: &mut Vec<Finding>,
) {
    const NAME: &str = "shell.folders";
    let shown = path.display();
    match OwnedFolder::open(path, &policy.owners) {
        Ok(_) => {}
        Err(NotOwned::Missing { .. }) => {
            let found = format!("`{shown}` does not exist, and is passed over");
            return findings.push(Finding::note(NAME, found));
        }
        Err(error) => {
            let found =
                format!("{}; no script is taken from here or from what comes after", error.told());
            return findings.push(Finding::mend(NAME, found));
        }
    }
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => return findings.push(Finding::mend(NAME, format!("`{shown}`: {error}"))),
    };
    let names = entries.flatten().map(|one| one.file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.take(FILES_MAX).collect();
    names.sort();
    let (mut taken, mut other, mut refused) = (0, 0, Vec::new());
    for name in names {
        let file = path.join(&name);
        if policy.allows_script(&name).is_err() {
            other += 1;
        } else if let Some(first) = seen.get(&name) {
            let found =
                format!("`{}` is hidden by the one in `{}`", file.display(), first.display());
            refused.push(Finding::note("shell.script", found));
        } else {
            match Program::open(policy, &name) {
                Ok(_) => taken += 1,
                Err(refusal) => refused.push(
                    Finding::mend(
                        "shell.script",
                        format!("`{name}` is refused: {}", refusal.detail),
                    )
                    .to_do(format!("chown root {path} && chmod 755 {path}", path = word(&file))),
                ),
            }
            seen.insert(name, path.to_owned());
        }
    }
    let found = format!(
        "`{shown}`: scripts that would run: {taken}, that would not: {}; files of other names: {other}",
        refused.len()
    );
    findings.push(match taken {
        0 => Finding::note(NAME, found),
        _ => Finding::good(NAME, found),
    });
    let more = refused.len().saturating_sub(REFUSED_TOLD_MAX);
    findings.extend(refused.into_iter().take(REFUSED_TOLD_MAX));
    if more > 0 {
        findings.push(Finding::mend("shell.script", format!("{more} more are refused")));
    }
}
