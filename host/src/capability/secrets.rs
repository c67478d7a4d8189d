//! Credentials that a component uses and never sees: a placeholder for each, minted for one store.

mod place;

pub use place::{Decoding, Form, Place, PlaceError};

/// One store's placeholders.
#[derive(Debug, Default)]
pub struct Keyring;
