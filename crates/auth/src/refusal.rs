//! Why a login fails.

use std::fmt;

/// Why a login was refused. For the log: the client is told no more than that it failed, or that it may try later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The user is known, the password wrong.
    Password,
    /// There is no such user, or what came is no user name at all.
    UnknownUser,
    /// The user is known, and may not log in.
    Disabled,
    /// This host may not connect.
    DeniedHost,
    /// The client's address has no host name that leads back to it.
    ReverseLookup,
    /// It could not be found out, or the account is not usable. The text says why, for the administrator; it names file and
    /// user but no password. The client gets `[SYS/TEMP]`.
    Temporary(String),
}

impl Refusal {
    /// The word behind `reason=` in the log line (INTERFACE section 5).
    pub fn word(&self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::UnknownUser => "unknown-user",
            Self::Disabled => "disabled",
            Self::DeniedHost => "denied-host",
            Self::ReverseLookup => "reverse-lookup",
            Self::Temporary(_) => "temporary",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Temporary(why) => write!(f, "temporary: {why}"),
            other => f.write_str(other.word()),
        }
    }
}

impl std::error::Error for Refusal {}
