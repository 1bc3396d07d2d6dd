//! Texts with names in them that are not paths: database queries and LDAP filters.

use std::fmt;

/// A text in which `%u`, `%n` and `%d` stand for a user's names. Parsed once; who uses it decides how a name is put in: bound
/// as a parameter of a query, or escaped in a filter.
///
/// `%u` is the whole user name, `%n` its local part, `%d` its domain, and `%%` is a per cent sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    pieces: Vec<PatternPiece>,
}

/// A piece of a [`Pattern`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternPiece {
    /// Text that stands for itself.
    Literal(String),
    /// `%u`, the whole user name.
    User,
    /// `%n`, the local part.
    LocalPart,
    /// `%d`, the domain.
    Domain,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A `%` followed by anything but `u`, `n`, `d` or `%`; no user name in it, which would let anyone be anyone; a control
    /// character.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            return Err(PatternError::Control);
        }
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let piece = match c {
                '%' => match chars.next() {
                    Some('u') => PatternPiece::User,
                    Some('n') => PatternPiece::LocalPart,
                    Some('d') => PatternPiece::Domain,
                    Some('%') => {
                        literal.push('%');
                        continue;
                    }
                    other => return Err(PatternError::UnknownPercent(other)),
                },
                c => {
                    literal.push(c);
                    continue;
                }
            };
            if !literal.is_empty() {
                pieces.push(PatternPiece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(piece);
        }
        if !literal.is_empty() {
            pieces.push(PatternPiece::Literal(literal));
        }
        if !pieces.iter().any(|piece| matches!(piece, PatternPiece::User | PatternPiece::LocalPart)) {
            return Err(PatternError::NoName);
        }
        Ok(Self { text: text.to_owned(), pieces })
    }

    /// The pattern with `%u` between two texts.
    pub(crate) fn by_user(before: &str, after: &str) -> Self {
        let literal = |text: &str| PatternPiece::Literal(text.to_owned());
        let pieces = vec![literal(before), PatternPiece::User, literal(after)];
        Self { text: format!("{before}%u{after}"), pieces }
    }

    /// Reads a database query: a pattern whose names become parameters.
    ///
    /// # Errors
    /// What [`Pattern::parse`] says, and a name inside quotes, where a database sees no parameter.
    pub fn parse_query(text: &str) -> Result<Self, PatternError> {
        let pattern = Self::parse(text)?;
        let mut open: Option<char> = None;
        for piece in &pattern.pieces {
            match piece {
                PatternPiece::Literal(text) => {
                    for c in text.chars().filter(|c| matches!(c, '\'' | '"' | '`')) {
                        open = match open {
                            None => Some(c),
                            Some(quote) if quote == c => None,
                            other => other,
                        };
                    }
                }
                _ if open.is_some() => return Err(PatternError::Quoted),
                _ => {}
            }
        }
        Ok(pattern)
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its pieces, in order.
    pub fn pieces(&self) -> &[PatternPiece] {
        &self.pieces
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text is no pattern: the administrator's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// A `%` that is followed by this letter, or by nothing.
    UnknownPercent(Option<char>),
    /// It has neither `%u` nor `%n`.
    NoName,
    /// A name stands inside quotes.
    Quoted,
    /// It has a control character.
    Control,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownPercent(Some(letter)) => {
                write!(f, "%{} is unknown: there are %u, %n, %d and %%", letter.escape_debug())
            }
            Self::UnknownPercent(None) => f.write_str("a % at the end: write %% for a per cent sign"),
            Self::NoName => f.write_str("it has neither %u nor %n, so every user would be the same"),
            Self::Quoted => {
                f.write_str("a name stands in quotes; it is a parameter and needs none: name = %u")
            }
            Self::Control => f.write_str("it has a control character"),
        }
    }
}

impl std::error::Error for PatternError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_text_are_told_apart() {
        let literal = |text: &str| PatternPiece::Literal(text.to_owned());
        let pattern = Pattern::parse("a = %n AND b = %d OR c LIKE '10%%' OR d = %u").unwrap();
        assert_eq!(
            pattern.pieces(),
            [
                literal("a = "),
                PatternPiece::LocalPart,
                literal(" AND b = "),
                PatternPiece::Domain,
                literal(" OR c LIKE '10%' OR d = "),
                PatternPiece::User,
            ]
        );
    }

    #[test]
    fn a_made_pattern_is_the_one_that_is_read() {
        assert_eq!(Ok(Pattern::by_user("(uid=", ")")), Pattern::parse("(uid=%u)"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for (text, why) in [
            ("%x", PatternError::UnknownPercent(Some('x'))),
            ("%u%", PatternError::UnknownPercent(None)),
            ("", PatternError::NoName),
            ("(uid=x)", PatternError::NoName),
            ("%d %%u", PatternError::NoName),
            ("%u\0", PatternError::Control),
        ] {
            assert_eq!(Pattern::parse(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn a_parameter_in_quotes_is_told() {
        for text in ["a = '%u'", "a = \"%u\"", "a = 'it''s %n'", "a = 'x\"' AND b = '\"%u'"] {
            assert_eq!(Pattern::parse_query(text), Err(PatternError::Quoted), "{text}");
        }
        for text in ["a = %u", "a = 'x' AND b = %u", "\"a\" = %u AND c = 'it''s'", "a = '\"' AND b = %u"] {
            assert!(Pattern::parse_query(text).is_ok(), "{text}");
        }
    }
}
