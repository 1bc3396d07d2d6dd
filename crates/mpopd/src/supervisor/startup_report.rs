//! What a daemon reports to the process that started it: one message on a pipe.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;

/// What the daemon writes when it serves. Anything else is the reason why it does not.
const READY: &[u8] = b"\0";

/// The daemon's end of the pipe. The process that started it waits at the other end.
pub(crate) struct StartupReport(OwnedFd);

impl StartupReport {
    /// Reports on this pipe.
    pub(crate) fn on(pipe: OwnedFd) -> Self {
        Self(pipe)
    }

    /// The daemon serves.
    pub(crate) fn ready(self) {
        self.write(READY);
    }

    /// The daemon ends without having served.
    pub(crate) fn failed(self, why: &str) {
        self.write(why.as_bytes());
    }

    fn write(self, message: &[u8]) {
        // A starter that no longer waits does not need to know.
        let _ = std::fs::File::from(self.0).write_all(message);
    }
}

/// A daemon that was started and does not serve.
#[derive(Debug)]
pub(crate) enum NotServing {
    /// It reports why.
    Reported(String),
    /// It ended without a report.
    Silent,
    /// Its report cannot be read.
    Unreadable(io::Error),
}

impl fmt::Display for NotServing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reported(why) => f.write_str(why),
            Self::Silent => f.write_str("the daemon ended before it served: the log says why"),
            Self::Unreadable(error) => write!(f, "nothing is heard of the daemon: {error}"),
        }
    }
}

/// Waits for the report at the other end of a [`StartupReport`]'s pipe.
///
/// # Errors
///
/// Why the daemon does not serve.
pub(crate) fn wait(reader: OwnedFd) -> Result<(), NotServing> {
    let mut report = Vec::new();
    match std::fs::File::from(reader).read_to_end(&mut report) {
        Ok(_) if report == READY => Ok(()),
        Ok(0) => Err(NotServing::Silent),
        Ok(_) => Err(NotServing::Reported(String::from_utf8_lossy(&report).into_owned())),
        Err(error) => Err(NotServing::Unreadable(error)),
    }
}
