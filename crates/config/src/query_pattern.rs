//! Database queries and LDAP filters with placeholders for names.

use std::fmt;

/// A text with placeholders for the names of a user. A query binds the names as parameters, a filter escapes
/// them.
///
/// `%u` is the whole user name, `%n` its local part, `%d` its domain, and `%%` a per cent sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryPattern {
    text: String,
    pieces: Vec<QueryPart>,
}

/// A part of a [`QueryPattern`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryPart {
    /// Plain text.
    Literal(String),
    /// `%u`, the whole user name.
    User,
    /// `%n`, the local part.
    LocalPart,
    /// `%d`, the domain.
    Domain,
}

impl QueryPattern {
    /// Parses a pattern.
    ///
    /// # Errors
    ///
    /// A `%` followed by anything but `u`, `n`, `d` or `%`; no user name, so that all users would be the
    /// same; a control character.
    pub fn parse(text: &str) -> Result<Self, QueryPatternError> {
        if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            return Err(QueryPatternError::Control);
        }
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let piece = match c {
                '%' => match chars.next() {
                    Some('u') => QueryPart::User,
                    Some('n') => QueryPart::LocalPart,
                    Some('d') => QueryPart::Domain,
                    Some('%') => {
                        literal.push('%');
                        continue;
                    }
                    other => return Err(QueryPatternError::UnknownPercent(other)),
                },
                c => {
                    literal.push(c);
                    continue;
                }
            };
            if !literal.is_empty() {
                pieces.push(QueryPart::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(piece);
        }
        if !literal.is_empty() {
            pieces.push(QueryPart::Literal(literal));
        }
        if !pieces.iter().any(|piece| matches!(piece, QueryPart::User | QueryPart::LocalPart)) {
            return Err(QueryPatternError::NoName);
        }
        Ok(Self { text: text.to_owned(), pieces })
    }

    /// The pattern with `%u` between two texts.
    pub(crate) fn by_user(before: &str, after: &str) -> Self {
        let literal = |text: &str| QueryPart::Literal(text.to_owned());
        let pieces = vec![literal(before), QueryPart::User, literal(after)];
        Self { text: format!("{before}%u{after}"), pieces }
    }

    /// Parses a database query, in which the names become parameters.
    ///
    /// # Errors
    ///
    /// Those of [`QueryPattern::parse`], and a name inside quotes, where a database does not recognize a
    /// parameter.
    pub fn parse_query(text: &str) -> Result<Self, QueryPatternError> {
        let pattern = Self::parse(text)?;
        let mut open: Option<char> = None;
        for piece in &pattern.pieces {
            match piece {
                QueryPart::Literal(text) => {
                    for c in text.chars().filter(|c| matches!(c, '\'' | '"' | '`')) {
                        open = match open {
                            None => Some(c),
                            Some(quote) if quote == c => None,
                            other => other,
                        };
                    }
                }
                _ if open.is_some() => return Err(QueryPatternError::Quoted),
                _ => {}
            }
        }
        Ok(pattern)
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its parts, in order.
    pub fn pieces(&self) -> &[QueryPart] {
        &self.pieces
    }
}

impl fmt::Display for QueryPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text is not a pattern. The configuration is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryPatternError {
    /// A `%` that is followed by this letter, or by nothing.
    UnknownPercent(Option<char>),
    /// It has neither `%u` nor `%n`.
    NoName,
    /// A name stands inside quotes.
    Quoted,
    /// It has a control character.
    Control,
}

impl fmt::Display for QueryPatternError {
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

impl std::error::Error for QueryPatternError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_text_are_told_apart() {
        let literal = |text: &str| QueryPart::Literal(text.to_owned());
        let pattern = QueryPattern::parse("a = %n AND b = %d OR c LIKE '10%%' OR d = %u").unwrap();
        assert_eq!(
            pattern.pieces(),
            [
                literal("a = "),
                QueryPart::LocalPart,
                literal(" AND b = "),
                QueryPart::Domain,
                literal(" OR c LIKE '10%' OR d = "),
                QueryPart::User,
            ]
        );
    }

    #[test]
    fn a_made_pattern_is_the_one_that_is_read() {
        assert_eq!(Ok(QueryPattern::by_user("(uid=", ")")), QueryPattern::parse("(uid=%u)"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for (text, why) in [
            ("%x", QueryPatternError::UnknownPercent(Some('x'))),
            ("%u%", QueryPatternError::UnknownPercent(None)),
            ("", QueryPatternError::NoName),
            ("(uid=x)", QueryPatternError::NoName),
            ("%d %%u", QueryPatternError::NoName),
            ("%u\0", QueryPatternError::Control),
        ] {
            assert_eq!(QueryPattern::parse(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn a_parameter_in_quotes_is_told() {
        for text in ["a = '%u'", "a = \"%u\"", "a = 'it''s %n'", "a = 'x\"' AND b = '\"%u'"] {
            assert_eq!(QueryPattern::parse_query(text), Err(QueryPatternError::Quoted), "{text}");
        }
        for text in ["a = %u", "a = 'x' AND b = %u", "\"a\" = %u AND c = 'it''s'", "a = '\"' AND b = %u"] {
            assert!(QueryPattern::parse_query(text).is_ok(), "{text}");
        }
    }
}
