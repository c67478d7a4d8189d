//! What starts processes or needs rights of its own: nothing else in the engine does.
//!
//! Promise: programs are named by the operator, in files that only root can write, by absolute
//! path, and started without a shell; nothing of an alert or a setting is ever part of a command
//! line that a shell reads. What has an effect on the machine is done by a helper process, which
//! reads its own policy and knows one verb.

pub mod compiler;
pub mod confine;
pub mod control;
pub mod doctor;
pub mod fail2ban;
pub mod frame;
pub mod helper;
pub mod key_command;
pub mod link;
pub mod monitor;
pub mod natives;
pub mod owned;
pub mod role;
pub mod shell;
pub mod user;
