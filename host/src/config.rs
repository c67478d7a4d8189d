//! `campanile.toml`: what the operator writes, checked once before a port is bound, then trusted.
//!
//! Promise: every problem is reported at once, each with its place, what was expected, and what to
//! do; no value of a setting is ever printed. This file is the only one that reads environment
//! variables: `CAMPANILE_CONFIG` (path of the configuration), `CAMPANILE_LOG` (filter of logs), and
//! `CREDENTIALS_DIRECTORY` (where systemd puts the credentials of a service).
//!
//! Not here: endpoints and recipients, which live in the store (`roster`).

mod egress;
mod files;
mod guard;
mod limits;
mod process;
mod reading;
mod secrets;
mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

pub use egress::{
    ClientFiles, EgressConfig, EgressGrant, NamePattern, PortRange, ProxyAddress, ProxyChoice,
    TenantConfig,
};
pub use files::FilesConfig;
pub use guard::{AlertPart, ComponentConfig, GuardConfig};
pub use limits::{
    ApiConfig, DispatchConfig, IngestConfig, LimitsConfig, QueueConfig, RetryConfig, RuntimeConfig,
    StoreConfig,
};
pub use process::{ProcessConfig, UserError};
use reading::Reading;
pub(crate) use reading::expectation;
pub use secrets::{KeySource, SecretsConfig};
use words::{is_label, is_language, is_link};

/// Where the configuration is when neither `--config` nor `CAMPANILE_CONFIG` says so.
pub const DEFAULT_PATH: &str = "campanile.toml";

/// The whole configuration, checked, its paths resolved against the folder of the file.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from.
    pub path: PathBuf,
    /// Name of this instance, as messages show it. Default: the machine's host name.
    pub instance: String,
    /// A page about this instance, `http` or `https`: messages lead there. Default none.
    pub instance_link: Option<String>,
    /// IANA time zone in which messages show instants. Default `UTC`.
    pub zone: String,
    /// Language tag (BCP 47) of messages. Default `en`.
    pub locale: String,
    /// Folder of the store and the tokens. Default `data`, beside the file.
    pub data_dir: PathBuf,
    /// Folder of the components. Default `components`, beside the file.
    pub components_dir: PathBuf,
    /// Folder of compiled machine code. Default `cache` in `data_dir`.
    pub cache_dir: PathBuf,
    pub api: ApiConfig,
    pub ingest: IngestConfig,
    pub limits: LimitsConfig,
    pub guard: GuardConfig,
    pub components: Vec<ComponentConfig>,
    pub dispatch: DispatchConfig,
    pub retry: RetryConfig,
    pub queue: QueueConfig,
    pub store: StoreConfig,
    pub files: FilesConfig,
    pub process: ProcessConfig,
    pub egress: EgressConfig,
    /// Ceilings by the tenant's name; one that is not named has the defaults.
    pub tenants: BTreeMap<String, TenantConfig>,
    /// Where the key is that secrets are sealed with.
    pub key: KeySource,
    /// What of all this is granted to endpoints and components, as it is written, for the audit log.
    pub granted: serde_json::Value,
}

impl Config {
    /// Reads and checks the file at `path`.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// Checks `text` as the content of `path`; reads no file but the machine's host name.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let mut table = text.parse::<toml::Table>().map_err(|error| {
            let (line, column) = position(text, error.span().map_or(0, |span| span.start));
            let found = syntax_found(&error).to_owned();
            ConfigError::Syntax { path: path.to_owned(), line, column, found }
        })?;

        let mut reading = Reading::default();
        let granted = granted(&table);
        let base = path.parent().unwrap_or(Path::new(""));
        let egress = EgressConfig::read(&mut table, base, &mut reading);
        let tenants = egress::tenants(&mut table, &mut reading);
        let top = Top::read(table, &mut reading);
        let config = Config { egress, tenants, granted, ..top.check(path, &mut reading) };
        if reading.problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError::Wrong { path: path.to_owned(), problems: reading.problems })
        }
    }
}

