//! A component as it is shown: what it asks for rule by rule, what it may do in words, how it stands.

use serde::Serialize;
use utoipa::ToSchema;

use super::Kinds;
use super::approval::{ApprovalError, Approvals};
use crate::capability::secrets::{Decoding, Form, Place};
use crate::config::List;
use crate::runtime::{Broken, ComponentHash, Kind, Manifest};

/// A component that is installed.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Component)]
pub struct Installed {
    /// The kind, as endpoints name it.
    pub name: String,
    pub state: State,
    /// Why it is broken.
    pub problem: Option<String>,
    /// SHA-256 of code and manifest together, hexadecimal: what is approved. Null where not all of
    /// it could be read.
    pub hash: Option<String>,
    /// Who approved it; null: nobody.
    pub approved: Option<Approved>,
    /// What is other than in the component of this name that was approved before; null: there was
    /// none, or it is this one.
    pub changes: Option<Changes>,
    /// What it may do, line by line, in words. Empty where it is broken.
    pub does: Vec<String>,
    /// What it is and asks for; null where it is broken.
    pub about: Option<About>,
}

/// How a component stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = ComponentState)]
pub enum State {
    /// It came with the engine, or is a part of it, and needs no approval.
    BuiltIn,
    /// Somebody saw what it may do, and approved it.
    Approved,
    /// Nobody approved it yet: nothing of it runs.
    Waiting,
    /// It cannot be used; `problem` says why.
    Broken,
    /// Whether it is approved only the running engine knows.
    Unknown,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Approved {
    pub at_ms: u64,
    pub by: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ComponentChanges)]
pub struct Changes {
    /// Hash of the component that was approved before.
    pub before: String,
    /// Lines of `does` that are new.
    pub added: Vec<String>,
    /// Lines that are not there any more.
    pub removed: Vec<String>,
}

/// A component's manifest, and what it is made of.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ComponentAbout)]
pub struct About {
    pub title: String,
    pub summary: String,
    /// The world of the contract whose imports it may have; `native`: it is a part of the engine, and
    /// imports nothing.
    pub world: &'static str,
    /// Of its WebAssembly, hexadecimal; of a native kind, of its name and the engine's version.
    pub sha256: String,
    /// 0 for a native kind.
    pub wasm_bytes: usize,
    pub origins: Vec<Origin>,
    /// `{name}` stands for an endpoint setting.
    pub targets: Vec<String>,
    pub folders: Vec<Folder>,
    pub secrets: Vec<SecretSetting>,
    pub oauth2: Vec<OAuth2>,
    /// Longest that one delivery may take, in milliseconds, within the engine's own limits.
    pub deliver_ms: u32,
    pub imports: Vec<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ComponentOrigin)]
pub struct Origin {
    /// `{name}` stands for an endpoint setting.
    pub url: String,
    /// Empty: all that the contract has.
    pub methods: Vec<&'static str>,
    /// What paths begin with.
    pub path: String,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ComponentFolder)]
pub struct Folder {
    pub name: String,
    /// The endpoint setting that names its place.
    pub setting: String,
    /// `read` or `append`.
    pub access: &'static str,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ComponentSecret)]
pub struct SecretSetting {
    pub setting: String,
    /// `text`, `url` or `key`.
    pub form: &'static str,
    /// The origins and targets that it may go to.
    pub bound_to: Vec<String>,
    /// Where in a request, or on a connection.
    pub places: Vec<String>,
    /// How the text of a key becomes bytes; null: it is no key.
    pub decode: Option<&'static str>,
    /// Where signatures may stand.
    pub signs_into: Vec<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ComponentOAuth2)]
pub struct OAuth2 {
    pub name: String,
    pub token_url: String,
    pub client_id: String,
    pub client_secret: String,
    pub refresh_token: Option<String>,
    pub scope: Option<String>,
    pub bound_to: Vec<String>,
    pub places: Vec<String>,
}

