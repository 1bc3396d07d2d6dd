//! The states of a session (RFC 1939, section 3). Each is a type of its own, and the function of a command
//! takes the state in which the command is allowed, so no command can run in another one.

use crate::enumeration::Enumeration;
use crate::transaction::TransactionState;
use crate::{CloseReason, FetchRequest, LoginName, Shutdown};

/// The state of a session, for logs and statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionPhase {
    /// Nobody is logged in.
    Authorization,
    /// A login is being checked, or a SASL exchange is under way.
    Authenticating,
    /// A maildrop is open.
    Transaction,
    /// The client has sent QUIT, and the marked messages are being removed.
    Update,
    /// The dialogue is over.
    Closed,
}

pub(crate) enum SessionState<L> {
    Authorization(AuthorizationState),
    /// Waits for the answer to [`Step::LookUpUser`](crate::Step::LookUpUser).
    Naming(AuthenticatingState),
    /// Waits for the answer to [`Step::Login`](crate::Step::Login).
    Authenticating(AuthenticatingState),
    /// Waits for the answer to [`Step::Auth`](crate::Step::Auth) or
    /// [`Step::AuthResponse`](crate::Step::AuthResponse).
    Exchanging(ExchangeState),
    /// The client has a challenge, so its next line is a response, never a command.
    Challenged(ExchangeState),
    /// Waits for the answer to [`Step::StartTls`](crate::Step::StartTls).
    StartingTls(StartingTlsState),
    /// Waits for the answer to [`Step::Forward`](crate::Step::Forward).
    Forwarding(ForwardingState),
    Transaction(TransactionState<L>),
    /// Part of LIST or UIDL is still to be written.
    Enumerating(TransactionState<L>, Enumeration),
    /// Waits for the answer to [`Step::Fetch`](crate::Step::Fetch).
    Fetching(TransactionState<L>, FetchRequest),
    /// The driver has the encoder, and the client is in the middle of a message.
    Sending(TransactionState<L>, FetchRequest),
    /// Waits for the answer to [`Step::Finish`](crate::Step::Finish).
    Update(UpdateState),
    Closed(ClosedState),
}

/// AUTHORIZATION: nobody is logged in.
#[derive(Default)]
pub(crate) struct AuthorizationState {
    /// The name from USER, until PASS consumes it.
    pub(crate) user: Option<LoginName>,
    pub(crate) failed_logins: u32,
}

/// Between PASS and the result of the check. Also between USER and its reply if unknown users are refused at
/// USER.
pub(crate) struct AuthenticatingState {
    pub(crate) user: LoginName,
    pub(crate) failed_logins: u32,
}

/// Between AUTH and the end of the exchange.
pub(crate) struct ExchangeState {
    pub(crate) mechanism: &'static str,
    pub(crate) failed_logins: u32,
}

/// Between STLS and the end of the handshake.
pub(crate) struct StartingTlsState {
    pub(crate) failed_logins: u32,
}

/// Between XCLIENT and its reply.
pub(crate) struct ForwardingState {
    pub(crate) failed_logins: u32,
}

/// UPDATE: the client has sent QUIT (RFC 1939, section 6).
pub(crate) struct UpdateState {
    pub(crate) user: LoginName,
    /// Number of messages to remove.
    pub(crate) marked: u32,
}

/// The dialogue is over.
pub(crate) struct ClosedState {
    pub(crate) user: Option<LoginName>,
    pub(crate) reason: CloseReason,
}

impl<L> SessionState<L> {
    pub(crate) fn phase(&self) -> SessionPhase {
        match self {
            Self::Authorization(_) | Self::StartingTls(_) | Self::Forwarding(_) => {
                SessionPhase::Authorization
            }
            Self::Naming(_) | Self::Authenticating(_) => SessionPhase::Authenticating,
            Self::Exchanging(_) | Self::Challenged(_) => SessionPhase::Authenticating,
            Self::Transaction(_) | Self::Enumerating(..) | Self::Fetching(..) | Self::Sending(..) => {
                SessionPhase::Transaction
            }
            Self::Update(_) => SessionPhase::Update,
            Self::Closed(_) => SessionPhase::Closed,
        }
    }

    pub(crate) fn user(&self) -> Option<&LoginName> {
        match self {
            Self::Authorization(at) => at.user.as_ref(),
            Self::Naming(at) | Self::Authenticating(at) => Some(&at.user),
            Self::Exchanging(_) | Self::Challenged(_) => None,
            Self::StartingTls(_) | Self::Forwarding(_) => None,
            Self::Transaction(at) | Self::Enumerating(at, _) => Some(&at.user),
            Self::Fetching(at, _) | Self::Sending(at, _) => Some(&at.user),
            Self::Update(at) => Some(&at.user),
            Self::Closed(at) => at.user.as_ref(),
        }
    }

    pub(crate) fn listing(&self) -> Option<&L> {
        match self {
            Self::Transaction(at) | Self::Enumerating(at, _) => Some(&at.listing),
            Self::Fetching(at, _) | Self::Sending(at, _) => Some(&at.listing),
            Self::Authorization(_) | Self::Naming(_) => None,
            Self::Authenticating(_) | Self::StartingTls(_) | Self::Forwarding(_) => None,
            Self::Exchanging(_) | Self::Challenged(_) | Self::Update(_) | Self::Closed(_) => None,
        }
    }

    /// Whether the client would take a status line for something else: for content inside a multi-line reply,
    /// or for a part of the TLS handshake.
    pub(crate) fn must_be_silent(&self) -> bool {
        matches!(self, Self::Enumerating(..) | Self::Sending(..) | Self::StartingTls(_))
    }

    pub(crate) fn closed(user: Option<LoginName>, reason: CloseReason) -> Self {
        Self::Closed(ClosedState { user, reason })
    }
}

/// A placeholder during a change of state. If it is ever left in place, the session is over.
impl<L> Default for SessionState<L> {
    fn default() -> Self {
        Self::closed(None, CloseReason::ShutDown(Shutdown::ServerError))
    }
}
