//! The filters of templates. What one gives is never larger than [`BYTES_MAX`].

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind};

const BYTES_MAX: usize = 16 << 10;

pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_filter("upper", |text: &str| bounded(text.to_uppercase()));
    environment.add_filter("lower", |text: &str| bounded(text.to_lowercase()));
    environment.add_filter("default", |value: Value, other: Value| {
        let is_there = !value.is_undefined() && !value.is_none();
        let is_empty = value.as_str().is_some_and(str::is_empty);
        if is_there && !is_empty { value } else { other }
    });
    environment.add_filter("truncate", truncate);
    environment.add_filter("join", |value: Value, between: &str| join(&value, between));
    environment.add_filter("length", |value: Value| match value.as_str() {
        Some(text) => text.chars().count(),
        None => value.len().unwrap_or(0),
    });
}

/// The first so many characters, the last of them an ellipsis where there are more.
fn truncate(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return bounded(text.to_owned());
    }
    let kept: String = text.chars().take(chars.saturating_sub(1)).collect();
    bounded(kept) + super::ELLIPSIS
}

/// The texts of a list, or `name=value` of a table, with a text between them.
fn join(value: &Value, between: &str) -> Result<String, Error> {
    let mut joined = String::new();
    let is_table = value.kind() == ValueKind::Map;
    for (at, one) in value.try_iter()?.enumerate() {
        if joined.len() > BYTES_MAX {
            break;
        }
        if at > 0 {
            joined.push_str(between);
        }
        if is_table {
            let of = value.get_item(&one)?;
            joined.push_str(&format!("{}={}", text(&one)?, text(&of)?));
        } else {
            joined.push_str(text(&one)?);
        }
    }
    Ok(bounded(joined))
}

fn text(value: &Value) -> Result<&str, Error> {
    let error =
        || Error::new(ErrorKind::InvalidOperation, "`join` takes lists and tables of texts");
    value.as_str().ok_or_else(error)
}

fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(BYTES_MAX));
    text
}
