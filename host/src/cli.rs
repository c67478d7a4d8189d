//! The command line: one file per command, one exit code per sort of failure.
//!
//! Promise: results go to stdout, as a table or with `--json` as one JSON document; errors go to
//! stderr and say what failed and what to do next.

mod alerts;
mod apply;
mod assign;
mod audit;
mod bans;
mod batches;
mod changes;
mod client;
mod completions;
mod component;
mod deliveries;
mod diff;
mod doctor;
mod egress;
mod endpoint;
mod exit;
mod export;
mod man;
mod named;
mod output;
mod pages;
mod preview;
mod recipient;
mod secret;
mod send;
mod serve;
mod setup;
mod test;

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

use crate::app::{self, AppError};
use crate::config::{self, Config};
use crate::privileged::confine;
use crate::telemetry::{self, LogFormat};

pub use exit::{Exit, Failure};

/// Takes alerts, and delivers each to whom it is owed, through isolated components.
#[derive(Debug, Parser)]
#[command(name = "campanile", version, after_help = EXIT_CODES)]
pub struct Args {
    /// The configuration [default: $CAMPANILE_CONFIG, else campanile.toml]
    #[arg(long, global = true, value_name = "PATH", help_heading = HEADING)]
    config: Option<PathBuf>,
    /// Print JSON instead of a table
    #[arg(long, global = true, help_heading = HEADING)]
    json: bool,
    /// How logs on stderr look; CAMPANILE_LOG filters them
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    #[arg(help_heading = HEADING)]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

/// Above the options that stand here.
const HEADING: &str = "Everywhere";
const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 wrong configuration, \
    4 server not reachable, 5 refused by the server, 6 store locked or newer, \
    7 different from the files";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the engine: take alerts in and deliver them
    Serve(serve::ServeArgs),
    /// Send alerts from a file to the running engine
    Send(send::SendArgs),
    /// Show what would be sent for alerts; nothing is
    Preview(preview::PreviewArgs),
    /// Try an endpoint out: see whether it can be reached, and send a test message
    Test(test::TestArgs),
    /// List alerts, or show one with its deliveries
    Alerts(alerts::AlertsArgs),
    /// List deliveries, show one with its tries, or send dead ones again
    Deliveries(deliveries::DeliveriesArgs),
    /// Look after the accounts and servers that messages go through
    Endpoint {
        #[command(subcommand)]
        command: endpoint::EndpointCommand,
    },
    /// Look after who gets alerts, and which
    Recipient {
        #[command(subcommand)]
        command: recipient::RecipientCommand,
    },
    /// Make the endpoints and recipients what files say
    Apply(apply::ApplyArgs),
    /// Show what `apply` would change; the exit code is 7 if it would change anything
    Diff(diff::DiffArgs),
    /// Print the endpoints and recipients as a file for `apply`, without their secrets
    Export(export::ExportArgs),
    /// List who changed what, or check that this record is whole
    Audit(audit::AuditArgs),
    /// See which addresses were banned, and lift these bans
    Bans {
        #[command(subcommand)]
        command: bans::BansCommand,
    },
    /// Look at the components that are installed, and say which may be used
    Component {
        #[command(subcommand)]
        command: component::ComponentCommand,
    },
    /// See whether the engine would start on this machine, what is missing, and what to do
    ///
    /// Looks at the configuration and the machine, and changes nothing. Run it as who starts the
    /// engine. The exit code is 3 if the engine would not start, and 1 if it would and something of
    /// it would not work as it should.
    Doctor(doctor::DoctorArgs),
    /// See what may go out through an endpoint, and why not
    Egress {
        #[command(subcommand)]
        command: egress::EgressCommand,
    },
    /// Look after stored secrets and their keys
    Secret {
        #[command(subcommand)]
        command: secret::SecretCommand,
    },
    /// Print what a shell needs to complete this command line
    Completions(completions::CompletionsArgs),
    /// Print the manual page, or write the pages of all commands
    Man(man::ManArgs),
}

impl Args {
    /// Whether it is the monitor that is to run, which has one thread.
    pub fn is_serve(&self) -> bool {
        matches!(self.command, Command::Serve(_))
    }

