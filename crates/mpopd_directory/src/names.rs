//! The names of a user in queries and filters.

use config::QueryPart;
use ipc::directory::LookupName;

/// One of the names of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameKind {
    User,
    LocalPart,
    Domain,
}

impl NameKind {
    /// `None` for literal text.
    pub(crate) fn of(piece: &QueryPart) -> Option<Self> {
        match piece {
            QueryPart::Literal(_) => None,
            QueryPart::User => Some(Self::User),
            QueryPart::LocalPart => Some(Self::LocalPart),
            QueryPart::Domain => Some(Self::Domain),
        }
    }

    /// The name itself; `None` for the domain of a user without one.
    pub(crate) fn in_name(self, name: &LookupName) -> Option<&str> {
        match self {
            Self::User => Some(&name.user),
            Self::LocalPart => Some(&name.local_part),
            Self::Domain => name.domain.as_deref(),
        }
    }
}
