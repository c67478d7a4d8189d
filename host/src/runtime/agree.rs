//! Whether what a component says of itself agrees with its manifest.
//!
//! Promise: pure. A component that agrees reaches no more than its manifest asks for, and calls
//! exactly those settings secret that its manifest does.
//!
//! Not here: whether the schemas are schemas, and fit one another (`roster::schema`).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::bindings::kind::Descriptor;
use super::manifest::Manifest;
use crate::config::Problem;
use crate::printable::printable;

const TITLE_BYTES_MAX: usize = 256;
const SUMMARY_BYTES_MAX: usize = 4 << 10;
const QUOTED_BYTES_MAX: usize = 128;

/// Everything in which the two differ, by the part of the description.
pub(super) fn agree(manifest: &Manifest, described: &Descriptor) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut problem = |place: String, expected: String| problems.push(Problem { place, expected });
    if described.name != manifest.name {
        let named = printable(&described.name, 64);
        let expected =
            format!("says `{named}`; expected `{}`, as the manifest does", manifest.name);
        problem("name".into(), expected);
    }
    let texts = [
        ("title", &described.title, TITLE_BYTES_MAX),
        ("summary", &described.summary, SUMMARY_BYTES_MAX),
    ];
    for (key, text, max) in texts {
        if text.is_empty() || text.len() > max {
            problem(key.into(), format!("expected 1 to {max} bytes"));
        }
    }
    for (at, one) in described.reach.iter().enumerate() {
        if !manifest.reach().any(|asked| asked == one) {
            let expected = format!(
                "`{}` is not asked for by the manifest; expected one of its `origin.url` and \
                 `target.to`, written the same",
                printable(one, QUOTED_BYTES_MAX)
            );
            problem(format!("reach[{at}]"), expected);
        }
    }
    let asked = manifest.deliver_ms();
    if described.deliver_ms > asked {
        let expected = format!("expected at most {asked}, the `limits.deliver_ms` of the manifest");
        problem("deliver_ms".into(), expected);
    }
    problems.extend(settings(manifest, described));
    problems
}

/// What the two say of settings.
fn settings(manifest: &Manifest, described: &Descriptor) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut problem = |place: String, expected: String| problems.push(Problem { place, expected });
    let schemas = [
        ("endpoint_schema", parsed(&described.endpoint_schema)),
        ("recipient_schema", parsed(&described.recipient_schema)),
    ];
    let secrets: BTreeSet<&str> = manifest.secret_settings().collect();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for (key, schema) in &schemas {
        let Some(schema) = schema else {
            problem((*key).to_owned(), "expected a JSON Schema, an object".into());
            continue;
        };
        for (name, about) in properties(schema) {
            known.insert(name);
            let place = format!("{key}.{}", printable(name, QUOTED_BYTES_MAX));
            match (secrets.contains(name.as_str()), about["writeOnly"] == true) {
                (true, false) => {
                    problem(place, "is a secret in the manifest; expected `writeOnly: true`".into())
                }
                (false, true) => problem(
                    place,
                    "is `writeOnly` and no secret in the manifest; expected a `[[secret]]` of it"
                        .into(),
                ),
                _ => {}
            }
        }
        let marked = properties(schema).filter(|(_, about)| about["writeOnly"] == true).count();
        if marks(schema) != marked {
            let expected = "expected `writeOnly` on settings themselves, nowhere else: a secret is \
                            a setting, or each value of an object of settings";
            problem((*key).to_owned(), expected.into());
        }
    }
    let endpoint = schemas[0].1.as_ref();
    for (at, secret) in manifest.secret.iter().enumerate() {
        let place = format!("secret[{at}].setting");
        let name = secret.setting();
        if !known.contains(name) {
            problem(place, format!("`{name}` is in neither schema of the component"));
        } else if secret.is_object() {
            let mut schemas = schemas.iter().filter_map(|(_, schema)| schema.as_ref());
            let is_object = |it: &Map<String, Value>| {
                it.get("properties").and_then(|all| all.get(name)).is_none_or(is_of_object)
            };
            if !schemas.all(is_object) {
                problem(place, format!("expected `{name}` to be an object in the schema"));
            }
        }
    }
    for (at, oauth2) in manifest.oauth2.iter().enumerate() {
        if known.contains(oauth2.name.as_str()) {
            let expected = "expected a name that no setting has".to_owned();
            problem(format!("oauth2[{at}].name"), expected);
        }
    }
    for (place, name) in manifest.named_settings() {
        let is_there =
            endpoint.is_some_and(|schema| properties(schema).any(|(property, _)| property == name));
        if !is_there {
            problem(place, format!("`{name}` is no setting of an endpoint of this component"));
        }
    }
    problems
}

fn parsed(schema: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(schema).ok()
}

/// The settings that a schema has, as its top says.
pub(super) fn properties(
    schema: &Map<String, Value>,
) -> impl Iterator<Item = (&String, &Value)> + use<'_> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

fn is_of_object(about: &Value) -> bool {
    about["type"] == "object"
}

/// How often something is marked as a secret, however deep.
fn marks(schema: &Map<String, Value>) -> usize {
    let own = usize::from(schema.get("writeOnly") == Some(&Value::Bool(true)));
    own + schema.values().map(deep).sum::<usize>()
}

