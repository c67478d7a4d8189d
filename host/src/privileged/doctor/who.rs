//! Who the engine would be.

use rustix::process::{getegid, geteuid};
use rustix::thread::{CapabilitySet, capabilities, capability_is_in_bounding_set};

use super::{Finding, told};
use crate::config::Config;
use crate::privileged::confine::{Layer, is_root};
use crate::privileged::user::User;

const USER: &str = "user";

/// The engine's user, as far as it can be told.
#[derive(Debug)]
pub(super) struct Who {
    /// Whom the engine becomes. `None`: it stays who starts it.
    pub becomes: Option<User>,
    pub uid: u32,
    pub gid: u32,
}

impl Who {
    pub(super) fn look(config: &Config) -> (Self, Vec<Finding>) {
        let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
        let stays = Self { becomes: None, uid, gid };
        if !is_root() {
            let found = format!(
                "started by you, everything runs as you (user {uid}); Landlock keeps the engine \
                 from files that are not its own"
            );
            let finding = match &config.process.user {
                None => Finding::good(USER, found),
                Some(_) => {
                    Finding::note(USER, format!("{found}; `process.user` is for root alone"))
                }
            };
            return (stays, vec![finding]);
        }
        let is_strict = config.process.strict;
        let user = match config.process.engine_user() {
            Ok(Some(user)) => user,
            Ok(None) => {
                let found = "started by root, the engine stays root, without capabilities, and owns what \
                             root owns, sockets such as Fail2Ban's among it: there is no user \
                             `campanile`";
                let finding = Finding::missing(Layer::User, found, is_strict).to_do(
                    "useradd --system --user-group --no-create-home --shell /usr/sbin/nologin campanile",
                );
                return (stays, vec![finding]);
            }
            Err(error) => return (stays, vec![Finding::wrong(USER, told(&error))]),
        };
        let mut findings = Vec::new();
        if user.is_root() {
            let found = "`process.user` is root: the engine stays root, without capabilities, and owns \
                         what root owns, sockets such as Fail2Ban's among it";
            let finding = Finding::missing(Layer::User, found, is_strict);
            findings.push(finding.to_do("name another as `process.user`"));
        } else {
            let found = format!(
                "started by root, the engine becomes `{}` (user {}, groups {})",
                user.name,
                user.uid,
                user.groups.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
            );
            findings.push(match user.groups.contains(&0) {
                false => Finding::good(USER, found),
                true => Finding::mend(USER, format!("{found}; group 0 is root's"))
                    .to_do(format!("give `{}` other groups", user.name)),
            });
        }
        findings.extend(lacking());
        let who = Self { uid: user.uid, gid: user.gid, becomes: Some(user) };
        (who, findings)
    }
}

/// Whether root may make folders for another user.
pub(super) fn may_give_away() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::CHOWN))
}

/// Rights that root needs to become another, and may not have in a container.
fn lacking() -> Option<Finding> {
    const NAME: &str = "capabilities";
    const TO_DO: &str = "give them to the container or the service";
    let needed = [
        (CapabilitySet::SETUID, "CAP_SETUID"),
        (CapabilitySet::SETGID, "CAP_SETGID"),
        (CapabilitySet::SETPCAP, "CAP_SETPCAP"),
    ];
    let has = capabilities(None).map(|sets| sets.effective).unwrap_or(CapabilitySet::empty());
    let is_bounding_any = (0..64)
        .map(|at| CapabilitySet::from_bits_retain(1 << at))
        .any(|one| capability_is_in_bounding_set(one).unwrap_or(false));
    // There is nothing to take out of an empty set.
    let is_needed = |one| one != CapabilitySet::SETPCAP || is_bounding_any;
    let lacks: Vec<_> = needed
        .into_iter()
        .filter(|(one, _)| is_needed(*one) && !has.contains(*one))
        .map(|(_, name)| name)
        .collect();
    (!lacks.is_empty()).then(|| {
        let found = format!("root lacks {} here, and cannot become another user", lacks.join(", "));
        Finding::wrong(NAME, found).to_do(TO_DO)
    })
}
