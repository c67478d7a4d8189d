//! An installation of the engine: a folder of its own, a configuration, and what is started in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;

use crate::DEADLINE;
use crate::engine::Engine;
use crate::place::{binary, cache, hand_over, link_components};
pub use crate::place::{engine_user, project, target, trusted};
use crate::turn::Turn;

/// One installation. The folder goes when it is dropped, and nothing outlives the test.
#[derive(Debug)]
pub struct Site {
    folder: TempDir,
    tables: BTreeMap<String, Vec<String>>,
    endpoints: Map<String, Value>,
    recipients: Map<String, Value>,
    /// In KiB, as `ulimit -v` takes it.
    address_space: Option<u64>,
    environment: Vec<(&'static str, PathBuf)>,
    /// What stays ours although it is in the folder.
    kept: Vec<PathBuf>,
    /// `[[egress.grant]]` tables.
    egress_grant: String,
    is_plain: bool,
    /// A program that starts what it is given, and its arguments.
    behind: Vec<String>,
    _turn: Turn,
}

impl Site {
    /// A site beside which other tests may run. One per test: a second one could wait for a test
    /// that waits for the first.
    pub async fn new() -> Self {
        Self::with(Turn::shared().await).warmed().await
    }

    /// A site for a test that measures: it waits until no other test has one.
    pub async fn alone() -> Self {
        Self::with(Turn::alone().await).warmed().await
    }

    /// Has all components compiled, once for all tests: engines that start side by side would do it
    /// side by side.
    async fn warmed(self) -> Self {
        static WARM: OnceCell<()> = OnceCell::const_new();
        let warm = async {
            self.hand_over();
            let mut command = self.command();
            command.args(["component", "list"]).stdin(Stdio::null()).stdout(Stdio::null());
            let warming = tokio::time::timeout(COMPILED_WITHIN, command.status()).await;
            let status = warming.expect("components compile").unwrap_or_else(|it| missing(&it));
            assert!(status.success(), "components do not load: {status}");
        };
        WARM.get_or_init(|| warm).await;
        self
    }

