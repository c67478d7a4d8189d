//! The processes of an installation: the same program, told by its first words which one it is.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;

use tokio::process::Command;

use super::natives::Native;
use super::shell::init;
use super::user::User;

/// The word that stands before a role; no command has it.
const WORD: &str = "process";
/// This very program, also when its file was replaced meanwhile.
const PROGRAM: &str = "/proc/self/exe";

/// What a process that the monitor starts is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// With the command line that the monitor was given. `monitor`: its process.
    Engine { monitor: i32, arguments: Vec<OsString> },
    /// Of one component.
    Compiler { user: Option<User> },
    /// Of one native kind. `engine`: who the engine runs as.
    Helper { native: Native, policy: PathBuf, engine: u32 },
    /// Between the helper of scripts and one script.
    Script { part: init::Role },
}

/// What stands before a part of [`Role::Script`].
pub(super) const SCRIPT: [&str; 2] = [WORD, "script"];

impl Role {
    /// The role of this process; `None`: it is a command's, or the monitor.
    pub fn of(arguments: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut words = arguments.into_iter();
        let program = words.next()?;
        if words.next()? != WORD {
            return None;
        }
        match words.next()?.to_str()? {
            "engine" => {
                let monitor = words.next()?.to_str()?.parse().ok()?;
                let arguments = std::iter::once(program).chain(words).collect();
                Some(Self::Engine { monitor, arguments })
            }
            "compiler" => {
                let user = match words.next() {
                    // One that is named and cannot be found is not root.
                    Some(word) => Some(User::find(word.to_str()?).ok()??),
                    None => None,
                };
                Some(Self::Compiler { user })
            }
            "helper" => {
                let native = Native::of(words.next()?.to_str()?)?;
                let engine = words.next()?.to_str()?.parse().ok()?;
                Some(Self::Helper { native, engine, policy: words.next()?.into() })
            }
            "script" => Some(Self::Script { part: init::Role::of(words.next()?.to_str()?)? }),
            _ => None,
        }
    }

    /// Is that, until it ends; the exit code. An engine is begun by the command line.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Engine { .. } => anyhow::bail!("the engine is started by its command line"),
            Self::Compiler { user } => super::compiler::run(user.as_ref())?,
            Self::Helper { native, policy, engine } => {
                let to = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
                super::natives::run(native, &policy, engine, to)?;
            }
            Self::Script { part } => return Ok(init::init(part)),
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Starts this program as that. Ctrl-C at a terminal is the monitor's alone, which ends the others
    /// in order.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg0("campanile").arg(WORD).process_group(0);
        match self {
            Self::Engine { monitor, arguments } => {
                command.arg("engine").arg(monitor.to_string()).args(arguments)
            }
            Self::Compiler { user } => command
                .env_clear()
                .arg("compiler")
                .args(user.as_ref().map(|user| format!("{}:{}", user.uid, user.gid))),
            Self::Helper { native, policy, engine } => command
                .env_clear()
                .arg("helper")
                .arg(native.name())
                .arg(engine.to_string())
                .arg(policy),
            Self::Script { part } => command.env_clear().args(&SCRIPT[1..]).arg(part.name()),
        };
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Option<Role> {
        Role::of(words.iter().map(OsString::from))
    }

    #[test]
    fn a_command_is_no_role_and_a_role_keeps_the_words_of_its_command() {
        for command in [&["campanile"][..], &["campanile", "serve"], &["campanile", "process"]] {
            assert_eq!(of(command), None, "{command:?}");
        }
        let engine =
            of(&["campanile", "process", "engine", "9", "--config", "a", "serve"]).unwrap();
        let words = ["campanile", "--config", "a", "serve"].map(OsString::from);
        assert_eq!(engine, Role::Engine { monitor: 9, arguments: words.to_vec() });
        for wrong in ["nobody-has-this-name", "7:", ""] {
            assert_eq!(of(&["campanile", "process", "compiler", wrong]), None, "{wrong}");
        }
        let compiler = of(&["campanile", "process", "compiler", "7:8"]).unwrap();
        let Role::Compiler { user: Some(user) } = compiler else { panic!("{compiler:?}") };
        assert_eq!((user.uid, user.gid), (7, 8));
        let policy = PathBuf::from("/etc/campanile/privileged.toml");
        let helper = Role::Helper { native: Native::Shell, policy, engine: 7 };
        let words =
            ["campanile", "process", "helper", "shell", "7", "/etc/campanile/privileged.toml"];
        assert_eq!(of(&words), Some(helper));
    }
}
