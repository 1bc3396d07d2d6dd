//! Why a mailbox was not locked.

use std::path::{Path, PathBuf};

use crate::error::{CommitError, OpenError, OsError};

/// Why a mailbox was not locked.
#[derive(Debug)]
pub(crate) enum LockFailure {
    Busy(Busy),
    Os(OsError),
}

/// Another program holds a lock.
#[derive(Debug)]
pub(crate) struct Busy {
    path: PathBuf,
    how: String,
}

impl Busy {
    /// What is held, and how.
    pub(super) fn new(path: &Path, how: impl Into<String>) -> Self {
        Self { path: path.to_owned(), how: how.into() }
    }
}

impl From<LockFailure> for OpenError {
    fn from(failure: LockFailure) -> Self {
        match failure {
            LockFailure::Busy(Busy { path, how }) => Self::Locked { path, how },
            LockFailure::Os(error) => error.into(),
        }
    }
}

impl From<LockFailure> for CommitError {
    fn from(failure: LockFailure) -> Self {
        match failure {
            LockFailure::Busy(Busy { path, how }) => Self::Locked { path, how },
            LockFailure::Os(error) => error.into(),
        }
    }
}
