//! From rows to what dispatch sends through and to, or all that is wrong with them.

use std::sync::Arc;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::Kinds;
use super::secrets::{Bindings, origin_of, plain, top, value};
use crate::capability::egress::TlsSettings;
use crate::capability::secrets::{Credential, CredentialError, Credentials, Form, is_marker};
use crate::config::Problem;
use crate::dispatch::{Destination, Endpoint, Own};
use crate::records::rows::{EndpointRow, RecipientRow, Secrets};
use crate::wording::Wording;

/// Settings that are the engine's own business, whatever the kind.
const OF_ENGINE: [&str; 4] =
    [TlsSettings::CA, TlsSettings::PIN, TlsSettings::CLIENT_CERT, TlsSettings::CLIENT_KEY];

impl Kinds {
    /// An endpoint that can be sent through, or all that is wrong with it, by place beneath it.
    pub fn endpoint(&self, row: &EndpointRow) -> Result<Arc<Endpoint>, Vec<Problem>> {
        let (kind, read_by) = self.kind_for(row.tenant, &row.setup.kind)?;
        let settings = row.setup.settings.as_map();
        let of_kind = of_kind(settings);
        let mut problems =
            read_by.schemas.endpoint("settings", plain(&of_kind, &row.secrets).as_map());
        let key = value(&row.secrets, TlsSettings::CLIENT_KEY);
        let tls =
            TlsSettings::parse(settings, key).map_err(|found| add(&mut problems, beneath(found)));
        let way = self.way(row.tenant, &row.name);
        let bindings = Bindings::new(read_by, settings, way);
        let (Ok(tls), Ok(bindings)) = (tls, bindings) else { return Err(problems) };
        let credentials = credentials(&bindings, settings, &row.secrets, &mut problems);
        let versions = versions(&row.secrets);
        let grant = match bindings.grant(row.tenant, row.id, &tls) {
            Ok(grant) => grant.with_secrets(versions),
            Err(error) => {
                // A schema that says what is missing says it better.
                if problems.is_empty() {
                    problems.push(at("settings", error.to_string()));
                }
                return Err(problems);
            }
        };
        add(&mut problems, grant.problems("settings"));
        let shared = made(credentials.clone(), &mut problems);
        let folders = self
            .folders(row.tenant, read_by, &row.setup.settings)
            .map_err(|found| add(&mut problems, found))
            .unwrap_or_default();
        let tokens = bindings.clients(&grant, settings, &row.secrets).unwrap_or_else(|error| {
            add(&mut problems, vec![at("settings", error.to_string())]);
            Vec::new()
        });
        tokens.iter().for_each(|one| add(&mut problems, one.grant.problems("settings")));
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Arc::new(Endpoint {
            id: row.id,
            tenant: row.tenant,
            name: row.name.clone(),
            kind: Arc::clone(kind),
            grant,
            settings: of_kind,
            credentials,
            shared,
            tokens,
            secret_versions: versions,
            net: Arc::clone(&self.net),
            files: Arc::clone(&self.files),
            folders: folders.into(),
        }))
    }

    /// A recipient that can be sent to, or all that is wrong with its settings. `row` of the
    /// endpoint is what `endpoint` was made of.
    pub fn recipient(
        &self,
        row: &RecipientRow,
        endpoint_row: &EndpointRow,
        endpoint: &Arc<Endpoint>,
    ) -> Result<Arc<Destination>, Vec<Problem>> {
        let settings = row.setup.settings.as_map();
        let mut problems = match self.of_kind(&endpoint.kind.name) {
            Some(read_by) => {
                read_by.schemas.recipient("settings", plain(settings, &row.secrets).as_map())
            }
            None => Vec::new(),
        };
        let has_own = settings.values().any(holds_marker) || !row.secrets.is_empty();
        let own = if has_own {
            let Some(bindings) = self.bindings_of(endpoint_row) else { return Err(problems) };
            credentials(&bindings, settings, &row.secrets, &mut problems)
        } else {
            Vec::new()
        };
        // What a recipient sets stands instead of what its endpoint has under that name.
        let is_hidden = |one: &Credential| settings.contains_key(top(&one.setting));
        let credentials = if own.is_empty() && !endpoint.credentials.iter().any(is_hidden) {
            Arc::clone(&endpoint.shared)
        } else {
            let inherited = endpoint.credentials.iter().filter(|one| !is_hidden(one));
            made(inherited.cloned().chain(own).collect(), &mut problems)
        };
        let wording = Wording::compile(&row.setup.templates).unwrap_or_else(|found| {
            problems.extend(super::live::below("templates", Some(&found)));
            Wording::default()
        });
        if !problems.is_empty() {
            return Err(problems);
        }
        let secret_versions = versions(&row.secrets);
        let own = Own { settings, credentials, secret_versions, wording };
        let endpoint = Arc::clone(endpoint);
        Ok(Arc::new(Destination::new(row.id, &row.name, endpoint, own, &self.site)))
    }
}

