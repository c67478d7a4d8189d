//! `campanile man`: the manual pages, from the command line itself.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use clap::CommandFactory;

use super::{Args, Exit, Failure};

#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// Write a page for each command into this folder [default: the main page to stdout]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &ManArgs, out: &mut dyn Write) -> Result<(), Failure> {
    // `help` is no command to read about; the pages of all leave it out by themselves.
    let command = Args::command().disable_help_subcommand(true);
    let Some(dir) = &args.dir else {
        return Ok(clap_mangen::Man::new(command).render(&mut &mut *out)?);
    };
    let written = fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(command, dir));
    written.map_err(|source| {
        let text =
            format!("cannot write into `{}`; name a folder that you can write to", dir.display());
        Failure::caused(Exit::Failed, text, source)
    })
}
