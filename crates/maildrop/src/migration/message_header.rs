//! The header of a message, as far as other servers made UIDLs of it.

use md5::{Digest, Md5};
use memchr::memchr;

use super::numbering::{UidNumbering, number};

/// A message from its beginning up to the end of its header, or up to the end of what was read.
pub(super) struct MessageHeader<'a>(&'a [u8]);

impl<'a> MessageHeader<'a> {
    /// The header of a message that begins with `text`.
    pub(super) fn of(text: &'a [u8]) -> Self {
        let mut length = 0;
        for line in text.split_inclusive(|&octet| octet == b'\n') {
            if matches!(line, b"\n" | b"\r\n") {
                break;
            }
            length += line.len();
        }
        MessageHeader(&text[..length])
    }

    /// The value of the first field with this name, without white space around it; `None` if that is empty.
    pub(super) fn value(&self, name: &[u8]) -> Option<Vec<u8>> {
        let mut lines =
            self.lines().skip_while(|line| !field(line).is_some_and(|(n, _)| n.eq_ignore_ascii_case(name)));
        let mut value = field(lines.next()?)?.1.to_vec();
        for line in lines.take_while(|line| is_continued(line)) {
            value.extend(line);
        }
        Some(value.trim_ascii().to_vec()).filter(|value| !value.is_empty())
    }

    /// What Mail::POP3 used as the UIDL: what follows `Message-Id:`, spelled exactly like this, on its line.
    pub(super) fn original_message_id(&self) -> Option<Vec<u8>> {
        let values = self.lines().filter_map(|line| line.strip_prefix(b"Message-Id:"));
        values.map(<[u8]>::trim_ascii).find(|value| !value.is_empty()).map(<[u8]>::to_vec)
    }

    /// popa3d's name for the message: two 32-bit words of an MD5, each with its last octet first, in
    /// hexadecimal.
    ///
    /// The MD5 covers whole lines as stored: Delivered-To, the first Received, Date and Message-ID if they
    /// come before that, and X-Delivery-ID if it begins with a capital. Observed with popa3d 1.0.3 on a
    /// little-endian machine.
    pub(super) fn popa3d(&self) -> Vec<u8> {
        let mut received = false;
        let mut fixed = false;
        let mut lines = Vec::new();
        for line in self.0.split_inclusive(|&octet| octet == b'\n') {
            let is =
                |name: &[u8]| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
            fixed = match line.first() {
                Some(b'\t' | b' ') => fixed,
                Some(b'R' | b'r') if !received => {
                    received = is(b"Received:");
                    received
                }
                Some(b'D' | b'd') => is(b"Delivered-To:") || (!received && is(b"Date:")),
                Some(b'M' | b'm') => !received && is(b"Message-ID:"),
                Some(b'X') => is(b"X-Delivery-ID:"),
                _ => false,
            };
            if fixed {
                lines.push(line);
            }
        }
        let digest = md5(lines);
        let words = digest.chunks(4).take(2);
        hex(&words.flat_map(|word| word.iter().rev().copied()).collect::<Vec<_>>())
    }

    /// Dovecot's MD5 of an mbox message, its `%m` there. It covers the values of the same fields as popa3d's,
    /// without line ends. Observed with Dovecot 2.3.19.
    pub(super) fn dovecot(&self) -> [u8; 16] {
        let mut received = false;
        let mut fixed = false;
        let mut values = Vec::new();
        for line in self.lines() {
            if is_continued(line) {
                if fixed {
                    values.push(line);
                }
                continue;
            }
            fixed = false;
            let Some((name, value)) = field(line) else { continue };
            let is = |wanted: &[u8]| name.eq_ignore_ascii_case(wanted);
            let first_received = !received && is(b"Received");
            fixed = first_received
                || is(b"Delivered-To")
                || is(b"X-Delivery-ID")
                || (!received && (is(b"Date") || is(b"Message-ID")));
            received |= first_received;
            if fixed {
                values.push(value.trim_ascii_start());
            }
        }
        md5(values)
    }

    /// The numbering according to the X-IMAPbase field of an mbox's first message: the mailbox's number and
    /// the last message number.
    pub(super) fn imap_base(&self) -> Option<UidNumbering> {
        let value = self.value(b"X-IMAPbase").or_else(|| self.value(b"X-IMAP"))?;
        let mut numbers = value.split(|octet| octet.is_ascii_whitespace());
        let (validity, last) = (number(numbers.next()?)?, number(numbers.next()?)?);
        Some(UidNumbering { validity, next: last.checked_add(1)? })
    }

    /// The number of the message according to its X-UID field.
    pub(super) fn uid(&self) -> Option<u32> {
        number(&self.value(b"X-UID")?)
    }

