//! Undoes the quoting of body lines that would begin a message: a delivery agent writes `>From ` for `From `
//! (setting `unescape_from`).

use memchr::{memchr, memmem};

use vocabulary::UnescapeFrom;

const FROM: &[u8] = b"From ";

/// Takes a message in chunks of any size, and returns it without the quoting.
///
/// Only the body is changed: a header has no quoted lines.
pub(super) struct Unquote {
    /// Whether `>>From ` was once `>From ` (mboxrd).
    nested: bool,
    place: LinePlace,
    removed: u32,
}

/// What is known about the line that is being read.
#[derive(Clone, Copy)]
enum LinePlace {
    /// A header line of which nothing has been seen.
    HeaderStart,
    /// A header line that begins with CR.
    HeaderCr,
    /// A header line.
    Header,
    /// A body line of which nothing has been seen.
    Start,
    /// A body line that has only `>` so far; the first one is held back.
    Quoted,
    /// After some `>`, the number of octets of `From ` that follow. They are held back with one `>`.
    From(usize),
    /// A body line that stays as it is.
    Body,
}

impl Unquote {
    pub(super) fn new(unescape: UnescapeFrom) -> Self {
        Self { nested: unescape == UnescapeFrom::Mboxrd, place: LinePlace::HeaderStart, removed: 0 }
    }

    /// How many octets have been left out: one for each quoted line.
    pub(super) fn removed(&self) -> u32 {
        self.removed
    }

    /// Appends the next octets of the message to `out`, as far as their fate is known.
    pub(super) fn feed(&mut self, mut text: &[u8], out: &mut Vec<u8>) {
        while let Some(&first) = text.first() {
            let (used, place) = match (self.place, first) {
                (LinePlace::HeaderStart | LinePlace::HeaderCr, b'\n') => (1, LinePlace::Start),
                (LinePlace::HeaderStart, b'\r') => (1, LinePlace::HeaderCr),
                (LinePlace::HeaderStart | LinePlace::HeaderCr | LinePlace::Header, _) => {
                    match memchr(b'\n', text) {
                        Some(feed) => (feed + 1, LinePlace::HeaderStart),
                        None => (text.len(), LinePlace::Header),
                    }
                }
                (LinePlace::Start, b'>') => {
                    text = &text[1..];
                    self.place = LinePlace::Quoted;
                    continue;
                }
                (LinePlace::Start | LinePlace::Body, _) => match memmem::find(text, b"\n>") {
                    Some(feed) => (feed + 1, LinePlace::Start),
                    None if text.ends_with(b"\n") => (text.len(), LinePlace::Start),
                    None => (text.len(), LinePlace::Body),
                },
                (LinePlace::Quoted, b'>') if self.nested => (1, LinePlace::Quoted),
                (LinePlace::Quoted, b'F') => {
                    text = &text[1..];
                    self.place = LinePlace::From(1);
                    continue;
                }
                (LinePlace::From(seen), octet) if FROM.get(seen) == Some(&octet) => {
                    text = &text[1..];
                    self.place = LinePlace::From(seen + 1);
                    if seen + 1 == FROM.len() {
                        self.removed += 1;
                        out.extend_from_slice(FROM);
                        self.place = LinePlace::Body;
                    }
                    continue;
                }
                (LinePlace::Quoted | LinePlace::From(_), _) => {
                    self.finish(out);
                    self.place = LinePlace::Body;
                    continue;
                }
            };
            let (known, rest) = text.split_at(used);
            out.extend_from_slice(known);
            text = rest;
            self.place = place;
        }
    }

    /// Appends what was held back, because the message, or a line that is not quoted, has ended.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        match self.place {
            LinePlace::Quoted => out.push(b'>'),
            LinePlace::From(seen) => {
                out.push(b'>');
                out.extend_from_slice(FROM.get(..seen).unwrap_or_default());
            }
            LinePlace::HeaderStart
            | LinePlace::HeaderCr
            | LinePlace::Header
            | LinePlace::Start
            | LinePlace::Body => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::widths::to_u64;
    use proptest::prelude::*;

    /// The same rule, line by line.
    fn naive(unescape: UnescapeFrom, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut in_body = false;
        for line in message.split_inclusive(|&octet| octet == b'\n') {
            let bare = line.iter().position(|&octet| octet != b'>').unwrap_or(line.len());
            let quotes = if unescape == UnescapeFrom::Mboxrd { bare >= 1 } else { bare == 1 };
            let is_quoted = in_body && quotes && line[bare..].starts_with(FROM);
            out.extend(&line[usize::from(is_quoted)..]);
            in_body |= line == b"\n" || line == b"\r\n";
        }
        out
    }

    fn unquoted<'a>(unescape: UnescapeFrom, chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut unquote = Unquote::new(unescape);
        let mut out = Vec::new();
        let mut length = 0;
        for chunk in chunks {
            unquote.feed(chunk, &mut out);
            length += to_u64(chunk.len());
        }
        unquote.finish(&mut out);
        assert_eq!(length - u64::from(unquote.removed()), to_u64(out.len()));
        out
    }

    #[test]
    fn examples() {
        for (message, mboxo, mboxrd) in [
            ("\n>From a\n", "\nFrom a\n", "\nFrom a\n"),
            ("\n>>From a\n>>>From b", "\n>>From a\n>>>From b", "\n>From a\n>>From b"),
            (
                ">From header\nA: b\n\n>From a\n",
                ">From header\nA: b\n\nFrom a\n",
                ">From header\nA: b\n\nFrom a\n",
            ),
            ("A: b\r\n\r\n>From a\r\n", "A: b\r\n\r\nFrom a\r\n", "A: b\r\n\r\nFrom a\r\n"),
            (
                "\n>From\n>>\n>F\n > From \nx>From \n>",
                "\n>From\n>>\n>F\n > From \nx>From \n>",
                "\n>From\n>>\n>F\n > From \nx>From \n>",
            ),
        ] {
            for (unescape, expected) in [(UnescapeFrom::Mboxo, mboxo), (UnescapeFrom::Mboxrd, mboxrd)] {
                assert_eq!(unquoted(unescape, [message.as_bytes()]), expected.as_bytes(), "{message:?}");
                assert_eq!(naive(unescape, message.as_bytes()), expected.as_bytes(), "{message:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn agrees_with_the_rule_in_whatever_chunks(
            pieces in prop::collection::vec(prop::sample::select(vec![
                &b"\n"[..], b"\n", b">", b">", b"From ", b"\n>From ", b"F", b"ro", b"m ", b"\r", b"x",
            ]), 0..40),
            size in 1usize..30,
        ) {
            let message = pieces.concat();
            for unescape in [UnescapeFrom::Mboxo, UnescapeFrom::Mboxrd] {
                let expected = naive(unescape, &message);
                prop_assert_eq!(unquoted(unescape, message.chunks(size)), expected.clone());
                prop_assert_eq!(unquoted(unescape, [&message[..]]), expected);
            }
        }
    }
}
