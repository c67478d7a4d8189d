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

/// Leaves a process of root these capabilities alone, for good, as far as it has them: in a container
/// it may not. Before the first thread.
pub fn keep_capabilities(kept: CapabilitySet) -> Result<(), ConfineError> {
    if is_root() {
        keep_capabilities_in_reach(kept)?;
        let has = capabilities(None).map_err(|error| ConfineError::Capabilities(error.into()))?;
        set(kept & has.permitted)?;
    }
    Ok(())
}

/// No program that is started from here gets any other. Only root may say so.
fn keep_capabilities_in_reach(kept: CapabilitySet) -> Result<(), ConfineError> {
    if !is_root() {
        return Ok(());
    }
    for capability in (0..64).map(|at| CapabilitySet::from_bits_retain(1 << at)) {
        if !kept.contains(capability) && capability_is_in_bounding_set(capability).unwrap_or(false)
        {
            remove_capability_from_bounding_set(capability)
                .map_err(|error| ConfineError::Capabilities(error.into()))?;
        }
    }
    Ok(())
}

fn set(capabilities: CapabilitySet) -> Result<(), ConfineError> {
    let sets = CapabilitySets {
        effective: capabilities,
        permitted: capabilities,
        inheritable: CapabilitySet::empty(),
    };
    // A kernel before ambient sets has none to clear.
    let _ = clear_ambient_capability_set();
    set_capabilities(None, sets).map_err(|error| ConfineError::Capabilities(error.into()))
}

/// Makes a process of root one of `user`, without any capability, and proves that it stays so. `None`,
/// or a process that is not root: the user stays, and capabilities go.
///
/// Before the first thread: the kernel changes the user of one thread alone.
pub fn become_user(user: Option<&User>) -> Result<(), ConfineError> {
    let user = user.filter(|_| is_root());
    keep_capabilities_in_reach(CapabilitySet::empty())?;
    if let Some(user) = user {
        change(user).map_err(|error| ConfineError::User {
            user: user.name.clone(),
            source: error.into(),
        })?;
    }
    set(CapabilitySet::empty())?;
    prove(user)
}

fn change(user: &User) -> rustix::io::Result<()> {
    let groups: Vec<_> = user.groups.iter().copied().map(Gid::from_raw).collect();
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    set_thread_groups(&groups)?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)
}

/// It has no capability, is the user it was made, in no other group, and cannot be root again.
fn prove(user: Option<&User>) -> Result<(), ConfineError> {
    let sets = capabilities(None).map_err(|error| ConfineError::Capabilities(error.into()))?;
    if !sets.effective.is_empty() || !sets.permitted.is_empty() {
        return Err(ConfineError::Regained);
    }
    let Some(user) = user.filter(|user| !user.is_root()) else { return Ok(()) };
    let groups = getgroups()
        .map_err(|error| ConfineError::User { user: user.name.clone(), source: error.into() })?;
    let is_user = [getuid(), geteuid()].iter().all(|uid| uid.as_raw() == user.uid)
        && [getgid(), getegid()].iter().all(|gid| gid.as_raw() == user.gid)
        && groups.iter().all(|group| user.groups.contains(&group.as_raw()));
    let root = Uid::ROOT;
    if !is_user || set_thread_res_uid(root, root, root).is_ok() {
        return Err(ConfineError::Regained);
    }
    Ok(())
}
