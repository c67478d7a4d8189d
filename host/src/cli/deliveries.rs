//! `campanile deliveries`: what is owed, how each try ended, and another chance for what is dead.

mod retry;

use std::io::{self, Write};

use clap::Subcommand;
use serde_json::Value;

use super::client::Target;
use super::output::{self, cell, instant, plain, plain_lines, when};
use super::pages::Pages;
use super::{Common, Failure};
use crate::clock::Clock;
use crate::ids::DeliveryId;
use crate::tenant::Role;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct DeliveriesArgs {
    #[command(subcommand)]
    command: Option<DeliveriesCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum DeliveriesCommand {
    /// List deliveries, as `campanile deliveries` alone does
    List(ListArgs),
    /// Show one delivery with every try, and its message while that is kept
    Show(ShowArgs),
    /// Send dead deliveries again
    Retry(retry::RetryArgs),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Only those that stand so
    #[arg(long, value_parser = ["pending", "delivered", "skipped", "dead"])]
    state: Option<String>,
    /// Only those owed to this recipient
    #[arg(long, value_name = "NAME")]
    recipient: Option<String>,
    /// How many, newest first
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// The delivery
    id: DeliveryId,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(
    args: DeliveriesArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    match args.command.unwrap_or(DeliveriesCommand::List(args.list)) {
        DeliveriesCommand::List(args) => list(args, common, out).await,
        DeliveriesCommand::Show(args) => show(&args, common, out).await,
        DeliveriesCommand::Retry(args) => retry::run(args, common, out).await,
    }
}

async fn list(
    args: ListArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let client = args.target.client(common, Role::Admin)?;
    let parameters = [("state", args.state), ("recipient", args.recipient)];
    let pages = Pages { path: "/v1/deliveries", key: "deliveries", cursor: "cursor" };
    let body = pages.collect(&client, &parameters, args.limit as usize).await?;
    if common.json {
        return Ok(output::json(out, &body)?);
    }
    let now_ms = Clock::default().now_ms();
    let rows: Vec<_> = body["deliveries"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| {
            let [id, state, recipient, attempts, title] =
                ["id", "state", "recipient", "attempts", "title"].map(|key| cell(&one[key]));
            [id, state, recipient, attempts, ended(one), due(one, now_ms), title]
        })
        .collect();
    let heads = ["ID", "STATE", "RECIPIENT", "TRIES", "LAST", "NEXT TRY", "TITLE"];
    Ok(output::table(out, heads, &rows)?)
}

async fn show(
    args: &ShowArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let client = args.target.client(common, Role::Admin)?;
    let body = client.get(&format!("/v1/deliveries/{}", args.id)).await?.good()?;
    if common.json {
        output::json(out, &body)?;
    } else {
        tell(&body, Clock::default().now_ms(), out)?;
    }
    Ok(())
}

fn tell(one: &Value, now_ms: u64, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}: {}", plain(&cell(&one["id"])), plain(&cell(&one["title"])))?;
    writeln!(out, "to {}, {}", plain(&cell(&one["recipient"])), plain(&cell(&one["state"])))?;
    output::field(out, "cause", &cell(&one["cause"]))?;
    let due = due(one, now_ms);
    if !due.is_empty() {
        writeln!(out, "next try {due}")?;
    }
    let rows: Vec<_> = one["tries"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| {
            let took = format!("{} ms", cell(&it["took_ms"]));
            let [number, outcome, code, origin, detail] =
                ["number", "outcome", "code", "origin", "detail"].map(|key| cell(&it[key]));
            [number, when(&it["at_ms"]), took, outcome, code, origin, detail]
        })
        .collect();
    writeln!(out)?;
    output::table(out, ["TRY", "AT", "TOOK", "OUTCOME", "CODE", "ORIGIN", "DETAIL"], &rows)?;
    for it in one["tries"].as_array().into_iter().flatten() {
        let [program, printed] = ["program_sha256", "output"].map(|key| cell(&it[key]));
        if !program.is_empty() {
            writeln!(out, "\ntry {} ran a program with SHA-256 {}", it["number"], plain(&program))?;
        }
        if !printed.is_empty() {
            writeln!(out, "\ntry {} printed\n\n{}", it["number"], plain_lines(&printed))?;
        }
    }
    let message = &one["message"];
    if !message.is_null() {
        let (id, summary) = (cell(&message["id"]), cell(&message["summary"]));
        writeln!(out, "\nmessage {}: {}", plain(&id), plain(&summary))?;
        output::message(out, message)?;
    }
    Ok(())
}

/// Why it ended without a try, else how the newest try fared.
pub(super) fn ended(delivery: &Value) -> String {
    let cause = cell(&delivery["cause"]);
    if cause.is_empty() { cell(&delivery["last"]["code"]) } else { cause }
}

/// When a pending one is tried next.
fn due(delivery: &Value, now_ms: u64) -> String {
    match delivery["due_ms"].as_u64() {
        None => String::new(),
        Some(due_ms) if due_ms <= now_ms => "now".to_owned(),
        Some(due_ms) => instant(due_ms),
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

    #[test]
    fn what_a_program_printed_is_shown_and_steers_no_terminal() {
        let ran = json!({"number": 1, "program_sha256": "07", "output": "a\n\u{1b}[2Jb\u{202e}"});
        let none = json!({"number": 2, "program_sha256": null, "output": null});
        let mut out = Vec::new();
        tell(&json!({"id": "i", "tries": [ran, none]}), 0, &mut out).unwrap();
        let printed = String::from_utf8(out).unwrap();
        let expected = "\ntry 1 ran a program with SHA-256 07\n\ntry 1 printed\n\na\n\\u{1b}[2Jb";
        assert!(printed.contains(expected), "{printed}");
        assert!(!printed.contains('\u{1b}') && !printed.contains('\u{202e}'), "{printed}");
        assert!(!printed.contains("try 2 "), "{printed}");
    }

    #[test]
    fn a_message_that_is_kept_is_shown_as_it_goes_out() {
        let table = [
            (
                json!({"body": "a\nb\u{1b}", "content_type": "text/plain"}),
                "text/plain\n\na\nb\\u{1b}\n\n",
            ),
            (
                json!({"body": null, "body_base64": "/w==", "content_type": "x/y"}),
                "x/y\n\n(not text; in base64) /w==\n\n",
            ),
        ];
        for (message, expected) in table {
            let mut one = json!({"id": "i", "title": "t", "message": message});
            one["message"]["id"] = "msg_1".into();
            one["message"]["summary"] = "s".into();
            let mut out = Vec::new();
            tell(&one, 0, &mut out).unwrap();
            let printed = String::from_utf8(out).unwrap();
            assert!(printed.ends_with(&format!("\nmessage msg_1: s\n{expected}")), "{printed}");
        }
    }
}
