//! Why there is no report.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why there is no report.
#[derive(Debug)]
pub(crate) enum Error {
    /// The configuration has errors.
    Config(config::Faults),
    /// This is not a user name; the reason comes second.
    UserName(String, config::BadPart),
    /// This user has no log in this folder.
    NoLog(String, PathBuf),
    /// The folder of the users' logs cannot be read.
    Folder(PathBuf, io::Error),
    /// A log cannot be read.
    Log(PathBuf, io::Error),
    /// The page cannot be written.
    Page(PathBuf, io::Error),
    /// The report cannot be written as JSON.
    Json(serde_json::Error),
    /// Standard output cannot be written.
    Output(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(faults) => faults.fmt(f),
            Self::UserName(name, why) => write!(f, "{name:?} is no user name: {why}"),
            Self::NoLog(name, folder) => write!(
                f,
                "there is no log of {name} in {}; [user_log] in mpopd.conf makes one",
                folder.display()
            ),
            Self::Folder(folder, error) => write!(f, "user_log_dir {}: {error}", folder.display()),
            Self::Log(log, error) => write!(f, "{}: {error}", log.display()),
            Self::Page(file, error) => write!(f, "--html {}: {error}", file.display()),
            Self::Json(error) => write!(f, "--json: {error}"),
            Self::Output(error) => write!(f, "standard output: {error}"),
        }
    }
}

impl std::error::Error for Error {}