fn deep(value: &Value) -> usize {
    match value {
        Value::Object(object) => marks(object),
        Value::Array(list) => list.iter().map(deep).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "name = 'hook'\nworld = 'component'\n[[origin]]\nurl = '{url}'\n\
        [[target]]\nto = 'tls://{host}:{port}'\n\
        [[secret]]\nsetting = 'url'\nform = 'url'\nbound_to = ['{url}']\nplaces = ['path']\n\
        [[secret]]\nsetting = 'headers.*'\nbound_to = ['{url}']\nplaces = ['header:*']\n";
    const ENDPOINT: &str = r#"{"properties":{
        "url":{"writeOnly":true},"headers":{"type":"object","writeOnly":true},
        "host":{},"port":{"type":"integer"},"client":{},"client_key":{"writeOnly":true}}}"#;

    fn descriptor() -> Descriptor {
        Descriptor {
            name: "hook".into(),
            title: "Hook".into(),
            summary: "Sends.".into(),
            endpoint_schema: ENDPOINT.replace(r#","client_key":{"writeOnly":true}"#, ""),
            recipient_schema: "{}".into(),
            reach: vec!["{url}".into(), "tls://{host}:{port}".into()],
            batch_max: 1,
            concurrency: 1,
            deliver_ms: 60_000,
            paces: vec![],
            extra: vec![],
        }
    }

    #[test]
    fn a_description_that_differs_from_its_manifest_is_told_part_by_part() {
        type Change = fn(&mut Descriptor);
        let table: &[(&str, Change, &[&str])] = &[
            ("", |_| {}, &[]),
            ("", |it| it.reach.truncate(1), &[]),
            ("", |it| it.name = "hoek".into(), &["name: says `hoek`"]),
            ("", |it| it.title = "x".repeat(257), &["title: expected 1 to 256 bytes"]),
            ("", |it| it.reach[0] = "{URL}".into(), &["reach[0]: `{URL}` is not asked for"]),
            ("", |it| it.reach.push("{other}".into()), &["reach[2]: `{other}` is not asked for"]),
            ("", |it| it.deliver_ms = 60_001, &["deliver_ms: expected at most 60000"]),
            ("[limits]\ndeliver_ms = 90000", |it| it.deliver_ms = 90_000, &[]),
            (
                "",
                |it| it.endpoint_schema = "[]".into(),
                &[
                    "endpoint_schema: expected a JSON Schema",
                    "secret[0].setting: `url` is in neither",
                ],
            ),
            (
                "",
                |it| it.endpoint_schema = it.endpoint_schema.replacen(r#""writeOnly":true"#, "", 1),
                &["endpoint_schema.url: is a secret in the manifest"],
            ),
            (
                "",
                |it| it.endpoint_schema = ENDPOINT.into(),
                &["endpoint_schema.client_key: is `writeOnly` and no secret"],
            ),
            (
                "[[secret]]\nsetting = 'token'\nbound_to = ['{url}']\nplaces = ['path']",
                |_| {},
                &["secret[2].setting: `token` is in neither"],
            ),
            (
                "",
                |it| it.endpoint_schema = it.endpoint_schema.replace(r#""type":"object","#, ""),
                &["secret[1].setting: expected `headers` to be an object"],
            ),
            (
                "",
                |it| {
                    let deep = r#""host":{"properties":{"a":{"writeOnly":true}}}"#;
                    it.endpoint_schema = it.endpoint_schema.replace(r#""host":{}"#, deep);
                },
                &["endpoint_schema: expected `writeOnly` on settings themselves"],
            ),
            (
                "",
                |it| it.endpoint_schema = it.endpoint_schema.replace(r#""host":{},"#, ""),
                &["target[0].to: `host` is no setting of an endpoint"],
            ),
            // A recipient's setting decides nothing about reach, and cannot uncover a secret.
            (
                "",
                |it| {
                    it.endpoint_schema = it.endpoint_schema.replace(r#""host":{},"#, "");
                    it.recipient_schema = r#"{"properties":{"host":{}}}"#.into();
                },
                &["target[0].to: `host` is no setting of an endpoint"],
            ),
            (
                "",
                |it| it.recipient_schema = r#"{"properties":{"url":{}}}"#.into(),
                &["recipient_schema.url: is a secret in the manifest"],
            ),
            (
                "[[oauth2]]\nname = 'client'\ntoken_url = 'https://login.example/t'\n\
                 client_id = 'client'\nclient_secret = 'client_key'\nbound_to = ['{url}']\n\
                 places = ['header:authorization']",
                |it| it.endpoint_schema = ENDPOINT.into(),
                &["oauth2[0].name: expected a name that no setting has"],
            ),
            (
                "[[oauth2]]\nname = 'token'\ntoken_url = 'https://login.example/t'\n\
                 client_id = 'client'\nclient_secret = 'missing'\nbound_to = ['{url}']\n\
                 places = ['header:authorization']",
                |_| {},
                &["oauth2[0].client_secret: `missing` is no setting of an endpoint"],
            ),
        ];
        for (more, change, expected) in table {
            let manifest = Manifest::parse(&format!("{MANIFEST}{more}")).unwrap();
            let mut described = descriptor();
            change(&mut described);
            let told: Vec<_> =
                agree(&manifest, &described).iter().map(ToString::to_string).collect();
            for part in *expected {
                assert!(told.iter().any(|one| one.starts_with(part)), "{part}: {told:?}");
            }
            assert_eq!(told.is_empty(), expected.is_empty(), "{told:?}");
        }
    }

    #[test]
    fn what_is_kept_of_a_description_is_read_back_whole() {
        use super::super::bindings::kind::{Pace, Scope};
        let mut described = descriptor();
        described.paces = vec![Pace { scope: Scope::Origin, count: 20, per_ms: 60_000 }];
        described.extra = vec![("a".into(), "b".into())];
        let kept = super::super::descriptor::write(&described);
        let read = super::super::descriptor::read(&kept).unwrap();
        assert_eq!(format!("{read:?}"), format!("{described:?}"));
        assert!(super::super::descriptor::read("{}").is_none());
    }
}
