//! `campanile component`: the kinds that are installed, and what they may do.

use std::io::Write;

use clap::Subcommand;
use serde_json::{Value, json};

use super::output::{self, plain};
use super::{Common, Exit, Failure};
use crate::runtime::Kind;

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
    let catalog = Box::pin(crate::app::catalog(&common.load()?)).await?;
    match command {
        ComponentCommand::List if common.json => {
            let kinds: Vec<_> = catalog.kinds().iter().map(|kind| view(kind)).collect();
            output::json(out, &json!({ "kinds": kinds }))?;
        }
        ComponentCommand::List => {
            let rows: Vec<_> = catalog
                .kinds()
                .iter()
                .map(|kind| {
                    let world = kind.manifest.world.name().to_owned();
                    [kind.name.clone(), world, plain(&kind.descriptor.title)]
                })
                .collect();
            output::table(out, ["NAME", "WORLD", "TITLE"], &rows)?;
        }
        ComponentCommand::Show { name } => {
            let Some(kind) = catalog.kind(&name) else {
                let text =
                    format!("there is no kind `{name}`; `campanile component list` shows all");
                return Err(Failure::says(Exit::Failed, text));
            };
            if common.json {
                return Ok(output::json(out, &view(kind))?);
            }
            show(kind, out)?;
        }
    }
    Ok(())
}

fn show(kind: &Kind, out: &mut dyn Write) -> Result<(), Failure> {
    let described = &kind.descriptor;
    writeln!(out, "{}: {}", kind.name, plain(&described.title))?;
    writeln!(out, "{}", plain(&described.summary))?;
    writeln!(out, "sha256:  {}", kind.sha256())?;
    writeln!(out, "size:    {} bytes", kind.wasm_bytes)?;
    writeln!(out, "world:   {}", kind.manifest.world.name())?;
    for origin in kind.manifest.origins() {
        writeln!(out, "reaches: {} (filled in from an endpoint's settings)", plain(&origin))?;
    }
    for import in &kind.imports {
        writeln!(out, "imports: {}", plain(import))?;
    }
    Ok(())
}

fn view(kind: &Kind) -> Value {
    json!({
        "name": kind.name,
        "title": kind.descriptor.title,
        "summary": kind.descriptor.summary,
        "sha256": kind.sha256(),
        "wasm_bytes": kind.wasm_bytes,
        "world": kind.manifest.world.name(),
        "origins": kind.manifest.origins(),
        "imports": kind.imports,
    })
}
