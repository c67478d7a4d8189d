//! What routes of endpoints and recipients have in common: names, versions, edits and pauses.

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{self, HeaderMap};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::asked::{self, Asker};
use super::problem::Problem;
use crate::config;
use crate::records::rows::PausedBy;
use crate::roster::{Action, Edit, Expect, What};
use crate::setup::name_problem;

/// Why a person pauses.
const BY_HAND: &str = "by-hand";

/// Why something is paused.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PauseAsked {
    /// For people.
    #[schema(max_length = 256)]
    detail: String,
}

/// Makes one edit; whether that made something new.
pub(super) async fn make(api: &Api, asker: &Asker, edit: Edit) -> Result<StatusCode, Problem> {
    let changed = api.engine.roster.edit(asker.tenant, vec![edit], asker.who.clone()).await?;
    let is_new = changed.changes.iter().any(|one| one.action == Action::Create);
    Ok(if is_new { StatusCode::CREATED } else { StatusCode::OK })
}

pub(super) async fn remove(
    api: &Api,
    asker: &Asker,
    what: What,
    name: String,
    headers: &HeaderMap,
) -> Result<StatusCode, Problem> {
    let expect = asked::expect(headers, Expect::Present)?;
    make(api, asker, Edit::Remove { what, name, expect }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Pauses for a person, with what it says for people; with `None` resumes.
pub(super) async fn stand(
    api: &Api,
    asker: &Asker,
    what: What,
    name: String,
    pause: Option<String>,
) -> Result<(), Problem> {
    let pause = pause.map(|detail| (PausedBy::Person, BY_HAND.to_owned(), detail));
    let edit = Edit::Pause { what, name, pause, expect: Expect::Present };
    make(api, asker, edit).await.map(drop)
}

/// Something with its version, and with its place if it was made.
pub(super) fn answer(
    status: StatusCode,
    path: &str,
    revision: u64,
    object: &impl Serialize,
) -> Response {
    let mut response = (status, Json(object)).into_response();
    response.headers_mut().insert(header::ETAG, asked::etag(revision));
    if status == StatusCode::CREATED
        && let Ok(place) = path.parse()
    {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

/// The name, out of the body; where the path has it, the body need not.
pub(super) fn take_name(
    value: &mut serde_json::Value,
    of_path: Option<String>,
) -> Result<String, Problem> {
    let at = |expected: &str| {
        let problem = config::Problem { place: "name".to_owned(), expected: expected.to_owned() };
        Problem::bad_setup(vec![problem])
    };
    let written = match value.as_object_mut().and_then(|fields| fields.remove("name")) {
        None => None,
        Some(serde_json::Value::String(name)) => Some(name),
        Some(_) => return Err(at("expected a text")),
    };
    let name = match (of_path, written) {
        (Some(path), Some(written)) if path != written => {
            return Err(at("expected the name that the path has; leave it out"));
        }
        (Some(name), _) | (None, Some(name)) => name,
        (None, None) => return Err(at("is missing, and needed")),
    };
    match name_problem(&name) {
        Some(expected) => Err(at(expected)),
        None => Ok(name),
    }
}

/// Why somebody pauses; an empty body says nothing about it.
pub(super) async fn pause_asked(request: Request) -> Result<String, Problem> {
    let is_empty = request.headers().get(header::CONTENT_LENGTH).is_none_or(|it| it == "0")
        && !request.headers().contains_key(header::TRANSFER_ENCODING);
    if is_empty {
        return Ok(String::new());
    }
    let (_, value) = asked::json(request).await?;
    if value.is_null() {
        return Ok(String::new());
    }
    let asked: PauseAsked = serde_json::from_value(value).map_err(|_| {
        Problem::bad_request("expected an object with `detail`, a text, or nothing")
    })?;
    if asked.detail.chars().count() > 256 {
        return Err(Problem::bad_request("`detail`: expected at most 256 characters"));
    }
    Ok(asked.detail)
}
