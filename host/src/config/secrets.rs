//! The `[secrets]` table: where the key is that secrets are sealed with.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::plain_path;
use super::reading::Reading;

/// The table as the operator writes it: at most one of these.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecretsConfig {
    /// File of the key, relative to this file; made at the first start. Default `secrets.key` in
    /// `data_dir`.
    pub key_file: Option<PathBuf>,
    /// Name of a systemd credential (`LoadCredential=` or `LoadCredentialEncrypted=`) that is the
    /// key.
    pub key_credential: Option<String>,
    /// File, owned by root, with the program that prints the key and its arguments, one a line.
    pub key_command_file: Option<PathBuf>,
}

/// Where the key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The engine's own file: it makes it, and changes it when keys are rotated.
    File(PathBuf),
    /// `folder`: where systemd put the credentials of this service; `None`: it put none.
    Credential { folder: Option<PathBuf>, name: String },
    /// The file that says which command.
    Command(PathBuf),
}

impl SecretsConfig {
    pub(super) fn check(&self, reading: &mut Reading) {
        let given = [
            self.key_file.is_some(),
            self.key_credential.is_some(),
            self.key_command_file.is_some(),
        ];
        if given.into_iter().filter(|one| *one).count() > 1 {
            reading.problem(
                "secrets",
                "expected one of `key_file`, `key_credential` and `key_command_file`; take the \
                 others out",
            );
        }
        if self.key_credential.as_deref().is_some_and(|name| !is_credential(name)) {
            reading.problem(
                "secrets.key_credential",
                "expected the name of a credential: 1 to 255 of `A-Z a-z 0-9 . _ -`, such as \
                 `campanile-key`",
            );
        }
        if self.key_command_file.as_ref().is_some_and(|path| !path.is_absolute()) {
            reading.problem(
                "secrets.key_command_file",
                "expected an absolute path, such as `/etc/campanile/key-command`",
            );
        }
    }

    /// `base`: the folder of the configuration. `credentials`: where systemd put credentials.
    pub(super) fn source(
        self,
        base: &Path,
        data_dir: &Path,
        credentials: Option<PathBuf>,
    ) -> KeySource {
        match (self.key_credential, self.key_command_file, self.key_file) {
            (Some(name), _, _) => KeySource::Credential { folder: credentials, name },
            (None, Some(path), _) => KeySource::Command(path),
            (None, None, Some(path)) => KeySource::File(plain_path(&base.join(path))),
            (None, None, None) => KeySource::File(data_dir.join("secrets.key")),
        }
    }
}

/// As systemd takes it, and never a path.
fn is_credential(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && ![".", ".."].contains(&name)
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_key_comes_from_one_place() {
        let credential = |name: &str| KeySource::Credential { folder: None, name: name.to_owned() };
        let table = [
            ("", KeySource::File("/etc/c/data/secrets.key".into())),
            ("[secrets]\nkey_file = 'a.key'", KeySource::File("/etc/c/a.key".into())),
            ("[secrets]\nkey_file = '/x/a.key'", KeySource::File("/x/a.key".into())),
            ("[secrets]\nkey_credential = 'campanile-key'", credential("campanile-key")),
            ("[secrets]\nkey_command_file = '/x/key'", KeySource::Command("/x/key".into())),
        ];
        for (text, expected) in table {
            let mut key = Config::parse(Path::new("/etc/c/campanile.toml"), text).unwrap().key;
            if let KeySource::Credential { folder, .. } = &mut key {
                *folder = None;
            }
            assert_eq!(key, expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_the_table_is_told() {
        let table = [
            ("key_file = 'a'\nkey_credential = 'b'", "secrets: expected one of"),
            ("key_credential = '../b'", "secrets.key_credential: expected the name"),
            ("key_credential = '..'", "secrets.key_credential: expected the name"),
            ("key_credential = ''", "secrets.key_credential: expected the name"),
            ("key_command_file = 'key'", "secrets.key_command_file: expected an absolute path"),
            ("key = 'x'", "secrets.key: is not a field"),
        ];
        for (text, expected) in table {
            let text = format!("[secrets]\n{text}");
            let told = Config::parse(Path::new("/c.toml"), &text).unwrap_err().to_string();
            assert!(told.contains(expected), "{text}: {told}");
        }
    }
}
