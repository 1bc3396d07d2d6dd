//! Splits chunks into lines of bounded length, without copying lines that are whole in one chunk.

use memchr::memchr;
use std::fmt;
use std::ops::Deref;
use zeroize::Zeroizing;

/// The longest command line in octets, including its CRLF (RFC 2449, section 4).
pub const MAX_COMMAND_LINE: usize = 255;

/// Splits chunks into lines that end in CRLF or a bare LF.
///
/// A line that is whole in one chunk is borrowed from it. Only the start of a line whose end is still missing
/// is kept. That memory is wiped and freed with the line, since it may hold a password.
#[derive(Default)]
pub struct LineReader {
    stash: Zeroizing<Vec<u8>>,
    /// The reader is skipping the rest of a line that was too long.
    skipping: bool,
}

/// What [`LineReader::next`] found.
#[derive(Debug)]
pub enum NextLine<'a> {
    /// The end of the line has not come yet; the chunk is used up.
    Partial,
    /// More than `limit` octets without an end. Returned once per line, as soon as the limit is reached; the
    /// rest of the line is skipped and not kept.
    TooLong,
    /// A line, without its CRLF or LF.
    Whole(LineText<'a>),
}

/// The octets of a line without its end: borrowed from the chunk, or owned if the line came in pieces.
pub struct LineText<'a>(LineSource<'a>);

enum LineSource<'a> {
    Chunk(&'a [u8]),
    Stash(Zeroizing<Vec<u8>>),
}

impl LineReader {
    /// Takes at most one line from `input` and advances it. `limit` is the longest line in octets, including
    /// its end. It may change between calls: a SASL response may be longer than a command.
    pub fn next<'a>(&mut self, input: &mut &'a [u8], limit: usize) -> NextLine<'a> {
        if self.skip(input) {
            return NextLine::Partial;
        }
        let room = limit.saturating_sub(self.stash.len()).min(input.len());
        match memchr(b'\n', &input[..room]) {
            Some(end) => {
                let piece = advance(input, end + 1);
                NextLine::Whole(LineText(self.complete(piece)))
            }
            None if self.stash.len() + room >= limit => {
                advance(input, room);
                self.stash = Zeroizing::default();
                self.skipping = true;
                NextLine::TooLong
            }
            None => {
                let piece = advance(input, room);
                self.keep(piece);
                NextLine::Partial
            }
        }
    }

    /// Whether the next line begins with these letters, in upper or lower case. False as long as fewer octets
    /// of it have come.
    pub(crate) fn next_begins_with(&mut self, input: &mut &[u8], letters: &[u8]) -> bool {
        if self.skip(input) {
            return false;
        }
        let mut line = self.stash.iter().chain(input.iter());
        letters.iter().all(|letter| line.next().is_some_and(|octet| octet.eq_ignore_ascii_case(letter)))
    }

    /// Skips what has come of a line that was too long. Returns whether more of it is to come.
    fn skip(&mut self, input: &mut &[u8]) -> bool {
        if self.skipping {
            let rest = memchr(b'\n', input).map_or(input.len(), |end| end + 1);
            self.skipping = !advance(input, rest).ends_with(b"\n");
        }
        self.skipping
    }

    fn complete<'a>(&mut self, piece: &'a [u8]) -> LineSource<'a> {
        if self.stash.is_empty() {
            return LineSource::Chunk(piece);
        }
        self.keep(piece);
        LineSource::Stash(std::mem::take(&mut self.stash))
    }

    /// Appends to the stash. It grows here because a `Vec` would free its old memory without wiping it.
    fn keep(&mut self, piece: &[u8]) {
        let needed = self.stash.len() + piece.len();
        if needed > self.stash.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.next_power_of_two()));
            larger.extend_from_slice(&self.stash);
            self.stash = larger;
        }
        self.stash.extend_from_slice(piece);
    }
}

impl Deref for LineText<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let line = match &self.0 {
            LineSource::Chunk(line) => line,
            LineSource::Stash(line) => line.as_slice(),
        };
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line)
    }
}

/// Does not show the line, which may hold a password.
impl fmt::Debug for LineReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LineReader({} octets kept)", self.stash.len())
    }
}

/// Does not show the line, which may hold a password.
impl fmt::Debug for LineText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LineText({} octets)", self.len())
    }
}

