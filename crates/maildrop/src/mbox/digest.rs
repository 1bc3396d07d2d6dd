//! What identifies an mbox message: the digest from which its default UIDL is made.
//!
//! **This scheme is frozen.** Any change to it would make every client download every message again.
//!
//! The digest is the first 128 bits of BLAKE3 over, in this order:
//!
//! 1. the start line (`From someone ...`) and a line feed;
//! 2. each header line and a line feed, up to the first line that is empty or holds only white space (tab,
//!    vertical tab, form feed, carriage return, space). Fields that mail programs rewrite in place
//!    ([`VOLATILE`] and `X-Mozilla-...`) are left out, with their continuation lines;
//! 3. a line feed;
//! 4. the number of octets that the rest of the message has on the wire, as 8 octets little-endian; 0 if
//!    there is no such line.
//!
//! Lines are taken without their line end, LF or CRLF. Only the first 64 KiB of the start line and the header
//! together, as stored, are hashed ([`WINDOW`]); what follows counts as part of the rest.
//!
//! So the digest does not change if a message is marked as read, if a missing last newline is added, or if
//! the mailbox is converted between LF and CRLF.

use memchr::memchr;

use crate::uidl::{self, Digest};
use crate::widths::to_u64;
use crate::wire;

/// How much of a message is looked at, start line included, in octets as stored.
pub(super) const WINDOW: usize = 64 * 1024;

/// Fields that mail programs rewrite in place, in lower case.
const VOLATILE: [&[u8]; 8] =
    [b"status", b"x-status", b"x-keywords", b"x-uid", b"x-imap", b"x-imapbase", b"content-length", b"lines"];
const VOLATILE_PREFIX: &[u8] = b"x-mozilla-";

/// The part of the digest that comes from a message's first [`WINDOW`] octets.
#[derive(Clone)]
pub(super) struct HeaderDigest {
    hasher: blake3::Hasher,
    /// The octets on the wire of the header and the line that ends it; `None` without such a line.
    octets: Option<u64>,
    /// Whether the header has octets beyond ASCII.
    pub(super) eight_bit: bool,
}

impl HeaderDigest {
    /// The header of a message that begins with `text`, start line first; `None` if more of the message must
    /// be seen.
    pub(super) fn find(text: &[u8]) -> Option<Self> {
        Some(Self::of(text)).filter(|head| head.octets.is_some())
    }

    /// The header of a message that is all of `text`, or of which at least a [`WINDOW`] is there.
    pub(super) fn of(text: &[u8]) -> Self {
        let text = &text[..text.len().min(WINDOW)];
        let mut hasher = blake3::Hasher::new();
        let mut rest = text;
        let start_line = next_line(&mut rest);
        hasher.update(content(start_line));
        hasher.update(b"\n");

        // Lines that are hashed as they are get collected into runs: one long update is faster than many
        // short ones.
        let mut run = rest;
        let mut run_length = 0;
        let mut volatile = false;
        let mut end = None;
        let all = rest.len();
        while !rest.is_empty() {
            let line = next_line(&mut rest);
            if line.iter().all(|&byte| is_space(byte) || byte == b'\n') {
                // If it has no line feed, the message ends here, or more of it must be seen.
                end = line.ends_with(b"\n").then_some(all - rest.len());
                break;
            }
            if !matches!(line.first(), Some(b' ' | b'\t')) {
                volatile = is_volatile(line);
            }
            let plain = content(line).len() + 1 == line.len();
            if !volatile && plain {
                run_length += line.len();
                continue;
            }
            hasher.update(&run[..run_length]);
            if !volatile {
                hasher.update(content(line));
                hasher.update(b"\n");
            }
            run = rest;
            run_length = 0;
        }
        hasher.update(&run[..run_length]);
        hasher.update(b"\n");
        let header = &text[start_line.len()..];
        let end = end.or((text.len() == WINDOW).then_some(header.len()));
        let eight_bit = !header[..end.unwrap_or(header.len())].is_ascii();
        Self { hasher, octets: end.map(|end| wire_octets(&header[..end])), eight_bit }
    }

    /// The digest of the message, which has `octets` octets on the wire, not counting its start line.
    pub(super) fn digest(mut self, octets: u64) -> Digest {
        // The line that seemed to end the header may be the end line of the message, which is not part of it.
        let body = self.octets.map_or(0, |header| octets.saturating_sub(header));
        self.hasher.update(&body.to_le_bytes());
        uidl::digest(&self.hasher)
    }
}

/// The octets of a header on the wire, if it does not end the message.
fn wire_octets(header: &[u8]) -> u64 {
    to_u64(header.len()) + wire::bare_feeds(b'\n', header)
}

