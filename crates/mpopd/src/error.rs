//! Why mpopd does not start, or does not take over a configuration that it has re-read.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use config::Faults;

use crate::plan::listen::ListenError;
use crate::process::child::TryOutError;

/// Each variant says whose fault it is. Its text goes to standard error or into the log.
#[derive(Debug)]
pub(crate) enum StartError {
    /// The configuration file's: a line `FILE:LINE: KEY: what is wrong` for each error.
    Configuration(Faults),
    /// A setting that is well-formed and cannot be used on this machine.
    Setting(SettingError),
    /// The users or the access rules that the settings name.
    Users(auth::AuthenticatorError),
    /// An address that cannot be listened on.
    Listen(ListenError),
    /// An option of the command line.
    Option { option: &'static str, problem: String },
    /// The program that started mpopd: it passed unusable sockets.
    Caller(String),
    /// The mailbox of `mpopd try`.
    Mailbox(String),
    /// A program of this package, or a process of this daemon, that does not come up.
    Role(String),
    /// The machine: no memory, no descriptors, no processes left.
    System { doing: &'static str, source: io::Error },
}

/// A setting that cannot be used on this machine, what it names and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SettingError {
    setting: &'static str,
    /// The file or folder that the setting names, if the problem is there.
    path: Option<PathBuf>,
    problem: String,
}

impl SettingError {
    /// A problem with the setting itself.
    pub(crate) fn new(setting: &'static str, problem: impl Into<String>) -> Self {
        Self { setting, path: None, problem: problem.into() }
    }

    /// A problem with the file or folder that the setting names.
    pub(crate) fn at(setting: &'static str, path: &Path, problem: impl fmt::Display) -> Self {
        Self { setting, path: Some(path.to_owned()), problem: problem.to_string() }
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{} {}: {}", self.setting, path.display(), self.problem),
            None => write!(f, "{}: {}", self.setting, self.problem),
        }
    }
}

impl StartError {
    /// For `map_err`: the machine failed while mpopd was doing this.
    pub(crate) fn system<E: Into<io::Error>>(doing: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::System { doing, source: error.into() }
    }
}

impl StartError {
    /// The lines for standard error. Those of the configuration already begin with its file.
    pub(crate) fn for_stderr(&self) -> String {
        match self {
            Self::Configuration(faults) => faults.to_string(),
            error => format!("mpopd: {error}"),
        }
    }
}

impl From<Faults> for StartError {
    fn from(faults: Faults) -> Self {
        Self::Configuration(faults)
    }
}

impl From<SettingError> for StartError {
    fn from(error: SettingError) -> Self {
        Self::Setting(error)
    }
}

impl From<ListenError> for StartError {
    fn from(error: ListenError) -> Self {
        Self::Listen(error)
    }
}

impl From<TryOutError> for StartError {
    fn from(error: TryOutError) -> Self {
        Self::Role(error.to_string())
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(faults) => faults.fmt(f),
            Self::Setting(error) => error.fmt(f),
            Self::Users(error) => error.fmt(f),
            Self::Listen(error) => error.fmt(f),
            Self::Option { option, problem } => write!(f, "{option}: {problem}"),
            Self::Caller(problem) | Self::Mailbox(problem) | Self::Role(problem) => f.write_str(problem),
            Self::System { doing, source } => write!(f, "{doing}: {source}"),
        }
    }
}
