//! Whether the parts of a manifest fit together.

use std::collections::BTreeSet;

use super::{
    DELIVER_MS_MAX, FolderAsked, Manifest, OAuth2Asked, OriginAsked, SecretAsked, World, template,
};
use crate::capability::secrets::{Decoding, Form, Place};
use crate::config::Problem;

const ORIGINS_MAX: usize = 16;
const TARGETS_MAX: usize = 16;
const FOLDERS_MAX: usize = 8;
const SECRETS_MAX: usize = 32;
const OAUTH2_MAX: usize = 4;
/// Places, bindings, methods of one entry.
const LIST_MAX: usize = 16;
/// Longest text of one field, in bytes.
const TEXT_BYTES_MAX: usize = 1 << 10;
const NAME_BYTES_MAX: usize = 64;

/// Everything that is wrong with a manifest whose fields could be read.
pub(super) fn check(manifest: &Manifest) -> Vec<Problem> {
    let mut checking = Checking { manifest, problems: Vec::new() };
    if !is_kind(&manifest.name) {
        let expected = "expected 1 to 64 of a-z, 0-9, `-` and `/`, such as `acme/pager`";
        checking.problem("name".to_owned(), expected);
    }
    checking.count("origin", manifest.origin.len(), ORIGINS_MAX);
    checking.count("target", manifest.target.len(), TARGETS_MAX);
    checking.count("folder", manifest.folder.len(), FOLDERS_MAX);
    checking.count("secret", manifest.secret.len(), SECRETS_MAX);
    checking.count("oauth2", manifest.oauth2.len(), OAUTH2_MAX);
    checking.worlds();
    for (at, origin) in manifest.origin.iter().enumerate() {
        checking.origin(at, origin);
    }
    for (at, target) in manifest.target.iter().enumerate() {
        let place = format!("target[{at}].to");
        checking.template(&place, &target.to, template::target(&target.to));
        if manifest.target[..at].iter().any(|one| one.to == target.to) {
            checking.problem(place, "stands in the manifest already");
        }
    }
    for (at, folder) in manifest.folder.iter().enumerate() {
        checking.folder(at, folder);
    }
    for (at, secret) in manifest.secret.iter().enumerate() {
        checking.secret(at, secret);
    }
    for (at, oauth2) in manifest.oauth2.iter().enumerate() {
        checking.oauth2(at, oauth2);
    }
    if manifest.limits.deliver_ms.is_some_and(|it| !(1..=DELIVER_MS_MAX).contains(&it)) {
        let expected = format!("expected 1 to {DELIVER_MS_MAX}");
        checking.problem("limits.deliver_ms".to_owned(), &expected);
    }
    checking.problems
}

/// A machine name, or one in a namespace.
fn is_kind(name: &str) -> bool {
    let is_part = |part: &str| {
        part.starts_with(|one: char| one.is_ascii_alphanumeric())
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    name.len() <= NAME_BYTES_MAX && name.split('/').count() <= 2 && name.split('/').all(is_part)
}

fn is_folder(name: &str) -> bool {
    let is_in = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_in)
}

struct Checking<'a> {
    manifest: &'a Manifest,
    problems: Vec<Problem>,
}

