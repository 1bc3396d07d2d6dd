//! Sends a stored message: CRLF line ends, dot-stuffing, the terminator, and the limit of TOP.

use crate::reply::TERMINATOR;
use memchr::memchr_iter;

/// Encodes one message, chunk by chunk, as a multi-line reply (RFC 1939, section 3).
///
/// On the wire every line ends in CRLF: a stored LF becomes CRLF, a stored CRLF stays as it is, and a missing
/// last line end is added. A bare CR and a NUL are content. A line that begins with a dot gets a second one.
#[derive(Debug)]
pub struct Encoder {
    /// The next octet is the first of a line.
    line_start: bool,
    /// The octet before the next one was CR.
    after_cr: bool,
    octets: u64,
    top: Option<TopLimit>,
}

/// Whether the encoder needs more of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeProgress {
    /// Go on with the next chunk, if there is one.
    More,
    /// The lines that TOP asked for are written; the rest of the message is not needed.
    Enough,
}

impl Encoder {
    /// An encoder for RETR: the whole message.
    pub fn retr() -> Self {
        Self { line_start: true, after_cr: false, octets: 0, top: None }
    }

    /// An encoder for TOP: the header, the blank line after it, and `lines` lines of the body.
    pub fn top(lines: u64) -> Self {
        Self {
            top: Some(TopLimit { lines, position: TopPosition::Header(HeaderLine::Empty) }),
            ..Self::retr()
        }
    }

    /// Appends a chunk of the message to `out`. The output is at most twice as long, for text about a
    /// fortieth longer.
    pub fn encode(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> EncodeProgress {
        let wanted = self.top.as_mut().and_then(|top| top.wanted(chunk));
        match wanted {
            None => {
                self.append(chunk, out);
                EncodeProgress::More
            }
            Some(wanted) => {
                self.append(chunk.get(..wanted).unwrap_or(chunk), out);
                EncodeProgress::Enough
            }
        }
    }

    /// Ends the reply: the last line end if it is missing, and the terminator.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.end_last_line(out);
        out.extend_from_slice(TERMINATOR);
    }

    /// Octets written so far as LIST counts them: with CRLF line ends, without stuffed dots and the
    /// terminator.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Adds the last line end if the message lacks it.
    pub(crate) fn end_last_line(&mut self, out: &mut Vec<u8>) {
        if !self.line_start {
            out.extend_from_slice(b"\r\n");
            self.octets += 2;
            self.line_start = true;
        }
    }

    /// Copies runs as long as possible. A run ends only where an octet must be inserted: before a bare LF, or
    /// before a dot at the start of a line. Mail stored with CRLF is copied in one piece.
    fn append(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let (Some(&first), Some(&last)) = (chunk.first(), chunk.last()) else { return };
        let before = out.len();
        // Enough for text. A chunk of very short lines makes the buffer grow further.
        out.reserve(chunk.len() + chunk.len() / 32 + 2);
        let mut stuffed = 0;
        if self.line_start && first == b'.' {
            out.push(b'.');
            stuffed += 1;
        }
        let mut copied = 0;
        let mut previous = if self.after_cr { b'\r' } else { 0 };
        for end in memchr_iter(b'\n', chunk) {
            if end > 0 {
                previous = chunk[end - 1];
            }
            if previous != b'\r' {
                out.extend_from_slice(&chunk[copied..end]);
                out.push(b'\r');
                copied = end;
            }
            if chunk.get(end + 1) == Some(&b'.') {
                out.extend_from_slice(&chunk[copied..=end]);
                out.push(b'.');
                stuffed += 1;
                copied = end + 1;
            }
        }
        out.extend_from_slice(&chunk[copied..]);
        self.line_start = last == b'\n';
        self.after_cr = last == b'\r';
        self.octets += as_u64(out.len() - before - stuffed);
    }
}

