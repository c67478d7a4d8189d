//! `campanile test`: whether an endpoint can be reached, and a test message through it.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::assign::{self, Assigned};
use super::client::{Ask, Target};
use super::named::read_name;
use super::output::{self, cell, plain};
use super::{Common, Exit, Failure};
use crate::tenant::Role;

#[derive(Debug, clap::Args)]
pub(super) struct TestArgs {
    /// The recipient that gets the test message
    #[arg(value_parser = read_name, required_unless_present = "endpoint")]
    recipient: Option<String>,
    /// An endpoint, in place of a recipient
    #[arg(long, value_name = "NAME", value_parser = read_name, conflicts_with = "recipient")]
    endpoint: Option<String>,
    /// With --endpoint: a setting as a recipient would have it; nothing is stored. May be given
    /// again
    #[arg(long = "setting", value_name = "KEY=VALUE", conflicts_with = "recipient")]
    settings: Vec<Assigned>,
    /// Only see whether it can be reached; send nothing
    #[arg(long)]
    no_send: bool,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(
    args: TestArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let mut body = match (&args.recipient, &args.endpoint) {
        (Some(recipient), _) => json!({ "recipient": recipient }),
        (None, endpoint) => {
            let mut settings = Map::new();
            assign::settings(&args.settings, &mut settings)?;
            json!({ "endpoint": endpoint, "recipient_settings": settings })
        }
    };
    body["send"] = (!args.no_send).into();
    let client = args.target.client(common, Role::Admin)?;
    let answer = client.ask(Ask::post("/v1/test", &body).patiently()).await?.good()?;
    if common.json {
        output::json(out, &answer)?;
    } else {
        print(out, &answer)?;
    }
    match failed(&answer) {
        None => Ok(()),
        Some(what) => {
            let text = format!("the test failed: {}", plain(&what));
            Err(Failure::says(Exit::Failed, text))
        }
    }
}

fn print(out: &mut dyn Write, answer: &Value) -> io::Result<()> {
    let (probe, sent) = (&answer["probe"], &answer["sent"]);
    output::field(out, "probe", &found(probe))?;
    for fact in probe["facts"].as_array().into_iter().flatten() {
        writeln!(out, "  {}: {}", plain(&cell(&fact[0])), plain(&cell(&fact[1])))?;
    }
    if sent.is_null() {
        return writeln!(out, "nothing was sent");
    }
    output::field(out, "sent", &outcome(sent))?;
    output::field(out, "  message", &cell(&sent["summary"]))?;
    output::field(out, "  to", &cell(&sent["origin"]))?;
    output::field(out, "  status", &cell(&sent["status"]))?;
    writeln!(out, "  took: {} ms", plain(&cell(&sent["took_ms"])))
}

/// What went wrong. What the service took in the end counts for more than the probe.
fn failed(answer: &Value) -> Option<String> {
    let (probe, sent) = (&answer["probe"], &answer["sent"]);
    if sent.is_null() {
        return (probe["certainty"] == "failed").then(|| found(probe));
    }
    (sent["outcome"] != "delivered").then(|| outcome(sent))
}

fn found(probe: &Value) -> String {
    told(["certainty", "code", "summary"].map(|key| cell(&probe[key])))
}

fn outcome(sent: &Value) -> String {
    told(["outcome", "code", "detail"].map(|key| cell(&sent[key])))
}

fn told([outcome, code, detail]: [String; 3]) -> String {
    let code = if code.is_empty() { code } else { format!(" ({code})") };
    let detail = if detail.is_empty() { detail } else { format!(": {detail}") };
    format!("{outcome}{code}{detail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_fails_where_the_service_did_not_take_the_message() {
        let good = json!({
            "certainty": "likely", "summary": "the token is good", "facts": [["bot", "camp\u{1b}"]],
        });
        let bad = json!({
            "certainty": "failed", "code": "401", "summary": "misconfigured: no such token",
        });
        let sent = |outcome: &str| {
            json!({
                "outcome": outcome, "code": "200", "detail": "", "status": 200,
                "origin": "https://a.example", "summary": "Test", "took_ms": 12,
            })
        };
        let refused = "failed (401): misconfigured: no such token";
        let table = [
            (good.clone(), Value::Null, None),
            (good.clone(), sent("delivered"), None),
            (good.clone(), sent("rejected"), Some("rejected (200)")),
            (bad.clone(), Value::Null, Some(refused)),
            (bad.clone(), sent("delivered"), None),
        ];
        for (probe, sent, expected) in table {
            let answer = json!({"probe": probe, "sent": sent});
            assert_eq!(failed(&answer).as_deref(), expected, "{answer}");
        }
        let printed = |probe: &Value, sent: Value| {
            let mut out = Vec::new();
            print(&mut out, &json!({"probe": probe, "sent": sent})).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            printed(&good, sent("delivered")),
            "probe: likely: the token is good\n  bot: camp\\u{1b}\nsent: delivered (200)\n  \
             message: Test\n  to: https://a.example\n  status: 200\n  took: 12 ms\n"
        );
        assert_eq!(printed(&bad, Value::Null), format!("probe: {refused}\nnothing was sent\n"));
    }
}