impl Checking<'_> {
    fn problem(&mut self, place: String, expected: &str) {
        self.problems.push(Problem { place, expected: expected.to_owned() });
    }

    fn count(&mut self, place: &str, found: usize, max: usize) {
        if found > max {
            self.problem(place.to_owned(), &format!("expected at most {max}"));
        }
    }

    /// What is asked for can be used: its interface is in the world.
    fn worlds(&mut self) {
        let (manifest, world) = (self.manifest, self.manifest.world);
        let of_files = "stands only in a manifest with `world = \"file-component\"`";
        let of_http =
            "stands only in a manifest with `world = \"http-component\"` or \"component\"";
        let of_net = "stands only in a manifest with `world = \"component\"`";
        let table = [
            ("origin", manifest.origin.is_empty(), world != World::FileComponent, of_http),
            ("target", manifest.target.is_empty(), world == World::Component, of_net),
            ("folder", manifest.folder.is_empty(), world == World::FileComponent, of_files),
            ("secret", manifest.secret.is_empty(), world != World::FileComponent, of_http),
            ("oauth2", manifest.oauth2.is_empty(), world != World::FileComponent, of_http),
        ];
        for (key, is_empty, fits, expected) in table {
            if !is_empty && !fits {
                self.problem(key.to_owned(), expected);
            }
        }
    }

    fn origin(&mut self, at: usize, origin: &OriginAsked) {
        let place = format!("origin[{at}].url");
        self.template(&place, &origin.url, template::origin(&origin.url));
        let before = &self.manifest.origin[..at];
        if before.iter().any(|one| one.url == origin.url && one.path == origin.path) {
            self.problem(place, "stands in the manifest already, with the same `path`");
        }
        if !template::is_path_prefix(&origin.path) || origin.path.len() > TEXT_BYTES_MAX {
            let expected = "expected what paths begin with, such as `/v1/`: a `/`, then printable \
                            ASCII without `?`, `#`, `\\`, `%`, braces and `..`";
            self.problem(format!("origin[{at}].path"), expected);
        }
        self.list(&format!("origin[{at}].methods"), &origin.methods);
    }

    fn folder(&mut self, at: usize, folder: &FolderAsked) {
        let place = format!("folder[{at}].name");
        if !is_folder(&folder.name) {
            self.problem(place.clone(), "expected 1 to 64 of a-z, 0-9, `_` and `-`");
        }
        if self.manifest.folder[..at].iter().any(|one| one.name == folder.name) {
            self.problem(place, "stands in the manifest already");
        }
        let place = format!("folder[{at}].setting");
        self.setting(&place, &folder.setting);
        if self.manifest.secret_settings().any(|one| one == folder.setting) {
            self.problem(place, "expected a setting that is no secret");
        }
    }

    fn secret(&mut self, at: usize, secret: &SecretAsked) {
        let place = format!("secret[{at}]");
        self.setting(&format!("{place}.setting"), secret.setting());
        let before = &self.manifest.secret[..at];
        if before.iter().any(|one| one.setting() == secret.setting()) {
            self.problem(format!("{place}.setting"), "stands in the manifest already");
        }
        if secret.is_object() && secret.form != Form::Text {
            let expected = "expected `text`, since the setting is an object of secrets";
            self.problem(format!("{place}.form"), expected);
        }
        let own = format!("{{{}}}", secret.setting());
        if secret.form == Form::Url && secret.bound_to != [own.as_str()] {
            let expected =
                format!("expected `[\"{own}\"]` alone: a secret URL goes where it points");
            self.problem(format!("{place}.bound_to"), &expected);
        }
        self.bound(&place, &secret.bound_to);
        self.places(&place, &secret.places, &secret.bound_to, |one| {
            belongs(one, secret.form, secret.is_object())
        });
        self.key(&place, secret);
    }

    /// What only a key has.
    fn key(&mut self, place: &str, secret: &SecretAsked) {
        let is_key = secret.form == Form::Key;
        if !is_key && secret.decode != Decoding::Raw {
            let expected = "stands only beside `form = \"key\"`";
            self.problem(format!("{place}.decode"), expected);
        }
        let signs = format!("{place}.signs_into");
        match (is_key, secret.signs_into.is_empty()) {
            (true, true) => self.problem(signs, "is missing, and needed beside `form = \"key\"`"),
            (false, false) => self.problem(signs, "stands only beside `form = \"key\"`"),
            _ => self.placed(&signs, &secret.signs_into, &secret.bound_to, |one| {
                belongs(one, Form::Text, false)
            }),
        }
    }

    fn oauth2(&mut self, at: usize, oauth2: &OAuth2Asked) {
        let place = format!("oauth2[{at}]");
        self.setting(&format!("{place}.name"), &oauth2.name);
        let before = self.manifest.oauth2[..at].iter().map(|one| one.name.as_str());
        if before.chain(self.manifest.secret_settings()).any(|one| one == oauth2.name) {
            self.problem(format!("{place}.name"), "stands in the manifest already");
        }
        let token_url = template::url(&oauth2.token_url);
        self.template(&format!("{place}.token_url"), &oauth2.token_url, token_url);
        for (key, setting) in oauth2.settings() {
            self.setting(&format!("{place}.{key}"), setting);
        }
        self.bound(&place, &oauth2.bound_to);
        self.places(&place, &oauth2.places, &oauth2.bound_to, |one| {
            belongs(one, Form::Text, false)
        });
    }

    /// Bindings are asked for themselves, and not twice.
    fn bound(&mut self, place: &str, bound_to: &[String]) {
        let place = format!("{place}.bound_to");
        if bound_to.is_empty() {
            self.problem(place.clone(), "expected one or more of `origin.url` and `target.to`");
        }
        self.list(&place, bound_to);
        for (at, one) in bound_to.iter().enumerate() {
            let at = format!("{place}[{at}]");
            if !self.manifest.reach().any(|asked| asked == one) {
                self.problem(at, "expected one of `origin.url` and `target.to`, written the same");
            } else if one.starts_with("udp:") || one.starts_with("unix-dgram:") {
                self.problem(at, "expected an origin, or a target that can be encrypted");
            }
        }
    }

    fn places(
        &mut self,
        place: &str,
        places: &[Place],
        bound_to: &[String],
        belongs: impl Fn(&Place) -> Result<(), &'static str>,
    ) {
        let place = format!("{place}.places");
        if places.is_empty() {
            self.problem(place.clone(), "expected one place or more");
        }
        self.placed(&place, places, bound_to, belongs);
    }

    fn placed(
        &mut self,
        place: &str,
        places: &[Place],
        bound_to: &[String],
        belongs: impl Fn(&Place) -> Result<(), &'static str>,
    ) {
        self.list(place, places);
        let is_target = |one: &String| self.manifest.target.iter().any(|asked| asked.to == *one);
        let (to_target, to_origin) =
            (bound_to.iter().any(is_target), !bound_to.iter().all(is_target));
        for (at, one) in places.iter().enumerate() {
            let at = format!("{place}[{at}]");
            let is_there = match one {
                Place::Sasl => to_target,
                Place::Key => true,
                _ => to_origin,
            };
            if let Err(expected) = belongs(one) {
                self.problem(at, expected);
            } else if !is_there && *one == Place::Sasl {
                self.problem(at, "expected beside it a target in `bound_to`, where logins are");
            } else if !is_there {
                self.problem(at, "expected beside it an origin in `bound_to`, where requests go");
            }
        }
    }

    fn setting(&mut self, place: &str, name: &str) {
        if !template::is_setting(name) {
            let expected = "expected the name of a setting: a-z, then a-z, 0-9 and `_`, 64 at most";
            self.problem(place.to_owned(), expected);
        }
    }

    /// `found`: what is wrong with the template itself.
    fn template(&mut self, place: &str, text: &str, found: Result<(), &'static str>) {
        if text.len() > TEXT_BYTES_MAX {
            self.problem(place.to_owned(), &format!("expected at most {TEXT_BYTES_MAX} bytes"));
        } else if let Err(expected) = found {
            self.problem(place.to_owned(), expected);
        }
        // A secret in the host's name would be in the open in every lookup.
        let is_open = |one: &SecretAsked| {
            let is_whole = one.form == Form::Url && text == format!("{{{}}}", one.setting());
            super::settings_in(text).any(|name| name == one.setting()) && !is_whole
        };
        if self.manifest.secret.iter().any(is_open) {
            let expected = "expected settings that are no secrets, or one of form `url` alone";
            self.problem(place.to_owned(), expected);
        }
    }

    fn list<T: std::fmt::Debug>(&mut self, place: &str, list: &[T]) {
        self.count(place, list.len(), LIST_MAX);
        let mut seen = BTreeSet::new();
        for (at, one) in list.iter().enumerate() {
            // The debug form of a place, a method or a text is as distinct as the thing.
            if !seen.insert(format!("{one:?}")) {
                self.problem(format!("{place}[{at}]"), "stands in the list already");
            }
        }
    }
}

/// Whether a secret of this form may stand there; `Err`: what is expected instead.
fn belongs(place: &Place, form: Form, is_object: bool) -> Result<(), &'static str> {
    let (fits, expected) = match (form, is_object) {
        (Form::Url, _) => (
            matches!(place, Place::Path | Place::WholeQuery),
            "expected `path` or `query` for a secret of form `url`",
        ),
        (Form::Key, _) => (*place == Place::Key, "expected `key` for a secret of form `key`"),
        (Form::Text, true) => {
            (*place == Place::OwnHeader, "expected `header:*` for an object of secrets")
        }
        (Form::Text, false) => (
            !matches!(place, Place::WholeQuery | Place::Key | Place::OwnHeader),
            "expected `path`, `query:NAME`, `header:NAME`, `json:/POINTER`, `form:NAME` or `sasl`",
        ),
    };
    match place {
        _ if !fits => Err(expected),
        Place::Json(pointer) if !is_pointer(pointer) => {
            Err("expected a JSON pointer (RFC 6901), such as `json:/routing_key`")
        }
        _ => Ok(()),
    }
}

/// `~` stands only before 0 and 1.
fn is_pointer(pointer: &str) -> bool {
    pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']))
}
