//! What a component can be given, each behind a door that the host keeps: http, net, files, secrets,
//! log.
//!
//! Not here: which component gets what (`runtime::catalog` and the operator's grants).

pub mod budget;
pub mod doors;
pub mod egress;
pub mod files;
pub mod http;
pub mod log;
pub mod net;
pub mod offenses;
pub mod secrets;
