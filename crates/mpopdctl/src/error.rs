//! The errors of the program, as it prints them on standard error.

use std::{fmt, io};

use config::Faults;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum CtlError {
    /// The configuration is wrong. Displays as a line `FILE:LINE: KEY: what is wrong` for each error.
    Faults(Faults),
    /// The output cannot be written.
    Print(io::Error),
    /// Any other error in one line: what failed, and what to do.
    Other(String),
}

impl From<Faults> for CtlError {
    fn from(faults: Faults) -> Self {
        Self::Faults(faults)
    }
}

impl From<String> for CtlError {
    fn from(what: String) -> Self {
        Self::Other(what)
    }
}

impl From<&str> for CtlError {
    fn from(what: &str) -> Self {
        Self::Other(what.to_owned())
    }
}

impl From<io::Error> for CtlError {
    /// Only for errors of printing. Others need the name of what failed.
    fn from(error: io::Error) -> Self {
        Self::Print(error)
    }
}

impl fmt::Display for CtlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Faults(faults) => faults.fmt(f),
            Self::Print(error) => write!(f, "mpopdctl: cannot print: {error}"),
            Self::Other(what) => write!(f, "mpopdctl: {what}"),
        }
    }
}
