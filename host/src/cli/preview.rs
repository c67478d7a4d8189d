//! `campanile preview`: the messages that alerts would make; none is sent.

use std::io::Write;
use std::path::PathBuf;

use serde_json::json;

use super::output::{self, plain, plain_lines};
use super::{Common, Exit, Failure, read_input};

#[derive(Debug, clap::Args)]
pub(super) struct PreviewArgs {
    /// File with alerts; `-` is stdin [default: a sample alert]
    file: Option<PathBuf>,
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
    let input = args.file.as_deref().map(read_input).transpose()?;
    let previews = Box::pin(crate::app::preview(config, input, args.recipient)).await?;
    if common.json {
        return Ok(output::json(out, &json!({ "messages": previews }))?);
    }
    for one in &previews {
        writeln!(out, "to {} ({}): {}", plain(&one.recipient), one.kind, plain(&one.summary))?;
        writeln!(out, "{}\n\n{}\n", plain(&one.content_type), plain_lines(&one.body))?;
    }
    if previews.is_empty() {
        writeln!(out, "nobody gets these alerts: no recipient's filter matches")?;
    }
    Ok(())
}
