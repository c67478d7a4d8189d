//! Reads a manifest's text field by field, so that one fault does not hide the next.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::{
    FolderAsked, LimitsAsked, Manifest, OAuth2Asked, OriginAsked, SecretAsked, TargetAsked,
};
use crate::config::{Problem, expectation, position, syntax_found};

/// What could be read, and all that could not. `None`: the text is no TOML, or so little could be
/// read that there is nothing to check.
pub(super) fn read(text: &str) -> (Option<Manifest>, Vec<Problem>) {
    let mut problems = Vec::new();
    let table = match text.parse::<Table>() {
        Ok(table) => table,
        Err(error) => {
            let (line, column) = position(text, error.span().map_or(0, |span| span.start));
            let place = format!("line {line}, column {column}");
            problems.push(Problem { place, expected: syntax_found(&error).to_owned() });
            return (None, problems);
        }
    };
    let mut top = Fields { place: String::new(), table, problems: &mut problems };
    let name = top.need("name");
    let world = top.need("world");
    let origin = top.tables("origin", origin);
    let target = top.tables("target", target);
    let folder = top.tables("folder", folder);
    let secret = top.tables("secret", secret);
    let oauth2 = top.tables("oauth2", oauth2);
    let limits = top.table("limits", limits);
    top.end(&["name", "world", "origin", "target", "folder", "secret", "oauth2", "limits"]);
    let manifest = name.zip(world).map(|(name, world)| Manifest {
        name,
        world,
        origin,
        target,
        folder,
        secret,
        oauth2,
        limits: limits.unwrap_or_default(),
    });
    (manifest, problems)
}

fn origin(fields: &mut Fields<'_>) -> Option<OriginAsked> {
    let (url, methods) = (fields.need("url"), fields.list("methods"));
    if methods.as_ref().is_some_and(Vec::is_empty) {
        fields.problem("methods", "expected one or more; leave it out for all of the contract");
    }
    let path = fields.may("path").unwrap_or_else(super::root);
    fields.end(&["url", "methods", "path"]);
    Some(OriginAsked { url: url?, methods: methods.unwrap_or_default(), path })
}

fn target(fields: &mut Fields<'_>) -> Option<TargetAsked> {
    let to = fields.need("to");
    fields.end(&["to"]);
    Some(TargetAsked { to: to? })
}

fn limits(fields: &mut Fields<'_>) -> LimitsAsked {
    let deliver_ms = fields.may("deliver_ms");
    fields.end(&["deliver_ms"]);
    LimitsAsked { deliver_ms }
}

fn folder(fields: &mut Fields<'_>) -> Option<FolderAsked> {
    let (name, setting, access) =
        (fields.need("name"), fields.need("setting"), fields.need("access"));
    fields.end(&["name", "setting", "access"]);
    Some(FolderAsked { name: name?, setting: setting?, access: access? })
}

fn secret(fields: &mut Fields<'_>) -> Option<SecretAsked> {
    let setting = fields.need("setting");
    let (form, decode) = (fields.may("form"), fields.may("decode"));
    let (bound_to, places) = (fields.need_list("bound_to"), fields.need_list("places"));
    let signs_into = fields.list("signs_into").unwrap_or_default();
    fields.end(&["setting", "form", "bound_to", "places", "decode", "signs_into"]);
    Some(SecretAsked {
        setting: setting?,
        form: form.unwrap_or_default(),
        bound_to,
        places,
        decode: decode.unwrap_or_default(),
        signs_into,
    })
}

fn oauth2(fields: &mut Fields<'_>) -> Option<OAuth2Asked> {
    let (name, token_url) = (fields.need("name"), fields.need("token_url"));
    let (client_id, client_secret) = (fields.need("client_id"), fields.need("client_secret"));
    let (refresh_token, scope) = (fields.may("refresh_token"), fields.may("scope"));
    let (bound_to, places) = (fields.need_list("bound_to"), fields.need_list("places"));
    fields.end(&[
        "name",
        "token_url",
        "client_id",
        "client_secret",
        "refresh_token",
        "scope",
        "bound_to",
        "places",
    ]);
    Some(OAuth2Asked {
        name: name?,
        token_url: token_url?,
        client_id: client_id?,
        client_secret: client_secret?,
        refresh_token,
        scope,
        bound_to,
        places,
    })
}

/// The fields of one table that are not read yet.
struct Fields<'a> {
    place: String,
    table: Table,
    problems: &'a mut Vec<Problem>,
}

impl Fields<'_> {
    fn need<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        if !self.table.contains_key(key) {
            self.problem(key, "is missing, and needed");
        }
        self.may(key)
    }

    fn may<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        let value = self.table.remove(key)?;
        self.value(key, value)
    }

    fn need_list<T: DeserializeOwned>(&mut self, key: &str) -> Vec<T> {
        if !self.table.contains_key(key) {
            self.problem(key, "is missing, and needed");
        }
        self.list(key).unwrap_or_default()
    }

    /// A list, each of its elements by itself.
    fn list<T: DeserializeOwned>(&mut self, key: &str) -> Option<Vec<T>> {
        let values = self.array(key, "expected a list")?;
        let read = values.into_iter().enumerate();
        Some(read.filter_map(|(at, value)| self.value(&format!("{key}[{at}]"), value)).collect())
    }

    /// The tables `[[key]]`.
    fn tables<T>(&mut self, key: &str, read: impl Fn(&mut Fields<'_>) -> Option<T>) -> Vec<T> {
        let expected = format!("expected tables; write `[[{key}]]`, then the fields of one");
        let values = self.array(key, &expected).unwrap_or_default();
        let mut tables = Vec::with_capacity(values.len());
        for (at, value) in values.into_iter().enumerate() {
            let place = format!("{key}[{at}]");
            match value {
                Value::Table(table) => {
                    let mut fields = Fields { place, table, problems: self.problems };
                    tables.extend(read(&mut fields));
                }
                _ => self.problem(&place, &expected),
            }
        }
        tables
    }

    /// The table `[key]`.
    fn table<T>(&mut self, key: &str, read: impl Fn(&mut Fields<'_>) -> T) -> Option<T> {
        match self.table.remove(key)? {
            Value::Table(table) => {
                let mut fields = Fields { place: key.to_owned(), table, problems: self.problems };
                Some(read(&mut fields))
            }
            _ => {
                self.problem(key, &format!("expected a table; write `[{key}]`, then its fields"));
                None
            }
        }
    }

    /// Notes what nothing has read: it means something to whoever wrote it.
    fn end(&mut self, known: &[&str]) {
        let expected =
            format!("is not a field of this table; expected one of {}", known.join(", "));
        for key in std::mem::take(&mut self.table).keys() {
            self.problem(&crate::printable::printable(key, 64), &expected);
        }
    }

    fn array(&mut self, key: &str, expected: &str) -> Option<Vec<Value>> {
        match self.table.remove(key)? {
            Value::Array(values) => Some(values),
            _ => {
                self.problem(key, expected);
                None
            }
        }
    }

    fn value<T: DeserializeOwned>(&mut self, key: &str, value: Value) -> Option<T> {
        match value.try_into() {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(key, &expectation(error.message()));
                None
            }
        }
    }

    fn problem(&mut self, key: &str, expected: &str) {
        let dot = if self.place.is_empty() { "" } else { "." };
        let place = format!("{}{dot}{key}", self.place);
        self.problems.push(Problem { place, expected: expected.to_owned() });
    }
}
