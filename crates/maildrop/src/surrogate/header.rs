//! A header in ASCII, in place of one in UTF-8.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use memchr::memchr_iter;

use super::field::{self, WINDOW};
use crate::widths::to_u64;
use crate::wire;

/// A header in ASCII.
pub(crate) struct Surrogate {
    /// The header in its form on the wire.
    pub(super) header: Vec<u8>,
    /// How much of the message it replaces, in octets as stored.
    pub(super) replaces: usize,
    /// How many octets that part would have on the wire.
    replaces_on_wire: u64,
}

impl Surrogate {
    /// The surrogate of a message that begins with `text`, which is all of it or at least a [`WINDOW`];
    /// `None` if it needs none.
    pub(crate) fn of(text: &[u8]) -> Option<Self> {
        if !is_needed(text) {
            return None;
        }
        let (mut header, mut replaces, mut needed) = (Vec::new(), 0, false);
        for field in field::fields(text) {
            needed |= field::convert(field, &mut header);
            replaces += field.len();
        }
        let replaced = &text[..replaces];
        let bare = wire::bare_feeds(b'\n', replaced);
        let replaces_on_wire = wire::octets(to_u64(replaces), bare, replaced.last().copied());
        needed.then_some(Self { header, replaces, replaces_on_wire })
    }

    /// The surrogate of a message of `length` octets at `offset` of a file.
    ///
    /// # Errors
    ///
    /// Those of read(2); `UnexpectedEof` if the file is shorter.
    pub(crate) fn read(file: &File, offset: u64, length: u64) -> io::Result<Option<Self>> {
        let mut text = vec![0; usize::try_from(length).map_or(WINDOW, |length| length.min(WINDOW))];
        file.read_exact_at(&mut text, offset)?;
        Ok(Self::of(&text))
    }

    /// The octets on the wire of the surrogate of a message that has `octets` itself.
    pub(crate) fn octets(&self, octets: u64) -> u64 {
        octets.saturating_sub(self.replaces_on_wire) + to_u64(self.header.len())
    }
}

/// Whether a message that begins with `text` may need a surrogate. This is a quick check, because nearly no
/// message needs one.
pub(crate) fn is_needed(text: &[u8]) -> bool {
    let text = &text[..text.len().min(WINDOW)];
    !text[..header_end(text).unwrap_or(text.len())].is_ascii()
}

/// Where the empty line after the header begins, if it is there.
pub(crate) fn header_end(text: &[u8]) -> Option<usize> {
    let is_empty = |at: usize| matches!(text.get(at..), Some([b'\n', ..] | [b'\r', b'\n', ..]));
    if is_empty(0) {
        return Some(0);
    }
    memchr_iter(b'\n', text).map(|feed| feed + 1).find(|&line| is_empty(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a client gets, surrogate and rest, in its form on the wire.
    fn served(message: &[u8]) -> Vec<u8> {
        let (mut out, rest) = match Surrogate::of(message) {
            Some(surrogate) => (surrogate.header, &message[surrogate.replaces..]),
            None => (Vec::new(), message),
        };
        for &octet in rest {
            if octet == b'\n' && out.last() != Some(&b'\r') {
                out.push(b'\r');
            }
            out.push(octet);
        }
        if !out.is_empty() && !out.ends_with(b"\n") {
            out.extend(b"\r\n");
        }
        out
    }

    fn octets(message: &[u8]) -> u64 {
        let octets = wire::octets_of(message);
        Surrogate::of(message).map_or(octets, |surrogate| surrogate.octets(octets))
    }

    #[test]
    fn a_header_in_ascii_stays_as_it_is() {
        for message in ["", "\n", "A: b\n\nü\n", "\r\nÜ: ü\n", "no field\nÜ: ü\n", "A: b\nkeine Ü\n\n"]
        {
            assert!(Surrogate::of(message.as_bytes()).is_none(), "{message:?}");
        }
        assert!(Surrogate::of(b"Subject: caf\xe9\n\n").is_none(), "Latin-1");
    }

    #[test]
    fn only_the_header_is_written_anew() {
        let message = "Return-Path: <a@b.example>\nSubject: Grüße\nX-A: 1\r\n\nü\n.\n";
        let expected =
            "Return-Path: <a@b.example>\r\nSubject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=\r\nX-A: 1\r\n\r\nü\r\n.\r\n";
        assert_eq!(String::from_utf8(served(message.as_bytes())).unwrap(), expected);
        let mixed = b"A: \xe9\nB: \xc3\xa9\n\n";
        assert_eq!(served(mixed), b"A: \xe9\r\nB: =?UTF-8?Q?=C3=A9?=\r\n\r\n", "what is no UTF-8 stays");
    }

    #[test]
    fn a_header_without_an_end_or_without_its_last_newline_has_a_surrogate() {
        for message in ["A: ü", "A: ü\n", "A: b\nB: ü", "A: ü\n\n", "A: ü\n\nx", "A: ü\nx"] {
            let sent = served(message.as_bytes());
            assert!(sent.is_ascii() && sent.ends_with(b"\r\n"), "{message:?}");
            assert_eq!(octets(message.as_bytes()), to_u64(sent.len()), "{message:?}");
        }
    }

    #[test]
    fn of_a_header_beyond_all_measure_the_beginning_is_written_anew() {
        let field = format!("A: {}\n", "ü ".repeat(400));
        let message = field.repeat(100).into_bytes();
        let surrogate = Surrogate::of(&message[..WINDOW]).unwrap();
        assert!(surrogate.replaces < WINDOW && surrogate.replaces > WINDOW - field.len());
        assert_eq!(surrogate.replaces % field.len(), 0, "whole fields");
        assert!(surrogate.header.is_ascii());
        assert_eq!(Surrogate::of(&message).map(|whole| whole.replaces), Some(surrogate.replaces));
        assert!(
            Surrogate::of(format!("A: {}", "ü".repeat(WINDOW)).as_bytes()).is_none(),
            "one endless field"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn sizes_are_exact_and_what_is_utf8_becomes_ascii(
            pieces in prop::collection::vec(prop::sample::select(vec![
                &b"Subject: "[..], b"From: ", b"To:", b"Content-Type: text/plain; name=", b"Message-ID: ",
                b"X-Y:", b"\n", b"\n", b"\r\n", b" ", b"\t", b"\xc3\xbc", b"\xe2\x82\xac", b"a", b"\"", b"(",
                b")", b"<", b">", b"@",
                b",", b";", b":", b"=", b"\\", b"[", b"]", b"\r", b"\0", b"=?UTF-8?Q?a?=", b"\xff",
            ]), 0..60),
        ) {
            let message = pieces.concat();
            let sent = served(&message);
            prop_assert_eq!(octets(&message), to_u64(sent.len()));
            if let Some(Surrogate { header, replaces, .. }) = Surrogate::of(&message) {
                prop_assert!(header.ends_with(b"\r\n"));
                let utf8 = std::str::from_utf8(&message[..replaces]).is_ok();
                prop_assert!(!utf8 || header.is_ascii());
                // It is still a header, to its last octet: none of its lines is empty, and none is taken for
                // text.
                prop_assert_eq!(header_end(&header), None);
                prop_assert_eq!(field::fields(&header).map(<[u8]>::len).sum::<usize>(), header.len());
            }
        }
    }
}
