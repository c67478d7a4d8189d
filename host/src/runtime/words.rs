//! What a component may do, line by line, in words for whoever approves it.
//!
//! Promise: pure, and each line stands for itself, so that two versions of a component can be
//! compared line by line.

use serde_json::{Map, Value};

use super::agree::properties;
use super::bindings::kind::Descriptor;
use super::manifest::{
    Access, Manifest, OAuth2Asked, OriginAsked, SecretAsked, TargetAsked, World,
};
use super::withheld::Withheld;
use crate::capability::egress::with_defaults;
use crate::capability::secrets::{Form, Place};
use crate::printable::printable;

/// Longest list of names that one line quotes, in bytes.
const NAMES_BYTES_MAX: usize = 4 << 10;

/// What it reaches, what it reads in clear, and what it uses without seeing it.
pub(super) fn words(
    manifest: &Manifest,
    described: &Descriptor,
    withheld: Withheld,
) -> Vec<String> {
    let is_native = manifest.world == World::Native;
    let interfaces = manifest.world.interfaces().iter().filter(|one| **one != "alerts");
    let interfaces = interfaces.copied().collect::<Vec<_>>().join(", ");
    let mut lines = vec![if is_native {
        "is a part of the engine; what it does outside of it, a helper process does, within what \
         `privileged.toml` allows"
            .to_owned()
    } else {
        format!("speaks to the engine through: {interfaces}")
    }];
    lines.extend(manifest.origin.iter().map(origin));
    lines.extend(manifest.target.iter().map(target));
    lines.extend(defaults(manifest, &described.endpoint_schema));
    for folder in &manifest.folder {
        let does = match folder.access {
            Access::Read => "reads the files",
            Access::Append => "reads, adds to, renames and removes files",
        };
        let (name, setting) = (&folder.name, &folder.setting);
        lines.push(format!("{does} in its folder `{name}`, at the place that `{setting}` names"));
    }
    if manifest.reach().next().is_none() && manifest.folder.is_empty() && !is_native {
        lines.push("reaches nothing".to_owned());
    }
    lines.extend(manifest.secret.iter().map(secret));
    lines.extend(manifest.oauth2.iter().map(oauth2));
    let schemas =
        [("an endpoint", &described.endpoint_schema), ("a recipient", &described.recipient_schema)];
    for (of, schema) in schemas {
        let names = open_settings(manifest, schema);
        if !names.is_empty() {
            lines.push(format!("reads in clear, of the settings of {of}: {names}"));
        }
    }
    lines.extend(of_alerts(withheld).map(|what| format!("reads in clear, of each alert: {what}")));
    let seconds = manifest.deliver_ms().div_ceil(1000);
    lines.push(format!("may take {seconds} s for one delivery"));
    lines
}

/// What of alerts the operator does not keep from it.
fn of_alerts(withheld: Withheld) -> impl Iterator<Item = &'static str> {
    let parts = [
        ("ids, times, severity, category, type, title, text, kind of entity", false),
        ("labels", withheld.labels),
        ("annotations", withheld.annotations),
        (
            "the parties: entity, link, addresses, names, ports and users of flow and host",
            withheld.parties,
        ),
        ("its raw text, as its producer sent it", withheld.hides_raw()),
    ];
    parts.into_iter().filter(|(_, is_withheld)| !is_withheld).map(|(part, _)| part)
}

fn origin(asked: &OriginAsked) -> String {
    let methods: Vec<_> = asked.methods.iter().map(|one| one.name()).collect();
    let methods = if methods.is_empty() { "any method".to_owned() } else { methods.join(", ") };
    let paths = match asked.path.as_str() {
        "/" => "any path".to_owned(),
        path => format!("paths that begin with {path}"),
    };
    format!("sends HTTP requests to {}: {methods}; {paths}", whereto(&asked.url))
}

fn target(asked: &TargetAsked) -> String {
    let to = &asked.to;
    let shown = whereto(to);
    match to.split_once(':').map(|(scheme, _)| scheme) {
        Some("tcp") => format!("connects to {shown}, in clear text unless it upgrades"),
        Some("tls") => format!("connects to {shown}, encrypted"),
        Some("udp") => format!("sends datagrams to {shown}, in clear text"),
        Some("unix-dgram") => format!("writes to the local socket {shown}"),
        _ => format!("connects, sends datagrams, or writes to a local socket: {shown}"),
    }
}

/// Exact, or which settings name it.
fn whereto(template: &str) -> String {
    match template.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(name) if !name.contains('{') => format!("where the setting `{name}` points"),
        _ if template.contains('{') => format!("{template} (settings in braces)"),
        _ => template.to_owned(),
    }
}

