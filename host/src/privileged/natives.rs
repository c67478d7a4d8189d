//! The native kinds that there are, each with its helper process.
//!
//! Promise: a kind is on only where a file that root alone can change says so. The helper reads the
//! file by itself, and takes no policy from anybody else.
//!
//! Not here: what a helper does (`shell`, `fail2ban`).

use std::fs;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use rustix::thread::CapabilitySet;
use tokio::task::LocalSet;

use super::confine::keep_capabilities;
use super::fail2ban::{self, Fail2banKind, Spared};
use super::link::Link;
use super::owned::{self, NotOwned};
use super::shell::{self, Launcher, Shell, kind::ShellKind, policy::ShellTable};
use crate::config::{List, Problem, expectation, position, syntax_found};
use crate::runtime::native::{NativeKind, Natives};
use crate::telemetry::BansPrevented;

/// Largest policy, in bytes.
const POLICY_BYTES_MAX: u64 = 256 << 10;

/// A native kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Native {
    Shell,
    Fail2ban,
}

impl Native {
    pub const ALL: [Self; 2] = [Self::Shell, Self::Fail2ban];

    /// As endpoints name it, and its table in the policy.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shell => "shell",
            Self::Fail2ban => "fail2ban",
        }
    }

    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// What the monitor says with a socket to its helper.
    pub(super) fn letter(self) -> u8 {
        match self {
            Self::Shell => b's',
            Self::Fail2ban => b'f',
        }
    }

    pub(super) fn of_letter(letter: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.letter() == letter)
    }
}

/// The engine's ends of the connections to the helpers, of kinds that are on and that are not.
#[derive(Clone, Debug, Default)]
pub struct Links {
    pub shell: Link,
    pub fail2ban: Link,
}

impl Links {
    pub(super) fn link(&self, native: Native) -> &Link {
        match native {
            Native::Shell => &self.shell,
            Native::Fail2ban => &self.fail2ban,
        }
    }

    /// The kinds that the engine has. `on`: those that the policy turns on.
    pub fn kinds(
        &self,
        on: &[Native],
        spared: &Arc<dyn Spared>,
        prevented: &BansPrevented,
    ) -> Natives {
        let mut natives = Natives::default();
        for native in Native::ALL {
            if !on.contains(&native) {
                natives.off.push(native.name().to_owned());
                continue;
            }
            let link = self.link(native).clone();
            natives.on.push(match native {
                Native::Shell => Arc::new(ShellKind { link }) as Arc<dyn NativeKind>,
                Native::Fail2ban => Arc::new(Fail2banKind {
                    link,
                    spared: Arc::clone(spared),
                    prevented: prevented.clone(),
                }),
            });
        }
        natives
    }
}

/// What the policy's file says, checked.
#[derive(Debug, Default)]
pub struct Policies {
    /// `None`: the kind is off.
    pub shell: Option<shell::policy::Policy>,
    pub fail2ban: Option<fail2ban::Policy>,
}

