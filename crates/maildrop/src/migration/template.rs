//! Templates of UIDLs, in the language of Dovecot 2.3 (`pop3_uidl_format`).
//!
//! `%u` is the number of a message (IMAP UID), `%v` that of the mailbox (UIDVALIDITY), `%f` the file name
//! without flags, `%g` the GUID, `%m` the MD5 of some header fields (mbox only), `%%` a per cent sign.
//! Between the per cent sign and the letter there may be a width: with a leading `0` the value is filled up
//! with zeros, without it is cut off. After the width there may be `X` for hexadecimal, `L` for lower and `U`
//! for upper case, and `M` for the MD5 of the value. Source:
//! <https://doc.dovecot.org/2.3/configuration_manual/config_file/config_variables/>.

use std::fmt;

use super::message_header::{hex, md5};

/// A template whose UIDLs differ from message to message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UidlTemplate(Vec<UidlPiece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum UidlPiece {
    Literal(u8),
    Value { variable: UidlVariable, width: Option<ValueWidth>, shapes: Vec<ValueShape> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UidlVariable {
    Uid,
    Validity,
    File,
    Guid,
    Md5,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueWidth {
    Filled(usize),
    Cut(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueShape {
    Hexadecimal,
    Lower,
    Upper,
    Md5,
}

/// What is known about a message.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct UidlFacts<'a> {
    pub(super) uid: Option<u32>,
    pub(super) validity: Option<u32>,
    pub(super) file: Option<&'a [u8]>,
    pub(super) guid: Option<&'a [u8]>,
    /// In hexadecimal.
    pub(super) md5: Option<&'a [u8]>,
}

/// Why a text is no template, by the administrator's mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TemplateProblem {
    /// It has characters that a UIDL must not have.
    NotGraphic,
    /// It would give all messages the same UIDL.
    SameForAll,
    /// It ends in the middle of a variable.
    Unfinished,
    /// It has a variable with this letter.
    UnknownVariable(u8),
    /// It has a width that is no number, or too large.
    BadWidth,
}

impl fmt::Display for TemplateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGraphic => f.write_str("a UIDL has no spaces and none but ASCII characters"),
            Self::SameForAll => f.write_str("without %u, %f, %g or %m all messages would have the same UIDL"),
            Self::Unfinished => f.write_str("it ends in the middle of a % variable"),
            Self::UnknownVariable(letter) => {
                let letter = char::from(*letter).escape_default();
                write!(f, "there is no variable {letter} in templates of UIDLs, only u, v, f, g and m")
            }
            Self::BadWidth => f.write_str("a width is a number from 1 to 70"),
        }
    }
}

impl UidlTemplate {
    /// Parses a template.
    pub(super) fn parse(text: &str) -> Result<Self, TemplateProblem> {
        let mut pieces = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((&first, after)) = rest.split_first() {
            rest = after;
            if !first.is_ascii_graphic() {
                return Err(TemplateProblem::NotGraphic);
            }
            pieces.push(match first {
                b'%' => value(&mut rest)?,
                other => UidlPiece::Literal(other),
            });
        }
        let tells_apart = |piece: &UidlPiece| match piece {
            UidlPiece::Value { variable, .. } => *variable != UidlVariable::Validity,
            UidlPiece::Literal(_) => false,
        };
        if !pieces.iter().any(tells_apart) {
            return Err(TemplateProblem::SameForAll);
        }
        Ok(Self(pieces))
    }

    /// The UIDL; `None` if something that the template needs is not known.
    pub(super) fn fill(&self, facts: &UidlFacts<'_>) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        for piece in &self.0 {
            match piece {
                UidlPiece::Literal(octet) => out.push(*octet),
                UidlPiece::Value { variable, width, shapes } => {
                    let hexadecimal = shapes.contains(&ValueShape::Hexadecimal);
                    let mut value = facts.value(*variable, hexadecimal)?;
                    for shape in shapes {
                        match shape {
                            ValueShape::Hexadecimal => {}
                            ValueShape::Lower => value.make_ascii_lowercase(),
                            ValueShape::Upper => value.make_ascii_uppercase(),
                            ValueShape::Md5 => value = hex(&md5([&value[..]])),
                        }
                    }
                    match *width {
                        Some(ValueWidth::Filled(width)) => {
                            out.extend(std::iter::repeat_n(b'0', width.saturating_sub(value.len())));
                        }
                        Some(ValueWidth::Cut(width)) => value.truncate(width),
                        None => {}
                    }
                    out.extend(value);
                }
            }
        }
        Some(out)
    }
}

