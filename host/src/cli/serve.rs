//! `campanile serve`: the monitor, and the engine that it starts.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;

use serde_json::json;
use tokio::runtime::Runtime;

use super::{Common, Exit, Failure, output};
use crate::app::{AppError, Ready, Start};
use crate::config::Config;
use crate::privileged::control::Monitor;
use crate::privileged::monitor::{self, Plan};
use crate::privileged::natives::Policies;
use crate::privileged::user::uid_of;
use crate::tenant::{Role, tokens};

#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    /// Print the tokens too, not only where they are: for a terminal of one's own, never for a log
    #[arg(long)]
    show_tokens: bool,
}

/// The monitor, until all has ended; the exit code is the engine's. `arguments`: the command line.
pub(super) fn watch(common: &Common, arguments: Vec<OsString>) -> Result<u8, Failure> {
    // What is wrong with it is told once, and by a process that starts nothing.
    let config = common.load()?;
    let user = config.process.engine_user().map_err(AppError::from)?;
    let (policy, engine) = (config.process.policy, uid_of(user.as_ref()));
    let policies = Policies::read(&policy, engine).map_err(AppError::from)?;
    policies.allow_engine(&policy, engine).map_err(AppError::from)?;
    let plan = Plan { arguments, user, natives: policies.on(), policy };
    monitor::run(&plan).map_err(|source| {
        Failure::caused(Exit::Failed, "the engine's process cannot be started", source)
    })
}

/// The engine, in its own process: all that needs rights first, and its threads last.
pub(super) fn engine(
    args: &ServeArgs,
    common: &Common,
    started_by: i32,
    runtime: impl FnOnce() -> Result<Runtime, Failure>,
) -> Result<(), Failure> {
    let alone = "the engine is started by `campanile serve` alone";
    let monitor = Monitor::given().map_err(|source| Failure::caused(Exit::Usage, alone, source))?;
    let start = Start::prepare(common.load()?)?;
    start.shut_in(started_by)?;
    let mut out = io::stdout();
    let ready = |ready: Ready<'_>| {
        // Nobody may listen on stdout; the engine runs all the same.
        if let Err(error) = announce(ready.config, ready.address, common.json, &mut out) {
            tracing::warn!(%error, "The address could not be printed.");
        }
        if args.show_tokens
            && let Err(error) = show_tokens(ready.config, &mut out)
        {
            tracing::warn!(%error, "The tokens could not be printed.");
        }
    };
    Ok(runtime()?.block_on(Box::pin(crate::app::serve(start, monitor, ready)))?)
}

fn show_tokens(config: &Config, out: &mut dyn Write) -> io::Result<()> {
    for role in Role::ALL {
        let token =
            tokens::read(&tokens::path(&config.data_dir, role)).map_err(io::Error::other)?;
        writeln!(out, "  {}: {}", role.name(), token.expose())?;
    }
    out.flush()
}

/// Says where it listens, and where the tokens are; never the tokens.
fn announce(config: &Config, at: SocketAddr, as_json: bool, out: &mut dyn Write) -> io::Result<()> {
    let url = crate::api::base_url(at);
    let [admin, ingest] = Role::ALL.map(|role| tokens::path(&config.data_dir, role));
    if as_json {
        output::json(out, &json!({ "url": url, "admin_token": admin, "ingest_token": ingest }))?;
    } else {
        writeln!(out, "campanile is listening on {url}")?;
        writeln!(out, "  admin token:  {}", admin.display())?;
        writeln!(out, "  ingest token: {}", ingest.display())?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_address_and_the_next_are_the_tokens_files() {
        let config = Config::parse("/srv/campanile.toml".as_ref(), "").unwrap();
        let mut out = Vec::new();
        announce(&config, "127.0.0.1:7700".parse().unwrap(), false, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "campanile is listening on http://127.0.0.1:7700\n  \
             admin token:  /srv/data/admin.token\n  ingest token: /srv/data/ingest.token\n"
        );
    }
}
