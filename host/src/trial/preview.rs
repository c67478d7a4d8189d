//! What would be sent, to whom, and why not to the others. Nothing is sent or stored.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::Trial;
use super::target::{Aim, Target, TargetError};
use crate::alert::Alert;
use crate::delivery::Delivery;
use crate::dispatch::Destination;
use crate::ids::{DeliveryId, TenantId};
use crate::route::Episode;
use crate::runtime::bindings::kind::Purpose;
use crate::runtime::{Context, Draft, Fault, Formatting};

/// An alert in our own schema, for a preview or a test without one.
pub const SAMPLE: &str = r#"{"title":"Sample alert","severity":"error","category":"security","type":"sample",
"text":"This is what an alert looks like here.","entity":{"kind":"host","value":"192.0.2.1"}}"#;

/// Alerts times recipients of one preview: all of it is in memory until it is shown.
const MESSAGES_MAX: usize = 10_000;

/// What would be sent.
#[derive(Debug, Default)]
pub struct Previewed {
    pub previews: Vec<Preview>,
    /// Each recipient's decision about each alert.
    pub decided: Vec<Decided>,
    pub left_out: Vec<LeftOut>,
}

/// One recipient's share: exact bytes, in the order they would be sent.
#[derive(Debug)]
pub struct Preview {
    pub recipient: String,
    pub endpoint: String,
    pub kind: String,
    pub drafts: Vec<Draft>,
}

/// Whether a recipient's filter takes an alert, and why.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Decided {
    pub recipient: String,
    /// Position of the alert, from 0.
    pub alert: usize,
    pub gets: bool,
    pub reason: String,
}

/// An alert that a recipient gets no message about.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LeftOut {
    pub recipient: String,
    /// Position of the alert, from 0.
    pub alert: usize,
    pub reason: String,
}

impl Trial {
    /// Formats `alerts` for the target, or for every recipient of the tenant.
    pub async fn preview(
        &self,
        tenant: TenantId,
        target: &Target,
        alerts: &[Arc<Alert>],
    ) -> Result<Previewed, TargetError> {
        let mut previewed = Previewed::default();
        // Nothing comes of it, so it shows all that could.
        let alerts = &alerts.iter().map(may_ban).collect::<Vec<_>>();
        if !target.is_empty() {
            let aim = target.aim(&self.roster, tenant)?;
            self.preview_one(&aim, alerts, &mut previewed).await;
            return Ok(previewed);
        }
        let live = self.roster.live();
        let count = live.recipients(tenant, "").count().saturating_mul(alerts.len());
        if count > MESSAGES_MAX {
            return Err(TargetError::TooMany { count });
        }
        for entry in live.recipients(tenant, "") {
            let name = &entry.row.name;
            let Ok(destination) = &entry.built else {
                let reason = "its component does not take its settings; show it for the reasons";
                let left_out = (0..alerts.len()).map(|alert| left_out(name, alert, reason));
                previewed.left_out.extend(left_out);
                continue;
            };
            let (destination, filter) = (Arc::clone(destination), Arc::clone(&entry.filter));
            self.preview_one(&Aim { destination, filter }, alerts, &mut previewed).await;
        }
        Ok(previewed)
    }

    async fn preview_one(&self, aim: &Aim, alerts: &[Arc<Alert>], into: &mut Previewed) {
        let destination = &aim.destination;
        let mut wanted = Vec::new();
        for (at, alert) in alerts.iter().enumerate() {
            let decision = crate::route::decide(&aim.filter, destination.id, alert, Episode::Fresh);
            let (gets, reason) = (decision.is_yes(), decision.to_string());
            if gets {
                wanted.push((at, Arc::clone(alert)));
            } else {
                into.left_out.push(left_out(&destination.name, at, &reason));
            }
            into.decided.push(Decided {
                recipient: destination.name.clone(),
                alert: at,
                gets,
                reason,
            });
        }
        let formatted = self.format(destination, &wanted, &destination.context, &mut into.left_out);
        let drafts = formatted.await.unwrap_or_else(|fault| {
            let reason = format!("the component failed: {fault}");
            into.left_out
                .extend(wanted.iter().map(|(at, _)| left_out(&destination.name, *at, &reason)));
            Vec::new()
        });
        into.previews.push(Preview {
            recipient: destination.name.clone(),
            endpoint: destination.endpoint.name.clone(),
            kind: destination.endpoint.kind.name.clone(),
            drafts,
        });
    }

    /// The messages that `format` makes, their positions those in the caller's list.
    pub(super) async fn format(
        &self,
        destination: &Destination,
        wanted: &[(usize, Arc<Alert>)],
        context: &Context,
        left_out_of: &mut Vec<LeftOut>,
    ) -> Result<Vec<Draft>, Fault> {
        let mut drafts = Vec::new();
        let kind = &destination.endpoint.kind;
        for batch in wanted.chunks(self.batch_max) {
            let _slot = self.slots.acquire(destination.endpoint.tenant).await;
            let mut formatting = Formatting::open(&self.runtime, kind).await?;
            for group in batch.chunks(formatting.batch_max()) {
                let deliveries: Vec<_> =
                    group.iter().map(|(_, alert)| delivery(alert, destination)).collect();
                match destination.format(&mut formatting, &deliveries, context).await? {
                    Ok(made) => {
                        let place = |draft: Draft| Draft {
                            alerts: draft.alerts.iter().map(|at| group[*at].0).collect(),
                            ..draft
                        };
                        drafts.extend(made.drafts.into_iter().map(place));
                        for (at, detail) in made.skipped.into_iter().chain(made.rejected) {
                            left_out_of.push(left_out(&destination.name, group[at].0, &detail));
                        }
                    }
                    Err(fault) => {
                        let why = format!("the settings are wrong: {}", fault.detail);
                        let all =
                            group.iter().map(|(at, _)| left_out(&destination.name, *at, &why));
                        left_out_of.extend(all);
                    }
                }
            }
        }
        Ok(drafts)
    }
}

/// The context of a test, which the component may say in its message.
pub(super) fn of_a_test(context: &Context) -> Context {
    Context { purpose: Purpose::Test, ..context.clone() }
}

fn may_ban(alert: &Arc<Alert>) -> Arc<Alert> {
    let mut alert = Arc::clone(alert);
    if !alert.may_ban {
        Arc::make_mut(&mut alert).may_ban = true;
    }
    alert
}

pub(super) fn delivery(alert: &Arc<Alert>, destination: &Destination) -> Delivery {
    Delivery {
        id: DeliveryId { alert: alert.id, recipient: destination.id },
        alert: Arc::clone(alert),
        attempts: 0,
        forgiven: 0,
        first_ms: None,
        previous: None,
    }
}

fn left_out(recipient: &str, alert: usize, reason: &str) -> LeftOut {
    LeftOut { recipient: recipient.to_owned(), alert, reason: reason.to_owned() }
}
