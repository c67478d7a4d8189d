//! The JSON inside an alert's `json`: what is particular to its type.

use serde_json::Value;
use serde_json::value::RawValue;

use super::loose::Loose;
use crate::ingest::json::Text;

/// An object, or nothing: this is detail, and an alert is worth telling without it.
#[derive(Debug, Default)]
pub(super) struct Inner(Option<Value>);

impl Inner {
    /// Older versions send a string that holds JSON, newer ones the object.
    pub(super) fn read(json: Option<&RawValue>) -> Self {
        let Some(json) = json.map(RawValue::get) else { return Self::default() };
        let value = if json.starts_with('"') {
            serde_json::from_str(json).and_then(|Text(text)| serde_json::from_str(&text))
        } else {
            serde_json::from_str(json)
        };
        Self(value.ok().filter(Value::is_object))
    }

    pub(super) fn get(&self, path: &str) -> Option<&Value> {
        self.0.as_ref()?.pointer(path)
    }

    pub(super) fn is_true(&self, path: &str) -> bool {
        self.get(path).and_then(Value::as_bool).unwrap_or_default()
    }

    /// A number or a non-empty string.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        shown(self.get(path)?)
    }

    /// The names and values that fit on a line.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, String)> {
        let fields = self.0.as_ref().and_then(Value::as_object).into_iter().flatten();
        fields.filter_map(|(name, value)| Some((name.as_str(), shown(value)?)))
    }
}

fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if !text.is_empty() => Loose::Text(text.as_str().into()).some_text(),
        _ => None,
    }
}
