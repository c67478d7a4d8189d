//! What the operator lets scripts do: the table `[shell]` of `privileged.toml`.
//!
//! Promise: checked once, every problem at once; what is not written is the safe choice. The helper
//! holds every message against this, whatever the engine says.
//!
//! Not here: opening the file (`owned`), and what is asked (`protocol`).

use std::path::{Path, PathBuf};

use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input};
use rustix::process::geteuid;
use serde::Deserialize;

use super::protocol::{Limits, Refusal, Rule};
use crate::config::Problem;
use crate::privileged::user::User;

/// The guide's folder is among them, so that scripts of an ntopng stay where they are.
const FOLDERS: [&str; 2] =
    ["/usr/share/campanile/scripts/shell", "/usr/share/ntopng/scripts/shell"];
/// Longest name of a script, in bytes.
const NAME_BYTES_MAX: usize = 128;
const ARGUMENTS_COUNT_MAX: usize = 64;
const ARGUMENT_BYTES_MAX: usize = 4096;
/// Largest compiled pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// The table as the operator writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShellTable {
    /// Whether the kind is on. Default false.
    pub enabled: bool,
    /// Where scripts are; the first that has a script of the name is taken. One that does not exist
    /// is passed over.
    pub folders: Vec<PathBuf>,
    /// Endings of names, without the dot. Default `sh`.
    pub extensions: Vec<String>,
    /// Who may own scripts and their folders beside root: a name or a number. Default nobody else.
    pub owner: String,
    /// Who scripts run as, where the helper is root. Default `nobody`.
    pub user: String,
    /// Patterns; where there are any, each argument must match one of them as a whole.
    pub arguments: Vec<String>,
    /// Whether scripts reach the network. Default false.
    pub network: bool,
    /// How long a script may run, in seconds, 1 to 3,600. Default 30.
    pub wall_s: u32,
    /// CPU of each process of a script, in seconds, 1 to 3,600. Default 30.
    pub cpu_s: u32,
    /// Address space of each process, in bytes, from 128 MiB. Default 512 MiB.
    pub memory_bytes: u64,
    /// Processes and threads of one script at a time, 1 to 10,000. Default 64.
    pub processes: u32,
    /// Open files of each process, 16 to 65,536. Default 256.
    pub files: u32,
    /// Largest file a script may write, in bytes. Default 64 MiB.
    pub file_bytes: u64,
    /// What a script may print; one that prints more is ended. Default 16 MiB.
    pub output_bytes: u64,
    /// How much of it is kept with the attempt, 256 to 65,536. Default 8 KiB.
    pub kept_output_bytes: u32,
    /// Scripts that run at once, 1 to 64. Default 1.
    pub max_concurrency: u32,
}

impl Default for ShellTable {
    fn default() -> Self {
        Self {
            enabled: false,
            folders: FOLDERS.map(PathBuf::from).into(),
            extensions: vec!["sh".to_owned()],
            owner: "root".to_owned(),
            user: "nobody".to_owned(),
            arguments: Vec::new(),
            network: false,
            wall_s: 30,
            cpu_s: 30,
            memory_bytes: 512 << 20,
            processes: 64,
            files: 256,
            file_bytes: 64 << 20,
            output_bytes: 16 << 20,
            kept_output_bytes: 8 << 10,
            max_concurrency: 1,
        }
    }
}

/// The table, checked.
#[derive(Clone, Debug)]
pub struct Policy {
    pub folders: Vec<PathBuf>,
    pub extensions: Vec<String>,
    /// Who may own scripts beside root.
    pub owners: Vec<u32>,
    /// Who scripts run as.
    pub user: User,
    arguments: Vec<Regex>,
    /// What the engine is told of, too.
    pub limits: Limits,
    pub files: u32,
    pub file_bytes: u64,
    pub kept_output_bytes: usize,
}

