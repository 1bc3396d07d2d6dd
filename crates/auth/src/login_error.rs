//! Why a login fails, with what only the administrator may know of it.

use std::fmt;

use vocabulary::LoginFailure;

/// Why a login was refused. The client learns less: that it failed, or that it may try again later.
///
/// Only a temporary failure carries a detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginError {
    failure: LoginFailure,
    detail: Option<String>,
}

impl LoginError {
    /// A login that cannot be decided now, or whose account is unusable. `detail` tells the administrator
    /// why: it names the file and the user, never a password. The client gets `[SYS/TEMP]`.
    pub(crate) fn temporary(detail: impl Into<String>) -> Self {
        Self { failure: LoginFailure::Temporary, detail: Some(detail.into()) }
    }

    /// The reason, for the log.
    pub fn failure(&self) -> LoginFailure {
        self.failure
    }

    /// What the administrator should know beyond that, if anything.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }
}

impl From<LoginFailure> for LoginError {
    fn from(failure: LoginFailure) -> Self {
        Self { failure, detail: None }
    }
}

impl fmt::Display for LoginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            Some(detail) => write!(f, "{}: {detail}", self.failure),
            None => self.failure.fmt(f),
        }
    }
}

impl std::error::Error for LoginError {}
