//! Whatever reads what others write, fed with anything: nothing panics, and what is promised holds.
//!
//! Each target is a test. `cargo test` plays the inputs of `src/__fuzz__` and a bounded number of
//! random ones; `cargo bolero test TARGET` looks further, guided by coverage.
#![cfg(test)]

mod filling;
mod ingest;
mod pickle;
mod settings;
mod shell;
mod urls;

/// Random inputs of one target in one run, beside those that are kept.
const ITERATIONS: usize = 5_000;
