//! Octets on the wire: what LIST announces and RETR sends, before dot-stuffing.

use memchr::{memchr, memchr_iter};

use crate::widths::to_u64;

/// How many line feeds of `bytes` have no carriage return before them. Each of them is sent as two octets.
/// `before` is the octet before `bytes`.
pub(crate) fn bare_feeds(before: u8, bytes: &[u8]) -> u64 {
    let feeds = memchr_iter(b'\n', bytes).count();
    let mut paired = usize::from(before == b'\r' && bytes.first() == Some(&b'\n'));
    // Most mailboxes hold no carriage return at all. Then this is one fast search.
    if let Some(first) = memchr(b'\r', bytes) {
        let tail = &bytes[first..];
        paired += memchr_iter(b'\r', tail).filter(|&at| tail.get(at + 1) == Some(&b'\n')).count();
    }
    to_u64(feeds - paired)
}

/// The octets on the wire of a message of `length` stored octets with `bare` bare line feeds; `last` is its
/// last octet.
pub(crate) fn octets(length: u64, bare: u64, last: Option<u8>) -> u64 {
    let end_missing = last.is_some_and(|byte| byte != b'\n');
    length + bare + if end_missing { 2 } else { 0 }
}

/// The octets on the wire of a message that is in memory.
#[cfg(test)]
pub(crate) fn octets_of(message: &[u8]) -> u64 {
    octets(to_u64(message.len()), bare_feeds(b'\n', message), message.last().copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The rule, octet by octet: each line ends in CRLF, and a missing last line end is added.
    fn sent(message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for (at, &byte) in message.iter().enumerate() {
            if byte == b'\n' && (at == 0 || message[at - 1] != b'\r') {
                out.push(b'\r');
            }
            out.push(byte);
        }
        if !message.is_empty() && !message.ends_with(b"\n") {
            out.extend(b"\r\n");
        }
        out
    }

    #[test]
    fn examples() {
        for (message, octets) in [
            (&b""[..], 0),
            (b"\n", 2),
            (b"\r\n", 2),
            (b"\r", 3),
            (b"a", 3),
            (b"a\n\r\nb\r", 3 + 2 + 4),
            (b"a\r\r\nb\n\n", 4 + 3 + 2),
        ] {
            assert_eq!(octets_of(message), octets, "{message:?}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_rule_wherever_it_is_cut(
            message in prop::collection::vec(prop::sample::select(vec![b'\r', b'\n', b'a', 0]), 0..200),
            cut in 0usize..200,
        ) {
            prop_assert_eq!(octets_of(&message), to_u64(sent(&message).len()));
            let (head, tail) = message.split_at(cut.min(message.len()));
            let before = head.last().copied().unwrap_or(b'\n');
            let bare = bare_feeds(b'\n', head) + bare_feeds(before, tail);
            let sent = sent(&message);
            let counted = octets(to_u64(message.len()), bare, message.last().copied());
            prop_assert_eq!(counted, to_u64(sent.len()));
        }
    }
}