impl UidlFacts<'_> {
    fn value(&self, variable: UidlVariable, hexadecimal: bool) -> Option<Vec<u8>> {
        let number = |number: u32| match hexadecimal {
            true => format!("{number:x}").into_bytes(),
            false => number.to_string().into_bytes(),
        };
        match variable {
            UidlVariable::Uid => self.uid.map(number),
            UidlVariable::Validity => self.validity.map(number),
            UidlVariable::File => self.file.map(<[u8]>::to_vec),
            UidlVariable::Guid => self.guid.map(<[u8]>::to_vec),
            UidlVariable::Md5 => self.md5.map(<[u8]>::to_vec),
        }
    }
}

/// Parses what follows a per cent sign.
fn value(rest: &mut &[u8]) -> Result<UidlPiece, TemplateProblem> {
    let digits = rest.iter().take_while(|octet| octet.is_ascii_digit()).count();
    let (width, mut after) = rest.split_at(digits);
    let width = match width {
        [] => None,
        [b'0', width @ ..] => Some(ValueWidth::Filled(number(width)?)),
        width => Some(ValueWidth::Cut(number(width)?)),
    };
    let mut shapes = Vec::new();
    loop {
        let Some((&letter, next)) = after.split_first() else {
            return Err(TemplateProblem::Unfinished);
        };
        after = next;
        let variable = match letter {
            b'X' | b'L' | b'U' | b'M' => {
                shapes.push(match letter {
                    b'X' => ValueShape::Hexadecimal,
                    b'L' => ValueShape::Lower,
                    b'U' => ValueShape::Upper,
                    _ => ValueShape::Md5,
                });
                continue;
            }
            b'u' => UidlVariable::Uid,
            b'v' => UidlVariable::Validity,
            b'f' => UidlVariable::File,
            b'g' => UidlVariable::Guid,
            b'm' => UidlVariable::Md5,
            b'%' if shapes.is_empty() && width.is_none() => {
                *rest = after;
                return Ok(UidlPiece::Literal(b'%'));
            }
            other => return Err(TemplateProblem::UnknownVariable(other)),
        };
        *rest = after;
        return Ok(UidlPiece::Value { variable, width, shapes });
    }
}

fn number(digits: &[u8]) -> Result<usize, TemplateProblem> {
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    number.filter(|width| (1..=70).contains(width)).ok_or(TemplateProblem::BadWidth)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: UidlFacts<'_> = UidlFacts {
        uid: Some(26),
        validity: Some(1_795_424_235),
        file: Some(b"1700000001.M1P1.host"),
        guid: Some(b"GUID"),
        md5: None,
    };

    /// The values are what Dovecot 2.3.19 answered.
    #[test]
    fn values_as_dovecot_writes_them() {
        for (template, value) in [
            ("%08Xu%08Xv", "0000001a6b03ffeb"),
            ("%u.%v", "26.1795424235"),
            ("UID%u-%v", "UID26-1795424235"),
            ("%f", "1700000001.M1P1.host"),
            ("%Uf", "1700000001.M1P1.HOST"),
            ("%Lg%%", "guid%"),
            ("%4f", "1700"),
            ("%Mf", "eb6321585bfba6c4a564dcacae365d5c"),
        ] {
            let filled =
                String::from_utf8(UidlTemplate::parse(template).unwrap().fill(&FACTS).unwrap()).unwrap();
            assert_eq!(filled, value, "{template}");
        }
        assert_eq!(UidlTemplate::parse("%u%m").unwrap().fill(&FACTS), None, "no MD5 is known");
    }

    #[test]
    fn what_is_no_template_says_why() {
        for (template, why) in [
            ("%v", "same UIDL"),
            ("abc", "same UIDL"),
            ("%", "ends in the middle"),
            ("%u%08X", "ends in the middle"),
            ("%u%d", "no variable d"),
            ("%u b", "no spaces"),
            ("%u\u{e9}", "none but ASCII"),
            ("%00u", "from 1 to 70"),
            ("%71f", "from 1 to 70"),
            ("%99999999999999999999f", "from 1 to 70"),
        ] {
            let told = UidlTemplate::parse(template).unwrap_err().to_string();
            assert!(told.contains(why), "{template}: {told}");
        }
    }
}