/// The tables that widen or narrow what endpoints and components may do. They name files of secrets,
/// and hold none.
fn granted(table: &toml::Table) -> serde_json::Value {
    let tables = ["egress", "tenant", "files", "component"].iter().filter_map(|key| {
        // Whatever TOML holds can be written as JSON.
        Some(((*key).to_owned(), serde_json::to_value(table.get(*key)?).ok()?))
    });
    let may_ban = table.get("api").and_then(|api| api.get("may_ban"));
    let may_ban =
        may_ban.and_then(|it| Some(("may_ban".to_owned(), serde_json::to_value(it).ok()?)));
    serde_json::Value::Object(tables.chain(may_ban).collect())
}

/// Path of the configuration: what the command line says, else `CAMPANILE_CONFIG`, else
/// [`DEFAULT_PATH`].
pub fn path(given: Option<PathBuf>) -> PathBuf {
    given
        .or_else(|| {
            std::env::var_os("CAMPANILE_CONFIG").filter(|set| !set.is_empty()).map(Into::into)
        })
        .unwrap_or_else(|| DEFAULT_PATH.into())
}

/// Filter of the logs, from `CAMPANILE_LOG`: `info`, or per module `warn,campanile::queue=debug`.
pub fn log_filter() -> Option<String> {
    std::env::var("CAMPANILE_LOG").ok().filter(|set| !set.is_empty())
}

/// Where systemd put the credentials of this service.
fn credentials_dir() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").filter(|set| !set.is_empty()).map(Into::into)
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    #[error("cannot read the configuration `{path}`; create it (docs/configuration.md begins with \
             an example), or name another with --config", path = path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },

    #[error("`{path}` is not TOML at line {line}, column {column}: {found}", path = path.display())]
    Syntax { path: PathBuf, line: usize, column: usize, found: String },

    #[error("`{path}` cannot be used:{list}", path = path.display(), list = List(problems))]
    Wrong { path: PathBuf, problems: Vec<Problem> },
}

/// One thing that is wrong, where it is, and what is expected there.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = SettingFault)]
pub struct Problem {
    /// `limits.call_cpu_ms`, `filter.matchers[2]`; lists count from 0.
    pub place: String,
    pub expected: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.expected)
    }
}

/// Problems as the end of a sentence, one a line.
pub(crate) struct List<'a>(pub(crate) &'a [Problem]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|one| write!(f, "\n  {one}"))
    }
}

/// The file as the operator writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Top {
    instance: Option<String>,
    instance_link: Option<String>,
    zone: String,
    locale: String,
    data_dir: PathBuf,
    components_dir: PathBuf,
    api: ApiConfig,
    ingest: IngestConfig,
    limits: LimitsConfig,
    guard: GuardConfig,
    component: Vec<ComponentConfig>,
    dispatch: DispatchConfig,
    retry: RetryConfig,
    queue: QueueConfig,
    store: StoreConfig,
    runtime: RuntimeConfig,
    files: FilesConfig,
    process: ProcessConfig,
    secrets: SecretsConfig,
}

impl Default for Top {
    fn default() -> Self {
        Self {
            instance: None,
            instance_link: None,
            zone: "UTC".into(),
            locale: "en".into(),
            data_dir: "data".into(),
            components_dir: "components".into(),
            api: ApiConfig::default(),
            ingest: IngestConfig::default(),
            limits: LimitsConfig::default(),
            guard: GuardConfig::default(),
            component: Vec::new(),
            dispatch: DispatchConfig::default(),
            retry: RetryConfig::default(),
            queue: QueueConfig::default(),
            store: StoreConfig::default(),
            runtime: RuntimeConfig::default(),
            files: FilesConfig::default(),
            process: ProcessConfig::default(),
            secrets: SecretsConfig::default(),
        }
    }
}

impl Top {
    fn read(mut table: toml::Table, reading: &mut Reading) -> Self {
        for key in ["endpoint", "recipient"] {
            if table.remove(key).is_some() {
                reading.problem(
                    key,
                    &format!(
                        "does not stand here: write `[{key}.NAME]` into a file of its own, and \
                         `campanile apply` that file to the running engine"
                    ),
                );
            }
        }
        Self {
            api: reading.section("api", &mut table),
            ingest: reading.section("ingest", &mut table),
            limits: reading.section("limits", &mut table),
            guard: reading.section("guard", &mut table),
            dispatch: reading.section("dispatch", &mut table),
            retry: reading.section("retry", &mut table),
            queue: reading.section("queue", &mut table),
            store: reading.section("store", &mut table),
            runtime: reading.section("runtime", &mut table),
            files: reading.section("files", &mut table),
            process: reading.section("process", &mut table),
            secrets: reading.section("secrets", &mut table),
            ..reading.table("", table)
        }
    }

