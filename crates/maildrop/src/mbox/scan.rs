//! Finds the messages of an mbox in one pass: their boundaries, their octets on the wire, and their digests.
//!
//! The rule is that of mpopd.conf(5): a start line directly after the file's beginning or after an end line
//! begins a message. The start line belongs to no message, nor does that end line, nor an end line that is
//! the last line of the file. Every other end line is content. Here, a start line begins with `From `, and an
//! end line is empty or holds only white space.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use memchr::{memchr, memrchr};

use super::digest::is_space;
use super::message::{MboxMessage, OpenMessage, ScanStop};
use crate::widths::{at_most, to_u64};

const FROM: &[u8] = b"From ";

/// Takes a file in chunks of any size, and collects its messages.
pub(super) struct Scanner {
    /// Only messages that begin at this offset or later are collected...
    from: u64,
    /// ... and before here.
    until: u64,
    /// The offset of the next octet in the file, and the octet before it.
    at: u64,
    last: u8,
    line: OpenLine,
    /// The line before the open one, if it is an end line.
    end_line: Option<EndLine>,
    current: Option<OpenMessage>,
    messages: Vec<MboxMessage>,
    /// Whether only end lines have been seen since the beginning of the file.
    leading: bool,
}

/// The line whose end has not been seen yet.
struct OpenLine {
    start: u64,
    length: u64,
    /// Whether all of it so far, or its first five octets, are those of a start line.
    from: bool,
    /// Whether all of it so far is white space.
    blank: bool,
}

#[derive(Clone, Copy)]
struct EndLine {
    start: u64,
    /// How many bare line feeds it holds: one, or none if it ends in CRLF.
    bare: u64,
}

impl Scanner {
    /// A scanner for a file from its beginning, or from `at`, which must be the beginning of a line. It
    /// collects the messages that begin at `from` or later and before `until`. The line before `from` must be
    /// among what is scanned.
    pub(super) fn new(at: u64, from: u64, until: u64) -> Self {
        Self {
            from,
            until,
            at,
            last: b'\n',
            line: OpenLine::new(at),
            end_line: (at == 0).then_some(EndLine { start: 0, bare: 0 }),
            current: None,
            messages: Vec::new(),
            leading: at == 0,
        }
    }

    /// How many messages are complete.
    pub(super) fn found(&self) -> usize {
        self.messages.len()
    }

    /// Takes the next octets of the file.
    pub(super) fn feed(&mut self, chunk: &[u8]) -> Result<(), ScanStop> {
        let (Some(first), Some(last)) = (memchr(b'\n', chunk), memrchr(b'\n', chunk)) else {
            return self.part_of_line(chunk);
        };
        let (lines, part) = chunk.split_at(last + 1);
        let (end, lines) = lines.split_at(first + 1);
        self.end_of_line(end)?;
        self.whole_lines(lines)?;
        self.part_of_line(part)
    }

    /// The messages, now that the file has ended or [`ScanStop::Limit`] was reached.
    pub(super) fn finish(mut self) -> Result<Vec<MboxMessage>, ScanStop> {
        if self.line.length == 0 {
            let end_line = self.end_line.unwrap_or(EndLine { start: self.at, bare: 0 });
            self.close(end_line, b'\n');
        } else if self.line.blank {
            self.close(EndLine { start: self.line.start, bare: 0 }, b'\n');
        } else if self.leading {
            return Err(ScanStop::NotAnMbox);
        } else {
            self.close(EndLine { start: self.at, bare: 0 }, self.last);
        }
        Ok(self.messages)
    }

    /// Takes octets without a line feed: the open line goes on.
    fn part_of_line(&mut self, part: &[u8]) -> Result<(), ScanStop> {
        self.extend_line(part)?;
        if self.leading && !self.line.blank && !self.line.from {
            return Err(ScanStop::NotAnMbox);
        }
        self.give(part);
        Ok(())
    }

