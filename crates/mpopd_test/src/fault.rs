//! What can go wrong in a session, and whose fault it is.

use std::fmt;
use std::io;

/// One failed session: what happened, where in the dialogue, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Sorts faults in the summary.
    pub(crate) kind: Kind,
    /// One sentence for people.
    pub(crate) text: String,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// The kinds of faults. Their names are stable: `--json` has them as keys.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
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
    /// This machine is out of descriptors or local ports: not the server's fault.
    Local = "local-limit",
    /// Another failure of the network.
    Network = "network",
    /// The TLS handshake failed.
    Tls = "tls",
    /// The server closed the connection where an answer was due.
    Closed = "closed",
    /// The server sent nothing for as long as `--timeout` allows.
    Stalled = "stalled",
    /// A body that stalled or was cut off before its terminator.
    NoTerminator = "no-terminator",
    /// What came is no POP3.
    NotPop3 = "not-pop3",
    /// The greeting was -ERR.
    Greeting = "greeting-refused",
    /// The maildrop is locked by another session.
    InUse = "in-use",
    /// The login was refused for another reason.
    Login = "login-refused",
    /// Another command was answered by -ERR.
    Refusal = "command-refused",
    /// STAT, LIST or UIDL contradict each other or RFC 1939.
    Listing = "bad-listing",
    /// RETR sent more or fewer octets than LIST announced.
    Octets = "wrong-octets",
    /// A line that ends in a bare LF.
    BareLf = "bare-lf",
    /// A line that begins with a dot that is not doubled.
    Stuffing = "bad-dot-stuffing",
    /// The content is that of no message of `--verify`.
    Content = "wrong-content",
    /// A message came more often than it exists.
    Twice = "delivered-twice",
    /// A removed message was listed again.
    CameBack = "came-back",
    /// A message that nobody removed is gone.
    Lost = "lost",
}

impl Fault {
    pub(crate) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// A failure that the operating system reports while `doing`.
    pub(crate) fn io(doing: &str, error: &io::Error) -> Self {
        const EADDRNOTAVAIL: i32 = 99;
        const EMFILE: i32 = 24;
        let (kind, hint) = match (error.kind(), error.raw_os_error()) {
            (io::ErrorKind::ConnectionRefused, _) => (Kind::Refused, ""),
            (_, Some(EADDRNOTAVAIL)) => (
                Kind::Local,
                "; all local ports are in use: fewer sessions a second, or a wider ip_local_port_range",
            ),
            (_, Some(EMFILE)) => (Kind::Local, "; raise `ulimit -n` or use fewer --connections"),
            (
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof,
                _,
            ) => (Kind::Closed, ""),
            _ => (Kind::Network, ""),
        };
        Self::new(kind, format!("{doing}: {error}{hint}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_machine_lacks_is_not_blamed_on_the_server() {
        let kind = |errno| Fault::io("connecting", &io::Error::from_raw_os_error(errno)).kind;
        assert_eq!(kind(24), Kind::Local);
        assert_eq!(kind(99), Kind::Local);
        assert_eq!(kind(111), Kind::Refused);
        assert_eq!(kind(104), Kind::Closed);
        assert_eq!(kind(113), Kind::Network);
    }
}
