//! `campanile deliveries`: what is owed, and how each try ended.

use std::io::Write;

use serde_json::Value;

use super::client::Target;
use super::output::{self, instant, plain};
use super::{Common, Failure};
use crate::clock::Clock;
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
    let now_ms = Clock::default().now_ms();
    if common.json {
        output::json(out, &body)?;
    } else if args.id.is_some() {
        show(&body, now_ms, out)?;
    } else {
        list(&body, now_ms, out)?;
    }
    Ok(())
}

fn list(body: &Value, now_ms: u64, out: &mut dyn Write) -> std::io::Result<()> {
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
                due(one, now_ms),
                text(&one["title"]),
            ]
        })
        .collect();
    output::table(out, ["ID", "STATE", "RECIPIENT", "TRIES", "LAST", "NEXT TRY", "TITLE"], &rows)
}

fn show(one: &Value, now_ms: u64, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "{}: {}", plain(&text(&one["id"])), plain(&text(&one["title"])))?;
    writeln!(out, "to {}, {}", plain(&text(&one["recipient"])), plain(&text(&one["state"])))?;
    let due = due(one, now_ms);
    if !due.is_empty() {
        writeln!(out, "next try {due}")?;
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

/// When a pending one is tried next.
fn due(delivery: &Value, now_ms: u64) -> String {
    match delivery["due_ms"].as_u64() {
        None => String::new(),
        Some(due_ms) if due_ms <= now_ms => "now".to_owned(),
        Some(due_ms) => instant(due_ms),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_next_try_of_a_pending_delivery_is_now_where_it_is_past() {
        let table = [
            (json!(null), ""),
            (json!(0), "now"),
            (json!(1_790_000_000_000_u64), "now"),
            (json!(1_790_000_000_001_u64), "2026-09-21T14:13:20.001Z"),
        ];
        for (due_ms, expected) in table {
            let one = json!({ "due_ms": due_ms });
            assert_eq!(due(&one, 1_790_000_000_000), expected, "{one}");
        }
    }
}
