//! The client's side of status lines.

use crate::{LineReader, LineText, NextLine};
use memchr::memchr;
use std::fmt;

/// The longest status line in octets, including its CRLF (RFC 1939, section 3).
const MAX_STATUS_LINE: usize = 512;

/// Reads status lines from chunks. It leaves in the input what follows the line: the body of a multi-line
/// reply, or the next reply of a pipeline.
#[derive(Debug, Default)]
pub struct ReplyReader(LineReader);

/// A status line.
#[derive(Debug)]
pub struct StatusLine<'a> {
    kind: ReplyKind,
    line: LineText<'a>,
}

/// The kind of a status line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyKind {
    /// `+OK`
    Ok,
    /// `-ERR`
    Err,
    /// `+` and a blank: a SASL challenge (RFC 5034, section 4).
    Challenge,
}

/// What is wrong with a status line. It is always an error of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyError {
    /// It begins with neither `+OK`, `-ERR` nor `+ `.
    NoStatus,
    /// It is longer than 512 octets.
    TooLong,
}

impl ReplyReader {
    /// Takes one status line from `input` and advances it. `None` as long as its end is missing.
    ///
    /// # Errors
    ///
    /// The line is not a status line of POP3. The caller should close the connection, since it cannot
    /// understand what follows.
    pub fn read<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<StatusLine<'a>>, ReplyError> {
        let line = match self.0.next(input, MAX_STATUS_LINE) {
            NextLine::Partial => return Ok(None),
            NextLine::TooLong => return Err(ReplyError::TooLong),
            NextLine::Whole(line) => line,
        };
        let kind = [ReplyKind::Ok, ReplyKind::Err, ReplyKind::Challenge];
        match kind.into_iter().find(|kind| kind.begins(&line)) {
            Some(kind) => Ok(Some(StatusLine { kind, line })),
            None => Err(ReplyError::NoStatus),
        }
    }
}

impl ReplyKind {
    fn indicator(self) -> &'static [u8] {
        match self {
            Self::Ok => b"+OK",
            Self::Err => b"-ERR",
            Self::Challenge => b"+",
        }
    }

    fn begins(self, line: &[u8]) -> bool {
        line.strip_prefix(self.indicator()).is_some_and(|rest| matches!(rest, [] | [b' ', ..]))
    }
}

impl StatusLine<'_> {
    /// The kind of the status.
    pub fn kind(&self) -> ReplyKind {
        self.kind
    }

    /// Whether the line is `+OK`.
    pub fn is_ok(&self) -> bool {
        self.kind == ReplyKind::Ok
    }

    /// The text after the status indicator and its blank, including the response code.
    pub fn text(&self) -> &[u8] {
        let text = self.line.get(self.kind.indicator().len()..).unwrap_or_default();
        text.strip_prefix(b" ").unwrap_or(text)
    }

    /// The response code without its brackets, such as `IN-USE` (RFC 2449, section 8).
    pub fn code(&self) -> Option<&[u8]> {
        let inside = self.text().strip_prefix(b"[")?;
        memchr(b']', inside).and_then(|end| inside.get(..end))
    }
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStatus => f.write_str("the server sent a line that begins with neither +OK nor -ERR"),
            Self::TooLong => write!(f, "the server sent a status line of more than {MAX_STATUS_LINE} octets"),
        }
    }
}

impl std::error::Error for ReplyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_lines_are_read_across_chunks() {
        let mut reader = ReplyReader::default();
        let mut input = &b"+OK 2 320\r\n-ERR [IN-USE] busy\r\n+ Zm9v\r\n+O"[..];
        let reply = reader.read(&mut input).unwrap().unwrap();
        assert_eq!((reply.is_ok(), reply.text(), reply.code()), (true, &b"2 320"[..], None));
        let reply = reader.read(&mut input).unwrap().unwrap();
        assert_eq!((reply.kind(), reply.code()), (ReplyKind::Err, Some(&b"IN-USE"[..])));
        let reply = reader.read(&mut input).unwrap().unwrap();
        assert_eq!((reply.kind(), reply.text()), (ReplyKind::Challenge, &b"Zm9v"[..]));
        assert!(reader.read(&mut input).unwrap().is_none());
        let reply = reader.read(&mut &b"K\r\n"[..]).unwrap().unwrap();
        assert_eq!((reply.is_ok(), reply.text()), (true, &b""[..]));
    }

    #[test]
    fn a_line_that_is_no_status_is_an_error() {
        for line in [&b"+OKAY\r\n"[..], b"-ERROR\r\n", b"\r\n", b"SSH-2.0-x\r\n"] {
            assert_eq!(ReplyReader::default().read(&mut &*line).err(), Some(ReplyError::NoStatus));
        }
        let long = [b'+'; 600];
        assert_eq!(ReplyReader::default().read(&mut &long[..]).err(), Some(ReplyError::TooLong));
    }
}
