//! Why dialogues end.

/// Why the driver ends a dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// The server stops or reads its configuration anew.
    Stopping,
    /// An administrator ended the session.
    Kicked,
    /// Too many connections, said in place of the greeting.
    Busy,
    /// The maildrop was lost, or the server failed otherwise.
    Fault,
    /// The client was silent too long, or did not log in in time. Nothing is sent (RFC 1939, section 3).
    Timeout,
    /// The client closed the connection. Nothing can be sent.
    ClientGone,
}

impl Shutdown {
    /// The text of the last -ERR, if one is sent.
    pub(crate) fn text(self) -> Option<&'static str> {
        match self {
            Self::Stopping => Some("the server is shutting down, closing"),
            Self::Kicked => Some("the session was ended by the administrator, closing"),
            Self::Busy => Some("too many connections, try again later, closing"),
            Self::Fault => Some("the server has a problem, try again later, closing"),
            Self::Timeout | Self::ClientGone => None,
        }
    }
}

/// Why a dialogue is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The client said QUIT and was answered.
    Quit,
    /// [`Policy::max_bad_commands`](crate::Policy::max_bad_commands) were reached.
    BadCommands,
    /// [`Policy::max_failed_logins`](crate::Policy::max_failed_logins) were reached.
    FailedLogins,
    /// The client sent more behind STLS, in the clear.
    AfterStls,
    /// The driver called [`Dialogue::shut_down`](crate::Dialogue::shut_down).
    ShutDown(Shutdown),
}

impl CloseReason {
    /// The `reason` of the log line `logout`: quit, closed, timeout, shutdown, kicked or error.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quit => "quit",
            Self::BadCommands | Self::FailedLogins | Self::AfterStls => "error",
            Self::ShutDown(Shutdown::Busy | Shutdown::Fault) => "error",
            Self::ShutDown(Shutdown::Stopping) => "shutdown",
            Self::ShutDown(Shutdown::Kicked) => "kicked",
            Self::ShutDown(Shutdown::Timeout) => "timeout",
            Self::ShutDown(Shutdown::ClientGone) => "closed",
        }
    }
}
