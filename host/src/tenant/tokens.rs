//! Bearer tokens: files that only their owner can read, hashes in memory.
//!
//! Promise: a token is made at the first start and then kept. The engine holds its SHA-256 only,
//! and compares in constant time.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Caller, Role};
use crate::ids::{Secret, TenantId};

/// Shortest token that is accepted, for those who write their own.
const LENGTH_MIN: usize = 32;
/// ntopng sends at most 62 characters of `user:password`, the colon not counted, and cuts the rest
/// without a word: a token must leave room for a user of one character. Those made here have 43.
const LENGTH_MAX: usize = 61;

/// The tokens of the tenant `default`.
#[derive(Clone, Debug)]
pub struct Tokens {
    callers: [Caller; 2],
}

impl Tokens {
    /// Reads the tokens in `data_dir`; makes those that are missing, and the folder too.
    pub fn open(data_dir: &Path) -> Result<Self, TokenError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(data_dir)
            .map_err(|source| TokenError::io(data_dir, source))?;
        let caller = |role| {
            let path = path(data_dir, role);
            let token = match read(&path) {
                Err(TokenError::Missing { .. }) => make(&path)?,
                other => other?,
            };
            let token = Sha256::digest(token.expose()).into();
            Ok(Caller { tenant: TenantId::DEFAULT, role, token, may_ban: false })
        };
        Ok(Self { callers: [caller(Role::Admin)?, caller(Role::Ingest)?] })
    }

    /// The same; alerts that come by the tokens of these roles may have addresses banned.
    #[must_use]
    pub fn letting_ban(mut self, roles: &[Role]) -> Self {
        for caller in &mut self.callers {
            caller.may_ban = roles.contains(&caller.role);
        }
        self
    }

    /// Whose token `presented` is.
    pub fn caller(&self, presented: &str) -> Option<Caller> {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        // Both are compared always, so that the duration tells nothing either way.
        let matches = self.callers.map(|one| bool::from(one.token.ct_eq(&presented)));
        self.callers.into_iter().zip(matches).find_map(|(one, matches)| matches.then_some(one))
    }
}

/// File of the token of `role`.
pub fn path(data_dir: &Path, role: Role) -> PathBuf {
    data_dir.join(format!("{}.token", role.name()))
}

/// The token in the file at `path`, which nobody but its owner may read.
pub fn read(path: &Path) -> Result<Secret, TokenError> {
    let file = File::open(path).map_err(|source| TokenError::io(path, source))?;
    let about = file.metadata().map_err(|source| TokenError::io(path, source))?;
    if about.mode() & 0o077 != 0 {
        return Err(TokenError::Open { path: path.to_owned(), mode: about.mode() & 0o777 });
    }
    let malformed = || TokenError::Malformed { path: path.to_owned() };
    // One more than fits, with a line end, shows that the file is too long.
    let text = Secret::read(file, LENGTH_MAX + 3).map_err(|source| match source.kind() {
        io::ErrorKind::InvalidData => malformed(),
        _ => TokenError::io(path, source),
    })?;
    let token = text.expose().trim_end_matches(['\r', '\n']);
    let fits = (LENGTH_MIN..=LENGTH_MAX).contains(&token.len())
        && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte));
    if fits { Ok(Secret::new(token.to_owned())) } else { Err(malformed()) }
}

fn make(path: &Path) -> Result<Secret, TokenError> {
    let mut random = zeroize::Zeroizing::new([0; 32]);
    getrandom::fill(&mut *random).map_err(|source| TokenError::io(path, source.into()))?;
    let token = Secret::new(URL_SAFE_NO_PAD.encode(*random));
    write(path, &token).map_err(|source| TokenError::io(path, source))?;
    Ok(token)
}

