//! Takes secrets out of settings, and puts markers in their place.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use url::Url;

use super::SecretSettings;
use crate::capability::egress::Origin;
use crate::capability::secrets::{Form, is_marker};
use crate::config::Problem;
use crate::ids::Secret;
use crate::records::rows::Secrets;
use crate::setup::Settings;

/// What somebody wrote for a secret.
#[derive(Debug)]
pub(in super::super) enum Written {
    Value(Secret),
    /// A marker: what is stored stays. With the origin that a secret URL is said to have.
    Kept(Option<String>),
}

/// Settings without secrets, and the secrets by field.
#[derive(Debug, Default)]
pub(in super::super) struct Split {
    pub(in super::super) settings: Settings,
    pub(in super::super) written: BTreeMap<String, Written>,
}

/// Problems have their places within the object that has the settings.
pub(in super::super) fn split(
    settings: Settings,
    secrets: &SecretSettings,
    problems: &mut Vec<Problem>,
) -> Split {
    let mut map = settings.into_map();
    let mut written = BTreeMap::new();
    for one in secrets.iter() {
        let mut take = |field: String, value: &mut Value| {
            match read(value) {
                Some(found) => {
                    let origin = match &found {
                        Written::Value(secret) if one.form == Form::Url => origin_of(secret),
                        Written::Kept(origin) if one.form == Form::Url => origin.clone(),
                        _ => None,
                    };
                    *value = marker(origin.as_deref());
                    written.insert(field, found);
                }
                None => {
                    let expected = "expected a text, or {\"secret\":\"stored\"} to keep the one \
                                    that is stored";
                    problems.push(problem(&field, expected));
                }
            };
        };
        match map.get_mut(&one.name) {
            Some(Value::Object(values)) if one.is_object => {
                for (key, value) in values {
                    take(format!("{}.{key}", one.name), value);
                }
            }
            // Its schema says what is wrong with it.
            Some(_) if one.is_object => {}
            Some(value) => take(one.name.clone(), value),
            None => {}
        }
    }
    strays(&map, "", &written, problems);
    Split { settings: map.into(), written }
}

/// What is written at the place of a secret; `None`: neither a text nor a marker.
fn read(value: &mut Value) -> Option<Written> {
    match value {
        Value::String(text) => Some(Written::Value(Secret::new(std::mem::take(text)))),
        Value::Object(fields) if is_marker(&Value::Object(fields.clone())) => {
            let is_known = |key: &String| key == "secret" || key == "origin";
            let origin = match fields.get("origin") {
                None => None,
                Some(Value::String(text)) => Some(normal(text)?),
                Some(_) => return None,
            };
            fields.keys().all(is_known).then_some(Written::Kept(origin))
        }
        _ => None,
    }
}

/// Markers where no secret can be: nothing stands behind them.
fn strays(
    map: &Map<String, Value>,
    within: &str,
    written: &BTreeMap<String, Written>,
    problems: &mut Vec<Problem>,
) {
    for (key, value) in map {
        let field = format!("{within}{key}");
        if is_marker(value) && !written.contains_key(&field) {
            if !problems.iter().any(|one| one.place == format!("settings.{field}")) {
                problems.push(problem(&field, "is no secret of this kind; write its value"));
            }
        } else if let Value::Object(inner) = value {
            strays(inner, &format!("{field}."), written, problems);
        }
    }
}

/// Stands where a secret was; of a URL with its origin.
pub(in super::super) fn marker(origin: Option<&str>) -> Value {
    match origin {
        Some(origin) => json!({ "secret": "stored", "origin": origin }),
        None => json!({ "secret": "stored" }),
    }
}

/// The origin of a secret URL in normal form; `None`: it is no URL with one.
pub(in super::super) fn origin_of(url: &Secret) -> Option<String> {
    normal(url.expose())
}

fn normal(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let origin = Origin::of(&url).ok().map(|origin| origin.to_string());
    // It was parsed into a buffer of its own.
    drop(zeroize::Zeroizing::new(String::from(url)));
    origin
}

/// Settings as `reach` fills templates with them: no secrets, but the origins of secret URLs.
pub(in super::super) fn reach_view(
    settings: &Map<String, Value>,
    secrets: &SecretSettings,
) -> Map<String, Value> {
    let mut view = settings.clone();
    for one in secrets.iter() {
        let origin = view.get(&one.name).and_then(|value| value.get("origin")).cloned();
        match (one.form, origin) {
            (Form::Url, Some(origin)) if !one.is_object => {
                view.insert(one.name.clone(), origin);
            }
            _ => {
                view.remove(&one.name);
            }
        }
    }
    view
}

/// Settings as they were written, for the moment in which a schema looks at them. Of what cannot be
/// used there is nothing.
pub(in super::super) fn plain(settings: &Map<String, Value>, secrets: &Secrets) -> Settings {
    fill(settings, "", secrets).into()
}

fn fill(map: &Map<String, Value>, within: &str, secrets: &Secrets) -> Map<String, Value> {
    let mut filled = Map::new();
    for (key, value) in map {
        let field = format!("{within}{key}");
        let value = match (value, super::value(secrets, &field)) {
            (value, Some(secret)) if is_marker(value) => secret.expose().into(),
            (value, None) if is_marker(value) => continue,
            (Value::Object(inner), _) if within.is_empty() => {
                Value::Object(fill(inner, &format!("{field}."), secrets))
            }
            (value, _) => value.clone(),
        };
        filled.insert(key.clone(), value);
    }
    filled
}

