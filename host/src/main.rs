//! The binary: which process of an installation this is, its threads, its exit code.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use campanile::cli::{self, Args, Failure};
use campanile::privileged::role::Role;
use campanile::{process, runtime};
use clap::Parser;
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let error = match start(env::args_os().collect()) {
        Ok(code) => return code,
        Err(error) => error,
    };
    // If stderr is gone, the exit code still tells.
    let _ = tell(&error);
    ExitCode::from(error.downcast_ref::<Failure>().map_or(1, |failure| failure.exit as u8))
}

fn start(words: Vec<OsString>) -> anyhow::Result<ExitCode> {
    let role = Role::of(words.iter().cloned());
    if matches!(role, Some(Role::Engine { .. })) {
        // A process that nobody may look into cannot look into itself either.
        runtime::prime();
    }
    // Before the first thread, and before any secret is read.
    process::harden()?;
    match role {
        Some(Role::Engine { monitor, arguments }) => {
            cli::engine(Args::parse_from(arguments), monitor, || {
                threads().map_err(Failure::from_any)
            })?;
        }
        Some(role) => return role.run(),
        None => {
            let args = Args::parse();
            if args.is_serve() {
                let arguments = words.into_iter().skip(1).collect();
                return Ok(ExitCode::from(cli::watch(args, arguments)?));
            }
            args.lower()?;
            threads()?.block_on(cli::run(args, &mut io::stdout()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn threads() -> anyhow::Result<Runtime> {
    let cores = std::thread::available_parallelism().context("cannot count the cores")?;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.get())
        // A guest that loops holds a thread until its next tick. Looking at sockets after every
        // fourth poll keeps the other connections answered meanwhile; the default is 61.
        .event_interval(4)
        .enable_all()
        .build()
        .context("cannot start threads; allow this user more, or free some memory")
}

fn tell(error: &anyhow::Error) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    let mut told = error.to_string();
    writeln!(stderr, "campanile: {told}")?;
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Some errors repeat their cause as their own text.
        if cause != told {
            writeln!(stderr, "  because: {cause}")?;
        }
        told = cause;
    }
    Ok(())
}
