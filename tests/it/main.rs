//! The real binary, real components, real sockets. Each test is named for what it proves.

#![expect(clippy::unwrap_used, reason = "all of this is tests")]

mod alertmanager;
mod audit;
mod ban;
mod catalog;
mod code;
mod commands;
mod confined;
mod contract;
mod doctor;
mod doors;
mod egress;
mod fail2ban;
mod hostile;
mod keys;
mod kill;
mod latency;
mod layout;
mod memory;
mod natives;
mod oauth2;
mod openapi;
mod path;
mod process;
mod restart;
mod roster;
mod runtime;
mod schemathesis;
mod secrets;
mod services;
mod settings;
mod shell;
mod timeouts;
mod told;
mod trials;
