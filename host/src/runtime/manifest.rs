//! `component.toml`: what a component asks for. It cannot get more.
//!
//! Promise: a manifest that is taken holds together: what secrets are bound to is asked for, places
//! fit the form of what goes there, and nothing is in it twice. Every fault is told at once, each
//! with its place.
//!
//! Not here: whether the component's own description agrees with it (`runtime::agree`).

mod check;
mod reading;
mod template;
#[cfg(test)]
mod tests;

use serde::Deserialize;

use super::bindings::kind::Descriptor;
use crate::capability::secrets::{Decoding, Form, Place};
use crate::config::Problem;

/// Wall clock of one `deliver` where the manifest asks for none, in milliseconds.
const DELIVER_MS_DEFAULT: u32 = 60_000;
/// The most that a manifest may ask for, in milliseconds.
const DELIVER_MS_MAX: u32 = 180_000;

/// A component's manifest, exactly as its folder holds it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Machine name of the kind, equal to what `describe` says.
    pub name: String,
    pub world: World,
    #[serde(default)]
    pub origin: Vec<OriginAsked>,
    #[serde(default)]
    pub target: Vec<TargetAsked>,
    #[serde(default)]
    pub folder: Vec<FolderAsked>,
    #[serde(default)]
    pub secret: Vec<SecretAsked>,
    #[serde(default)]
    pub oauth2: Vec<OAuth2Asked>,
    #[serde(default)]
    pub limits: LimitsAsked,
}

/// An origin that it may send HTTP requests to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OriginAsked {
    /// Exact, or with endpoint settings in braces: `{url}`, `https://{host}:{port}`.
    pub url: String,
    /// Empty: all that the contract has.
    #[serde(default)]
    pub methods: Vec<MethodAsked>,
    /// What paths begin with.
    #[serde(default = "root")]
    pub path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MethodAsked {
    Get,
    Head,
    Options,
    Post,
    Put,
    Patch,
    Delete,
}

impl MethodAsked {
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// What it may speak to beside HTTP.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetAsked {
    /// `tcp://`, `tls://` or `udp://` with host and port, `unix-dgram:` with a path; settings in
    /// braces.
    pub to: String,
}

/// A folder that it may use.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderAsked {
    /// What the component calls it.
    pub name: String,
    /// The endpoint setting that names the place beneath the operator's folder for files.
    pub setting: String,
    pub access: Access,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    Read,
    /// Reading, adding to files, renaming and removing them.
    Append,
}

impl Access {
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Append => "append",
        }
    }
}

/// A setting that is a secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretAsked {
    /// `password`; `headers.*`: each value of the object `headers`.
    pub setting: String,
    #[serde(default)]
    pub form: Form,
    /// Where it may go: one or more of `origin.url` and `target.to`, written the same.
    pub bound_to: Vec<String>,
    pub places: Vec<Place>,
    /// How a key's text becomes bytes.
    #[serde(default)]
    pub decode: Decoding,
    /// Where signatures made with a key may stand.
    #[serde(default)]
    pub signs_into: Vec<Place>,
}

/// A token that the host fetches and refreshes by itself (RFC 6749).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuth2Asked {
    /// The name under which the component uses the access token, as if it were a secret setting.
    pub name: String,
    /// Where tokens are fetched; an origin of its own.
    pub token_url: String,
    /// Names of settings.
    pub client_id: String,
    pub client_secret: String,
    #[serde(default)]
    pub refresh_token: Option<String>,
    #[serde(default)]
    pub scope: Option<String>,
    pub bound_to: Vec<String>,
    pub places: Vec<Place>,
}

/// What it asks for of the operator's ceilings; left out: the operator's defaults.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsAsked {
    /// Wall clock of one `deliver`, in milliseconds.
    pub deliver_ms: Option<u32>,
}

fn root() -> String {
    "/".to_owned()
}

