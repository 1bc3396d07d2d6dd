//! Entry points for the fuzz targets: scanning and unquoting in memory, in chunks of any size.

use super::boundaries::Boundaries;
use super::lines::LineScanner;
use super::message::{MboxMessage, ScanStop};
use super::scan::Scanner;
use super::unquote::Unquote;
use crate::widths::to_u64;
use vocabulary::UnescapeFrom;

/// A message as a scanner found it. Positions are octets from the beginning of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundMessage {
    /// Where its start line begins.
    pub start: u64,
    /// Where its content begins.
    pub content: u64,
    /// Where its content ends.
    pub end: u64,
    /// Its octets on the wire.
    pub octets: u64,
    /// What its UIDL is made of.
    pub digest: [u8; 16],
}

impl From<MboxMessage> for FoundMessage {
    fn from(message: MboxMessage) -> Self {
        let MboxMessage { start, content, end, octets, digest, .. } = message;
        Self { start, content, end, octets, digest }
    }
}

/// The messages of a file that comes in these chunks; `None` if it is no mbox.
pub fn scan<'a>(
    boundaries: &Boundaries,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Option<Vec<FoundMessage>> {
    let messages = match boundaries.patterns() {
        None => {
            let mut scanner = Scanner::new(0, 0, u64::MAX);
            chunks.into_iter().try_for_each(|chunk| scanner.feed(chunk)).ok()?;
            scanner.finish()
        }
        Some(patterns) => {
            let mut scanner = LineScanner::new(patterns, 0, u64::MAX);
            chunks.into_iter().try_for_each(|chunk| scanner.feed(chunk)).ok()?;
            scanner.finish()
        }
    };
    found(messages.ok()?)
}

/// The same for the default boundaries, as if one thread took the messages that begin before `share`, and
/// another thread the rest.
pub fn scan_shared(file: &[u8], share: usize) -> Option<Vec<FoundMessage>> {
    let part = |at: usize, from: usize, until: u64| {
        let mut scanner = Scanner::new(to_u64(at), to_u64(from), until);
        match scanner.feed(file.get(at..).unwrap_or_default()) {
            Ok(()) | Err(ScanStop::Limit) => scanner.finish().ok(),
            Err(ScanStop::NotAnMbox) => None,
        }
    };
    let before = file.get(..share.saturating_sub(1)).unwrap_or_default();
    let line = before.iter().rposition(|&octet| octet == b'\n').map_or(0, |feed| feed + 1);
    let mut messages = part(0, 0, to_u64(share))?;
    messages.extend(part(line, share, u64::MAX)?);
    found(messages)
}

/// A message that comes in these chunks, without its quoting, and how many octets that removed.
pub fn unquote<'a>(unescape: UnescapeFrom, chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, u32) {
    let (mut unquote, mut out) = (Unquote::new(unescape), Vec::new());
    for chunk in chunks {
        unquote.feed(chunk, &mut out);
    }
    unquote.finish(&mut out);
    (out, unquote.removed())
}

fn found(messages: Vec<MboxMessage>) -> Option<Vec<FoundMessage>> {
    Some(messages.into_iter().map(FoundMessage::from).collect())
}
