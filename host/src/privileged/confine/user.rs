//! From root to a plain user, for good.

use rustix::process::{Gid, Uid};
use rustix::process::{getegid, geteuid, getgid, getgroups, getuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set,
    clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use super::super::user::User;
use super::ConfineError;

pub fn is_root() -> bool {
    geteuid().is_root()
}

/// Leaves a process of root these capabilities alone, for good; one that is not root has none to lose
/// that matter. Before the first thread.
pub fn keep_capabilities(kept: CapabilitySet) -> Result<(), ConfineError> {
    if !is_root() {
        return Ok(());
    }
    unbind(kept)?;
    let sets =
        CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    let _ = clear_ambient_capability_set();
    set_capabilities(None, sets).map_err(|error| ConfineError::Capabilities(error.into()))
}

/// No program that is started from here has any other. Only root may.
fn unbind(kept: CapabilitySet) -> Result<(), ConfineError> {
    for capability in (0..64).map(|at| CapabilitySet::from_bits_retain(1 << at)) {
        if !kept.contains(capability) && capability_is_in_bounding_set(capability).unwrap_or(false)
        {
            remove_capability_from_bounding_set(capability)
                .map_err(|error| ConfineError::Capabilities(error.into()))?;
        }
    }
    Ok(())
}

/// Makes a process of root one of `user`, without any capability, and proves that it stays so. A
/// process that is not root keeps its user, and loses what capabilities it has. `None`: the user
/// stays.
///
/// Before the first thread: the kernel changes the user of one thread alone.
pub fn become_user(user: Option<&User>) -> Result<(), ConfineError> {
    if is_root() {
        unbind(CapabilitySet::empty())?;
    }
    if let Some(user) = user.filter(|_| is_root()) {
        change(user).map_err(|error| ConfineError::User {
            user: user.name.clone(),
            source: error.into(),
        })?;
    }
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    // A kernel before ambient sets has none to clear.
    let _ = clear_ambient_capability_set();
    set_capabilities(None, sets).map_err(|error| ConfineError::Capabilities(error.into()))?;
    prove(user)
}

fn change(user: &User) -> rustix::io::Result<()> {
    let groups: Vec<_> = user.groups.iter().copied().map(Gid::from_raw).collect();
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    set_thread_groups(&groups)?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)
}

/// It is who it should be, has no capability, and cannot be root again.
fn prove(user: Option<&User>) -> Result<(), ConfineError> {
    let sets = capabilities(None).map_err(|error| ConfineError::Capabilities(error.into()))?;
    if !sets.effective.is_empty() || !sets.permitted.is_empty() {
        return Err(ConfineError::Regained);
    }
    let Some(user) = user.filter(|user| !user.is_root()) else { return Ok(()) };
    if getuid().is_root() || geteuid().is_root() {
        return Err(ConfineError::Regained);
    }
    let root = Uid::ROOT;
    let is_user = getuid() == geteuid() && getgid() == getegid();
    let was_root = getuid().as_raw() == user.uid;
    let again = set_thread_res_uid(root, root, root).is_ok();
    let groups = getgroups()
        .map_err(|error| ConfineError::User { user: user.name.clone(), source: error.into() })?;
    let is_in_root = was_root && groups.iter().any(|group| group.is_root());
    if again || !is_user || (is_in_root && !user.groups.contains(&0)) {
        return Err(ConfineError::Regained);
    }
    Ok(())
}
