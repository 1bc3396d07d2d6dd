//! Lists of addresses (RFC 5322, section 3.4), written as RFC 6857, section 3.1, requires.
//!
//! A name becomes encoded words. An address that is not ASCII cannot be written at all: it is replaced by an
//! empty group with that name, which shows the address and to which no reply can go.

use super::field_writer::{FieldWriter, encoded};

/// Writes a list of addresses. A list that cannot be understood becomes, as a whole, the name of an empty
/// group.
pub(super) fn convert(value: &str, mut out: FieldWriter<'_>) {
    match list(value) {
        Some(words) => words.iter().for_each(|word| out.word(" ", word)),
        None => {
            out.encode(" ", value.trim_ascii());
            out.word(" ", ":;");
        }
    }
    out.finish();
}

/// The words of the new list.
fn list(value: &str) -> Option<Vec<String>> {
    let mut words: Vec<String> = Vec::new();
    let mut in_group = false;
    let mut rest = value;
    loop {
        let (part, end) = next_part(rest)?;
        let delimiter = rest[end..].chars().next();
        rest = rest.get(end + 1..).unwrap_or_default();
        if delimiter == Some(':') {
            // Groups cannot be nested, and the name of a group has no comments here.
            if std::mem::replace(&mut in_group, true) || part.angle.is_some() || !part.comments.is_empty() {
                return None;
            }
            words.extend(part.phrase());
            attach(&mut words, ":");
            continue;
        }
        if !part.is_empty() {
            // Nor can a group contain the empty group that an address may have to become.
            words.extend(part.mailbox(!in_group)?);
        }
        match delimiter {
            Some(',') => attach(&mut words, ","),
            Some(';') if in_group => {
                attach(&mut words, ";");
                in_group = false;
            }
            Some(_) => return None,
            None => return (!in_group).then_some(words),
        }
    }
}

/// Appends a delimiter to the last word.
fn attach(words: &mut Vec<String>, delimiter: &str) {
    match words.last_mut() {
        Some(last) => last.push_str(delimiter),
        None => words.push(delimiter.to_owned()),
    }
}

/// What is between two delimiters, taken apart.
#[derive(Default)]
struct AddressPart<'a> {
    /// All of it.
    whole: &'a str,
    /// What is neither a comment nor in angle brackets: as it is, and without quotes.
    raw: String,
    plain: String,
    /// What is in angle brackets.
    angle: Option<&'a str>,
    comments: Vec<&'a str>,
}

/// Takes the next part off a list, up to a delimiter or the end. Returns the part and the offset where it
/// ends. `None` if something is not closed.
fn next_part(text: &str) -> Option<(AddressPart<'_>, usize)> {
    let mut part = AddressPart::default();
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        let inside = &text[at + character.len_utf8()..];
        match character {
            ',' | ';' | ':' => break,
            '(' => {
                let length = comment_length(inside)?;
                part.comments.push(&inside[..length]);
                part.plain.push(' ');
                part.raw.push(' ');
                at += length + 2;
            }
            '<' => {
                let length = angle_length(inside)?;
                if part.angle.replace(&inside[..length]).is_some() {
                    return None;
                }
                at += length + 2;
            }
            '"' => {
                let length = quoted_length(inside)?;
                part.raw.push_str(&text[at..at + length + 2]);
                part.plain.push_str(&unescaped(&inside[..length]));
                at += length + 2;
            }
            '[' => {
                let length = inside.find(']')?;
                part.raw.push_str(&text[at..at + length + 2]);
                part.plain.push_str(&text[at..at + length + 2]);
                at += length + 2;
            }
            ')' | '>' => return None,
            character => {
                // Only comments may follow the angle brackets.
                if part.angle.is_some() && !matches!(character, ' ' | '\t') {
                    return None;
                }
                part.raw.push(character);
                part.plain.push(character);
                at += character.len_utf8();
            }
        }
    }
    part.whole = text[..at].trim_ascii();
    Some((part, at))
}

