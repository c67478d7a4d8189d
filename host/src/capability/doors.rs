//! All that the store of one endpoint is given.

use tokio::time::Instant;

use super::files::FilesDoor;
use super::http::HttpDoor;
use super::net::NetDoor;
use super::secrets::Keyring;
use crate::delivery::Seen;

/// Made for one store, and gone with it.
#[derive(Debug)]
pub struct Doors {
    pub http: HttpDoor,
    pub net: NetDoor,
    pub files: FilesDoor,
    pub keyring: Keyring,
}

impl Doors {
    pub fn new(http: HttpDoor) -> Self {
        Self { http, net: NetDoor, files: FilesDoor, keyring: Keyring::default() }
    }

    /// Starts a call: nothing lasts beyond `deadline`, and what was seen starts anew.
    pub fn begin(&mut self, deadline: Instant) {
        self.http.begin(deadline);
    }

    /// What the host saw since the call began.
    pub fn seen(&self) -> Seen {
        self.http.seen().clone()
    }
}
