//! What replies say, whatever the language.

use crate::{MessageFault, MessageNumber, Refusal, Shutdown};

/// What a reply says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ReplyText {
    /// The replies are in this language from here on.
    ThisLanguage,
    Languages,
    SendPassword,
    Mechanisms,
    Capabilities,
    BeginTls,
    /// A proxy has said for whom it speaks.
    Forwarded,
    Utf8Mode,
    /// What there is after a login, and after RSET.
    Maildrop {
        messages: u32,
        octets: u64,
    },
    /// What LIST lists.
    Messages {
        messages: u32,
        octets: u64,
    },
    Identifiers,
    /// The octets of the message that follows. Some clients read the number, so it comes first.
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
    Refused(Refusal),
    WrongCredentials,
    HostNotAllowed,
    MaildropInUse,
    LoginTooSoon,
    TooManySessions,
    NoLoginNow,
    MaildropUnusable,
    NotSent(MessageFault),
    Closing(Shutdown),
}
