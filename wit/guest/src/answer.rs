//! What the engine's HTTP client hands back: answers, and the ways to get none.

use std::borrow::Cow;

use crate::http::{Busy, Problem};
use crate::{
    Delay, Ending, Failure, Fault, HttpError, Outcome, Reason, Response, Scope, cut, retry_after,
};

/// The most of an answer's body that goes into a detail, in bytes.
const EXCERPT_BYTES_MAX: usize = 256;

const CODE_BYTES_MAX: usize = 64;

impl Response {
    /// The first header of this name; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }

    /// The body as text, with U+FFFD for what is not UTF-8.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// For people: the status and the beginning of the body.
    pub fn excerpt(&self) -> String {
        let text = self.text();
        let text = cut::bytes(text.trim(), EXCERPT_BYTES_MAX);
        let blank = if text.is_empty() { "" } else { ": " };
        format!("answered {}{blank}{text}", self.status)
    }

    /// What a failure is coded with: the `word` that the service has for it, if it is one of letters
    /// and digits, else the status.
    pub fn code(&self, word: Option<&str>) -> String {
        let is_word = |word: &&str| {
            (1..=CODE_BYTES_MAX).contains(&word.len())
                && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        word.filter(is_word).map_or_else(|| self.status.to_string(), str::to_owned)
    }

    /// The body is all that the service sent.
    pub fn is_complete(&self) -> bool {
        self.ending == Ending::Complete
    }

    /// The wait asked for by `Retry-After`, in milliseconds. `now_ms` is the time of the attempt,
    /// in milliseconds since the Unix epoch.
    pub fn retry_after_ms(&self, now_ms: u64) -> Option<u32> {
        retry_after::wait_ms(self.header("retry-after")?, now_ms)
    }
}

/// What to conclude where there is no answer to judge.
impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        let later = |scope, problem: Problem| {
            let Problem { code, detail } = problem;
            Self::Unavailable(Delay { after_ms: None, scope, code, detail })
        };
        match error {
            HttpError::Denied(Problem { code, detail })
            | HttpError::Untrusted(Problem { code, detail }) => {
                Self::Misconfigured(Fault { scope: Scope::Endpoint, code, detail })
            }
            HttpError::Busy(Busy { retry_after_ms, detail }) => Self::Unavailable(Delay {
                after_ms: retry_after_ms,
                scope: Scope::Recipient,
                code: "busy".into(),
                detail,
            }),
            HttpError::Unreachable(problem) => later(Scope::Endpoint, problem),
            HttpError::NoAnswer(Problem { code, detail }) => {
                Self::Uncertain(Reason { code, detail })
            }
            HttpError::Other(problem) => later(Scope::Recipient, problem),
        }
    }
}

impl From<HttpError> for Outcome {
    fn from(error: HttpError) -> Self {
        Failure::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_client_says_whether_anything_was_sent_and_who_must_act() {
        let problem = || Problem { code: "code".into(), detail: "why".into() };
        let reason = || Reason { code: "code".into(), detail: "why".into() };
        let fault = || Fault::new(Scope::Endpoint, "code", "why");
        let delay = |after_ms, scope, code: &str| Delay {
            after_ms,
            scope,
            code: code.into(),
            detail: "why".into(),
        };
        let busy = Busy { retry_after_ms: Some(7), detail: "why".into() };
        let table = [
            (HttpError::Denied(problem()), Failure::Misconfigured(fault())),
            (HttpError::Untrusted(problem()), Failure::Misconfigured(fault())),
            (HttpError::Busy(busy), Failure::Unavailable(delay(Some(7), Scope::Recipient, "busy"))),
            (
                HttpError::Unreachable(problem()),
                Failure::Unavailable(delay(None, Scope::Endpoint, "code")),
            ),
            (HttpError::NoAnswer(problem()), Failure::Uncertain(reason())),
            (
                HttpError::Other(problem()),
                Failure::Unavailable(delay(None, Scope::Recipient, "code")),
            ),
        ];
        for (error, expected) in table {
            let shown = format!("{error:?}");
            assert_eq!(Failure::from(error), expected, "{shown}");
        }
    }

    #[test]
    fn an_answer_is_read_by_its_first_header_quoted_by_its_beginning_and_coded_by_its_word() {
        let answer = |headers: &[(&str, &str)], body: &[u8]| Response {
            status: 503,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
            body: body.into(),
            ending: Ending::Cut,
        };
        let long =
            answer(&[("retry-after", "3"), ("retry-after", "9")], "\u{e9}".repeat(500).as_bytes());
        assert_eq!(long.retry_after_ms(0), Some(3000));
        assert_eq!(long.excerpt(), format!("answered 503: {}", "\u{e9}".repeat(128)));
        assert!(!long.is_complete());

        let odd = answer(&[("x-retry-after", "3")], b" no\xff \n");
        assert_eq!(odd.retry_after_ms(0), None);
        assert_eq!(odd.excerpt(), "answered 503: no\u{fffd}");
        assert_eq!(answer(&[], b"").excerpt(), "answered 503");

        let long = "x".repeat(65);
        let table = [
            (Some("InvalidInput2"), "InvalidInput2"),
            (Some(&long[1..]), &long[1..]),
            (Some(&long), "503"),
            (Some("no blanks"), "503"),
            (Some(""), "503"),
            (None, "503"),
        ];
        for (word, expected) in table {
            assert_eq!(odd.code(word), expected, "{word:?}");
        }
    }
}
