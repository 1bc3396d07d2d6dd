//! What the log role is told when it starts.

use std::os::fd::OwnedFd;

use vocabulary::{LogFormat, LogLevel, LogTarget};

/// How the log is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where it goes.
    pub target: LogTarget,
    /// The least important lines that are logged.
    pub level: LogLevel,
    /// The form of a line in a file, on standard error and in syslog. The journal gets fields.
    pub format: LogFormat,
    /// Whether standard error gets every line, too.
    pub stderr: bool,
}

impl Settings {
    /// The least important lines that are read anywhere; `None` if no line is.
    pub fn level(&self) -> Option<LogLevel> {
        (self.stderr || self.target != LogTarget::None).then_some(self.level)
    }
}

/// The ends of the channels that this role has.
pub struct Channels<'a> {
    /// The lines of all roles.
    pub lines: &'a OwnedFd,
    /// From the supervisor.
    pub orders: &'a OwnedFd,
}
