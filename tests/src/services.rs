//! Services at the other end of a kind, each a rule for [`Capture::deciding`]: it answers as the
//! service does, and refuses what the service refuses, with the service's own status and body.
//!
//! Promise: what a service's reference calls required, closed or bounded is refused here as soon as
//! it is broken. Keys that the reference does not have are let through, as these services do; a
//! misspelled one is found by `strangers`.
//!
//! Not here: faults by script (`capture`), and how a message looks.
//!
//! [`Capture::deciding`]: crate::capture::Capture::deciding

pub mod mattermost;
pub mod pagerduty;
pub mod thehive;
pub mod wecom;

use std::ops::RangeInclusive;

use serde_json::Value;

use crate::capture::{Reply, Request};

/// What the first line of a request says.
struct Call<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
}

impl<'a> Call<'a> {
    fn of(request: &'a Request) -> Self {
        let mut words = request.head.line.split(' ');
        let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self { method, path, query }
    }
}

fn says(status: u16, body: &Value) -> Reply {
    Reply::text(status, &body.to_string()).with("content-type", "application/json")
}

/// The credentials that a request bears.
fn bearer(request: &Request) -> Option<&str> {
    request.header("authorization")?.strip_prefix("Bearer ")
}

/// The body, where it is an object and is said to be JSON.
fn object(request: &Request) -> Option<Value> {
    let media = request.header("content-type")?.split(';').next()?.trim();
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    (media.eq_ignore_ascii_case("application/json") && body.is_object()).then_some(body)
}

/// What a service asks of one field.
struct Field {
    /// Where it stands, as a JSON pointer.
    at: &'static str,
    is_required: bool,
    sort: Sort,
}

enum Sort {
    /// Of so many units at most, and where it is required not blank.
    Text(usize),
    Word(&'static [&'static str]),
    Whole(RangeInclusive<i64>),
    Flag,
    List,
    Object,
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Not there, or blank.
    Missing,
    /// Of another type.
    Type,
    /// More units than there may be.
    Long,
    /// None of those that there are.
    Value,
}

const fn must(at: &'static str, sort: Sort) -> Field {
    Field { at, is_required: true, sort }
}

const fn may(at: &'static str, sort: Sort) -> Field {
    Field { at, is_required: false, sort }
}

/// Which fields of a body are wrong; `units` is how the service counts a text.
fn faults(body: &Value, fields: &[Field], units: fn(&str) -> usize) -> Vec<(&'static str, Fault)> {
    let fault = |field: &Field| {
        let given = match body.pointer(field.at) {
            None | Some(Value::Null) => return field.is_required.then_some(Fault::Missing),
            Some(given) => given,
        };
        let text = given.as_str().ok_or(Fault::Type);
        match &field.sort {
            Sort::Text(most) => match text {
                Err(fault) => Some(fault),
                Ok(text) if field.is_required && text.trim().is_empty() => Some(Fault::Missing),
                Ok(text) => (units(text) > *most).then_some(Fault::Long),
            },
            Sort::Word(words) => match text {
                Err(fault) => Some(fault),
                Ok(text) => (!words.contains(&text)).then_some(Fault::Value),
            },
            Sort::Whole(range) => match given.as_i64() {
                None => Some(Fault::Type),
                Some(number) => (!range.contains(&number)).then_some(Fault::Value),
            },
            Sort::Flag => (!given.is_boolean()).then_some(Fault::Type),
            Sort::Any => None,
            Sort::List => (!given.is_array()).then_some(Fault::Type),
            Sort::Object => (!given.is_object()).then_some(Fault::Type),
        }
    };
    fields.iter().filter_map(|field| fault(field).map(|wrong| (field.at, wrong))).collect()
}

/// The keys of the objects at these places that no field is about.
fn strangers(body: &Value, places: &[&str], fields: &[&[Field]]) -> Vec<String> {
    let keys = |place: &&str| {
        let object = body.pointer(place).and_then(Value::as_object);
        let keys = object.into_iter().flat_map(|object| object.keys());
        keys.map(|key| format!("{place}/{key}")).collect::<Vec<_>>()
    };
    let is_known = |key: &String| fields.iter().copied().flatten().any(|field| field.at == key);
    places.iter().flat_map(keys).filter(|key| !is_known(key)).collect()
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

fn utf16(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::wire::Head;

    /// A request with a JSON body and one header more.
    pub(super) fn request(line: &str, header: (&str, &str), body: &Value) -> Request {
        let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let headers = vec![pair(("content-type", "application/json")), pair(header)];
        let head = Head { line: format!("{line} HTTP/1.1"), headers };
        let body = body.to_string().into_bytes();
        Request { head, body, arrived: Instant::now(), connection: 0 }
    }

    /// The status and the body of an answer.
    pub(super) fn read(reply: Reply) -> (u16, Value) {
        let Reply::Answer { status, body, .. } = reply else { panic!("a whole answer: {reply:?}") };
        let text = || String::from_utf8_lossy(&body).into_owned();
        (status, serde_json::from_slice(&body).unwrap_or_else(|_| text().into()))
    }

    /// `body` with another value at a pointer; without it where the value is null.
    pub(super) fn but(body: &Value, at: &str, value: Value) -> Value {
        let mut changed = body.clone();
        let (parent, name) = at.rsplit_once('/').expect("a pointer");
        let parent = changed.pointer_mut(parent).expect("a parent").as_object_mut().unwrap();
        if value.is_null() {
            parent.remove(name).expect("what is taken out is there");
        } else {
            parent.insert(name.to_owned(), value);
        }
        changed
    }
}