    /// Takes octets whose only line feed is their last octet: the open line ends.
    fn end_of_line(&mut self, end: &[u8]) -> Result<(), ScanStop> {
        let text = &end[..end.len() - 1];
        self.extend_line(text)?;
        if self.leading && !self.line.blank {
            return Err(ScanStop::NotAnMbox);
        }
        let before_feed = text.last().copied().unwrap_or(self.last);
        let OpenLine { start, blank, .. } = self.line;
        self.end_line = blank.then(|| EndLine { start, bare: u64::from(before_feed != b'\r') });
        self.give(end);
        self.line = OpenLine::new(self.at);
        Ok(())
    }

    /// Takes any number of complete lines: the bulk of the file.
    fn whole_lines(&mut self, lines: &[u8]) -> Result<(), ScanStop> {
        static START: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\nFrom "));
        let Some(last) = lines.len().checked_sub(1) else { return Ok(()) };
        let base = self.at;
        let mut given = 0;
        if lines.starts_with(FROM)
            && let Some(end_line) = self.end_line
        {
            self.begin(base, end_line)?;
        }
        for feed in START.find_iter(lines) {
            let Some(end_line) = end_line(lines, feed, base) else { continue };
            let (until, start) = (&lines[given..=feed], feed + 1);
            self.leading_lines(until)?;
            self.give(until);
            given = start;
            self.begin(base + to_u64(start), end_line)?;
        }
        let rest = &lines[given..];
        self.leading_lines(rest)?;
        self.give(rest);
        self.end_line = end_line(lines, last, base);
        self.line = OpenLine::new(self.at);
        Ok(())
    }

    /// Adds octets to the open line, which may thereby become a start line.
    fn extend_line(&mut self, part: &[u8]) -> Result<(), ScanStop> {
        let before = self.line.length;
        self.line.extend(part);
        let became_start = before < to_u64(FROM.len()) && self.line.is_start();
        if became_start && let Some(end_line) = self.end_line {
            self.begin(self.line.start, end_line)?;
            if let Some(current) = &mut self.current {
                // The part that was in earlier chunks went to the message before, but changed nothing there:
                // its header had ended, at the end line if not before.
                current.seen = FROM[..at_most(before, FROM.len())].to_vec();
            }
        }
        Ok(())
    }

    /// Ends the message before at `end_line` and begins a new one.
    fn begin(&mut self, start: u64, end_line: EndLine) -> Result<(), ScanStop> {
        self.close(end_line, b'\n');
        self.leading = false;
        if start >= self.until {
            return Err(ScanStop::Limit);
        }
        if start >= self.from {
            self.current = Some(OpenMessage::begun(start));
        }
        Ok(())
    }

    /// Completes the current message, whose content ends before `end_line` and with the octet `last`.
    fn close(&mut self, end_line: EndLine, last: u8) {
        let Some(current) = self.current.take() else { return };
        self.messages.push(current.close(end_line.start, end_line.bare, last));
    }

    /// Gives octets to the current message.
    fn give(&mut self, text: &[u8]) {
        let Some(&last) = text.last() else { return };
        if let Some(current) = &mut self.current {
            current.take(self.at, self.last, text);
        }
        self.at += to_u64(text.len());
        self.last = last;
    }

    /// Checks that only end lines come before the first start line.
    fn leading_lines(&self, lines: &[u8]) -> Result<(), ScanStop> {
        let blank = |&byte: &u8| byte == b'\n' || is_space(byte);
        if self.leading && !lines.iter().all(blank) { Err(ScanStop::NotAnMbox) } else { Ok(()) }
    }
}

impl OpenLine {
    fn new(start: u64) -> Self {
        Self { start, length: 0, from: true, blank: true }
    }

    fn extend(&mut self, part: &[u8]) {
        let known = at_most(self.length, FROM.len());
        self.from = self.from && FROM[known..].iter().zip(part).all(|(want, have)| want == have);
        self.blank = self.blank && part.iter().all(|&byte| is_space(byte));
        self.length += to_u64(part.len());
    }

