//! The native kind `fail2ban`: its helper process, and its face in the engine.
//!
//! Promise: only the helper speaks to Fail2Ban, whose socket is as good as root. Whatever the engine
//! asks for, the helper bans one address at a time, in jails that its own policy names, never one that
//! would cut the machine off, no more in a minute than the policy allows; and it lifts only bans that
//! it made itself, for the same condition.
//!
//! Not here: starting the helper, and who may write its policy (`monitor`).

mod client;
mod confined;
pub(in crate::privileged) mod doctor;
mod helper;
pub mod kind;
mod ledger;
mod never;
pub mod pickle;
mod policy;
pub mod protocol;
mod rate;
mod server;
mod socket;
pub mod spared;

pub use helper::{Helper, run};
pub use kind::Fail2banKind;
pub use policy::Policy;
pub use server::Way;
pub use spared::{Noted, Spared};
