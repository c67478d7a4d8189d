//! Exit codes, and the error that carries one. Documented in `docs/exit-codes.md`.

use std::error::Error;
use std::fmt;

use crate::app::AppError;
use crate::store::StoreError;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// None of the others.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// The configuration, or a token's file, cannot be used.
    Config = 3,
    /// No server answers there.
    Unreachable = 4,
    /// The server does not accept the token, or the input.
    Refused = 5,
    /// Another process has the store open, or a newer version wrote it.
    Store = 6,
    /// The server differs from the files.
    Different = 7,
}

/// Why a command failed: what is shown, and how the process exits.
pub struct Failure {
    pub exit: Exit,
    error: Box<dyn Error + Send + Sync>,
}

impl Failure {
    pub fn new(exit: Exit, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { exit, error: error.into() }
    }

    /// A failure that is its text: what failed and what to do next.
    pub fn says(exit: Exit, text: impl Into<String>) -> Self {
        Self::new(exit, text.into())
    }

    /// A failure of no sort of its own.
    pub fn from_any(error: anyhow::Error) -> Self {
        Self::new(Exit::Failed, Box::<dyn Error + Send + Sync>::from(error))
    }

    /// A failure with a cause beneath.
    pub fn caused(
        exit: Exit,
        text: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::new(exit, Caused { text: text.into(), source: source.into() })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {:?}", self.exit, self.error)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        let exit = match &error {
            AppError::Config { .. }
            | AppError::Token(_)
            | AppError::Vault(_)
            | AppError::User(_)
            | AppError::Policy(_)
            | AppError::OtherOwner { .. }
            | AppError::NotConfined { .. } => Exit::Config,
            AppError::Store(
                StoreError::Locked { .. } | StoreError::Newer { .. } | StoreError::Foreign { .. },
            ) => Exit::Store,
            _ => Exit::Failed,
        };
        Self::new(exit, error)
    }
}

impl From<std::io::Error> for Failure {
    /// Only writing a result comes here; every other use of files says what it was about.
    fn from(source: std::io::Error) -> Self {
        Self::caused(Exit::Failed, "cannot write the result; give stdout somewhere to go", source)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Caused {
    text: String,
    source: Box<dyn Error + Send + Sync>,
}
