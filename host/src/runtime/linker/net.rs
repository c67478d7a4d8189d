//! The net door, as `deliver` and `probe` have it. Connections stand in the store's table.

use std::time::Duration;

use wasmtime::component::Resource;

use super::super::bindings::net::{self, NetError};
use super::super::guest::Guest;
use super::{GrantedDoor, NOT_GRANTED};
use crate::capability::doors::Doors;
use crate::capability::net::{self as door, Connection};

fn closed<T>() -> wasmtime::Result<Result<T, NetError>> {
    let problem = net::Problem { code: "net".to_owned(), detail: NOT_GRANTED.to_owned() };
    Ok(Err(NetError::Denied(problem)))
}

/// What the component is told of an error; a denial is noted.
fn told(doors: &mut Doors, error: door::NetError) -> NetError {
    let error = NetError::from(error);
    if let NetError::Denied(net::Problem { code, detail }) = &error {
        doors.denied("net", code, detail);
    }
    error
}

impl net::Host for GrantedDoor<'_> {
    async fn dial(
        &mut self,
        target: String,
    ) -> wasmtime::Result<Result<Resource<Connection>, NetError>> {
        let Guest { doors, calls, table, .. } = &mut *self.0;
        let Some(doors) = doors else { return closed() };
        Ok(match doors.net.dial(calls, &doors.keyring, &target).await {
            Ok(connection) => Ok(table.push(connection)?),
            Err(error) => Err(told(doors, error)),
        })
    }

    async fn send_datagram(
        &mut self,
        target: String,
        bytes: Vec<u8>,
    ) -> wasmtime::Result<Result<(), NetError>> {
        let Guest { doors, calls, .. } = &mut *self.0;
        let Some(doors) = doors else { return closed() };
        let sent = doors.net.send_datagram(calls, &mut doors.keyring, &target, &bytes).await;
        Ok(sent.map_err(|error| told(doors, error)))
    }
}

impl net::HostConnection for GrantedDoor<'_> {
    async fn write(
        &mut self,
        connection: Resource<Connection>,
        bytes: Vec<u8>,
    ) -> wasmtime::Result<Result<(), NetError>> {
        let Guest { doors, calls, table, .. } = &mut *self.0;
        let Some(doors) = doors else { return closed() };
        let connection = table.get_mut(&connection)?;
        let written = doors.net.write(calls, &mut doors.keyring, connection, &bytes).await;
        Ok(written.map_err(|error| told(doors, error)))
    }

    async fn read(
        &mut self,
        connection: Resource<Connection>,
        max: u32,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, NetError>> {
        let Guest { doors, calls, table, .. } = &mut *self.0;
        let Some(doors) = doors else { return closed() };
        let connection = table.get_mut(&connection)?;
        let timeout = Duration::from_millis(timeout_ms.into());
        let read = doors.net.read(calls, connection, max, timeout).await;
        Ok(read.map_err(|error| told(doors, error)))
    }

    async fn start_tls(
        &mut self,
        connection: Resource<Connection>,
    ) -> wasmtime::Result<Result<(), NetError>> {
        let Guest { doors, calls, table, .. } = &mut *self.0;
        let Some(doors) = doors else { return closed() };
        let connection = table.get_mut(&connection)?;
        let upgraded = doors.net.start_tls(calls, &doors.keyring, connection).await;
        Ok(upgraded.map_err(|error| told(doors, error)))
    }

    fn reused(&mut self, connection: Resource<Connection>) -> wasmtime::Result<bool> {
        self.0.calls.take_call()?;
        Ok(self.0.table.get(&connection)?.reused())
    }

    async fn park(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        let connection = self.0.table.delete(connection)?;
        if let Some(doors) = &mut self.0.doors {
            doors.net.park(connection).await;
        }
        Ok(())
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        let connection = self.0.table.delete(connection)?;
        if let Some(doors) = &mut self.0.doors {
            doors.net.close(connection).await;
        }
        Ok(())
    }
}
