//! Where a maildrop lies.

use std::path::{Path, PathBuf};

/// The kind of a maildrop and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// One file with all messages, read and rewritten in place.
    Mbox(PathBuf),
    /// A directory with `new` and `cur`, one file a message.
    Maildir(PathBuf),
}

impl Location {
    /// Where it lies.
    pub fn path(&self) -> &Path {
        match self {
            Location::Mbox(path) | Location::Maildir(path) => path,
        }
    }
}
