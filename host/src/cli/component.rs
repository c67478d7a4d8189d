//! `campanile component`: the kinds that are installed, and what they may do.

use std::io::Write;

use clap::Subcommand;
use serde_json::{Value, json};

use super::output::{self, plain};
use super::{Common, Exit, Failure};
use crate::app;
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
    let (_runtime, catalog) = Box::pin(app::components(&common.load()?)).await?;
    match command {
        ComponentCommand::List if common.json => {
            let kinds: Vec<_> = catalog.kinds().iter().map(|kind| view(kind)).collect();
            output::json(out, &json!({ "kinds": kinds }))?;
        }
        ComponentCommand::List => {
            let rows: Vec<_> = catalog
                .kinds()
                .iter()
                .map(|one| {
                    let about = &one.descriptor;
                    [one.name.clone(), about.title.clone(), about.summary.clone()]
                })
                .collect();
            output::table(out, ["NAME", "TITLE", "SUMMARY"], &rows)?;
        }
        ComponentCommand::Show { name } => {
            let kind = catalog.kind(&name).ok_or_else(|| {
                let text =
                    format!("there is no kind `{name}`; `campanile component list` shows all");
                Failure::says(Exit::Failed, text)
            })?;
            if common.json {
                output::json(out, &view(kind))?;
            } else {
                show(kind, out)?;
            }
        }
    }
    Ok(())
}

fn show(kind: &Kind, out: &mut dyn Write) -> std::io::Result<()> {
    let about = &kind.descriptor;
    writeln!(out, "{}: {}", kind.name, plain(&about.title))?;
    writeln!(out, "{}", plain(&about.summary))?;
    writeln!(out, "sha256: {}", digest(kind))?;
    writeln!(out, "size:   {} bytes", kind.wasm_bytes)?;
    writeln!(out, "world:  {}", kind.manifest.world.name())?;
    match kind.manifest.origins.as_slice() {
        [] => writeln!(out, "may reach no fixed origin")?,
        origins => writeln!(out, "may reach {}", plain(&origins.join(", ")))?,
    }
    writeln!(out, "imports:")?;
    kind.imports.iter().try_for_each(|import| writeln!(out, "  {}", plain(import)))
}

fn view(kind: &Kind) -> Value {
    json!({
        "name": kind.name,
        "title": kind.descriptor.title,
        "summary": kind.descriptor.summary,
        "world": kind.manifest.world.name(),
        "origins": kind.manifest.origins,
        "sha256": digest(kind),
        "wasm_bytes": kind.wasm_bytes,
        "imports": kind.imports,
    })
}

fn digest(kind: &Kind) -> String {
    kind.digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
