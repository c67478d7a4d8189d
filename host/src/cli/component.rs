//! `campanile component`: what is installed, what it may do, and who lets it.

mod show;

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Subcommand;
use serde_json::{Value, json};

use super::client::{Ask, Client, Target, segment};
use super::output::{self, cell, plain};
use super::{Common, Exit, Failure};
use crate::roster::State;
use crate::tenant::Role;

#[derive(Debug, Subcommand)]
pub(super) enum ComponentCommand {
    /// List the components that are installed; without an engine, those in the folder
    List(ListArgs),
    /// Show one component rule by rule; without an engine, as it is in the folder
    Show(NameArgs),
    /// Find what was put into the folder of components, or taken out, without a restart
    Scan(ScanArgs),
    /// Let a component be used, after showing what it may do
    Approve(ApproveArgs),
    /// Take back what was approved
    Revoke(NameArgs),
}

impl ComponentCommand {
    /// Whether it looks into the folder of components where it reaches no engine.
    pub(super) fn loads(&self) -> bool {
        matches!(self, Self::List(_) | Self::Show(_))
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Args)]
pub(super) struct ScanArgs {
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Args)]
pub(super) struct NameArgs {
    /// Its name, such as `acme/pager`
    name: String,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Args)]
pub(super) struct ApproveArgs {
    /// Its name, such as `acme/pager`
    name: String,
    /// Approve without asking
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    target: Target,
}

const PATH: &str = "/v1/components";

pub(super) async fn run(
    command: ComponentCommand,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    match command {
        ComponentCommand::List(args) => list(&args, common, out).await,
        ComponentCommand::Show(args) => {
            let all = components(&args.target, common).await?;
            let found = all.iter().find(|one| one["name"] == args.name.as_str());
            let found = found.ok_or_else(|| missing(&args.name))?;
            if common.json {
                return Ok(output::json(out, found)?);
            }
            Ok(show::whole(out, found)?)
        }
        ComponentCommand::Scan(args) => scan(&args, common, out).await,
        ComponentCommand::Approve(args) => approve(&args, common, out).await,
        ComponentCommand::Revoke(args) => {
            let client = args.target.client(common, Role::Admin)?;
            let path = format!("{PATH}/{}/revoke", segment(&args.name));
            let object = client.ask(Ask::post(&path, &json!({}))).await?.good()?;
            told(&object, common, out)
        }
    }
}

async fn scan(
    args: &ScanArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let client = args.target.client(common, Role::Admin)?;
    let found = client.ask(Ask::post(&format!("{PATH}/scan"), &json!({}))).await?.good()?;
    if common.json {
        return Ok(output::json(out, &found)?);
    }
    let changed = found["changed"].as_array().map_or(&[][..], Vec::as_slice);
    if changed.is_empty() {
        return Ok(writeln!(out, "nothing is new, and nothing is gone")?);
    }
    for name in changed {
        let all = found["components"].as_array().map_or(&[][..], Vec::as_slice);
        let state = match all.iter().find(|one| one["name"] == *name) {
            Some(one) => cell(&one["state"]),
            None => "gone".to_owned(),
        };
        writeln!(out, "component {} is {}", plain(&cell(name)), plain(&state))?;
    }
    Ok(())
}

async fn list(
    args: &ListArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let all = components(&args.target, common).await?;
    if common.json {
        return Ok(output::json(out, &json!({ "components": all }))?);
    }
    let rows: Vec<_> = all
        .iter()
        .map(|one| {
            let about = match one["problem"].as_str() {
                Some(problem) => problem.lines().next().unwrap_or_default().to_owned(),
                None => cell(&one["about"]["title"]),
            };
            [cell(&one["name"]), cell(&one["state"]), cell(&one["about"]["world"]), about]
        })
        .collect();
    Ok(output::table(out, ["NAME", "STATE", "WORLD", "TITLE"], &rows)?)
}

/// What the engine says is installed; where none is reached, what is in the folder.
async fn components(target: &Target, common: &Common) -> Result<Vec<Value>, Failure> {
    let asked = match target.client(common, Role::Admin) {
        Ok(client) => client.get(PATH).await,
        Err(failure) => Err(failure),
    };
    match asked {
        Ok(answer) => {
            let mut body = answer.good()?;
            match body["components"].take() {
                Value::Array(all) => Ok(all),
                _ => Err(Failure::says(Exit::Failed, "the engine answered without components")),
            }
        }
        // Somebody who names an engine wants to hear of that one.
        Err(failure) if target.is_named() => Err(failure),
        Err(_) => alone(common).await,
    }
}

async fn alone(common: &Common) -> Result<Vec<Value>, Failure> {
    let kinds = Box::pin(crate::app::components(&common.load()?)).await?;
    let seen = kinds.components().into_iter().map(|mut one| {
        if one.state == State::Waiting {
            one.state = State::Unknown;
        }
        // It is made of texts, numbers and lists: always JSON.
        serde_json::to_value(&one).unwrap_or_default()
    });
    Ok(seen.collect())
}

async fn approve(
    args: &ApproveArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let client = args.target.client(common, Role::Admin)?;
    let path = format!("{PATH}/{}", segment(&args.name));
    let seen = client.get(&path).await?.good()?;
    if seen["state"] != "waiting" {
        // The engine says what is so, and nothing is to be asked.
        return give(&client, &path, &seen, common, out).await;
    }
    if !args.yes {
        // Who reads JSON off stdout is still asked in words.
        let mut words = io::stderr();
        show::asked(&mut words, &seen)?;
        if !confirmed(&mut words)? {
            let text = format!("`{}` is not approved", plain(&args.name));
            return Err(Failure::says(Exit::Failed, text));
        }
    } else if !common.json {
        show::asked(out, &seen)?;
    }
    give(&client, &path, &seen, common, out).await
}

/// Approves what was seen and nothing else.
async fn give(
    client: &Client,
    path: &str,
    seen: &Value,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let body = json!({ "hash": cell(&seen["hash"]) });
    let object = client.ask(Ask::post(&format!("{path}/approve"), &body)).await?.good()?;
    told(&object, common, out)
}

fn confirmed(words: &mut dyn Write) -> Result<bool, Failure> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        let text = "nobody can be asked here; look at it with `campanile component show`, then run \
                    this with --yes";
        return Err(Failure::says(Exit::Usage, text));
    }
    write!(words, "Approve it? [y/N] ")?;
    words.flush()?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn told(object: &Value, common: &Common, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    if common.json {
        return Ok(output::json(out, object)?);
    }
    let [name, state] = ["name", "state"].map(|key| plain(&cell(&object[key])));
    Ok(writeln!(out, "component {name} is {state}")?)
}

fn missing(name: &str) -> Failure {
    let name = plain(name);
    let text = format!("there is no component `{name}`; `campanile component list` shows all");
    Failure::says(Exit::Failed, text)
}
