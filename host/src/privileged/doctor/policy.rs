//! The file that turns native kinds on, and what each of them finds.

use std::path::Path;

use super::{Finding, told, word};
use crate::privileged::natives::Policies;
use crate::privileged::{fail2ban, shell};

const NAME: &str = "policy";

/// `engine`: who the engine runs as.
pub(super) fn look(path: &Path, engine: u32) -> Vec<Finding> {
    let shown = path.display();
    if path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        let found = format!("there is no `{shown}`: the native kinds are off");
        return vec![Finding::note(NAME, found)];
    }
    let policies = match Policies::read(path, engine) {
        Ok(policies) => policies,
        Err(error) => {
            let finding = Finding::wrong(NAME, told(&error));
            let to_do = format!(
                "give it to root, and let nobody else write it or a folder above it: `chown root \
                 {path} && chmod 644 {path}`; then correct what it says",
                path = word(path)
            );
            return vec![finding.to_do(to_do)];
        }
    };
    let on: Vec<_> = policies.on().into_iter().map(|native| native.name()).collect();
    let mut findings = vec![match on.as_slice() {
        [] => Finding::note(NAME, format!("`{shown}` turns no native kind on")),
        on => match policies.allow_engine(path, engine) {
            Ok(()) => Finding::good(NAME, format!("`{shown}` turns on: {}", on.join(", "))),
            Err(error) => Finding::wrong(NAME, told(&error))
                .to_do("make a user for the engine: `useradd --system campanile`"),
        },
    }];
    if let Some(policy) = &policies.shell {
        findings.extend(shell::doctor::look(policy));
    }
    if let Some(policy) = &policies.fail2ban {
        findings.extend(fail2ban::doctor::look(policy));
    }
    findings
}
