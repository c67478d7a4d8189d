//! One request to the engine: what is asked, and how long the answer may take.

use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use hyper::header::{self, HeaderName};
use serde::Serialize;
use url::form_urlencoded;

/// Enough for whatever the engine answers out of its store.
const WITHIN: Duration = Duration::from_secs(30);
/// Enough for a component that probes a service, formats and delivers, each with the longest time
/// that `limits.call_wall_ms` gives it.
const WITHIN_SLOW: Duration = Duration::from_secs(440);

#[derive(Debug)]
pub(in crate::cli) struct Ask {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) body: Bytes,
    pub(super) within: Duration,
}

impl Ask {
    pub(in crate::cli) fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    pub(in crate::cli) fn delete(path: &str) -> Self {
        Self::new(Method::DELETE, path)
    }

    pub(in crate::cli) fn post(path: &str, body: &impl Serialize) -> Self {
        Self::new(Method::POST, path).carrying(json(body))
    }

    pub(in crate::cli) fn put(path: &str, body: &impl Serialize) -> Self {
        Self::new(Method::PUT, path).carrying(json(body))
    }

    /// A batch of alerts, known by `key` if it comes twice.
    pub(in crate::cli) fn batch(path: &str, key: &str, body: Bytes) -> Self {
        Self::new(Method::POST, path)
            .carrying(body)
            .with(HeaderName::from_static("idempotency-key"), key)
    }

    pub(in crate::cli) fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Waits as long as components may take.
    pub(in crate::cli) fn patiently(mut self) -> Self {
        self.within = WITHIN_SLOW;
        self
    }

    fn new(method: Method, path: &str) -> Self {
        let (path, headers, body) = (path.to_owned(), Vec::new(), Bytes::new());
        Self { method, path, headers, body, within: WITHIN }
    }

    fn carrying(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.with(header::CONTENT_TYPE, "application/json")
    }
}

fn json(body: &impl Serialize) -> Bytes {
    // What is asked is made of texts, numbers and JSON that was read: all of it is JSON.
    serde_json::to_vec(body).unwrap_or_default().into()
}

/// The path with those parameters that have a value.
pub(in crate::cli) fn with_query(path: &str, parameters: &[(&str, Option<String>)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// Text as one part of a path: the name of a kind can have a slash.
pub(in crate::cli) fn segment(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes())
        // A form writes a space as `+`, which in a path is a plus.
        .map(|part| if part == "+" { "%20" } else { part })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_keeps_its_meaning_in_a_path() {
        let table = [
            ("slack", "slack"),
            ("acme/opsgenie", "acme%2Fopsgenie"),
            ("a b+c", "a%20b%2Bc"),
            ("?&#%", "%3F%26%23%25"),
            ("é", "%C3%A9"),
        ];
        for (text, expected) in table {
            assert_eq!(segment(text), expected, "{text:?}");
        }
        let some = |text: &str| Some(text.to_owned());
        let table = [
            (vec![], "/v1/x"),
            (vec![("a", None)], "/v1/x"),
            (
                vec![("a", some("1")), ("b", None), ("c", some("x&y=z w"))],
                "/v1/x?a=1&c=x%26y%3Dz+w",
            ),
        ];
        for (parameters, expected) in table {
            assert_eq!(with_query("/v1/x", &parameters), expected, "{parameters:?}");
        }
    }
}
