//! Tells the alerts of a body apart, without reading them.

use serde_json::value::RawValue;

use crate::ingest::fields::Element;
use crate::ingest::json::{not_as_expected, utf8};
use crate::ingest::{ALERTS_COUNT_MAX, BadBody};

const SHAPES: &str = "a JSON object, an array of objects, or one object per line";

/// One element per alert, in the order of the body.
///
/// A body is taken for lines where the sender says so, or where it begins with an object on one
/// line and goes on below it.
pub(super) fn tell_apart(body: &[u8], ndjson: bool) -> Result<Vec<Element<'_>>, BadBody> {
    let body = utf8(body)?;
    let start = body.len() - body.trim_ascii_start().len();
    if start == body.len() {
        return Err(BadBody::at(body, start, format!("{SHAPES}; the body is empty")));
    }
    if ndjson || goes_on_below_its_first_object(body) {
        return lines(body);
    }
    match body.as_bytes()[start] {
        b'[' => array(body),
        b'{' => {
            let one = serde_json::from_str::<&RawValue>(body);
            let json = one.map_err(|error| bad(body, &error))?.get();
            Ok(vec![Element { position: 0, line: None, json }])
        }
        _ => Err(BadBody::at(body, start, SHAPES)),
    }
}

fn goes_on_below_its_first_object(body: &str) -> bool {
    let mut values = serde_json::Deserializer::from_str(body).into_iter::<&RawValue>();
    let Some(Ok(first)) = values.next() else { return false };
    let rest = &body[values.byte_offset()..];
    let below = rest.trim_start_matches([' ', '\t', '\r']);
    first.get().starts_with('{')
        && !first.get().contains('\n')
        && below.starts_with('\n')
        && !below.trim_ascii().is_empty()
}

fn lines(body: &str) -> Result<Vec<Element<'_>>, BadBody> {
    let mut elements = Vec::new();
    for (at, line) in body.split('\n').enumerate() {
        let json = line.trim_ascii();
        if json.is_empty() {
            continue;
        }
        let position = elements.len();
        if position == ALERTS_COUNT_MAX {
            return Err(too_many(body, json));
        }
        elements.push(Element { position, line: Some(at + 1), json });
    }
    Ok(elements)
}

fn array(body: &str) -> Result<Vec<Element<'_>>, BadBody> {
    let values: Vec<&RawValue> = serde_json::from_str(body).map_err(|error| bad(body, &error))?;
    if let Some(first) = values.get(ALERTS_COUNT_MAX) {
        return Err(too_many(body, first.get()));
    }
    let elements = values.into_iter().map(RawValue::get).enumerate();
    Ok(elements.map(|(position, json)| Element { position, line: None, json }).collect())
}

/// `json` is the first that is over the bound, a part of `body`.
fn too_many(body: &str, json: &str) -> BadBody {
    let at = json.as_ptr().addr() - body.as_ptr().addr();
    let expected = format!("at most {ALERTS_COUNT_MAX} alerts in one request; send the rest apart");
    BadBody::at(body, at, expected)
}

fn bad(body: &str, error: &serde_json::Error) -> BadBody {
    not_as_expected(body, &format!("{SHAPES}; not JSON here"), error)
}
