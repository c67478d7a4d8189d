//! `campanile component`: the kinds that are installed, and what they may do.

use std::io::Write;

use clap::Subcommand;
use serde_json::json;

use super::output::{self, plain};
use super::{Common, Exit, Failure};

#[derive(Debug, Subcommand)]
pub(super) enum ComponentCommand {
    /// List the kinds that are installed
    List,
    /// Show one kind and what it may do
    Show {
        /// Name of the kind
        name: String,
    },
}

pub(super) async fn run(
    command: ComponentCommand,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let kinds = Box::pin(crate::app::kinds(common.load()?)).await?;
    match command {
        ComponentCommand::List if common.json => output::json(out, &json!({ "kinds": kinds }))?,
        ComponentCommand::List => {
            let rows: Vec<_> =
                kinds.into_iter().map(|one| [one.name, one.version, one.title]).collect();
            output::table(out, ["NAME", "VERSION", "TITLE"], &rows)?;
        }
        ComponentCommand::Show { name } => {
            let Some(kind) = kinds.iter().find(|one| one.name == name) else {
                let text =
                    format!("there is no kind `{name}`; `campanile component list` shows all");
                return Err(Failure::says(Exit::Failed, text));
            };
            if common.json {
                return Ok(output::json(out, kind)?);
            }
            writeln!(out, "{} {}: {}", kind.name, plain(&kind.version), plain(&kind.title))?;
            writeln!(out, "sha256: {}", kind.digest)?;
            for one in &kind.capabilities {
                writeln!(out, "may {}", plain(one))?;
            }
        }
    }
    Ok(())
}
