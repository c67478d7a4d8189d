//! What an endpoint may reach, rule by rule: `/v1/egress/explain`, `/v1/endpoints/{name}/grant`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use hyper::Method;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::asked::{self, Asker};
use super::problem::Problem;
use crate::config;
use crate::trial::{Endpoint, Line, Standing};

/// Longest URL or target that is looked at.
const TO_BYTES_MAX: usize = 8 << 10;

/// What to explain.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExplainAsked {
    /// Name of the endpoint.
    endpoint: String,
    /// A URL, or a target such as `tls://logs.example:6514`.
    #[schema(max_length = 8192)]
    to: String,
    /// Of a request to a URL. Default `POST`.
    #[serde(default)]
    #[schema(required = false, pattern = "^[A-Za-z]{1,16}$")]
    method: Option<String>,
}

/// What would become of it. Names are resolved for this; nothing is connected to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Explained {
    endpoint: String,
    to: String,
    /// It would go out.
    allowed: bool,
    /// In the order in which a connection would meet them.
    lines: Vec<Line>,
}

/// Whether something would go out through an endpoint, rule by rule.
#[utoipa::path(post, path = "/v1/egress/explain", tag = "trials", request_body = ExplainAsked, responses(
    (status = 200, body = Explained),
))]
pub(super) async fn explain(
    State(api): State<Api>,
    asker: Asker,
    request: Request,
) -> Result<Json<Explained>, Problem> {
    let (_, value) = asked::json(request).await?;
    let asked: ExplainAsked = serde_json::from_value(value).map_err(|_| {
        Problem::bad_request(
            "expected an object with `endpoint`, a name, `to`, a URL or a target, and perhaps \
             `method`",
        )
        .unprocessable()
    })?;
    let wrong = |place: &str, expected: &str| {
        let problem = config::Problem { place: place.to_owned(), expected: expected.to_owned() };
        Problem::bad_setup(vec![problem])
    };
    if asked.to.len() > TO_BYTES_MAX {
        return Err(wrong("to", "expected at most 8192 bytes"));
    }
    let method = asked.method.as_deref().unwrap_or("POST").to_ascii_uppercase();
    let method = method.parse::<Method>();
    let method = method.map_err(|_| wrong("method", "expected a method such as `POST`"))?;
    let endpoint = usable(&api, &asker, &asked.endpoint)?;
    let connector = &api.engine.trial.gate.connector;
    let lines = connector.explain(&asked.to, &method, &endpoint.grant).await;
    let allowed = is_allowed(&lines);
    Ok(Json(Explained { endpoint: asked.endpoint, to: asked.to, allowed, lines }))
}

/// Each rule must have passed, but of several addresses one is enough.
fn is_allowed(lines: &[Line]) -> bool {
    const ANY: &str = "address";
    let is_refused = |line: &&Line| line.standing == Standing::Refused;
    let mut addresses = lines.iter().filter(|line| line.rule == ANY).peekable();
    let is_reached =
        addresses.peek().is_none() || addresses.any(|line| line.standing == Standing::Passed);
    is_reached && !lines.iter().filter(|line| line.rule != ANY).any(|line| is_refused(&line))
}

/// What an endpoint may reach.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GrantView {
    /// What its kind asks for, its settings name, and the operator allows.
    rules: Vec<Line>,
}

/// What an endpoint may reach, and by which way, rule by rule; nothing is resolved.
#[utoipa::path(get, path = "/v1/endpoints/{name}/grant", tag = "setup",
    params(("name" = String, Path, description = "Its name")), responses(
    (status = 200, body = GrantView),
    (status = 422, body = super::problem::Details, content_type = "application/problem+json", description = "`bad-setup`: it is unusable"),
))]
pub(super) async fn grant(
    State(api): State<Api>,
    asker: Asker,
    Path(name): Path<String>,
) -> Result<Json<GrantView>, Problem> {
    Ok(Json(GrantView { rules: usable(&api, &asker, &name)?.rules() }))
}

fn usable(api: &Api, asker: &Asker, name: &str) -> Result<Arc<Endpoint>, Problem> {
    let live = api.engine.roster.live();
    let entry = live.endpoint(asker.tenant, name);
    let entry = entry.ok_or_else(|| asked::not_found("endpoint", name))?;
    entry.built.clone().map_err(Problem::unusable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_enough_and_every_other_rule_must_pass() {
        use Standing::{Note, Passed, Refused};
        let table: [(&[(&str, Standing)], bool); 6] = [
            (&[("grant", Passed), ("address", Passed), ("proxy", Note)], true),
            (&[("grant", Passed), ("address", Refused), ("address", Passed)], true),
            (&[("grant", Passed), ("address", Refused)], false),
            (&[("origin", Refused), ("address", Passed)], false),
            (&[("grant", Passed), ("socket", Passed)], true),
            (&[("normal form", Refused)], false),
        ];
        for (lines, expected) in table {
            let lines: Vec<_> = lines
                .iter()
                .map(|(rule, standing)| Line {
                    rule: (*rule).to_owned(),
                    standing: *standing,
                    text: String::new(),
                })
                .collect();
            assert_eq!(is_allowed(&lines), expected, "{lines:?}");
        }
    }
}
