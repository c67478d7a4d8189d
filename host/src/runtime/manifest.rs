//! `component.toml`: what a component asks for. It cannot get more.

use serde::Deserialize;

/// A component's manifest, exactly as its folder holds it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Machine name of the kind, equal to what `describe` says.
    pub name: String,
    pub world: World,
    /// Origins asked for: exact ones, or placeholders for endpoint settings such as `{url}`.
    #[serde(default)]
    pub origins: Vec<String>,
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
        let good = "name = 'a'\nworld = 'http-component'\norigins = ['{url}']";
        assert_eq!(toml::from_str::<Manifest>(good).unwrap().world, World::HttpComponent);
        for bad in
            ["name = 'a'", "name = 'a'\nworld = 'all'", "name='a'\nworld='component'\nfs=true"]
        {
            assert!(toml::from_str::<Manifest>(bad).is_err(), "{bad}");
        }
    }
}