/// The size of a stored message in octets as LIST, STAT and RETR count it: what [`Encoder`] sends, without
/// stuffed dots and the terminator. The crate `maildrop` counts by the same rule on its own; tests compare
/// the two.
pub fn octets(message: &[u8]) -> u64 {
    let bare = memchr_iter(b'\n', message).filter(|end| *end == 0 || message[end - 1] != b'\r').count();
    let missing = if message.last().is_none_or(|last| *last == b'\n') { 0 } else { 2 };
    as_u64(message.len() + bare + missing)
}

/// Widens a length; `usize` has at most 64 bits.
fn as_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Finds where TOP stops. The header and the blank line after it are always sent, and only body lines count.
#[derive(Debug)]
struct TopLimit {
    /// Number of body lines still to send.
    lines: u64,
    position: TopPosition,
}

#[derive(Clone, Copy, Debug)]
enum TopPosition {
    Header(HeaderLine),
    Body,
    Done,
}

/// What the current header line contains so far. It is blank if its LF comes after nothing or after one CR.
#[derive(Clone, Copy, Debug)]
enum HeaderLine {
    Empty,
    Cr,
    Text,
}

impl HeaderLine {
    /// The same line with more octets.
    fn and(self, piece: &[u8]) -> Self {
        match (self, piece) {
            (line, []) => line,
            (Self::Empty, b"\r") => Self::Cr,
            _ => Self::Text,
        }
    }
}

impl TopLimit {
    /// The number of octets of the chunk to send, if TOP stops in it; `None` if it needs the whole chunk.
    fn wanted(&mut self, chunk: &[u8]) -> Option<usize> {
        let body = match self.position {
            TopPosition::Done => return Some(0),
            TopPosition::Body => 0,
            TopPosition::Header(line) => self.skip_header(chunk, line)?,
        };
        let end = match self.lines {
            0 => Some(body),
            _ => self.skip_lines(chunk, body),
        };
        if end.is_some() {
            self.position = TopPosition::Done;
        }
        end
    }

    /// Where the body begins, if it begins in this chunk.
    fn skip_header(&mut self, chunk: &[u8], mut line: HeaderLine) -> Option<usize> {
        let mut start = 0;
        for end in memchr_iter(b'\n', chunk) {
            if !matches!(line.and(&chunk[start..end]), HeaderLine::Text) {
                self.position = TopPosition::Body;
                return Some(end + 1);
            }
            line = HeaderLine::Empty;
            start = end + 1;
        }
        self.position = TopPosition::Header(line.and(&chunk[start..]));
        None
    }

