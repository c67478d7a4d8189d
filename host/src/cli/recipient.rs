//! `campanile recipient`: who gets alerts, and which.

use std::io::Write;

use clap::Subcommand;
use serde_json::{Value, json};

use super::assign::{self, Assigned};
use super::client::Target;
use super::named::{self, NameArgs, PauseArgs, SettingsFile, What, read_name};
use super::output::{self, cell, plain};
use super::{Common, Failure};
use crate::tenant::Role;

const WHAT: What = What::Recipient;

#[derive(Debug, Subcommand)]
pub(super) enum RecipientCommand {
    /// List recipients
    List(ListArgs),
    /// Show one recipient; its secrets do not show
    Show(NameArgs),
    /// Add a recipient
    Add(AddArgs),
    /// Change a recipient
    Set(SetArgs),
    /// Remove a recipient; what is pending for it ends as dead
    Remove(NameArgs),
    /// Hold back what a recipient is owed, until it is resumed
    Pause(PauseArgs),
    /// Send again to a recipient that is paused
    Resume(NameArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Only those at this endpoint
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
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
    /// The endpoint that its messages go through
    #[arg(long, value_name = "NAME", value_parser = read_name)]
    endpoint: String,
    #[command(flatten)]
    parts: Parts,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Args)]
#[command(override_usage = "campanile recipient set [OPTIONS] <NAME>")]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true)
    .args(["endpoint", "filters", "templates", "settings", "settings_file", "secrets", "unset"]))]
pub(super) struct SetArgs {
    /// Its name
    #[arg(value_parser = read_name)]
    name: String,
    /// The endpoint that its messages go through from now on
    #[arg(long, value_name = "NAME", value_parser = read_name)]
    endpoint: Option<String>,
    #[command(flatten)]
    parts: Parts,
    /// Take this setting out. May be given again
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Args)]
struct Parts {
    /// A part of the filter, such as `minimum_severity=error` or `categories=security,network`. One
    /// that is given again adds to its list; an empty one goes back to the default
    #[arg(long = "filter", value_name = "KEY=VALUE")]
    filters: Vec<Assigned>,
    /// A template, `title=...` or `text=...`, in words of this recipient's own; an empty one goes
    /// back to the producer's words
    #[arg(long = "template", value_name = "KEY=VALUE")]
    templates: Vec<Assigned>,
    /// A setting. The value is JSON where it reads as JSON, else text; `key.sub=value` reaches into
    /// tables. May be given again
    #[arg(long = "setting", value_name = "KEY=VALUE")]
    settings: Vec<Assigned>,
    #[command(flatten)]
    file: SettingsFile,
}

impl Parts {
    fn lay(&self, unset: &[String], object: &mut Value) -> Result<(), Failure> {
        if !self.filters.is_empty() {
            assign::filter(&self.filters, named::table(object, "filter")?)?;
        }
        if !self.templates.is_empty() {
            assign::templates(&self.templates, named::table(object, "templates")?)?;
        }
        if self.file.is_given() || !self.settings.is_empty() || !unset.is_empty() {
            self.file.lay(&self.settings, unset, object)?;
        }
        Ok(())
    }
}

pub(super) async fn run(
    command: RecipientCommand,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let object = match command {
        RecipientCommand::List(args) => return list(args, common, out).await,
        RecipientCommand::Show(args) => return show(&args, common, out).await,
        RecipientCommand::Remove(args) => return remove(&args, common, out).await,
        RecipientCommand::Add(args) => {
            let mut written = json!({ "name": args.name, "endpoint": args.endpoint });
            args.parts.lay(&[], &mut written)?;
            WHAT.create(&args.target.client(common, Role::Admin)?, &written).await?
        }
        RecipientCommand::Set(args) => {
            let client = args.target.client(common, Role::Admin)?;
            let edit = |object: &mut Value| {
                if let Some(endpoint) = &args.endpoint {
                    object["endpoint"] = endpoint.as_str().into();
                }
                args.parts.lay(&args.unset, object)
            };
            WHAT.change(&client, &args.name, edit).await?
        }
        RecipientCommand::Pause(args) => {
            WHAT.pause(&args.target.client(common, Role::Admin)?, &args).await?
        }
        RecipientCommand::Resume(args) => {
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
    let parameters = [("endpoint", args.endpoint), ("state", args.state)];
    let body = WHAT.pages().collect(&client, &parameters, usize::MAX).await?;
    if common.json {
        return Ok(output::json(out, &body)?);
    }
    let rows: Vec<_> = body["recipients"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| ["name", "endpoint", "state", "pending", "apply_set"].map(|key| cell(&one[key])))
        .collect();
    Ok(output::table(out, ["NAME", "ENDPOINT", "STATE", "PENDING", "SET"], &rows)?)
}

async fn show(
    args: &NameArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let client = args.target.client(common, Role::Admin)?;
    let object = WHAT.get(&client, &args.name).await?;
    if common.json {
        return Ok(output::json(out, &object)?);
    }
    let endpoint = cell(&object["endpoint"]);
    writeln!(out, "recipient {} at endpoint {}", args.name, plain(&endpoint))?;
    named::about(out, &object)?;
    output::field(out, "endpoint state", &cell(&object["endpoint_state"]))?;
    output::field(out, "pending", &cell(&object["pending"]))?;
    for part in ["filter", "templates"] {
        let Some(set) = object[part].as_object().filter(|it| !it.is_empty()) else { continue };
        writeln!(out, "{part}:")?;
        for (key, value) in set {
            writeln!(out, "  {} = {}", plain(key), plain(&value.to_string()))?;
        }
    }
    let endpoint = What::Endpoint.get(&client, &endpoint).await?;
    named::settings(out, &client, &cell(&endpoint["kind"]), &object).await
}

async fn remove(
    args: &NameArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let client = args.target.client(common, Role::Admin)?;
    let pending = WHAT.get(&client, &args.name).await?["pending"].take();
    WHAT.remove(&client, &args.name).await?;
    if common.json {
        return Ok(output::json(out, &json!({ "removed": args.name, "ended": pending }))?);
    }
    let (name, pending) = (&args.name, pending.as_u64().unwrap_or(0));
    match pending {
        0 => writeln!(out, "recipient {name} is removed; nothing was pending for it")?,
        count => writeln!(
            out,
            "recipient {name} is removed; {count} pending deliveries ended as dead, see `campanile \
             deliveries --state dead`"
        )?,
    }
    Ok(())
}
