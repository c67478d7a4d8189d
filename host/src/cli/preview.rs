//! `campanile preview`: the messages that alerts would make; none is sent.

use std::io::Write;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::batches::{self, Format};
use super::output::{self, plain, plain_lines};
use super::{Common, Exit, Failure, read_input};
use crate::app::{Preview, PreviewInput, Previewer};

/// Shown where no file is named.
const SAMPLE: &str = r#"{"title":"Sample alert","severity":"error","category":"security","type":"sample",
"text":"This is what an alert looks like here.","entity":{"kind":"host","value":"192.0.2.1"}}"#;

#[derive(Debug, clap::Args)]
pub(super) struct PreviewArgs {
    /// File with alerts; `-` is stdin [default: a sample alert]
    file: Option<PathBuf>,
    /// What the alerts look like
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Only what this recipient would get [default: every recipient]
    #[arg(long, value_name = "NAME")]
    recipient: Option<String>,
}

pub(super) async fn run(
    args: PreviewArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let config = common.load()?;
    if let Some(name) = &args.recipient
        && !config.recipients.iter().any(|one| one.name == *name)
    {
        let known: Vec<_> = config.recipients.iter().map(|one| one.name.as_str()).collect();
        let text =
            format!("--recipient: there is no `{name}`; expected one of: {}", known.join(", "));
        return Err(Failure::says(Exit::Usage, text));
    }
    let input = match &args.file {
        Some(file) => read_input(file)?,
        None => SAMPLE.into(),
    };
    let batches = batches::split(&input, args.format, config.ingest.body_bytes_max.get())
        .map_err(|error| Failure::caused(Exit::Failed, "there is nothing to show", error))?;
    let previewer = Box::pin(Previewer::open(&config)).await?;
    let mut previews = Vec::new();
    for batch in batches {
        let body = batch.body();
        let body = body.as_bytes();
        let input = match batch.format {
            Format::Ntopng => PreviewInput::Ntopng { body },
            Format::Native | Format::Auto => PreviewInput::Native { body, ndjson: false },
        };
        let made = Box::pin(previewer.preview(input, args.recipient.as_deref())).await;
        let made = made.map_err(|error| Failure::new(Exit::Failed, error))?;
        previews.extend(made.into_iter().map(|one| (batch.first, one)));
    }
    if common.json {
        let messages: Vec<_> = previews.iter().flat_map(|(_, one)| messages(one)).collect();
        let left_out: Vec<_> =
            previews.iter().flat_map(|(first, one)| left_out(*first, one)).collect();
        return Ok(output::json(out, &json!({ "messages": messages, "left_out": left_out }))?);
    }
    for (first, one) in &previews {
        print(*first, one, out)?;
    }
    if previews.is_empty() {
        writeln!(out, "nobody gets these alerts: the configuration has no recipient")?;
    }
    Ok(())
}

fn print(first: usize, preview: &Preview, out: &mut dyn Write) -> Result<(), Failure> {
    for draft in &preview.drafts {
        let (to, summary) = (plain(&preview.recipient), plain(&draft.summary));
        writeln!(out, "to {to} ({}): {summary}", preview.kind)?;
        let body = String::from_utf8_lossy(&draft.body);
        writeln!(out, "{}\n\n{}\n", plain(&draft.content_type), plain_lines(&body))?;
    }
    for (at, why) in &preview.left_out {
        writeln!(
            out,
            "not to {}: alert {}: {}",
            plain(&preview.recipient),
            first + at,
            plain(why)
        )?;
    }
    Ok(())
}

fn messages(preview: &Preview) -> impl Iterator<Item = Value> + '_ {
    preview.drafts.iter().map(|draft| {
        json!({
            "recipient": preview.recipient,
            "endpoint": preview.endpoint,
            "kind": preview.kind,
            "summary": draft.summary,
            "content_type": draft.content_type,
            "body": String::from_utf8_lossy(&draft.body),
        })
    })
}

fn left_out(first: usize, preview: &Preview) -> impl Iterator<Item = Value> + '_ {
    preview.left_out.iter().map(move |(at, why)| {
        json!({ "recipient": preview.recipient, "alert": first + at, "reason": why })
    })
}
