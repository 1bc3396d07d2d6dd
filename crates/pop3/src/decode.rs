//! The client's side: status lines and multi-line replies.

use crate::{Line, LineReader, LineText};
use memchr::{memchr, memmem::Finder};
use std::fmt;

/// The longest status line, in octets, its CRLF included (RFC 1939, section 3).
const MAX_STATUS_LINE: usize = 512;

/// Reads status lines from chunks. What follows a line stays in the input: the body of a multi-line reply, or the
/// next reply of a pipeline.
#[derive(Debug, Default)]
pub struct ReplyReader(LineReader);

/// A status line.
#[derive(Debug)]
pub struct Reply<'a> {
    kind: ReplyKind,
    line: LineText<'a>,
}

/// How a status line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyKind {
    /// `+OK`
    Ok,
    /// `-ERR`
    Err,
    /// `+` and a blank: a SASL challenge (RFC 5034, section 4).
    Challenge,
}

/// What is wrong with a status line. Always the server's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyError {
    /// It begins with neither `+OK`, `-ERR` nor `+ `.
    NoStatus,
    /// It is longer than 512 octets.
    TooLong,
}

impl ReplyReader {
    /// Takes one status line from `input`, moving it forward; nothing while its end is missing.
    ///
    /// # Errors
    /// When the line is no status line of POP3. The caller closes the connection: what follows cannot be understood.
    pub fn read<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Reply<'a>>, ReplyError> {
        let line = match self.0.next(input, MAX_STATUS_LINE) {
            Line::Partial => return Ok(None),
            Line::TooLong => return Err(ReplyError::TooLong),
            Line::Whole(line) => line,
        };
        let kind = [ReplyKind::Ok, ReplyKind::Err, ReplyKind::Challenge];
        match kind.into_iter().find(|kind| kind.begins(&line)) {
            Some(kind) => Ok(Some(Reply { kind, line })),
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

impl Reply<'_> {
    /// How the line begins.
    pub fn kind(&self) -> ReplyKind {
        self.kind
    }

    /// Whether the line is `+OK`.
    pub fn is_ok(&self) -> bool {
        self.kind == ReplyKind::Ok
    }

    /// What follows the status indicator and its blank, response code included.
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

/// Decodes the body of a multi-line reply, chunk by chunk (RFC 1939, section 3): takes stuffed dots away and
/// finds the terminator. Line ends stay as they came; a bare LF counts as one.
#[derive(Debug, Default)]
pub struct MultilineDecoder {
    at: At,
    lone_dots: u64,
}

/// How far [`MultilineDecoder::decode`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The octets used. What follows belongs to the next reply.
    pub consumed: usize,
    /// The terminator was found.
    pub ended: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum At {
    #[default]
    LineStart,
    /// A dot began the line: stuffed, or the terminator.
    Dot,
    /// A dot and a CR began the line.
    DotCr,
    Inside,
    Ended,
}

impl MultilineDecoder {
    /// Decodes a chunk and hands the content to `sink`, in runs as long as possible and without copying.
    pub fn decode(&mut self, input: &[u8], mut sink: impl FnMut(&[u8])) -> Decoded {
        let stuffing = Finder::new(b"\n.");
        let mut rest = input;
        while let (false, Some(&next)) = (matches!(self.at, At::Ended), rest.first()) {
            let taken = match (self.at, next) {
                (At::LineStart, b'.') => self.step(At::Dot),
                (At::Dot, b'\r') => self.step(At::DotCr),
                (At::Dot | At::DotCr, b'\n') => self.step(At::Ended),
                (At::DotCr, _) => {
                    self.lone_dots += 1;
                    sink(b"\r");
                    self.at = At::Inside;
                    0
                }
                (At::LineStart | At::Dot | At::Inside | At::Ended, _) => {
                    self.lone_dots += u64::from(matches!(self.at, At::Dot) && next != b'.');
                    let run = stuffing.find(rest).map_or(rest, |end| &rest[..=end]);
                    sink(run);
                    self.at = if run.ends_with(b"\n") { At::LineStart } else { At::Inside };
                    run.len()
                }
            };
            rest = &rest[taken..];
        }
        Decoded { consumed: input.len() - rest.len(), ended: matches!(self.at, At::Ended) }
    }

    /// Lines so far that began with one dot and did not end there. A server must double it (RFC 1939, section 3); the
    /// decoder has taken it away all the same.
    pub fn lone_dots(&self) -> u64 {
        self.lone_dots
    }

    /// Moves on over one octet that is not content.
    fn step(&mut self, at: At) -> usize {
        self.at = at;
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The content and what follows the terminator, having checked that single octets give the same.
    fn decoded(input: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
        let run = |size: usize| {
            let (mut decoder, mut content) = (MultilineDecoder::default(), Vec::new());
            let mut used = 0;
            for chunk in input.chunks(size) {
                let step = decoder.decode(chunk, |run| content.extend_from_slice(run));
                used += step.consumed;
                if step.ended {
                    return (content, Some(input[used..].to_vec()));
                }
                assert_eq!(step.consumed, chunk.len());
            }
            (content, None)
        };
        let whole = run(input.len().max(1));
        assert_eq!(whole, run(1));
        whole
    }

    #[test]
    fn the_terminator_ends_the_body_and_the_next_reply_stays() {
        assert_eq!(decoded(b"a\r\n.\r\n+OK"), (b"a\r\n".to_vec(), Some(b"+OK".to_vec())));
        assert_eq!(decoded(b".\r\n"), (vec![], Some(vec![])));
        assert_eq!(decoded(b"a\r\n"), (b"a\r\n".to_vec(), None));
    }

    #[test]
    fn a_bare_lf_ends_a_line_too() {
        assert_eq!(decoded(b"a\n..b\n.\n+OK"), (b"a\n.b\n".to_vec(), Some(b"+OK".to_vec())));
    }

    #[test]
    fn stuffed_dots_go_and_others_stay() {
        assert_eq!(decoded(b"..\r\n...\r\n.a.\r\n.\r\n").0, b".\r\n..\r\na.\r\n");
        assert_eq!(decoded(b".\rx\r\n.\r\n").0, b"\rx\r\n");
        assert_eq!(decoded(b".\r\r\n.\r\n").0, b"\r\r\n");
    }

    #[test]
    fn dots_that_were_not_doubled_are_counted() {
        let lone_dots = |input: &[u8]| {
            let mut decoder = MultilineDecoder::default();
            decoder.decode(input, |_| {});
            decoder.lone_dots()
        };
        assert_eq!(lone_dots(b"..\r\n...a\r\n.\r\n"), 0);
        assert_eq!(lone_dots(b".a\r\n..b\r\n.\rc\r\n.\r\n"), 2);
    }

    #[test]
    fn an_ended_decoder_takes_nothing() {
        let mut decoder = MultilineDecoder::default();
        decoder.decode(b".\r\n", |_| {});
        assert_eq!(decoder.decode(b"+OK\r\n", |_| {}), Decoded { consumed: 0, ended: true });
    }

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