    fn with(turn: Turn) -> Self {
        // Beside what cargo builds: on a disk, which a folder for temporary files often is not.
        let beside = target().join("sites");
        fs::create_dir_all(&beside).expect("a folder in the target folder");
        let folder = tempfile::tempdir_in(beside).expect("a temporary folder");
        // The engine runs as another user, where it can.
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), open).expect("a folder of our own");
        link_components(&folder.path().join("components"));
        let (tables, endpoints, recipients) = (BTreeMap::new(), Map::new(), Map::new());
        let site = Self {
            folder,
            tables,
            endpoints,
            recipients,
            address_space: None,
            environment: Vec::new(),
            kept: Vec::new(),
            egress_grant: EGRESS_GRANT.to_owned(),
            is_plain: false,
            behind: Vec::new(),
            _turn: turn,
        };
        site.build_in();
        // Failures are to be retried at once, so that no test waits for the clock.
        site.set("retry.first_ms", "20").set("retry.max_ms", "100")
    }

    /// Sets one key, such as `retry.attempts_max`, to a value as TOML writes it.
    #[must_use]
    pub fn set(mut self, key: &str, value: &str) -> Self {
        let (table, key) = key.rsplit_once('.').unwrap_or(("", key));
        let lines = self.tables.entry(table.to_owned()).or_default();
        lines.retain(|line| !line.starts_with(&format!("{key} =")));
        lines.push(format!("{key} = {value}"));
        self
    }

    /// Leaves a key to its default again.
    #[must_use]
    pub fn unset(mut self, key: &str) -> Self {
        let (table, key) = key.rsplit_once('.').unwrap_or(("", key));
        if let Some(lines) = self.tables.get_mut(table) {
            lines.retain(|line| !line.starts_with(&format!("{key} =")));
        }
        self
    }

    /// Gives what is started here no more than this address space, in bytes.
    #[must_use]
    pub fn with_address_space(mut self, bytes: u64) -> Self {
        self.address_space = Some(bytes / 1024);
        self
    }

    /// Lets endpoints reach public addresses alone: not the servers of tests.
    #[must_use]
    pub fn without_egress_grant(self) -> Self {
        self.with_egress_grant("")
    }

    /// Lets endpoints reach what these tables say, beside public addresses.
    #[must_use]
    pub fn with_egress_grant(mut self, tables: &str) -> Self {
        tables.clone_into(&mut self.egress_grant);
        self
    }

    /// Sets a variable in the environment of what is started here.
    #[must_use]
    pub fn with_variable(mut self, name: &'static str, path: PathBuf) -> Self {
        self.environment.push((name, path));
        self
    }

    /// Keeps a file in the folder from the engine's user.
    #[must_use]
    pub fn keeping(mut self, path: &Path) -> Self {
        self.kept.push(path.to_owned());
        self
    }

    /// Starts everything as the engine's user, as somebody does who is not root.
    #[must_use]
    pub fn by_plain_user(mut self) -> Self {
        fs::create_dir_all(self.data()).expect("a folder in a folder of our own");
        self.is_plain = true;
        self
    }

    /// Has everything started by this program, such as one that makes namespaces: by `exec`, so that
    /// the process stays the one that was started.
    #[must_use]
    pub fn behind(mut self, program: &[&str]) -> Self {
        self.behind = program.iter().map(ToString::to_string).collect();
        self
    }

    #[must_use]
    pub fn endpoint(mut self, name: &str, kind: &str, settings: &Value) -> Self {
        self.endpoints.insert(name.to_owned(), json!({ "kind": kind, "settings": settings }));
        self
    }

    /// Takes all endpoints and recipients out.
    #[must_use]
    pub fn without_recipients(mut self) -> Self {
        self.endpoints.clear();
        self.recipients.clear();
        self
    }

    /// A recipient of everything.
    #[must_use]
    pub fn recipient(self, name: &str, endpoint: &str, settings: &Value) -> Self {
        self.recipient_of(name, endpoint, settings, &json!({ "minimum_severity": "none" }))
    }

    /// A recipient with a filter.
    #[must_use]
    pub fn recipient_of(
        mut self,
        name: &str,
        endpoint: &str,
        settings: &Value,
        filter: &Value,
    ) -> Self {
        let recipient = json!({ "endpoint": endpoint, "settings": settings, "filter": filter });
        self.recipients.insert(name.to_owned(), recipient);
        self
    }

    /// The endpoints and recipients, as `POST /v1/apply` takes them.
    pub fn setup(&self) -> Value {
        json!({ "endpoint": self.endpoints, "recipient": self.recipients })
    }

    /// Starts the engine, waits until it listens, and sets up the endpoints and recipients; panics
    /// with its log if it does not.
    pub async fn start(&self) -> Engine {
        let engine = Engine::start(self.spawn(), self).await;
        engine.apply(&self.setup()).await;
        engine
    }

    /// Starts the engine and waits until it listens, with what it has from before.
    pub async fn start_as_it_was(&self) -> Engine {
        Engine::start(self.spawn(), self).await
    }

    /// Starts the engine, which is to refuse: its exit code and what it said.
    pub async fn refused(&self) -> (Option<i32>, String) {
        let mut child = self.spawn();
        let status = tokio::time::timeout(DEADLINE, child.wait()).await;
        let status = status.expect("an engine that refuses ends").expect("a child to wait for");
        (status.code(), self.log())
    }

    /// Runs a command of the engine's program to its end: exit code, stdout, stderr.
    pub async fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = tokio::time::timeout(DEADLINE, command.output()).await;
        let output = output.expect("a command ends").unwrap_or_else(|error| missing(&error));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    /// Starts the engine and returns at once.
    pub fn spawn(&self) -> Child {
        self.hand_over();
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log_path());
        let mut command = self.command();
        command.arg("serve").stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(log.expect("a log in a folder of our own"));
        command.spawn().unwrap_or_else(|error| missing(&error))
    }

    /// Gives what is in the folder to the engine's user, which is not ours where we are root.
    pub(crate) fn hand_over(&self) {
        hand_over(self.folder.path(), &self.kept);
    }

    pub(crate) fn command(&self) -> Command {
        let config = self.folder.path().join("campanile.toml");
        fs::write(&config, self.config()).expect("a configuration in a folder of our own");
        let mut command = match (self.address_space, self.behind.split_first()) {
            (None, None) => Command::new(binary()),
            (None, Some((program, arguments))) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(binary());
                command
            }
            (Some(kib), _) => {
                let mut shell = Command::new("/bin/sh");
                shell.args(["-c", r#"ulimit -v "$0" && exec "$@""#, &kib.to_string()]);
                shell.arg(binary());
                shell
            }
        };
        command.arg("--config").arg(config).kill_on_drop(true);
        if let Some(user) = engine_user().filter(|_| self.is_plain) {
            command.uid(user).gid(user);
        }
        command.env_remove("CREDENTIALS_DIRECTORY").envs(self.environment.iter().cloned());
        command
    }

    fn config(&self) -> String {
        let set = |text: &mut String, key: &str, path: &Path| {
            writeln!(text, "{key} = {}", Value::from(path.to_string_lossy())).expect("a string");
        };
        let mut text = String::from("instance = \"test\"\ndata_dir = \"data\"\n");
        set(&mut text, "components_dir", &self.components());
        let mut tables = self.tables.clone();
        for line in tables.remove("").unwrap_or_default() {
            text += &(line + "\n");
        }
        let api = tables.entry("api".to_owned()).or_default();
        if !api.iter().any(|line| line.starts_with("listen =")) {
            api.push("listen = \"127.0.0.1:0\"".to_owned());
        }
        let runtime = tables.entry("runtime".to_owned()).or_default();
        if !runtime.iter().any(|line| line.starts_with("cache_dir")) {
            // Shared by all tests, so that each component is compiled once.
            set(&mut text, "\n[runtime]\ncache_dir", &cache());
        }
        if let Some(user) = engine_user() {
            let process = tables.entry("process".to_owned()).or_default();
            if !process.iter().any(|line| line.starts_with("user =")) {
                process.push(format!("user = \"{user}:{user}\""));
            }
        }
        for (table, lines) in tables {
            if table != "runtime" || lines.iter().any(|line| line.starts_with("cache_dir")) {
                text += &format!("\n[{table}]\n");
            }
            text += &(lines.join("\n") + "\n");
        }
        text + &self.egress_grant
    }

    /// Where its components are, each a folder or a link to one.
    pub fn components(&self) -> PathBuf {
        self.folder.path().join("components")
    }

    /// Has a component of the hostile corpus that others do not have, as if it were built in.
    #[must_use]
    pub fn with_hostile(self, kind: &str) -> Self {
        let from = target().join("hostile-components").join(kind);
        assert!(from.is_dir(), "component `{kind}` is not built; run `make hostile`");
        symlink(from, self.components().join(kind)).expect("a link in a folder of our own");
        self.build_in();
        self
    }

    /// Lets every component that is there now be used without anybody's approval. So it is for those
    /// that were there from the beginning.
    pub fn build_in(&self) {
        let mut lock = String::new();
        for kind in fs::read_dir(self.components()).into_iter().flatten().flatten() {
            let read = |name| fs::read(kind.path().join(name));
            let (Ok(wasm), Ok(manifest)) = (read("component.wasm"), read("component.toml")) else {
                continue;
            };
            let manifest_text = String::from_utf8_lossy(&manifest);
            let name = manifest_text.lines().find_map(|line| line.strip_prefix("name = "));
            let name = name.unwrap_or_default().trim_matches(['"', '\'']);
            let hexadecimal = |bytes: &[u8]| -> String {
                bytes.iter().map(|byte| format!("{byte:02x}")).collect()
            };
            let whole = [hexadecimal(&Sha256::digest(&wasm)).as_bytes(), &manifest].concat();
            writeln!(lock, "{}  {name}", hexadecimal(&Sha256::digest(whole))).expect("a string");
        }
        fs::write(self.components().join("builtin.lock"), lock).expect("a folder of our own");
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What every engine of this site has said on stderr.
    pub fn log(&self) -> String {
        fs::read(self.log_path())
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    pub(crate) fn log_path(&self) -> PathBuf {
        self.folder.path().join("engine.log")
    }
}

/// Lets every endpoint reach the servers of tests, all of which are on this machine.
pub const EGRESS_GRANT: &str = r#"
[[egress.grant]]
endpoints = ["*"]
networks = ["127.0.0.0/8", "::1"]
ports = ["1-65535"]
clear_text = true
"#;

/// All components, on a machine with other work.
const COMPILED_WITHIN: Duration = Duration::from_secs(300);

fn missing(error: &dyn std::fmt::Display) -> ! {
    panic!("cannot start {} ({error}); run `make build`", binary().display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_set_twice_has_its_last_value_and_stands_in_its_table() {
        let site = Site::new().await.set("retry.max_ms", "7").set("zone", "\"UTC\"");
        let config = site.config();
        assert!(config.contains("[retry]\nfirst_ms = 20\nmax_ms = 7\n"), "{config}");
        assert!(config.find("zone").unwrap() < config.find('[').unwrap(), "{config}");
        assert_eq!(config.matches("[runtime]").count(), 1, "{config}");
    }
}
