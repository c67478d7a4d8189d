//! `campanile export`: endpoints and recipients as a file that `apply` takes.

use std::io::Write;

use super::client::{Target, with_query};
use super::named::read_name;
use super::{Common, Exit, Failure, output, setup};
use crate::tenant::Role;

#[derive(Debug, clap::Args)]
pub(super) struct ExportArgs {
    /// Only what this set made [default: everything]
    #[arg(long, value_name = "NAME", value_parser = read_name)]
    set: Option<String>,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(
    args: ExportArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let client = args.target.client(common, Role::Admin)?;
    let body = client.get(&with_query("/v1/export", &[("set", args.set)])).await?.good()?;
    if common.json {
        return Ok(output::json(out, &body)?);
    }
    // Not escaped for a terminal: it is for a file, and TOML escapes control characters itself.
    let text = setup::write(&body).map_err(|error| Failure::new(Exit::Failed, error))?;
    Ok(write!(out, "{text}")?)
}
