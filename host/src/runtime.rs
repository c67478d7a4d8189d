//! Runs kinds: everything that touches wasmtime, and the face of the kinds that do not.
//!
//! Promise: a call of a guest ends, with a result within bounds or with a named [`Fault`]; what one
//! store held is never seen by another.
//!
//! Not here: what a component is given (`capability`), and when it is called (`dispatch`).

mod agree;
pub mod bindings;
mod builtin;
mod catalog;
mod compile;
mod convert;
mod deliver;
mod descriptor;
mod engine;
mod fault;
mod format;
mod guest;
mod inert;
mod limits;
mod linker;
mod manifest;
pub mod native;
mod opened;
mod redacted;
mod session;
mod withheld;
mod words;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;

use tokio::sync::Semaphore;
use wasmtime::component::Linker;
use wasmtime::{Engine, PoolingAllocatorMetrics};

pub use builtin::ComponentHash;
pub use catalog::{Broken, Catalog, Kept, Kind, folders, look};
pub use compile::{Code, compile};
pub use deliver::{Delivering, Probe, Told, Try, probe};
pub use engine::{Allocation, prime};
pub use fault::Fault;
pub use format::{Context, Draft, Formatting, Made};
pub use limits::Limits;
pub use manifest::{Access, FolderAsked, Manifest, MethodAsked, OAuth2Asked, World};
pub use withheld::{Withheld, Withholding};

use crate::privileged::compiler::{CompileError, Compilers, Target};
use crate::telemetry::LimitHits;
use compile::CodeCache;
use engine::Ticker;
use guest::Guest;

use crate::config::{List, Problem};

/// The engine and what all its components share. One per process.
pub struct Runtime {
    engine: Engine,
    pub allocation: Allocation,
    limits: Limits,
    limit_hits: LimitHits,
    withholding: OnceLock<Withholding>,
    compilers: OnceLock<Compilers>,
    cache: CodeCache,
    ticker: Arc<Ticker>,
    /// One place fewer than cores, so that a guest that computes leaves one to the rest.
    places: Arc<Semaphore>,
    format_linker: Linker<Guest>,
    deliver_linker: Linker<Guest>,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("allocation", &self.allocation).finish_non_exhaustive()
    }
}

impl Runtime {
    /// `calls_count`: stores that may be alive at once; `cache_dir`: for machine code.
    pub fn new(
        limits: Limits,
        calls_count: u32,
        cache_dir: &Path,
    ) -> Result<Arc<Self>, RuntimeError> {
        let (engine, allocation) = engine::make(&limits, calls_count)?;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Ok(Arc::new(Self {
            allocation,
            limits,
            limit_hits: LimitHits::default(),
            withholding: OnceLock::new(),
            compilers: OnceLock::new(),
            cache: CodeCache::open(cache_dir)?,
            ticker: Ticker::start(&engine)?,
            places: Arc::new(Semaphore::new((cores - 1).max(1))),
            format_linker: linker::for_format(&engine)?,
            deliver_linker: linker::for_deliver(&engine)?,
            engine,
        }))
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What the operator keeps from which kind, from now on. Said once, before components are
    /// loaded.
    pub fn withhold(&self, withholding: Withholding) {
        let said = self.withholding.set(withholding);
        debug_assert!(said.is_ok(), "what is withheld was said before");
    }

    /// Who compiles from now on. Said once, before components are loaded; where it is not, this
    /// process does.
    pub fn compile_by(&self, compilers: Compilers) {
        let said = self.compilers.set(compilers);
        debug_assert!(said.is_ok(), "who compiles was said before");
    }

    async fn compiled(&self, wasm: &[u8]) -> Result<Vec<u8>, CompileError> {
        let target = Target { store_memory_bytes: self.limits.store_memory_bytes };
        let here = Compilers::Here;
        self.compilers.get().unwrap_or(&here).compile(&target, wasm).await
    }

    fn withheld_from(&self, kind: &str, is_built_in: bool) -> Withheld {
        let withholding = self.withholding.get();
        withholding.map_or_else(Withheld::default, |one| one.from(kind, is_built_in))
    }

    /// How often calls have hit which limit.
    pub fn limit_hits(&self) -> &LimitHits {
        &self.limit_hits
    }

    /// Gauges of the pool; `None` where instances are allocated on demand.
    pub fn pool_metrics(&self) -> Option<PoolingAllocatorMetrics> {
        self.engine.pooling_allocator_metrics()
    }
}

/// Why components could not be used. Shown to the operator as it stands.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    #[error("wasmtime cannot start on this machine")]
    Engine(#[source] wasmtime::Error),

    #[error("no thread for the epoch tick")]
    Thread(#[source] io::Error),

    #[error("the folder for machine code `{path}` cannot be used; give another as `runtime.cache_dir`, or remove it", path = path.display())]
    Cache { path: PathBuf, source: io::Error },

    #[error("the folder for machine code `{path}` can be written by others, or belongs to another user; `chmod go-w` it, or give one of your own as `runtime.cache_dir`", path = path.display())]
    CacheOpen { path: PathBuf },

    #[error("the components folder `{path}` cannot be read; run `make components`, or set `components_dir`", path = path.display())]
    Folder { path: PathBuf, source: io::Error },

    #[error("`{path}` cannot be read; `components_dir` must name the folder that `make components` fills (`target/components` in a checkout)", path = path.display())]
    Unreadable { path: PathBuf, source: io::Error },

    #[error("`{path}` cannot be read by the engine's user, or is a link to where the engine was not given a way at its start, and needs a restart", path = path.display())]
    NotGiven { path: PathBuf },

    #[error("`{path}` is larger than {bytes_max} bytes", path = path.display())]
    TooLarge { path: PathBuf, bytes_max: u64 },

    #[error("`{path}` cannot be used:{list}", path = path.display(), list = List(problems))]
    Manifest { path: PathBuf, problems: Vec<Problem> },

    #[error(
        "component `{component}` is in `{path}` and in `{other}`; remove one of them",
        path = path.display(), other = other.display()
    )]
    Twice { component: String, path: PathBuf, other: PathBuf },

    #[error(
        "the component `{component}` in `{path}` has a name that is taken by a kind of the engine; \
         remove it, or give it another name", path = path.display()
    )]
    NameTaken { component: String, path: PathBuf },

    #[error("`{path}` cannot be read; make it readable, or run `make components`", path = path.display())]
    LockUnreadable { path: PathBuf, source: io::Error },

    #[error(
        "`{path}`: line {line}: expected a SHA-256 in hexadecimal, two blanks, and the name of a \
         component; run `make components`", path = path.display()
    )]
    Lock { path: PathBuf, line: usize },

    #[error("component `{component}` is machine code, not WebAssembly; only the engine makes that")]
    Precompiled { component: String },

    #[error("component `{component}` does not compile; build it for `wasm32-wasip2`")]
    Compile { component: String, source: CompileError },

    #[error(
        "component `{component}` does not fit into a store, which has what `[limits]` gives it"
    )]
    DoesNotFit { component: String, source: wasmtime::Error },

    #[error("component `{component}` imports `{import}`, which its world `{world}` does not give")]
    Import { component: String, import: String, world: &'static str },

    #[error(
        "component `{component}` does not fit the contract; build it against `wit/endpoint.wit`"
    )]
    Link { component: String, source: wasmtime::Error },

    #[error("component `{component}` cannot describe itself")]
    Describe { component: String, source: Fault },

    #[error(
        "component `{component}` says of itself what its manifest does not:{list}",
        list = List(problems)
    )]
    Disagrees { component: String, problems: Vec<Problem> },
}
