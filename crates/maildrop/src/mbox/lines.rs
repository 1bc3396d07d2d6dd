//! Finds the messages of an mbox whose boundaries are patterns, line by line. The rule is that of
//! [`super::scan`], whose scanner does the same for the default boundaries, only faster.
//!
//! A line that may begin or end a message is held back until that is known, and only then given to the
//! message. Only as much of it is kept as the digest needs: a line may be too long for the memory.
//!
//! A line that begins a message is no end line, even if both patterns match it, as they do in MMDF mailboxes.

use memchr::memchr_iter;

use super::boundaries::{BoundaryPatterns, LineMatch};
use super::digest::WINDOW;
use super::message::{MboxMessage, OpenMessage, ScanStop};
use crate::widths::{at_most, to_u64};
use crate::wire;

/// Takes a file in chunks of any size, and collects its messages.
pub(super) struct LineScanner<'a> {
    patterns: &'a BoundaryPatterns,
    /// Only messages that begin before this offset are collected.
    until: u64,
    /// The offset of the next octet in the file, and the octet before what is given next.
    at: u64,
    last: u8,
    line: UnfinishedLine,
    /// The line before the open one, if it is an end line.
    end_line: Option<HeldEndLine>,
    /// Whether the open line may begin a message.
    may_start: bool,
    current: Option<OpenMessage>,
    messages: Vec<MboxMessage>,
    /// Whether only end lines have been seen since the beginning of the file.
    leading: bool,
}

/// The line whose end has not been seen yet.
struct UnfinishedLine {
    start: u64,
    begins: LineMatch,
    ends: LineMatch,
    /// Whether its last octet is a CR, which may be a part of its line end.
    cr: bool,
    held: HeldBack,
}

struct HeldEndLine {
    start: u64,
    held: HeldBack,
}

/// The part of a line that is held back and was in earlier chunks.
#[derive(Default)]
struct HeldBack {
    /// Its first octets, at most a [`WINDOW`].
    seen: Vec<u8>,
    bare: u64,
    last: Option<u8>,
}

/// The chunk that is being taken.
struct FileChunk<'c> {
    octets: &'c [u8],
    /// Where it lies in the file.
    base: u64,
    /// How much of it has been given to messages, or to none.
    given: usize,
}

