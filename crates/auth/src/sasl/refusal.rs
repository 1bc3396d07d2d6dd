//! Failed exchanges.

use crate::login_error::LoginError;

/// The most octets that are kept of a claimed name. No user name is longer.
const MOST_CLAIMED: usize = 255;

/// The failure of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaslRefusal {
    /// The name that the client claimed, if known, for the log: any octets, at most 255.
    pub user: Vec<u8>,
    /// Why it failed.
    pub error: LoginError,
}

impl SaslRefusal {
    pub(super) fn new(user: &[u8], error: impl Into<LoginError>) -> Self {
        Self { user: claimed(user), error: error.into() }
    }

    /// The refusal of a message that names no user.
    pub(super) fn unnamed(error: impl Into<LoginError>) -> Self {
        Self::new(b"", error)
    }
}

/// A claimed name, cut off at [`MOST_CLAIMED`].
pub(super) fn claimed(name: &[u8]) -> Vec<u8> {
    name.get(..MOST_CLAIMED).unwrap_or(name).to_vec()
}
