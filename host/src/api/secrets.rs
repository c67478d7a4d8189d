//! Stored secrets, never their values: `/v1/secrets`.

#![expect(unused_qualifications, reason = "the macro that describes a route writes them")]

use axum::Json;
use axum::extract::{Query, State, rejection::QueryRejection};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::asked::{self, Asker};
use super::problem::{Details, Problem};
use crate::ids::TenantId;
use crate::records::SecretRecord;
use crate::vault::{RotateError, Vault};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SecretFilter {
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<u32>,
    /// `next` of the page before.
    #[param(pattern = "^c[0-9a-f]{1,16}$")]
    cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Secrets {
    secrets: Vec<SecretView>,
    /// `cursor` of the next page; null: this is the last.
    next: Option<String>,
}

/// What is known of a stored secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SecretView {
    /// `endpoint` or `recipient`.
    owner: &'static str,
    /// Of the endpoint or recipient.
    name: String,
    /// The setting: `password`, `headers.X-Key`.
    field: String,
    version: u64,
    /// Where it may go and by which way, in one form.
    bound_to: String,
    /// Id of the key that it is sealed with.
    key: String,
    changed_ms: u64,
    /// Why it cannot be read; null: it can.
    problem: Option<String>,
}

/// Stored secrets, newest first.
#[utoipa::path(get, path = "/v1/secrets", tag = "setup", params(SecretFilter), responses(
    (status = 200, body = Secrets),
))]
pub(super) async fn list(
    State(api): State<Api>,
    asker: Asker,
    filter: Result<Query<SecretFilter>, QueryRejection>,
) -> Result<Json<Secrets>, Problem> {
    let Query(filter) = filter
        .map_err(|_| Problem::bad_request("expected no parameters but `limit` and `cursor`"))?;
    let limit = asked::limit(filter.limit)?;
    let before = asked::cursor(filter.cursor.as_deref())?;
    let mut stored = api.engine.records.secrets(asker.tenant, before, limit + 1).await?;
    let has_more = stored.len() > limit as usize;
    stored.truncate(limit as usize);
    let next = stored.last().filter(|_| has_more).map(|one| one.seq);
    let secrets = stored.into_iter().map(|one| view(one, &api.engine.vault)).collect();
    Ok(Json(Secrets { secrets, next: asked::next(next) }))
}

fn view(stored: SecretRecord, vault: &Vault) -> SecretView {
    let problem = vault.open(&stored.sealed).err().map(|error| error.to_string());
    let about = stored.sealed.about;
    SecretView {
        owner: about.owner.sort(),
        name: stored.owner_name,
        field: about.field,
        version: about.version,
        bound_to: about.bound_to,
        key: stored.sealed.key_id.to_string(),
        changed_ms: stored.sealed.changed_ms,
        problem,
    }
}

/// What a rotation did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RotatedView {
    /// Id of the newest key, which all that could be read is sealed with now.
    key: String,
    /// How many secrets were sealed anew.
    sealed: usize,
    /// Those that could not be read, and why; they are as they were.
    unreadable: Vec<String>,
    /// Ids of older keys that nothing in the store needs any more.
    unused_keys: Vec<String>,
    /// The unused keys were taken out of the key file; otherwise they can be taken out by hand.
    removed: bool,
}

/// Seals all stored secrets anew with the newest key; where the key is a file of the engine's, with
/// one that is made for it.
#[utoipa::path(post, path = "/v1/secrets/rotate", tag = "setup", responses(
    (status = 200, body = RotatedView),
    (status = 409, body = Details, content_type = "application/problem+json", description = "`key-unusable`"),
))]
pub(super) async fn rotate(
    State(api): State<Api>,
    asker: Asker,
) -> Result<Json<RotatedView>, Problem> {
    if asker.tenant != TenantId::DEFAULT {
        let detail = "keys are the operator's; send a token of the tenant `default`";
        return Err(Problem::forbidden("wrong-role", detail));
    }
    let rotated = api.engine.vault.rotate(api.engine.records.store(), asker.tenant, asker.who);
    let rotated = rotated.await?;
    Ok(Json(RotatedView {
        key: rotated.key.to_string(),
        sealed: rotated.sealed,
        unreadable: rotated.unreadable.iter().map(ToString::to_string).collect(),
        unused_keys: rotated.unused.iter().map(ToString::to_string).collect(),
        removed: rotated.is_removed,
    }))
}

impl From<RotateError> for Problem {
    fn from(error: RotateError) -> Self {
        match error {
            RotateError::Store(error) => error.into(),
            RotateError::Vault(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "Keys were not rotated; everything stored can be read as before."
                );
                Self::new(StatusCode::CONFLICT, "key-unusable", error.to_string())
            }
        }
    }
}