    /// Checks what spans fields, and resolves paths.
    fn check(self, path: &Path, reading: &mut Reading) -> Config {
        if self.instance.as_ref().is_some_and(|name| !is_label(name, 255)) {
            reading.problem("instance", "expected 1 to 255 printable characters");
        }
        if self.instance_link.as_ref().is_some_and(|link| !is_link(link)) {
            reading.problem(
                "instance_link",
                "expected a URL, `http://` or `https://`, without a user",
            );
        }
        if jiff::tz::TimeZone::get(&self.zone).is_err() {
            reading.problem(
                "zone",
                "expected an IANA time zone that this machine knows, such as `Europe/Rome`; \
                 correct it, or install the package `tzdata`",
            );
        }
        if !is_language(&self.locale) {
            reading.problem("locale", "expected a language tag such as `en` or `de-CH`");
        }
        self.api.check(reading);
        self.limits.check(reading);
        self.guard.check(reading);
        guard::check_components(&self.component, reading);
        self.retry.check(reading);
        self.files.check(reading);
        self.secrets.check(reading);

        let base = path.parent().unwrap_or(Path::new(""));
        let data_dir = plain_path(&base.join(&self.data_dir));
        let cache_dir = match &self.runtime.cache_dir {
            Some(dir) => plain_path(&base.join(dir)),
            None => data_dir.join("cache"),
        };
        let mut files = self.files;
        files.root = files.root.map(|root| plain_path(&base.join(root)));
        let mut process = self.process;
        process.check(base, reading);
        Config {
            granted: serde_json::Value::Null,
            path: path.to_owned(),
            instance: self.instance.unwrap_or_else(host_name),
            instance_link: self.instance_link,
            zone: self.zone,
            locale: self.locale,
            components_dir: plain_path(&base.join(&self.components_dir)),
            key: self.secrets.source(base, &data_dir, credentials_dir()),
            data_dir,
            cache_dir,
            api: self.api,
            ingest: self.ingest,
            limits: self.limits,
            guard: self.guard,
            components: self.component,
            dispatch: self.dispatch,
            retry: self.retry,
            queue: self.queue,
            store: self.store,
            files,
            process,
            egress: EgressConfig::default(),
            tenants: BTreeMap::new(),
        }
    }
}

/// What is wrong with a text that is not TOML. Not the error's `Display`: that one quotes the line,
/// and a line can hold a secret. Of a number too long its message quotes that, and a token can be
/// all of digits.
pub(crate) fn syntax_found(error: &toml::de::Error) -> &str {
    match error.message() {
        long if long.starts_with("invalid type") => "expected a number below 2^63, or a text",
        other => other,
    }
}

/// Why `listen` cannot be bound, or nothing.
fn listen_problem(listen: SocketAddr) -> Option<&'static str> {
    // Tokens would cross the network in clear text.
    (!listen.ip().is_loopback()).then_some(
        "expected a loopback address such as `127.0.0.1:7700`, since the API has no TLS yet; \
         let a TLS proxy on this machine listen outside, and name it in `allowed_hosts`",
    )
}

/// The path without its detours: `packaging/../data` is `data`. A step back out of a link stays,
/// since it leads elsewhere.
fn plain_path(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        let steps_back = part == Component::ParentDir
            && matches!(plain.components().next_back(), Some(Component::Normal(_)))
            && !plain.is_symlink();
        match part {
            Component::CurDir => {}
            _ if steps_back => _ = plain.pop(),
            _ => plain.push(part),
        }
    }
    if plain.as_os_str().is_empty() { ".".into() } else { plain }
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if is_label(name, 255) { name.to_owned() } else { "campanile".to_owned() }
}

/// Line and column, both from 1, of a byte offset; columns are characters.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests;
