//! Bans that Fail2Ban was asked for: `/v1/bans`.
//!
//! Not here: which bans may be made or lifted; the helper knows that (`privileged/fail2ban`).

#![expect(unused_qualifications, reason = "the macro that describes a route writes them")]

use std::time::Duration;

use axum::Json;
use axum::extract::{Query, Request, State, rejection::QueryRejection};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::asked::{self, Asker};
use super::problem::{Details, Problem};
use crate::audit::Entry;
use crate::ids::TenantId;
use crate::printable::printable;
use crate::privileged::fail2ban::protocol::{Answer, Ask, BanRecord};
use crate::privileged::link::LinkError;

/// Longest wait for a list.
const LIST: Duration = Duration::from_secs(20);
/// Longest wait until up to a thousand bans are lifted, one after the other.
const UNDO: Duration = Duration::from_secs(400);
/// The end of the year 9999.
const INSTANT_MS_MAX: u64 = 253_402_300_799_999;
/// Before the helper's own answer can be had again.
const AGAIN: Duration = Duration::from_secs(5);

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct BanFilter {
    /// Only those since then. Default 0.
    #[param(minimum = 0, maximum = 253402300799999_i64)]
    since_ms: Option<u64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Bans {
    bans: Vec<BanRecord>,
    /// There are older ones that are not told.
    more: bool,
}

/// Bans that this engine made and nobody lifted through it, newest first, at most 1,000. Whether they
/// still stand is Fail2Ban's business.
#[utoipa::path(get, path = "/v1/bans", tag = "history", params(BanFilter), responses(
    (status = 200, body = Bans),
    (status = 409, body = Details, content_type = "application/problem+json", description = "`helper-down`"),
))]
pub(super) async fn list(
    State(api): State<Api>,
    asker: Asker,
    filter: Result<Query<BanFilter>, QueryRejection>,
) -> Result<Json<Bans>, Problem> {
    let Query(filter) =
        filter.map_err(|_| Problem::bad_request("expected no parameter but `since_ms`"))?;
    is_operator(&asker)?;
    let since_ms = instant(filter.since_ms.unwrap_or(0))?;
    let ask = Ask::List { since_ms };
    match ask_helper(&api, &ask, LIST).await? {
        Answer::Bans { bans, more } => Ok(Json(Bans { bans, more })),
        other => Err(problem(other)),
    }
}

/// Which bans are lifted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UndoAsked {
    /// Those since then.
    #[schema(minimum = 0, maximum = 253402300799999_i64)]
    since_ms: u64,
    /// Those in this jail. Default: in any.
    #[serde(default)]
    #[schema(required = false, pattern = "^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$")]
    jail: Option<String>,
}

/// What was lifted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Undone {
    lifted: Vec<BanRecord>,
    /// How many were gone already.
    gone: u64,
    failed: Vec<NotUndone>,
    /// There are more; ask again.
    more: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NotUndone {
    ban: BanRecord,
    /// Why it still stands.
    detail: String,
}

/// Lifts bans that this engine made, and no others, at most 1,000 at a time.
#[utoipa::path(post, path = "/v1/bans/undo", tag = "history", request_body = UndoAsked, responses(
    (status = 200, body = Undone),
    (status = 409, body = Details, content_type = "application/problem+json", description = "`helper-down`"),
))]
pub(super) async fn undo(
    State(api): State<Api>,
    asker: Asker,
    request: Request,
) -> Result<Json<Undone>, Problem> {
    let (_, value) = asked::json(request).await?;
    let UndoAsked { since_ms, jail } = serde_json::from_value(value).map_err(|_| {
        Problem::bad_request(
            "expected an object with `since_ms`, milliseconds since 1970, and perhaps `jail`, a name",
        )
    })?;
    let since_ms = instant(since_ms).map_err(Problem::unprocessable)?;
    is_operator(&asker)?;
    let entry = |action, detail| Entry {
        at_ms: api.clock.now_ms(),
        tenant: asker.tenant,
        who: asker.who.clone(),
        action,
        object: "bans".to_owned(),
        detail,
    };
    let shown = jail.as_deref().map(|jail| printable(jail, 64));
    // Noted before it is done, so that nothing is done unseen.
    let detail = json!({ "since_ms": since_ms, "jail": shown });
    api.engine.records.note(entry("undo-bans", detail)).await?;
    let answer = ask_helper(&api, &Ask::Undo { since_ms, jail }, UNDO).await?;
    let Answer::Undone { lifted, gone, failed, more } = answer else { return Err(problem(answer)) };
    let detail = json!({ "lifted": lifted.len(), "gone": gone, "failed": failed.len() });
    api.engine.records.note(entry("bans-undone", detail)).await?;
    let failed = failed.into_iter().map(|(ban, detail)| NotUndone { ban, detail }).collect();
    Ok(Json(Undone { lifted, gone, failed, more }))
}

fn instant(since_ms: u64) -> Result<u64, Problem> {
    if since_ms <= INSTANT_MS_MAX {
        return Ok(since_ms);
    }
    Err(Problem::bad_request("`since_ms`: expected milliseconds since 1970, before the year 10000"))
}

fn is_operator(asker: &Asker) -> Result<(), Problem> {
    if asker.tenant == TenantId::DEFAULT {
        return Ok(());
    }
    let detail = "bans are the operator's; send a token of the tenant `default`";
    Err(Problem::forbidden("wrong-role", detail))
}

async fn ask_helper(api: &Api, ask: &Ask, within: Duration) -> Result<Answer, Problem> {
    api.engine.fail2ban.ask(ask, within).await.map_err(|error| match error {
        LinkError::Down => {
            let detail = format!(
                "bans are made by a helper, and {error}; or `[fail2ban]` in privileged.toml is off"
            );
            Problem::new(StatusCode::CONFLICT, "helper-down", detail)
        }
        error => {
            Problem::busy("helper-failed", AGAIN, &format!("of the helper that bans: {error}"))
        }
    })
}

fn problem(answer: Answer) -> Problem {
    match answer {
        Answer::Refused { detail, .. } => Problem::bad_request(detail).unprocessable(),
        Answer::Failed { detail, .. } => Problem::busy("helper-failed", AGAIN, &detail),
        _ => Problem::busy("helper-failed", AGAIN, "the helper answered what was not asked"),
    }
}
