//! `campanile send`: alerts from a file to the running engine, in batches.
//!
//! Promise: input that is not JSON is found before anything is sent. Each run has a key of its own,
//! so that sending a file twice sends its alerts twice; with `--key` a run that broke can be
//! repeated, and what was accepted before is not taken twice.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header;
use serde_json::{Value, json};

use super::batches::{self, Batch, Format};
use super::client::{Answer, Ask, Client, Target, place};
use super::output::{self, plain};
use super::{Common, Exit, Failure, read_input};
use crate::tenant::Role;

/// How often a batch is sent while the engine is busy.
const TRIES: u32 = 10;
/// Longest wait between two of them.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// More ids would only scroll by; `--json` has them all.
const IDS_SHOWN: usize = 20;

#[derive(Debug, clap::Args)]
pub(super) struct SendArgs {
    /// File with one alert, an array, or one per line; `-` is stdin
    file: PathBuf,
    /// What the alerts look like
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Take the good alerts in and list the others, instead of taking none of their batch
    #[arg(long)]
    partial: bool,
    /// Repeat the run that had this key [default: a new one]
    #[arg(long, value_name = "KEY", value_parser = read_key)]
    key: Option<String>,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(
    args: SendArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let client = args.target.client(common, Role::Ingest)?;
    let input = read_input(&args.file)?;
    let batches = batches::split(&input, args.format, client.body_bytes_max.unwrap_or(usize::MAX))
        .map_err(|error| Failure::caused(Exit::Failed, "nothing was sent", error))?;
    let key = match args.key {
        Some(key) => key,
        None => new_key()?,
    };

    let mut sum = Sum { key, ..Sum::default() };
    for (at, batch) in batches.into_iter().enumerate() {
        let answer = deliver(&client, &batch, &format!("{}.{at}", sum.key), args.partial).await;
        let failed = |failure: Failure| sum.broke(failure);
        let answer = answer.and_then(|answer| {
            let repeated = answer.headers.contains_key("idempotency-replayed");
            answer.good().map(|body| (body, repeated))
        });
        let (body, repeated) = answer.map_err(failed)?;
        sum.add(&body, batch.first, repeated);
    }
    sum.print(common.json, out)
}

/// Sends one batch until the engine takes it or refuses it for good.
async fn deliver(
    client: &Client,
    batch: &Batch<'_>,
    key: &str,
    partial: bool,
) -> Result<Answer, Failure> {
    let path = match (batch.format, partial) {
        (Format::Ntopng, _) => "/v1/ingest/ntopng",
        (Format::Alertmanager, _) => "/v1/ingest/alertmanager",
        (_, true) => "/v1/alerts?partial=true",
        (_, false) => "/v1/alerts",
    };
    let body = Bytes::from(batch.body());
    for _ in 1..TRIES {
        let answer = client.ask(Ask::batch(path, key, body.clone())).await?;
        if answer.status != StatusCode::SERVICE_UNAVAILABLE {
            return Ok(answer);
        }
        let asked =
            answer.headers.get(header::RETRY_AFTER).and_then(|it| it.to_str().ok()?.parse().ok());
        // The same key again: what was taken in after all is then known.
        tokio::time::sleep(Duration::from_secs(asked.unwrap_or(1)).min(WAIT_MAX)).await;
    }
    client.ask(Ask::batch(path, key, body)).await
}

/// What came of a run.
#[derive(Debug, Default)]
struct Sum {
    key: String,
    accepted: Vec<Value>,
    rejected: Vec<Value>,
    repeated: usize,
    batches: usize,
}

impl Sum {
    fn add(&mut self, body: &Value, first: usize, repeated: bool) {
        let list = |key: &str| body[key].as_array().cloned().unwrap_or_default();
        self.accepted.extend(list("accepted"));
        self.rejected.extend(list("rejected").into_iter().map(|one| in_file(one, first)));
        self.repeated += usize::from(repeated);
        self.batches += 1;
    }

    fn broke(&self, failure: Failure) -> Failure {
        let text = format!(
            "stopped at batch {} of the file, with {} alerts accepted before; mend what is below, \
             then run it again with `--key {}` to send the rest",
            self.batches + 1,
            self.accepted.len(),
            self.key
        );
        Failure::caused(failure.exit, text, failure)
    }

    fn print(&self, as_json: bool, out: &mut dyn Write) -> Result<(), Failure> {
        if as_json {
            let sum = json!({
                "key": self.key,
                "accepted": self.accepted,
                "rejected": self.rejected,
                "batches": self.batches,
                "repeated": self.repeated,
            });
            return Ok(output::json(out, &sum)?);
        }
        for id in self.accepted.iter().take(IDS_SHOWN) {
            writeln!(out, "{}", plain(id.as_str().unwrap_or_default()))?;
        }
        if let Some(more @ 1..) = self.accepted.len().checked_sub(IDS_SHOWN) {
            writeln!(out, "... and {more} more")?;
        }
        for one in &self.rejected {
            writeln!(out, "rejected: {}", plain(&place(one)))?;
        }
        write!(out, "{} accepted, {} rejected", self.accepted.len(), self.rejected.len())?;
        match self.repeated {
            0 => writeln!(out)?,
            count => writeln!(out, "; {count} of {} batches were known already", self.batches)?,
        }
        Ok(())
    }
}

/// A rejection with its position in the file instead of in its batch.
fn in_file(mut rejection: Value, first: usize) -> Value {
    if let Some(position) = rejection["position"].as_u64() {
        rejection["position"] = (position + first as u64).into();
        // A batch is one line; the file's line is not known here.
        if let Some(fields) = rejection.as_object_mut() {
            fields.remove("line");
        }
    }
    rejection
}

fn new_key() -> Result<String, Failure> {
    let mut random = [0; 15];
    getrandom::fill(&mut random).map_err(|source| {
        Failure::caused(Exit::Failed, "the system gives no random bytes; give a --key", source)
    })?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

/// Room is left for the number of the batch.
fn read_key(text: &str) -> Result<String, String> {
    if (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("expected 1 to 200 visible ASCII characters".into())
    }
}
