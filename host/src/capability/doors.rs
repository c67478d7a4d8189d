//! All that the store of one endpoint is given.

use tokio::time::Instant;

use super::files::FilesDoor;
use super::http::HttpDoor;
use super::net::NetDoor;
use super::offenses::Offenses;
use super::secrets::Keyring;
use crate::delivery::Seen;

/// Made for one store, and gone with it.
#[derive(Debug)]
pub struct Doors {
    pub http: HttpDoor,
    pub net: NetDoor,
    pub files: FilesDoor,
    pub keyring: Keyring,
    denied: Offenses,
}

impl Doors {
    pub fn new(http: HttpDoor, net: NetDoor, files: FilesDoor, keyring: Keyring) -> Self {
        Self { http, net, files, keyring, denied: Offenses::default() }
    }

    /// Starts a call: nothing lasts beyond `deadline`, and what was seen starts anew.
    pub fn begin(&mut self, deadline: Instant) {
        self.http.begin(deadline);
        self.net.begin(deadline);
        self.files.begin();
        self.keyring.begin();
    }

    /// A door said no, with this code of its own.
    pub fn denied(&mut self, door: &'static str, code: &str, detail: &str) {
        self.denied.denied(door, code, detail);
    }

    /// What the component asked for and must not have, since the last time.
    pub fn take_offenses(&mut self) -> Offenses {
        let misuses = self.keyring.take_misuses();
        Offenses { misuses, ..std::mem::take(&mut self.denied) }
    }

    /// What the host saw since the call began. Of several doors the origin is told of the one in
    /// doubt, else of the first that was used.
    pub fn seen(&self) -> Seen {
        let doors = [self.http.seen().clone(), self.net.seen(), self.files.seen().clone()];
        let told = doors.iter().find(|one| one.unanswered);
        let told = told.or_else(|| doors.iter().find(|one| one.origin.is_some()));
        let told = told.cloned().unwrap_or_default();
        Seen {
            sent_bytes: doors.iter().map(|one| one.sent_bytes).sum(),
            received_bytes: doors.iter().map(|one| one.received_bytes).sum(),
            ..told
        }
    }
}
