//! Where an endpoint's folders lie: what its settings name, beneath the tenant's own folder.

use std::fmt;

use serde_json::{Map, Value};

use super::name::{self, NameError};
use crate::config::Problem;
use crate::runtime::{Access, FolderAsked};

/// Folders within folders that a place may name.
const PARTS_MAX: usize = 16;

/// A folder beneath the operator's root: the tenant's name, then what the endpoint's setting says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    parts: Vec<String>,
}

/// A folder that an endpoint may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderGrant {
    /// What the component calls it.
    pub name: String,
    pub place: Place,
    pub access: Access,
}

impl Place {
    /// `text` is one name, or several between slashes.
    pub fn parse(tenant: &str, text: &str) -> Result<Self, PlaceError> {
        if text.starts_with('/') {
            return Err(PlaceError::Absolute);
        }
        if text.split('/').count() > PARTS_MAX {
            return Err(PlaceError::Deep);
        }
        let parts = std::iter::once(tenant).chain(text.split('/'));
        let parts = parts.map(|part| name::checked(part).map(str::to_owned));
        Ok(Self { parts: parts.collect::<Result<_, _>>()? })
    }

    pub(super) fn parts(&self) -> &[String] {
        &self.parts
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts.join("/"))
    }
}

/// Why a text is not a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    #[error("a place must not begin with `/`")]
    Absolute,
    #[error("a place must have at most {PARTS_MAX} parts")]
    Deep,
    #[error(transparent)]
    Part(#[from] NameError),
}

/// The folders that a manifest asks for, at the places that an endpoint's settings name, or all
/// that is wrong with them. `is_open`: the operator has named a root.
pub fn folders(
    asked: &[FolderAsked],
    settings: &Map<String, Value>,
    tenant: &str,
    is_open: bool,
) -> Result<Vec<FolderGrant>, Vec<Problem>> {
    let mut grants = Vec::with_capacity(asked.len());
    let mut problems = Vec::new();
    for one in asked {
        match grant(one, settings, tenant, is_open) {
            Ok(grant) => grants.push(grant),
            Err(expected) => {
                problems.push(Problem { place: format!("settings.{}", one.setting), expected });
            }
        }
    }
    if problems.is_empty() { Ok(grants) } else { Err(problems) }
}

fn grant(
    asked: &FolderAsked,
    settings: &Map<String, Value>,
    tenant: &str,
    is_open: bool,
) -> Result<FolderGrant, String> {
    if !is_open {
        return Err("names a folder, but no folder is granted here; let the operator set \
                    `[files] root`"
            .to_owned());
    }
    let text = settings.get(&asked.setting).and_then(Value::as_str);
    let text = text.ok_or("expected the name of a folder, such as `alerts`")?;
    let place = Place::parse(tenant, text).map_err(|error| {
        format!("expected a folder beneath `[files] root`, such as `alerts/web`: {error}")
    })?;
    Ok(FolderGrant { name: asked.name.clone(), place, access: asked.access })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_plain_parts_beneath_the_tenants_folder() {
        let long = "x".repeat(256);
        let deep = "x/".repeat(16) + "x";
        let part = |error| Err(PlaceError::Part(error));
        let table = [
            ("alerts", Ok("acme/alerts")),
            ("alerts/web", Ok("acme/alerts/web")),
            ("", part(NameError::Empty)),
            ("alerts/", part(NameError::Empty)),
            ("alerts//web", part(NameError::Empty)),
            ("/etc", Err(PlaceError::Absolute)),
            ("..", part(NameError::Dot)),
            ("alerts/../../globex", part(NameError::Dot)),
            ("alerts/./web", part(NameError::Dot)),
            ("alerts/.ssh", part(NameError::Dot)),
            ("alerts\\web", part(NameError::Separator)),
            ("alerts\0", part(NameError::Control)),
            (&long, part(NameError::Long)),
            (&deep, Err(PlaceError::Deep)),
        ];
        for (text, expected) in table {
            let found = Place::parse("acme", text).map(|place| place.to_string());
            assert_eq!(found, expected.map(str::to_owned), "{text:?}");
        }
        assert!(Place::parse("../acme", "alerts").is_err(), "a tenant's name is a part too");
    }

    #[test]
    fn settings_that_name_no_folder_are_told_where_they_stand() {
        let asked = FolderAsked {
            name: "log".to_owned(),
            setting: "folder".to_owned(),
            access: Access::Append,
        };
        let table = [
            (r#"{"folder":"alerts"}"#, true, None),
            (r#"{"folder":"alerts"}"#, false, Some("[files] root")),
            (r#"{"folder":"../x"}"#, true, Some("must not begin with a dot")),
            (r#"{"folder":7}"#, true, Some("name of a folder")),
            ("{}", true, Some("name of a folder")),
        ];
        for (settings, is_open, expected) in table {
            let settings = serde_json::from_str(settings).unwrap();
            let found = folders(std::slice::from_ref(&asked), &settings, "acme", is_open);
            match (found, expected) {
                (Ok(grants), None) => assert_eq!(grants[0].place.to_string(), "acme/alerts"),
                (Err(problems), Some(part)) => {
                    assert_eq!(problems[0].place, "settings.folder");
                    assert!(problems[0].expected.contains(part), "{problems:?}");
                }
                other => panic!("{settings:?}: {other:?}"),
            }
        }
    }
}
