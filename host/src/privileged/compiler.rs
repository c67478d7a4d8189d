//! From WebAssembly to machine code, in a process of its own for each component.
//!
//! Promise: the process that compiles has no file, no network, no user's rights and no secret; it
//! gets the bytes of one component and gives machine code back, within bounds of memory and time.
//! Whoever breaks the compiler has broken that process.
//!
//! Not here: what is done with the machine code (`runtime::compile`).

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

use super::confine::{self, Calls, Files};
use super::control::Asked;
use super::role::Role;
use super::user::User;
use crate::runtime;

/// Longest that one component may take, asking for the process included.
const WITHIN: Duration = Duration::from_secs(180);
const CPU_S_MAX: u64 = 300;
const MEMORY_BYTES_MAX: u64 = 4 << 30;
pub(crate) const WASM_BYTES_MAX: usize = 32 << 20;
const CODE_BYTES_MAX: usize = 256 << 20;
const ERROR_BYTES_MAX: usize = 16 << 10;

/// Who compiles.
#[derive(Clone, Debug)]
pub enum Compilers {
    /// Processes that the monitor starts.
    Monitor(mpsc::Sender<Asked>),
    /// Processes that this one starts: a command's.
    Own,
    /// This process: a test's.
    Here,
}

/// What machine code depends on beside the component.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    pub store_memory_bytes: usize,
}

/// Why there is no machine code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// What the compiler says of the component.
    #[error("{0}")]
    Refused(String),
    #[error("the process that compiles could not be started")]
    Start(#[source] io::Error),
    #[error("the process that compiles ended without an answer: memory, time, or a mistake of it")]
    Ended(#[source] io::Error),
    #[error("the process that compiles did not answer within {} s", WITHIN.as_secs())]
    Late,
}

impl Compilers {
    /// Machine code of `wasm`, for [`wasmtime::component::Component::deserialize`].
    pub(crate) async fn compile(
        &self,
        target: &Target,
        wasm: &[u8],
    ) -> Result<Vec<u8>, CompileError> {
        let compiling = async {
            let stream = match self {
                Self::Here => {
                    return runtime::compile(target, wasm).map_err(CompileError::Refused);
                }
                Self::Monitor(ask) => asked(ask)
                    .await
                    .ok_or_else(|| CompileError::Start(io::Error::other("the monitor is gone")))?,
                Self::Own => own().map_err(CompileError::Start)?,
            };
            converse(stream, target, wasm).await
        };
        let compiled = tokio::time::timeout(WITHIN, compiling);
        compiled.await.map_err(|_| CompileError::Late)?
    }
}

async fn converse(
    mut stream: UnixStream,
    target: &Target,
    wasm: &[u8],
) -> Result<Vec<u8>, CompileError> {
    let mut asked = super::frame::bytes(target).map_err(CompileError::Ended)?;
    asked.extend(u32::try_from(wasm.len()).unwrap_or(u32::MAX).to_be_bytes());
    let speak = async {
        stream.write_all(&asked).await?;
        stream.write_all(wasm).await?;
        let is_made = stream.read_u8().await? == 1;
        let length = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
        if length > if is_made { CODE_BYTES_MAX } else { ERROR_BYTES_MAX } {
            return Err(io::Error::other("its answer is longer than it may be"));
        }
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer).await?;
        Ok((is_made, answer))
    };
    let (is_made, answer) = speak.await.map_err(CompileError::Ended)?;
    if is_made {
        return Ok(answer);
    }
    let told = String::from_utf8_lossy(&answer);
    Err(CompileError::Refused(crate::printable::printable(&told, ERROR_BYTES_MAX)))
}

/// The socket of a process that the monitor starts; `None`: it does not any more.
async fn asked(ask: &mpsc::Sender<Asked>) -> Option<UnixStream> {
    let (asked, socket) = oneshot::channel();
    ask.send(asked).await.ok()?;
    socket.await.ok()
}

/// A process for one component, for whom no monitor starts one.
fn own() -> io::Result<UnixStream> {
    let (ours, theirs) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let mut command = Role::Compiler { user: None }.command();
    // It ends when this connection does, and is waited for by tokio.
    drop(command.stdin(Stdio::from(OwnedFd::from(theirs))).spawn()?);
    UnixStream::from_std(ours)
}

/// The process itself: one component in, machine code out.
pub(super) fn run(user: Option<&User>) -> anyhow::Result<()> {
    limit(Resource::As, MEMORY_BYTES_MAX)?;
    limit(Resource::Cpu, CPU_S_MAX)?;
    limit(Resource::Nofile, 16)?;
    confine::become_user(user)?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    confine::shut_in(&Files::default(), Calls::Compiler)?;
    let mut stdin = io::stdin().lock();
    let mut number = [0; 4];
    let mut next = |bytes_max: usize| {
        stdin.read_exact(&mut number)?;
        let length = usize::try_from(u32::from_be_bytes(number)).unwrap_or(usize::MAX);
        if length > bytes_max {
            return Err(io::Error::other("what came is longer than it may be"));
        }
        let mut bytes = vec![0; length];
        stdin.read_exact(&mut bytes)?;
        Ok(bytes)
    };
    let target: Target = super::frame::parse(&next(ERROR_BYTES_MAX)?)?;
    let wasm = next(WASM_BYTES_MAX)?;
    let (is_made, answer) = match runtime::compile(&target, &wasm) {
        Ok(code) => (1, code),
        Err(told) => (0, crate::printable::printable(&told, ERROR_BYTES_MAX / 2).into_bytes()),
    };
    // The answer goes where the question came from: stdin is a socket, and is written as a file,
    // since this process may not send.
    let mut back = File::from(stdin.as_fd().try_clone_to_owned()?);
    let length = u32::try_from(answer.len()).unwrap_or(u32::MAX);
    back.write_all(&[is_made])?;
    back.write_all(&length.to_be_bytes())?;
    back.write_all(&answer)?;
    Ok(())
}

/// Lowers a limit of this process; one that is lower stays.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let now = getrlimit(resource).maximum.unwrap_or(u64::MAX).min(most);
    setrlimit(resource, Rlimit { current: Some(now), maximum: Some(now) })?;
    Ok(())
}