    fn is_start(&self) -> bool {
        self.from && self.length >= to_u64(FROM.len())
    }
}

/// The line that ends with the line feed at `feed`, if it is an end line. `lines` begin at offset `base`.
fn end_line(lines: &[u8], feed: usize, base: u64) -> Option<EndLine> {
    let text = &lines[..feed];
    let start = text.iter().rposition(|&byte| !is_space(byte)).map_or(0, |at| at + 1);
    let begins_line = start == 0 || lines[start - 1] == b'\n';
    let bare = u64::from(!text[start..].ends_with(b"\r"));
    begins_line.then_some(EndLine { start: base + to_u64(start), bare })
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::digest::{HeaderDigest, WINDOW};
    use super::*;
    use crate::wire;
    use proptest::prelude::*;

    /// The rule, line by line over the whole file, without any of the scanner's optimizations.
    fn naive(file: &[u8]) -> Option<Vec<MboxMessage>> {
        let lines: Vec<&[u8]> = file.split_inclusive(|&byte| byte == b'\n').collect();
        let offset = |index: usize| lines[..index].iter().map(|line| line.len()).sum::<usize>();
        let is_end = |line: &[u8]| line.iter().all(|&byte| is_space(byte) || byte == b'\n');
        let mut starts = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            if line.starts_with(FROM) && (index == 0 || is_end(lines[index - 1])) {
                starts.push(index);
            }
        }
        let first = starts.first().copied().unwrap_or(lines.len());
        if !lines[..first].iter().all(|line| is_end(line)) {
            return None;
        }
        let mut messages = Vec::new();
        for (nth, &start) in starts.iter().enumerate() {
            let next = starts.get(nth + 1).copied().unwrap_or(lines.len());
            let has_end_line = next > start + 1 && is_end(lines[next - 1]);
            let end = offset(if has_end_line { next - 1 } else { next });
            let content = offset(start + 1);
            let octets = wire::octets_of(&file[content..end]);
            let head = HeaderDigest::of(&file[offset(start)..end]);
            let eight_bit = head.eight_bit;
            let digest = head.digest(octets);
            let message = MboxMessage {
                start: to_u64(offset(start)),
                content: to_u64(content),
                end: to_u64(end),
                octets,
                digest,
                quoted: 0,
                eight_bit,
                surrogate: None,
            };
            messages.push(message);
        }
        Some(messages)
    }

    fn scan<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<MboxMessage>> {
        let mut scanner = Scanner::new(0, 0, u64::MAX);
        for chunk in chunks {
            scanner.feed(chunk).ok()?;
        }
        scanner.finish().ok()
    }

    /// The messages' contents.
    fn contents(file: &str) -> Vec<&str> {
        let messages = scan([file.as_bytes()]).unwrap();
        assert_eq!(Some(&messages), naive(file.as_bytes()).as_ref());
        messages.iter().map(|message| str::from_utf8(message.content_in(file.as_bytes())).unwrap()).collect()
    }

    #[test]
    fn boundaries() {
        assert_eq!(contents(""), [""; 0]);
        assert_eq!(contents("\n \n"), [""; 0]);
        assert_eq!(contents("From a\nx\n\nFrom b\ny\n\n"), ["x\n", "y\n"]);
        assert_eq!(contents("\n\nFrom a\nx\n"), ["x\n"]);
        // It does not follow an end line, so it is content.
        assert_eq!(contents("From a\nx\nFrom b\ny\n"), ["x\nFrom b\ny\n"]);
        // Of several end lines in a row, only the last one is not content.
        assert_eq!(contents("From a\nx\n\n\nFrom b\n\n\n"), ["x\n\n", "\n"]);
        assert_eq!(contents("From a\n\nFrom b\n"), ["", ""]);
        assert_eq!(contents("From a\nFrom b\n"), ["From b\n"]);
        // White space is an end line, and so is CRLF, or white space without a line end.
        assert_eq!(contents("From a\r\nx\r\n\r\nFrom b\r\ny\r\n\r\n"), ["x\r\n", "y\r\n"]);
        assert_eq!(contents("From a\nx\n \t\nFrom b\ny"), ["x\n", "y"]);
        assert_eq!(contents("From a\nx\n\n \t"), ["x\n\n"]);
        // These are almost start lines.
        assert_eq!(contents("From a\nx\n\nFrom\nFromb\n>From c\n"), ["x\n\nFrom\nFromb\n>From c\n"]);
        assert_eq!(contents("From "), [""]);
        // A header line that begins with white space, in pieces of any size.
        let folded = "From a\nA: b\n \tFrom c\n\nx\n";
        assert_eq!(scan(folded.as_bytes().chunks(1)), naive(folded.as_bytes()));
    }

    #[test]
    fn what_begins_otherwise_is_no_mbox() {
        for file in ["x", "x\n", "\nx\n\nFrom a\n", "From", "Fro\n", " From a\n", "\0\n"] {
            assert_eq!(scan([file.as_bytes()]), None, "{file:?}");
            assert_eq!(scan(file.as_bytes().chunks(1)), None, "{file:?}");
            assert_eq!(naive(file.as_bytes()), None, "{file:?}");
        }
    }

    #[test]
    fn a_header_longer_than_the_window_is_the_same_in_all_chunks() {
        let mut file = b"From a\nSubject: x\n\nx\n\nFrom b\nSubject: ".to_vec();
        file.resize(file.len() + WINDOW + 1000, b'y');
        file.extend(b"\nX: y\n\nbody\n\nFrom c\n\nz");
        let whole = naive(&file).unwrap();
        assert_eq!(whole.len(), 3);
        for size in [1000, 4096, WINDOW - 1, WINDOW, WINDOW + 1, file.len()] {
            assert_eq!(scan(file.chunks(size)).as_ref(), Some(&whole), "{size}");
        }
    }

    /// Files made of what matters to the scanner.
    pub(in super::super) fn files() -> impl Strategy<Value = Vec<u8>> {
        let pieces: Vec<&[u8]> = vec![
            b"\n",
            b"\n",
            b"\n",
            b"From ",
            b"From a\n",
            b"\r\n",
            b" ",
            b"\t",
            b"x",
            b"F",
            b"Status: R\n",
            b"A: b\n",
        ];
        let start = prop::sample::select(vec![&b"From a\n"[..], b"\nFrom a\r\n", b""]);
        (start, prop::collection::vec(prop::sample::select(pieces), 0..60))
            .prop_map(|(start, pieces)| [start, &pieces.concat()].concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn agrees_with_the_rule_in_whatever_chunks(
            file in files(), cuts in prop::collection::vec(0usize..100, 0..8)
        ) {
            let expected = naive(&file);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(file.len())).collect();
            cuts.sort_unstable();
            cuts.push(file.len());
            let mut from = 0;
            let mut chunk = |cut: &usize| &file[std::mem::replace(&mut from, *cut)..*cut];
            let chunks: Vec<&[u8]> = cuts.iter().map(&mut chunk).collect();
            prop_assert_eq!(scan(chunks), expected.clone());
            prop_assert_eq!(scan(file.chunks(1)), expected);
        }

        #[test]
        fn parts_add_up_to_the_whole(file in files(), cut in 0usize..100) {
            prop_assume!(naive(&file).is_some());
            let cut = cut.min(file.len());
            let mut messages = Vec::new();
            let before = &file[..cut.saturating_sub(1)];
            let line_before = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
            for (at, from, until) in [(0, 0, to_u64(cut)), (line_before, to_u64(cut), u64::MAX)] {
                let mut scanner = Scanner::new(to_u64(at), from, until);
                let stopped = scanner.feed(&file[at..]);
                prop_assert!(stopped.is_ok() || stopped == Err(ScanStop::Limit));
                messages.extend(scanner.finish().unwrap());
            }
            prop_assert_eq!(Some(messages), naive(&file));
        }
    }
}
