//! Two linkers over the same stores: `format` gets doors that answer `denied`, `deliver` and
//! `probe` get the ones their store was granted.

mod closed;
mod files;
mod net;
mod secrets;

use std::sync::PoisonError;

use tracing::Level;
use wasmtime::Engine;
use wasmtime::component::{HasData, Linker};

use super::bindings::{self, http, log};
use super::guest::Guest;
use super::{RuntimeError, inert};
use crate::capability::http::denied;
use closed::{Closed, ClosedDoor, NOT_GRANTED};

/// What `format` and `describe` run through: nothing leads out.
pub(super) fn for_format(engine: &Engine) -> Result<Linker<Guest>, RuntimeError> {
    let mut linker = Linker::new(engine);
    link_inert(&mut linker)
        .and_then(|()| http::add_to_linker::<_, Closed>(&mut linker, |_| ClosedDoor))
        .and_then(|()| bindings::net::add_to_linker::<_, Closed>(&mut linker, |_| ClosedDoor))
        .and_then(|()| bindings::secrets::add_to_linker::<_, Closed>(&mut linker, |_| ClosedDoor))
        .and_then(|()| bindings::files::add_to_linker::<_, Closed>(&mut linker, |_| ClosedDoor))
        .map_err(RuntimeError::Engine)?;
    Ok(linker)
}

/// What `deliver` and `probe` run through.
pub(super) fn for_deliver(engine: &Engine) -> Result<Linker<Guest>, RuntimeError> {
    let mut linker = Linker::new(engine);
    link_inert(&mut linker)
        .and_then(|()| http::add_to_linker::<_, Granted>(&mut linker, |guest| GrantedDoor(guest)))
        .and_then(|()| {
            bindings::net::add_to_linker::<_, Granted>(&mut linker, |guest| GrantedDoor(guest))
        })
        .and_then(|()| {
            bindings::files::add_to_linker::<_, Granted>(&mut linker, |guest| GrantedDoor(guest))
        })
        .and_then(|()| {
            bindings::secrets::add_to_linker::<_, Granted>(&mut linker, |guest| GrantedDoor(guest))
        })
        .map_err(RuntimeError::Engine)?;
    Ok(linker)
}

/// What leads nowhere: the inert parts, and the log.
fn link_inert(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    inert::link(linker)?;
    log::add_to_linker::<_, Log>(linker, |guest| LogDoor(guest))
}

struct Granted;

impl HasData for Granted {
    type Data<'a> = GrantedDoor<'a>;
}

struct GrantedDoor<'a>(&'a mut Guest);

impl http::Host for GrantedDoor<'_> {
    async fn send(
        &mut self,
        request: http::Request,
    ) -> wasmtime::Result<Result<http::Response, http::HttpError>> {
        let Some(doors) = &mut self.0.doors else { return Ok(Err(denied("http", NOT_GRANTED))) };
        let calls = &self.0.calls;
        if let Err(error) = calls.take_send().and_then(|()| calls.take_out(request.body.len())) {
            return Ok(Err(denied(error.code(), &error.to_string())));
        }
        let sent = doors.http.send(request, &mut doors.keyring, calls).await;
        if let Err(http::HttpError::Denied(http::Problem { code, detail })) = &sent {
            doors.denied("http", code, detail);
        }
        Ok(sent)
    }
}

struct Log;

impl HasData for Log {
    type Data<'a> = LogDoor<'a>;
}

struct LogDoor<'a>(&'a mut Guest);

impl log::Host for LogDoor<'_> {
    fn write(&mut self, level: log::Level, line: String) -> wasmtime::Result<()> {
        self.0.calls.take_call()?;
        let level = match level {
            log::Level::Debug => Level::DEBUG,
            log::Level::Info => Level::INFO,
            log::Level::Warn => Level::WARN,
            log::Level::Error => Level::ERROR,
        };
        // A line may repeat what a service repeated.
        let line = match &self.0.doors {
            Some(doors) => doors.keyring.redact_text(line),
            None => line,
        };
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner).write(level, &line);
        Ok(())
    }
}
