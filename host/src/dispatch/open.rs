//! A store that messages of one recipient are delivered in, with all that the recipient is given.

use std::time::Duration;

use tokio::time::Instant;

use super::{Destination, Dispatch};
use crate::capability::secrets::oauth2::{Token, TokenError};
use crate::runtime::bindings::kind;
use crate::runtime::{Delivering, Told};

/// Longest wait for an access token.
pub(crate) const TOKEN_MAX: Duration = Duration::from_secs(30);

pub(super) struct Open<'a> {
    pub(super) delivering: Delivering,
    /// With the store's placeholders.
    pub(super) settings: String,
    destination: &'a Destination,
    tokens: Vec<Token>,
}

impl<'a> Open<'a> {
    /// `Err`: what is to be recorded instead.
    pub(super) async fn new(
        dispatch: &Dispatch,
        destination: &'a Destination,
    ) -> Result<Self, Told> {
        let until = Instant::now() + TOKEN_MAX;
        let tokens = match destination.tokens(&dispatch.tokens, until).await {
            Ok(tokens) => tokens,
            Err(error) => return Err(Told::unmade(Ok(without_token(&error)))),
        };
        let doors = destination.doors(&dispatch.gate, &tokens);
        let settings = destination.settings(&doors);
        match Delivering::open(&dispatch.runtime, &destination.endpoint.kind, doors).await {
            Ok(delivering) => Ok(Self { delivering, settings, destination, tokens }),
            Err(fault) => Err(Told::unmade(Err(fault))),
        }
    }

    /// Whether to try at once with other tokens: the service does not know who we are, so nothing
    /// was delivered, and one that was kept for a while may be the reason.
    pub(super) fn wants_other_tokens(&self, told: &Told, dispatch: &Dispatch) -> bool {
        // A protocol of its own has no status: what the component says of it counts there.
        let is_denied = match told.seen.status {
            Some(status) => status == 401,
            None => told.seen.origin.is_some(),
        };
        let is_denied = is_denied && !told.seen.unanswered;
        let is_misconfigured = |verdict: &kind::Verdict| {
            matches!(verdict, kind::Verdict::Failed(kind::Failure::Misconfigured(_)))
        };
        let is_final = told
            .outcome
            .as_ref()
            .is_ok_and(|outcome| outcome.verdicts.iter().all(is_misconfigured));
        is_denied && is_final && self.destination.refused(&dispatch.tokens, &self.tokens)
    }
}

/// What a component would say that got no token.
pub(crate) fn without_token(error: &TokenError) -> kind::Outcome {
    let (scope, code, detail) = (kind::Scope::Endpoint, error.code().to_owned(), error.to_string());
    let failure = if error.needs_a_person() {
        kind::Failure::Misconfigured(kind::Fault { scope, code, detail })
    } else {
        let after = error.after().map(|after| u32::try_from(after.as_millis()).unwrap_or(u32::MAX));
        kind::Failure::Unavailable(kind::Delay { after_ms: after, scope, code, detail })
    };
    kind::Outcome {
        verdicts: vec![kind::Verdict::Failed(failure)],
        carry: None,
        budgets: Vec::new(),
        corrections: Vec::new(),
        extra: Vec::new(),
    }
}
