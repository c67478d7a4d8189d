//! From the engine's JSON to a file that `apply` reads back.

use serde_json::Value;

#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum WriteError {
    #[error("the server's setup has a null at `{place}`, which a file cannot have; use --json")]
    Null { place: String },

    #[error("the server's setup has at `{place}` a number that a file cannot have; use --json")]
    Number { place: String },

    #[error("the server's setup cannot be written as TOML; use --json")]
    Toml {
        #[from]
        source: toml::ser::Error,
    },
}

/// `setup` as TOML, keys in alphabetical order.
pub(in crate::cli) fn write(setup: &Value) -> Result<String, WriteError> {
    Ok(toml::to_string_pretty(&toml(setup, "")?)?)
}

fn toml(value: &Value, place: &str) -> Result<toml::Value, WriteError> {
    Ok(match value {
        Value::Null => return Err(WriteError::Null { place: place.to_owned() }),
        Value::Bool(truth) => toml::Value::Boolean(*truth),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => toml::Value::Integer(number),
            (None, Some(float)) if number.is_f64() => toml::Value::Float(float),
            _ => return Err(WriteError::Number { place: place.to_owned() }),
        },
        Value::String(text) => toml::Value::String(text.clone()),
        Value::Array(list) => {
            let entries = list.iter().enumerate();
            let entries = entries.map(|(at, one)| toml(one, &format!("{place}[{at}]")));
            toml::Value::Array(entries.collect::<Result<_, _>>()?)
        }
        Value::Object(map) => {
            let dot = if place.is_empty() { "" } else { "." };
            let fields = map
                .iter()
                .map(|(key, one)| Ok((key.clone(), toml(one, &format!("{place}{dot}{key}"))?)));
            toml::Value::Table(fields.collect::<Result<_, WriteError>>()?)
        }
    })
}
