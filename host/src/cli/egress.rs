//! `campanile egress`: what goes out, and why not.

use std::io::Write;

use clap::Subcommand;
use serde_json::{Value, json};

use super::client::{Ask, Target};
use super::named::read_name;
use super::output::{self, cell, plain};
use super::{Common, Exit, Failure};
use crate::tenant::Role;

#[derive(Debug, Subcommand)]
pub(super) enum EgressCommand {
    /// Tell rule by rule whether something would go out through an endpoint
    ///
    /// Names are resolved as for a delivery, by the running engine; nothing is connected to. The
    /// exit code is 1 if it would not go out.
    Explain(ExplainArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    /// A URL, or a target such as `tls://logs.example:6514`
    #[arg(value_name = "URL")]
    to: String,
    /// The endpoint that it would go through
    #[arg(long, value_name = "NAME", value_parser = read_name)]
    endpoint: String,
    /// Method of a request to a URL
    #[arg(long, value_name = "METHOD", default_value = "POST")]
    method: String,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(
    command: EgressCommand,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let EgressCommand::Explain(args) = command;
    let client = args.target.client(common, Role::Admin)?;
    let asked = json!({ "endpoint": args.endpoint, "to": args.to, "method": args.method });
    let body = client.ask(Ask::post("/v1/egress/explain", &asked)).await?.good()?;
    if common.json {
        output::json(out, &body)?;
    } else {
        lines(out, &body["lines"])?;
    }
    if body["allowed"] == true {
        return Ok(());
    }
    let text = format!("`{}` does not go out through {}", plain(&args.to), plain(&args.endpoint));
    Err(Failure::says(Exit::Failed, text))
}

/// Rules, one a line, those that refuse marked.
pub(super) fn lines(out: &mut dyn Write, lines: &Value) -> std::io::Result<()> {
    for line in lines.as_array().into_iter().flatten() {
        let mark = match line["standing"].as_str() {
            Some("passed") => '+',
            Some("refused") => '-',
            _ => ' ',
        };
        let [rule, text] = ["rule", "text"].map(|key| plain(&cell(&line[key])));
        writeln!(out, "{mark} {:<13}{text}", format!("{rule}:"))?;
    }
    Ok(())
}
