//! Scripts, run by the real helper: what they are given, what they cannot do, and that nothing of
//! them is left.

mod bounds;
mod given;
mod refused;
mod site;

pub(crate) use site::{marker, until_marked};
