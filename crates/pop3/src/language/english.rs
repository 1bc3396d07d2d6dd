//! English. The log uses the same texts for refused commands.

use super::text::ReplyText;
use std::fmt::{self, Display as _};

pub(super) fn write(text: ReplyText, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match text {
        ReplyText::ThisLanguage => f.write_str("the language is English"),
        ReplyText::Languages => f.write_str("list of languages follows"),
        ReplyText::SendPassword => f.write_str("send the password"),
        ReplyText::Mechanisms => f.write_str("list of SASL mechanisms follows"),
        ReplyText::Capabilities => f.write_str("capability list follows"),
        ReplyText::BeginTls => f.write_str("begin TLS"),
        ReplyText::Forwarded => f.write_str("the connection is now that of this client"),
        ReplyText::Utf8Mode => f.write_str("messages are sent in UTF-8"),
        ReplyText::Maildrop { messages, octets } => {
            write!(f, "maildrop has {messages} messages ({octets} octets)")
        }
        ReplyText::Messages { messages, octets } => write!(f, "{messages} messages ({octets} octets)"),
        ReplyText::Identifiers => f.write_str("unique-id listing follows"),
        ReplyText::Octets(octets) => write!(f, "{octets} octets"),
        ReplyText::TopOfMessage => f.write_str("top of message follows"),
        ReplyText::Marked(message) => write!(f, "message {message} marked as deleted"),
        ReplyText::NothingDone => f.write_str("nothing done"),
        ReplyText::Goodbye => f.write_str("goodbye"),
        ReplyText::Removed(messages) => write!(f, "{messages} messages removed, goodbye"),
        ReplyText::PartlyRemoved { removed, marked } => {
            write!(f, "some deleted messages not removed, only {removed} of {marked}")
        }
        ReplyText::NotUpdated => f.write_str("the maildrop could not be updated, no messages removed"),
        ReplyText::TooManyBadCommands => f.write_str("too many bad commands, closing"),
        ReplyText::Refused(error) => error.fmt(f),
        ReplyText::WrongCredentials => f.write_str("wrong user name or password"),
        ReplyText::HostNotAllowed => f.write_str("logins from your address are not allowed"),
        ReplyText::MaildropInUse => f.write_str("the maildrop is in use by another session"),
        ReplyText::LoginTooSoon => f.write_str("the last login was too recent, try again later"),
        ReplyText::TooManySessions => f.write_str("too many sessions or attempts, try again later"),
        ReplyText::NoLoginNow => f.write_str("login is not possible now, try again later"),
        ReplyText::MaildropUnusable => f.write_str("the maildrop cannot be opened, ask its administrator"),
        ReplyText::NotSent(error) => error.fmt(f),
        ReplyText::Closing(why) => f.write_str(why.text().unwrap_or_default()),
    }
}
