//! The commands, one file each: how the argument is read, and what it does in the state it is allowed in.
//!
//! A new command is a file here, a [`Verb`], a [`Command`], and its arm in `dialogue.rs`.

pub(crate) mod auth;
pub(crate) mod capa;
pub(crate) mod dele;
pub(crate) mod lang;
pub(crate) mod last;
pub(crate) mod list;
pub(crate) mod noop;
pub(crate) mod pass;
pub(crate) mod quit;
pub(crate) mod retr;
pub(crate) mod rset;
pub(crate) mod stat;
pub(crate) mod stls;
pub(crate) mod top;
pub(crate) mod uidl;
pub(crate) mod user;
pub(crate) mod utf8;
pub(crate) mod xclient;

pub use xclient::Forwarded;

use crate::{MessageNumber, Refusal, Secret, UserName};

/// The keyword of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the command of its name")]
pub enum Verb {
    User,
    Pass,
    Stat,
    List,
    Uidl,
    Retr,
    Dele,
    Top,
    Noop,
    Rset,
    Last,
    Quit,
    Capa,
    Stls,
    Auth,
    Utf8,
    Lang,
    Xclient,
}

/// A command whose argument has been read.
pub(crate) enum Command {
    User(UserName),
    Pass(Secret),
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
    Auth(auth::Wanted),
    Utf8,
    Lang(lang::Wanted),
    Xclient(Forwarded),
}

impl Verb {
    /// Every command, in the order of RFC 1939 and after.
    pub const ALL: [Self; 18] = [
        Self::User,
        Self::Pass,
        Self::Stat,
        Self::List,
        Self::Uidl,
        Self::Retr,
        Self::Dele,
        Self::Top,
        Self::Noop,
        Self::Rset,
        Self::Last,
        Self::Quit,
        Self::Capa,
        Self::Stls,
        Self::Auth,
        Self::Utf8,
        Self::Lang,
        Self::Xclient,
    ];

    /// The keyword in capitals, as logs show it.
    pub fn keyword(self) -> &'static str {
        self.usage().split(' ').next().unwrap_or_default()
    }

    /// The command with the names of its arguments.
    pub(crate) fn usage(self) -> &'static str {
        match self {
            Self::User => "USER name",
            Self::Pass => "PASS password",
            Self::Stat => "STAT",
            Self::List => "LIST [message]",
            Self::Uidl => "UIDL [message]",
            Self::Retr => "RETR message",
            Self::Dele => "DELE message",
            Self::Top => "TOP message lines",
            Self::Noop => "NOOP",
            Self::Rset => "RSET",
            Self::Last => "LAST",
            Self::Quit => "QUIT",
            Self::Capa => "CAPA",
            Self::Stls => "STLS",
            Self::Xclient => "XCLIENT NAME=value ...",
            Self::Auth => "AUTH [mechanism [initial-response]]",
            Self::Utf8 => "UTF8",
            Self::Lang => "LANG [language]",
        }
    }

    /// Splits a line at its first space into the keyword, in any case, and the argument as it stands.
    pub(crate) fn parse(line: &[u8]) -> Option<(Self, &[u8])> {
        let mut words = line.splitn(2, |octet| *octet == b' ');
        let keyword = words.next()?;
        let verb =
            Self::ALL.into_iter().find(|verb| verb.keyword().as_bytes().eq_ignore_ascii_case(keyword))?;
        Some((verb, words.next().unwrap_or_default()))
    }
}

impl Command {
    /// Reads the argument of a command; [`Refusal::Usage`] when it is not what the command takes, and more precise for
    /// AUTH.
    pub(crate) fn parse(verb: Verb, argument: &[u8]) -> Result<Self, Refusal> {
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
        command.ok_or(Refusal::Usage(verb))
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

/// Blanks around an argument do no harm; anything else that is invisible does, and stays to be refused.
fn trim_blanks(mut argument: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = argument {
        argument = rest;
    }
    argument
}

fn nothing(argument: &[u8]) -> Option<()> {
    argument.is_empty().then_some(())
}

/// No argument, or a message number; nothing when it is something else.
fn optional(argument: &[u8]) -> Option<Option<MessageNumber>> {
    match argument {
        [] => Some(None),
        number => MessageNumber::parse(number).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[u8]) -> Result<Command, Refusal> {
        let (verb, argument) = Verb::parse(line).ok_or(Refusal::UnknownCommand)?;
        Command::parse(verb, argument)
    }

    #[test]
    fn keywords_are_read_in_any_case() {
        for verb in Verb::ALL {
            let lower = verb.keyword().to_ascii_lowercase();
            assert_eq!(Verb::parse(lower.as_bytes()), Some((verb, &b""[..])));
        }
        assert!(matches!(parse(b"rEtR 2"), Ok(Command::Retr(n)) if n.get() == 2));
    }

    #[test]
    fn blanks_around_arguments_do_no_harm_except_to_passwords() {
        assert!(matches!(parse(b"STAT "), Ok(Command::Stat)));
        assert!(matches!(parse(b"LIST "), Ok(Command::List(None))));
        assert!(matches!(parse(b"LIST  2 "), Ok(Command::List(Some(n))) if n.get() == 2));
        assert!(matches!(parse(b"USER alice "), Ok(Command::User(name)) if name.as_str() == "alice"));
        assert!(matches!(parse(b"PASS  a b "), Ok(Command::Pass(password)) if password.expose() == b" a b "));
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
            assert_eq!(parse(line).err(), Some(Refusal::Usage(verb)), "{line:?}");
        }
    }

    #[test]
    fn other_lines_are_unknown() {
        for line in [&b""[..], b" STAT", b"STAT\t1", b"STATS", b"RET", b"\0\xff", b"GET / HTTP/1.1"] {
            assert_eq!(parse(line).err(), Some(Refusal::UnknownCommand), "{line:?}");
        }
    }
}
