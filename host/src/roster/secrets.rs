//! Secrets among the settings of endpoints and recipients: which they are, where each may go, and
//! what a change makes of them.
//!
//! Promise: settings that are stored, shown or compared hold markers where secrets were. A stored
//! secret is used only while everything that it was bound to is as it was: its kind, the origins
//! and targets it goes to, and the way there.
//!
//! Not here: how they are sealed (`vault`), and how they are filled in (`capability::secrets`).

mod binding;
mod clients;
mod settle;
mod split;

use crate::capability::egress::TlsSettings;
use crate::capability::secrets::{Credential, Decoding, Form, Place};
use crate::ids::Secret;
use crate::records::rows::Secrets;
use crate::runtime::Manifest;

pub(super) use binding::{Binding, Bindings};
pub(super) use settle::{Settled, settle, unset};
pub(super) use split::{Split, Written, cut, origin_of, plain, reach_view, split, take_marker};

/// All secret settings of one kind.
#[derive(Debug, Default)]
pub(super) struct SecretSettings(Vec<SecretSetting>);

/// A setting whose value is kept apart.
#[derive(Debug)]
pub(super) struct SecretSetting {
    /// Without the `.*` of an object each of whose values is one.
    pub(super) name: String,
    pub(super) is_object: bool,
    pub(super) form: Form,
    /// Templates of the manifest; `None`: wherever the endpoint goes.
    pub(super) bound_to: Option<Vec<String>>,
    /// Where the component's requests may have it; `None`: only the engine itself uses it.
    pub(super) use_of: Option<Use>,
}

#[derive(Debug)]
pub(super) struct Use {
    places: Vec<Place>,
    signs_into: Vec<Place>,
    decode: Decoding,
}

impl SecretSettings {
    pub(super) fn of(manifest: &Manifest) -> Self {
        let mut all: Vec<_> = manifest
            .secret
            .iter()
            .map(|asked| {
                let object = asked.setting.strip_suffix(".*");
                SecretSetting {
                    name: object.unwrap_or(&asked.setting).to_owned(),
                    is_object: object.is_some(),
                    form: asked.form,
                    bound_to: Some(asked.bound_to.clone()),
                    use_of: Some(Use {
                        places: asked.places.clone(),
                        signs_into: asked.signs_into.clone(),
                        decode: asked.decode,
                    }),
                }
            })
            .collect();
        let mut for_engine = |name: &str, bound_to: Option<Vec<String>>| {
            if !all.iter().any(|one: &SecretSetting| one.name == name) {
                let (name, is_object, form) = (name.to_owned(), false, Form::Text);
                all.push(SecretSetting { name, is_object, form, bound_to, use_of: None });
            }
        };
        for asked in &manifest.oauth2 {
            for name in [Some(&asked.client_secret), asked.refresh_token.as_ref()] {
                let bound_to = Some(vec![asked.token_url.clone()]);
                name.into_iter().for_each(|name| for_engine(name, bound_to.clone()));
            }
        }
        for_engine(TlsSettings::CLIENT_KEY, None);
        Self(all)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &SecretSetting> {
        self.0.iter()
    }

    /// The one that `field` belongs to: `password`, `headers.X-Key`.
    pub(super) fn of_field(&self, field: &str) -> Option<&SecretSetting> {
        self.0.iter().find(|one| match field.strip_prefix(one.name.as_str()) {
            Some("") => !one.is_object,
            Some(rest) => one.is_object && rest.starts_with('.'),
            None => false,
        })
    }

    /// The setting `key`, at the top of the settings.
    pub(super) fn at_top(&self, key: &str) -> Option<&SecretSetting> {
        self.0.iter().find(|one| one.name == key)
    }
}

impl SecretSetting {
    /// `None`: the component does not use it.
    pub(super) fn credential(
        &self,
        field: &str,
        value: &Secret,
        binding: &Binding,
    ) -> Option<Credential> {
        let of = self.use_of.as_ref()?;
        Some(Credential {
            setting: field.to_owned(),
            value: value.clone(),
            form: self.form,
            places: of.places.clone(),
            signs_into: of.signs_into.clone(),
            decode: of.decode,
            bound_to: binding.to().to_vec(),
        })
    }
}

/// The setting at the top that `field` is in, or is.
pub(super) fn top(field: &str) -> &str {
    field.split_once('.').map_or(field, |(top, _)| top)
}

/// The value of a secret that is there and can be used.
pub(super) fn value<'a>(secrets: &'a Secrets, field: &str) -> Option<&'a Secret> {
    secrets.get(field).and_then(|stored| stored.value.as_ref())
}