/// Settings that the component knows of.
fn of_kind(settings: &Map<String, Value>) -> Map<String, Value> {
    let is_of_kind = |(key, _): &(&String, &Value)| !OF_ENGINE.contains(&key.as_str());
    settings.iter().filter(is_of_kind).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The credentials of these settings, each checked to be bound to where it would go now.
fn credentials(
    bindings: &Bindings<'_>,
    settings: &Map<String, Value>,
    secrets: &Secrets,
    problems: &mut Vec<Problem>,
) -> Vec<Credential> {
    let mut usable = Vec::with_capacity(secrets.len());
    for field in fields(settings) {
        match credential(bindings, settings, &field, secrets) {
            Ok(found) => usable.extend(found),
            Err(unusable) => {
                let place = format!("settings.{}", crate::printable::printable(&field, 128));
                // What became of a secret says more than that it is missing.
                if unusable.is_lost {
                    problems.retain(|one| one.place != place);
                }
                add(problems, vec![Problem { place, expected: unusable.expected }]);
            }
        }
    }
    usable
}

/// Why a secret cannot be used.
struct Unusable {
    expected: String,
    /// There is no value any more.
    is_lost: bool,
}

fn credential(
    bindings: &Bindings<'_>,
    settings: &Map<String, Value>,
    field: &str,
    secrets: &Secrets,
) -> Result<Option<Credential>, Unusable> {
    let wrong = |expected: String| Unusable { expected, is_lost: false };
    let lost = |what: &str| {
        let field = crate::printable::printable(field, 128);
        Unusable { expected: format!("the secret `{field}` {what}; set it again"), is_lost: true }
    };
    let Some((setting, binding)) = bindings.setting(field) else {
        return Err(wrong("is no secret of this kind; leave it out".to_owned()));
    };
    let binding = binding.map_err(|error| wrong(error.to_string()))?;
    let stored = secrets.get(field).ok_or_else(|| lost("is not stored any more"))?;
    let Some(value) = stored.value.as_ref().filter(|_| stored.bound_to == binding.to_text()) else {
        return Err(lost("was bound to something else"));
    };
    let is_clear = |to: &String| to.starts_with("http://");
    if !bindings.way.clear_text() && binding.to().iter().all(is_clear) && !binding.to().is_empty() {
        let to = binding.to().join(" or ");
        return Err(wrong(format!(
            "would go to {to} in clear text, which only the operator can grant (`clear_text` in \
             [[egress.grant]]); use `https://`"
        )));
    }
    if setting.form == Form::Url {
        let origin = origin_of(value);
        let is_shown = settings.get(field).and_then(|it| it.get("origin")).and_then(Value::as_str);
        let is_bound = origin.as_ref().is_some_and(|origin| binding.to().contains(origin));
        if !is_bound || origin.as_deref() != is_shown {
            return Err(wrong(format!("expected a URL at {}", binding.to().join(" or "))));
        }
    }
    Ok(setting.credential(field, value, &binding))
}

/// The fields at which there are markers.
fn fields(settings: &Map<String, Value>) -> Vec<String> {
    let mut fields = Vec::new();
    for (key, value) in settings {
        match value {
            value if is_marker(value) => fields.push(key.clone()),
            Value::Object(inner) => {
                let inner = inner.iter().filter(|(_, value)| is_marker(value));
                fields.extend(inner.map(|(name, _)| format!("{key}.{name}")));
            }
            _ => {}
        }
    }
    fields
}

fn holds_marker(value: &Value) -> bool {
    is_marker(value) || value.as_object().is_some_and(|inner| inner.values().any(is_marker))
}

fn made(credentials: Vec<Credential>, problems: &mut Vec<Problem>) -> Arc<Credentials> {
    let made = Credentials::new(credentials).unwrap_or_else(|error| {
        let CredentialError { setting, expected } = error;
        add(problems, vec![at(&format!("settings.{setting}"), expected.to_owned())]);
        Credentials::default()
    });
    Arc::new(made)
}

/// Another value for other versions; no value of a secret has a part in it.
fn versions(secrets: &Secrets) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (field, stored) in secrets {
        hash.update(field.len().to_be_bytes());
        hash.update(field);
        hash.update(stored.version.to_be_bytes());
    }
    hash.finalize().into()
}

/// The first problem of a place is the cause of the next.
fn add(problems: &mut Vec<Problem>, more: Vec<Problem>) {
    for one in more {
        if !problems.iter().any(|known| known.place == one.place) {
            problems.push(one);
        }
    }
}

fn beneath(problems: Vec<Problem>) -> Vec<Problem> {
    problems.into_iter().map(|one| at(&format!("settings.{}", one.place), one.expected)).collect()
}

fn at(place: &str, expected: String) -> Problem {
    Problem { place: place.to_owned(), expected }
}
