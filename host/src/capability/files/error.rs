//! What can go wrong with files, and which of the contract's errors it is.

use std::io;

use rustix::io::Errno;

use super::name::NameError;
use crate::capability::budget::BudgetError;
use crate::capability::log::printable;
use crate::runtime::bindings::files as contract;

const DETAIL_BYTES_MAX: usize = 1 << 10;

/// Why an operation on files came to nothing. Shown to the component and to people.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilesError {
    #[error("the folder `{folder}` is not granted to this endpoint")]
    NotGranted { folder: String },
    #[error("the folder `{folder}` is granted for reading alone")]
    ReadOnly { folder: String },
    #[error("that is not the name of a file: {0}")]
    Name(#[from] NameError),
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// More than the call may take in still; becomes the budget's own error.
    #[error("the file has {bytes} bytes, more than this call may take in")]
    BeyondBudget { bytes: usize },
    #[error("there is no such file")]
    Missing,
    #[error("`{name}` is a {what}, not a regular file")]
    NotAFile { name: String, what: &'static str },
    #[error("the file `{name}` has other names beside this one")]
    Linked { name: String },
    #[error("there is a file `{name}` already")]
    Exists { name: String },
    #[error("the file is larger than {bytes_max} bytes, the most that is read at once")]
    TooLarge { bytes_max: usize },
    #[error("the folder has more than {count_max} files")]
    TooMany { count_max: usize },
    #[error("the files of the folder would have more than {bytes_max} bytes together")]
    QuotaBytes { bytes_max: u64 },
    #[error("the folder would have more than {files_max} files")]
    QuotaFiles { files_max: usize },
    #[error("the disk takes no more")]
    DiskFull { source: io::Error },
    #[error("`{part}` on the way to the folder is a link or no folder; nothing is followed there")]
    NotAFolder { part: String },
    #[error(
        "the folder `{part}` belongs to somebody else, or others may write to it; let the \
             engine's user own it, with mode 0700"
    )]
    Shared { part: String },
    #[error("cannot {what}: {source}")]
    Io { what: &'static str, source: io::Error },
    /// Neither written nor taken back.
    #[error("the file was written in part, and cannot be cut to its size before: {source}")]
    HalfDone { source: io::Error },
    #[error("the work on the file broke")]
    Broken,
}

impl FilesError {
    /// For `map_err`: `what` could not be done.
    pub(super) fn io(what: &'static str) -> impl Fn(Errno) -> Self {
        move |errno| Self::of(what, errno.into())
    }

    pub(super) fn of(what: &'static str, source: io::Error) -> Self {
        match source.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::NOENT) => Self::Missing,
            Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => Self::DiskFull { source },
            _ => Self::Io { what, source },
        }
    }

    /// Whether what was to be added may be in the file all the same.
    pub(super) fn is_in_doubt(&self) -> bool {
        matches!(self, Self::HalfDone { .. } | Self::Broken)
    }

    /// A stable machine word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotGranted { .. } => "folder",
            Self::ReadOnly { .. } => "read-only",
            Self::Name(_) => "name",
            Self::Budget(error) => error.code(),
            Self::BeyondBudget { .. } => BudgetError::BytesIn.code(),
            Self::Missing => "missing",
            Self::NotAFile { .. } => "not-a-file",
            Self::Linked { .. } => "linked",
            Self::Exists { .. } => "exists",
            Self::TooLarge { .. } => "too-large",
            Self::TooMany { .. } => "too-many",
            Self::QuotaBytes { .. } => "quota-bytes",
            Self::QuotaFiles { .. } => "quota-files",
            Self::DiskFull { .. } => "disk",
            Self::NotAFolder { .. } => "not-a-folder",
            Self::Shared { .. } => "shared-folder",
            Self::Io { .. } | Self::Broken => "io",
            Self::HalfDone { .. } => "half-done",
        }
    }
}

impl From<FilesError> for contract::FileError {
    fn from(error: FilesError) -> Self {
        let problem = contract::Problem {
            code: error.code().to_owned(),
            detail: printable(&error.to_string(), DETAIL_BYTES_MAX),
        };
        match error {
            FilesError::Missing => Self::Missing,
            FilesError::NotGranted { .. }
            | FilesError::ReadOnly { .. }
            | FilesError::Name(_)
            | FilesError::Budget(_)
            | FilesError::BeyondBudget { .. }
            | FilesError::NotAFile { .. }
            | FilesError::Linked { .. }
            | FilesError::NotAFolder { .. }
            | FilesError::Shared { .. } => Self::Denied(problem),
            FilesError::QuotaBytes { .. }
            | FilesError::QuotaFiles { .. }
            | FilesError::DiskFull { .. } => Self::Full(problem),
            _ => Self::Other(problem),
        }
    }
}
