//! The names that a pattern is filled with.

use config::PatternPiece;
use ipc::directory::Name;

/// Which of a user's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    User,
    LocalPart,
    Domain,
}

impl Which {
    /// `None` for literal text.
    pub(crate) fn of(piece: &PatternPiece) -> Option<Self> {
        match piece {
            PatternPiece::Literal(_) => None,
            PatternPiece::User => Some(Self::User),
            PatternPiece::LocalPart => Some(Self::LocalPart),
            PatternPiece::Domain => Some(Self::Domain),
        }
    }

    /// The name itself; none for the domain of a user without one.
    pub(crate) fn in_name(self, name: &Name) -> Option<&str> {
        match self {
            Self::User => Some(&name.user),
            Self::LocalPart => Some(&name.local_part),
            Self::Domain => name.domain.as_deref(),
        }
    }
}
