//! A stored message as RETR and TOP send it: CRLF line ends, dot-stuffing, the terminator.

use crate::reply::TERMINATOR;
use memchr::memchr_iter;

/// Encodes one message, chunk by chunk, as a multi-line reply (RFC 1939, section 3).
///
/// Every line ends in CRLF on the wire. A stored LF becomes CRLF, a stored CRLF stays one, a bare CR and a NUL
/// are content, and a missing last line end is added. A line that begins with a dot gets a second one.
#[derive(Debug)]
pub struct Encoder {
    /// The next octet is the first of a line.
    line_start: bool,
    /// The octet before the next one was CR.
    after_cr: bool,
    octets: u64,
    top: Option<TopLimit>,
}

/// Whether more of the message is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The next chunk is wanted, if there is one.
    More,
    /// The lines that TOP asked for are written; the rest of the message need not be read.
    Enough,
}

impl Encoder {
    /// Encodes a whole message: RETR.
    pub fn retr() -> Self {
        Self { line_start: true, after_cr: false, octets: 0, top: None }
    }

    /// Encodes the header, its blank line, and `lines` lines of the body: TOP.
    pub fn top(lines: u64) -> Self {
        Self { top: Some(TopLimit { lines, part: TopPosition::Header(HeaderLine::Nothing) }), ..Self::retr() }
    }

    /// Appends a chunk of the message to `out`: at most twice its octets, for text about a fortieth more.
    pub fn encode(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Progress {
        let wanted = self.top.as_mut().and_then(|top| top.wanted(chunk));
        match wanted {
            None => {
                self.append(chunk, out);
                Progress::More
            }
            Some(wanted) => {
                self.append(chunk.get(..wanted).unwrap_or(chunk), out);
                Progress::Enough
            }
        }
    }

    /// Ends the reply: the last line end if it is missing, and the terminator.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.end_last_line(out);
        out.extend_from_slice(TERMINATOR);
    }

    /// The octets written so far, as LIST counts them: line ends included, without stuffed dots and the terminator.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Adds the line end that the message lacks.
    pub(crate) fn end_last_line(&mut self, out: &mut Vec<u8>) {
        if !self.line_start {
            out.extend_from_slice(b"\r\n");
            self.octets += 2;
            self.line_start = true;
        }
    }

    /// Copies runs as long as possible: a run ends only where an octet must be put in, before a bare LF or a dot
    /// at the start of a line. Mail stored with CRLF is copied at once.
    fn append(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let (Some(&first), Some(&last)) = (chunk.first(), chunk.last()) else { return };
        let before = out.len();
        // Enough for text; a chunk of very short lines makes the buffer grow, never beyond the bound above.
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
        self.octets += (out.len() - before - stuffed) as u64;
    }
}

/// The octets of a stored message as LIST, STAT and RETR count them: what [`Encoder`] sends before dot-stuffing and
/// without the terminator. The storage counts by the same rule on its own; tests compare the two.
pub fn octets(message: &[u8]) -> u64 {
    let bare = memchr_iter(b'\n', message).filter(|end| *end == 0 || message[end - 1] != b'\r').count();
    let missing = if message.last().is_none_or(|last| *last == b'\n') { 0 } else { 2 };
    (message.len() + bare + missing) as u64
}

/// Where TOP stops. Header lines are not counted, and the blank line after them is always sent.
#[derive(Debug)]
struct TopLimit {
    /// Lines of the body still wanted.
    lines: u64,
    part: TopPosition,
}

#[derive(Clone, Copy, Debug)]
enum TopPosition {
    Header(HeaderLine),
    Body,
    Done,
}

/// What the current header line holds so far. The line is blank if its LF finds nothing or one CR.
#[derive(Clone, Copy, Debug)]
enum HeaderLine {
    Nothing,
    Cr,
    Text,
}

impl HeaderLine {
    fn and(self, piece: &[u8]) -> Self {
        match (self, piece) {
            (seen, []) => seen,
            (Self::Nothing, b"\r") => Self::Cr,
            _ => Self::Text,
        }
    }
}

impl TopLimit {
    /// How many octets of the chunk are the last ones wanted; nothing while all are wanted and more may be.
    fn wanted(&mut self, chunk: &[u8]) -> Option<usize> {
        let body = match self.part {
            TopPosition::Done => return Some(0),
            TopPosition::Body => 0,
            TopPosition::Header(seen) => self.skip_header(chunk, seen)?,
        };
        let end = match self.lines {
            0 => Some(body),
            _ => self.skip_lines(chunk, body),
        };
        if end.is_some() {
            self.part = TopPosition::Done;
        }
        end
    }

    /// Where the body begins, if it begins in this chunk.
    fn skip_header(&mut self, chunk: &[u8], mut seen: HeaderLine) -> Option<usize> {
        let mut start = 0;
        for end in memchr_iter(b'\n', chunk) {
            if !matches!(seen.and(&chunk[start..end]), HeaderLine::Text) {
                self.part = TopPosition::Body;
                return Some(end + 1);
            }
            seen = HeaderLine::Nothing;
            start = end + 1;
        }
        self.part = TopPosition::Header(seen.and(&chunk[start..]));
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
        assert_eq!(encoder.encode(b"A: 1\n", &mut out), Progress::More);
        assert_eq!(encoder.encode(b"\nbody\n", &mut out), Progress::Enough);
        let length = out.len();
        assert_eq!(encoder.encode(b"body\n", &mut out), Progress::Enough);
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
