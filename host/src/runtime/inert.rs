//! The parts of WASI that standard libraries import and that give a guest nothing: closed stdin,
//! stdout and stderr as bounded log lines, an empty environment, clocks, random.
//!
//! Ours rather than `WasiCtx`, which seeds generators and opens clocks for every store.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tracing::Level;
use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p2::bindings::cli::terminal_input::TerminalInput;
use wasmtime_wasi::p2::bindings::cli::terminal_output::TerminalOutput;
use wasmtime_wasi::p2::bindings::{cli, clocks, random};
use wasmtime_wasi::p2::pipe::ClosedInputStream;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, DynPollable, OutputStream, Pollable, StreamResult, subscribe,
};
use wasmtime_wasi_io::bindings::wasi::io;

use super::guest::{Guest, Moment};
use crate::capability::log::GuestLog;

/// Most random bytes a guest gets in one go.
const RANDOM_BYTES_MAX: u64 = 4 << 10;

/// What `format` gets for random.
const CONSTANT: u64 = 0x4361_6d70_616e_696c;

/// Clocks go in steps of this, so that a guest cannot time the host finely.
const STEP: Duration = Duration::from_millis(1);

/// The interfaces that [`link`] defines; what else of WASI a component imports is refused.
pub(super) const INTERFACES: [&str; 18] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    cli::environment::add_to_linker::<_, Inert>(linker, |guest| InertView(guest))?;
    cli::exit::add_to_linker::<_, Inert>(linker, |guest| InertView(guest))?;
    cli::stdin::add_to_linker::<_, Inert>(linker, |guest| InertView(guest))?;
    cli::stdout::add_to_linker::<_, Inert>(linker, |guest| InertView(guest))?;
    cli::stderr::add_to_linker::<_, Inert>(linker, |guest| InertView(guest))?;
    cli::terminal_input::add_to_linker::<_, Inert>(linker, |guest| InertView(guest))?;
    cli::terminal_output::add_to_linker::<_, Inert>(linker, |guest| InertView(guest))?;
    cli::terminal_stdin::add_to_linker::<_, Inert>(linker, |guest| InertView(guest))?;
    cli::terminal_stdout::add_to_linker::<_, Inert>(linker, |guest| InertView(guest))?;
    cli::terminal_stderr::add_to_linker::<_, Inert>(linker, |guest| InertView(guest))?;
    clocks::wall_clock::add_to_linker::<_, Inert>(linker, |guest| InertView(guest))?;
    clocks::monotonic_clock::add_to_linker::<_, Inert>(linker, |guest| InertView(guest))?;
    random::random::add_to_linker::<_, Inert>(linker, |guest| InertView(guest))?;
    random::insecure::add_to_linker::<_, Inert>(linker, |guest| InertView(guest))?;
    random::insecure_seed::add_to_linker::<_, Inert>(linker, |guest| InertView(guest))?;
    io::error::add_to_linker::<_, InertIo>(linker, |guest| &mut guest.table)?;
    io::poll::add_to_linker::<_, InertIo>(linker, |guest| &mut guest.table)?;
    io::streams::add_to_linker::<_, InertIo>(linker, |guest| &mut guest.table)
}

struct InertIo;

impl HasData for InertIo {
    type Data<'a> = &'a mut wasmtime::component::ResourceTable;
}

struct Inert;

impl HasData for Inert {
    type Data<'a> = InertView<'a>;
}

struct InertView<'a>(&'a mut Guest);

impl cli::environment::Host for InertView<'_> {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}

impl cli::exit::Host for InertView<'_> {
    fn exit(&mut self, status: Result<(), ()>) -> wasmtime::Result<()> {
        Err(wasmtime::Error::from(I32Exit(status.is_err().into())))
    }

    fn exit_with_code(&mut self, status: u8) -> wasmtime::Result<()> {
        Err(wasmtime::Error::from(I32Exit(status.into())))
    }
}

impl cli::stdin::Host for InertView<'_> {
    fn get_stdin(&mut self) -> wasmtime::Result<Resource<DynInputStream>> {
        let stream: DynInputStream = Box::new(ClosedInputStream);
        Ok(self.0.table.push(stream)?)
    }
}

impl cli::stdout::Host for InertView<'_> {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.log_stream(Level::INFO)
    }
}

impl cli::stderr::Host for InertView<'_> {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.log_stream(Level::WARN)
    }
}

impl InertView<'_> {
    fn log_stream(&mut self, level: Level) -> wasmtime::Result<Resource<DynOutputStream>> {
        let stream: DynOutputStream =
            Box::new(LogStream { log: Arc::clone(&self.0.log), level, line: Vec::new() });
        Ok(self.0.table.push(stream)?)
    }
}

/// Standard output of a guest, line by line into its log.
struct LogStream {
    log: Arc<Mutex<GuestLog>>,
    level: Level,
    line: Vec<u8>,
}

/// Most bytes a guest writes in one go, and of one line that has no end yet.
const WRITE_BYTES_MAX: usize = 4 << 10;

