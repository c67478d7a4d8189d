//! `campanile bans`: which bans Fail2Ban was asked for, and lifting them.

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Subcommand;
use serde_json::{Value, json};

use super::client::{Ask, Client, Target, with_query};
use super::output::{self, cell, plain, when};
use super::{Common, Exit, Failure};
use crate::tenant::Role;

#[derive(Debug, Subcommand)]
pub(super) enum BansCommand {
    /// List bans that this engine made and nobody lifted through it, newest first
    List(ListArgs),
    /// Lift bans that this engine made, and no others
    ///
    /// Shows them and asks, unless --yes is given. The exit code is 1 if one could not be lifted.
    Undo(UndoArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Only those of so long ago or less, such as `90s`, `15m`, `1h`, `2d`
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    since: Option<Duration>,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Args)]
pub(super) struct UndoArgs {
    /// Those of so long ago or less, such as `90s`, `15m`, `1h`, `2d`
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    since: Duration,
    /// Those in this jail
    #[arg(long, value_name = "NAME")]
    jail: Option<String>,
    /// Lift them without asking
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    target: Target,
}

const PATH: &str = "/v1/bans";

pub(super) async fn run(
    command: BansCommand,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    match command {
        BansCommand::List(args) => {
            let client = args.target.client(common, Role::Admin)?;
            let body = bans(&client, args.since.map_or(0, ago)).await?;
            if common.json {
                return Ok(output::json(out, &body)?);
            }
            Ok(listed(out, &body, None)?)
        }
        BansCommand::Undo(args) => undo(&args, common, out).await,
    }
}

async fn bans(client: &Client, since_ms: u64) -> Result<Value, Failure> {
    let path = with_query(PATH, &[("since_ms", Some(since_ms.to_string()))]);
    client.get(&path).await?.good()
}

async fn undo(
    args: &UndoArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let client = args.target.client(common, Role::Admin)?;
    let since_ms = ago(args.since);
    if !args.yes {
        let body = bans(&client, since_ms).await?;
        // Who reads JSON off stdout is still asked in words.
        let mut words = io::stderr();
        listed(&mut words, &body, args.jail.as_deref())?;
        if !confirmed(&mut words)? {
            return Err(Failure::says(Exit::Failed, "no ban is lifted"));
        }
    }
    let asked = match &args.jail {
        Some(jail) => json!({ "since_ms": since_ms, "jail": jail }),
        None => json!({ "since_ms": since_ms }),
    };
    let path = format!("{PATH}/undo");
    let body = client.ask(Ask::post(&path, &asked).patiently()).await?.good()?;
    let failed = body["failed"].as_array().map(Vec::as_slice).unwrap_or_default();
    if common.json {
        output::json(out, &body)?;
    } else {
        table(out, &body["lifted"], None)?;
        let lifted = body["lifted"].as_array().map_or(0, Vec::len);
        writeln!(
            out,
            "{lifted} lifted, {} gone before, {} not",
            cell(&body["gone"]),
            failed.len()
        )?;
        if body["more"] == true {
            writeln!(out, "there are more; run this again")?;
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    let told = failed.iter().map(|one| {
        let [jail, address] = ["jail", "address"].map(|key| plain(&cell(&one["ban"][key])));
        format!("{address} in {jail}: {}", plain(&cell(&one["detail"])))
    });
    Err(Failure::says(Exit::Failed, told.collect::<Vec<_>>().join("\n")))
}

/// `jail`: those in this one.
fn listed(out: &mut dyn Write, body: &Value, jail: Option<&str>) -> io::Result<()> {
    table(out, &body["bans"], jail)?;
    if body["more"] == true {
        writeln!(out, "... and older ones")?;
    }
    Ok(())
}

fn table(out: &mut dyn Write, bans: &Value, jail: Option<&str>) -> io::Result<()> {
    let bans = bans.as_array().into_iter().flatten();
    let bans = bans.filter(|ban| jail.is_none_or(|jail| ban["jail"] == jail));
    let rows: Vec<_> = bans
        .map(|one| {
            let [jail, address, fingerprint, reason] =
                ["jail", "address", "fingerprint", "reason"].map(|key| cell(&one[key]));
            [when(&one["at_ms"]), jail, address, fingerprint, reason]
        })
        .collect();
    output::table(out, ["AT", "JAIL", "ADDRESS", "FINGERPRINT", "REASON"], &rows)
}

fn confirmed(words: &mut dyn Write) -> Result<bool, Failure> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        let text = "nobody can be asked here; look at them with `campanile bans list`, then run this \
                    with --yes";
        return Err(Failure::says(Exit::Usage, text));
    }
    write!(words, "Lift them? [y/N] ")?;
    words.flush()?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn ago(time: Duration) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.saturating_sub(time).as_millis()).unwrap_or(0)
}

/// A whole number and its unit.
fn read_time(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a whole number and `s`, `m`, `h` or `d`, such as `1h`".to_owned();
    let digits = text.trim_end_matches(|one: char| one.is_ascii_alphabetic());
    let seconds = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let count = digits.parse::<u64>().ok().filter(|_| digits.bytes().all(|it| it.is_ascii_digit()));
    let seconds = count.and_then(|count| count.checked_mul(seconds)).filter(|it| *it > 0);
    seconds.map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("1h", 3_600), ("2d", 172_800)] {
            assert_eq!(read_time(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "1",
            "h",
            "0h",
            "-1h",
            "+1h",
            "1.5h",
            "1 h",
            "1H",
            "1hh",
            "\u{e9}h",
            "99999999999999999999d",
        ] {
            assert!(read_time(text).is_err(), "{text:?}");
        }
    }
}
