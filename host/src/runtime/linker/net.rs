//! The net door, as `deliver` and `probe` have it. Connections stand in the store's table.

use std::time::Duration;

use wasmtime::component::Resource;

use super::super::bindings::net::{self, NetError};
use super::super::guest::Guest;
use super::{GrantedDoor, NOT_GRANTED};
use crate::capability::net::Connection;

fn closed<T>() -> wasmtime::Result<Result<T, NetError>> {
    let problem = net::Problem { code: "net".to_owned(), detail: NOT_GRANTED.to_owned() };
    Ok(Err(NetError::Denied(problem)))
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
            Err(error) => Err(error.into()),
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
        Ok(sent.map_err(Into::into))
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
        Ok(written.map_err(Into::into))
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
        Ok(doors.net.read(calls, connection, max, timeout).await.map_err(Into::into))
    }

    async fn start_tls(
        &mut self,
        connection: Resource<Connection>,
    ) -> wasmtime::Result<Result<(), NetError>> {
        let Guest { doors, calls, table, .. } = &mut *self.0;
        let Some(doors) = doors else { return closed() };
        let connection = table.get_mut(&connection)?;
        Ok(doors.net.start_tls(calls, &doors.keyring, connection).await.map_err(Into::into))
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