/// What a template leads to whose setting an endpoint does not set.
fn defaults(manifest: &Manifest, schema: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(schema).unwrap_or_default();
    let whole = with_defaults(&Map::new(), &schema);
    let of_tokens = manifest.oauth2.iter().map(|one| one.token_url.as_str());
    let templates: Vec<_> = manifest.reach().chain(of_tokens).collect();
    let mut lines = Vec::new();
    for (name, value) in whole {
        let in_braces = format!("{{{name}}}");
        if templates.iter().any(|template| template.contains(&in_braces)) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let value = printable(&value, NAMES_BYTES_MAX);
            lines.push(format!("where `{name}` is not set, it is {value}"));
        }
    }
    lines
}

fn secret(asked: &SecretAsked) -> String {
    let name = &asked.setting;
    let (to, places) = (bound(&asked.bound_to), placed(&asked.places));
    match asked.form {
        Form::Key => {
            let into = placed(&asked.signs_into);
            format!("signs with `{name}`, unseen: to {to}, signatures in {into}")
        }
        Form::Url => format!("uses the path and query of `{name}`, unseen: to {to}, in {places}"),
        Form::Text => format!("uses `{name}`, unseen: to {to}, in {places}"),
    }
}

fn oauth2(asked: &OAuth2Asked) -> String {
    let OAuth2Asked { name, client_id, client_secret, .. } = asked;
    let refresh = asked.refresh_token.as_ref().map(|it| format!(", `{it}`")).unwrap_or_default();
    format!(
        "uses the token `{name}`, unseen: to {}, in {}; the engine fetches it from {} with \
         `{client_id}`, `{client_secret}`{refresh}",
        bound(&asked.bound_to),
        placed(&asked.places),
        whereto(&asked.token_url)
    )
}

fn bound(to: &[String]) -> String {
    to.iter().map(|one| whereto(one)).collect::<Vec<_>>().join(", ")
}

fn placed(places: &[Place]) -> String {
    places.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The settings that are no secrets, by name.
fn open_settings(manifest: &Manifest, schema: &str) -> String {
    let schema: Map<String, Value> = serde_json::from_str(schema).unwrap_or_default();
    let is_open = |name: &str| !manifest.secret_settings().any(|secret| secret == name);
    let names = properties(&schema).map(|(name, _)| name.as_str()).filter(|name| is_open(name));
    printable(&names.collect::<Vec<_>>().join(", "), NAMES_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_that_a_component_may_do_is_told_in_a_line() {
        let manifest = Manifest::parse(
            "name = 'a'\nworld = 'component'\n[[origin]]\nurl = 'https://{region}.example'\n\
             path = '/v1/'\n[[target]]\nto = 'tcp://{host}:25'\n[[target]]\n\
             to = 'unix-dgram:/dev/log'\n[[secret]]\nsetting = 'key'\nform = 'key'\n\
             bound_to = ['https://{region}.example']\nplaces = ['key']\n\
             signs_into = ['header:x-signature']\n[[oauth2]]\nname = 'token'\n\
             token_url = '{login}'\nclient_id = 'id'\nclient_secret = 'client_key'\n\
             bound_to = ['tcp://{host}:25']\nplaces = ['sasl']\n[limits]\ndeliver_ms = 1500",
        )
        .unwrap();
        let described = Descriptor {
            name: "a".into(),
            title: "A".into(),
            summary: String::new(),
            endpoint_schema: r#"{"properties":{"key":{},"host":{"default":"10.0.0.1"},
                "client_key":{},"colour":{"default":"red"}}}"#
                .into(),
            recipient_schema: "{}".into(),
            reach: vec![],
            batch_max: 1,
            concurrency: 1,
            deliver_ms: 1,
            paces: vec![],
            extra: vec![],
        };
        let lines = words(&manifest, &described, Withheld { parties: true, ..Withheld::default() });
        let expected = [
            "speaks to the engine through: http, secrets, log, net",
            "sends HTTP requests to https://{region}.example (settings in braces): any method; \
             paths that begin with /v1/",
            "connects to tcp://{host}:25 (settings in braces), in clear text unless it upgrades",
            "writes to the local socket unix-dgram:/dev/log",
            "where `host` is not set, it is 10.0.0.1",
            "signs with `key`, unseen: to https://{region}.example (settings in braces), \
             signatures in header:x-signature",
            "uses the token `token`, unseen: to tcp://{host}:25 (settings in braces), in sasl; the \
             engine fetches it from where the setting `login` points with `id`, `client_key`",
            "reads in clear, of the settings of an endpoint: colour, host",
            "reads in clear, of each alert: ids, times, severity, category, type, title, text, \
             kind of entity",
            "reads in clear, of each alert: labels",
            "reads in clear, of each alert: annotations",
            "may take 2 s for one delivery",
        ];
        assert_eq!(lines, expected);
        let files = Manifest::parse(
            "name = 'a'\nworld = 'file-component'\n[[folder]]\nname = 'log'\n\
             setting = 'folder'\naccess = 'append'",
        )
        .unwrap();
        let lines = words(&files, &described, Withheld::default());
        assert_eq!(
            lines[1],
            "reads, adds to, renames and removes files in its folder `log`, at the place that \
             `folder` names"
        );
        assert!(lines.iter().any(|line| line.ends_with("as its producer sent it")), "{lines:?}");
    }
}
