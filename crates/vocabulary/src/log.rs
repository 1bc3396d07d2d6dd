//! What is logged, how and where.

use std::path::PathBuf;

use crate::words::words;

words! {
    /// The least important lines that are still logged.
    LogLevel {
        /// Failures.
        Error = "error",
        /// Events that may need an administrator.
        Warn = "warn",
        /// Logins and logouts.
        Info = "info",
        /// Each step of a session.
        Debug = "debug",
        /// Details for programmers.
        Trace = "trace",
    }

    /// The format of a log line.
    LogFormat {
        /// Text with `key=value` fields.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

/// Where the log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// Nowhere.
    None,
    /// syslog(3).
    Syslog,
    /// The systemd journal.
    Journald,
    /// A file, by its absolute path.
    File(PathBuf),
}
