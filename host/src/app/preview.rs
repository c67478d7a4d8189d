//! What would be sent, to whom, and why not to the others. Nothing is sent or stored.

use std::sync::Arc;

use super::{AppError, build};
use crate::alert::Alert;
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::Delivery;
use crate::dispatch::Destination;
use crate::ids::{AlertIds, DeliveryId, TenantId};
use crate::ingest::{Arrival, BadBody, Rejection, native, ntopng};
use crate::route::Router;
use crate::runtime::{Draft, Fault, Formatting};

/// Alerts to be shown, as they would arrive.
#[derive(Clone, Copy, Debug)]
pub enum PreviewInput<'a> {
    Native { body: &'a [u8], ndjson: bool },
    Ntopng { body: &'a [u8] },
}

/// One recipient's share.
#[derive(Debug)]
pub struct Preview {
    pub recipient: String,
    pub endpoint: String,
    pub kind: String,
    /// Exact bytes, in the order they would be sent.
    pub drafts: Vec<Draft>,
    /// Position of an alert in the input, and why this recipient gets no message about it.
    pub left_out: Vec<(usize, String)>,
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PreviewError {
    #[error(transparent)]
    Body(BadBody),
    #[error(transparent)]
    Alert(Rejection),
    #[error("recipient `{recipient}`: the component failed")]
    Fault { recipient: String, source: Fault },
}

/// The parts of the engine that a preview needs: no store, no network.
#[derive(Debug)]
pub struct Previewer {
    parts: build::Parts,
    destinations: Vec<Arc<Destination>>,
    router: Router,
    batch_max: usize,
}

impl Previewer {
    pub async fn open(config: &Config) -> Result<Self, AppError> {
        let parts = build::parts(config).await?;
        let (destinations, router) = build::destinations_unstored(config, &parts)?;
        Ok(Self { parts, destinations, router, batch_max: config.dispatch.batch_max.get() })
    }

    /// Formats `input` for every recipient, or for the one named.
    pub async fn preview(
        &self,
        input: PreviewInput<'_>,
        recipient: Option<&str>,
    ) -> Result<Vec<Preview>, PreviewError> {
        let alerts = read(input)?;
        let mut previews = Vec::new();
        for destination in &self.destinations {
            if recipient.is_some_and(|name| name != destination.name) {
                continue;
            }
            let (wanted, mut left_out) = self.share(destination, &alerts);
            let drafts =
                self.format(destination, &wanted, &mut left_out).await.map_err(|source| {
                    PreviewError::Fault { recipient: destination.name.clone(), source }
                })?;
            previews.push(Preview {
                recipient: destination.name.clone(),
                endpoint: destination.endpoint.name.clone(),
                kind: destination.endpoint.kind.name.clone(),
                drafts,
                left_out,
            });
        }
        Ok(previews)
    }

    /// The recipient's alerts with their positions, and why it does not get the others.
    fn share(
        &self,
        destination: &Destination,
        alerts: &[Arc<Alert>],
    ) -> (Vec<Placed>, Vec<LeftOut>) {
        let mut wanted = Vec::new();
        let mut left_out = Vec::new();
        for (at, alert) in alerts.iter().enumerate() {
            match self.router.decide(alert).find(|(id, _)| *id == destination.id) {
                Some((_, Ok(()))) => wanted.push((at, Arc::clone(alert))),
                Some((_, Err(reason))) => left_out.push((at, reason.to_string())),
                None => left_out.push((at, "it belongs to another tenant".to_owned())),
            }
        }
        (wanted, left_out)
    }

    async fn format(
        &self,
        destination: &Destination,
        wanted: &[Placed],
        left_out: &mut Vec<LeftOut>,
    ) -> Result<Vec<Draft>, Fault> {
        let mut drafts = Vec::new();
        for batch in wanted.chunks(self.batch_max) {
            let kind = &destination.endpoint.kind;
            let mut formatting = Formatting::open(&self.parts.runtime, kind).await?;
            for group in batch.chunks(formatting.batch_max()) {
                let deliveries: Vec<_> =
                    group.iter().map(|(_, alert)| delivery(alert, destination)).collect();
                let called = formatting.call(&deliveries, &destination.context, &destination.zone);
                match called.await? {
                    Ok(made) => {
                        drafts.extend(made.drafts);
                        let refused = made.skipped.into_iter().chain(made.rejected);
                        left_out.extend(refused.map(|(at, detail)| (group[at].0, detail)));
                    }
                    Err(fault) => {
                        let why = format!("the settings are wrong: {}", fault.detail);
                        left_out.extend(group.iter().map(|(at, _)| (*at, why.clone())));
                    }
                }
            }
        }
        Ok(drafts)
    }
}

type Placed = (usize, Arc<Alert>);
type LeftOut = (usize, String);

fn delivery(alert: &Arc<Alert>, destination: &Destination) -> Delivery {
    Delivery {
        id: DeliveryId { alert: alert.id, recipient: destination.id },
        alert: Arc::clone(alert),
        attempts: 0,
        first_ms: None,
        previous: None,
    }
}

fn read(input: PreviewInput<'_>) -> Result<Vec<Arc<Alert>>, PreviewError> {
    let ids = AlertIds::default();
    let arrival =
        Arrival { tenant: TenantId::DEFAULT, now_ms: Clock::default().now_ms(), ids: &ids };
    let alerts = match input {
        PreviewInput::Native { body, ndjson } => native::read(body, ndjson, &arrival)
            .map_err(PreviewError::Body)?
            .into_iter()
            .collect::<Result<Vec<_>, _>>()
            .map_err(PreviewError::Alert)?,
        PreviewInput::Ntopng { body } => {
            ntopng::read(body, &arrival).map_err(PreviewError::Body)?.alerts
        }
    };
    Ok(alerts.into_iter().map(Arc::new).collect())
}
