//! Why the dialogue refuses a command.

use crate::Verb;
use std::fmt;

/// Why the dialogue refused a command, or a line of a SASL exchange. It is always an error of the client. The
/// text never contains what the client sent, so it cannot reveal a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// There is no such command.
    UnknownCommand,
    /// The line is longer than this number of octets: [`MAX_COMMAND_LINE`](crate::MAX_COMMAND_LINE), or
    /// [`MAX_SASL_LINE`](crate::MAX_SASL_LINE) for AUTH.
    LineTooLong(usize),
    /// The command needs an open maildrop.
    NotBeforeLogin,
    /// The command is for the AUTHORIZATION state only.
    NotAfterLogin,
    /// The command does not take these arguments.
    Usage(Verb),
    /// PASS without USER before it.
    NoUser,
    /// The connection is not encrypted and passwords may not cross it.
    Plaintext,
    /// STLS on a connection that cannot use TLS.
    TlsUnavailable,
    /// STLS under TLS (RFC 2595, section 4).
    TlsActive,
    /// STLS after UTF8 (RFC 6856, section 2.1).
    TlsAfterUtf8,
    /// The client sent more after STLS before it had the reply. This closes the connection.
    AfterStls,
    /// The SASL mechanism is unknown, or not offered on this connection.
    Mechanism,
    /// XCLIENT from a host that is not a trusted proxy.
    NotAProxy,
    /// A SASL response is not base64 (RFC 4648, section 4).
    NotBase64,
    /// The client cancelled a SASL exchange.
    Cancelled,
    /// UTF8 where it is not offered.
    Utf8Unavailable,
    /// LANG with a language that the server does not have.
    NoSuchLanguage,
    /// The message number is too high. The value is the number of messages.
    NoSuchMessage(u32),
    /// The message is marked as deleted.
    Deleted,
}

impl CommandError {
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

    /// Whether this counts as a bad command, see
    /// [`Policy::max_bad_commands`](crate::Policy::max_bad_commands).
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

impl fmt::Display for CommandError {
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
            Self::NotAProxy => f.write_str("XCLIENT is only for trusted proxies"),
            Self::NotBase64 => f.write_str("this is not base64"),
            Self::Cancelled => f.write_str("authentication cancelled"),
            Self::Utf8Unavailable => f.write_str("UTF8 is not offered here"),
            Self::NoSuchLanguage => f.write_str("no such language, LANG without an argument lists them"),
            Self::NoSuchMessage(1) => f.write_str("no such message, the maildrop has 1 message"),
            Self::NoSuchMessage(count) => write!(f, "no such message, the maildrop has {count} messages"),
            Self::Deleted => f.write_str("message is marked as deleted"),
        }
    }
}

impl std::error::Error for CommandError {}
