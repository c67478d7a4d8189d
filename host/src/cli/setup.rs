//! Endpoints and recipients in files: TOML tables `[endpoint.NAME]` and `[recipient.NAME]`.
//!
//! Promise: what `write` makes, `read` reads back as the same JSON. No error shows a line of a
//! file, since a line can hold a credential.
//!
//! Not here: what the settings mean; the engine says what is wrong with them.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub(super) use read::{read, settings};
pub(super) use write::write;
