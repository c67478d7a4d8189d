//! Fail2Ban's own client program, where the policy wants it instead of the socket.
//!
//! Promise: only the configured program runs, which root alone can change; its arguments are a fixed
//! list of typed words, its environment is fixed, and no shell reads anything. It ends with whoever
//! asked, and what it prints is bounded.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::protocol::{Command, Trouble};
use super::server::{Reply, Said};
use crate::printable::printable;

/// Where the program finds its interpreter.
pub(super) const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// Longest output that is looked at.
const OUTPUT_BYTES_MAX: u64 = 64 << 10;
const ROOT: u32 = 0;

/// Runs the program once. The caller bounds the time.
#[expect(clippy::disallowed_methods, reason = "this folder is where processes are started")]
pub(super) async fn ask(program: &Path, socket: Option<&Path>, command: Command<'_>) -> Reply {
    let program = check(program).map_err(|detail| (Trouble::Denied, detail))?;
    let mut asked = std::process::Command::new(&program);
    if let Some(socket) = socket {
        asked.arg("-s").arg(socket);
    }
    asked.args(command.words().iter().map(AsRef::as_ref));
    asked.env_clear().env("PATH", PATH).env("LANG", "C.UTF-8").current_dir("/");
    asked.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = tokio::process::Command::from(asked)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| (Trouble::Helper, format!("`{}`: {error}", program.display())))?;
    let failed = |error: io::Error| (Trouble::Broken, format!("`{}`: {error}", program.display()));
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (out, err) = tokio::try_join!(head(out), head(err)).map_err(failed)?;
    let status = child.wait().await.map_err(failed)?;
    judge(status.code(), &String::from_utf8_lossy(&out), &String::from_utf8_lossy(&err))
}

/// Where it really lies, if it is root's own in folders that are root's own: nobody else can put another
/// in its place. A link on the way could be another's, so it is run by this path.
pub(super) fn check(program: &Path) -> Result<PathBuf, String> {
    let shown = program.display();
    let real = program.canonicalize().map_err(|error| format!("`{shown}`: {error}"))?;
    for part in real.ancestors() {
        let found = part.symlink_metadata().map_err(|error| format!("`{shown}`: {error}"))?;
        // A folder such as /tmp takes files of anybody, and keeps those of others.
        let is_shared = found.is_dir() && found.mode() & 0o1000 != 0;
        if found.uid() != ROOT || (found.mode() & 0o022 != 0 && !is_shared) {
            let part = part.display();
            return Err(format!(
                "`{part}` can be changed by others than root, so `{shown}` is not run; \
                 correct its owner and mode"
            ));
        }
    }
    Ok(real)
}

/// The first of what comes; the rest is read and dropped, so that the program can end.
async fn head(from: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        (&mut from).take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes).await?;
        tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    }
    Ok(bytes)
}

fn judge(code: Option<i32>, out: &str, err: &str) -> Reply {
    if code == Some(0) {
        let text = out.trim();
        let text = text.strip_prefix("Server replied: ").unwrap_or(text);
        return Ok(match text.parse() {
            Ok(number) => Said::Number(number),
            Err(_) if text.starts_with("Status for the jail") => Said::Facts(facts(text)),
            Err(_) => Said::Text(printable(text, 256)),
        });
    }
    let told = |part: &str| out.contains(part) || err.contains(part);
    let trouble = if told("Sorry but the jail") && told("does not exist") {
        Trouble::UnknownJail
    } else if told("Permission denied") || told("must be root") {
        Trouble::Denied
    } else if told("Failed to access socket path")
        || told("Could not find server")
        || told("Is fail2ban running")
    {
        Trouble::Absent
    } else if code.is_none() {
        Trouble::Broken
    } else {
        Trouble::Other
    };
    let said = [err, out].map(str::trim).into_iter().find(|text| !text.is_empty());
    let said = said.and_then(|text| text.lines().last()).unwrap_or("nothing");
    let code = code.map_or("a signal".to_owned(), |code| format!("exit code {code}"));
    Err((trouble, format!("fail2ban-client ended with {code} and said: {}", printable(said, 256))))
}

/// Lines such as `|- Currently banned: 3`, with a tab.
fn facts(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter_map(|line| {
        let (name, count) = line.split_once(':')?;
        let name = name.trim_start_matches(|one: char| !one.is_ascii_alphabetic());
        count.trim().parse::<u64>().ok().map(|count| (printable(name, 64), count.to_string()))
    });
    lines.take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_and_texts_become_what_services_say_of_them() {
        let table = [
            (Some(0), "1\n", "", Ok(Said::Number(1))),
            (Some(0), "0\n", "warning: x\n", Ok(Said::Number(0))),
            (Some(0), "Server replied: pong\n", "", Ok(Said::Text("pong".to_owned()))),
            (
                Some(255),
                "Sorry but the jail 'x' does not exist\n",
                "NOK",
                Err(Trouble::UnknownJail),
            ),
            (
                Some(255),
                "",
                "Failed to access socket path: /x. Is fail2ban running?",
                Err(Trouble::Absent),
            ),
            (
                Some(255),
                "",
                "Permission denied to socket: /x, (you must be root)",
                Err(Trouble::Denied),
            ),
            (Some(1), "", "", Err(Trouble::Other)),
            (None, "", "", Err(Trouble::Broken)),
        ];
        for (code, out, err, expected) in table {
            let judged = judge(code, out, err).map_err(|(trouble, _)| trouble);
            assert_eq!(judged, expected, "{code:?} {out:?} {err:?}");
        }
    }

    #[test]
    fn a_program_that_others_can_change_is_not_run() {
        if !rustix::process::geteuid().is_root() {
            return assert!(check(Path::new("/bin/sh")).is_ok());
        }
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("client");
        std::fs::write(&program, "").unwrap();
        let set = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        for (mode, of_folder, is_run) in [
            (0o755, 0o755, true),
            (0o775, 0o755, false),
            (0o757, 0o755, false),
            (0o755, 0o777, false),
            (0o755, 0o1777, true),
        ] {
            set(&program, mode);
            set(folder.path(), of_folder);
            assert_eq!(check(&program).is_ok(), is_run, "{mode:o} {of_folder:o}");
        }
        // It is run by the path without the link, which is another's.
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&program, &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(1), None).unwrap();
        assert_eq!(check(&link), Ok(program.canonicalize().unwrap()));
        std::os::unix::fs::chown(&program, Some(1), None).unwrap();
        assert!(check(&program).is_err());
    }
}
