//! Reads a request's body whole, within a bound of bytes and of time.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Body as _;
use hyper::header::{self, HeaderMap};

use super::problem::Problem;

/// How long a sender may take to hand over a body.
const BODY_WITHIN: Duration = Duration::from_secs(30);

/// The whole body. Of one that is too large no more is read than shows that it is.
pub(super) async fn read(mut body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(Problem::too_large(bytes_max));
    }
    let read = async {
        let mut first = Bytes::new();
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| {
                Problem::bad_request("the connection broke inside the body; send it again")
            })?;
            let Ok(data) = frame.into_data() else { continue };
            if first.len() + whole.len() + data.len() > bytes_max {
                return Err(Problem::too_large(bytes_max));
            }
            // Most bodies come in one piece, which then is not copied.
            if first.is_empty() && whole.is_empty() {
                first = data;
            } else {
                if whole.is_empty() {
                    whole.extend_from_slice(&std::mem::take(&mut first));
                }
                whole.extend_from_slice(&data);
            }
        }
        Ok(if whole.is_empty() { first } else { whole.freeze() })
    };
    tokio::time::timeout(BODY_WITHIN, read).await.unwrap_or_else(|_| {
        Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body-timeout",
            "the body did not come within 30 seconds; send it again",
        ))
    })
}

/// How a body with alerts is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Json,
    /// One JSON object per line.
    Ndjson,
}

/// Layout by `Content-Type`. Lenient where JSON is possible: ntopng and `curl --data` say what
/// they say by themselves.
pub(super) fn layout(headers: &HeaderMap) -> Result<Layout, Problem> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|it| it != "identity") {
        return Err(unsupported("send the body without `Content-Encoding`"));
    }
    let Some(given) = headers.get(header::CONTENT_TYPE) else { return Ok(Layout::Json) };
    let given = given.to_str().unwrap_or("?").split(';').next().unwrap_or_default();
    let given = given.trim().to_ascii_lowercase();
    match given.as_str() {
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-jsonlines" => Ok(Layout::Ndjson),
        ""
        | "application/json"
        | "text/json"
        | "text/plain"
        | "application/octet-stream"
        | "application/x-www-form-urlencoded" => Ok(Layout::Json),
        other if other.ends_with("+json") => Ok(Layout::Json),
        _ => {
            Err(unsupported("send `application/json`, or `application/x-ndjson` for one per line"))
        }
    }
}

fn unsupported(what: &str) -> Problem {
    let detail = format!("this body cannot be read; {what}");
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-type", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_follows_the_content_type() {
        let table = [
            (None, Some(Layout::Json)),
            (Some("application/json"), Some(Layout::Json)),
            (Some("Application/JSON; charset=utf-8"), Some(Layout::Json)),
            (Some("application/vnd.acme+json"), Some(Layout::Json)),
            (Some("application/x-www-form-urlencoded"), Some(Layout::Json)),
            (Some("application/x-ndjson"), Some(Layout::Ndjson)),
            (Some("application/x-ndjson;charset=utf-8"), Some(Layout::Ndjson)),
            (Some("text/html"), None),
            (Some("multipart/form-data; boundary=x"), None),
            (Some("image/png"), None),
        ];
        for (given, expected) in table {
            let mut headers = HeaderMap::new();
            if let Some(given) = given {
                headers.insert(header::CONTENT_TYPE, given.parse().unwrap());
            }
            assert_eq!(layout(&headers).ok(), expected, "{given:?}");
        }
    }

    #[test]
    fn compressed_bodies_are_refused() {
        let headers = HeaderMap::from_iter([(header::CONTENT_ENCODING, "gzip".parse().unwrap())]);
        assert!(layout(&headers).is_err());
    }
}
