//! Marks messages as read: `Status: RO` in their headers (setting `status_header`).
//!
//! `R` says that the message was read, `O` that a mail program has seen the mailbox since the message came.
//! An existing `Status:` line gets the letters that it lacks. If there is none, a line is inserted directly
//! after the start line, where every message has a place for it. So a message is marked by inserting octets
//! in one place, and no octet of it is removed.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::boundaries::Boundaries;
use super::digest::{HeaderDigest, WINDOW, is_space, next_line};
use super::message::MboxMessage;
use crate::widths::to_u64;

/// What is to be inserted into a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StatusMark {
    /// The message's number.
    pub(super) number: u32,
    /// Where in the file, in octets.
    pub(super) at: u64,
    pub(super) octets: Vec<u8>,
    /// How many octets the message grows by on the wire.
    pub(super) on_wire: u64,
}

impl StatusMark {
    /// The mark that message `number` lacks. `None` if it has one, or if the mark would make it another
    /// message.
    ///
    /// # Errors
    ///
    /// Those of reading the mailbox.
    pub(super) fn missing(
        mailbox: &File,
        boundaries: &Boundaries,
        number: u32,
        message: &MboxMessage,
    ) -> io::Result<Option<Self>> {
        let length = usize::try_from(message.end.saturating_sub(message.start)).unwrap_or(WINDOW);
        let mut text = vec![0; length.min(WINDOW)];
        mailbox.read_exact_at(&mut text, message.start)?;
        Ok(missing(&text).filter(|addition| addition.keeps(boundaries, &text, message)).map(|addition| {
            Self {
                number,
                at: message.start + to_u64(addition.at),
                on_wire: addition.on_wire(),
                octets: addition.octets,
            }
        }))
    }
}

/// Octets to be inserted at an offset of a message, its start line included.
struct Addition {
    at: usize,
    octets: Vec<u8>,
}

/// What must be inserted into a message that begins with `text` to mark it.
fn missing(text: &[u8]) -> Option<Addition> {
    let mut rest = text;
    let start_line = next_line(&mut rest);
    let content = text.len() - rest.len();
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        let line = next_line(&mut rest);
        if line.iter().all(|&octet| is_space(octet) || octet == b'\n') {
            break;
        }
        if let Some(value) = status(line) {
            return missing_letters(&line[value..])
                .map(|(place, octets)| Addition { at: at + value + place, octets: octets.to_vec() });
        }
    }
    let line = match start_line {
        [.., b'\r', b'\n'] => "Status: RO\r\n",
        [.., b'\n'] => "Status: RO\n",
        // The file ends in the start line, or the start line is far too long.
        _ => return None,
    };
    Some(Addition { at: content, octets: line.into() })
}

/// Where the value begins in a line, if the line is a Status: field.
fn status(line: &[u8]) -> Option<usize> {
    let colon = line.iter().position(|&octet| octet == b':')?;
    line[..colon].trim_ascii_end().eq_ignore_ascii_case(b"Status").then_some(colon + 1)
}

/// Which letters a value lacks, and where they belong.
fn missing_letters(value: &[u8]) -> Option<(usize, &'static [u8])> {
    let place = |letter: u8| value.iter().position(|&octet| octet == letter);
    let first = value.iter().position(|octet| !octet.is_ascii_whitespace());
    match (place(b'R'), place(b'O'), first) {
        (Some(_), Some(_), _) => None,
        (Some(read), None, _) => Some((read + 1, b"O")),
        (None, Some(_), Some(first)) => Some((first, b"R")),
        (None, _, Some(first)) => Some((first, b"RO")),
        (None, _, None) => Some((0, b" RO")),
    }
}

impl Addition {
    fn on_wire(&self) -> u64 {
        let bare = self.octets.ends_with(b"\n") && !self.octets.ends_with(b"\r\n");
        to_u64(self.octets.len()) + u64::from(bare)
    }

