//! `campanile audit`: who changed what, and whether that record is whole.

use std::io::Write;

use clap::Subcommand;

use super::client::Target;
use super::output::{self, cell, plain, when};
use super::pages::Pages;
use super::{Common, Exit, Failure};
use crate::tenant::Role;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct AuditArgs {
    #[command(subcommand)]
    command: Option<AuditCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// List entries, as `campanile audit` alone does
    List(ListArgs),
    /// Check that no entry was changed or taken out, and print the hash of the newest
    ///
    /// Whoever owns the store could make all of the record anew. The hash, noted elsewhere, shows
    /// that: it never comes again for another record.
    Verify(VerifyArgs),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// How many, newest first
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Args)]
struct VerifyArgs {
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(
    args: AuditArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    match args.command.unwrap_or(AuditCommand::List(args.list)) {
        AuditCommand::List(args) => list(&args, common, out).await,
        AuditCommand::Verify(args) => verify(&args, common, out).await,
    }
}

async fn list(
    args: &ListArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let client = args.target.client(common, Role::Admin)?;
    let pages = Pages { path: "/v1/audit", key: "entries", cursor: "cursor" };
    let body = pages.collect(&client, &[], args.limit as usize).await?;
    if common.json {
        return Ok(output::json(out, &body)?);
    }
    let rows: Vec<_> = body["entries"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| {
            let [seq, actor, source, action, object] =
                ["seq", "actor", "source", "action", "object"].map(|key| cell(&one[key]));
            [seq, when(&one["at_ms"]), actor, source, action, object]
        })
        .collect();
    Ok(output::table(out, ["SEQ", "AT", "ACTOR", "SOURCE", "ACTION", "OBJECT"], &rows)?)
}

async fn verify(
    args: &VerifyArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let client = args.target.client(common, Role::Admin)?;
    let body = client.get("/v1/audit/verify").await?.good()?;
    let broken_at = &body["broken_at"];
    if common.json {
        output::json(out, &body)?;
    } else {
        writeln!(out, "{} entries", plain(&cell(&body["entries"])))?;
        output::field(out, "head", &cell(&body["head"]))?;
    }
    if broken_at.is_null() {
        return Ok(());
    }
    let text = format!(
        "the record was changed at entry {}; compare it with a backup of the store",
        plain(&cell(broken_at))
    );
    Err(Failure::says(Exit::Failed, text))
}
