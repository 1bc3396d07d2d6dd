//! The errors of this program.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use ipc::directory::MOST_WHY;

/// Why a query has no answer. The login fails for now; the text is for the log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum QueryError {
    /// The server or the network fails.
    Unreachable {
        /// The name of the server, without any secret.
        server: String,
        why: String,
    },
    /// The server is too slow.
    Late { server: String, after: Duration },
    /// The server refuses the request: its settings or ours are wrong.
    Rejected { server: String, why: String },
    /// The record of the user on the server is wrong.
    Unusable { server: String, why: String },
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { server, why } => write!(f, "{server} cannot be reached: {why}"),
            Self::Late { server, after } => {
                write!(f, "{server} has not answered after {} s", after.as_secs_f32())
            }
            Self::Rejected { server, why } => {
                write!(f, "{server} rejects the request, check the settings: {why}")
            }
            Self::Unusable { server, why } => {
                write!(f, "what {server} says of the user cannot be used: {why}")
            }
        }
    }
}

impl Error for QueryError {}

/// Why the program does not start: the settings are wrong.
#[derive(Debug)]
pub(crate) enum SettingsError {
    /// This setting is wrong.
    Setting { key: &'static str, why: String },
    /// This file cannot be read.
    File { path: PathBuf, why: String },
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting { key, why } => write!(f, "{key} cannot be used: {why}"),
            Self::File { path, why } => write!(
                f,
                "{} cannot be used: {why} (the user mpopd-directory must be able to read it)",
                path.display()
            ),
        }
    }
}

impl Error for SettingsError {}

/// The text of an error and its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // Some errors contain the text of their cause.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

/// Text for the log: one line without control characters, of bounded length. Errors of a server may quote a
/// client.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::new();
    for c in text.chars() {
        let piece: String = if c.is_control() { c.escape_default().collect() } else { c.into() };
        if line.len() + piece.len() > MOST_WHY / 2 {
            line.push_str("...");
            break;
        }
        line.push_str(&piece);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_stays_one() {
        assert_eq!(one_line("a\nlogin ok\r\u{1b}[1m é"), "a\\nlogin ok\\r\\u{1b}[1m é");
        assert!(one_line(&"é".repeat(5000)).len() <= MOST_WHY);
        assert!(one_line(&"\0".repeat(5000)).len() <= MOST_WHY);
    }
}
