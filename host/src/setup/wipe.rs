//! Overwrites texts of JSON values that can be credentials, once they are of no use any more.

use serde_json::{Map, Value};
use zeroize::Zeroize;

/// Overwrites every text in `value`; names of fields stay.
pub fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(list) => list.iter_mut().for_each(wipe),
        Value::Object(map) => wipe_map(map),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

pub(super) fn wipe_map(map: &mut Map<String, Value>) {
    map.values_mut().for_each(wipe);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_text_is_left_at_any_depth() {
        let mut value = json!({"a": "x", "b": [{"c": "y"}, "z"], "n": 1});
        wipe(&mut value);
        assert_eq!(value, json!({"a": "", "b": [{"c": ""}, ""], "n": 1}));
    }
}
