//! The names that a pattern is filled with.

use config::QueryPart;
use ipc::directory::LookupName;

/// Which of a user's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    User,
    LocalPart,
    Domain,
}

impl Which {
    /// `None` for literal text.
    pub(crate) fn of(piece: &QueryPart) -> Option<Self> {
        match piece {
            QueryPart::Literal(_) => None,
            QueryPart::User => Some(Self::User),
            QueryPart::LocalPart => Some(Self::LocalPart),
            QueryPart::Domain => Some(Self::Domain),
        }
    }

    /// The name itself; none for the domain of a user without one.
    pub(crate) fn in_name(self, name: &LookupName) -> Option<&str> {
        match self {
            Self::User => Some(&name.user),
            Self::LocalPart => Some(&name.local_part),
            Self::Domain => name.domain.as_deref(),
        }
    }
}