impl<'a> LineScanner<'a> {
    /// A scanner for a file from its beginning, or from `at`, which must be the beginning of the end line
    /// before the first message wanted.
    pub(super) fn new(patterns: &'a BoundaryPatterns, at: u64, until: u64) -> Self {
        LineScanner {
            patterns,
            until,
            at,
            last: b'\n',
            line: UnfinishedLine::new(patterns, at),
            end_line: None,
            may_start: at == 0,
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
    pub(super) fn feed(&mut self, octets: &[u8]) -> Result<(), ScanStop> {
        let mut chunk = FileChunk { octets, base: self.at, given: 0 };
        let mut from = 0;
        for feed in memchr_iter(b'\n', octets) {
            self.line.extend(self.patterns, &octets[from..feed]);
            self.at = chunk.base + to_u64(feed) + 1;
            self.end_of_line(&mut chunk)?;
            from = feed + 1;
        }
        self.line.extend(self.patterns, &octets[from..]);
        self.at = chunk.base + to_u64(octets.len());
        self.hold_rest(&mut chunk);
        Ok(())
    }

    /// The messages, now that the file has ended or [`ScanStop::Limit`] was reached.
    pub(super) fn finish(mut self) -> Result<Vec<MboxMessage>, ScanStop> {
        if self.line.start < self.at && self.line.start < self.until {
            self.line.end_without_feed(self.patterns);
            let mut nothing = FileChunk { octets: &[], base: self.at, given: 0 };
            self.end_of_line(&mut nothing)?;
        }
        match self.end_line.take() {
            Some(end_line) => self.close(end_line.start, b'\n'),
            None => self.close(self.at, self.last),
        }
        Ok(self.messages)
    }

    /// Decides what the open line is, which has ended at `self.at`.
    fn end_of_line(&mut self, chunk: &mut FileChunk<'_>) -> Result<(), ScanStop> {
        let next = UnfinishedLine::new(self.patterns, self.at);
        let line = std::mem::replace(&mut self.line, next);
        let begins = self.may_start && self.patterns.start.end(line.begins);
        let ends = !begins && self.patterns.end.end(line.ends);
        if self.leading && !begins && !ends {
            return Err(ScanStop::NotAnMbox);
        }
        self.may_start = ends;
        if begins {
            let end = self.end_line.take().map_or(line.start, |end_line| end_line.start);
            self.give_until(chunk, end);
            self.close(end, b'\n');
            return self.begin(chunk, line);
        }
        if let Some(end_line) = self.end_line.take() {
            self.give(&end_line.held);
        }
        if ends {
            self.end_line = Some(HeldEndLine { start: line.start, held: line.held });
        } else {
            self.give(&line.held);
        }
        Ok(())
    }

    /// Begins a message with `line`, which ends at `self.at`.
    fn begin(&mut self, chunk: &mut FileChunk<'_>, line: UnfinishedLine) -> Result<(), ScanStop> {
        self.leading = false;
        self.last = b'\n';
        if line.start >= self.until {
            self.line.start = line.start;
            return Err(ScanStop::Limit);
        }
        let mut held = line.held;
        held.extend(chunk.range(line.start, self.at));
        chunk.skip_until(self.at);
        self.current = Some(OpenMessage::new(line.start, self.at, held.seen));
        Ok(())
    }

    /// At the end of a chunk, gives what is certain and holds back the rest.
    fn hold_rest(&mut self, chunk: &mut FileChunk<'_>) {
        if let Some(end_line) = &mut self.end_line {
            let (start, end) = (end_line.start, self.line.start);
            end_line.held.extend(chunk.range(start, end));
            self.give_until(chunk, start);
            chunk.skip_until(end);
        }
        let is_content = !self.line.may_end_or_begin(self.may_start);
        if is_content {
            // It is content for certain, so all of it goes to the message, however long it becomes.
            if let Some(end_line) = self.end_line.take() {
                self.give(&end_line.held);
            }
            let held = std::mem::take(&mut self.line.held);
            self.give(&held);
            self.give_until(chunk, self.at);
        } else {
            self.give_until(chunk, self.line.start);
            self.line.held.extend(chunk.range(self.line.start, self.at));
        }
    }

    /// Completes the current message, whose content ends at `end` and with the octet `last`.
    fn close(&mut self, end: u64, last: u8) {
        if let Some(current) = self.current.take() {
            self.messages.push(current.close(end, 0, last));
        }
    }

    /// Gives what was held back to the current message.
    fn give(&mut self, held: &HeldBack) {
        let Some(last) = held.last else { return };
        if let Some(current) = &mut self.current {
            current.take_counted(&held.seen, held.bare);
        }
        self.last = last;
    }

    /// Gives the chunk up to the offset `until` to the current message.
    fn give_until(&mut self, chunk: &mut FileChunk<'_>, until: u64) {
        let from = chunk.given;
        chunk.skip_until(until);
        let text = chunk.octets.get(from..chunk.given).unwrap_or_default();
        let Some(&last) = text.last() else { return };
        if let Some(current) = &mut self.current {
            current.take(chunk.base + to_u64(from), self.last, text);
        }
        self.last = last;
    }
}

impl UnfinishedLine {
    fn new(patterns: &BoundaryPatterns, start: u64) -> Self {
        let (begins, ends) = (patterns.start.begin(), patterns.end.begin());
        Self { start, begins, ends, cr: false, held: HeldBack::default() }
    }

    /// Takes octets without a line feed.
    fn extend(&mut self, patterns: &BoundaryPatterns, octets: &[u8]) {
        if octets.is_empty() {
            return;
        }
        let mut match_octets = |octets: &[u8]| {
            self.begins = patterns.start.feed(self.begins, octets);
            self.ends = patterns.end.feed(self.ends, octets);
        };
        if self.cr {
            match_octets(b"\r");
        }
        self.cr = octets.ends_with(b"\r");
        match_octets(&octets[..octets.len() - usize::from(self.cr)]);
    }

    /// The file ends here, so a CR at its end is no part of a line end.
    fn end_without_feed(&mut self, patterns: &BoundaryPatterns) {
        if std::mem::take(&mut self.cr) {
            self.begins = patterns.start.feed(self.begins, b"\r");
            self.ends = patterns.end.feed(self.ends, b"\r");
        }
    }

    fn may_end_or_begin(&self, may_start: bool) -> bool {
        (may_start && self.begins != LineMatch::No) || self.ends != LineMatch::No
    }
}

impl HeldBack {
    fn extend(&mut self, octets: &[u8]) {
        let room = WINDOW - self.seen.len();
        self.seen.extend_from_slice(&octets[..octets.len().min(room)]);
        self.bare += wire::bare_feeds(self.last.unwrap_or(b'\n'), octets);
        self.last = octets.last().copied().or(self.last);
    }
}

impl FileChunk<'_> {
    /// The octets of the file from `from` to `until` that are in this chunk.
    fn range(&self, from: u64, until: u64) -> &[u8] {
        let index = |offset: u64| at_most(offset.saturating_sub(self.base), self.octets.len());
        self.octets.get(index(from)..index(until)).unwrap_or_default()
    }

    fn skip_until(&mut self, until: u64) {
        let index = at_most(until.saturating_sub(self.base), self.octets.len());
        self.given = self.given.max(index);
    }
}

#[cfg(test)]
mod tests {
    use super::super::boundaries::Boundaries;
    use super::super::digest::HeaderDigest;
    use super::super::scan::Scanner;
    use super::super::scan::tests::files;
    use super::*;
    use proptest::prelude::*;

