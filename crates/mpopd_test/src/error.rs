//! Why the program ends without having done what was asked.

use std::fmt;
use std::io;

use pop3_client::asynchronous::LookupError;

/// Why the program ends without a result. A session that fails is not one of these: see [`crate::failure`].
#[derive(Debug)]
pub(crate) enum Error {
    /// The command line makes no sense: exit status 2.
    Usage(String),
    /// The server cannot be looked up.
    Lookup(LookupError),
    /// A file or a stream, named by the first field, cannot be read or written.
    Io(String, io::Error),
    /// The system refuses what a run needs, named by the first field.
    System(&'static str, io::Error),
    /// The mailbox to compare with, at this path, has no message.
    NoMessage(String),
    /// The name of this user cannot be a file's name.
    UserName(String),
    /// There is no process with this id to observe.
    NoProcess(u32),
    /// The limit of descriptors is too low, and cannot be raised.
    Descriptors {
        /// Connections that the run wants to hold.
        connections: usize,
        /// Descriptors that they need.
        needed: u64,
    },
    /// The summary cannot be written as JSON.
    Json(serde_json::Error),
    /// A session panicked: a bug in this program.
    Panicked,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) => f.write_str(text),
            Self::Lookup(error) => error.fmt(f),
            Self::Io(what, error) => write!(f, "{what}: {error}"),
            Self::System(what, error) => write!(f, "{what}: {error}"),
            Self::NoMessage(path) => write!(f, "--verify {path}: there is no message"),
            Self::UserName(name) => write!(f, "the user name \"{name}\" cannot be a file's name"),
            Self::NoProcess(pid) => write!(f, "--pid {pid}: no such process"),
            Self::Descriptors { connections, needed } => {
                write!(f, "{connections} connections need {needed} descriptors: raise `ulimit -n`")
            }
            Self::Json(error) => write!(f, "--json: {error}"),
            Self::Panicked => f.write_str("a session panicked, which is a bug in mpopd_test"),
        }
    }
}

impl std::error::Error for Error {}
