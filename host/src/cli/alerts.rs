//! `campanile alerts`: what came in, and what became of it.

use std::io::{self, Write};

use serde_json::Value;

use super::client::Target;
use super::deliveries::ended;
use super::output::{self, cell, plain, plain_lines, when};
use super::pages::Pages;
use super::{Common, Failure};
use crate::ids::AlertId;
use crate::tenant::Role;

#[derive(Debug, clap::Args)]
pub(super) struct AlertsArgs {
    /// Show this one with its deliveries
    #[arg(value_name = "ID")]
    #[arg(conflicts_with_all = ["minimum_severity", "category", "entity", "alert_type"])]
    id: Option<AlertId>,
    /// Only those of at least this severity
    #[arg(long, value_name = "SEVERITY")]
    minimum_severity: Option<String>,
    /// Only those of this category
    #[arg(long, value_name = "CATEGORY")]
    category: Option<String>,
    /// Only those about an entity of this kind, such as `host` or `flow`
    #[arg(long, value_name = "KIND")]
    entity: Option<String>,
    /// Only those of this type
    #[arg(long, value_name = "TYPE")]
    alert_type: Option<String>,
    /// How many, newest first
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(
    args: AlertsArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let client = args.target.client(common, Role::Admin)?;
    let body = match args.id {
        Some(id) => client.get(&format!("/v1/alerts/{id}")).await?.good()?,
        None => {
            let parameters = [
                ("minimum_severity", args.minimum_severity),
                ("category", args.category),
                ("entity", args.entity),
                ("alert_type", args.alert_type),
            ];
            let pages = Pages { path: "/v1/alerts", key: "alerts", cursor: "cursor" };
            pages.collect(&client, &parameters, args.limit as usize).await?
        }
    };
    if common.json {
        output::json(out, &body)?;
    } else if args.id.is_some() {
        show(out, &body)?;
    } else {
        list(out, &body)?;
    }
    Ok(())
}

fn list(out: &mut dyn Write, body: &Value) -> io::Result<()> {
    let rows: Vec<_> = body["alerts"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| {
            let [id, severity, action, category, entity, title] =
                ["id", "severity", "action", "category", "entity_value", "title"]
                    .map(|key| cell(&one[key]));
            [id, when(&one["received_ms"]), severity, action, category, entity, title]
        })
        .collect();
    let heads = ["ID", "RECEIVED", "SEVERITY", "ACTION", "CATEGORY", "ENTITY", "TITLE"];
    output::table(out, heads, &rows)
}

fn show(out: &mut dyn Write, body: &Value) -> io::Result<()> {
    // What has a place of its own.
    const APART: [&str; 2] = ["title", "text"];
    let alert = &body["alert"];
    writeln!(out, "{}: {}", plain(&cell(&body["id"])), plain(&cell(&alert["title"])))?;
    for (name, value) in alert.as_object().into_iter().flatten() {
        if !APART.contains(&name.as_str()) {
            parts(out, name, value)?;
        }
    }
    output::field(out, "episode", &cell(&body["episode"]))?;
    output::field(out, "fingerprint", &cell(&body["fingerprint"]))?;
    let text = cell(&alert["text"]);
    if !text.is_empty() {
        writeln!(out, "\n{}", plain_lines(&text))?;
    }
    let rows: Vec<_> = body["deliveries"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| {
            let [id, state, recipient, attempts] =
                ["id", "state", "recipient", "attempts"].map(|key| cell(&one[key]));
            [id, state, recipient, attempts, ended(one)]
        })
        .collect();
    writeln!(out)?;
    if rows.is_empty() {
        return writeln!(out, "it is owed to nobody");
    }
    output::table(out, ["DELIVERY", "STATE", "RECIPIENT", "TRIES", "LAST"], &rows)
}

/// A value of an alert, each part of it on a line.
fn parts(out: &mut dyn Write, name: &str, value: &Value) -> io::Result<()> {
    match (name.strip_suffix("_ms").filter(|_| value.is_u64()), value) {
        (Some(name), value) => output::field(out, &plain(name), &when(value)),
        (None, Value::Object(fields)) => {
            fields.iter().try_for_each(|(key, one)| parts(out, &format!("{name}.{key}"), one))
        }
        // Labels and annotations: names with their values.
        (None, Value::Array(list)) => list.iter().try_for_each(|one| match one.as_array() {
            Some(pair) if pair.len() == 2 => {
                parts(out, &format!("{name}.{}", cell(&pair[0])), &pair[1])
            }
            _ => output::field(out, &plain(name), &cell(one)),
        }),
        (None, value) => output::field(out, &plain(name), &cell(value)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_alert_is_shown_whole_and_nothing_of_it_steers_the_terminal() {
        let alert = json!({
            "title": "disk \u{1b}[31mfull", "severity": "error",
            "received_ms": 1_790_000_000_000_u64, "flow": {"client": {"ip": "192.0.2.1"}},
            "labels": [["e\u{1b}nv", "prod\n"], ["at_ms", "5"]], "text": "line 1\nline 2\u{7}",
        });
        let delivery = json!({
            "id": "01JD8Q5W3V9T6Z0M4K2N7P1R5S-7", "state": "dead", "recipient": "ops",
            "attempts": 3, "cause": null, "last": {"code": "410"},
        });
        let shown = |deliveries: Value| {
            let mut body = json!({"id": "01JD8Q5W3V9T6Z0M4K2N7P1R5S", "raw": "not shown"});
            body["episode"] = "01JD8Q5W3V9T6Z0M4K2N7P1R5S".into();
            body["fingerprint"] = "c0ffee".into();
            body["alert"] = alert.clone();
            body["deliveries"] = deliveries;
            let mut out = Vec::new();
            show(&mut out, &body).unwrap();
            String::from_utf8(out).unwrap()
        };
        let about = "01JD8Q5W3V9T6Z0M4K2N7P1R5S: disk \\u{1b}[31mfull\nflow.client.ip: 192.0.2.1\n\
                     labels.e\\u{1b}nv: prod\\u{a}\nlabels.at_ms: 5\n\
                     received: 2026-09-21T14:13:20Z\nseverity: error\n\
                     episode: 01JD8Q5W3V9T6Z0M4K2N7P1R5S\nfingerprint: c0ffee\n\n\
                     line 1\nline 2\\u{7}\n\n";
        assert_eq!(shown(json!([])), format!("{about}it is owed to nobody\n"));
        assert_eq!(
            shown(json!([delivery])),
            format!(
                "{about}DELIVERY                      STATE  RECIPIENT  TRIES  LAST\n\
                 01JD8Q5W3V9T6Z0M4K2N7P1R5S-7  dead   ops        3      410\n"
            )
        );
    }
}
