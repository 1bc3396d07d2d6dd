//! What can go wrong, and who is responsible.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a maildrop was not opened. It is unchanged.
#[derive(Debug)]
pub enum OpenError {
    /// Another session has it: RFC 1939 allows one at a time.
    InUse,
    /// Another program held the mailbox's lock during all tries.
    Locked {
        /// What is held: the dotlock, or the mailbox itself.
        path: PathBuf,
        /// How, and by whom if that is known.
        how: String,
    },
    /// What is there is not a maildrop of the expected kind.
    NotAMaildrop {
        /// Where.
        path: PathBuf,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// There are more messages than `max_messages`.
    TooManyMessages {
        /// Where.
        path: PathBuf,
        /// The limit.
        limit: u32,
    },
    /// The operating system refused an operation.
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Why there is no body of a message.
#[derive(Debug)]
pub enum FetchError {
    /// No message has this number.
    NoSuchMessage {
        /// The number.
        number: u32,
    },
    /// Another program removed the message during the session.
    Vanished {
        /// Its number.
        number: u32,
    },
    /// Another program changed the message, or the mailbox before it, during the session.
    Changed {
        /// Its number.
        number: u32,
    },
    /// The operating system refused an operation.
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Why not all messages were removed.
#[derive(Debug)]
pub enum CommitError {
    /// A number that belongs to no message, or is not in ascending order: a bug in the caller. Nothing was
    /// removed.
    NoSuchMessage {
        /// The number.
        number: u32,
    },
    /// Another program held the mailbox's lock during all tries. Nothing was removed.
    Locked {
        /// What is held: the dotlock, or the mailbox itself.
        path: PathBuf,
        /// How, and by whom if that is known.
        how: String,
    },
    /// Another program changed the messages during the session. Nothing was removed.
    Changed {
        /// The mailbox.
        path: PathBuf,
    },
    /// The operating system refused an operation. Nothing was removed.
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The removal was interrupted. The next time the mailbox is opened, the removal is completed, or the
    /// messages are there again. All other messages are safe.
    Interrupted {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Some messages were removed, others were not.
    Partial {
        /// The messages that are still there, in ascending order.
        remaining: Vec<u32>,
        /// One of them.
        path: PathBuf,
        /// What the operating system said about it.
        source: io::Error,
    },
}

impl CommitError {
    /// Which of the messages that were to be removed are still there.
    pub fn remaining<'a>(&'a self, deleted: &'a [u32]) -> &'a [u32] {
        match self {
            Self::Partial { remaining, .. } => remaining,
            Self::NoSuchMessage { .. }
            | Self::Locked { .. }
            | Self::Changed { .. }
            | Self::Io { .. }
            | Self::Interrupted { .. } => deleted,
        }
    }
}

/// An error of the operating system, on its way to one of the errors above.
#[derive(Debug)]
pub(crate) struct OsError {
    pub(crate) doing: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}

impl OsError {
    pub(crate) fn new(doing: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self { doing, path: path.to_owned(), source: source.into() }
    }
}

/// Adds what was tried, and on what, to an error of the operating system.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, OsError>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, OsError> {
        self.map_err(|source| OsError::new(doing, path, source))
    }
}

/// Whether the rights to do something are missing.
pub(crate) fn is_denied(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

impl From<OsError> for OpenError {
    fn from(OsError { doing, path, source }: OsError) -> Self {
        Self::Io { doing, path, source }
    }
}

impl From<OsError> for FetchError {
    fn from(OsError { doing, path, source }: OsError) -> Self {
        Self::Io { doing, path, source }
    }
}

impl From<OsError> for CommitError {
    fn from(OsError { doing, path, source }: OsError) -> Self {
        Self::Io { doing, path, source }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse => f.write_str("another session has the maildrop open"),
            Self::Locked { path, how } => write!(f, "{}: {how}", path.display()),
            Self::NotAMaildrop { path, expected, found } => {
                write!(f, "{}: no maildrop: looked for {expected}, found {found}", path.display())
            }
            Self::TooManyMessages { path, limit } => {
                write!(f, "{}: more than {limit} messages (max_messages)", path.display())
            }
            Self::Io { doing, path, source } => {
                write!(f, "{}: cannot {doing}: {source}", path.display())
            }
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchMessage { number } => write!(f, "there is no message {number}"),
            Self::Vanished { number } => {
                write!(f, "another program removed message {number} during the session")
            }
            Self::Changed { number } => {
                write!(f, "another program changed message {number} during the session")
            }
            Self::Io { doing, path, source } => {
                write!(f, "{}: cannot {doing}: {source}", path.display())
            }
        }
    }
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchMessage { number } => {
                write!(f, "nothing removed: there is no message {number}, or it is out of order")
            }
            Self::Locked { path, how } => write!(f, "nothing removed: {}: {how}", path.display()),
            Self::Changed { path } => write!(
                f,
                "nothing removed: {}: another program changed it during the session",
                path.display()
            ),
            Self::Io { doing, path, source } => {
                write!(f, "nothing removed: {}: cannot {doing}: {source}", path.display())
            }
            Self::Interrupted { doing, path, source } => write!(
                f,
                "removal interrupted, the next login completes it or finds the messages again: {}: \
                 cannot {doing}: {source}",
                path.display()
            ),
            Self::Partial { remaining, path, source } => {
                write!(f, "{} messages not removed, among them {}: {source}", remaining.len(), path.display())
            }
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::InUse | Self::Locked { .. } | Self::NotAMaildrop { .. } | Self::TooManyMessages { .. } => {
                None
            }
        }
    }
}

impl std::error::Error for FetchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::NoSuchMessage { .. } | Self::Vanished { .. } | Self::Changed { .. } => None,
        }
    }
}

impl std::error::Error for CommitError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } | Self::Interrupted { source, .. } | Self::Partial { source, .. } => {
                Some(source)
            }
            Self::NoSuchMessage { .. } | Self::Locked { .. } | Self::Changed { .. } => None,
        }
    }
}