impl Policies {
    /// Reads the file. Where there is none, every kind is off. `engine`: who the engine runs as.
    pub fn read(path: &Path, engine: u32) -> Result<Self, PolicyError> {
        if let Err(error) = fs::symlink_metadata(path)
            && error.kind() == io::ErrorKind::NotFound
        {
            return Ok(Self::default());
        }
        let mut text = String::new();
        let unreadable = |source| PolicyError::Unreadable { path: path.to_owned(), source };
        let file = owned::open(path, &[])?;
        file.take(POLICY_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
        if text.len() as u64 > POLICY_BYTES_MAX {
            return Err(unreadable(io::Error::other("it is larger than 256 KiB")));
        }
        Self::parse(path, &text, engine)
    }

    fn parse(path: &Path, text: &str, engine: u32) -> Result<Self, PolicyError> {
        let mut table = text.parse::<toml::Table>().map_err(|error| {
            let (line, column) = position(text, error.span().map_or(0, |span| span.start));
            let found = syntax_found(&error).to_owned();
            PolicyError::Syntax { path: path.to_owned(), line, column, found }
        })?;
        let mut problems = Vec::new();
        let mut take = |native: Native| match table.remove(native.name()) {
            Some(toml::Value::Table(table)) => Some(table),
            None => None,
            Some(_) => {
                problems.push(Problem {
                    place: native.name().to_owned(),
                    expected: format!("expected a table: `[{}]`", native.name()),
                });
                None
            }
        };
        let (shell, fail2ban) = (take(Native::Shell), take(Native::Fail2ban));
        for key in table.keys() {
            let expected = "is not known here; expected `[shell]` or `[fail2ban]`".to_owned();
            problems.push(Problem { place: crate::printable::printable(key, 64), expected });
        }
        let mut add = |found: Vec<Problem>| problems.extend(found);
        let policies = Self {
            shell: shell.and_then(|it| shell_policy(it, engine).map_err(&mut add).ok()?),
            fail2ban: fail2ban.and_then(|it| fail2ban::Policy::read(it).map_err(&mut add).ok()?),
        };
        match problems {
            none if none.is_empty() => Ok(policies),
            problems => Err(PolicyError::Wrong { path: path.to_owned(), problems }),
        }
    }

    /// Whether an engine that runs as the user `engine` may have what is on. One that stays root opens
    /// what is root's, Fail2Ban's socket and scripts among it, whatever a helper would say.
    pub fn allow_engine(&self, path: &Path, engine: u32) -> Result<(), PolicyError> {
        if engine != 0 || self.on().is_empty() {
            return Ok(());
        }
        let kinds: Vec<_> = self.on().into_iter().map(Native::name).collect();
        Err(PolicyError::RootEngine { path: path.to_owned(), kinds: kinds.join("` and `") })
    }

    /// The kinds that are on.
    pub fn on(&self) -> Vec<Native> {
        let is_on = |native: &Native| match native {
            Native::Shell => self.shell.is_some(),
            Native::Fail2ban => self.fail2ban.is_some(),
        };
        Native::ALL.into_iter().filter(is_on).collect()
    }
}

fn shell_policy(
    table: toml::Table,
    engine: u32,
) -> Result<Option<shell::policy::Policy>, Vec<Problem>> {
    let table: ShellTable = table.try_into().map_err(|error: toml::de::Error| {
        vec![Problem { place: "shell".to_owned(), expected: expectation(error.message()) }]
    })?;
    if table.enabled { table.check(engine).map(Some) } else { Ok(None) }
}

/// A helper's process: serves one engine until that is gone.
pub(super) fn run(
    native: Native,
    policy: &Path,
    engine: u32,
    to: UnixStream,
) -> anyhow::Result<()> {
    let policies = Policies::read(policy, engine)?;
    match native {
        Native::Shell => {
            let Some(policy) = policies.shell else { return Ok(()) };
            // Namespaces and mounts, users and groups, scripts of other owners. None to signal others:
            // who ends a script is its user by then, and a namespace ends with its guard.
            keep_capabilities(
                CapabilitySet::SYS_ADMIN
                    | CapabilitySet::SETUID
                    | CapabilitySet::SETGID
                    | CapabilitySet::SETPCAP
                    | CapabilitySet::DAC_READ_SEARCH,
            )?;
            let shell = Shell::new(policy, Launcher::own(&super::role::SCRIPT));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            LocalSet::new().block_on(&runtime, async {
                to.set_nonblocking(true)?;
                super::helper::serve(Rc::new(shell), tokio::net::UnixStream::from_std(to)?).await
            })?;
        }
        Native::Fail2ban => {
            let Some(policy) = policies.fail2ban else { return Ok(()) };
            policy.shut_in()?;
            fail2ban::run(policy, to)?;
        }
    }
    Ok(())
}

/// Why the policy of the native kinds cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    #[error("the policy of the native kinds cannot be trusted")]
    NotOwned(#[from] NotOwned),
    #[error("`{path}` cannot be read", path = path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("`{path}` is not TOML at line {line}, column {column}: {found}", path = path.display())]
    Syntax { path: PathBuf, line: usize, column: usize, found: String },
    #[error(
        "`{path}` turns `{kinds}` on, and the engine would stay root, who needs no helper for \
         that; `useradd --system campanile`, or name another user as `process.user`",
        path = path.display()
    )]
    RootEngine { path: PathBuf, kinds: String },
    #[error("`{path}` cannot be used:{list}", path = path.display(), list = List(problems))]
    Wrong { path: PathBuf, problems: Vec<Problem> },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Native>, String> {
        let path = Path::new("/etc/campanile/privileged.toml");
        let policies = Policies::parse(path, text, 12_345);
        policies.map(|policies| policies.on()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_kind_is_on_where_the_policy_says_so_and_every_problem_is_told() {
        assert_eq!(read(""), Ok(Vec::new()));
        assert_eq!(read("[shell]\n[fail2ban]\njails = ['sshd']"), Ok(Vec::new()));
        assert_eq!(read("[shell]\nenabled = true"), Ok(vec![Native::Shell]));
        let both = "[shell]\nenabled = true\n[fail2ban]\nenabled = true\njails = ['sshd']";
        assert_eq!(read(both), Ok(Native::ALL.to_vec()));
        let wrong = "shel = 1\n[shell]\nenabled = true\nwall_s = 0\n[fail2ban]\nenabled = true";
        let told = read(wrong).unwrap_err();
        for part in ["shel: is not known", "shell.wall_s", "fail2ban.jails"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(read("[shell").unwrap_err().contains("line 1"));
        assert!(read("shell = true").unwrap_err().contains("expected a table"));
    }

    #[test]
    fn the_example_turns_nothing_on_and_shows_keys_and_defaults_that_there_are() {
        let example = include_str!("../../../packaging/privileged.toml");
        assert_eq!(read(example), Ok(Vec::new()));
        let shown = |line: &str| {
            let key = line.strip_prefix("# ").and_then(|it| it.split_once(" = "));
            key.is_some_and(|(key, _)| key.bytes().all(|it| it == b'_' || it.is_ascii_lowercase()))
        };
        let lines = example.lines().map(|line| if shown(line) { &line[2..] } else { line });
        let all = lines.collect::<Vec<_>>().join("\n").replace("enabled = false", "enabled = true");
        assert_eq!(read(&all), Ok(Native::ALL.to_vec()), "{all}");

        let told: toml::Table = all.parse().unwrap();
        let table = told["shell"].clone().try_into::<ShellTable>().unwrap();
        let default = ShellTable { enabled: true, ..ShellTable::default() };
        assert_eq!(format!("{table:?}"), format!("{default:?}"));
        let policy =
            |text: &str| format!("{:?}", Policies::parse(Path::new("/p"), text, 1).unwrap());
        let few = "[shell]\nenabled = true\n[fail2ban]\nenabled = true\njails = ['campanile']\n\
                   bans_per_hour = 200";
        assert_eq!(policy(&all), policy(few));
    }

    #[test]
    fn a_policy_that_is_not_there_turns_nothing_on_and_a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("privileged.toml");
        assert!(Policies::read(&path, 1).unwrap().on().is_empty());
        std::os::unix::fs::symlink("/etc/nothing", &path).unwrap();
        assert!(matches!(Policies::read(&path, 1), Err(PolicyError::NotOwned(_))));
    }
}