impl Manifest {
    /// Reads a manifest; `Err`: everything that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let (manifest, mut problems) = reading::read(text);
        let Some(manifest) = manifest else { return Err(problems) };
        // What could not be read is told; what hangs on it would only repeat that.
        if problems.is_empty() {
            problems = check::check(&manifest);
        }
        if problems.is_empty() { Ok(manifest) } else { Err(problems) }
    }

    /// What a kind of the engine asks for: its time.
    pub(super) fn of_native(described: &Descriptor) -> Result<Self, Vec<Problem>> {
        let manifest = Self {
            name: described.name.clone(),
            world: World::Native,
            origin: Vec::new(),
            target: Vec::new(),
            folder: Vec::new(),
            secret: Vec::new(),
            oauth2: Vec::new(),
            limits: LimitsAsked { deliver_ms: Some(described.deliver_ms) },
        };
        let problems = check::check(&manifest);
        if problems.is_empty() { Ok(manifest) } else { Err(problems) }
    }

    /// The origins asked for, as they are written.
    pub fn origins(&self) -> Vec<String> {
        self.origin.iter().map(|one| one.url.clone()).collect()
    }

    /// The origins and targets asked for, as they are written.
    pub fn reach(&self) -> impl Iterator<Item = &str> {
        let targets = self.target.iter().map(|one| one.to.as_str());
        self.origin.iter().map(|one| one.url.as_str()).chain(targets)
    }

    /// Names of the settings that are secret; an object of secrets by its own name. Those from which
    /// the host fetches a token are, too.
    pub fn secret_settings(&self) -> impl Iterator<Item = &str> {
        let of_tokens = self.oauth2.iter().flat_map(|one| {
            [Some(one.client_secret.as_str()), one.refresh_token.as_deref()].into_iter().flatten()
        });
        self.secret.iter().map(SecretAsked::setting).chain(of_tokens)
    }

    /// Settings of the endpoint that decide where it reaches, each with the place that names it.
    pub(super) fn named_settings(&self) -> Vec<(String, &str)> {
        let mut named = Vec::new();
        let mut add = |place: String, template| {
            named.extend(settings_in(template).map(|name| (place.clone(), name)));
        };
        for (at, one) in self.origin.iter().enumerate() {
            add(format!("origin[{at}].url"), &one.url);
        }
        for (at, one) in self.target.iter().enumerate() {
            add(format!("target[{at}].to"), &one.to);
        }
        for (at, one) in self.oauth2.iter().enumerate() {
            add(format!("oauth2[{at}].token_url"), &one.token_url);
        }
        for (at, one) in self.folder.iter().enumerate() {
            named.push((format!("folder[{at}].setting"), one.setting.as_str()));
        }
        for (at, one) in self.oauth2.iter().enumerate() {
            named.extend(one.settings().map(|(key, name)| (format!("oauth2[{at}].{key}"), name)));
        }
        named
    }

    /// Wall clock that one `deliver` may ask for, in milliseconds.
    pub fn deliver_ms(&self) -> u32 {
        self.limits.deliver_ms.unwrap_or(DELIVER_MS_DEFAULT)
    }
}

impl SecretAsked {
    /// The setting, without `.*`.
    pub fn setting(&self) -> &str {
        self.setting.strip_suffix(".*").unwrap_or(&self.setting)
    }

    /// Whether it stands for each value of an object.
    pub fn is_object(&self) -> bool {
        self.setting.ends_with(".*")
    }
}

impl OAuth2Asked {
    /// The settings that it names, each with its key.
    fn settings(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("client_id", Some(&self.client_id)),
            ("client_secret", Some(&self.client_secret)),
            ("refresh_token", self.refresh_token.as_ref()),
            ("scope", self.scope.as_ref()),
        ]
        .into_iter()
        .filter_map(|(key, name)| Some((key, name?.as_str())))
    }
}

/// Names of the settings in braces. What is between braces that do not match is none.
fn settings_in(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0))
}

/// The world of the contract that the component was made for: the most it may import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum World {
    HttpComponent,
    Component,
    FileComponent,
    /// None of the contract's: a kind of the engine. No manifest in a file can say this.
    #[serde(skip)]
    Native,
}

impl World {
    pub fn name(self) -> &'static str {
        match self {
            Self::HttpComponent => "http-component",
            Self::Component => "component",
            Self::FileComponent => "file-component",
            Self::Native => "native",
        }
    }

    /// The interfaces of the contract that a component of this world may import.
    pub fn interfaces(self) -> &'static [&'static str] {
        match self {
            Self::HttpComponent => &["alerts", "http", "secrets", "log"],
            Self::Component => &["alerts", "http", "secrets", "log", "net"],
            Self::FileComponent => &["alerts", "files", "log"],
            Self::Native => &[],
        }
    }
}
