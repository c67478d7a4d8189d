//! What a component may do, line by line, in words for whoever approves it.
//!
//! Promise: pure, and each line stands for itself, so that two versions of a component can be
//! compared line by line.

use serde_json::{Map, Value};

use super::agree::properties;
use super::bindings::kind::Descriptor;
use super::manifest::{Access, Manifest, OAuth2Asked, OriginAsked, SecretAsked, TargetAsked};
use crate::capability::secrets::{Form, Place};
use crate::printable::printable;

/// Longest list of names that one line quotes, in bytes.
const NAMES_BYTES_MAX: usize = 4 << 10;

/// What it reaches, what it reads in clear, and what it uses without seeing it.
pub(super) fn words(manifest: &Manifest, described: &Descriptor) -> Vec<String> {
    let mut lines = vec![format!(
        "speaks to the engine through: {}",
        manifest
            .world
            .interfaces()
            .iter()
            .filter(|one| **one != "alerts")
            .copied()
            .collect::<Vec<_>>()
            .join(", ")
    )];
    lines.extend(manifest.origin.iter().map(origin));
    lines.extend(manifest.target.iter().map(target));
    for folder in &manifest.folder {
        let does = match folder.access {
            Access::Read => "reads the files",
            Access::Append => "reads, adds to, renames and removes files",
        };
        let (name, setting) = (&folder.name, &folder.setting);
        lines.push(format!("{does} in its folder `{name}`, at the place that `{setting}` names"));
    }
    if manifest.reach().next().is_none() && manifest.folder.is_empty() {
        lines.push("reaches nothing".to_owned());
    }
    lines.extend(manifest.secret.iter().map(secret));
    lines.extend(manifest.oauth2.iter().map(oauth2));
    let schemas =
        [("endpoint", &described.endpoint_schema), ("recipient", &described.recipient_schema)];
    for (of, schema) in schemas {
        let names = open_settings(manifest, schema);
        if !names.is_empty() {
            lines.push(
                format!("reads in clear, of an {of}'s settings: {names}")
                    .replace("an recipient", "a recipient"),
            );
        }
    }
    lines.extend(
        [
            "of each alert: ids, times, severity, category, type, title, text, entity, link",
            "of each alert: labels and annotations",
            "of each alert: the parties: addresses, names, ports, users of flow and host",
            "of each alert: its raw text, as its producer sent it",
        ]
        .map(|what| format!("reads in clear, {what}")),
    );
    let seconds = manifest.deliver_ms().div_ceil(1000);
    lines.push(format!("may take {seconds} s for one delivery"));
    lines
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
