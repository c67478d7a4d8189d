//! The binary: arguments, threads, exit codes.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use campanile::cli::{self, Args, Failure};
use campanile::process;
use clap::Parser;

fn main() -> ExitCode {
    // Before the first thread, and before any secret is read.
    let hardened = process::harden().map_err(anyhow::Error::from);
    let Err(error) = hardened.and_then(|()| start(Args::parse())) else { return ExitCode::SUCCESS };
    // If stderr is gone, the exit code still tells.
    let _ = tell(&error);
    ExitCode::from(error.downcast_ref::<Failure>().map_or(1, |failure| failure.exit as u8))
}

fn start(args: Args) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism().context("cannot count the cores")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.get())
        // A guest that loops holds a thread until its next tick. Looking at sockets after every
        // fourth poll keeps the other connections answered meanwhile; the default is 61.
        .event_interval(4)
        .enable_all()
        .build()
        .context("cannot start threads; allow this user more, or free some memory")?;
    runtime.block_on(cli::run(args, &mut io::stdout())).map_err(Into::into)
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
