//! The command that prints the key: run once, when the engine starts.
//!
//! Promise: program and arguments come from a file that root alone can change. The program gets an
//! environment of nothing but `PATH`, an empty stdin, and `/` as its folder. What it prints is
//! wiped after use and never logged; what it says on stderr goes nowhere.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use zeroize::Zeroizing;

/// How long the command may take.
const WITHIN: Duration = Duration::from_secs(30);
/// Largest file with a command.
const FILE_BYTES_MAX: u64 = 16 << 10;
/// Where programs are found that the command itself starts.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const ROOT: u32 = 0;

/// What the command in `file` prints, at most `bytes_max` of it.
pub fn run(file: &Path, bytes_max: usize) -> Result<Zeroizing<Vec<u8>>, KeyCommandError> {
    Asked { file, bytes_max, within: WITHIN, owner: ROOT }.run()
}

/// What [`run`] looks at before it starts the command; nothing is started.
pub fn check(file: &Path) -> Result<(), KeyCommandError> {
    Asked { file, bytes_max: 0, within: WITHIN, owner: ROOT }.command().map(drop)
}

#[derive(Clone, Copy)]
struct Asked<'a> {
    file: &'a Path,
    bytes_max: usize,
    within: Duration,
    /// Who must own file and program: root, or a test.
    owner: u32,
}

impl Asked<'_> {
    #[expect(clippy::disallowed_methods, reason = "this folder is where processes are started")]
    fn run(self) -> Result<Zeroizing<Vec<u8>>, KeyCommandError> {
        let (program, arguments) = self.command()?;
        let program = program.as_path();
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", PATH)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|source| KeyCommandError::Start { program: program.into(), source })?;
        let failed = |source| KeyCommandError::Start { program: program.into(), source };
        let printed = self.wait(&mut child, program);
        if printed.is_err() {
            end(&child);
        }
        // It has ended, or was killed; until here its number was its own.
        let status = child.wait().map_err(failed)?;
        let printed = printed?;
        if !status.success() {
            return Err(KeyCommandError::Failed { program: program.into(), how: how(status) });
        }
        Ok(printed)
    }

    /// All that it prints, once it has ended by itself.
    fn wait(
        self,
        child: &mut Child,
        program: &Path,
    ) -> Result<Zeroizing<Vec<u8>>, KeyCommandError> {
        let failed = |source| KeyCommandError::Start { program: program.into(), source };
        let (stdout, pid) = (child.stdout.take(), number(child));
        let (reply, answer) = mpsc::channel();
        let bytes_max = self.bytes_max;
        // It ends with the command, or with the last that has the command's stdout.
        std::thread::Builder::new()
            .name("key-command".into())
            .spawn(move || {
                _ = reply.send(read_out(stdout, bytes_max).and_then(|it| ended(pid, it)))
            })
            .map_err(failed)?;
        match answer.recv_timeout(self.within) {
            Ok(Ok(Some(printed))) => Ok(printed),
            Ok(Ok(None)) => Err(KeyCommandError::TooMuch { program: program.into(), bytes_max }),
            Ok(Err(source)) => Err(failed(source)),
            Err(_) => Err(KeyCommandError::Slow { program: program.into(), within: self.within }),
        }
    }

    /// Program and arguments, looked at.
    fn command(self) -> Result<(PathBuf, Vec<String>), KeyCommandError> {
        let mut arguments = self.arguments()?;
        if arguments.is_empty() {
            return Err(self.malformed());
        }
        let program = PathBuf::from(arguments.remove(0));
        if !program.is_absolute() {
            return Err(self.malformed());
        }
        self.check(&open(&program, OFlags::PATH)?, &program)?;
        Ok((program, arguments))
    }

    /// Lines of the file, or the texts of a TOML array.
    fn arguments(self) -> Result<Vec<String>, KeyCommandError> {
        // Not blocking, so that a FIFO is told of rather than waited for.
        let file = open(self.file, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK)?;
        self.check(&file, self.file)?;
        let mut text = String::new();
        let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
        match read {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(self.malformed());
            }
            Err(source) => {
                return Err(KeyCommandError::Unreadable { path: self.file.into(), source });
            }
            Ok(_) if text.len() as u64 > FILE_BYTES_MAX => return Err(self.malformed()),
            Ok(_) => {}
        }
        if text.trim_start().starts_with('[') {
            #[derive(serde::Deserialize)]
            struct Array {
                command: Vec<String>,
            }
            let array = toml::from_str::<Array>(&format!("command = {}", text.trim()));
            return array.map(|it| it.command).map_err(|_| self.malformed());
        }
        Ok(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }

    /// Whoever can change the file or the program decides what runs with our rights.
    fn check(self, file: &File, path: &Path) -> Result<(), KeyCommandError> {
        let unreadable = |source| KeyCommandError::Unreadable { path: path.into(), source };
        let about = file.metadata().map_err(unreadable)?;
        if !about.is_file() {
            return Err(KeyCommandError::NoFile { path: path.into() });
        }
        if about.uid() != self.owner || about.mode() & 0o022 != 0 {
            let (owner, mode) = (about.uid(), about.mode() & 0o7777);
            return Err(KeyCommandError::Writable { path: path.into(), owner, mode });
        }
        Ok(())
    }

    fn malformed(self) -> KeyCommandError {
        KeyCommandError::Malformed { path: self.file.into() }
    }
}