/// Settings as two versions are compared: without markers, but with the origins of secret URLs.
pub(in super::super) fn cut(settings: &Map<String, Value>) -> Settings {
    let mut left = Map::new();
    for (key, value) in settings {
        match (value, value.get("origin")) {
            (value, Some(origin)) if is_marker(value) => {
                left.insert(key.clone(), json!({ "origin": origin }));
            }
            (value, None) if is_marker(value) => {}
            (Value::Object(inner), _) if inner.values().any(is_marker) => {
                let rest = cut(inner);
                if !rest.is_empty() {
                    left.insert(key.clone(), Value::Object(rest.into_map()));
                }
            }
            (value, _) => _ = left.insert(key.clone(), value.clone()),
        }
    }
    left.into()
}

/// Takes the marker of `field` out, and what would be empty without it.
pub(in super::super) fn take_marker(settings: &mut Settings, field: &str) {
    let mut map = std::mem::take(settings).into_map();
    match field.split_once('.') {
        None => _ = map.remove(field),
        Some((top, rest)) => {
            if let Some(Value::Object(inner)) = map.get_mut(top) {
                inner.remove(rest);
                if inner.is_empty() {
                    map.remove(top);
                }
            }
        }
    }
    *settings = map.into();
}

fn problem(field: &str, expected: &str) -> Problem {
    let place = format!("settings.{}", crate::printable::printable(field, 128));
    Problem { place, expected: expected.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::secrets::SecretSettings;
    use crate::runtime::Manifest;

    pub(in super::super) fn secrets() -> SecretSettings {
        let manifest: Manifest = toml::from_str(
            "name = 'k'\nworld = 'http-component'\n[[origin]]\nurl = '{url}'\n\
             [[secret]]\nsetting = 'url'\nform = 'url'\nbound_to = ['{url}']\nplaces = ['path']\n\
             [[secret]]\nsetting = 'headers.*'\nbound_to = ['{url}']\nplaces = ['header:*']\n\
             [[secret]]\nsetting = 'token'\nbound_to = ['{url}']\nplaces = ['header:x-token']",
        )
        .unwrap();
        SecretSettings::of(&manifest)
    }

    fn settings(value: Value) -> Settings {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn secrets_are_taken_out_by_field_and_what_is_left_tells_nothing_of_them() {
        let written = json!({
            "url": "https://Hooks.example/T0/s3cret?k=v", "token": "hunter2", "colour": "red",
            "headers": { "X-Key": "hunter3", "X.Y": {"secret": "stored"} },
        });
        let mut problems = Vec::new();
        let found = split(settings(written), &secrets(), &mut problems);
        assert_eq!(problems, []);
        let left = json!({
            "url": {"secret": "stored", "origin": "https://hooks.example:443"},
            "token": {"secret": "stored"}, "colour": "red",
            "headers": { "X-Key": {"secret": "stored"}, "X.Y": {"secret": "stored"} },
        });
        assert_eq!(found.settings, settings(left.clone()));
        let told = format!("{found:?}");
        assert!(!told.contains("hunter") && !told.contains("s3cret"), "{told}");
        let fields: Vec<_> = found.written.keys().map(String::as_str).collect();
        assert_eq!(fields, ["headers.X-Key", "headers.X.Y", "token", "url"]);
        assert!(matches!(&found.written["token"], Written::Value(it) if it.equals("hunter2")));
        assert!(matches!(&found.written["headers.X.Y"], Written::Kept(None)));

        // And again: what is shown can be written.
        let again = split(settings(left.clone()), &secrets(), &mut problems);
        assert_eq!((problems.as_slice(), again.settings), ([].as_slice(), settings(left.clone())));
        assert!(matches!(&again.written["url"],
            Written::Kept(Some(origin)) if origin == "https://hooks.example:443"));
        let view = reach_view(left.as_object().unwrap(), &secrets());
        assert_eq!(Value::from(view), json!({"url": "https://hooks.example:443", "colour": "red"}));
        let compared = Value::from(cut(left.as_object().unwrap()).into_map());
        let expected = json!({"url": {"origin": "https://hooks.example:443"}, "colour": "red"});
        assert_eq!(compared, expected);
    }

    #[test]
    fn what_is_neither_a_text_nor_a_marker_is_refused_at_its_place() {
        let table = [
            (json!({"token": 7411}), "settings.token"),
            (json!({"token": {"secret": "hunter2"}}), "settings.token"),
            (json!({"token": {"secret": "stored", "value": "hunter2"}}), "settings.token"),
            (json!({"url": {"secret": "stored", "origin": "hunter2"}}), "settings.url"),
            (json!({"headers": {"a": ["hunter2"]}}), "settings.headers.a"),
            (json!({"colour": {"secret": "stored"}}), "settings.colour"),
            (json!({"deep": {"er": {"secret": "stored"}}}), "settings.deep.er"),
        ];
        for (written, place) in table {
            let mut problems = Vec::new();
            split(settings(written.clone()), &secrets(), &mut problems);
            let places: Vec<_> = problems.iter().map(|one| one.place.as_str()).collect();
            assert_eq!(places, [place], "{written}");
            assert!(!format!("{problems:?}").contains("hunter2"), "{problems:?}");
        }
    }
}
