//! `component.toml`: what a component asks for. It cannot get more.

use serde::Deserialize;

use crate::capability::secrets::{Decoding, Form, Place};

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
    /// The origins asked for, as they are written.
    pub fn origins(&self) -> Vec<String> {
        self.origin.iter().map(|one| one.url.clone()).collect()
    }
}

/// The world of the contract that the component was made for: the most it may import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum World {
    HttpComponent,
    Component,
    FileComponent,
}

impl World {
    pub fn name(self) -> &'static str {
        match self {
            Self::HttpComponent => "http-component",
            Self::Component => "component",
            Self::FileComponent => "file-component",
        }
    }

    /// The interfaces of the contract that a component of this world may import.
    pub fn interfaces(self) -> &'static [&'static str] {
        match self {
            Self::HttpComponent => &["alerts", "http", "secrets", "log"],
            Self::Component => &["alerts", "http", "secrets", "log", "net"],
            Self::FileComponent => &["alerts", "files", "log"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_with_an_unknown_key_or_world_is_refused() {
        let good = "name = 'a'\nworld = 'http-component'\n[[origin]]\nurl = '{url}'";
        assert_eq!(toml::from_str::<Manifest>(good).unwrap().world, World::HttpComponent);
        for bad in
            ["name = 'a'", "name = 'a'\nworld = 'all'", "name='a'\nworld='component'\nfs=true"]
        {
            assert!(toml::from_str::<Manifest>(bad).is_err(), "{bad}");
        }
    }
}
