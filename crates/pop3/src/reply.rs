//! Writing replies: status lines, numbers, and text that cannot break out of its line.

use crate::ResponseCode;
use crate::language::{self, ReplyText};
use std::fmt;
use std::io::Write;
use std::ops::{Deref, DerefMut};
use vocabulary::Language;

/// The longest text after `+OK ` or `-ERR `, so that the line stays within 512 octets (RFC 1939, section 3).
const MAX_TEXT: usize = 500;

/// The line that ends a multi-line reply (RFC 1939, section 3).
pub(crate) const TERMINATOR: &[u8] = b".\r\n";

/// The output buffer, and the language of the texts for humans.
pub(crate) struct ReplyWriter<'a> {
    out: &'a mut Vec<u8>,
    language: Language,
}

impl<'a> ReplyWriter<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>, language: Language) -> Self {
        Self { out, language }
    }
}

/// Octets that are not text go straight into the buffer.
impl Deref for ReplyWriter<'_> {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        self.out
    }
}

impl DerefMut for ReplyWriter<'_> {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        self.out
    }
}

/// Appends `+OK text`.
pub(crate) fn ok(out: &mut ReplyWriter<'_>, text: ReplyText) {
    let said = language::say(out.language, text);
    line(out, format_args!("+OK {said}"));
}

/// Appends `-ERR [CODE] text`.
pub(crate) fn err(out: &mut ReplyWriter<'_>, code: Option<ResponseCode>, text: ReplyText) {
    let said = language::say(out.language, text);
    match code {
        Some(code) => line(out, format_args!("-ERR {} {said}", code.as_str())),
        None => line(out, format_args!("-ERR {said}")),
    }
}

/// Appends a line and its CRLF. The text must contain no line end.
pub(crate) fn line(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    // Writing to a Vec never fails, and neither does any Display in this crate.
    let _ = write!(out, "{text}\r\n");
}

/// Appends a number in decimal. Hand-written because LIST of a large maildrop spends most of its time here.
pub(crate) fn decimal(out: &mut Vec<u8>, mut number: u64) {
    const LONGEST: usize = 20; // the digits of u64::MAX
    let mut digits = [b'0'; LONGEST];
    let mut start = LONGEST;
    for place in digits.iter_mut().rev() {
        *place = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        start -= 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Makes configured text fit on one line: without control characters, and cut to [`MAX_TEXT`] octets.
pub(crate) fn printable(text: &str) -> impl Iterator<Item = char> {
    let mut octets = 0;
    text.chars().filter(|c| !c.is_control()).take_while(move |c| {
        octets += c.len_utf8();
        octets <= MAX_TEXT
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CommandError;

    #[test]
    fn status_lines() {
        let mut octets = Vec::new();
        for language in Language::ALL.iter().copied() {
            let mut out = ReplyWriter::new(&mut octets, language);
            ok(&mut out, ReplyText::Goodbye);
            err(&mut out, Some(ResponseCode::InUse), ReplyText::MaildropInUse);
            err(&mut out, None, ReplyText::Refused(CommandError::UnknownCommand));
        }
        let english = "+OK goodbye\r\n\
            -ERR [IN-USE] the maildrop is in use by another session\r\n\
            -ERR unknown command\r\n";
        let german = "+OK auf Wiedersehen\r\n\
            -ERR [IN-USE] eine andere Sitzung hat das Postfach\r\n\
            -ERR unbekannter Befehl\r\n";
        assert_eq!(String::from_utf8(octets).unwrap(), [english, german].concat());
    }

    #[test]
    fn decimals_of_every_length() {
        let powers = (0..20).map(|exponent| 10u64.pow(exponent));
        for number in powers.flat_map(|p| [p - 1, p, p + 1]).chain([u64::MAX]) {
            let mut out = Vec::new();
            decimal(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }

    #[test]
    fn configured_text_cannot_leave_its_line() {
        assert_eq!(printable("a\r\n+OK b\0").collect::<String>(), "a+OK b");
        assert_eq!(printable(&"ü".repeat(400)).collect::<String>().len(), MAX_TEXT);
    }
}
