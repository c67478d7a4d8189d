//! The `[files]` table: where components may keep files, and how much.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use serde::Deserialize;

use super::reading::Reading;

/// Files are counted and listed one by one.
const FOLDER_FILES_CEILING: usize = 10_000;

/// The `[files]` table, exactly as the operator writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FilesConfig {
    /// Folder beneath which endpoints may have folders, each at `TENANT/PLACE`; relative to the
    /// file. Default: none, and no endpoint is granted a folder.
    pub root: Option<PathBuf>,
    /// Bytes of the files in one folder together. Default 1 GiB.
    pub folder_bytes_max: NonZeroU64,
    /// Files in one folder. Default 1000, at most 10000.
    pub folder_files_max: NonZeroUsize,
}

impl Default for FilesConfig {
    fn default() -> Self {
        Self {
            root: None,
            folder_bytes_max: NonZeroU64::new(1 << 30).expect("a default above zero"),
            folder_files_max: NonZeroUsize::new(1000).expect("a default above zero"),
        }
    }
}

impl FilesConfig {
    pub(super) fn check(&self, reading: &mut Reading) {
        if self.folder_files_max.get() > FOLDER_FILES_CEILING {
            let expected = format!("expected at most {FOLDER_FILES_CEILING}");
            reading.problem("files.folder_files_max", &expected);
        }
        if self.root.as_ref().is_some_and(|root| root.as_os_str().is_empty()) {
            reading.problem("files.root", "expected the path of a folder, such as `files`");
        }
    }
}
