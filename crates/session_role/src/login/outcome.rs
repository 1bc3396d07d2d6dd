//! The result of a login attempt.

use ipc::Listing;
use ipc::login::Refused;
use ipc::socket::MessageSocket;
use vocabulary::LoginFailure;

use crate::maildrop::OpenMail;

/// The result of a login attempt, or of one step of it.
pub(crate) enum LoginOutcome {
    /// Auth refused it.
    Refused(Refused),
    /// There is such a user.
    Known,
    /// The client must answer this challenge. [`PendingLogins::respond`](super::PendingLogins::respond)
    /// continues the exchange.
    Challenge(Vec<u8>, PendingExchange),
    /// Auth accepted it, but the maildrop cannot be opened.
    MaildropUnavailable {
        /// The user's name, as auth determined it.
        user: String,
        why: LoginFailure,
    },
    /// The maildrop is open, and this is the listing of its messages.
    Opened(OpenMail, Listing),
}

impl LoginOutcome {
    /// The login failed for a reason that has nothing to do with the user, who is unknown.
    pub(crate) fn temporary_failure() -> Self {
        Self::Refused(Refused { why: LoginFailure::Temporary, user: Vec::new() })
    }

    /// Its name in the log.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Known => "known",
            Self::Challenge(..) => "challenge",
            Self::MaildropUnavailable { .. } => "maildrop-unavailable",
            Self::Opened(..) => "opened",
        }
    }
}

/// A SASL exchange in progress. Dropping it ends it.
pub(crate) struct PendingExchange {
    /// To the auth process that conducts it.
    pub(super) channel: MessageSocket,
    /// The number of the login.
    pub(super) number: u64,
}
