//! Why the store could not do what it was asked.

use std::path::PathBuf;
use std::sync::Arc;

use super::Refusal;
use crate::ids::{DeliveryId, MessageId};

/// Cloned to everyone whose write was in the transaction that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    #[error("cannot use `{}`; it must be a folder on a local disk that this user may write", path.display())]
    Folder { path: PathBuf, source: Arc<std::io::Error> },

    #[error("`{}` is in use by another campanile process; stop that one, or give this one its own folder", path.display())]
    Locked { path: PathBuf },

    #[error("`{}` is not a campanile store; move it away, or choose another data folder", path.display())]
    Foreign { path: PathBuf },

    #[error(
        "`{}` has schema version {found}, and this campanile knows versions up to {known}; \
         run the newer campanile that wrote it, or restore a backup made before the upgrade",
        path.display()
    )]
    Newer { path: PathBuf, found: i64, known: i64 },

    #[error("the store could not {doing}; look at free space and health of the disk")]
    Sqlite { doing: &'static str, source: Arc<rusqlite::Error> },

    #[error("{what} in the store cannot be read; restore a backup, or report this")]
    Unreadable { what: String, source: Arc<serde_json::Error> },

    #[error("too many record queries wait; ask again in a moment")]
    Busy,

    #[error("the disk of the data folder is nearly full; free some space")]
    DiskFull,

    #[error("the store is closed; the engine is stopping")]
    Closed,

    #[error("delivery {delivery} is not held by this lease, or was settled already")]
    NotLeased { delivery: DeliveryId },

    #[error("the settlement of {message} has {fates} fates for {members} members; each needs one")]
    Mismatched { message: MessageId, members: usize, fates: usize },

    #[error(
        "{message} is sent again as it is; settle it with the id and all the members it was leased with"
    )]
    NotWhole { message: MessageId },
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Crowded => Self::Busy,
            Refusal::DiskFull => Self::DiskFull,
            Refusal::Closed => Self::Closed,
        }
    }
}

impl StoreError {
    /// For `map_err`: says what was being done.
    pub(crate) fn sqlite(doing: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Sqlite { doing, source: Arc::new(source) }
    }

    /// True where waiting or freeing space may help, and the work itself is not at fault.
    pub(crate) fn is_of_the_disk(&self) -> bool {
        use rusqlite::ErrorCode as Code;
        let Self::Sqlite { source, .. } = self else { return false };
        matches!(
            source.sqlite_error_code(),
            Some(
                Code::DiskFull
                    | Code::SystemIoFailure
                    | Code::DatabaseBusy
                    | Code::DatabaseLocked
                    | Code::ReadOnly
                    | Code::CannotOpen
                    | Code::OutOfMemory
            )
        )
    }
}
