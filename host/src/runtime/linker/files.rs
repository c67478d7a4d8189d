//! The files door, as `deliver` and `probe` have it.

use super::super::bindings::files::{self, FileError};
use super::{GrantedDoor, NOT_GRANTED};
use crate::capability::budget::CallBudget;
use crate::capability::files::{FilesDoor, FilesError};

impl GrantedDoor<'_> {
    fn files(&mut self) -> Result<(&mut FilesDoor, &CallBudget), FileError> {
        let closed = || files::Problem { code: "files".to_owned(), detail: NOT_GRANTED.to_owned() };
        let doors = self.0.doors.as_mut().ok_or_else(|| FileError::Denied(closed()))?;
        Ok((&mut doors.files, &self.0.calls))
    }

    /// What the component is told of a result; a denial is noted.
    fn told<T>(&mut self, result: Result<T, FilesError>) -> Result<T, FileError> {
        result.map_err(|error| {
            let error = FileError::from(error);
            if let (FileError::Denied(problem), Some(doors)) = (&error, &mut self.0.doors) {
                doors.denied("files", &problem.code, &problem.detail);
            }
            error
        })
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
        let result = door.read(calls, &folder, &name).await;
        Ok(self.told(result))
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
        let result = door.append(calls, &folder, &name, bytes).await;
        Ok(self.told(result))
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
        let result = door.size(calls, &folder, &name).await;
        Ok(self.told(result))
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
        let result = door.rename(calls, &folder, &old, &new).await;
        Ok(self.told(result))
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
        let result = door.remove(calls, &folder, &name).await;
        Ok(self.told(result))
    }

    async fn names(&mut self, folder: String) -> wasmtime::Result<Result<Vec<String>, FileError>> {
        let (door, calls) = match self.files() {
            Ok(open) => open,
            Err(closed) => return Ok(Err(closed)),
        };
        let result = door.names(calls, &folder).await;
        Ok(self.told(result))
    }
}