    fn scan<'a>(
        boundaries: &Boundaries,
        chunks: impl IntoIterator<Item = &'a [u8]>,
    ) -> Option<Vec<MboxMessage>> {
        let mut scanner = LineScanner::new(boundaries.patterns().unwrap(), 0, u64::MAX);
        for chunk in chunks {
            scanner.feed(chunk).ok()?;
        }
        scanner.finish().ok()
    }

    /// The messages' contents, after checking that chunks of every size give the same; `None` for what is no
    /// mbox.
    fn contents(boundaries: &Boundaries, file: &str) -> Option<Vec<String>> {
        let messages = scan(boundaries, [file.as_bytes()]);
        for size in 1..=file.len() {
            assert_eq!(scan(boundaries, file.as_bytes().chunks(size)), messages, "{size}: {file:?}");
        }
        let messages = messages?;
        for message in &messages {
            let content = message.content_in(file.as_bytes());
            assert_eq!(message.octets, wire::octets_of(content));
            let whole = message.whole_in(file.as_bytes());
            assert_eq!(message.digest, HeaderDigest::of(whole).digest(message.octets), "{file:?}");
        }
        Some(
            messages
                .iter()
                .map(|m| str::from_utf8(m.content_in(file.as_bytes())).unwrap().to_owned())
                .collect(),
        )
    }