impl AddressPart<'_> {
    fn is_empty(&self) -> bool {
        self.whole.is_empty()
    }

    /// The name, in encoded words if it needs them.
    fn phrase(&self) -> Vec<String> {
        match self.raw.trim_ascii() {
            "" => Vec::new(),
            raw if raw.is_ascii() => vec![raw.to_owned()],
            _ => encoded(self.plain.trim_ascii()).collect(),
        }
    }

    /// The mailbox; `None` if it needs a group and cannot have one.
    fn mailbox(&self, may_be_group: bool) -> Option<Vec<String>> {
        if self.whole.is_ascii() {
            return Some(vec![self.whole.to_owned()]);
        }
        let (mut words, address, bare) = match self.angle {
            Some(address) => (self.phrase(), address.trim_ascii(), false),
            None => (Vec::new(), self.raw.trim_ascii(), true),
        };
        match (address.is_ascii(), bare) {
            (true, true) => words.push(address.to_owned()),
            (true, false) => words.push(format!("<{address}>")),
            (false, _) if may_be_group => {
                words.extend(encoded(address));
                words.push(":;".to_owned());
            }
            (false, _) => return None,
        }
        for comment in &self.comments {
            words.push(match comment.is_ascii() {
                true => format!("({comment})"),
                false => format!("({})", encoded(comment).collect::<Vec<_>>().join(" ")),
            });
        }
        Some(words)
    }
}

/// The length of the comment that begins here, up to its closing parenthesis. Comments may be nested.
fn comment_length(text: &str) -> Option<usize> {
    let (mut depth, mut escaped) = (0, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' => depth += 1,
            ')' if depth == 0 => return Some(at),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The length of the quoted text that begins here, up to its closing quote.
fn quoted_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at),
            _ => {}
        }
    }
    None
}

/// The length of the address that begins here, up to its closing bracket. Brackets in quotes do not count.
fn angle_length(text: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        at += match character {
            '>' => return Some(at),
            '<' => return None,
            '"' => quoted_length(&text[at + 1..])? + 2,
            character => character.len_utf8(),
        };
    }
    None
}

fn unescaped(quoted: &str) -> String {
    let mut plain = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        plain.push(if character == '\\' { characters.next().unwrap_or('\\') } else { character });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::super::field_writer::tests::decoded;
    use super::*;

    fn converted(value: &str) -> String {
        let mut out = Vec::new();
        convert(value, FieldWriter::new("To", &mut out));
        let written = String::from_utf8(out).unwrap();
        assert!(written.is_ascii() && written.ends_with("\r\n"), "{written}");
        written.replace("\r\n", "").strip_prefix("To: ").unwrap().to_owned()
    }

    #[test]
    fn names_become_encoded_words_and_addresses_stay() {
        let cases = [
            ("Jürgen <j@b.example>", "=?UTF-8?Q?J=C3=BCrgen?= <j@b.example>"),
            ("\"Müller, \\\"J\\\"\" <j@b.example>", "=?UTF-8?Q?M=C3=BCller=2C_=22J=22?= <j@b.example>"),
            ("j@b.example (Jürgen)", "j@b.example (=?UTF-8?Q?J=C3=BCrgen?=)"),
            (
                "\"a, b\" <a@b.example>, ü <c@d.example>",
                "\"a, b\" <a@b.example>, =?UTF-8?Q?=C3=BC?= <c@d.example>",
            ),
            (
                "x: ü <a@b.example>, c@d.example;, <e@f.example>",
                "x: =?UTF-8?Q?=C3=BC?= <a@b.example>, c@d.example;, <e@f.example>",
            ),
            ("ü: a@b.example;", "=?UTF-8?Q?=C3=BC?=: a@b.example;"),
            ("ü <\"a>b\"@[192.0.2.1:1]>", "=?UTF-8?Q?=C3=BC?= <\"a>b\"@[192.0.2.1:1]>"),
        ];
        for (value, expected) in cases {
            assert_eq!(converted(value), expected, "{value}");
        }
    }

    #[test]
    fn an_address_that_is_not_ascii_becomes_the_name_of_an_empty_group() {
        let cases = [
            ("ü@b.example", "=?UTF-8?Q?=C3=BC=40b=2Eexample?= :;"),
            (
                "Jürgen <j@bü.example>, a@b.example",
                "=?UTF-8?Q?J=C3=BCrgen?= =?UTF-8?Q?j=40b=C3=BC=2Eexample?= :;, a@b.example",
            ),
            ("J <ü@b.example> (x)", "J =?UTF-8?Q?=C3=BC=40b=2Eexample?= :; (x)"),
        ];
        for (value, expected) in cases {
            assert_eq!(converted(value), expected, "{value}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_shown_as_it_is() {
        for value in [
            "g: ü@b.example;",
            "\"ü",
            "ü <a",
            "ü <a> b",
            "ü <a> <b>",
            "(ü",
            "ü)",
            "a: b: ü;",
            "a (ü): b;",
            "ü <a>: b;",
            "ü;",
            "a: ü",
            "ü <<a>>",
            "[ü",
        ] {
            let written = converted(value);
            let shown = written.strip_suffix(" :;").unwrap_or_else(|| panic!("{value}: {written}"));
            assert_eq!(decoded(shown), value);
        }
    }
}
