//! The keywords of the commands.

/// The keyword of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the command of that name")]
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

impl Verb {
    /// Every command: first those of RFC 1939, then those of later documents.
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

    /// The keyword with the names of the arguments, for error texts.
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

    /// Splits a line at its first space into the keyword, in upper or lower case, and the argument as it is.
    pub(crate) fn parse(line: &[u8]) -> Option<(Self, &[u8])> {
        let mut words = line.splitn(2, |octet| *octet == b' ');
        let keyword = words.next()?;
        let verb =
            Self::ALL.into_iter().find(|verb| verb.keyword().as_bytes().eq_ignore_ascii_case(keyword))?;
        Some((verb, words.next().unwrap_or_default()))
    }
}
