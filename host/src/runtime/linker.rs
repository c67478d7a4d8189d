//! Two linkers over the same stores: `format` gets doors that answer `denied`, `deliver` and
//! `probe` get the ones their store was granted.

use std::sync::PoisonError;

use tracing::Level;
use wasmtime::Engine;
use wasmtime::component::{HasData, Linker, Resource};

use super::bindings::{files, http, log, net, secrets};
use super::guest::Guest;
use super::{RuntimeError, inert};
use crate::capability::http::denied;

/// What `format` and `describe` run through: nothing leads out.
pub(super) fn for_format(engine: &Engine) -> Result<Linker<Guest>, RuntimeError> {
    let mut linker = Linker::new(engine);
    link_closed(&mut linker)
        .and_then(|()| http::add_to_linker::<_, Closed>(&mut linker, |_| ClosedDoor))
        .map_err(RuntimeError::Engine)?;
    Ok(linker)
}

/// What `deliver` and `probe` run through.
pub(super) fn for_deliver(engine: &Engine) -> Result<Linker<Guest>, RuntimeError> {
    let mut linker = Linker::new(engine);
    link_closed(&mut linker)
        .and_then(|()| http::add_to_linker::<_, Granted>(&mut linker, |guest| GrantedDoor(guest)))
        .map_err(RuntimeError::Engine)?;
    Ok(linker)
}

/// The inert parts, the log, and the doors that nobody is granted yet.
fn link_closed(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    inert::link(linker)?;
    log::add_to_linker::<_, Log>(linker, |guest| LogDoor(guest))?;
    net::add_to_linker::<_, Closed>(linker, |_| ClosedDoor)?;
    secrets::add_to_linker::<_, Closed>(linker, |_| ClosedDoor)?;
    files::add_to_linker::<_, Closed>(linker, |_| ClosedDoor)
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
        Ok(match &mut self.0.http {
            Some(door) => door.send(request).await,
            None => Err(denied("http", NOT_GRANTED)),
        })
    }
}

struct Log;

impl HasData for Log {
    type Data<'a> = LogDoor<'a>;
}

struct LogDoor<'a>(&'a mut Guest);

impl log::Host for LogDoor<'_> {
    fn write(&mut self, level: log::Level, line: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => Level::DEBUG,
            log::Level::Info => Level::INFO,
            log::Level::Warn => Level::WARN,
            log::Level::Error => Level::ERROR,
        };
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner).write(level, &line);
        Ok(())
    }
}

/// A door without a way out.
struct ClosedDoor;

struct Closed;

impl HasData for Closed {
    type Data<'a> = ClosedDoor;
}

const NOT_GRANTED: &str = "not granted to this call";

impl http::Host for ClosedDoor {
    async fn send(
        &mut self,
        _request: http::Request,
    ) -> wasmtime::Result<Result<http::Response, http::HttpError>> {
        Ok(Err(denied("http", NOT_GRANTED)))
    }
}

impl secrets::Host for ClosedDoor {
    fn compose(
        &mut self,
        _pieces: Vec<secrets::Piece>,
        _encoding: secrets::Encoding,
    ) -> wasmtime::Result<Result<String, secrets::SecretError>> {
        Ok(Err(secrets::SecretError::Denied(NOT_GRANTED.to_owned())))
    }

    fn sign(
        &mut self,
        _key: String,
        _algorithm: secrets::Algorithm,
        _pieces: Vec<secrets::Signed>,
        _encoding: secrets::Encoding,
    ) -> wasmtime::Result<Result<String, secrets::SecretError>> {
        Ok(Err(secrets::SecretError::Denied(NOT_GRANTED.to_owned())))
    }
}

fn no_net<T>() -> wasmtime::Result<Result<T, net::NetError>> {
    let problem = net::Problem { code: "net".to_owned(), detail: NOT_GRANTED.to_owned() };
    Ok(Err(net::NetError::Denied(problem)))
}

impl net::Host for ClosedDoor {
    fn dial(
        &mut self,
        _target: String,
    ) -> wasmtime::Result<Result<Resource<net::Connection>, net::NetError>> {
        no_net()
    }

    fn send_datagram(
        &mut self,
        _target: String,
        _bytes: Vec<u8>,
    ) -> wasmtime::Result<Result<(), net::NetError>> {
        no_net()
    }
}

/// No connection is ever made, so a handle to one can only be forged, which wasmtime refuses.
impl net::HostConnection for ClosedDoor {
    fn write(
        &mut self,
        _connection: Resource<net::Connection>,
        _bytes: Vec<u8>,
    ) -> wasmtime::Result<Result<(), net::NetError>> {
        no_net()
    }

    fn read(
        &mut self,
        _connection: Resource<net::Connection>,
        _max: u32,
        _timeout_ms: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, net::NetError>> {
        no_net()
    }

    fn start_tls(
        &mut self,
        _connection: Resource<net::Connection>,
    ) -> wasmtime::Result<Result<(), net::NetError>> {
        no_net()
    }

    fn reused(&mut self, _connection: Resource<net::Connection>) -> wasmtime::Result<bool> {
        Ok(false)
    }

    fn park(&mut self, _connection: Resource<net::Connection>) -> wasmtime::Result<()> {
        Ok(())
    }

    fn drop(&mut self, _connection: Resource<net::Connection>) -> wasmtime::Result<()> {
        Ok(())
    }
}

fn no_files<T>() -> wasmtime::Result<Result<T, files::FileError>> {
    let problem = files::Problem { code: "files".to_owned(), detail: NOT_GRANTED.to_owned() };
    Ok(Err(files::FileError::Denied(problem)))
}

impl files::Host for ClosedDoor {
    fn read(
        &mut self,
        _folder: String,
        _name: String,
    ) -> wasmtime::Result<Result<Vec<u8>, files::FileError>> {
        no_files()
    }

    fn append(
        &mut self,
        _folder: String,
        _name: String,
        _bytes: Vec<u8>,
    ) -> wasmtime::Result<Result<u64, files::FileError>> {
        no_files()
    }

    fn size(
        &mut self,
        _folder: String,
        _name: String,
    ) -> wasmtime::Result<Result<u64, files::FileError>> {
        no_files()
    }

    fn rename(
        &mut self,
        _folder: String,
        _old: String,
        _new: String,
    ) -> wasmtime::Result<Result<(), files::FileError>> {
        no_files()
    }

    fn remove(
        &mut self,
        _folder: String,
        _name: String,
    ) -> wasmtime::Result<Result<(), files::FileError>> {
        no_files()
    }

    fn names(
        &mut self,
        _folder: String,
    ) -> wasmtime::Result<Result<Vec<String>, files::FileError>> {
        no_files()
    }
}
