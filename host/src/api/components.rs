//! `/v1/components`: what is installed, what it may do, and who approved it.

use axum::Json;
use axum::extract::{Path, Request, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::asked::{self, Asker};
use super::problem::{Details, Problem};
use crate::config;
use crate::roster::{ApprovalError, Installed};
use crate::runtime::ComponentHash;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Components {
    components: Vec<Installed>,
}

/// What was looked at, and is to be approved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApprovalAsked {
    /// `hash` of the component as it was shown.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    hash: String,
}

/// The components that are installed, those that cannot be used as well.
#[utoipa::path(get, path = "/v1/components", tag = "kinds", responses(
    (status = 200, body = Components),
))]
pub(super) async fn list(State(api): State<Api>) -> Json<Components> {
    Json(Components { components: api.engine.roster.kinds().components() })
}

/// What a look into the folder of components found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScannedComponents {
    /// Names of those that are new, other than they were, or gone.
    changed: Vec<String>,
    components: Vec<Installed>,
}

/// Looks through the folder of components for what was put there or taken out.
#[utoipa::path(post, path = "/v1/components/scan", tag = "kinds", responses(
    (status = 200, body = ScannedComponents),
    (status = 409, body = Details, content_type = "application/problem+json", description = "`components-unreadable`"),
))]
pub(super) async fn scan(
    State(api): State<Api>,
    asker: Asker,
) -> Result<Json<ScannedComponents>, Problem> {
    let (roster, runtime) = (&api.engine.roster, &api.engine.trial.runtime);
    let changed = roster.scan(runtime, asker.tenant, asker.who).await?;
    roster.kinds().catalog().kinds().iter().for_each(|kind| api.metrics.know(&kind.name));
    Ok(Json(ScannedComponents { changed, components: roster.kinds().components() }))
}

/// One component. In a name with a namespace the slash is written `%2F`.
#[utoipa::path(get, path = "/v1/components/{name}", tag = "kinds",
    params(("name" = String, Path, description = "Its name")), responses(
    (status = 200, body = Installed),
))]
pub(super) async fn show(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<Installed>, Problem> {
    find(&api, &name)
}

/// Lets a component be used: exactly the one that was shown, which `hash` says.
#[utoipa::path(post, path = "/v1/components/{name}/approve", tag = "kinds",
    params(("name" = String, Path, description = "Its name")), request_body = ApprovalAsked,
    responses(
    (status = 200, body = Installed),
    (status = 409, body = Details, content_type = "application/problem+json", description = "`component-changed`, `component-broken`"),
))]
pub(super) async fn approve(
    State(api): State<Api>,
    asker: Asker,
    Path(name): Path<String>,
    request: Request,
) -> Result<Json<Installed>, Problem> {
    let (_, value) = asked::json(request).await?;
    let asked: Option<ApprovalAsked> = serde_json::from_value(value).ok();
    let hash = asked.and_then(|asked| ComponentHash::parse(&asked.hash)).ok_or_else(|| {
        let expected = "expected an object with the `hash` of the component as it was shown";
        let problem = config::Problem { place: "hash".to_owned(), expected: expected.to_owned() };
        Problem::bad_setup(vec![problem])
    })?;
    api.engine.roster.approve(asker.tenant, &name, hash, asker.who).await?;
    find(&api, &name)
}

/// Takes back what was approved: nothing new is begun with the component.
#[utoipa::path(post, path = "/v1/components/{name}/revoke", tag = "kinds",
    params(("name" = String, Path, description = "Its name")), responses(
    (status = 200, body = Installed),
    (status = 409, body = Details, content_type = "application/problem+json", description = "`built-in`, `component-broken`"),
))]
pub(super) async fn revoke(
    State(api): State<Api>,
    asker: Asker,
    Path(name): Path<String>,
) -> Result<Json<Installed>, Problem> {
    api.engine.roster.revoke(asker.tenant, &name, asker.who).await?;
    find(&api, &name)
}

fn find(api: &Api, name: &str) -> Result<Json<Installed>, Problem> {
    let found = api.engine.roster.kinds().component(name);
    Ok(Json(found.map_err(|error| match error {
        ApprovalError::Off { .. } => error.into(),
        _ => asked::not_found("component", name),
    })?))
}
