//! `campanile completions`: what a shell needs to complete our command line.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Args, Failure};

#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs, out: &mut dyn Write) -> Result<(), Failure> {
    // Into memory first: the generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "campanile", &mut script);
    Ok(out.write_all(&script)?)
}
