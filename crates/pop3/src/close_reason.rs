//! Why dialogues end.

/// Why the driver ends a dialogue, see [`Dialogue::shut_down`](crate::Dialogue::shut_down).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// The server is stopping or reloading its configuration.
    Stopping,
    /// An administrator ended the session.
    Kicked,
    /// Too many connections; sent in place of the greeting.
    Busy,
    /// The server failed, for instance because it lost the maildrop.
    ServerError,
    /// The client was silent for too long, or did not log in in time. Nothing is sent (RFC 1939, section 3).
    Timeout,
    /// The client closed the connection. Nothing can be sent.
    ClientGone,
}

impl Shutdown {
    /// The English text of the last -ERR, if one is sent.
    pub(crate) fn text(self) -> Option<&'static str> {
        match self {
            Self::Stopping => Some("the server is shutting down, closing"),
            Self::Kicked => Some("the session was ended by the administrator, closing"),
            Self::Busy => Some("too many connections, try again later, closing"),
            Self::ServerError => Some("the server has a problem, try again later, closing"),
            Self::Timeout | Self::ClientGone => None,
        }
    }
}

/// Why a dialogue is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The client sent QUIT and has its reply.
    Quit,
    /// The client reached [`Policy::max_bad_commands`](crate::Policy::max_bad_commands).
    BadCommands,
    /// The client reached [`Policy::max_failed_logins`](crate::Policy::max_failed_logins).
    FailedLogins,
    /// The client sent plaintext after STLS without waiting for the reply.
    AfterStls,
    /// The driver called [`Dialogue::shut_down`](crate::Dialogue::shut_down).
    ShutDown(Shutdown),
}

impl CloseReason {
    /// The `reason` in the log line `logout`: quit, closed, timeout, shutdown, kicked or error.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quit => "quit",
            Self::BadCommands | Self::FailedLogins | Self::AfterStls => "error",
            Self::ShutDown(Shutdown::Busy | Shutdown::ServerError) => "error",
            Self::ShutDown(Shutdown::Stopping) => "shutdown",
            Self::ShutDown(Shutdown::Kicked) => "kicked",
            Self::ShutDown(Shutdown::Timeout) => "timeout",
            Self::ShutDown(Shutdown::ClientGone) => "closed",
        }
    }
}
