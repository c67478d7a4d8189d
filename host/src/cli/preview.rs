//! `campanile preview`: the messages that alerts would make; none is sent.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::batches::{self, Format};
use super::output::{self, plain, plain_lines};
use super::{Common, Exit, Failure, read_input};
use crate::app::{self, Preview, PreviewError, PreviewInput};

/// Shown where no file is given.
const SAMPLE: &[u8] = br#"{
    "title": "Sample alert", "text": "This is what an alert looks like here.",
    "severity": "critical", "category": "security", "entity": {"kind": "host", "value": "192.0.2.7"}
}"#;

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
    let input = args.file.as_deref().map_or_else(|| Ok(SAMPLE.to_vec()), read_input)?;
    let batch = batches::whole(&input, args.format)
        .map_err(|error| Failure::caused(Exit::Refused, "there is nothing to show", error))?;
    let body = batch.body();
    let body = body.as_bytes();
    let input = match batch.format {
        Format::Ntopng => PreviewInput::Ntopng { body },
        Format::Native | Format::Auto => PreviewInput::Native { body, ndjson: false },
    };
    let previews = Box::pin(app::preview(&config, input, args.recipient.as_deref())).await?;
    if common.json {
        let previews: Vec<_> = previews.iter().map(view).collect();
        output::json(out, &json!({ "recipients": previews }))?;
    } else {
        previews.iter().try_for_each(|one| show(one, out))?;
        if previews.is_empty() {
            writeln!(out, "there are no recipients; add a [[recipient]] to the configuration")?;
        }
    }
    Ok(())
}

fn show(one: &Preview, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "to {} at {} ({})", one.recipient, one.endpoint, one.kind)?;
    for draft in &one.drafts {
        writeln!(out, "\n  {}: {}", plain(&draft.content_type), plain(&draft.summary))?;
        let body = String::from_utf8_lossy(&draft.body);
        plain_lines(&body).lines().try_for_each(|line| writeln!(out, "  {line}"))?;
    }
    for (position, reason) in &one.left_out {
        writeln!(out, "  not alert {position}: {}", plain(reason))?;
    }
    writeln!(out)
}

fn view(one: &Preview) -> Value {
    let messages: Vec<_> = one
        .drafts
        .iter()
        .map(|draft| {
            json!({
                "alerts": draft.alerts,
                "summary": draft.summary,
                "content_type": draft.content_type,
                "body": String::from_utf8_lossy(&draft.body),
            })
        })
        .collect();
    let left_out: Vec<_> = one
        .left_out
        .iter()
        .map(|(position, reason)| json!({ "position": position, "reason": reason }))
        .collect();
    json!({
        "recipient": one.recipient,
        "endpoint": one.endpoint,
        "kind": one.kind,
        "messages": messages,
        "left_out": left_out,
    })
}

impl From<PreviewError> for Failure {
    fn from(error: PreviewError) -> Self {
        let exit = match error {
            PreviewError::App(error) => return error.into(),
            PreviewError::Body(_) | PreviewError::Alert(_) => Exit::Refused,
            PreviewError::NoRecipient { .. } => Exit::Usage,
            PreviewError::Fault { .. } => Exit::Failed,
        };
        Self::new(exit, error)
    }
}
