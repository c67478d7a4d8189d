//! Campanile: takes alerts and delivers them through isolated WebAssembly components.
//!
//! The path of an alert: ingest -> route -> queue -> dispatch -> format -> deliver -> record.

pub mod alert;
pub mod api;
pub mod app;
pub mod audit;
pub mod capability;
pub mod cli;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod dispatch;
pub mod ids;
pub mod ingest;
pub mod printable;
pub mod privileged;
pub mod process;
pub mod queue;
pub mod records;
pub mod roster;
pub mod route;
pub mod runtime;
pub mod setup;
pub mod store;
pub mod telemetry;
pub mod tenant;
pub mod trial;
pub mod vault;
pub mod wording;
