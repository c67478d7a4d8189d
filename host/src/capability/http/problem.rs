//! What a component is told of a request that came to nothing.

use super::super::egress::ConnectError;
use super::super::log::printable;
use super::super::secrets::Misuse;
use super::contract;

const DETAIL_BYTES_MAX: usize = 1 << 10;

fn problem(code: &str, detail: &str) -> contract::Problem {
    contract::Problem { code: code.to_owned(), detail: printable(detail, DETAIL_BYTES_MAX) }
}

pub(crate) fn denied(code: &str, detail: &str) -> contract::HttpError {
    contract::HttpError::Denied(problem(code, detail))
}

pub(super) fn unreachable(code: &str, detail: &str) -> contract::HttpError {
    contract::HttpError::Unreachable(problem(code, detail))
}

pub(super) fn not_connected(error: &ConnectError) -> contract::HttpError {
    let problem = problem(error.code(), &cause(error));
    if error.is_denied() {
        contract::HttpError::Denied(problem)
    } else if error.is_untrusted() {
        contract::HttpError::Untrusted(problem)
    } else {
        contract::HttpError::Unreachable(problem)
    }
}

pub(super) fn no_answer(code: &str, detail: &str) -> contract::HttpError {
    contract::HttpError::NoAnswer(problem(code, detail))
}

/// The error and what caused it, on one line.
pub(super) fn cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

pub(super) fn misused(misuse: &Misuse) -> contract::HttpError {
    denied(misuse.why.code(), &misuse.to_string())
}
