//! Attacks of a process that is shut in as the engine is, by the engine's own functions, from each
//! sort of thread. Each must fail while any of the layers that are to stop it is there, and pass once
//! all of these are left out: so each layer is seen to hold by itself.

use std::collections::BTreeMap;
use std::fs;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Stdio;

use campanile::privileged::confine::{Layer, landlock_abi};
use campanile_tests::site::{engine_user, target};
use campanile_tests::{DEADLINE, program};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::hostile::{Attack, Chapter};
use Layer::{Capabilities, Files, NoNewPrivileges, SystemCalls, User};

struct Row {
    name: &'static str,
    does: &'static str,
    /// Each of them stops it by itself.
    layers: &'static [Layer],
    ends: Ends,
}

/// What becomes of the process that tries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    Never,
    /// It becomes another program, or is ended by the kernel.
    Maybe,
}

use Ends::{Maybe, Never};

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Files.
    Row { name: "reads-a-file", does: "reads a file that everybody may read", layers: &[Files], ends: Never },
    Row { name: "writes-a-file", does: "makes a file in a folder that everybody may write to", layers: &[Files], ends: Never },
    Row { name: "cuts-a-file", does: "empties a file that everybody may write to", layers: &[Files], ends: Never },
    Row { name: "moves-a-file-out", does: "moves a file from its own folder to another", layers: &[Files], ends: Never },
    Row { name: "adds-a-script", does: "makes a script in a folder that was left open to everybody", layers: &[Files], ends: Never },
    Row { name: "adds-a-script-of-root", does: "makes a script in a folder that is root's", layers: &[Files, User], ends: Never },
    Row { name: "makes-a-link", does: "makes a link to another file in its own folder", layers: &[Files, SystemCalls], ends: Never },
    Row { name: "makes-a-socket", does: "makes a socket in its own folder", layers: &[Files], ends: Never },
    Row { name: "reads-an-environment", does: "reads the environment of a process of the same user", layers: &[Files], ends: Never },
    Row { name: "writes-its-code", does: "opens its own memory as a file, to write its code", layers: &[Files], ends: Never },
    // Other processes.
    Row { name: "traces", does: "traces a process of the same user", layers: &[Files, SystemCalls], ends: Never },
    Row { name: "reads-memory", does: "reads the memory of a process of the same user", layers: &[Files, SystemCalls], ends: Never },
    Row { name: "writes-memory", does: "writes the memory of a process of the same user", layers: &[Files, SystemCalls], ends: Never },
    Row { name: "takes-a-file", does: "takes an open file out of a process of the same user", layers: &[Files, SystemCalls], ends: Never },
    Row { name: "signals", does: "signals a process of the same user", layers: &[Files, SystemCalls], ends: Never },
    Row { name: "signals-a-thread", does: "signals it by the call that it has for its own threads", layers: &[Files], ends: Never },
    // Programs.
    Row { name: "forks", does: "makes a process", layers: &[SystemCalls], ends: Never },
    Row { name: "forks-by-clone3", does: "makes a process by the call whose flags no filter sees", layers: &[SystemCalls], ends: Never },
    Row { name: "starts-a-shell", does: "starts a shell", layers: &[Files, SystemCalls], ends: Maybe },
    Row { name: "starts-what-it-wrote", does: "starts a program that it wrote into its own folder", layers: &[Files, SystemCalls], ends: Maybe },
    Row { name: "starts-from-memory", does: "starts a program that is in no folder", layers: &[SystemCalls], ends: Maybe },
    Row { name: "starts-a-program-of-root", does: "becomes root by a program that is root's for everybody", layers: &[Files, SystemCalls, NoNewPrivileges], ends: Maybe },
    Row { name: "maps-code-that-it-writes", does: "maps memory that it may write and execute", layers: &[SystemCalls], ends: Never },
    Row { name: "makes-data-code", does: "makes memory that it writes executable, too", layers: &[SystemCalls], ends: Never },
    Row { name: "makes-all-code", does: "makes all that it may read executable", layers: &[SystemCalls], ends: Never },
    // Rights.
    Row { name: "becomes-root", does: "becomes root again", layers: &[SystemCalls, User], ends: Never },
    Row { name: "becomes-a-user-of-its-own", does: "makes users of its own, among whom it is root", layers: &[SystemCalls], ends: Never },
    Row { name: "leaves-its-mounts", does: "makes mounts of its own", layers: &[SystemCalls, Capabilities], ends: Never },
    Row { name: "mounts", does: "mounts an empty folder over another", layers: &[Files, SystemCalls, Capabilities], ends: Never },
    Row { name: "changes-the-root", does: "changes its root folder", layers: &[SystemCalls, Capabilities], ends: Never },
    Row { name: "lifts-a-limit", does: "sets one of its limits", layers: &[SystemCalls], ends: Never },
    // The kernel.
    Row { name: "queues-calls", does: "has calls made through a queue, which no filter sees", layers: &[SystemCalls], ends: Never },
    Row { name: "loads-into-the-kernel", does: "asks for programs in the kernel", layers: &[SystemCalls, Capabilities], ends: Never },
    Row { name: "measures", does: "counts what the processor does", layers: &[SystemCalls], ends: Never },
    Row { name: "holds-page-faults", does: "decides how long the kernel waits for a page", layers: &[SystemCalls], ends: Never },
    Row { name: "keeps-a-key", does: "keeps a key in the kernel", layers: &[SystemCalls], ends: Never },
    Row { name: "calls-as-another-machine", does: "calls the kernel as a program for 32 bits does", layers: &[SystemCalls], ends: Maybe },
    Row { name: "types-into-a-terminal", does: "types into a terminal that it has open", layers: &[SystemCalls, Capabilities], ends: Never },
    // The network.
    Row { name: "sniffs", does: "reads all that goes over the network", layers: &[SystemCalls, Capabilities], ends: Never },
    Row { name: "speaks-to-the-host", does: "speaks to the host of a virtual machine", layers: &[SystemCalls], ends: Never },
    Row { name: "hears-of-devices", does: "hears of devices from the kernel", layers: &[SystemCalls], ends: Never },
    Row { name: "takes-a-port", does: "binds a TCP port", layers: &[Files], ends: Never },
    Row { name: "listens-wherever", does: "listens on whichever TCP port is free", layers: &[SystemCalls], ends: Never },
    Row { name: "listens-by-multipath", does: "listens by a protocol beside TCP that peers take for TCP", layers: &[SystemCalls], ends: Never },
    Row { name: "speaks-to-an-abstract-socket", does: "connects to an abstract socket of another process", layers: &[Files], ends: Never },
];

