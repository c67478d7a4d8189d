//! Doors without a way out: every answer is `denied`.

use wasmtime::component::{HasData, Resource};

use super::super::bindings::{files, http, net, secrets};
use crate::capability::http::denied;

pub(super) struct ClosedDoor;

pub(super) struct Closed;

impl HasData for Closed {
    type Data<'a> = ClosedDoor;
}

pub(super) const NOT_GRANTED: &str = "not granted to this call";

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
    async fn dial(
        &mut self,
        _target: String,
    ) -> wasmtime::Result<Result<Resource<net::Connection>, net::NetError>> {
        no_net()
    }

    async fn send_datagram(
        &mut self,
        _target: String,
        _bytes: Vec<u8>,
    ) -> wasmtime::Result<Result<(), net::NetError>> {
        no_net()
    }
}

/// No connection is ever made, so a handle to one can only be forged, which wasmtime refuses.
impl net::HostConnection for ClosedDoor {
    async fn write(
        &mut self,
        _connection: Resource<net::Connection>,
        _bytes: Vec<u8>,
    ) -> wasmtime::Result<Result<(), net::NetError>> {
        no_net()
    }

    async fn read(
        &mut self,
        _connection: Resource<net::Connection>,
        _max: u32,
        _timeout_ms: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, net::NetError>> {
        no_net()
    }

    async fn start_tls(
        &mut self,
        _connection: Resource<net::Connection>,
    ) -> wasmtime::Result<Result<(), net::NetError>> {
        no_net()
    }

    fn reused(&mut self, _connection: Resource<net::Connection>) -> wasmtime::Result<bool> {
        Ok(false)
    }

    async fn park(&mut self, _connection: Resource<net::Connection>) -> wasmtime::Result<()> {
        Ok(())
    }

    async fn drop(&mut self, _connection: Resource<net::Connection>) -> wasmtime::Result<()> {
        Ok(())
    }
}

fn no_files<T>() -> wasmtime::Result<Result<T, files::FileError>> {
    let problem = files::Problem { code: "files".to_owned(), detail: NOT_GRANTED.to_owned() };
    Ok(Err(files::FileError::Denied(problem)))
}

impl files::Host for ClosedDoor {
    async fn read(
        &mut self,
        _folder: String,
        _name: String,
    ) -> wasmtime::Result<Result<Vec<u8>, files::FileError>> {
        no_files()
    }

    async fn append(
        &mut self,
        _folder: String,
        _name: String,
        _bytes: Vec<u8>,
    ) -> wasmtime::Result<Result<u64, files::FileError>> {
        no_files()
    }

    async fn size(
        &mut self,
        _folder: String,
        _name: String,
    ) -> wasmtime::Result<Result<u64, files::FileError>> {
        no_files()
    }

    async fn rename(
        &mut self,
        _folder: String,
        _old: String,
        _new: String,
    ) -> wasmtime::Result<Result<(), files::FileError>> {
        no_files()
    }

    async fn remove(
        &mut self,
        _folder: String,
        _name: String,
    ) -> wasmtime::Result<Result<(), files::FileError>> {
        no_files()
    }

    async fn names(
        &mut self,
        _folder: String,
    ) -> wasmtime::Result<Result<Vec<String>, files::FileError>> {
        no_files()
    }
}
