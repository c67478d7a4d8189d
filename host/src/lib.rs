//! Campanile: takes alerts and delivers them through isolated WebAssembly components.
//!
//! The path of an alert: ingest -> route -> queue -> dispatch -> format -> deliver -> record.

pub mod alert;
pub mod clock;
pub mod delivery;
pub mod ids;
pub mod queue;
pub mod records;
pub mod store;
