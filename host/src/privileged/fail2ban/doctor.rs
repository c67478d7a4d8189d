//! Whether Fail2Ban is there, and who else could speak with it.
//!
//! Promise: nothing is connected to and no program is run.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use rustix::fs::Access;

use super::client;
use super::ledger;
use super::policy::Policy;
use super::server::Way;
use crate::privileged::doctor::{Finding, word};

/// Networks that are told one by one.
const NETWORKS_TOLD_MAX: usize = 32;

/// What there is to say of the kind under this policy.
pub(in crate::privileged) fn look(policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    match &policy.way {
        Way::Socket(path) => findings.extend(socket(path)),
        Way::Client(program, of) => {
            findings.push(match client::check(program) {
                Ok(_) => {
                    let found = format!("`{}` is root's alone; it was not run", program.display());
                    Finding::good("fail2ban.client", found)
                }
                Err(told) => Finding::mend("fail2ban.client", told)
                    .to_do("install Fail2Ban, or name its program as `client`"),
            });
            findings.extend(of.as_deref().into_iter().flat_map(socket));
        }
    }
    let jails = policy.jail_names();
    findings.push(match policy.jails {
        Some(_) => Finding::good("fail2ban.jails", jails.join(", ")),
        None => Finding::note("fail2ban.jails", "every jail may be banned in")
            .to_do("name those that are for alerts"),
    });
    findings.push(never_ban(policy));
    if let Err(told) = ledger::look(&policy.state_dir) {
        findings.push(Finding::mend("fail2ban.state_dir", told));
    } else {
        let shown = policy.state_dir.display();
        let found = match policy.state_dir.exists() {
            true => format!("`{shown}` is the helper's alone"),
            false => format!("`{shown}` does not exist; the helper makes it"),
        };
        findings.push(Finding::good("fail2ban.state_dir", found));
    }
    findings
}

/// Connecting takes the right to write. Whoever has it, or may put another in its place, is root.
fn socket(path: &Path) -> Vec<Finding> {
    const NAME: &str = "fail2ban.socket";
    let shown = path.display();
    let absent = "start Fail2Ban, or name its socket as `socket`";
    let about = match fs::metadata(path) {
        Ok(about) => about,
        Err(error) => {
            return vec![Finding::mend(NAME, format!("`{shown}`: {error}")).to_do(absent)];
        }
    };
    let (owner, mode) = (about.uid(), about.mode() & 0o7777);
    if !about.file_type().is_socket() {
        return vec![Finding::mend(NAME, format!("`{shown}` is no socket")).to_do(absent)];
    }
    let mut findings = Vec::new();
    if owner != 0 || mode & 0o022 != 0 {
        let found = format!(
            "`{shown}` (user {owner}, mode {mode:o}) can be opened by others than root, and who can \
             open it is root"
        );
        let path = word(path);
        let to_do = format!("chown root:root {path} && chmod 700 {path}");
        findings.push(Finding::mend(NAME, found).to_do(to_do));
    }
    for folder in fs::canonicalize(path).iter().flat_map(|real| real.ancestors().skip(1)) {
        let Ok(about) = fs::metadata(folder) else { continue };
        // In a folder such as /tmp others remove nothing that is not theirs.
        let is_shared = about.mode() & 0o1000 != 0;
        if about.uid() != 0 || (about.mode() & 0o022 != 0 && !is_shared) {
            let found = format!(
                "`{}` (user {}, mode {:o}) lets others than root put another socket in its place",
                folder.display(),
                about.uid(),
                about.mode() & 0o7777
            );
            let folder = word(folder);
            let to_do = format!("chown root:root {folder} && chmod go-w {folder}");
            findings.push(Finding::mend(NAME, found).to_do(to_do));
        }
    }
    if rustix::fs::access(path, Access::WRITE_OK).is_err() {
        let found = format!("the helper would run as you, and may not open `{shown}`");
        findings.push(Finding::mend(NAME, found).to_do("start campanile as root"));
    }
    if findings.is_empty() {
        let found =
            format!("`{shown}` (mode {mode:o}) is there, for root alone; it was not opened");
        findings.push(Finding::good(NAME, found));
    }
    findings
}

fn never_ban(policy: &Policy) -> Finding {
    const NAME: &str = "fail2ban.never_ban";
    let own = "beside this machine, its gateways and name servers";
    let networks: Vec<_> =
        policy.never_ban.iter().take(NETWORKS_TOLD_MAX).map(ToString::to_string).collect();
    match policy.never_ban.len() {
        0 => Finding::note(NAME, format!("no networks are named {own}"))
            .to_do("name those that you administrate from"),
        count if count > NETWORKS_TOLD_MAX => {
            Finding::good(NAME, format!("{} and more, {count} in all, {own}", networks.join(", ")))
        }
        _ => Finding::good(NAME, format!("{}, {own}", networks.join(", "))),
    }
}
