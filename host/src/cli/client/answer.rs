//! What the engine said, and a failure where it is not good.

use hyper::StatusCode;
use hyper::header::{self, HeaderMap};
use serde_json::Value;

use crate::cli::output::plain;
use crate::cli::{Exit, Failure};

#[derive(Debug)]
pub(in crate::cli) struct Answer {
    pub(in crate::cli) status: StatusCode,
    pub(in crate::cli) headers: HeaderMap,
    /// `null` where there is none, or none that is JSON.
    pub(in crate::cli) body: Value,
}

impl Answer {
    /// The body of an answer that is good, `null` where it has none by right; else why it is not.
    pub(in crate::cli) fn good(self) -> Result<Value, Failure> {
        let is_whole = self.status == StatusCode::NO_CONTENT || !self.body.is_null();
        if self.status.is_success() && is_whole {
            return Ok(self.body);
        }
        let exit = if self.status.is_client_error() { Exit::Refused } else { Exit::Failed };
        let detail = self.body["detail"]
            .as_str()
            .unwrap_or("it is not campanile that answers there, or another version; check --url");
        let mut text = format!("the server answered {}: {}", self.status, plain(detail));
        for one in self.body["errors"].as_array().into_iter().flatten() {
            text.push_str("\n  ");
            text.push_str(&plain(&place(one)));
        }
        Err(Failure::says(exit, text))
    }

    /// Which version of the object this is, for `If-Match`.
    pub(in crate::cli) fn version(&self) -> Option<&str> {
        self.headers.get(header::ETAG)?.to_str().ok()
    }
}

/// One line about one thing that is wrong with the input.
pub(in crate::cli) fn place(error: &Value) -> String {
    if let Some(place) = error["place"].as_str() {
        let expected = error["expected"].as_str().unwrap_or("expected something else");
        return if place.is_empty() { expected.to_owned() } else { format!("{place}: {expected}") };
    }
    let at = |key: &str, name: &str| error[key].as_u64().map(|at| format!("{name} {at}"));
    let place = [at("position", "alert"), at("line", "line"), at("column", "column")];
    let mut place: Vec<String> = place.into_iter().flatten().collect();
    place.extend(
        error["field"].as_str().filter(|it| !it.is_empty()).map(|field| format!("`{field}`")),
    );
    let expected = error["expected"].as_str().unwrap_or("something else");
    let found = error["found"].as_str().map(|found| format!(", found {found}"));
    format!("{}: expected {expected}{}", place.join(", "), found.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_is_told_with_every_place() {
        let table = [
            (
                json!({"place": "recipient.a.filter.matchers[2]", "expected": "expected a matcher"}),
                "recipient.a.filter.matchers[2]: expected a matcher",
            ),
            (json!({"place": "", "expected": "expected a table"}), "expected a table"),
            (
                json!({"position": 3, "field": "title", "expected": "a text", "found": "7"}),
                "alert 3, `title`: expected a text, found 7",
            ),
            (
                json!({"line": 2, "column": 5, "expected": "JSON"}),
                "line 2, column 5: expected JSON",
            ),
        ];
        for (error, expected) in &table {
            assert_eq!(place(error), *expected, "{error}");
        }
        let errors: Vec<_> = table.iter().map(|row| &row.0).collect();
        let body = json!({"code": "bad-setup", "detail": "the setup is wrong", "errors": errors});
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let failure = Answer { status, headers: HeaderMap::new(), body }.good().unwrap_err();
        assert_eq!(failure.exit, Exit::Refused);
        let told = failure.to_string();
        assert!(
            told.contains("422") && told.contains("the setup is wrong\n  recipient.a"),
            "{told}"
        );
        assert_eq!(told.lines().count(), 1 + table.len(), "{told}");
    }

    #[test]
    fn an_answer_without_a_body_is_good_only_where_it_says_so() {
        let table = [(204, None), (200, Some(Exit::Failed)), (404, Some(Exit::Refused))];
        for (status, expected) in table {
            let status = StatusCode::from_u16(status).unwrap();
            let answer = Answer { status, headers: HeaderMap::new(), body: Value::Null };
            assert_eq!(answer.good().err().map(|failure| failure.exit), expected, "{status}");
        }
    }
}
