//! The API: HTTP/1.1 on loopback, a token on every route.
//!
//! Promise: an answer that accepts alerts is given after their commit, never before. Nothing
//! reaches a route without a known `Host`, an own `Origin` or none, and a token that allows it.
//!
//! Not here: how bytes become alerts (`ingest`), who gets them (`route`), and where they are kept
//! (`queue`, `records`).

mod alerts;
mod asked;
mod bans;
mod body;
mod components;
mod edits;
mod egress;
mod endpoints;
mod files;
mod guard;
mod history;
mod key;
mod openapi;
mod problem;
mod recipients;
mod secrets;
mod server;
mod trials;
mod views;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{ApiConfig, IngestConfig};
use crate::ids::AlertIds;
use crate::printable::printable;
use crate::privileged::fail2ban::spared::{Noted, Reason};
use crate::privileged::link::Link;
use crate::queue::Queue;
use crate::records::Records;
use crate::roster::Roster;
use crate::telemetry::Metrics;
use crate::tenant::Role;
use crate::tenant::tokens::Tokens;
use crate::trial::Trial;
use crate::vault::Vault;

pub use server::{BindError, Server, bind};

/// The parts of the engine that the API speaks to.
#[derive(Clone, Debug)]
pub struct Engine {
    pub queue: Queue,
    pub records: Records,
    pub roster: Roster,
    pub vault: Vault,
    pub trial: Arc<Trial>,
    /// The helper that bans.
    pub fail2ban: Link,
    /// Who is not banned, since the engine knows them.
    pub spared: Arc<Noted>,
    /// Cancelled once nothing is sent any more.
    pub sending: CancellationToken,
}

/// What every handler sees.
#[derive(Clone, Debug)]
struct Api(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    engine: Engine,
    tokens: Tokens,
    metrics: Arc<Metrics>,
    clock: Arc<Clock>,
    ids: AlertIds,
    body_bytes_max: usize,
    /// Of the routes: OpenAPI 3.1, JSON.
    description: String,
    /// Values of `Host` we answer to, in lower case.
    hosts: guard::Hosts,
}

impl std::ops::Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Server {
    /// The server of `config`, on the socket that was bound for it. Within a runtime.
    pub fn new(listener: std::net::TcpListener, config: &ApiConfig) -> std::io::Result<Self> {
        Self::on(listener, config.allowed_hosts.clone())
    }

    /// The API of `engine`, to be served here.
    pub fn api(
        &self,
        engine: Engine,
        tokens: Tokens,
        metrics: Arc<Metrics>,
        clock: Arc<Clock>,
        ingest: &IngestConfig,
    ) -> Routes {
        let (router, description) = openapi::routes();
        let names = description.paths.paths.keys().cloned().collect();
        let api = Api(Arc::new(Shared {
            engine,
            tokens,
            metrics,
            clock,
            ids: AlertIds::default(),
            body_bytes_max: ingest.body_bytes_max.get(),
            description: openapi::text(&description),
            hosts: guard::Hosts::new(self.address(), self.allowed_hosts()),
        }));
        let router = router
            .fallback(views::no_route)
            .method_not_allowed_fallback(views::no_method)
            .layer(DefaultBodyLimit::disable())
            .with_state(api.clone());
        Routes { api, router, names }
    }
}

/// The routes behind their guard.
#[derive(Clone, Debug)]
pub struct Routes {
    api: Api,
    router: axum::Router,
    /// Patterns of the routes, for metrics.
    names: Arc<[String]>,
}

impl Routes {
    /// Answers one request of `peer`.
    async fn answer(
        &self,
        peer: SocketAddr,
        mut request: hyper::Request<hyper::body::Incoming>,
    ) -> axum::response::Response {
        use axum::response::IntoResponse;
        use tower::ServiceExt;

        let started = std::time::Instant::now();
        let route = self.name(request.uri().path()).to_owned();
        let source = format!("{peer}, {} {}", request.method(), request.uri().path());
        let response = match guard::admit(&self.api, &request) {
            Err(problem) => problem.into_response(),
            Ok(admitted) => {
                self.spare(peer, admitted);
                request.extensions_mut().insert(admitted);
                request.extensions_mut().insert(asked::Source(printable(&source, 256)));
                // A router answers every request; it has no error.
                self.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
            }
        };
        self.api.metrics.answered(&route, started.elapsed());
        response
    }

    /// Whoever proved a token is not banned.
    fn spare(&self, peer: SocketAddr, guard::Admitted(caller): guard::Admitted) {
        if let Some(caller) = caller {
            let is_admin = caller.role == Role::Admin;
            let reason = if is_admin { Reason::Admin } else { Reason::Sender };
            self.api.engine.spared.note(peer.ip(), reason);
        }
    }

    /// A bounded name for metrics: paths are made up by whoever asks.
    fn name(&self, path: &str) -> &str {
        let is_of = |pattern: &str| {
            let (mut wanted, mut found) = (pattern.split('/'), path.split('/'));
            loop {
                match (wanted.next(), found.next()) {
                    (None, None) => return true,
                    (Some(wanted), Some(found))
                        if wanted == found || wanted.starts_with('{') && !found.is_empty() => {}
                    _ => return false,
                }
            }
        };
        // A fixed path before one with a name in it.
        let exact = self.names.iter().find(|name| *name == path);
        exact.or_else(|| self.names.iter().find(|name| is_of(name))).map_or("other", String::as_str)
    }
}

const ALERTS: &str = "/v1/alerts";
const NTOPNG: &str = "/v1/ingest/ntopng";
const ALERTMANAGER: &str = "/v1/ingest/alertmanager";

/// Where the API listens.
pub fn base_url(address: SocketAddr) -> String {
    format!("http://{address}")
}

#[cfg(test)]
pub(crate) mod tests;
