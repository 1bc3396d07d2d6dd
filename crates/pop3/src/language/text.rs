//! What replies say, independent of the language.

use crate::{CommandError, MessageError, MessageNumber, Shutdown};

/// What a reply says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ReplyText {
    /// Replies are in this language from now on.
    ThisLanguage,
    Languages,
    SendPassword,
    Mechanisms,
    Capabilities,
    BeginTls,
    /// A proxy has named its client.
    Forwarded,
    Utf8Mode,
    /// The size of the maildrop, after a login and after RSET.
    Maildrop {
        messages: u32,
        octets: u64,
    },
    /// The size of what LIST lists.
    Messages {
        messages: u32,
        octets: u64,
    },
    Identifiers,
    /// The size of the message that follows. Some clients read the number, so it must come first.
    Octets(u64),
    TopOfMessage,
    Marked(MessageNumber),
    NothingDone,
    Goodbye,
    Removed(u32),
    PartlyRemoved {
        removed: u32,
        marked: u32,
    },
    NotUpdated,
    TooManyBadCommands,
    Refused(CommandError),
    WrongCredentials,
    HostNotAllowed,
    MaildropInUse,
    LoginTooSoon,
    TooManySessions,
    NoLoginNow,
    MaildropUnusable,
    NotSent(MessageError),
    Closing(Shutdown),
}
