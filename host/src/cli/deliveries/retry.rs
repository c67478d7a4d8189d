//! `campanile deliveries retry`: dead deliveries are owed once more.

use std::io::Write;

use serde_json::{Value, json};

use crate::cli::client::{Ask, Client, Target};
use crate::cli::output::{self, cell, plain};
use crate::cli::{Common, Exit, Failure};
use crate::ids::DeliveryId;
use crate::tenant::Role;

const PATH: &str = "/v1/deliveries/retry";
/// The most that one request may name.
const IDS_MAX: usize = 1000;

#[derive(Debug, clap::Args)]
pub(super) struct RetryArgs {
    /// The deliveries
    #[arg(value_name = "ID", required_unless_present = "recipient")]
    ids: Vec<DeliveryId>,
    /// Everything that is dead for this recipient, oldest first
    #[arg(long, value_name = "NAME", conflicts_with = "ids")]
    recipient: Option<String>,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(
    args: RetryArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let client = args.target.client(common, Role::Admin)?;
    let mut sum = Sum::default();
    match &args.recipient {
        Some(name) => {
            // One call takes a bounded number. One that takes none would be followed by more.
            while sum.add(&ask(&client, &json!({ "recipient": name })).await?) {}
        }
        None => {
            for ids in args.ids.chunks(IDS_MAX) {
                sum.add(&ask(&client, &json!({ "ids": ids })).await?);
            }
        }
    }
    if common.json {
        output::json(out, &sum.json())?;
    } else {
        for one in &sum.not_retried {
            writeln!(out, "not retried: {}", plain(&cell(one)))?;
        }
        writeln!(out, "{} retried, {} not", sum.retried.len(), sum.not_retried.len())?;
    }
    if sum.not_retried.is_empty() || args.recipient.is_some() {
        return Ok(());
    }
    let text = format!(
        "{} of the deliveries were not retried: they are not dead, not there, or their recipient \
         was removed",
        sum.not_retried.len()
    );
    Err(Failure::says(Exit::Refused, text))
}

async fn ask(client: &Client, body: &Value) -> Result<Value, Failure> {
    client.ask(Ask::post(PATH, body)).await?.good()
}

#[derive(Debug, Default)]
struct Sum {
    retried: Vec<Value>,
    not_retried: Vec<Value>,
    more: bool,
}

impl Sum {
    /// Whether it is worth asking again.
    fn add(&mut self, answer: &Value) -> bool {
        let list = |key: &str| answer[key].as_array().cloned().unwrap_or_default();
        let retried = list("retried");
        let moved = !retried.is_empty();
        self.retried.extend(retried);
        self.not_retried.extend(list("not_retried"));
        self.more = answer["more"] == true;
        self.more && moved
    }

    fn json(&self) -> Value {
        json!({ "retried": self.retried, "not_retried": self.not_retried, "more": self.more })
    }
}
