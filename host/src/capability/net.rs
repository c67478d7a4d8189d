//! The net door: connections and datagrams of a guest toward the targets it was granted.

/// One store's way to TCP, TLS, UDP and local datagrams.
#[derive(Debug, Default)]
pub struct NetDoor;