fn open(path: &Path, flags: OFlags) -> Result<File, KeyCommandError> {
    match rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty()) {
        Ok(file) => Ok(file.into()),
        Err(rustix::io::Errno::LOOP) => Err(KeyCommandError::NoFile { path: path.into() }),
        Err(error) => Err(KeyCommandError::Unreadable { path: path.into(), source: error.into() }),
    }
}

/// Everything up to the end of stdout; `None`: more than that.
fn read_out(
    stdout: Option<ChildStdout>,
    bytes_max: usize,
) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let Some(mut stdout) = stdout else { return Ok(None) };
    // One byte more shows that it is too much; a buffer that grows leaves a copy behind.
    let mut printed = Zeroizing::new(vec![0; bytes_max + 1]);
    let mut length = 0;
    while length < printed.len() {
        match stdout.read(&mut printed[length..]) {
            Ok(0) => {
                printed.truncate(length);
                return Ok(Some(printed));
            }
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Waits until the process has ended, and leaves it there, so that its number stays its own.
fn ended<T>(pid: Option<Pid>, printed: Option<T>) -> io::Result<Option<T>> {
    if let (Some(pid), Some(_)) = (pid, &printed) {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(error) = rustix::process::waitid(WaitId::Pid(pid), options) {
            if error != rustix::io::Errno::INTR {
                return Err(error.into());
            }
        }
    }
    Ok(printed)
}

/// Kills the command and what it started, as far as that stayed with it.
fn end(child: &Child) {
    if let Some(pid) = number(child) {
        // It may have ended meanwhile.
        _ = rustix::process::kill_process_group(pid, Signal::KILL);
    }
}

fn number(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended in an unknown way".to_owned(),
    }
}

/// Why there is no key. Nothing of what the command printed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyCommandError {
    #[error("cannot read `{path}`, which is needed for the key of the secrets; correct \
             `secrets.key_command_file` or its content, or make it readable", path = path.display())]
    Unreadable { path: PathBuf, source: io::Error },

    #[error("`{path}` must be a plain file, and no link; put the file itself there", path = path.display())]
    NoFile { path: PathBuf },

    #[error("`{path}` belongs to user {owner} and has mode {mode:o}, so others than root can change \
             what runs as the engine; run `chown root` and `chmod go-w` on it", path = path.display())]
    Writable { path: PathBuf, owner: u32, mode: u32 },

    #[error("`{path}` is no command: expected an absolute path of a program, then its arguments, \
             one a line or as an array of texts", path = path.display())]
    Malformed { path: PathBuf },

    #[error("the key command `{program}` cannot be run", program = program.display())]
    Start { program: PathBuf, source: io::Error },

    #[error("the key command `{program}` {how}; run it by hand to see why", program = program.display())]
    Failed { program: PathBuf, how: String },

    #[error("the key command `{program}` did not end within {within:?}, and was killed; run it by \
             hand to see what it waits for", program = program.display())]
    Slow { program: PathBuf, within: Duration },

    #[error("the key command `{program}` printed more than {bytes_max} bytes; expected the key alone",
            program = program.display())]
    TooMuch { program: PathBuf, bytes_max: usize },
}

#[cfg(test)]
mod tests;
