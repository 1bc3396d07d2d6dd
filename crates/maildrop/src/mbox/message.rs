//! One message of an mbox: complete, or still being read.

use memchr::memchr;

use super::digest::{HeaderDigest, WINDOW};
use crate::uidl::Digest;
use crate::widths::to_u64;
use crate::wire;

/// One message and where it lies, in octets from the beginning of the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MboxMessage {
    /// Where its start line begins. The message, with everything that belongs to it, ends where the next
    /// start line begins.
    pub(crate) start: u64,
    /// Where its content begins, after the start line.
    pub(crate) content: u64,
    /// Where its content ends.
    pub(crate) end: u64,
    /// Its octets on the wire.
    pub(crate) octets: u64,
    /// What identifies it: see [`super::digest`].
    pub(crate) digest: Digest,
    /// How many of its lines lose an octet when it is served: see [`super::unquote`]. `octets` includes these
    /// octets.
    pub(crate) quoted: u32,
    /// Whether its header has octets beyond ASCII, so that it may need a surrogate.
    pub(crate) eight_bit: bool,
    /// The octets on the wire of its surrogate; `None` if it needs none, and until
    /// [`super::bodies::measure_surrogates`] has been called.
    pub(crate) surrogate: Option<u64>,
}

impl MboxMessage {
    /// The stored length of its content, in octets.
    pub(crate) fn length(&self) -> u64 {
        self.end - self.content
    }
}

#[cfg(test)]
impl MboxMessage {
    /// Its content, in the octets of the whole file.
    pub(super) fn content_in<'a>(&self, file: &'a [u8]) -> &'a [u8] {
        &file[usize::try_from(self.content).unwrap()..usize::try_from(self.end).unwrap()]
    }

    /// Its start line and its content, in the octets of the whole file.
    pub(super) fn whole_in<'a>(&self, file: &'a [u8]) -> &'a [u8] {
        &file[usize::try_from(self.start).unwrap()..usize::try_from(self.end).unwrap()]
    }
}

/// Why scanning stopped.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ScanStop {
    /// The file begins with something other than a start line.
    NotAnMbox,
    /// A start line at or beyond the limit was found: the message that begins there belongs to another
    /// scanner.
    Limit,
}

/// The message that is being read.
pub(super) struct OpenMessage {
    pub(super) start: u64,
    pub(super) content: Option<u64>,
    pub(super) bare: u64,
    /// The digest of its header, once the whole header has been seen. Until then, `seen` holds the message so
    /// far, or its first [`WINDOW`] octets.
    pub(super) header: Option<HeaderDigest>,
    pub(super) seen: Vec<u8>,
}

impl OpenMessage {
    /// A message of which nothing has been read. Its start line begins at `start`.
    pub(super) fn begun(start: u64) -> Self {
        Self { start, content: None, bare: 0, header: None, seen: Vec::new() }
    }

    /// A message whose start line, at `start`, has ended at `content`. `seen` is that line, or its first
    /// [`WINDOW`] octets.
    pub(super) fn new(start: u64, content: u64, seen: Vec<u8>) -> Self {
        Self { start, content: Some(content), bare: 0, header: None, seen }
    }

    /// The message, whose content ends at `end` and with the octet `last`. `bare` of the bare line feeds that
    /// were taken do not belong to it.
    pub(super) fn close(self, end: u64, bare: u64, last: u8) -> MboxMessage {
        let content = self.content.unwrap_or(end);
        let end = end.max(content);
        let length = end - content;
        let bare = self.bare.saturating_sub(bare);
        let octets = wire::octets(length, bare, (length > 0).then_some(last));
        let header = self.header.unwrap_or_else(|| HeaderDigest::of(&self.seen));
        let eight_bit = header.eight_bit;
        let digest = header.digest(octets);
        MboxMessage { start: self.start, content, end, octets, digest, quoted: 0, eight_bit, surrogate: None }
    }

    /// Takes octets of which only the first, `seen`, are at hand, and which hold `bare` bare line feeds. The
    /// start line must have ended.
    pub(super) fn take_counted(&mut self, seen: &[u8], bare: u64) {
        self.look(seen);
        self.bare += bare;
    }

    /// Takes the octets `text` at offset `at`; `before` is the octet before them.
    pub(super) fn take(&mut self, at: u64, mut before: u8, mut text: &[u8]) {
        self.look(text);
        if self.content.is_none() {
            let Some(feed) = memchr(b'\n', text) else { return };
            self.content = Some(at + to_u64(feed) + 1);
            text = &text[feed + 1..];
            before = b'\n';
        }
        self.bare += wire::bare_feeds(before, text);
    }

    /// Looks for the end of the header.
    fn look(&mut self, text: &[u8]) {
        if self.header.is_some() {
            return;
        }
        if self.seen.is_empty() {
            self.header = HeaderDigest::find(text);
        }
        if self.header.is_none() {
            let space = WINDOW - self.seen.len();
            self.seen.extend_from_slice(&text[..text.len().min(space)]);
            self.header = HeaderDigest::find(&self.seen);
        }
    }
}
