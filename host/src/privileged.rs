//! What starts processes or needs rights of its own: nothing else in the engine does.
//!
//! Promise: programs are named by the operator, in files that only root can write, by absolute
//! path, and started without a shell; nothing of an alert or a setting is ever part of a command.

pub mod key_command;
