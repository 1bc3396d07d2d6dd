//! Everything a client can be told with -ERR, and why connections end.

use crate::{ResponseCode, Verb};
use std::fmt;

/// Why a command, or a line of a SASL exchange, was refused by the dialogue itself. Always the client's fault. The text never holds what the client
/// sent, so that no password can come back in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The keyword is none of ours.
    UnknownCommand,
    /// The line is longer than so many octets: [`MAX_COMMAND_LINE`](crate::MAX_COMMAND_LINE), or for AUTH
    /// [`MAX_SASL_LINE`](crate::MAX_SASL_LINE).
    LineTooLong(usize),
    /// The command needs an opened maildrop.
    NotBeforeLogin,
    /// The command is for the AUTHORIZATION state only.
    NotAfterLogin,
    /// The arguments are not those of this command.
    Usage(Verb),
    /// PASS without USER before it.
    NoUser,
    /// The connection is not encrypted and passwords may not cross it.
    Plaintext,
    /// STLS where there is no TLS.
    TlsUnavailable,
    /// STLS under TLS (RFC 2595, section 4).
    TlsActive,
    /// STLS after UTF8 (RFC 6856, section 2.1).
    TlsAfterUtf8,
    /// More came behind STLS before it was answered. This closes the connection.
    AfterStls,
    /// The SASL mechanism is unknown, or not offered on this connection.
    Mechanism,
    /// XCLIENT from somebody who is not believed to speak for others.
    NotAProxy,
    /// A SASL response is not base64 as RFC 4648, section 4, has it.
    NotBase64,
    /// The client ended a SASL exchange itself.
    Cancelled,
    /// UTF8 where it is not offered.
    Utf8Unavailable,
    /// LANG with a language that we do not speak.
    NoSuchLanguage,
    /// The number is above the number of messages, which is given.
    NoSuchMessage(u32),
    /// The message is marked as deleted.
    Deleted,
}

impl Refusal {
    /// One of each kind.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 21] = [
        Self::UnknownCommand,
        Self::LineTooLong(255),
        Self::NotBeforeLogin,
        Self::NotAfterLogin,
        Self::Usage(Verb::User),
        Self::NoUser,
        Self::Plaintext,
        Self::TlsUnavailable,
        Self::TlsActive,
        Self::TlsAfterUtf8,
        Self::AfterStls,
        Self::Mechanism,
        Self::NotAProxy,
        Self::NotBase64,
        Self::Cancelled,
        Self::Utf8Unavailable,
        Self::NoSuchLanguage,
        Self::NoSuchMessage(0),
        Self::NoSuchMessage(1),
        Self::NoSuchMessage(2),
        Self::Deleted,
    ];

    /// Whether the command was bad: not understood, or out of place. Such commands in a row close the connection.
    pub fn is_bad_command(self) -> bool {
        match self {
            Self::UnknownCommand | Self::LineTooLong(_) | Self::NotBeforeLogin | Self::NotAfterLogin => true,
            Self::Usage(_) | Self::NoUser | Self::TlsUnavailable | Self::TlsActive | Self::AfterStls => true,
            Self::Mechanism
            | Self::NotBase64
            | Self::NotAProxy
            | Self::TlsAfterUtf8
            | Self::Utf8Unavailable => true,
            Self::NoSuchLanguage
            | Self::Plaintext
            | Self::Cancelled
            | Self::NoSuchMessage(_)
            | Self::Deleted => false,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCommand => f.write_str("unknown command"),
            Self::LineTooLong(limit) => write!(f, "line longer than {limit} octets"),
            Self::NotBeforeLogin => f.write_str("log in first"),
            Self::NotAfterLogin => f.write_str("already logged in"),
            Self::Usage(verb) => write!(f, "usage: {}", verb.usage()),
            Self::NoUser => f.write_str("USER comes before PASS"),
            Self::Plaintext => f.write_str("plaintext login is not allowed here, use TLS"),
            Self::TlsUnavailable => f.write_str("TLS is not available"),
            Self::TlsActive => f.write_str("TLS is active already"),
            Self::TlsAfterUtf8 => f.write_str("STLS comes before UTF8"),
            Self::AfterStls => f.write_str("nothing may follow STLS before its answer, closing"),
            Self::Mechanism => {
                f.write_str("this mechanism is not offered here, AUTH alone lists those that are")
            }
            Self::NotAProxy => f.write_str("XCLIENT is for proxies that this server knows"),
            Self::NotBase64 => f.write_str("this is not base64"),
            Self::Cancelled => f.write_str("authentication cancelled"),
            Self::Utf8Unavailable => f.write_str("UTF8 is not offered here"),
            Self::NoSuchLanguage => {
                f.write_str("no such language here, LANG alone lists those that there are")
            }
            Self::NoSuchMessage(1) => f.write_str("no such message, the maildrop has 1 message"),
            Self::NoSuchMessage(count) => write!(f, "no such message, the maildrop has {count} messages"),
            Self::Deleted => f.write_str("message is marked as deleted"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Why a message that is listed cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageFault {
    /// It was removed by somebody else during the session.
    Gone,
    /// It cannot be read now: `[SYS/TEMP]`.
    Temporary,
    /// It cannot be read until somebody mends it: `[SYS/PERM]`.
    Permanent,
}

impl MessageFault {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 3] = [Self::Gone, Self::Temporary, Self::Permanent];

    /// The response code of the reply.
    pub fn code(self) -> Option<ResponseCode> {
        match self {
            Self::Gone => None,
            Self::Temporary => Some(ResponseCode::SysTemp),
            Self::Permanent => Some(ResponseCode::SysPerm),
        }
    }
}

impl fmt::Display for MessageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "the message was removed from the maildrop by another program",
            Self::Temporary => "the message cannot be read now, try again later",
            Self::Permanent => "the message cannot be read, ask the administrator of the maildrop",
        })
    }
}

impl std::error::Error for MessageFault {}

/// What came of the deletions at QUIT (RFC 1939, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// All marked messages are removed and the maildrop is released: `+OK`.
    Done,
    /// Only some are removed: `-ERR`.
    Partial {
        /// How many messages are removed.
        removed: u32,
    },
    /// None is removed, for instance because the mailbox changed under us: `-ERR`.
    Failed,
}

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
