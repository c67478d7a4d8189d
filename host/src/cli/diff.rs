//! `campanile diff`: what `apply` would change, told by the exit code too.

use std::io::Write;

use super::apply::Wanted;
use super::{Common, Exit, Failure, changes, output};

#[derive(Debug, clap::Args)]
pub(super) struct DiffArgs {
    #[command(flatten)]
    wanted: Wanted,
}

pub(super) async fn run(
    args: DiffArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let answer = args.wanted.ask(common, true).await?;
    if common.json {
        output::json(out, &answer)?;
    } else {
        changes::print(out, &answer)?;
    }
    match changes::count(&answer) {
        0 => Ok(()),
        _ => {
            let text = "the engine differs from the files; `campanile apply` makes these changes";
            Err(Failure::says(Exit::Different, text))
        }
    }
}
