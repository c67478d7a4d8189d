//! `campanile deliveries`: what is owed, and how each try ended.

use std::io::Write;

use serde_json::Value;

use super::client::Target;
use super::output::{self, instant, plain};
use super::{Common, Failure};
use crate::ids::DeliveryId;
use crate::tenant::Role;

#[derive(Debug, clap::Args)]
pub(super) struct DeliveriesArgs {
    /// Show this one with every try
    #[arg(value_name = "ID")]
    id: Option<DeliveryId>,
    /// Only those that stand so
    #[arg(long, value_parser = ["pending", "delivered", "skipped", "dead"])]
    state: Option<String>,
    /// How many, newest first
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(
    args: DeliveriesArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let client = args.target.client(common, Role::Admin)?;
    let path = match (&args.id, &args.state) {
        (Some(id), _) => format!("/v1/deliveries/{id}"),
        (None, Some(state)) => format!("/v1/deliveries?limit={}&state={state}", args.limit),
        (None, None) => format!("/v1/deliveries?limit={}", args.limit),
    };
    let body = client.get(&path).await?.good()?;
    if common.json {
        output::json(out, &body)?;
    } else if args.id.is_some() {
        show(&body, out)?;
    } else {
        list(&body, out)?;
    }
    Ok(())
}

fn list(body: &Value, out: &mut dyn Write) -> std::io::Result<()> {
    let rows: Vec<_> = body["deliveries"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| {
            let last = &one["last"];
            [
                text(&one["id"]),
                text(&one["state"]),
                text(&one["recipient"]),
                text(&one["attempts"]),
                text(&last["code"]),
                due(one),
                text(&one["title"]),
            ]
        })
        .collect();
    output::table(out, ["ID", "STATE", "RECIPIENT", "TRIES", "LAST", "NEXT TRY", "TITLE"], &rows)
}

fn show(one: &Value, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "{}: {}", plain(&text(&one["id"])), plain(&text(&one["title"])))?;
    writeln!(out, "to {}, {}", plain(&text(&one["recipient"])), plain(&text(&one["state"])))?;
    if !due(one).is_empty() {
        writeln!(out, "next try {}", due(one))?;
    }
    let rows: Vec<_> = one["tries"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| {
            let at = it["at_ms"].as_u64().map(instant).unwrap_or_default();
            [
                text(&it["number"]),
                at,
                format!("{} ms", text(&it["took_ms"])),
                text(&it["outcome"]),
                text(&it["code"]),
                text(&it["origin"]),
                text(&it["detail"]),
            ]
        })
        .collect();
    writeln!(out)?;
    output::table(out, ["TRY", "AT", "TOOK", "OUTCOME", "CODE", "ORIGIN", "DETAIL"], &rows)
}

fn due(delivery: &Value) -> String {
    delivery["due_ms"].as_u64().map(instant).unwrap_or_default()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