impl LogStream {
    fn end_line(&mut self) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.write(self.level, &String::from_utf8_lossy(&self.line));
        self.line.clear();
    }
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part.strip_suffix(b"\n").unwrap_or(part));
            if part.ends_with(b"\n") || self.line.len() >= WRITE_BYTES_MAX {
                self.end_line();
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl Drop for LogStream {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
    }
}

impl cli::terminal_input::Host for InertView<'_> {}
impl cli::terminal_output::Host for InertView<'_> {}

impl cli::terminal_input::HostTerminalInput for InertView<'_> {
    fn drop(&mut self, terminal: Resource<TerminalInput>) -> wasmtime::Result<()> {
        self.0.table.delete(terminal)?;
        Ok(())
    }
}

impl cli::terminal_output::HostTerminalOutput for InertView<'_> {
    fn drop(&mut self, terminal: Resource<TerminalOutput>) -> wasmtime::Result<()> {
        self.0.table.delete(terminal)?;
        Ok(())
    }
}

impl cli::terminal_stdin::Host for InertView<'_> {
    fn get_terminal_stdin(&mut self) -> wasmtime::Result<Option<Resource<TerminalInput>>> {
        Ok(None)
    }
}

impl cli::terminal_stdout::Host for InertView<'_> {
    fn get_terminal_stdout(&mut self) -> wasmtime::Result<Option<Resource<TerminalOutput>>> {
        Ok(None)
    }
}

impl cli::terminal_stderr::Host for InertView<'_> {
    fn get_terminal_stderr(&mut self) -> wasmtime::Result<Option<Resource<TerminalOutput>>> {
        Ok(None)
    }
}

impl InertView<'_> {
    /// Since the Unix epoch, in steps.
    fn now(&self) -> Duration {
        if self.0.moment == Moment::Still {
            return Duration::ZERO;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let steps = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(steps)
    }

    fn wait(&mut self, duration: Duration) -> wasmtime::Result<Resource<DynPollable>> {
        // Where time stands, a wait is over at once: nothing would ever end it.
        let still = self.0.moment == Moment::Still;
        let until = tokio::time::Instant::now().checked_add(duration).filter(|_| !still);
        let timer = self.0.table.push(Timer { until, forever: !still && until.is_none() })?;
        subscribe(&mut self.0.table, timer)
    }
}

struct Timer {
    until: Option<tokio::time::Instant>,
    forever: bool,
}

#[wasmtime_wasi::async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {
        if self.forever {
            std::future::pending::<()>().await;
        }
        if let Some(until) = self.until {
            tokio::time::sleep_until(until).await;
        }
    }
}

impl clocks::wall_clock::Host for InertView<'_> {
    fn now(&mut self) -> wasmtime::Result<clocks::wall_clock::Datetime> {
        Ok(datetime(InertView::now(self)))
    }

    fn resolution(&mut self) -> wasmtime::Result<clocks::wall_clock::Datetime> {
        Ok(datetime(STEP))
    }
}

fn datetime(since: Duration) -> clocks::wall_clock::Datetime {
    clocks::wall_clock::Datetime { seconds: since.as_secs(), nanoseconds: since.subsec_nanos() }
}

impl clocks::monotonic_clock::Host for InertView<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(nanoseconds(InertView::now(self)))
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(nanoseconds(STEP))
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let now = nanoseconds(InertView::now(self));
        self.wait(Duration::from_nanos(when.saturating_sub(now)))
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.wait(Duration::from_nanos(duration))
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl random::random::Host for InertView<'_> {
    fn get_random_bytes(&mut self, count: u64) -> wasmtime::Result<Vec<u8>> {
        wasmtime::ensure!(count <= RANDOM_BYTES_MAX, "asked for {count} random bytes at once");
        let mut bytes = vec![0; usize::try_from(count)?];
        match self.0.moment {
            Moment::Still => {
                bytes
                    .iter_mut()
                    .zip(CONSTANT.to_le_bytes().into_iter().cycle())
                    .for_each(|(byte, constant)| *byte = constant);
            }
            Moment::Live => getrandom::fill(&mut bytes).map_err(no_random)?,
        }
        Ok(bytes)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        match self.0.moment {
            Moment::Still => Ok(CONSTANT),
            Moment::Live => getrandom::u64().map_err(no_random),
        }
    }
}

impl random::insecure::Host for InertView<'_> {
    fn get_insecure_random_bytes(&mut self, count: u64) -> wasmtime::Result<Vec<u8>> {
        random::random::Host::get_random_bytes(self, count)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        random::random::Host::get_random_u64(self)
    }
}

impl random::insecure_seed::Host for InertView<'_> {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        use random::random::Host;
        Ok((self.get_random_u64()?, self.get_random_u64()?))
    }
}

fn no_random(error: getrandom::Error) -> wasmtime::Error {
    wasmtime::format_err!("the machine gives no random bytes: {error}")
}
