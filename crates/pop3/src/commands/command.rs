//! Parses a keyword and its argument.

use super::argument::{nothing, optional, trim_blanks};
use super::{Forwarded, auth, lang, pass, top, user, xclient};
use crate::{CommandError, LoginName, LoginPassword, MessageNumber, Verb};

/// A command with its parsed argument.
pub(crate) enum ClientCommand {
    User(LoginName),
    Pass(LoginPassword),
    Stat,
    List(Option<MessageNumber>),
    Uidl(Option<MessageNumber>),
    Retr(MessageNumber),
    Dele(MessageNumber),
    Top(MessageNumber, u64),
    Noop,
    Rset,
    Last,
    Quit,
    Capa,
    Stls,
    Auth(auth::AuthArgument),
    Utf8,
    Lang(lang::LangArgument),
    Xclient(Forwarded),
}

impl ClientCommand {
    /// Parses the argument of a command. The error is [`CommandError::Usage`] if the command does not take
    /// it, and more specific for AUTH.
    pub(crate) fn parse(verb: Verb, argument: &[u8]) -> Result<Self, CommandError> {
        let trimmed = trim_blanks(argument);
        let command = match verb {
            Verb::User => user::parse(trimmed).map(Self::User),
            Verb::Pass => pass::parse(argument).map(Self::Pass),
            Verb::Stat => nothing(trimmed).map(|()| Self::Stat),
            Verb::List => optional(trimmed).map(Self::List),
            Verb::Uidl => optional(trimmed).map(Self::Uidl),
            Verb::Retr => MessageNumber::parse(trimmed).map(Self::Retr),
            Verb::Dele => MessageNumber::parse(trimmed).map(Self::Dele),
            Verb::Top => top::parse(trimmed).map(|(message, lines)| Self::Top(message, lines)),
            Verb::Noop => nothing(trimmed).map(|()| Self::Noop),
            Verb::Rset => nothing(trimmed).map(|()| Self::Rset),
            Verb::Last => nothing(trimmed).map(|()| Self::Last),
            Verb::Quit => nothing(trimmed).map(|()| Self::Quit),
            Verb::Capa => nothing(trimmed).map(|()| Self::Capa),
            Verb::Stls => nothing(trimmed).map(|()| Self::Stls),
            Verb::Utf8 => nothing(trimmed).map(|()| Self::Utf8),
            Verb::Lang => lang::parse(trimmed).map(Self::Lang),
            Verb::Xclient => xclient::parse(trimmed).map(Self::Xclient),
            Verb::Auth => return auth::parse(trimmed).map(Self::Auth),
        };
        command.ok_or(CommandError::Usage(verb))
    }

    /// The message that the command names.
    pub(crate) fn message(&self) -> Option<MessageNumber> {
        match self {
            Self::List(message) | Self::Uidl(message) => *message,
            Self::Retr(message) | Self::Dele(message) | Self::Top(message, _) => Some(*message),
            Self::User(_) | Self::Pass(_) | Self::Stat | Self::Noop | Self::Rset => None,
            Self::Last | Self::Quit | Self::Capa | Self::Stls | Self::Auth(_) => None,
            Self::Utf8 | Self::Lang(_) | Self::Xclient(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[u8]) -> Result<ClientCommand, CommandError> {
        let (verb, argument) = Verb::parse(line).ok_or(CommandError::UnknownCommand)?;
        ClientCommand::parse(verb, argument)
    }

    #[test]
    fn keywords_are_read_in_any_case() {
        for verb in Verb::ALL {
            let lower = verb.keyword().to_ascii_lowercase();
            assert_eq!(Verb::parse(lower.as_bytes()), Some((verb, &b""[..])));
        }
        assert!(matches!(parse(b"rEtR 2"), Ok(ClientCommand::Retr(n)) if n.get() == 2));
    }

    #[test]
    fn blanks_around_arguments_do_no_harm_except_to_passwords() {
        assert!(matches!(parse(b"STAT "), Ok(ClientCommand::Stat)));
        assert!(matches!(parse(b"LIST "), Ok(ClientCommand::List(None))));
        assert!(matches!(parse(b"LIST  2 "), Ok(ClientCommand::List(Some(n))) if n.get() == 2));
        assert!(matches!(parse(b"USER alice "), Ok(ClientCommand::User(name)) if name.as_str() == "alice"));
        assert!(
            matches!(parse(b"PASS  a b "), Ok(ClientCommand::Pass(password)) if password.expose() == b" a b ")
        );
    }

    #[test]
    fn wrong_arguments_are_answered_with_the_usage() {
        let wrong: [&[u8]; 18] = [
            b"USER",
            b"USER a\0b",
            b"USER a\r",
            b"PASS",
            b"PASS ",
            b"PASS a\0b",
            b"STAT 1",
            b"LIST x",
            b"UIDL 0",
            b"RETR",
            b"DELE -1",
            b"TOP 1",
            b"NOOP x",
            b"QUIT now",
            b"CAPA x",
            b"STLS now",
            b"UTF8 USER",
            b"LANG a b",
        ];
        for line in wrong {
            let (verb, _) = Verb::parse(line).unwrap();
            assert_eq!(parse(line).err(), Some(CommandError::Usage(verb)), "{line:?}");
        }
    }

    #[test]
    fn other_lines_are_unknown() {
        for line in [&b""[..], b" STAT", b"STAT\t1", b"STATS", b"RET", b"\0\xff", b"GET / HTTP/1.1"] {
            assert_eq!(parse(line).err(), Some(CommandError::UnknownCommand), "{line:?}");
        }
    }
}
