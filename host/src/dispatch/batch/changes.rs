//! What the verdicts of a batch change for those after it: settings that wait for a person, and
//! settings that a service renamed.

use tracing::{error, warn};

use super::{Batch, COOL_MAX};
use crate::dispatch::Destination;
use crate::dispatch::record::{Misconfigured, PauseScope};
use crate::roster::{CORRECTIONS_MAX, What};

impl Batch<'_> {
    /// Pauses what is misconfigured until a person has mended it. Where that cannot be written, it
    /// is as with a service that fails.
    pub(super) async fn ask_for_a_person(&self, found: &Misconfigured) {
        let what = match found.scope {
            PauseScope::Recipient => What::Recipient,
            PauseScope::Endpoint => What::Endpoint,
        };
        let Misconfigured { code, detail, .. } = found;
        let Destination { id, name, endpoint, .. } = self.destination;
        let roster = &self.dispatch.roster;
        match roster.pause_by_verdict(self.destination, what, code, detail).await {
            Ok(()) => error!(
                recipient.name = name,
                endpoint.name = endpoint.name,
                scope = %what,
                code,
                "A setting is wrong, and nothing more is sent until it is mended; its queue is kept."
            ),
            Err(error) => {
                warn!(error = %error, recipient.name = name, "A pause could not be stored.");
                let wait_ms = u64::try_from(COOL_MAX.as_millis()).unwrap_or(u64::MAX);
                let until_ms = self.dispatch.clock.now_ms().saturating_add(wait_ms);
                self.dispatch.queue.hold(*id, until_ms);
                // Else the lane ends: it is paused, or its settings have changed meanwhile.
                self.health.go_on();
            }
        }
    }

    /// Notes settings that the service renamed. The last message knows best.
    pub(super) fn corrected(&mut self, corrections: &[(String, String)]) {
        if !corrections.is_empty() {
            self.corrections = corrections.iter().take(CORRECTIONS_MAX).cloned().collect();
        }
    }

    /// Stores the settings that the service renamed, for the attempts that follow.
    pub(super) async fn correct(&self) {
        let now_ms = self.dispatch.clock.now_ms();
        // What was told too soon is told again by a try that follows.
        if self.corrections.is_empty() || !self.dispatch.paces.correct(self.destination, now_ms) {
            return;
        }
        let corrected = self.dispatch.roster.correct(self.destination, &self.corrections).await;
        let name = &self.destination.name;
        match corrected {
            Ok(refused) if refused.is_empty() => {}
            Ok(refused) => warn!(
                recipient.name = name,
                settings = refused.join(", "),
                "A component corrects settings that its schema does not mark as correctable."
            ),
            Err(error) => {
                warn!(error = %error, recipient.name = name, "A correction was not made.")
            }
        }
    }
}