    /// Where the last wanted line of the body ends, if it ends in this chunk.
    fn skip_lines(&mut self, chunk: &[u8], body: usize) -> Option<usize> {
        for end in memchr_iter(b'\n', chunk.get(body..).unwrap_or_default()) {
            self.lines -= 1;
            if self.lines == 0 {
                return Some(body + end + 1);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reply in one piece, having checked that chunks of one octet give the same.
    fn encoded(make: impl Fn() -> Encoder, message: &[u8]) -> Vec<u8> {
        let run = |size: usize| {
            let (mut encoder, mut out) = (make(), Vec::new());
            for chunk in message.chunks(size) {
                encoder.encode(chunk, &mut out);
            }
            encoder.finish(&mut out);
            out
        };
        let whole = run(message.len().max(1));
        assert_eq!(whole, run(1));
        whole
    }

    fn retr(message: &[u8]) -> String {
        String::from_utf8(encoded(Encoder::retr, message)).unwrap()
    }

    fn top(message: &[u8], lines: u64) -> String {
        String::from_utf8(encoded(|| Encoder::top(lines), message)).unwrap()
    }

    #[test]
    fn every_line_end_becomes_crlf_and_crlf_is_not_doubled() {
        assert_eq!(retr(b"a\nb\r\nc\n\r\n\n"), "a\r\nb\r\nc\r\n\r\n\r\n.\r\n");
    }

    #[test]
    fn bare_cr_and_nul_are_content() {
        assert_eq!(retr(b"a\rb\0\r\r\n"), "a\rb\0\r\r\n.\r\n");
        assert_eq!(retr(b"a\r"), "a\r\r\n.\r\n");
        assert_eq!(retr(b"\r"), "\r\r\n.\r\n");
    }

    #[test]
    fn an_empty_message_is_the_terminator_alone() {
        assert_eq!(retr(b""), ".\r\n");
        assert_eq!(top(b"", 0), ".\r\n");
        assert_eq!(octets(b""), 0);
    }

    #[test]
    fn dots_are_stuffed_at_the_start_of_lines_only() {
        assert_eq!(retr(b".\n..a.b\n.c\r\nd.\n"), "..\r\n...a.b\r\n..c\r\nd.\r\n.\r\n");
        assert_eq!(retr(b"."), "..\r\n.\r\n");
        assert_eq!(retr(b"\r.\n"), "\r.\r\n.\r\n", "a bare CR ends no line");
    }

    #[test]
    fn octets_leave_stuffed_dots_and_the_terminator_out() {
        for (message, count) in
            [(&b"a\n"[..], 3), (b"a", 3), (b"a\r", 4), (b"a\r\n", 3), (b".\n", 3), (b"\n\n", 4), (b"\r\n", 2)]
        {
            let (mut encoder, mut out) = (Encoder::retr(), Vec::new());
            encoder.encode(message, &mut out);
            encoder.end_last_line(&mut out);
            assert_eq!((octets(message), encoder.octets()), (count, count), "{message:?}");
        }
    }

    #[test]
    fn top_sends_the_header_its_blank_line_and_so_many_lines() {
        let message = b"A: 1\nB: 2\r\n\r\none\n.two\nthree";
        assert_eq!(top(message, 0), "A: 1\r\nB: 2\r\n\r\n.\r\n");
        assert_eq!(top(message, 1), "A: 1\r\nB: 2\r\n\r\none\r\n.\r\n");
        assert_eq!(top(message, 2), "A: 1\r\nB: 2\r\n\r\none\r\n..two\r\n.\r\n");
        assert_eq!(top(message, 3), retr(message));
        assert_eq!(top(message, u64::MAX), retr(message));
    }

    #[test]
    fn top_of_a_message_without_a_body_or_without_a_header() {
        assert_eq!(top(b"A: 1\n", 0), "A: 1\r\n.\r\n");
        assert_eq!(top(b"A: 1", 5), "A: 1\r\n.\r\n");
        assert_eq!(top(b"\nbody\n", 0), "\r\n.\r\n");
        assert_eq!(top(b"\nbody\n", 1), "\r\nbody\r\n.\r\n");
    }

    #[test]
    fn a_line_of_two_crs_does_not_end_the_header() {
        assert_eq!(top(b"A: 1\n\r\r\n\nbody", 0), "A: 1\r\n\r\r\n\r\n.\r\n");
    }

    #[test]
    fn top_says_enough_and_then_appends_nothing() {
        let (mut encoder, mut out) = (Encoder::top(0), Vec::new());
        assert_eq!(encoder.encode(b"A: 1\n", &mut out), EncodeProgress::More);
        assert_eq!(encoder.encode(b"\nbody\n", &mut out), EncodeProgress::Enough);
        let length = out.len();
        assert_eq!(encoder.encode(b"body\n", &mut out), EncodeProgress::Enough);
        assert_eq!(out.len(), length);
    }

    #[test]
    fn the_output_is_at_most_twice_the_chunk() {
        for worst in [&b"\n"[..], b".\n", b"\n.", b".", b".\n.\n.\n.\n"] {
            let mut out = Vec::new();
            Encoder::retr().encode(worst, &mut out);
            assert!(out.len() <= 2 * worst.len(), "{worst:?}");
        }
    }
}
