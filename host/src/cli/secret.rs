//! `campanile secret`: which secrets are stored, and the keys that they are sealed with.

use std::io::Write;

use clap::Subcommand;
use serde_json::Value;

use super::client::{Ask, Target};
use super::output::{self, cell, plain, when};
use super::pages::Pages;
use super::{Common, Exit, Failure};
use crate::tenant::Role;
use crate::vault::Vault;

#[derive(Debug, Subcommand)]
pub(super) enum SecretCommand {
    /// List stored secrets: whose each is, where it may go, and which key seals it; never a value
    List(ListArgs),
    /// Seal all stored secrets anew with the newest key
    ///
    /// Where the key is a file of the engine's, a new one is made for it first, and the old ones go
    /// when nothing needs them any more. Where it is a credential or a command, put the new key
    /// before the old one there, restart the engine, and rotate; then the old one can go. Copies of
    /// the store made before need the old key: keep it as long as you keep them.
    Rotate(RotateArgs),
    /// Print a new key, as a line for a key file, credential or command
    NewKey,
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// How many, newest first
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Args)]
pub(super) struct RotateArgs {
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(
    command: SecretCommand,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    match command {
        SecretCommand::List(args) => list(&args, common, out).await,
        SecretCommand::Rotate(args) => rotate(&args, common, out).await,
        SecretCommand::NewKey => {
            let key = Vault::new_key().map_err(|error| Failure::new(Exit::Failed, error))?;
            Ok(out.write_all(key.as_bytes())?)
        }
    }
}

async fn list(
    args: &ListArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let client = args.target.client(common, Role::Admin)?;
    let pages = Pages { path: "/v1/secrets", key: "secrets", cursor: "cursor" };
    let body = pages.collect(&client, &[], args.limit as usize).await?;
    if common.json {
        return Ok(output::json(out, &body)?);
    }
    let secrets = body["secrets"].as_array().map(Vec::as_slice).unwrap_or_default();
    let rows: Vec<_> = secrets.iter().map(row).collect();
    let heads = ["OWNER", "FIELD", "VERSION", "BOUND TO", "KEY", "CHANGED", "STATE"];
    output::table(out, heads, &rows)?;
    for problem in secrets.iter().map(|one| &one["problem"]).filter(|it| !it.is_null()) {
        writeln!(out, "{}", plain(&cell(problem)))?;
    }
    Ok(())
}

fn row(one: &Value) -> [String; 7] {
    let [sort, name, field, version, bound_to, key] =
        ["owner", "name", "field", "version", "bound_to", "key"].map(|key| cell(&one[key]));
    let state = if one["problem"].is_null() { "readable" } else { "unreadable" };
    let owner = format!("{sort} {name}");
    [owner, field, version, places(&bound_to), key, when(&one["changed_ms"]), state.to_owned()]
}

/// Where a secret may go, and what there is about the way, out of the text of its binding.
fn places(bound_to: &str) -> String {
    let binding = serde_json::from_str::<Value>(bound_to).unwrap_or_default();
    let Some(to) = binding["to"].as_array() else { return bound_to.to_owned() };
    let mut told: Vec<String> = to.iter().map(cell).collect();
    if let Some(proxy) = binding["proxy"].as_str() {
        told.push(format!("by the proxy {proxy}"));
    }
    if !binding["trust"].is_null() {
        told.push("under certificates of its own".to_owned());
    }
    if binding["clear_text"] == true {
        told.push("with clear text allowed".to_owned());
    }
    told.join(" ")
}

async fn rotate(
    args: &RotateArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let client = args.target.client(common, Role::Admin)?;
    let body = client.ask(Ask::post("/v1/secrets/rotate", &Value::Null)).await?.good()?;
    let unreadable = body["unreadable"].as_array().map(Vec::as_slice).unwrap_or_default();
    if common.json {
        output::json(out, &body)?;
    } else {
        writeln!(out, "{} secrets are sealed with the key {}", body["sealed"], cell(&body["key"]))?;
        let unused = body["unused_keys"].as_array().into_iter().flatten();
        for key in unused.map(cell).map(|key| plain(&key)) {
            if body["removed"] == true {
                writeln!(out, "the key {key} is taken out")?;
            } else {
                writeln!(
                    out,
                    "the key {key} can be taken out, unless a copy of the store needs it"
                )?;
            }
        }
    }
    if unreadable.is_empty() {
        return Ok(());
    }
    let told: Vec<_> = unreadable.iter().map(|one| plain(&cell(one))).collect();
    Err(Failure::says(Exit::Failed, told.join("\n")))
}
