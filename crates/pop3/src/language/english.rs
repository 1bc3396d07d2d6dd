//! English. What refusals say in the log is the same.

use super::Text;
use std::fmt::{self, Display as _};

pub(super) fn write(text: Text, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match text {
        Text::ThisLanguage => f.write_str("the language is English"),
        Text::Languages => f.write_str("list of languages follows"),
        Text::SendPassword => f.write_str("send the password"),
        Text::Mechanisms => f.write_str("list of SASL mechanisms follows"),
        Text::Capabilities => f.write_str("capability list follows"),
        Text::BeginTls => f.write_str("begin TLS"),
        Text::Forwarded => f.write_str("that client counts from here on"),
        Text::Utf8Mode => f.write_str("messages are sent in UTF-8"),
        Text::Maildrop { messages, octets } => {
            write!(f, "maildrop has {messages} messages ({octets} octets)")
        }
        Text::Messages { messages, octets } => write!(f, "{messages} messages ({octets} octets)"),
        Text::Identifiers => f.write_str("unique-id listing follows"),
        Text::Octets(octets) => write!(f, "{octets} octets"),
        Text::TopOfMessage => f.write_str("top of message follows"),
        Text::Marked(message) => write!(f, "message {message} marked as deleted"),
        Text::NothingDone => f.write_str("nothing done"),
        Text::Goodbye => f.write_str("goodbye"),
        Text::Removed(messages) => write!(f, "{messages} messages removed, goodbye"),
        Text::PartlyRemoved { removed, marked } => {
            write!(f, "some deleted messages not removed, {removed} of {marked} are")
        }
        Text::NotUpdated => f.write_str("the maildrop could not be updated, no messages removed"),
        Text::TooManyBadCommands => f.write_str("too many bad commands, closing"),
        Text::Refused(refusal) => refusal.fmt(f),
        Text::WrongCredentials => f.write_str("wrong user name or password"),
        Text::HostNotAllowed => f.write_str("logins from your address are not allowed"),
        Text::MaildropInUse => f.write_str("the maildrop is in use by another session"),
        Text::LoginTooSoon => f.write_str("the last login was too short a time ago, try again later"),
        Text::TooManySessions => f.write_str("too many sessions or attempts, try again later"),
        Text::NoLoginNow => f.write_str("login is not possible now, try again later"),
        Text::MaildropUnusable => f.write_str("the maildrop cannot be opened, ask its administrator"),
        Text::NotSent(fault) => fault.fmt(f),
        Text::Closing(why) => f.write_str(why.text().unwrap_or_default()),
    }
}