    /// The lines without their ends.
    fn lines(&self) -> impl Iterator<Item = &'a [u8]> {
        self.0.split_inclusive(|&octet| octet == b'\n').map(|line| match line {
            [text @ .., b'\r', b'\n'] | [text @ .., b'\n'] => text,
            text => text,
        })
    }
}

/// The name and the value of a line that begins a field.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    if is_continued(line) {
        return None;
    }
    let colon = memchr(b':', line)?;
    Some((line[..colon].trim_ascii_end(), &line[colon + 1..]))
}

fn is_continued(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t'))
}

/// The MD5 of these parts, one after the other.
pub(super) fn md5<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 16] {
    let mut hasher = Md5::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Octets in lower-case hexadecimal.
pub(super) fn hex(octets: &[u8]) -> Vec<u8> {
    octets.iter().flat_map(|octet| format!("{octet:02x}").into_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[u8] = b"Return-Path: <a@example.org>\n\
        Delivered-To: popuser@here\n\
        Received: from x by y\n\twith ESMTP id 1; Mon, 23 Nov 2026 10:00:00 +0000\n\
        Received: from z by x; Mon, 23 Nov 2026 10:00:00 +0000\n\
        Date: Mon, 23 Nov 2026 10:00:00 +0000\n\
        Message-ID: <one@example.org>\n\
        Subject: one\n\nMessage-Id: <body>\n";
    const TWO: &[u8] = b"date: Mon, 23 Nov 2026 10:00:01 +0000\n\
        Message-Id: <two@example.org>\n\
        X-Delivery-ID: 17\n\
        x-delivery-id: 18\n\
        Subject: two\n\ntwo\n";
    const THREE: &[u8] = b"Subject: none of them\n\nthree\n";
    const FOUR: &[u8] = b"Message-ID: <one@example.org>\nReceived: from q by y\n\
        Date: Mon, 23 Nov 2026 10:00:00 +0000\n\nfour\n";

    /// What popa3d 1.0.3 answered to UIDL, with PAM and /var/mail, on amd64.
    #[test]
    fn popa3d_answered_this() {
        for (message, uidl) in [
            (ONE, "472ac96cf1c30272"),
            (TWO, "c0e74473a66a8c59"),
            (THREE, "d98c1dd404b2008f"),
            (FOUR, "7cd14692171e5c34"),
        ] {
            assert_eq!(String::from_utf8(MessageHeader::of(message).popa3d()).unwrap(), uidl);
        }
    }

    /// What Dovecot 2.3.19 answered with `pop3_uidl_format = %m` for the same mbox.
    #[test]
    fn dovecot_answered_this() {
        for (message, uidl) in [
            (ONE, "f7b07f02161f11280c3b7fd984eaf35f"),
            (TWO, "59aefe76272937f4e2a1b30c34a6e1d1"),
            (THREE, "d41d8cd98f00b204e9800998ecf8427e"),
        ] {
            assert_eq!(String::from_utf8(hex(&MessageHeader::of(message).dovecot())).unwrap(), uidl);
        }
    }

    #[test]
    fn fields() {
        let head = MessageHeader::of(ONE);
        assert_eq!(head.value(b"message-id").unwrap(), b"<one@example.org>");
        assert_eq!(head.value(b"x-uidl"), None);
        assert_eq!(head.original_message_id(), None, "another spelling, and one in the body");
        assert_eq!(MessageHeader::of(TWO).original_message_id().unwrap(), b"<two@example.org>");
        let folded =
            MessageHeader::of(b"Message-ID:\r\n  <a@b>\r\nX-UIDL : x\"y \r\nX-UID: 0\r\n\r\nX-UID: 7\r\n");
        assert_eq!(folded.value(b"Message-ID").unwrap(), b"<a@b>");
        assert_eq!(folded.value(b"X-UIDL").unwrap(), b"x\"y");
        assert_eq!(folded.uid(), None);
        assert_eq!(MessageHeader::of(b"X-UID: 12   \n").uid(), Some(12));
        for (text, base) in [
            ("X-IMAPbase: 1795424263 0000000004\n", Some((1_795_424_263, 5))),
            ("X-IMAP: 7 4 NonJunk\n", Some((7, 5))),
            ("X-IMAPbase: 7\n", None),
            ("X-IMAPbase: 0 4\n", None),
            ("X-IMAPbase: 7 4294967295\n", None),
            ("X-IMAPbase: -7 4\n", None),
        ] {
            let base = base.map(|(validity, next)| UidNumbering { validity, next });
            assert_eq!(MessageHeader::of(text.as_bytes()).imap_base(), base, "{text}");
        }
    }
}
