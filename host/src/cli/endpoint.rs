//! `campanile endpoint`: the accounts and servers that messages go through.

use std::io::Write;

use clap::Subcommand;
use serde_json::{Value, json};

use super::assign::Assigned;
use super::client::{Target, segment};
use super::egress;
use super::named::{self, NameArgs, PauseArgs, SettingsFile, What, read_name};
use super::output::{self, cell, plain, when};
use super::{Common, Failure};
use crate::tenant::Role;

const WHAT: What = What::Endpoint;

#[derive(Debug, Subcommand)]
pub(super) enum EndpointCommand {
    /// List endpoints
    List(ListArgs),
    /// Show one endpoint; its secrets do not show
    Show(NameArgs),
    /// Add an endpoint
    Add(AddArgs),
    /// Change settings of an endpoint
    Set(SetArgs),
    /// Remove an endpoint that no recipient refers to
    Remove(NameArgs),
    /// Hold back what goes through an endpoint, until it is resumed
    Pause(PauseArgs),
    /// Send again through an endpoint that is paused
    Resume(NameArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Only those of this kind
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only those that stand so
    #[arg(long, value_parser = ["active", "paused", "unusable"])]
    state: Option<String>,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Args)]
pub(super) struct AddArgs {
    /// Its name: 1 to 64 of `A-Z a-z 0-9 . _ -`
    #[arg(value_parser = read_name)]
    name: String,
    /// Its kind; `campanile component list` shows those that are installed
    #[arg(long, value_name = "KIND")]
    kind: String,
    /// A setting. The value is JSON where it reads as JSON, else text; `key.sub=value` reaches into
    /// tables. May be given again
    #[arg(long = "setting", value_name = "KEY=VALUE")]
    settings: Vec<Assigned>,
    #[command(flatten)]
    file: SettingsFile,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Args)]
#[command(override_usage = "campanile endpoint set [OPTIONS] <NAME> [KEY=VALUE]...")]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true)
    .args(["settings", "unset", "settings_file", "secrets"]))]
pub(super) struct SetArgs {
    /// Its name
    #[arg(value_parser = read_name)]
    name: String,
    /// Settings. A value is JSON where it reads as JSON, else text; `key.sub=value` reaches into
    /// tables
    #[arg(value_name = "KEY=VALUE")]
    settings: Vec<Assigned>,
    /// Take this setting out. May be given again
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
    #[command(flatten)]
    file: SettingsFile,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(
    command: EndpointCommand,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let object = match command {
        EndpointCommand::List(args) => return list(args, common, out).await,
        EndpointCommand::Show(args) => return show(&args, common, out).await,
        EndpointCommand::Remove(args) => return remove(&args, common, out).await,
        EndpointCommand::Add(args) => {
            let mut written = json!({ "name": args.name, "kind": args.kind });
            args.file.lay(&args.settings, &[], &mut written)?;
            WHAT.create(&args.target.client(common, Role::Admin)?, &written).await?
        }
        EndpointCommand::Set(args) => {
            let client = args.target.client(common, Role::Admin)?;
            let edit = |object: &mut Value| args.file.lay(&args.settings, &args.unset, object);
            WHAT.change(&client, &args.name, edit).await?
        }
        EndpointCommand::Pause(args) => {
            WHAT.pause(&args.target.client(common, Role::Admin)?, &args).await?
        }
        EndpointCommand::Resume(args) => {
            WHAT.resume(&args.target.client(common, Role::Admin)?, &args.name).await?
        }
    };
    if common.json {
        output::json(out, &object)?;
    } else {
        named::standing(out, WHAT, &object)?;
    }
    Ok(())
}

async fn list(
    args: ListArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let client = args.target.client(common, Role::Admin)?;
    let parameters = [("kind", args.kind), ("state", args.state)];
    let body = WHAT.pages().collect(&client, &parameters, usize::MAX).await?;
    if common.json {
        return Ok(output::json(out, &body)?);
    }
    let rows: Vec<_> = body["endpoints"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| {
            let [name, kind, state, set] =
                ["name", "kind", "state", "apply_set"].map(|key| cell(&one[key]));
            [name, kind, state, set, when(&one["changed_ms"])]
        })
        .collect();
    Ok(output::table(out, ["NAME", "KIND", "STATE", "SET", "CHANGED"], &rows)?)
}

async fn show(
    args: &NameArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let client = args.target.client(common, Role::Admin)?;
    let mut object = WHAT.get(&client, &args.name).await?;
    // What an unusable endpoint would reach is not known.
    if object["state"] != "unusable" {
        let path = format!("/v1/endpoints/{}/grant", segment(&args.name));
        object["reaches"] = client.get(&path).await?.good()?["rules"].take();
    }
    if common.json {
        return Ok(output::json(out, &object)?);
    }
    let kind = cell(&object["kind"]);
    writeln!(out, "endpoint {} ({})", args.name, plain(&kind))?;
    named::about(out, &object)?;
    named::settings(out, &client, &kind, &object).await?;
    if !object["reaches"].is_null() {
        writeln!(out, "reaches:")?;
    }
    Ok(egress::lines(out, &object["reaches"])?)
}

async fn remove(
    args: &NameArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    WHAT.remove(&args.target.client(common, Role::Admin)?, &args.name).await?;
    if common.json {
        output::json(out, &json!({ "removed": args.name }))?;
    } else {
        writeln!(out, "endpoint {} is removed; no recipient referred to it", args.name)?;
    }
    Ok(())
}
