//! `/v1/apply` and `/v1/export`: everything that is set up, as files say it.

#![expect(unused_qualifications, reason = "the macro that describes a route writes them")]

use axum::Json;
use axum::extract::{Query, Request, State, rejection::QueryRejection};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::asked::{self, Asker};
use super::problem::{Details, Problem};
use crate::config;
use crate::roster::{ApplyOptions, Change};
use crate::setup::{self, Setup, name_problem};

/// What files say, and how it is to be made so.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Apply {
    /// Names these files together: `prune` removes only what the same set made.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    set: String,
    /// Only tell what would change.
    #[serde(default)]
    dry_run: bool,
    /// Remove what an earlier apply of the same set made, and this one does not say.
    #[serde(default)]
    prune: bool,
    #[schema(value_type = Setup)]
    setup: serde_json::Value,
}

/// What changed, or would change.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Applied {
    /// False: it was a dry run.
    applied: bool,
    changes: Vec<Change>,
    /// Named, and as wanted already.
    unchanged: usize,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportFilter {
    /// Only what this set made.
    set: Option<String>,
}

/// Makes everything as files say: all of it, or nothing.
#[utoipa::path(post, path = "/v1/apply", tag = "setup", request_body = Apply, responses(
    (status = 200, body = Applied),
    (status = 409, body = Details, content_type = "application/problem+json",
        description = "`other-set`, `in-use`, `kind-fixed`"),
))]
pub(super) async fn apply(
    State(api): State<Api>,
    asker: Asker,
    request: Request,
) -> Result<Json<Applied>, Problem> {
    let (_, value) = asked::json(request).await?;
    let apply: Apply = serde_json::from_value(value).map_err(|_| {
        Problem::bad_request(
            "expected an object with `set` (a name), `setup` (an object) and, if wanted, `dry_run` \
             and `prune`",
        )
    })?;
    let mut problems = Vec::new();
    if let Some(expected) = name_problem(&apply.set) {
        problems.push(config::Problem { place: "set".into(), expected: expected.into() });
    }
    let setup: Setup = setup::setup(apply.setup, &mut problems);
    if !problems.is_empty() {
        return Err(Problem::bad_setup(problems));
    }
    let options = ApplyOptions { dry_run: apply.dry_run, prune: apply.prune };
    let roster = &api.engine.roster;
    let changed = roster.apply(asker.tenant, apply.set, setup, options, asker.who).await?;
    Ok(Json(Applied {
        applied: !apply.dry_run,
        changes: changed.changes,
        unchanged: changed.unchanged,
    }))
}

/// Everything that is set up, or what one set made of it, as `apply` takes it.
#[utoipa::path(get, path = "/v1/export", tag = "setup", params(ExportFilter), responses(
    (status = 200, body = Setup),
))]
pub(super) async fn export(
    State(api): State<Api>,
    asker: Asker,
    filter: Result<Query<ExportFilter>, QueryRejection>,
) -> Result<Json<Setup>, Problem> {
    let Query(filter) =
        filter.map_err(|_| Problem::bad_request("expected no parameter but `set`"))?;
    Ok(Json(api.engine.roster.live().setup(asker.tenant, filter.set.as_deref())))
}
