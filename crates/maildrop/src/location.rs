//! Where a maildrop lies.

use std::path::{Path, PathBuf};

/// The kind of a maildrop and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// One file with all messages, read and rewritten in place.
    Mbox(PathBuf),
    /// The same file, copied into memory when it is opened, served from there, and rewritten in place.
    Ram(PathBuf),
    /// The same file, taken apart into a spool folder when it is opened, served from there, and rewritten in place.
    Disk(PathBuf),
    /// A directory with `new` and `cur`, one file a message.
    Maildir(PathBuf),
}

impl Location {
    /// Where it lies.
    pub fn path(&self) -> &Path {
        match self {
            Location::Mbox(path) | Location::Ram(path) | Location::Disk(path) | Location::Maildir(path) => {
                path
            }
        }
    }
}
