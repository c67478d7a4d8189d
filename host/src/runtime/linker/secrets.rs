//! The secrets door: what is composed and signed is kept in the store's keyring.

use super::super::bindings::secrets;
use super::GrantedDoor;
use super::closed::NOT_GRANTED;

impl secrets::Host for GrantedDoor<'_> {
    fn compose(
        &mut self,
        pieces: Vec<secrets::Piece>,
        encoding: secrets::Encoding,
    ) -> wasmtime::Result<Result<String, secrets::SecretError>> {
        if let Err(error) = self.0.calls.take_call() {
            return Ok(Err(secrets::SecretError::Denied(error.to_string())));
        }
        Ok(match &mut self.0.doors {
            Some(doors) => doors.keyring.compose(pieces, encoding),
            None => Err(secrets::SecretError::Denied(NOT_GRANTED.to_owned())),
        })
    }

    fn sign(
        &mut self,
        key: String,
        algorithm: secrets::Algorithm,
        pieces: Vec<secrets::Signed>,
        encoding: secrets::Encoding,
    ) -> wasmtime::Result<Result<String, secrets::SecretError>> {
        if let Err(error) = self.0.calls.take_call() {
            return Ok(Err(secrets::SecretError::Denied(error.to_string())));
        }
        Ok(match &mut self.0.doors {
            Some(doors) => doors.keyring.sign(&key, algorithm, pieces, encoding),
            None => Err(secrets::SecretError::Denied(NOT_GRANTED.to_owned())),
        })
    }
}
