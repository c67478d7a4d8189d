//! `campanile apply`: makes the engine's endpoints and recipients what files say.

use std::io::Write;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::client::{Ask, Target};
use super::named::read_name;
use super::{Common, Failure, changes, output, setup};
use crate::tenant::Role;

#[derive(Debug, clap::Args)]
pub(super) struct ApplyArgs {
    #[command(flatten)]
    pub(super) wanted: Wanted,
    /// Only tell what would change
    #[arg(long)]
    dry_run: bool,
}

/// What the engine should have.
#[derive(Debug, clap::Args)]
pub(super) struct Wanted {
    /// TOML files with tables `[endpoint.NAME]` and `[recipient.NAME]`, taken together; `-` is
    /// stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The set that these files are all of; what another set made is left alone
    #[arg(long, value_name = "NAME", default_value = "main", value_parser = read_name)]
    set: String,
    /// Remove what an earlier apply of this set made and the files no longer have
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    target: Target,
}

impl Wanted {
    /// What the engine says to it.
    pub(super) async fn ask(&self, common: &Common, dry_run: bool) -> Result<Value, Failure> {
        let body = json!({
            "set": self.set,
            "dry_run": dry_run,
            "prune": self.prune,
            "setup": setup::read(&self.files)?,
        });
        let client = self.target.client(common, Role::Admin)?;
        client.ask(Ask::post("/v1/apply", &body).patiently()).await?.good()
    }
}

pub(super) async fn run(
    args: ApplyArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let answer = args.wanted.ask(common, args.dry_run).await?;
    if common.json {
        output::json(out, &answer)?;
    } else {
        changes::print(out, &answer)?;
    }
    Ok(())
}
