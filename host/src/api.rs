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
pub mod seams;
mod server;
mod views;

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::alert::Alert;
use crate::clock::Clock;
use crate::config::{ApiConfig, IngestConfig};
use crate::delivery::{AttemptRecord, DeliveryRecord};
use crate::ids::{AlertIds, DeliveryId, RecipientId, TenantId};
use crate::queue::{Batch, Committed};
use crate::telemetry::Metrics;
use crate::tenant::tokens::Tokens;
use seams::{Arrival, BadBody, CommitError, DeliveryQuery, Envelope, Rejection, StoreError};

pub use server::{BindError, Server};

/// What the API asks of the rest of the engine: functions, so that each part can be built and
/// tested alone.
pub struct Engine {
    /// `ingest::native::read`
    pub read_native: ReadNative,
    /// `ingest::ntopng::read`
    pub read_ntopng: ReadNtopng,
    /// `ingest::native::SCHEMA`
    pub schema: &'static str,
    /// `Router::route`
    pub route: Route,
    /// `Queue::commit`. Dropping its future must not undo the commit.
    pub commit: Ask<Batch, Result<Committed, CommitError>>,
    /// `Records::deliveries`, newest first.
    pub deliveries: Ask<(TenantId, DeliveryQuery), Result<Vec<DeliveryRecord>, StoreError>>,
    /// `Records::delivery`, attempts in order.
    pub delivery: Ask<(TenantId, DeliveryId), Result<Option<DeliveryDetail>, StoreError>>,
    /// `Catalog::kinds`, as JSON.
    pub kinds: Box<dyn Fn() -> serde_json::Value + Send + Sync>,
    /// One check per part that must work before the engine is of use: whether the store can be
    /// written, components are loaded, dispatch runs.
    pub checks: Ask<(), Vec<Check>>,
    /// Brings the queue's gauges up to date, before metrics are read.
    pub gauges: Ask<Arc<Metrics>, ()>,
}

/// Reads a body in our own schema; the flag: one alert per line.
pub type ReadNative =
    fn(&[u8], bool, &Arrival<'_>) -> Result<Vec<Result<Alert, Rejection>>, BadBody>;
/// Reads an envelope of ntopng.
pub type ReadNtopng = fn(&[u8], &Arrival<'_>) -> Result<Envelope, BadBody>;
/// Says who gets an alert.
pub type Route = Box<dyn Fn(&Alert) -> Vec<RecipientId> + Send + Sync>;
/// An asynchronous function of one argument.
pub type Ask<In, Out> = Box<dyn Fn(In) -> Pending<Out> + Send + Sync>;
/// An answer that is being made.
pub type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// A delivery, and every try of it.
pub type DeliveryDetail = (DeliveryRecord, Vec<AttemptRecord>);

/// One line of `/readyz`.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Check {
    /// `store`, `components`, `dispatch`.
    pub name: &'static str,
    /// What is wrong and what to do, or nothing.
    pub problem: Option<String>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
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
    answer_within: Duration,
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
            answer_within: Duration::from_millis(ingest.answer_ms_max.get()),
            hosts: guard::Hosts::new(self.address(), self.allowed_hosts()),
        }));
        let router = axum::Router::new()
            .route(ALERTS, post(alerts::native))
            .route(NTOPNG, post(alerts::ntopng))
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

/// A bounded name for metrics: paths are made up by whoever asks.
fn route_name(path: &str) -> &'static str {
    match path {
        ALERTS => ALERTS,
        NTOPNG => NTOPNG,
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
