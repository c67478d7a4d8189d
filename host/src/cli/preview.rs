//! `campanile preview`: the messages that alerts would make; none is sent.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::batches::{self, Batch, Format};
use super::client::{Ask, Client, Target};
use super::named::read_name;
use super::output::{self, cell, plain};
use super::{Common, Exit, Failure, read_input};
use crate::ids::AlertId;
use crate::tenant::Role;

#[derive(Debug, clap::Args)]
pub(super) struct PreviewArgs {
    /// File with alerts; `-` is stdin [default: a sample alert]
    #[arg(conflicts_with = "alert")]
    file: Option<PathBuf>,
    /// What the alerts look like
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// An alert that came in earlier, in place of a file
    #[arg(long, value_name = "ID")]
    alert: Option<AlertId>,
    /// Only what this recipient would get [default: every recipient]
    #[arg(long, value_name = "NAME", value_parser = read_name)]
    recipient: Option<String>,
    /// Tell also why a recipient gets an alert
    #[arg(long)]
    why: bool,
    #[command(flatten)]
    target: Target,
}

/// What is asked of the engine.
#[derive(Serialize)]
struct Question<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<AlertId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alerts: Option<&'a [&'a RawValue]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    producer: Option<&'static str>,
}

pub(super) async fn run(
    args: PreviewArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let client = args.target.client(common, Role::Admin)?;
    let recipient = args.recipient.as_deref();
    let mut shown = Shown::default();
    match &args.file {
        None => {
            let question = Question { recipient, alert: args.alert, alerts: None, producer: None };
            shown.add(ask(&client, &question).await?, 0);
        }
        Some(file) => {
            let input = read_input(file)?;
            let bytes_max = client.body_bytes_max.unwrap_or(usize::MAX);
            let batches = batches::split(&input, args.format, bytes_max).map_err(|error| {
                Failure::caused(Exit::Failed, "there is nothing to show", error)
            })?;
            for Batch { format, first, alerts, .. } in &batches {
                let producer = Some(format.producer());
                let question = Question { recipient, alert: None, alerts: Some(alerts), producer };
                shown.add(ask(&client, &question).await?, *first);
            }
        }
    }
    if common.json {
        output::json(out, &shown.json())?;
    } else {
        shown.print(args.why, out)?;
    }
    Ok(())
}

async fn ask(client: &Client, question: &Question<'_>) -> Result<Value, Failure> {
    client.ask(Ask::post("/v1/preview", question).patiently()).await?.good()
}

/// What the engine answered, over all batches of a file.
#[derive(Debug, Default)]
struct Shown {
    messages: Vec<Value>,
    left_out: Vec<Value>,
    decisions: Vec<Value>,
}

impl Shown {
    /// Adds an answer about alerts of which the first stands at `first` in the file.
    fn add(&mut self, mut answer: Value, first: usize) {
        let in_file = |position: &mut Value| {
            if let Some(at) = position.as_u64() {
                *position = (at + first as u64).into();
            }
        };
        let mut list = |key: &str| match answer[key].take() {
            Value::Array(list) => list,
            _ => Vec::new(),
        };
        let (mut messages, mut left_out) = (list("messages"), list("left_out"));
        let mut decisions = list("decisions");
        for message in &mut messages {
            message["alerts"].as_array_mut().into_iter().flatten().for_each(in_file);
        }
        for one in left_out.iter_mut().chain(&mut decisions) {
            in_file(&mut one["alert"]);
        }
        self.messages.append(&mut messages);
        self.left_out.append(&mut left_out);
        self.decisions.append(&mut decisions);
    }

    fn json(&self) -> Value {
        json!({
            "messages": self.messages,
            "left_out": self.left_out,
            "decisions": self.decisions,
        })
    }

    fn print(&self, why: bool, out: &mut dyn Write) -> io::Result<()> {
        for one in &self.messages {
            let [to, kind, summary] =
                ["recipient", "kind", "summary"].map(|key| plain(&cell(&one[key])));
            writeln!(out, "to {to} ({kind}): {summary}")?;
            output::message(out, one)?;
        }
        if why {
            for one in self.decisions.iter().filter(|one| one["gets"] == true) {
                writeln!(out, "to {}", reason(one))?;
            }
        }
        // Whatever the filter refuses, and what was left out of the messages after it.
        let is_same =
            |a: &Value, b: &Value| a["recipient"] == b["recipient"] && a["alert"] == b["alert"];
        let refused = self.decisions.iter().filter(|one| {
            one["gets"] == false && !self.left_out.iter().any(|other| is_same(one, other))
        });
        for one in self.left_out.iter().chain(refused) {
            writeln!(out, "not to {}", reason(one))?;
        }
        if self.messages.is_empty() && self.left_out.is_empty() && self.decisions.is_empty() {
            writeln!(out, "nobody gets these alerts: there is no recipient")?;
        }
        Ok(())
    }
}

fn reason(one: &Value) -> String {
    let [to, alert, reason] = ["recipient", "alert", "reason"].map(|key| plain(&cell(&one[key])));
    format!("{to}: alert {alert}: {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_first_and_then_who_gets_nothing_and_why() {
        let answer = || {
            json!({
                "messages": [{
                    "recipient": "ops", "endpoint": "e", "kind": "webhook", "alerts": [0],
                    "summary": "one", "content_type": "application/json", "body": "{\n}",
                }],
                "left_out": [{"recipient": "ops", "alert": 1, "reason": "nothing to say"}],
                "decisions": [
                    {"recipient": "ops", "alert": 0, "gets": true, "reason": "all holds"},
                    {"recipient": "ops", "alert": 1, "gets": true, "reason": "all holds"},
                    {"recipient": "day", "alert": 0, "gets": false, "reason": "it is night"},
                    {"recipient": "ops", "alert": 1, "gets": false, "reason": "told already"},
                ],
            })
        };
        let mut shown = Shown::default();
        shown.add(answer(), 0);
        let printed = |shown: &Shown, why| {
            let mut out = Vec::new();
            shown.print(why, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let (message, not) = (
            "to ops (webhook): one\napplication/json\n\n{\n}\n\n",
            "not to ops: alert 1: nothing to say\nnot to day: alert 0: it is night\n",
        );
        let yes = "to ops: alert 0: all holds\nto ops: alert 1: all holds\n";
        assert_eq!(printed(&shown, false), format!("{message}{not}"));
        assert_eq!(printed(&shown, true), format!("{message}{yes}{not}"));

        shown.add(answer(), 500);
        let json = shown.json();
        assert_eq!(json["messages"][1]["alerts"], json!([500]));
        assert_eq!(
            (&json["left_out"][1]["alert"], &json["decisions"][5]["alert"]),
            (&json!(501), &json!(501))
        );
        assert!(printed(&Shown::default(), false).starts_with("nobody"));
    }
}
