//! Settings as somebody wrote them, made ready to be stored: secrets apart from them, bound to
//! where they may go, and compared with what is stored.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Kinds;
use super::secrets::{Settled, Split, Written, cut, settle, split};
use crate::capability::secrets::is_marker;
use crate::config::Problem;
use crate::ids::TenantId;
use crate::records::rows::{EndpointRow, RecipientRow, Secrets};
use crate::setup::Settings;

/// Settings with markers, and the secrets that the markers stand for.
#[derive(Debug, Default)]
pub(crate) struct Laid {
    pub(crate) settings: Settings,
    pub(super) settled: Settled,
}

/// What is stored until now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before<'a> {
    settings: &'a Settings,
    secrets: &'a Secrets,
}

impl<'a> From<&'a EndpointRow> for Before<'a> {
    fn from(row: &'a EndpointRow) -> Self {
        Self { settings: &row.setup.settings, secrets: &row.secrets }
    }
}

impl<'a> From<&'a RecipientRow> for Before<'a> {
    fn from(row: &'a RecipientRow) -> Self {
        Self { settings: &row.setup.settings, secrets: &row.secrets }
    }
}

impl Laid {
    /// What it changes that all of it goes.
    pub(super) fn removal(before: Before<'_>) -> Self {
        Self { settled: settle(BTreeMap::new(), before.secrets, |_| None), ..Self::default() }
    }

    /// The secrets, those that are new as of this version.
    pub(crate) fn secrets(&mut self, version: u64) -> Secrets {
        let mut secrets = std::mem::take(&mut self.settled.secrets);
        for field in &self.settled.fresh {
            if let Some(stored) = secrets.get_mut(field) {
                stored.version = version;
            }
        }
        secrets
    }

    /// What is wrong, by place beneath the object that has the settings.
    pub(crate) fn take_problems(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.settled.problems)
    }
}

impl Kinds {
    /// An endpoint's settings.
    pub(crate) fn lay_endpoint(
        &self,
        (tenant, name, kind): (TenantId, &str, &str),
        settings: Settings,
        before: Option<Before<'_>>,
    ) -> Laid {
        let Some(of_kind) = self.of_kind(kind) else { return unchecked(kind, settings, before) };
        let mut problems = Vec::new();
        let mut split = split(settings, &of_kind.secrets, &mut problems);
        adopt(&mut split, before);
        let bindings = self.bindings(tenant, name, kind, &split.settings);
        let of_field = |field: &str| bindings.as_ref()?.of_field(field)?.ok();
        laid(split, problems, before, of_field)
    }

    /// The settings of a recipient at `endpoint`, as that is from now on.
    pub(crate) fn lay_recipient(
        &self,
        endpoint: &EndpointRow,
        settings: Settings,
        before: Option<Before<'_>>,
    ) -> Laid {
        let kind = &endpoint.setup.kind;
        let Some(of_kind) = self.of_kind(kind) else { return unchecked(kind, settings, before) };
        let mut problems = Vec::new();
        let mut split = split(settings, &of_kind.secrets, &mut problems);
        adopt(&mut split, before);
        let bindings = self.bindings_of(endpoint);
        let of_field = |field: &str| bindings.as_ref()?.of_field(field)?.ok();
        laid(split, problems, before, of_field)
    }
}

fn laid(
    split: Split,
    problems: Vec<Problem>,
    before: Option<Before<'_>>,
    binding: impl Fn(&str) -> Option<super::secrets::Binding>,
) -> Laid {
    let none = Secrets::new();
    let secrets = before.map_or(&none, |before| before.secrets);
    let mut settled = settle(split.written, secrets, binding);
    settled.problems.splice(..0, problems);
    Laid { settings: split.settings, settled }
}

/// A marker without an origin means the stored URL, which has one.
fn adopt(split: &mut Split, before: Option<Before<'_>>) {
    let Some(before) = before else { return };
    let mut map = std::mem::take(&mut split.settings).into_map();
    for (field, written) in &split.written {
        let stored = before.settings.as_map().get(field).filter(|stored| is_marker(stored));
        if let (Written::Kept(None), Some(stored)) = (written, stored) {
            map.insert(field.clone(), stored.clone());
        }
    }
    split.settings = map.into();
}

/// Which of the settings are secret is not known without the kind, so none are taken.
fn unchecked(kind: &str, settings: Settings, before: Option<Before<'_>>) -> Laid {
    let is_new = match before {
        Some(before) => *before.settings != settings,
        None => !settings.is_empty(),
    };
    let mut laid = Laid { settings, ..Laid::default() };
    if is_new {
        laid.settled.problems.push(Problem {
            place: "settings".to_owned(),
            expected: format!(
                "cannot be changed while the kind `{}` is not installed",
                crate::printable::printable(kind, 64)
            ),
        });
    }
    laid.settled.secrets = before.map(|before| before.secrets.clone()).unwrap_or_default();
    laid
}

/// An object as JSON, as two versions of it are compared: nothing of it is secret.
pub(super) fn shown<T: serde::Serialize>(setup: &T, settings: &Settings) -> Value {
    // What is written is JSON.
    let mut value = serde_json::to_value(setup).unwrap_or(Value::Null);
    if let Some(fields) = value.as_object_mut() {
        let left = cut(settings.as_map());
        fields.remove("settings");
        if !left.is_empty() {
            fields.insert("settings".to_owned(), Value::Object(left.into_map()));
        }
    }
    value
}