impl ShellTable {
    /// `engine`: the user that the engine runs as, who must not own what runs outside of it.
    pub fn check(&self, engine: u32) -> Result<Policy, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut problem = |place: &str, expected: &str| {
            problems.push(Problem { place: format!("shell.{place}"), expected: expected.into() });
        };
        for (at, folder) in self.folders.iter().enumerate() {
            if !folder.is_absolute() || folder == Path::new("/") {
                problem(&format!("folders[{at}]"), "expected an absolute path of a folder");
            }
        }
        if self.folders.is_empty() {
            problem("folders", "expected at least one folder");
        }
        for (at, extension) in self.extensions.iter().enumerate() {
            let is_word = !extension.is_empty()
                && extension.len() <= 16
                && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if !is_word {
                let expected = "expected letters and digits, without the dot: `sh`";
                problem(&format!("extensions[{at}]"), expected);
            }
        }
        if self.extensions.is_empty() {
            problem("extensions", "expected at least one ending of names: `sh`");
        }
        let is_root = geteuid().is_root();
        let mut look = |place: &str, name: &str| match User::find(name) {
            Ok(Some(user)) => Some(user),
            Ok(None) => {
                problem(place, "expected a user of /etc/passwd, by name or number");
                None
            }
            Err(error) => {
                problem(place, &format!("cannot look the user up: {error}"));
                None
            }
        };
        let owner = look("owner", &self.owner);
        // A plain user is who it is, and no other.
        let user = if is_root { look("user", &self.user) } else { User::of(me()).ok() };
        if owner.as_ref().is_some_and(|owner| owner.uid != 0 && owner.uid == engine) {
            let expected = "expected another user: who the engine runs as must not own scripts";
            problem("owner", expected);
        }
        if is_root && user.as_ref().is_some_and(|user| user.uid == 0 && self.user != "root") {
            problem("user", "expected `root` by its name, if scripts are to run as root");
        }
        if is_root && user.as_ref().is_some_and(|user| user.uid != 0 && user.uid == engine) {
            let expected = "expected another user: what the engine keeps, its key among it, would \
                            be open to scripts";
            problem("user", expected);
        }
        let mut arguments = Vec::new();
        for (at, pattern) in self.arguments.iter().enumerate() {
            match compile(pattern) {
                Some(pattern) => arguments.push(pattern),
                None => problem(&format!("arguments[{at}]"), "expected a regular expression"),
            }
        }
        let bounds = [
            ("wall_s", u64::from(self.wall_s), 1, 3600),
            ("cpu_s", self.cpu_s.into(), 1, 3600),
            ("memory_bytes", self.memory_bytes, 128 << 20, 1 << 46),
            ("processes", self.processes.into(), 1, 10_000),
            ("files", self.files.into(), 16, 65_536),
            ("file_bytes", self.file_bytes, 0, 1 << 46),
            ("output_bytes", self.output_bytes, 1 << 10, 1 << 40),
            ("kept_output_bytes", self.kept_output_bytes.into(), 256, 64 << 10),
            ("max_concurrency", self.max_concurrency.into(), 1, 64),
        ];
        for (place, is, from, to) in bounds {
            if !(from..=to).contains(&is) {
                problem(place, &format!("expected {from} to {to}"));
            }
        }
        let (Some(owner), Some(user), []) = (owner, user, problems.as_slice()) else {
            return Err(problems);
        };
        Ok(Policy {
            folders: self.folders.clone(),
            extensions: self.extensions.clone(),
            owners: vec![owner.uid],
            user,
            arguments,
            limits: Limits {
                is_isolated: is_root,
                network: self.network,
                wall_s: self.wall_s,
                cpu_s: self.cpu_s,
                memory_bytes: self.memory_bytes,
                processes: self.processes,
                output_bytes: self.output_bytes,
                max_concurrency: self.max_concurrency as usize,
            },
            files: self.files,
            file_bytes: self.file_bytes,
            kept_output_bytes: self.kept_output_bytes as usize,
        })
    }
}

impl Policy {
    /// One part of a path that can be neither an option nor hidden, with an ending that is allowed.
    pub fn allows_script(&self, name: &str) -> Result<(), Refusal> {
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let expected = if name.is_empty() || name.len() > NAME_BYTES_MAX {
            "expected a name of 1 to 128 bytes"
        } else if name.starts_with(['.', '-']) {
            "expected a name that begins neither with a dot nor with a dash"
        } else if name.chars().any(|it| matches!(it, '/' | '\\') || it.is_control()) {
            "expected the name of a file in the script folder, without a path"
        } else if !self.extensions.iter().any(|it| it == ending) {
            "expected a name with an ending of `shell.extensions` in privileged.toml"
        } else {
            return Ok(());
        };
        Err(Refusal { rule: Rule::Script, detail: expected.to_owned() })
    }

    pub fn allows_arguments(&self, arguments: &[String]) -> Result<(), Refusal> {
        let refusal = |detail: String| Err(Refusal { rule: Rule::Arguments, detail });
        if arguments.len() > ARGUMENTS_COUNT_MAX {
            return refusal(format!("expected at most {ARGUMENTS_COUNT_MAX} arguments"));
        }
        for (at, argument) in arguments.iter().enumerate() {
            if argument.len() > ARGUMENT_BYTES_MAX || argument.contains('\0') {
                let expected = format!("at most {ARGUMENT_BYTES_MAX} bytes without NUL");
                return refusal(format!("argument {}: expected {expected}", at + 1));
            }
            let is_allowed =
                |pattern: &Regex| pattern.is_match(Input::new(argument).anchored(Anchored::Yes));
            if !self.arguments.is_empty() && !self.arguments.iter().any(is_allowed) {
                let expected = "expected a match of `shell.arguments` in privileged.toml";
                return refusal(format!("argument {}: {expected}", at + 1));
            }
        }
        Ok(())
    }
}

/// The pattern for a whole text.
fn compile(pattern: &str) -> Option<Regex> {
    let limits = Regex::config().nfa_size_limit(Some(PATTERN_BYTES_MAX));
    let build = |pattern: &str| Regex::builder().configure(limits.clone()).build(pattern).ok();
    // By itself first: `a)|(b` must not become right by what is put around it.
    build(pattern).and_then(|_| build(&format!("\\A(?:{pattern})\\z")))
}

fn me() -> u32 {
    geteuid().as_raw()
}

#[cfg(test)]
mod tests;
