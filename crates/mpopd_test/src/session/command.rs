//! The commands of a session.

use std::fmt;

use crate::measure::TimedPhase;

/// One command that a session sends, with its message number from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionCommand {
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

impl SessionCommand {
    /// The phase that its time counts for. USER and PASS are one phase, the login.
    pub(crate) fn phase(self) -> Option<TimedPhase> {
        match self {
            Self::Stls | Self::User => None,
            Self::Pass => Some(TimedPhase::Login),
            Self::Stat => Some(TimedPhase::Stat),
            Self::List => Some(TimedPhase::List),
            Self::Uidl => Some(TimedPhase::Uidl),
            Self::Retr(_) => Some(TimedPhase::Retr),
            Self::Dele(_) => Some(TimedPhase::Dele),
            Self::Quit => Some(TimedPhase::Quit),
        }
    }
}

impl fmt::Display for SessionCommand {
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
