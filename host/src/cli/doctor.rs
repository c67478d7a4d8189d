//! `campanile doctor`: whether the engine would start here, and what to mend.

use std::io::{self, Write};
use std::net::TcpListener;

use serde_json::{Value, json};

use super::client::Target;
use super::output::{self, plain};
use super::{Common, Exit, Failure};
use crate::config::Config;
use crate::privileged::doctor::{self, Finding, Standing};
use crate::tenant::Role;

#[derive(Debug, clap::Args)]
pub(super) struct DoctorArgs {}

const LISTEN: &str = "api.listen";

pub(super) async fn run(
    DoctorArgs {}: DoctorArgs,
    common: &Common,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let (findings, failure) = match common.load() {
        Ok(config) => {
            let mut findings = vec![Finding::good(
                "configuration",
                format!("`{}` is right", config.path.display()),
            )];
            findings.extend(doctor::look(&config));
            findings.push(listen(&config, common).await);
            (findings, None)
        }
        Err(failure) => {
            let told = doctor::told(&failure);
            let mut findings = vec![Finding::wrong("configuration", told)];
            findings.extend(doctor::look_at_kernel());
            (findings, Some(failure))
        }
    };
    let count = |standing| findings.iter().filter(|one| one.standing == standing).count();
    let (wrong, mend) = (count(Standing::Wrong), count(Standing::Mend));
    if common.json {
        output::json(out, &json!({ "starts": wrong == 0, "findings": findings }))?;
    } else {
        table(out, &findings)?;
        writeln!(
            out,
            "{wrong} wrong, {mend} to mend, {} to note, {} good",
            count(Standing::Note),
            count(Standing::Good)
        )?;
    }
    match (failure, wrong, mend) {
        (Some(failure), ..) => Err(failure),
        (None, 0, 0) => Ok(()),
        (None, 0, _) => {
            let text =
                "the engine would start, and not all of it would work as it should: see `mend`";
            Err(Failure::says(Exit::Failed, text))
        }
        (None, ..) => Err(Failure::says(Exit::Config, "the engine would not start: see `wrong`")),
    }
}

/// What to do stands beneath what was found.
fn table(out: &mut dyn Write, findings: &[Finding]) -> io::Result<()> {
    let mut rows = Vec::new();
    for Finding { what, standing, found, to_do } in findings {
        rows.push([word(*standing).to_owned(), what.clone(), found.clone()]);
        if let Some(to_do) = to_do {
            rows.push([String::new(), String::new(), format!("-> {to_do}")]);
        }
    }
    output::table(out, ["STATE", "WHAT", "FOUND"], &rows)
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Good => "good",
        Standing::Note => "note",
        Standing::Mend => "mend",
        Standing::Wrong => "WRONG",
    }
}

/// Free, or an engine's that runs.
async fn listen(config: &Config, common: &Common) -> Finding {
    let at = config.api.listen;
    if at.port() == 0 {
        return Finding::good(LISTEN, format!("`{at}`: the start takes a free port"));
    }
    let error = match TcpListener::bind(at) {
        Ok(_) => return Finding::good(LISTEN, format!("`{at}` is free")),
        Err(error) => error,
    };
    if error.kind() != io::ErrorKind::AddrInUse {
        return Finding::wrong(LISTEN, format!("`{at}` cannot be bound: {error}"))
            .to_do("name another address as `api.listen`");
    }
    match health(common).await {
        Ok(Value::Bool(true)) => {
            Finding::good(LISTEN, format!("`{at}` is taken by a running engine, which is healthy"))
        }
        Ok(_) => Finding::wrong(LISTEN, format!("`{at}` is taken, and not by an engine"))
            .to_do("stop what listens there, or name another address as `api.listen`"),
        Err(failure) => {
            let why = plain(&doctor::told(&failure));
            let found = format!(
                "`{at}` is taken; whether by an engine of this folder cannot be told: {why}"
            );
            Finding::wrong(LISTEN, found)
                .to_do("stop what listens there, or name another address as `api.listen`")
        }
    }
}

/// What `/healthz` says.
async fn health(common: &Common) -> Result<Value, Failure> {
    let client = Target::default().client(common, Role::Admin)?;
    let mut body = client.get("/healthz").await?.good()?;
    Ok(body["healthy"].take())
}
