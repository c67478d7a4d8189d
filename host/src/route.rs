//! Route: who gets an alert, and who does not and why.

pub mod fingerprint;