    /// Whether the message, which begins with `text`, stays the same with the addition: its bounds and
    /// digest, and so its UIDL.
    fn keeps(&self, boundaries: &Boundaries, text: &[u8], message: &MboxMessage) -> bool {
        let (before, after) = text.split_at(self.at);
        let marked = [before, &self.octets, after].concat();
        let line = marked[..self.at].iter().rposition(|&octet| octet == b'\n').map_or(0, |feed| feed + 1);
        boundaries.is_content(next_line(&mut &marked[line..]))
            && HeaderDigest::of(&marked).digest(message.octets + self.on_wire()) == message.digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// The message with its mark, if it lacks one and can have one.
    fn marked(boundaries: &Boundaries, message: &str) -> Option<String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"From x\n\n").unwrap();
        file.write_all(message.as_bytes()).unwrap();
        let content = message.find('\n').map_or(message.len(), |feed| feed + 1);
        let octets = crate::wire::octets_of(&message.as_bytes()[content..]);
        let found = MboxMessage {
            start: 8,
            content: 8 + to_u64(content),
            end: 8 + to_u64(message.len()),
            octets,
            digest: HeaderDigest::of(message.as_bytes()).digest(octets),
            ..MboxMessage::default()
        };
        let mark = StatusMark::missing(&file, boundaries, 7, &found).unwrap()?;
        let mut text = message.to_owned();
        text.insert_str(usize::try_from(mark.at).unwrap() - 8, std::str::from_utf8(&mark.octets).unwrap());
        assert_eq!(crate::wire::octets_of(&text.as_bytes()[content..]), octets + mark.on_wire);
        assert_eq!(mark.number, 7);
        Some(text)
    }

    fn of(message: &str) -> Option<String> {
        marked(&Boundaries::default(), message)
    }

    #[test]
    fn a_line_is_put_in() {
        for (before, after) in [
            ("From a\nA: 1\n\nx\n", "From a\nStatus: RO\nA: 1\n\nx\n"),
            ("From a\r\nA: 1\r\n\r\nx\r\n", "From a\r\nStatus: RO\r\nA: 1\r\n\r\nx\r\n"),
            // No header, nothing but a header, nothing at all.
            ("From a\n\nStatus: RO\n", "From a\nStatus: RO\n\nStatus: RO\n"),
            ("From a\nA: 1", "From a\nStatus: RO\nA: 1"),
            ("From a\n", "From a\nStatus: RO\n"),
        ] {
            assert_eq!(of(before).as_deref(), Some(after));
            assert_eq!(of(after), None, "once is enough");
        }
    }

    #[test]
    fn a_line_that_is_there_gets_what_it_lacks() {
        for (before, after) in [
            ("Status: O", "Status: RO"),
            ("STATUS :\tO", "STATUS :\tRO"),
            ("Status:O", "Status:RO"),
            ("Status: R", "Status: RO"),
            ("Status: RA", "Status: ROA"),
            ("Status: AO", "Status: RAO"),
            ("Status: U", "Status: ROU"),
            ("Status:", "Status: RO"),
        ] {
            for end in ["\n", "\r\n"] {
                let text = |line: &str| format!("From a{end}A: 1{end}{line}{end}B: 2{end}{end}x{end}");
                assert_eq!(of(&text(before)), Some(text(after)));
                assert_eq!(of(&text(after)), None);
            }
        }
        assert_eq!(of("From a\nStatus: OR\n\n"), None);
        assert_eq!(of("From a\nX-Status: O\n\n").unwrap(), "From a\nStatus: RO\nX-Status: O\n\n");
    }

    #[test]
    fn what_would_become_another_message_stays_as_it_is() {
        assert_eq!(of("From a"), None, "there is no line after it");
        assert_eq!(of("From a\n folded\n\nx\n"), None, "that would become part of the new line");
        // Only this much of a header is looked at: what is inserted pushes something out.
        let long = |length: usize| format!("From a\nA: {}\n\nx\n", "y".repeat(length));
        assert_eq!(of(&long(WINDOW)), None);
        assert_eq!(of(&long(WINDOW - 20)), None);
        assert!(of(&long(WINDOW - 30)).is_some());
    }

    #[test]
    fn a_line_that_begins_or_ends_messages_is_not_written() {
        for (start, end) in [("^From ", "^Status"), ("^Status: R", "^From ")] {
            let boundaries = Boundaries::new(start, end).unwrap();
            assert_eq!(marked(&boundaries, "From a\nA: 1\n\nx\n"), None);
        }
        let mmdf = Boundaries::new("^\x01\x01\x01\x01$", "^\x01\x01\x01\x01$").unwrap();
        let marked = marked(&mmdf, "\x01\x01\x01\x01\nA: 1\n\nx\n");
        assert_eq!(marked.unwrap(), "\x01\x01\x01\x01\nStatus: RO\nA: 1\n\nx\n");
    }
}
