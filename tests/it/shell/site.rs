//! A folder of scripts, a policy, and the helper that keeps to it.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use campanile::privileged::link::{Link, LinkError};
use campanile::privileged::shell::protocol::{AlertNames, Answer, Ask, Check, Ending, Ran, Run};
use rustix::process::geteuid;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

/// Nothing here takes longer.
pub(super) const SOON: Duration = Duration::from_secs(60);
/// Who the helper is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum As {
    Root,
    /// Root as in a container, which may not read what others own.
    Contained,
    Plain,
}

impl As {
    /// Both, for who can be both.
    pub(super) fn all() -> Vec<Self> {
        if geteuid().is_root() { vec![Self::Root, Self::Plain] } else { vec![Self::Plain] }
    }
}

pub(super) struct Scripts {
    folder: TempDir,
    /// A plain user that nothing else on the machine is, as far as one can be sure: the kernel counts
    /// the processes of a user.
    pub(super) uid: u32,
}

impl Scripts {
    pub(super) fn new() -> Self {
        let folder = TempDir::new_in(campanile_tests::site::trusted()).unwrap();
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let free = 200_000 + std::process::id() % 10_000 * 100;
        let uid = free + NEXT.fetch_add(1, Ordering::Relaxed);
        let uid = if geteuid().is_root() { uid } else { geteuid().as_raw() };
        let scripts = Self { folder, uid };
        fs::create_dir(scripts.at("scripts")).unwrap();
        fs::create_dir(scripts.at("open")).unwrap();
        for (path, mode) in [("", 0o755), ("scripts", 0o755), ("open", 0o777)] {
            fs::set_permissions(scripts.at(path), fs::Permissions::from_mode(mode)).unwrap();
        }
        scripts
    }

    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Puts a bash script into the folder.
    #[must_use]
    pub(super) fn script(self, name: &str, text: &str) -> Self {
        self.put(name, &format!("#!/bin/bash\n{text}"));
        self
    }

    pub(super) fn put(&self, name: &str, text: &str) {
        let path = self.at("scripts").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A helper under this policy, beside the folder and what a test of many needs.
    pub(super) async fn helper(&self, who: As, policy: &str) -> Helper {
        let file = self.at("privileged.toml");
        let folder = self.at("scripts");
        let (uid, owner) = (self.uid, geteuid().as_raw());
        let text = format!(
            "[shell]\nenabled = true\nfolders = [{folder:?}]\nowner = \"{owner}\"\n\
             user = \"{uid}\"\nkept_output_bytes = 65536\n{policy}\n"
        );
        fs::write(&file, text).unwrap();
        Helper::start(who, self.uid, &file).await
    }
}

pub(super) struct Helper {
    pub(super) process: Child,
    pub(super) link: Link,
    speaking: JoinSet<()>,
}

impl Helper {
    async fn start(who: As, uid: u32, policy: &Path) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let process = process(who, uid, policy, theirs);
        ours.set_nonblocking(true).unwrap();
        let ours = tokio::net::UnixStream::from_std(ours).unwrap();
        let link = Link::default();
        let mut speaking = JoinSet::new();
        let speaker = link.clone();
        speaking.spawn(async move { speaker.speak(ours).await });
        assert!(link.met(SOON).await, "the helper says who it is");
        Self { process, link, speaking }
    }

    pub(super) async fn ask(&self, ask: &Ask) -> Result<Answer, LinkError> {
        self.link.ask(ask, SOON).await
    }

    pub(super) async fn answers(&self, run: Run) -> Answer {
        self.ask(&Ask::Run(run)).await.unwrap()
    }

    /// Runs a script without arguments to its end.
    pub(super) async fn runs(&self, script: &str) -> Ran {
        self.ran(run(script)).await
    }

    pub(super) async fn ran(&self, run: Run) -> Ran {
        match self.answers(run).await {
            Answer::Ran(ran) => ran,
            other => panic!("expected a run, got {other:?}"),
        }
    }

    /// What a script that ends well prints.
    pub(super) async fn prints(&self, script: &str) -> String {
        let ran = self.runs(script).await;
        assert_eq!(ran.ending, Ending::Exit(0), "{}", ran.output);
        ran.output
    }

    /// Closes the engine's end.
    pub(super) async fn forget(mut self) -> Child {
        self.speaking.shutdown().await;
        self.process
    }
}

/// The helper's process, with its socket.
pub(super) fn process(who: As, uid: u32, policy: &Path, engine: UnixStream) -> Child {
    let own = std::env::current_exe().unwrap();
    let binary = own.ancestors().nth(2).unwrap().join("campanile");
    let mut command = match who {
        As::Root | As::Plain => Command::new(binary),
        As::Contained => {
            let mut within = Command::new("setpriv");
            let lost = ["--bounding-set=-dac_read_search,-kill", "--inh-caps=-all"];
            within.args(lost).arg(binary);
            within
        }
    };
    command
        .args(["process", "helper", "shell", "4242"])
        .arg(policy)
        .stdin(Stdio::from(OwnedFd::from(engine)))
        .kill_on_drop(true);
    if who == As::Plain && geteuid().is_root() {
        command.uid(uid).gid(uid);
    }
    // What whoever starts a helper may have forgotten to close.
    let forgotten = fs::File::open("/etc/passwd").unwrap();
    rustix::io::fcntl_setfd(&forgotten, rustix::io::FdFlags::empty()).unwrap();
    command.spawn().unwrap()
}

pub(super) fn run(script: &str) -> Run {
    Run {
        script: script.to_owned(),
        arguments: Vec::new(),
        stdin: "{}\n".to_owned(),
        alert: AlertNames {
            id: "01JD".to_owned(),
            action: "engage".to_owned(),
            severity: "error".to_owned(),
            recipient: "ops".to_owned(),
            attempt: 1,
            version: "1".to_owned(),
            is_test: false,
        },
        wall_ms: None,
    }
}

pub(super) fn check(script: &str) -> Ask {
    Ask::Check(Check { script: script.to_owned(), arguments: Vec::new() })
}

/// Processes whose command line has this in it.
pub(super) fn marked(marker: &str) -> Vec<u32> {
    let is_marked = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(marker)
    };
    let names = fs::read_dir("/proc").unwrap().flatten();
    let pids = names.filter_map(|it| it.file_name().to_str()?.parse().ok());
    pids.filter(is_marked).collect()
}

/// Processes of a user.
pub(super) fn of_user(uid: u32) -> usize {
    let is_of = |status: &String| {
        let line = status.lines().find_map(|line| line.strip_prefix("Uid:\t"));
        line.and_then(|line| line.split('\t').next()) == Some(uid.to_string().as_str())
    };
    let all = fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|it| fs::read_to_string(it.path().join("status")).ok()).filter(is_of).count()
}

/// Waits until so many processes have this in their command line.
pub(crate) async fn until_marked(marker: &str, is_enough: impl Fn(usize) -> bool) {
    let waiting = async {
        while !is_enough(marked(marker).len()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    assert!(waited.is_ok(), "{marker}: {:?}", marked(marker));
}

/// A word that no other test and no other run of this one has.
pub(crate) fn marker() -> String {
    format!("marker-{}-{}", std::process::id(), fastrand::u64(..))
}