/// Takes off the next line, with its line end if it has one.
pub(super) fn next_line<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = memchr(b'\n', text).map_or(text.len(), |at| at + 1);
    let (line, rest) = text.split_at(end);
    *text = rest;
    line
}

/// A line without its line end.
pub(super) fn content(line: &[u8]) -> &[u8] {
    match line {
        [content @ .., b'\r', b'\n'] | [content @ .., b'\n'] => content,
        _ => line,
    }
}

/// White space inside a line: what `\s` matches, except the line feed.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t' | 0x0b | 0x0c | b'\r' | b' ')
}

fn is_volatile(line: &[u8]) -> bool {
    // All volatile fields begin with one of these letters, and few other fields do.
    if !matches!(line.first().map(u8::to_ascii_lowercase), Some(b's' | b'x' | b'c' | b'l')) {
        return false;
    }
    let Some(colon) = memchr(b':', line) else { return false };
    let name = line[..colon].trim_ascii_end();
    let prefix = name.get(..VOLATILE_PREFIX.len());
    VOLATILE.iter().any(|field| name.eq_ignore_ascii_case(field))
        || prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(VOLATILE_PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(message: &str) -> String {
        let content = message.split_once('\n').map_or("", |(_, content)| content);
        let octets = wire::octets_of(content.as_bytes());
        let digest = HeaderDigest::of(message.as_bytes()).digest(octets);
        crate::uidl::Uidl::of_digest(&digest, 1).to_string()
    }

    const MESSAGE: &str = "From a@example.org Mon Nov 23 10:00:00 2026\n\
        Received: from x\n\tby y\n\
        Subject: hello\n\
        \n\
        body\n";

    /// Clients remember these values. They must never change.
    #[test]
    fn golden() {
        for (message, hashed, expected) in [
            (
                MESSAGE,
                "From a@example.org Mon Nov 23 10:00:00 2026\n\
                 Received: from x\n\tby y\nSubject: hello\n\n\x06\0\0\0\0\0\0\0",
                "9c65a552fbf00d7196ef8b0e9074914a",
            ),
            ("From a\n", "From a\n\n\0\0\0\0\0\0\0\0", "651c3652e965060de66040e258fd03a5"),
            (
                "From a\r\nSubject: x\r\nLines: 1",
                "From a\nSubject: x\n\n\0\0\0\0\0\0\0\0",
                "aef14304a7258987f4edcac6a75db408",
            ),
            ("From a\n \t\nx\r\ny", "From a\n\n\x06\0\0\0\0\0\0\0", "fb3349406a44712d021144a9db870e63"),
        ] {
            assert_eq!(digest(message), expected, "{message:?}");
            assert_eq!(&blake3::hash(hashed.as_bytes()).to_hex()[..32], expected, "{hashed:?}");
        }
    }

    #[test]
    fn what_mail_programs_do_to_a_message_changes_nothing() {
        let expected = digest(MESSAGE);
        for volatile in [
            "Status: RO\n",
            "STATUS : RO\n",
            "X-Status: A\n",
            "X-Keywords: a\n  b\n",
            "X-UID: 7\n",
            "X-IMAP: 1 2\n",
            "X-IMAPbase: 1 2\n\tNonJunk\n",
            "Content-Length: 5\n",
            "Lines: 1\n",
            "X-Mozilla-Status: 0001\n",
            "x-mozilla-keys:\r\n",
        ] {
            for before in ["Received", "Subject", "\nbody"] {
                let (head, tail) = MESSAGE.split_at(MESSAGE.find(before).unwrap());
                assert_eq!(
                    digest(&format!("{head}{volatile}{tail}")),
                    expected,
                    "{volatile} before {before}"
                );
            }
        }
        assert_eq!(digest(MESSAGE.trim_end()), expected, "the last newline");
        assert_eq!(digest(&MESSAGE.replace('\n', "\r\n")), expected, "CRLF");
        assert_eq!(digest("From a\nSubject: x"), digest("From a\nSubject: x\n"));
    }

    #[test]
    fn everything_else_makes_another_message() {
        let expected = digest(MESSAGE);
        for (from, to) in [
            ("10:00:00", "10:00:01"),
            ("hello", "hullo"),
            ("from x", "from z"),
            ("Subject", "X-Status-Subject"),
            ("Received: from x\n\tby y", "Received: from x"),
            ("body", "body and more"),
            ("\tby y", "by: y"),
        ] {
            assert_ne!(digest(&MESSAGE.replace(from, to)), expected, "{from} to {to}");
        }
    }
}
