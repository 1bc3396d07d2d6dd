//! Why the dialogue refuses a command.

use crate::Verb;
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