/// Takes octets from the front of `input`.
fn advance<'a>(input: &mut &'a [u8], octets: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(octets);
    *input = rest;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lines in the chunks, with `!` for a line that is too long.
    fn lines(chunks: &[&[u8]], limit: usize) -> Vec<Vec<u8>> {
        let mut reader = LineReader::default();
        let mut found = Vec::new();
        for mut chunk in chunks.iter().copied() {
            loop {
                match reader.next(&mut chunk, limit) {
                    NextLine::Partial => break,
                    NextLine::TooLong => found.push(b"!".to_vec()),
                    NextLine::Whole(line) => found.push(line.to_vec()),
                }
            }
            assert!(chunk.is_empty(), "a partial line leaves nothing behind");
        }
        found
    }

    #[test]
    fn crlf_and_bare_lf_end_a_line() {
        assert_eq!(lines(&[b"STAT\r\nNOOP\n\r\n\n"], 255), [&b"STAT"[..], b"NOOP", b"", b""]);
    }

    #[test]
    fn only_one_cr_belongs_to_the_end() {
        assert_eq!(lines(&[b"a\r\r\nb\rc\n"], 255), [&b"a\r"[..], b"b\rc"]);
    }

    #[test]
    fn pieces_make_a_line() {
        assert_eq!(lines(&[b"ST", b"AT", b"\r", b"\nNOOP", b"\r\n"], 255), [&b"STAT"[..], b"NOOP"]);
    }

    #[test]
    fn the_limit_counts_the_line_end() {
        assert_eq!(lines(&[b"abcdef\r\n"], 8), [b"abcdef"]);
        assert_eq!(lines(&[b"abcdefg\r\nnext\n"], 8), [&b"!"[..], b"next"]);
        assert_eq!(lines(&[b"abcdefg", b"\r\nnext\n"], 8), [&b"!"[..], b"next"]);
    }

    #[test]
    fn a_megabyte_without_an_end_is_reported_once_and_not_kept() {
        let mut reader = LineReader::default();
        let mut reports = 0;
        for _ in 0..1024 {
            let mut chunk = &[b'x'; 1024][..];
            while !chunk.is_empty() {
                reports += u32::from(matches!(reader.next(&mut chunk, 255), NextLine::TooLong));
            }
        }
        assert_eq!((reports, reader.stash.capacity()), (1, 0));
        let mut end = &b"x\nNOOP\n"[..];
        assert!(matches!(reader.next(&mut end, 255), NextLine::Whole(line) if *line == *b"NOOP"));
    }

    #[test]
    fn the_stash_is_bounded_and_freed_with_its_line() {
        let mut reader = LineReader::default();
        for _ in 0..254 {
            assert!(matches!(reader.next(&mut &b"x"[..], 255), NextLine::Partial));
        }
        assert!(reader.stash.capacity() <= 256);
        assert!(matches!(reader.next(&mut &b"\n"[..], 255), NextLine::Whole(line) if line.len() == 254));
        assert_eq!(reader.stash.capacity(), 0);
    }

    #[test]
    fn the_beginning_of_the_next_line_can_be_asked_for() {
        let mut reader = LineReader::default();
        for (mut chunk, begins) in
            [(&b"aU"[..], false), (b"t", false), (b"H ", true), (b"x", true), (b"\n", true)]
        {
            assert_eq!(reader.next_begins_with(&mut chunk, b"AUTH "), begins);
            reader.next(&mut chunk, 255);
        }
        assert!(!reader.next_begins_with(&mut &b"AUTHx"[..], b"AUTH "));
        // What is left of a line that was too long is not the next line.
        let mut reader = LineReader::default();
        assert!(matches!(reader.next(&mut &b"xxxxxxx"[..], 7), NextLine::TooLong));
        assert!(!reader.next_begins_with(&mut &b"AUTH AUTH"[..], b"AUTH "));
        assert!(reader.next_begins_with(&mut &b"AUTH \nAUTH x"[..], b"AUTH "));
    }

    #[test]
    fn debug_shows_no_octet() {
        let mut reader = LineReader::default();
        reader.next(&mut &b"PASS ses"[..], 255);
        assert_eq!(format!("{reader:?}"), "LineReader(8 octets kept)");
        let line = reader.next(&mut &b"ame\r\n"[..], 255);
        assert_eq!(format!("{line:?}"), "Whole(LineText(11 octets))");
    }

    #[test]
    fn a_smaller_limit_ends_a_line_that_a_larger_one_began() {
        let mut reader = LineReader::default();
        assert!(matches!(reader.next(&mut &[b'x'; 300][..], 12288), NextLine::Partial));
        let mut more = &b"x\nNOOP\n"[..];
        assert!(matches!(reader.next(&mut more, 255), NextLine::TooLong));
        assert!(matches!(reader.next(&mut more, 255), NextLine::Whole(line) if *line == *b"NOOP"));
    }
}
