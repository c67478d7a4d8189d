//! Credentials that a component uses and never sees: a placeholder for each, minted for one store.
//!
//! Promise: a secret leaves only where its manifest says that it may stand, toward where it is bound
//! to, and what comes back is searched for it.
//!
//! Not here: how secrets are stored (`vault`), and which ones an endpoint has (`roster`).

mod credential;
mod derived;
mod fill;
mod json;
mod keyring;
mod login;
pub mod oauth2;
mod place;
mod redact;
mod spelling;
mod template;

pub use credential::{Credential, CredentialError, Credentials};
pub use fill::{Fill, Misuse, Toward, Why};
pub use keyring::Keyring;
pub use login::Login;
pub use place::{Decoding, Form, Place, PlaceError};
pub use redact::{REDACTED, Redactor, StreamRedactor};
pub use template::{MARKER, Template, is_marker};
