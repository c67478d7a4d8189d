//! The files door: regular files in the folders that a guest was granted.

/// One store's way to files.
#[derive(Debug, Default)]
pub struct FilesDoor;
