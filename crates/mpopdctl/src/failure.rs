//! What keeps the program from its work, in the words that go to standard error.

use std::fmt;

use config::Faults;

#[derive(Debug)]
pub(crate) enum Failure {
    /// The configuration's: a line `FILE:LINE: KEY: what is wrong` for each fault.
    Faults(Faults),
    /// Anything else, one line: what failed and what to do.
    Other(String),
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self::Faults(faults)
    }
}

impl From<String> for Failure {
    fn from(what: String) -> Self {
        Self::Other(what)
    }
}

impl From<&str> for Failure {
    fn from(what: &str) -> Self {
        Self::Other(what.to_owned())
    }
}

impl From<std::io::Error> for Failure {
    /// Of printing: everything else says what it was about.
    fn from(error: std::io::Error) -> Self {
        Self::Other(format!("cannot print: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Faults(faults) => faults.fmt(f),
            Self::Other(what) => write!(f, "mpopdctl: {what}"),
        }
    }
}