    fn own(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn usual() -> Boundaries {
        Boundaries::compiled(Boundaries::START, Boundaries::END).unwrap()
    }

    #[test]
    fn mmdf() {
        let mmdf = Boundaries::new(r"^\x01\x01\x01\x01$", r"^\x01\x01\x01\x01$").unwrap();
        let of = |file: &str, expected: &[&str]| {
            assert_eq!(contents(&mmdf, file).as_deref(), Some(&*own(expected)), "{file:?}")
        };
        const LINE: &str = "\x01\x01\x01\x01\n";
        let text = "A: 1\n\nx\n\nFrom here\n\n";
        of("", &[]);
        of(&format!("{LINE}{text}{LINE}"), &[text]);
        of(&format!("{LINE}{text}{LINE}{LINE}B: 2\n{LINE}"), &[text, "B: 2\n"]);
        of(&format!("{LINE}{text}{LINE}{LINE}B: 2"), &[text, "B: 2"]);
        // The lines come in pairs even if there is nothing between them.
        of(&LINE.repeat(4), &["", ""]);
        of(&LINE.repeat(3), &["", ""]);
        of(LINE, &[""]);
        // A single such line inside a message is content.
        let inside = format!("a\n{LINE}b\n");
        of(&format!("{LINE}{inside}{LINE}"), &[&inside[..]]);
        let dos = format!("{LINE}{text}{LINE}{LINE}B: 2\n{LINE}").replace('\n', "\r\n");
        of(&dos, &[&text.replace('\n', "\r\n"), "B: 2\r\n"]);
        assert_eq!(contents(&mmdf, "\x01\x01\x01\x01\x01\nx\n"), None);
        assert_eq!(contents(&mmdf, "From a\n\nx\n"), None);
    }

    #[test]
    fn an_invented_format() {
        let invented = Boundaries::new("^=+ message [0-9]+ =+$", "^-- end( of message)?$").unwrap();
        let of = |file: &str, expected: &[&str]| {
            assert_eq!(contents(&invented, file).as_deref(), Some(&*own(expected)), "{file:?}")
        };
        let file = "== message 1 ==\nA: 1\n\n== message 2 ==\n\n-- end\n\n-- end of message\n\
            = message 22 =\nB: 2\n-- end\n";
        of(file, &["A: 1\n\n== message 2 ==\n\n-- end\n\n", "B: 2\n"]);
        of("-- end\n-- end\n= message 1 =\nx", &["x"]);
        of("-- end\n", &[]);
        assert_eq!(contents(&invented, "= message 1\n-- end\n"), None);
        // Of several end lines in a row, only the last one is not part of the message.
        of("= message 1 =\n-- end\n-- end\n", &["-- end\n"]);
        // The last line has no line feed.
        of("= message 1 =\nx\n-- end", &["x\n"]);
        of("= message 1 =\nx\n-- end\n= message 2 =", &["x\n", ""]);
        of("= message 1 =\nx\n-- end\n= message 2 =\r", &["x\n-- end\n= message 2 =\r"]);
    }

    #[test]
    fn patterns_that_look_at_the_end_of_lines() {
        let ends = Boundaries::new("begin$", "end$").unwrap();
        let long = "x".repeat(200_000);
        let file = format!("{long} begin\nA: {long}\n{long}end\n{long}\n{long} end\n{long}begin\nB: 1\n");
        let whole = scan(&ends, [file.as_bytes()]).unwrap();
        let found: Vec<_> =
            whole.iter().map(|m| str::from_utf8(m.content_in(file.as_bytes())).unwrap()).collect();
        assert_eq!(found, [format!("A: {long}\n{long}end\n{long}\n").as_str(), "B: 1\n"]);
        for size in [1000, 65_536, 199_999, 200_000, 200_007, 1_000_000] {
            assert_eq!(scan(&ends, file.as_bytes().chunks(size)).as_ref(), Some(&whole), "{size}");
        }
    }

    #[test]
    fn messages_beyond_the_limit_are_left_to_others() {
        let usual = usual();
        let file = b"From a\nx\n\nFrom b\ny\n\nFrom c\nz\n";
        for until in 0..=to_u64(file.len()) + 1 {
            let mut scanner = LineScanner::new(usual.patterns().unwrap(), 0, until);
            let stopped = scanner.feed(file);
            assert_eq!(stopped.is_err(), until <= 20);
            let starts: Vec<_> = scanner.finish().unwrap().iter().map(|m| m.start).collect();
            assert_eq!(starts, [0, 10, 20].into_iter().filter(|&start| start < until).collect::<Vec<_>>());
        }
        let mut scanner = LineScanner::new(usual.patterns().unwrap(), 9, u64::MAX);
        scanner.feed(&file[9..]).unwrap();
        assert_eq!(scanner.finish().unwrap(), scan(&usual, [&file[..]]).unwrap()[1..]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_default_boundaries_are_those_of_the_fast_scanner(
            file in files(), cuts in prop::collection::vec(0usize..100, 0..8)
        ) {
            let mut fast = Scanner::new(0, 0, u64::MAX);
            let expected = fast.feed(&file).and_then(|()| fast.finish()).ok();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(file.len())).collect();
            cuts.sort_unstable();
            cuts.push(file.len());
            let mut from = 0;
            let mut chunk = |cut: &usize| &file[std::mem::replace(&mut from, *cut)..*cut];
            let chunks: Vec<&[u8]> = cuts.iter().map(&mut chunk).collect();
            let usual = usual();
            prop_assert_eq!(scan(&usual, chunks), expected.clone());
            prop_assert_eq!(scan(&usual, file.chunks(1)), expected);
        }
    }
}
