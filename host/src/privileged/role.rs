//! The processes of an installation: the same program, told by its first words which one it is.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use super::user::User;

/// The word that stands before a role; no command has it.
const WORD: &str = "process";
/// This very program, also when its file was replaced meanwhile.
const PROGRAM: &str = "/proc/self/exe";

/// What a process that the monitor starts is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// With the command line that the monitor was given.
    Engine { arguments: Vec<OsString> },
    /// Of one component.
    Compiler { user: Option<User> },
}

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
                Some(Self::Engine { arguments: std::iter::once(program).chain(words).collect() })
            }
            "compiler" => {
                let user = words.next().map(|word| User::find(word.to_str().unwrap_or_default()));
                Some(Self::Compiler { user: user.transpose().ok()? })
            }
            _ => None,
        }
    }

    /// Is that, until it ends; the exit code. An engine is begun by the command line.
    pub fn run(self) -> anyhow::Result<u8> {
        match self {
            Self::Engine { .. } => anyhow::bail!("the engine is started by its command line"),
            Self::Compiler { user } => super::compiler::run(user.as_ref())?,
        }
        Ok(0)
    }

    /// Starts this program as that.
    #[expect(clippy::disallowed_methods, reason = "this folder is where processes are started")]
    pub(super) fn command(&self) -> io::Result<tokio::process::Command> {
        let mut command = tokio::process::Command::new(PathBuf::from(PROGRAM));
        command.arg0("campanile").arg(WORD);
        match self {
            Self::Engine { arguments } => command.arg("engine").args(arguments),
            Self::Compiler { user } => command
                .env_clear()
                .arg("compiler")
                .args(user.as_ref().map(|user| format!("{}:{}", user.uid, user.gid))),
        };
        Ok(command)
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
        let engine = of(&["campanile", "process", "engine", "--config", "a", "serve"]).unwrap();
        let words = ["campanile", "--config", "a", "serve"].map(OsString::from);
        assert_eq!(engine, Role::Engine { arguments: words.to_vec() });
        let compiler = of(&["campanile", "process", "compiler", "7:8"]).unwrap();
        let Role::Compiler { user: Some(user) } = compiler else { panic!("{compiler:?}") };
        assert_eq!((user.uid, user.gid), (7, 8));
    }
}