pub(crate) fn chapter() -> Chapter {
    Chapter {
        title: "From inside the engine",
        about: "A process that has become the attacker's: shut in as the engine is, by the engine's own \
                functions,\nstarted by root and by a plain user, it tries this from its first thread, \
                another one, a worker of\nthe runtime and a thread that may block. Each layer that is \
                named stops it by itself; it passes where\nall of these are left out.\n",
        tested: (
            "confined/inside.rs",
            "what_is_tried_from_inside_is_stopped_by_each_of_its_layers_and_passes_without_them",
        ),
        attacks: ROWS.iter().map(attack).collect(),
    }
}

fn attack(row: &Row) -> Attack {
    let layers: Vec<_> = row.layers.iter().map(|layer| layer.name()).collect();
    Attack {
        name: row.name.to_owned(),
        does: row.does.to_owned(),
        outcome: format!("stopped by: {}", layers.join("; ")),
    }
}

/// Who starts the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Root,
    /// A user who is not root, and needs no right to be shut in.
    User,
}

const NOBODY: u32 = 65_534;
const THREADS: [&str; 4] = ["main", "thread", "worker", "blocking"];

#[tokio::test]
async fn what_is_tried_from_inside_is_stopped_by_each_of_its_layers_and_passes_without_them() {
    assert!(landlock_abi() >= 6, "this machine's Landlock stops no signals: Linux before 6.12");
    let all = started_by().into_iter().flat_map(|by| ROWS.iter().map(move |row| (by, row)));
    let mut tries: JoinSet<_> = all.map(|(by, row)| each_layer(by, row)).collect();
    let mut wrong = Vec::new();
    let mut count = 0;
    while let Some(tried) = tries.join_next().await {
        let (tried, found) = tried.unwrap();
        count += tried;
        wrong.extend(found);
    }
    assert!(wrong.is_empty(), "{} of {count} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    println!("{count} attacks, each from one thread");
}

#[tokio::test]
async fn nothing_of_that_passes_in_the_process_of_a_compiler_either() {
    let all = started_by().into_iter().flat_map(|by| ROWS.iter().map(move |row| (by, row)));
    let tries: JoinSet<_> = all
        .map(async |(by, row)| {
            let trial = Trial::new(by, row).await;
            trial.tried("compiler", &[], &THREADS[..2]).await
        })
        .collect();
    let tried: Vec<_> = tries.join_all().await.into_iter().flatten().collect();
    let passed: Vec<_> = tried.iter().filter(|one| one.error == 0).collect();
    assert!(passed.is_empty(), "{passed:?}");
    assert_eq!(tried.len(), started_by().len() * ROWS.len() * 2);
}

fn started_by() -> Vec<By> {
    // Without root there is one way only.
    if engine_user().is_some() { vec![By::Root, By::User] } else { vec![By::User] }
}

/// How many attacks there were, and which did not end as they must.
async fn each_layer(by: By, row: &'static Row) -> (usize, Vec<String>) {
    let trial = Trial::new(by, row).await;
    let mut sets = vec![(Vec::new(), false)];
    let needs_root = row.layers.contains(&User) || row.layers.contains(&Capabilities);
    // Root alone can make a program of root's.
    let is_made = row.name != "starts-a-program-of-root" || engine_user().is_some();
    // A plain user has no rights that could be left to it.
    if is_made && (by == By::Root || !needs_root) {
        sets.push((row.layers.to_vec(), true));
        let without = |kept| row.layers.iter().copied().filter(|one| *one != kept).collect();
        sets.extend(row.layers.iter().map(|kept| (without(*kept), false)));
    }
    let (mut count, mut wrong) = (0, Vec::new());
    for (left_out, passes) in sets {
        for tried in trial.tried("engine", &left_out, &THREADS).await {
            count += 1;
            let mut is_right = (tried.error == 0) == passes;
            // The C library then takes the older call, which the filter sees.
            if row.name == "forks-by-clone3" && left_out.is_empty() {
                is_right &= tried.error == i64::from(rustix::io::Errno::NOSYS.raw_os_error());
            }
            if !is_right {
                let (name, expected) = (row.name, if passes { "to pass" } else { "to fail" });
                wrong.push(format!(
                    "{by:?}: {name} without {left_out:?}: expected {expected}: {tried:?}"
                ));
            }
        }
    }
    (count, wrong)
}

/// What became of one attack from one thread.
#[derive(Debug)]
#[expect(dead_code, reason = "told where it is wrong")]
struct Tried {
    name: &'static str,
    thread: String,
    /// 0: it passed.
    error: i64,
}

/// One attack, with what it is aimed at.
struct Trial {
    by: By,
    row: &'static Row,
    folder: TempDir,
    victim: Value,
    abstract_name: String,
    _victim: Child,
    _listener: UnixListener,
}

impl Trial {
    async fn new(by: By, row: &'static Row) -> Self {
        let beside = target().join("sites");
        fs::create_dir_all(&beside).unwrap();
        let folder = tempfile::tempdir_in(beside).unwrap();
        let opened = |path: PathBuf, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        opened(folder.path().into(), 0o755);
        for (name, mode) in
            [("data", 0o700), ("open", 0o777), ("scripts", 0o777), ("closed", 0o755)]
        {
            fs::create_dir(folder.path().join(name)).unwrap();
            opened(folder.path().join(name), mode);
        }
        let files: [(_, _, &[u8]); 3] = [
            ("readable", 0o644, b"text"),
            ("writable", 0o666, b"text"),
            ("of-root", 0o4755, &program::ending_with(true)),
        ];
        for (name, mode, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
            opened(folder.path().join(name), mode);
        }
        let user = engine_user();
        chown(folder.path().join("data"), user, user).unwrap();

        let mut victim = attacker(By::User, "victim");
        let mut victim = victim.stdin(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(DEADLINE, lines.next_line()).await;
        let line = line.expect("a victim that tells where it is").unwrap().unwrap();
        let abstract_name = folder.path().to_string_lossy().into_owned();
        let listener = SocketAddr::from_abstract_name(&abstract_name).unwrap();
        Self {
            by,
            row,
            folder,
            victim: serde_json::from_str(&line).unwrap(),
            abstract_name,
            _victim: victim,
            _listener: UnixListener::bind_addr(&listener).unwrap(),
        }
    }

    /// Tries it from each of the threads, in a process with all layers but these.
    async fn tried(&self, process: &str, left_out: &[Layer], threads: &[&str]) -> Vec<Tried> {
        let together = match self.row.ends {
            Never => threads.len(),
            Maybe => 1,
        };
        let mut tried = Vec::new();
        for threads in threads.chunks(together) {
            let order = json!({
                "process": process,
                "attack": self.row.name,
                "threads": threads,
                "without": left_out.iter().map(|layer| layer.name()).collect::<Vec<_>>(),
                "user": format!("{NOBODY}:{NOBODY}"),
                "data": self.folder.path().join("data"),
                "outside": self.folder.path(),
                "victim": self.victim["pid"],
                "address": self.victim["address"],
                "abstract": self.abstract_name,
            });
            let mut attacker = attacker(self.by, &order.to_string());
            let ended =
                tokio::time::timeout(DEADLINE, attacker.stdin(Stdio::null()).output()).await;
            let ended = ended.unwrap_or_else(|_| panic!("{order}: no end")).unwrap();
            let lines = String::from_utf8_lossy(&ended.stdout).into_owned();
            let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            let mut errors: BTreeMap<_, _> = lines
                .map(|line| {
                    let thread = line["thread"].as_str().unwrap().to_owned();
                    (thread, line["error"].as_i64().unwrap())
                })
                .collect();
            match (ended.status.code(), ended.status.signal()) {
                (Some(0), None) => {}
                // It became another program, which is root's where that was to be; or is not.
                (Some(42), None) => _ = errors.insert(threads[0].to_owned(), 0),
                (Some(212), None) => _ = errors.insert(threads[0].to_owned(), -1),
                // The filter of calls ended it.
                (None, Some(31)) => _ = errors.insert(threads[0].to_owned(), -1),
                _ => panic!("{order}: {ended:?}"),
            }
            let expected: Vec<_> = threads.iter().map(ToString::to_string).collect();
            assert!(expected.iter().all(|one| errors.contains_key(one)), "{order}: {ended:?}");
            let told = |(thread, error)| Tried { name: self.row.name, thread, error };
            tried.extend(errors.into_iter().map(told));
        }
        tried
    }
}

/// The program that shuts itself in.
fn attacker(by: By, order: &str) -> Command {
    let mut command = Command::new(target().join("release/campanile-confined"));
    command.arg(order).kill_on_drop(true).stdout(Stdio::piped()).stderr(Stdio::piped());
    if by == By::User
        && let Some(user) = engine_user()
    {
        command.uid(user).gid(user);
    }
    command
}