impl Kinds {
    /// All components, sorted by name; of one name the one that is used comes first.
    pub fn components(&self) -> Vec<Installed> {
        let catalog = self.catalog();
        let sound = catalog.kinds().iter().map(|kind| self.installed(kind));
        let mut all: Vec<_> = sound.chain(catalog.broken().iter().map(Installed::broken)).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// The component of this name.
    pub fn component(&self, name: &str) -> Result<Installed, ApprovalError> {
        let catalog = self.catalog();
        let kind = catalog.kind(name).map(|kind| self.installed(kind));
        let broken = || catalog.broken().iter().find(|one| one.name == name);
        kind.or_else(|| broken().map(Installed::broken)).ok_or_else(|| {
            let name = name.to_owned();
            if catalog.is_off(&name) {
                ApprovalError::Off { name }
            } else {
                ApprovalError::NotFound { name }
            }
        })
    }

    /// How a kind stands that could be loaded.
    pub fn state(&self, kind: &Kind) -> State {
        if self.installed.faults.contains_key(&kind.name) {
            State::Broken
        } else if kind.is_built_in {
            State::BuiltIn
        } else if self.installed.is_approved(kind) {
            State::Approved
        } else {
            State::Waiting
        }
    }

    fn installed(&self, kind: &Kind) -> Installed {
        let (shelf, approvals) = (&self.installed, self.installed.approvals());
        let problem = shelf.faults.get(&kind.name).map(|problems| List(problems).to_string());
        let approval = approvals.approval(kind);
        let does = kind.words();
        Installed {
            name: kind.name.clone(),
            state: self.state(kind),
            problem,
            hash: Some(kind.hash.to_string()),
            approved: approval.map(|it| Approved { at_ms: it.at_ms, by: it.by.clone() }),
            changes: changes(kind, &approvals, &does),
            does,
            about: Some(About::of(kind)),
        }
    }
}

/// What `does` has that the component approved before had not, and the other way.
fn changes(kind: &Kind, approvals: &Approvals, does: &[String]) -> Option<Changes> {
    let before = approvals.last(&kind.name).filter(|row| row.hash != kind.hash.0)?;
    let lines = before.approval.as_ref().map(|it| it.lines.as_slice()).unwrap_or_default();
    let beyond = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).cloned().collect()
    };
    Some(Changes {
        before: ComponentHash(before.hash).to_string(),
        added: beyond(does, lines),
        removed: beyond(lines, does),
    })
}

impl Installed {
    fn broken(of: &Broken) -> Self {
        Self {
            name: of.name.clone(),
            state: State::Broken,
            problem: Some(of.told()),
            hash: of.hash.map(|hash| hash.to_string()),
            approved: None,
            changes: None,
            does: Vec::new(),
            about: None,
        }
    }
}

impl About {
    fn of(kind: &Kind) -> Self {
        let asked: &Manifest = &kind.manifest;
        let origins = asked.origin.iter().map(|one| Origin {
            url: one.url.clone(),
            methods: one.methods.iter().map(|method| method.name()).collect(),
            path: one.path.clone(),
        });
        let folders = asked.folder.iter().map(|one| Folder {
            name: one.name.clone(),
            setting: one.setting.clone(),
            access: one.access.name(),
        });
        let secrets = asked.secret.iter().map(|one| SecretSetting {
            setting: one.setting.clone(),
            form: form(one.form),
            bound_to: one.bound_to.clone(),
            places: written(&one.places),
            decode: (one.form == Form::Key).then(|| decode(one.decode)),
            signs_into: written(&one.signs_into),
        });
        let oauth2 = asked.oauth2.iter().map(|one| OAuth2 {
            name: one.name.clone(),
            token_url: one.token_url.clone(),
            client_id: one.client_id.clone(),
            client_secret: one.client_secret.clone(),
            refresh_token: one.refresh_token.clone(),
            scope: one.scope.clone(),
            bound_to: one.bound_to.clone(),
            places: written(&one.places),
        });
        Self {
            title: kind.descriptor.title.clone(),
            summary: kind.descriptor.summary.clone(),
            world: asked.world.name(),
            sha256: kind.sha256(),
            wasm_bytes: kind.wasm_bytes,
            origins: origins.collect(),
            targets: asked.target.iter().map(|one| one.to.clone()).collect(),
            folders: folders.collect(),
            secrets: secrets.collect(),
            oauth2: oauth2.collect(),
            deliver_ms: asked.deliver_ms(),
            imports: kind.imports.clone(),
        }
    }
}

fn written(places: &[Place]) -> Vec<String> {
    places.iter().map(ToString::to_string).collect()
}

fn form(form: Form) -> &'static str {
    match form {
        Form::Text => "text",
        Form::Url => "url",
        Form::Key => "key",
    }
}

fn decode(decoding: Decoding) -> &'static str {
    match decoding {
        Decoding::Raw => "raw",
        Decoding::Base64 => "base64",
        Decoding::Hex => "hex",
        Decoding::Whsec => "whsec",
        Decoding::Whsk => "whsk",
    }
}
