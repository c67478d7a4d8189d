//! What a component asked for and must not have.
//!
//! Promise: bounded, so that a component which asks in a loop fills nobody's log.

use super::log::printable;
use super::secrets::Misuse;

/// Denials that are kept of one call.
const DENIALS_MAX: usize = 16;

const DETAIL_BYTES_MAX: usize = 256;

/// Of one call, or of several.
#[derive(Debug, Default)]
pub struct Offenses {
    /// Credentials where they must not be.
    pub misuses: Vec<Misuse>,
    /// What was not granted.
    pub denials: Vec<Denial>,
}

/// A door said no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// `http`, `net`, `files`.
    pub door: &'static str,
    /// A stable machine word: `origin`, `address`.
    pub code: String,
    pub detail: String,
}

impl Offenses {
    pub fn is_empty(&self) -> bool {
        self.misuses.is_empty() && self.denials.is_empty()
    }

    pub fn append(&mut self, mut more: Self) {
        self.misuses.append(&mut more.misuses);
        self.denials.append(&mut more.denials);
    }

    /// Notes a denial, unless it is one of a limit or a misuse, which are counted elsewhere.
    pub(super) fn denied(&mut self, door: &'static str, code: &str, detail: &str) {
        let is_elsewhere = code.ends_with("-limit") || code.starts_with("secret-");
        if !is_elsewhere && self.denials.len() < DENIALS_MAX {
            let detail = printable(detail, DETAIL_BYTES_MAX);
            self.denials.push(Denial { door, code: code.to_owned(), detail });
        }
    }
}
