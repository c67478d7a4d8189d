//! The API: HTTP/1.1 on loopback, a token on every route.
//!
//! Promise: an answer that accepts alerts is given after their commit, never before. Nothing
//! reaches a route without a known `Host`, an own `Origin` or none, and a token that allows it.
//!
//! Not here: how bytes become alerts (`ingest`), who gets them (`route`), and where they are kept
//! (`queue`, `records`).

mod alerts;
mod body;
mod guard;
mod key;
mod problem;
mod server;
mod views;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{ApiConfig, IngestConfig};
use crate::ids::AlertIds;
use crate::queue::Queue;
use crate::records::Records;
use crate::route::Router;
use crate::runtime::Catalog;
use crate::telemetry::Metrics;
use crate::tenant::tokens::Tokens;

pub use server::{BindError, Server};

/// The parts of the engine that the API speaks to.
#[derive(Clone, Debug)]
pub struct Engine {
    pub queue: Queue,
    pub records: Records,
    pub router: Router,
    pub catalog: Arc<Catalog>,
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
    /// Binds the address of `config`. Connections wait until [`Server::serve`].
    pub async fn bind(config: &ApiConfig) -> Result<Self, BindError> {
        Self::listen(config.listen, config.allowed_hosts.clone()).await
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
        let api = Api(Arc::new(Shared {
            engine,
            tokens,
            metrics,
            clock,
            ids: AlertIds::default(),
            body_bytes_max: ingest.body_bytes_max.get(),
            hosts: guard::Hosts::new(self.address(), self.allowed_hosts()),
        }));
        let router = axum::Router::new()
            .route(ALERTS, post(alerts::native))
            .route(NTOPNG, post(alerts::ntopng))
            .route(ALERTMANAGER, post(alerts::alertmanager))
            .route("/v1/schema/alert", get(views::schema))
            .route("/v1/deliveries", get(views::deliveries))
            .route("/v1/deliveries/{id}", get(views::delivery))
            .route("/v1/kinds", get(views::kinds))
            .route("/healthz", get(views::health))
            .route("/readyz", get(views::ready))
            .route("/metrics", get(views::metrics))
            .fallback(views::no_route)
            .method_not_allowed_fallback(views::no_method)
            .layer(DefaultBodyLimit::disable())
            .with_state(api.clone());
        Routes { api, router }
    }
}

/// The routes behind their guard.
#[derive(Clone, Debug)]
pub struct Routes {
    api: Api,
    router: axum::Router,
}

impl Routes {
    /// Answers one request.
    async fn answer(
        &self,
        mut request: hyper::Request<hyper::body::Incoming>,
    ) -> axum::response::Response {
        use axum::response::IntoResponse;
        use tower::ServiceExt;

        let started = std::time::Instant::now();
        let route = route_name(request.uri().path());
        let response = match guard::admit(&self.api, &request) {
            Err(problem) => problem.into_response(),
            Ok(admitted) => {
                request.extensions_mut().insert(admitted);
                // A router answers every request; it has no error.
                self.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
            }
        };
        self.api.metrics.answered(route, started.elapsed());
        response
    }
}

const ALERTS: &str = "/v1/alerts";
const NTOPNG: &str = "/v1/ingest/ntopng";
const ALERTMANAGER: &str = "/v1/ingest/alertmanager";

/// A bounded name for metrics: paths are made up by whoever asks.
fn route_name(path: &str) -> &'static str {
    match path {
        ALERTS => ALERTS,
        NTOPNG => NTOPNG,
        ALERTMANAGER => ALERTMANAGER,
        "/v1/deliveries" => "/v1/deliveries",
        "/v1/schema/alert" => "/v1/schema/alert",
        "/v1/kinds" => "/v1/kinds",
        "/healthz" => "/healthz",
        "/readyz" => "/readyz",
        "/metrics" => "/metrics",
        _ if path.starts_with("/v1/deliveries/") => "/v1/deliveries/{id}",
        _ => "other",
    }
}

/// Where the API listens.
pub fn base_url(address: SocketAddr) -> String {
    format!("http://{address}")
}

#[cfg(test)]
pub(crate) mod tests;