    /// Becomes the engine's user where root runs a command that loads components: their machine
    /// code lies in a folder of that user, who root does not trust. Before the first thread.
    pub fn lower(&self) -> Result<(), Failure> {
        let Command::Component { command } = &self.command else { return Ok(()) };
        if !command.loads() {
            return Ok(());
        }
        // What is wrong with the configuration is told by the command itself.
        let Ok(config) = Config::load(&config::path(self.config.clone())) else { return Ok(()) };
        let lower = || -> Result<(), AppError> {
            let Some(user) = config.process.engine_user()? else { return Ok(()) };
            // Before the first start nobody else would make them.
            app::own_folders(&config, Some(&user))?;
            Ok(confine::become_user(Some(&user))?)
        };
        lower().map_err(Failure::from)
    }

    fn begin(self) -> Result<(Common, Command), Failure> {
        // Only the engine tells of its life; other commands speak through their result.
        let quiet = if self.is_serve() { "info" } else { "warn" };
        let filter = config::log_filter();
        telemetry::start_logs(self.log_format, filter.as_deref().unwrap_or(quiet))
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        Ok((Common { config: config::path(self.config), json: self.json }, self.command))
    }
}

/// Runs the command; its result goes to `out`.
pub async fn run(args: Args, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let (common, command) = args.begin()?;
    command.run(&common, out).await
}

/// Runs the monitor. `arguments`: the command line, for its engine. The exit code is the engine's.
pub fn watch(args: Args, arguments: Vec<OsString>) -> Result<u8, Failure> {
    let (common, _) = args.begin()?;
    serve::watch(&common, arguments)
}

/// Runs the engine, as the process `monitor` started it. `runtime` makes its threads, when it may
/// have some.
pub fn engine(
    args: Args,
    monitor: i32,
    runtime: impl FnOnce() -> Result<tokio::runtime::Runtime, Failure>,
) -> Result<(), Failure> {
    let (common, command) = args.begin()?;
    match command {
        Command::Serve(args) => serve::engine(&args, &common, monitor, runtime),
        _ => Err(Failure::says(Exit::Usage, "only `serve` has an engine")),
    }
}

impl Command {
    async fn run(self, common: &Common, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        match self {
            // `watch` and `engine` are for it.
            Self::Serve(_) => Err(Failure::says(Exit::Usage, "`serve` runs by itself")),
            Self::Send(args) => send::run(args, common, out).await,
            Self::Preview(args) => preview::run(args, common, out).await,
            Self::Test(args) => test::run(args, common, out).await,
            Self::Alerts(args) => alerts::run(args, common, out).await,
            Self::Deliveries(args) => deliveries::run(args, common, out).await,
            Self::Endpoint { command } => endpoint::run(command, common, out).await,
            Self::Recipient { command } => recipient::run(command, common, out).await,
            Self::Apply(args) => apply::run(args, common, out).await,
            Self::Diff(args) => diff::run(args, common, out).await,
            Self::Export(args) => export::run(args, common, out).await,
            Self::Audit(args) => audit::run(args, common, out).await,
            Self::Bans { command } => bans::run(command, common, out).await,
            Self::Component { command } => component::run(command, common, out).await,
            Self::Doctor(args) => doctor::run(args, common, out).await,
            Self::Egress { command } => egress::run(command, common, out).await,
            Self::Secret { command } => secret::run(command, common, out).await,
            Self::Completions(args) => completions::run(&args, out),
            Self::Man(args) => man::run(&args, out),
        }
    }
}

/// What every command is given.
#[derive(Debug)]
struct Common {
    config: PathBuf,
    json: bool,
}

impl Common {
    fn load(&self) -> Result<Config, Failure> {
        Config::load(&self.config).map_err(|error| Failure::new(Exit::Config, error))
    }
}

/// The whole content of `path`, or of stdin for `-`.
fn read_input(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.map_err(|source| {
        let what =
            format!("cannot read `{}`; name a file that you can read, or `-`", path.display());
        Failure::caused(Exit::Failed, what, source)
    })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
