//! What can go wrong in a session, and who is to blame.

use std::fmt;
use std::io;

/// A failed session: what happened, where in the dialogue, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionFailure {
    /// The heading in the summary.
    pub(crate) kind: FailureKind,
    /// A sentence for people.
    pub(crate) text: String,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// The kinds of failures. Their names are stable, since `--json` has them as keys.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum FailureKind { $($(#[$doc])* $kind,)* }

        impl FailureKind {
            /// The name in reports.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }
        }
    };
}

kinds! {
    /// Nothing listens there.
    Refused = "connection-refused",
    /// This machine is out of descriptors or local ports, which is not the server's fault.
    Local = "local-limit",
    /// Another failure of the network.
    Network = "network",
    /// The TLS handshake failed.
    Tls = "tls",
    /// The server closed the connection where a reply was due.
    Closed = "closed",
    /// The server was silent for longer than `--timeout` allows.
    Stalled = "stalled",
    /// A body stalled or was cut off before its terminator.
    NoTerminator = "no-terminator",
    /// What arrived is not POP3.
    NotPop3 = "not-pop3",
    /// The greeting was -ERR.
    Greeting = "greeting-refused",
    /// The maildrop is locked by another session.
    InUse = "in-use",
    /// The login was refused for another reason.
    Login = "login-refused",
    /// Another command was refused.
    Refusal = "command-refused",
    /// STAT, LIST or UIDL contradict each other or RFC 1939.
    Listing = "bad-listing",
    /// RETR sent more or fewer octets than LIST announced.
    Octets = "wrong-octets",
    /// A line ends in a bare LF.
    BareLf = "bare-lf",
    /// A line begins with a dot that is not doubled.
    Stuffing = "bad-dot-stuffing",
    /// The content is not that of any message of `--verify`.
    Content = "wrong-content",
    /// A message was delivered more often than it exists.
    Twice = "delivered-twice",
    /// A removed message was listed again.
    CameBack = "came-back",
    /// A message is gone that no session removed.
    Lost = "lost",
}

impl SessionFailure {
    pub(crate) fn new(kind: FailureKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// The same, with what it is about in front.
    pub(crate) fn prefixed(self, about: impl fmt::Display) -> Self {
        Self { kind: self.kind, text: format!("{about}: {}", self.text) }
    }

    /// A failure that the operating system reports while `doing` something.
    pub(crate) fn io(doing: &str, error: &io::Error) -> Self {
        const EADDRNOTAVAIL: i32 = 99;
        const EMFILE: i32 = 24;
        let (kind, hint) = match (error.kind(), error.raw_os_error()) {
            (io::ErrorKind::ConnectionRefused, _) => (FailureKind::Refused, ""),
            (_, Some(EADDRNOTAVAIL)) => (
                FailureKind::Local,
                "; all local ports are in use: fewer sessions a second, or a wider ip_local_port_range",
            ),
            (_, Some(EMFILE)) => (FailureKind::Local, "; raise `ulimit -n` or use fewer --connections"),
            (
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof,
                _,
            ) => (FailureKind::Closed, ""),
            _ => (FailureKind::Network, ""),
        };
        Self::new(kind, format!("{doing}: {error}{hint}"))
    }
}

impl fmt::Display for SessionFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_machine_lacks_is_not_blamed_on_the_server() {
        let kind = |errno| SessionFailure::io("connecting", &io::Error::from_raw_os_error(errno)).kind;
        assert_eq!(kind(24), FailureKind::Local);
        assert_eq!(kind(99), FailureKind::Local);
        assert_eq!(kind(111), FailureKind::Refused);
        assert_eq!(kind(104), FailureKind::Closed);
        assert_eq!(kind(113), FailureKind::Network);
    }
}
