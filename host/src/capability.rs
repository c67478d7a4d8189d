//! What a component can be given, each behind a door that the host keeps: egress over HTTP, log.
//!
//! Not here: which component gets what (`runtime::catalog` and the operator's grants).

pub mod egress;
pub mod http;
pub mod log;
