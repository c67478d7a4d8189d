//! The one gate toward the network: what an endpoint reaches, and the way there.
//!
//! Promise: nothing leaves but to an origin or target that was granted, spelled exactly; to an
//! address that is public, or opened by the operator for this endpoint; and a connection is reused
//! only under the same tenant, endpoint, peer, TLS identity and grant.
//!
//! Not here: what a request may contain (`capability::http`), what bytes mean (`capability::net`).

mod address;
mod check;
mod connect;
mod dial;
mod explain;
mod grant;
mod origin;
mod own;
mod path;
mod policy;
mod pool;
mod proxy;
mod reach;
mod resolve;
mod sessions;
mod target;
mod tls;
mod verify;
mod way;

pub use address::{Form, Part, Rule};
pub use connect::{ConnectError, Connector};
pub use explain::{Line, Standing};
pub use grant::{Denied, Grant, Methods, OriginGrant, Peer, Reach};
pub use origin::{Origin, OriginError, Scheme};
pub use path::{PathError, PathPrefix};
pub use policy::{Policy, Proxy};
pub use pool::{Connection, Pool, PoolKey};
pub use reach::{AskedOrigin, ReachError, fill, reach, with_defaults};
pub use resolve::{ADDRESSES_MAX, ALIASES_MAX, ResolveError};
pub use target::{Target, TargetError, Transport};
pub use tls::{TlsIdentity, TlsSettings};
pub use way::{Barred, Passed, Way};
