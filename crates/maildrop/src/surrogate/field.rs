//! The fields of a header (RFC 5322, section 2.2), and how each one that contains UTF-8 is converted.

use std::borrow::Cow;

use memchr::memchr;

use super::field_writer::FieldWriter;
use super::{address, parameter};

/// How much of a message is looked at, in octets as stored. The part of a header beyond it is sent as it is.
pub(super) const WINDOW: usize = 64 * 1024;

/// How the value of a field is to be read.
enum FieldKind {
    /// A list of addresses.
    Addresses,
    /// A word and parameters.
    Parameters,
    /// A value that must not be written differently, so the field gets another name (RFC 6857, section
    /// 3.1.10).
    Identifier,
    /// Text, or what can be written as if it were text.
    Text,
}

const ADDRESSES: [&str; 13] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Resent-From",
    "Resent-Sender",
    "Resent-Reply-To",
    "Resent-To",
    "Resent-Cc",
    "Resent-Bcc",
    "Disposition-Notification-To",
];
const PARAMETERS: [&str; 2] = ["Content-Type", "Content-Disposition"];
const IDENTIFIERS: [&str; 7] = [
    "Message-ID",
    "Resent-Message-ID",
    "In-Reply-To",
    "References",
    "Return-Path",
    "Original-Recipient",
    "Final-Recipient",
];

/// The fields at the beginning of a message that begins with `text`, each with its line ends, up to the first
/// line that belongs to no field. A field that may go on behind the [`WINDOW`] is left out.
pub(super) fn fields(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let window = &text[..text.len().min(WINDOW)];
    let cut = text.len() >= WINDOW;
    let mut rest = window;
    std::iter::from_fn(move || {
        let mut length = line_length(rest);
        if !begins_field(&rest[..length]) {
            return None;
        }
        while let Some(b' ' | b'\t') = rest.get(length) {
            length += line_length(&rest[length..]);
        }
        let (field, after) = rest.split_at(length);
        if after.is_empty() && cut {
            return None;
        }
        rest = after;
        Some(field)
    })
}

/// Appends the converted `field` in its form on the wire. Returns whether it differs from the field.
pub(super) fn convert(field: &[u8], out: &mut Vec<u8>) -> bool {
    let parts =
        str::from_utf8(field).ok().filter(|text| !text.is_ascii()).and_then(|text| text.split_once(':'));
    let Some((name, value)) = parts.filter(|(name, _)| name.is_ascii()) else {
        copy(field, out);
        return false;
    };
    let name = name.trim_end();
    let value = unfolded(value);
    match FieldKind::of(name) {
        FieldKind::Addresses => address::convert(&value, FieldWriter::new(name, out)),
        FieldKind::Parameters => parameter::convert(&value, FieldWriter::new(name, out)),
        FieldKind::Identifier => {
            let mut words = FieldWriter::new(&format!("Downgraded-{name}"), out);
            words.encode(" ", value.trim_ascii());
            words.finish();
        }
        FieldKind::Text => {
            let mut words = FieldWriter::new(name, out);
            words.text(&value);
            words.finish();
        }
    }
    true
}

impl FieldKind {
    fn of(name: &str) -> Self {
        let is_in = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        match name {
            _ if is_in(&ADDRESSES) => Self::Addresses,
            _ if is_in(&PARAMETERS) => Self::Parameters,
            _ if is_in(&IDENTIFIERS) => Self::Identifier,
            _ => Self::Text,
        }
    }
}

fn line_length(text: &[u8]) -> usize {
    memchr(b'\n', text).map_or(text.len(), |feed| feed + 1)
}

/// Whether a line begins with the name of a field and a colon. Blanks before the colon were once allowed (RFC
/// 5322, section 4.5).
fn begins_field(line: &[u8]) -> bool {
    let Some(colon) = memchr(b':', line) else { return false };
    let name = line[..colon].trim_ascii_end();
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

fn copy(field: &[u8], out: &mut Vec<u8>) {
    for line in field.split_inclusive(|&octet| octet == b'\n') {
        out.extend_from_slice(without_end(line));
        out.extend_from_slice(b"\r\n");
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    match line {
        [text @ .., b'\r', b'\n'] | [text @ .., b'\n'] => text,
        text => text,
    }
}

/// A value without its line ends.
fn unfolded(value: &str) -> Cow<'_, str> {
    let mut lines = value.split_inclusive('\n').map(|line| {
        let line = line.strip_suffix('\n').unwrap_or(line);
        line.strip_suffix('\r').unwrap_or(line)
    });
    let first = lines.next().unwrap_or_default();
    match lines.next() {
        None => Cow::Borrowed(first),
        Some(second) => Cow::Owned([first, second].into_iter().chain(lines).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(field: &str) -> String {
        let mut out = Vec::new();
        convert(field.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn fields_are_found_up_to_the_first_line_that_is_none() {
        let of = |text: &'static str| {
            fields(text.as_bytes()).map(|f| str::from_utf8(f).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(of("A: 1\n 2\n\t3\nB : x\r\n\nC: 4\n"), ["A: 1\n 2\n\t3\n", "B : x\r\n"]);
        assert_eq!(of("A: 1\n \n\nB: 2"), ["A: 1\n \n"]);
        assert_eq!(of("A:"), ["A:"]);
        for text in ["", "\n", " A: 1\n", "A\n", ": x\n", "a b: x\n", "Ä: x\n", "\0: x\n"] {
            assert_eq!(of(text), [""; 0], "{text:?}");
        }
    }

    #[test]
    fn each_field_is_written_by_its_kind() {
        assert_eq!(converted("subject: ü\n x\n"), "subject: =?UTF-8?Q?=C3=BC?= x\r\n");
        assert_eq!(converted("FROM: ü <a@b.example>"), "FROM: =?UTF-8?Q?=C3=BC?= <a@b.example>\r\n");
        assert_eq!(
            converted("Content-Disposition: attachment;\r\n filename=\"ü.txt\"\r\n"),
            "Content-Disposition: attachment; filename*=UTF-8''%C3%BC.txt\r\n"
        );
        assert_eq!(
            converted("Message-ID: <ü@b.example>\n"),
            "Downgraded-Message-ID: =?UTF-8?Q?=3C=C3=BC=40b=2Eexample=3E?=\r\n"
        );
        assert_eq!(converted("X-Y:ü\n"), "X-Y: =?UTF-8?Q?=C3=BC?=\r\n");
    }

    #[test]
    fn what_needs_no_conversion_only_gets_the_line_ends_of_the_wire() {
        assert_eq!(converted("A: 1\n 2\r\n\t3"), "A: 1\r\n 2\r\n\t3\r\n");
        assert_eq!(converted("A: \r\r\n"), "A: \r\r\n");
    }
}
