//! The commands of a session.

use std::fmt;

use crate::measure::Phase;

/// One command that a session sends, with its message number from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Stls,
    User,
    Pass,
    Stat,
    List,
    Uidl,
    Retr(u32),
    Dele(u32),
    Quit,
}

impl Command {
    /// What its time is counted as. USER and PASS are one thing: the login.
    pub(crate) fn phase(self) -> Option<Phase> {
        match self {
            Self::Stls | Self::User => None,
            Self::Pass => Some(Phase::Login),
            Self::Stat => Some(Phase::Stat),
            Self::List => Some(Phase::List),
            Self::Uidl => Some(Phase::Uidl),
            Self::Retr(_) => Some(Phase::Retr),
            Self::Dele(_) => Some(Phase::Dele),
            Self::Quit => Some(Phase::Quit),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stls => f.write_str("STLS"),
            Self::User => f.write_str("USER"),
            Self::Pass => f.write_str("PASS"),
            Self::Stat => f.write_str("STAT"),
            Self::List => f.write_str("LIST"),
            Self::Uidl => f.write_str("UIDL"),
            Self::Retr(number) => write!(f, "RETR {number}"),
            Self::Dele(number) => write!(f, "DELE {number}"),
            Self::Quit => f.write_str("QUIT"),
        }
    }
}