/// Written beside, synced, then renamed: a crash leaves a whole token or none.
fn write(path: &Path, token: &Secret) -> io::Result<()> {
    let beside = path.with_extension("token.new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    writeln!(file, "{}", token.expose())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Why a token cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    #[error("there is no token `{path}`; `campanile serve` makes it at its first start, or name \
             another file with --token-file", path = path.display())]
    Missing { path: PathBuf },

    #[error("cannot use the token file `{path}`; make it readable and its folder writable for \
             the user that runs campanile", path = path.display())]
    Io { path: PathBuf, source: io::Error },

    #[error("others can read the token `{path}` (mode {mode:o}); run `chmod 600` on it, or delete \
             it to have a new one made if it may be known", path = path.display())]
    Open { path: PathBuf, mode: u32 },

    #[error("`{path}` holds no token: expected one line of {LENGTH_MIN} to {LENGTH_MAX} characters \
             out of `A-Z a-z 0-9 - _ . ~`; delete the file to have a new one made", path = path.display())]
    Malformed { path: PathBuf },
}

impl TokenError {
    fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            _ => Self::Io { path, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_made_once_readable_by_their_owner_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let tokens = Tokens::open(&data).unwrap();
        for role in Role::ALL {
            let file = path(&data, role);
            assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600, "{role:?}");
            let token = read(&file).unwrap();
            assert_eq!(token.expose().len(), 43);
            assert_eq!(tokens.caller(token.expose()).unwrap().role, role);
            let again = Tokens::open(&data).unwrap();
            assert_eq!(again.caller(token.expose()).unwrap().role, role);
        }
        assert_eq!(fs::read_dir(&data).unwrap().count(), 2, "nothing is left beside them");
    }

    #[test]
    fn only_the_exact_token_opens() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(folder.path()).unwrap();
        let token = read(&path(folder.path(), Role::Admin)).unwrap();
        let token = token.expose();
        for wrong in ["", " ", &token[1..], &format!("{token}\n"), &format!("{token}A"), "admin"] {
            assert_eq!(tokens.caller(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_token_that_others_can_read_or_that_is_none_is_refused() {
        let table = [
            (0o644, "x".repeat(43), "chmod 600"),
            (0o640, "x".repeat(43), "mode 640"),
            (0o600, String::new(), "holds no token"),
            (0o600, "short".to_owned(), "holds no token"),
            (0o600, "x".repeat(62), "holds no token"),
            (0o600, "x".repeat(500), "holds no token"),
            (0o600, format!("{}\n{}", "x".repeat(20), "y".repeat(20)), "holds no token"),
            (0o600, format!("{} y", "x".repeat(40)), "holds no token"),
        ];
        for (mode, text, expected) in table {
            let folder = tempfile::tempdir().unwrap();
            let file = path(folder.path(), Role::Ingest);
            fs::write(&file, &text).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let error = Tokens::open(folder.path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{mode:o} {text:?}: {error}");
            assert!(text.is_empty() || !error.contains(&text), "{error}");
        }
    }

    #[test]
    fn a_token_of_its_own_is_accepted_with_any_line_end() {
        for end in ["", "\n", "\r\n"] {
            let folder = tempfile::tempdir().unwrap();
            let file = path(folder.path(), Role::Ingest);
            fs::write(&file, format!("{}{end}", "x".repeat(61))).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
            let tokens = Tokens::open(folder.path()).unwrap();
            assert_eq!(tokens.caller(&"x".repeat(61)).unwrap().role, Role::Ingest, "{end:?}");
        }
    }

    #[test]
    fn only_the_tokens_of_roles_that_are_named_let_alerts_ban() {
        let folder = tempfile::tempdir().unwrap();
        let table: [(&[Role], [bool; 2]); 4] = [
            (&[], [false, false]),
            (&[Role::Ingest], [false, true]),
            (&[Role::Admin], [true, false]),
            (&[Role::Ingest, Role::Admin], [true, true]),
        ];
        for (roles, expected) in table {
            let tokens = Tokens::open(folder.path()).unwrap().letting_ban(roles);
            let may_ban = Role::ALL.map(|role| {
                let token = read(&path(folder.path(), role)).unwrap();
                tokens.caller(token.expose()).unwrap().may_ban
            });
            assert_eq!(may_ban, expected, "{roles:?}");
        }
    }
}
