//! The states of a session (RFC 1939, section 3), each a type of its own: a command function takes the state that
//! the command is allowed in, so none can run in another.

use crate::enumeration::Enumeration;
use crate::transaction::TransactionState;
use crate::{CloseReason, Request, Shutdown, UserName};

/// The state of a session, as logs and statistics name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nobody is logged in.
    Authorization,
    /// A login is being checked, or a SASL exchange is open.
    Authenticating,
    /// A maildrop is open.
    Transaction,
    /// QUIT was said and the deletions are being carried out.
    Update,
    /// The dialogue is over.
    Closed,
}

pub(crate) enum SessionState<L> {
    Authorization(AuthorizationState),
    /// [`Step::Name`](crate::Step::Name) is not answered yet.
    Naming(AuthenticatingState),
    /// [`Step::Login`](crate::Step::Login) is not answered yet.
    Authenticating(AuthenticatingState),
    /// [`Step::Auth`](crate::Step::Auth) or [`Step::AuthResponse`](crate::Step::AuthResponse) is not answered yet.
    Exchanging(ExchangeState),
    /// The client has a challenge: its next line is a response and never a command.
    Challenged(ExchangeState),
    /// [`Step::StartTls`](crate::Step::StartTls) is not answered yet.
    StartingTls(StartingTlsState),
    /// [`Step::Forward`](crate::Step::Forward) is not answered yet.
    Forwarding(ForwardingState),
    Transaction(TransactionState<L>),
    /// LIST or UIDL is not written to its end yet.
    Enumerating(TransactionState<L>, Enumeration),
    /// [`Step::Send`](crate::Step::Send) is not answered yet.
    Fetching(TransactionState<L>, Request),
    /// The driver has the encoder, and the client is inside a message.
    Sending(TransactionState<L>, Request),
    /// [`Step::Finish`](crate::Step::Finish) is not answered yet.
    Update(UpdateState),
    Closed(ClosedState),
}

/// AUTHORIZATION: nobody is logged in.
#[derive(Default)]
pub(crate) struct AuthorizationState {
    /// The name from USER, until PASS uses it up.
    pub(crate) user: Option<UserName>,
    pub(crate) failed_logins: u32,
}

/// Between PASS and its answer; where unknown users are refused at once, between USER and its answer too.
pub(crate) struct AuthenticatingState {
    pub(crate) user: UserName,
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

/// Between XCLIENT and its answer.
pub(crate) struct ForwardingState {
    pub(crate) failed_logins: u32,
}

/// UPDATE: QUIT was said (RFC 1939, section 6).
pub(crate) struct UpdateState {
    pub(crate) user: UserName,
    /// Messages to be removed.
    pub(crate) marked: u32,
}

/// The end.
pub(crate) struct ClosedState {
    pub(crate) user: Option<UserName>,
    pub(crate) reason: CloseReason,
}

impl<L> SessionState<L> {
    pub(crate) fn phase(&self) -> Phase {
        match self {
            Self::Authorization(_) | Self::StartingTls(_) | Self::Forwarding(_) => Phase::Authorization,
            Self::Naming(_) | Self::Authenticating(_) => Phase::Authenticating,
            Self::Exchanging(_) | Self::Challenged(_) => Phase::Authenticating,
            Self::Transaction(_) | Self::Enumerating(..) | Self::Fetching(..) | Self::Sending(..) => {
                Phase::Transaction
            }
            Self::Update(_) => Phase::Update,
            Self::Closed(_) => Phase::Closed,
        }
    }

    pub(crate) fn user(&self) -> Option<&UserName> {
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

    /// Whether a status line would be taken for something else: inside a multi-line reply for content, inside a handshake
    /// for a part of it.
    pub(crate) fn must_be_silent(&self) -> bool {
        matches!(self, Self::Enumerating(..) | Self::Sending(..) | Self::StartingTls(_))
    }

    pub(crate) fn closed(user: Option<UserName>, reason: CloseReason) -> Self {
        Self::Closed(ClosedState { user, reason })
    }
}

/// What stands in while a state is being changed: should that fail, the session is over.
impl<L> Default for SessionState<L> {
    fn default() -> Self {
        Self::closed(None, CloseReason::ShutDown(Shutdown::Fault))
    }
}
