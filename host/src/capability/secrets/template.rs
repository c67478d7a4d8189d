//! The effective settings of one recipient, with a gap for each secret.
//!
//! Promise: what a component is given holds no secret: nothing in its place for `format`, a
//! placeholder for `deliver`. Of a secret URL both see the origin.

use serde_json::{Map, Value};

use super::credential::{Credentials, Sort};
use super::keyring::Keyring;

/// Settings as JSON, in pieces between which placeholders go.
#[derive(Debug, Default)]
pub struct Template {
    pieces: Vec<Piece>,
    for_format: String,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    /// Number of a placeholder.
    Gap(usize),
}

/// The key of the object that stands in stored settings where a secret was.
pub const MARKER: &str = "secret";

/// Whether `value` stands for a secret that is stored elsewhere.
pub fn is_marker(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.get(MARKER).is_some_and(|it| it == "stored"))
}

impl Template {
    /// `settings`: with markers where secrets were. A marker without a credential is left out: the
    /// secret is not set. A credential without a marker is added under its name.
    pub fn new(settings: &Map<String, Value>, credentials: &Credentials) -> Self {
        let mut building = Building::default();
        building.object(settings, "", credentials);
        Self { pieces: building.pieces, for_format: building.for_format }
    }

    /// For `format`: secrets are not there, of a secret URL there is the origin.
    pub fn for_format(&self) -> &str {
        &self.for_format
    }

    /// For `deliver` and `probe`: with the placeholders of one store.
    pub(super) fn fill(&self, keyring: &Keyring) -> String {
        let mut filled = String::with_capacity(self.for_format.len() + 64 * self.pieces.len());
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Gap(number) => keyring.push_placeholder(&mut filled, *number),
            }
        }
        filled
    }
}

#[derive(Default)]
struct Building {
    pieces: Vec<Piece>,
    for_format: String,
}

impl Building {
    fn both(&mut self, text: &str) {
        self.for_format.push_str(text);
        self.secretly(text);
    }

    fn secretly(&mut self, text: &str) {
        match self.pieces.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.pieces.push(Piece::Text(text.to_owned())),
        }
    }

    /// `within`: `headers.` for the object of that name, empty for the whole.
    fn object(&mut self, settings: &Map<String, Value>, within: &str, credentials: &Credentials) {
        self.both("{");
        // Whether something stands before, for `format` and for `deliver`.
        let mut before = (false, false);
        for (key, value) in settings {
            let name = format!("{within}{key}");
            let held = credentials.position(&name).map(|at| &credentials.held[at]);
            let sort = held.map(|held| &held.sort);
            match (is_marker(value), sort) {
                (true, None) => continue,
                (_, Some(Sort::Text | Sort::Key(_))) => {
                    self.key(key, before.1);
                    before.1 = true;
                }
                _ => {
                    if before.0 {
                        self.for_format.push(',');
                    }
                    self.for_format.push_str(&quoted(key));
                    self.for_format.push(':');
                    self.key(key, before.1);
                    before = (true, true);
                }
            }
            match (held, value) {
                (Some(held), _) => self.secret(&held.sort, held.first),
                (None, Value::Object(inner)) if within.is_empty() => {
                    self.object(inner, &format!("{key}."), credentials);
                }
                (None, value) => self.both(&value.to_string()),
            }
        }
        if within.is_empty() {
            // What the engine itself makes, such as an access token, has no marker.
            for held in &credentials.held {
                let name = &held.credential.setting;
                if !settings.contains_key(name) && !name.contains('.') {
                    self.key(name, before.1);
                    before.1 = true;
                    self.secret(&held.sort, held.first);
                }
            }
        }
        self.both("}");
    }

    fn key(&mut self, key: &str, has_before: bool) {
        let comma = if has_before { "," } else { "" };
        self.secretly(&format!("{comma}{}:", quoted(key)));
    }

    fn secret(&mut self, sort: &Sort, first: usize) {
        match sort {
            Sort::Text | Sort::Key(_) => {
                self.secretly("\"");
                self.pieces.push(Piece::Gap(first));
                self.secretly("\"");
            }
            Sort::Url(parts) => {
                // An origin has no character that JSON escapes.
                self.for_format.push_str(&quoted(&parts.origin));
                self.secretly(&format!("\"{}/", parts.origin));
                self.pieces.push(Piece::Gap(first));
                if parts.query.is_some() {
                    self.secretly("?");
                    self.pieces.push(Piece::Gap(first + 1));
                }
                self.secretly("\"");
            }
        }
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::super::credential::tests::credential;
    use super::super::{Credentials, Form};
    use super::*;

    #[test]
    fn what_a_component_sees_of_its_settings_holds_no_secret() {
        let mut url = credential("url", "https://hooks.example:8443/T0/s3cr3t?k=v", &["path"]);
        url.form = Form::Url;
        let credentials = Arc::new(
            Credentials::new(vec![
                url,
                credential("password", "hunter2", &[]),
                credential("headers.X-Key", "hunter3", &["header:*"]),
                credential("access_token", "hunter4", &[]),
            ])
            .unwrap(),
        );
        let stored = json!({
            "headers": {"X-Key": {"secret": "stored"}, "X-Gone": {"secret": "stored"}},
            "password": {"secret": "stored"},
            "payload": "na\"tive",
            "gone": {"secret": "stored"},
            "url": {"secret": "stored", "origin": "https://hooks.example:8443"},
        });
        let template = Template::new(stored.as_object().unwrap(), &credentials);
        let seen: Value = serde_json::from_str(template.for_format()).unwrap();
        let expected = json!({
            "headers": {}, "payload": "na\"tive", "url": "https://hooks.example:8443"
        });
        assert_eq!(seen, expected);

        let keyring = Keyring::mint(Arc::clone(&credentials));
        let text = keyring.settings(&template);
        for secret in ["hunter", "s3cr3t", "T0", "k=v"] {
            assert!(!text.contains(secret), "{text}");
        }
        let filled: Value = serde_json::from_str(&text).unwrap();
        let keys: Vec<_> = filled.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["access_token", "headers", "password", "payload", "url"]);
        let url = filled["url"].as_str().unwrap();
        let rest = url.strip_prefix("https://hooks.example:8443/").unwrap();
        let (path, query) = rest.split_once('?').unwrap();
        let placeholders = [
            path,
            query,
            filled["password"].as_str().unwrap(),
            filled["access_token"].as_str().unwrap(),
        ];
        for placeholder in placeholders {
            assert!(placeholder.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{placeholder}");
        }
        assert_eq!(filled["headers"].as_object().unwrap().len(), 1);
        assert_ne!(text, Keyring::mint(credentials).settings(&template), "another store's");
    }
}
