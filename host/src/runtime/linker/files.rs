//! The files door, as `deliver` and `probe` have it.

use super::super::bindings::files::{self, FileError};
use super::{GrantedDoor, NOT_GRANTED};
use crate::capability::budget::CallBudget;
use crate::capability::files::FilesDoor;

impl GrantedDoor<'_> {
    fn files(&mut self) -> Result<(&mut FilesDoor, &CallBudget), FileError> {
        let closed = || files::Problem { code: "files".to_owned(), detail: NOT_GRANTED.to_owned() };
        let doors = self.0.doors.as_mut().ok_or_else(|| FileError::Denied(closed()))?;
        Ok((&mut doors.files, &self.0.calls))
    }
}

impl files::Host for GrantedDoor<'_> {
    async fn read(
        &mut self,
        folder: String,
        name: String,
    ) -> wasmtime::Result<Result<Vec<u8>, FileError>> {
        let (door, calls) = match self.files() {
            Ok(open) => open,
            Err(closed) => return Ok(Err(closed)),
        };
        Ok(door.read(calls, &folder, &name).await.map_err(Into::into))
    }

    async fn append(
        &mut self,
        folder: String,
        name: String,
        bytes: Vec<u8>,
    ) -> wasmtime::Result<Result<u64, FileError>> {
        let (door, calls) = match self.files() {
            Ok(open) => open,
            Err(closed) => return Ok(Err(closed)),
        };
        Ok(door.append(calls, &folder, &name, bytes).await.map_err(Into::into))
    }

    async fn size(
        &mut self,
        folder: String,
        name: String,
    ) -> wasmtime::Result<Result<u64, FileError>> {
        let (door, calls) = match self.files() {
            Ok(open) => open,
            Err(closed) => return Ok(Err(closed)),
        };
        Ok(door.size(calls, &folder, &name).await.map_err(Into::into))
    }

    async fn rename(
        &mut self,
        folder: String,
        old: String,
        new: String,
    ) -> wasmtime::Result<Result<(), FileError>> {
        let (door, calls) = match self.files() {
            Ok(open) => open,
            Err(closed) => return Ok(Err(closed)),
        };
        Ok(door.rename(calls, &folder, &old, &new).await.map_err(Into::into))
    }

    async fn remove(
        &mut self,
        folder: String,
        name: String,
    ) -> wasmtime::Result<Result<(), FileError>> {
        let (door, calls) = match self.files() {
            Ok(open) => open,
            Err(closed) => return Ok(Err(closed)),
        };
        Ok(door.remove(calls, &folder, &name).await.map_err(Into::into))
    }

    async fn names(&mut self, folder: String) -> wasmtime::Result<Result<Vec<String>, FileError>> {
        let (door, calls) = match self.files() {
            Ok(open) => open,
            Err(closed) => return Ok(Err(closed)),
        };
        Ok(door.names(calls, &folder).await.map_err(Into::into))
    }
}
