//! `campanile-confined ORDER`: shuts itself in as the engine does, by the engine's own functions, and
//! then attacks from each sort of thread. The order is JSON and names the attack, the threads, and
//! the layers that are left out.
//!
//! Promise: for each thread one line, `{"thread": …, "error": …}`, with 0 where the attack passed and
//! the kernel's number of the error where not. An attack that becomes another program ends with 42.
//! What does not come to the attack ends with 3.
//!
//! `campanile-confined victim`: lies open to everybody of its user, until its stdin closes.

mod attack;
mod becoming;
mod kernel;
mod others;

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use campanile::privileged::confine::{self, Calls, Files, Layer};
use campanile::privileged::user::User;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use self::attack::{Attack, Ground};

type Failed = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let order = std::env::args().nth(1).unwrap_or_default();
    let done = if order == "victim" { lie_open() } else { obey(&order) };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if stderr is closed.
            let _ = writeln!(io::stderr(), "campanile-confined: {error}");
            ExitCode::from(3)
        }
    }
}

fn obey(order: &str) -> Result<(), Failed> {
    let order: Value = serde_json::from_str(order)?;
    let attack = attack::named(word(&order["attack"])?).ok_or("no such attack")?;
    let ground = Arc::new(Ground::prepared(&order)?);
    shut_in(&order)?;
    for thread in order["threads"].as_array().ok_or("no threads")? {
        let thread = word(thread)?;
        let error = from(thread, attack, &ground)?.err().unwrap_or(0);
        writeln!(io::stdout(), "{}", json!({ "thread": thread, "error": error }))?;
    }
    Ok(())
}

/// Gives up what the order does not leave out.
fn shut_in(order: &Value) -> Result<(), Failed> {
    let left_out = order["without"].as_array().ok_or("no layers")?;
    let is_on = |layer: Layer| !left_out.iter().any(|one| one == layer.name());
    let user = User::find(word(&order["user"])?)?.ok_or("no such user")?;
    // A user who is not root has no capabilities: without this layer there is none of the user either.
    if is_on(Layer::Capabilities) {
        confine::become_user(Some(&user).filter(|_| is_on(Layer::User)))?;
    }
    // A change of user has hidden what else only the layers below hide.
    set_dumpable_behavior(DumpableBehavior::Dumpable)?;
    let (files, calls) = match word(&order["process"])? {
        "compiler" => (Files::default(), Calls::Compiler),
        _ => (Files::default().write(word(&order["data"])?).read("/etc"), Calls::Engine),
    };
    let missing = if left_out.is_empty() {
        confine::shut_in(&files, calls)?
    } else {
        if is_on(Layer::NoNewPrivileges) {
            rustix::thread::set_no_new_privs(true)?;
        }
        let mut missing = Vec::new();
        if is_on(Layer::Files) {
            missing.extend(files.apply()?);
        }
        if is_on(Layer::SystemCalls) {
            missing.extend(calls.apply()?);
        }
        missing
    };
    missing.first().map_or(Ok(()), |one| Err(one.to_string().into()))
}

fn from(thread: &str, attack: Attack, ground: &Arc<Ground>) -> Result<Result<(), i32>, Failed> {
    let ground = Arc::clone(ground);
    let runtime = || {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime.worker_threads(1).enable_all().build()
    };
    Ok(match thread {
        "main" => attack(&ground),
        "thread" => std::thread::Builder::new()
            .spawn(move || attack(&ground))?
            .join()
            .map_err(|_| "a thread panicked")?,
        "worker" => runtime()?.block_on(async {
            let mut task = JoinSet::new();
            task.spawn(async move { attack(&ground) });
            task.join_next().await.ok_or("no task")?.map_err(Failed::from)
        })?,
        "blocking" => runtime()?
            .block_on(async { tokio::task::spawn_blocking(move || attack(&ground)).await })?,
        _ => return Err("no such sort of thread".into()),
    })
}

/// Tells its process id, and where in its memory something lies that others may want to read.
fn lie_open() -> Result<(), Failed> {
    others::invite()?;
    let about = json!({ "pid": std::process::id(), "address": others::treasure() });
    let mut out = io::stdout();
    writeln!(out, "{about}")?;
    out.flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn word(value: &Value) -> Result<&str, Failed> {
    value.as_str().ok_or_else(|| format!("expected a word, got {value}").into())
}
