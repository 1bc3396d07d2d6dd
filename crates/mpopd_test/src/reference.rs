//! The messages as they should be, from a Maildir or an mbox, for `--verify`.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::failure::{FailureKind, SessionFailure};
use crate::mbox;
use crate::numbers::wide;

/// How many messages to compare with a wrong one, to say where it differs.
const CANDIDATES: usize = 1000;

/// The messages of one user. Only their digests and places are kept, so a mailbox larger than memory can be
/// verified.
#[derive(Debug)]
pub(crate) struct ReferenceMailbox {
    messages: Vec<ReferenceMessage>,
    by_digest: HashMap<[u8; 32], usize>,
}

#[derive(Debug)]
struct ReferenceMessage {
    /// How often it occurs: equal messages are one entry.
    copies: u32,
    /// Where it occurs first.
    file: PathBuf,
    start: u64,
    length: usize,
    /// Octets in transfer.
    octets: usize,
}

impl ReferenceMailbox {
    /// Reads a Maildir (a folder with `cur` and `new`) or an mbox (a file).
    ///
    /// # Errors
    ///
    /// The system's, with the file's name.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let mut reference = Self { messages: Vec::new(), by_digest: HashMap::new() };
        let named = |path: &Path, error: io::Error| Error::Io(format!("--verify {}", path.display()), error);
        if !path.is_dir() {
            let text = fs::read(path).map_err(|error| named(path, error))?;
            for range in mbox::messages(&text) {
                reference.add(path, wide(range.start), &text[range]);
            }
            return Ok(reference);
        }
        for folder in ["new", "cur"].map(|name| path.join(name)) {
            for entry in fs::read_dir(&folder).map_err(|error| named(&folder, error))? {
                let file = entry.map_err(|error| named(&folder, error))?.path();
                if file.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b".")) {
                    reference.add(&file, 0, &fs::read(&file).map_err(|error| named(&file, error))?);
                }
            }
        }
        Ok(reference)
    }

    fn add(&mut self, file: &Path, start: u64, stored: &[u8]) {
        let transfer = in_transfer(stored);
        let next = self.messages.len();
        let index = *self.by_digest.entry(*blake3::hash(&transfer).as_bytes()).or_insert(next);
        match self.messages.get_mut(index) {
            Some(message) => message.copies += 1,
            None => self.messages.push(ReferenceMessage {
                copies: 1,
                file: file.to_owned(),
                start,
                length: stored.len(),
                octets: transfer.len(),
            }),
        }
    }

    /// The messages of this mailbox, none of which has been delivered.
    pub(crate) fn nothing_seen(&self) -> SeenMessages<'_> {
        self.seen(vec![0; self.messages.len()])
    }

    /// The same, with how often each was delivered before.
    pub(crate) fn seen(&self, times: Vec<u32>) -> SeenMessages<'_> {
        SeenMessages { reference: self, times }
    }

    /// Number of messages, each of several equal ones counted.
    pub(crate) fn count(&self) -> u64 {
        self.messages.iter().map(|message| u64::from(message.copies)).sum()
    }

    /// Where `content` first differs from the message that it resembles most.
    fn difference(&self, content: &[u8]) -> String {
        // A wrong byte leaves the length as it was, so messages of the same length are looked at first.
        let mut candidates: Vec<&ReferenceMessage> = self.messages.iter().collect();
        candidates.sort_by_key(|message| message.octets.abs_diff(content.len()));
        let mut best: Option<(usize, &ReferenceMessage, Vec<u8>)> = None;
        for message in candidates.into_iter().take(CANDIDATES) {
            // A message may have gone meanwhile.
            let Ok(expected) = message.load() else { continue };
            let same = content.iter().zip(&expected).take_while(|(one, other)| one == other).count();
            if best.as_ref().is_none_or(|(longest, ..)| same > *longest) {
                best = Some((same, message, expected));
            }
        }
        let Some((at, message, expected)) = best else { return "it is like no message there".to_owned() };
        let around = |octets: &[u8]| octets[at..octets.len().min(at + 24)].escape_ascii().to_string();
        format!(
            "it is like {} as far as octet {at}, where \"{}\" came for \"{}\" ({} octets for {})",
            message.place(),
            around(content),
            around(&expected),
            content.len(),
            expected.len(),
        )
    }
}

impl ReferenceMessage {
    fn load(&self) -> io::Result<Vec<u8>> {
        let mut stored = vec![0; self.length];
        File::open(&self.file)?.read_exact_at(&mut stored, self.start)?;
        Ok(in_transfer(&stored))
    }

    fn place(&self) -> String {
        match self.start {
            0 => self.file.display().to_string(),
            start => format!("{} from octet {start}", self.file.display()),
        }
    }
}

/// Which messages of a mailbox have been delivered, and how often.
#[derive(Debug)]
pub(crate) struct SeenMessages<'a> {
    reference: &'a ReferenceMailbox,
    times: Vec<u32>,
}

impl SeenMessages<'_> {
    /// Takes the content of a message as it was delivered: CRLF line ends, dot-stuffing undone.
    ///
    /// # Errors
    ///
    /// [`FailureKind::Content`] when it is no message of the mailbox, [`FailureKind::Twice`] when it was
    /// delivered too often.
    pub(crate) fn take(&mut self, content: &[u8]) -> Result<(), SessionFailure> {
        let digest = blake3::hash(content);
        let Some(&index) = self.reference.by_digest.get(digest.as_bytes()) else {
            return Err(SessionFailure::new(FailureKind::Content, self.reference.difference(content)));
        };
        let message = &self.reference.messages[index];
        self.times[index] += 1;
        if self.times[index] > message.copies {
            let text = format!(
                "{} came {} times, but is there {} times",
                message.place(),
                self.times[index],
                message.copies
            );
            return Err(SessionFailure::new(FailureKind::Twice, text));
        }
        Ok(())
    }

    /// Checks that every message was delivered, after a whole maildrop.
    ///
    /// # Errors
    ///
    /// [`FailureKind::Lost`] when one was not.
    pub(crate) fn complete(&self) -> Result<(), SessionFailure> {
        let missing = |(message, times): &(&ReferenceMessage, &u32)| **times < message.copies;
        let mut missing = self.reference.messages.iter().zip(&self.times).filter(missing);
        let Some((first, _)) = missing.next() else { return Ok(()) };
        let text = match missing.count() {
            0 => format!("{} did not come", first.place()),
            more => format!("{} and {more} other messages did not come", first.place()),
        };
        Err(SessionFailure::new(FailureKind::Lost, text))
    }

    /// How often each message was delivered.
    pub(crate) fn times(&self) -> &[u32] {
        &self.times
    }
}

/// A stored message as POP3 must send it: each line ends in CRLF, the last one too. This is deliberately not
/// the encoder that the server uses, so that a bug there cannot hide itself here.
fn in_transfer(stored: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(stored.len() + stored.len() / 32 + 2);
    for line in stored.split_inclusive(|&octet| octet == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        out.extend_from_slice(text);
        if !(line.ends_with(b"\n") && text.ends_with(b"\r")) {
            out.push(b'\r');
        }
        out.push(b'\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_become_crlf_once() {
        let cases: [(&[u8], &[u8]); 5] = [
            (b"a\nb\n", b"a\r\nb\r\n"),
            (b"a\r\nb", b"a\r\nb\r\n"),
            (b"a\r", b"a\r\r\n"),
            (b"a\rb\n\n", b"a\rb\r\n\r\n"),
            (b"", b""),
        ];
        for (stored, transfer) in cases {
            assert_eq!(in_transfer(stored), transfer);
        }
    }

    fn mbox() -> (tempfile::TempDir, ReferenceMailbox) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mbox");
        fs::write(
            &file,
            "From a\nA: 1\n\nbody one\n\nFrom b\nB: 2\n\nbody two\n\nFrom b\nB: 2\n\nbody two\n\n",
        )
        .unwrap();
        let reference = ReferenceMailbox::read(&file).unwrap();
        (folder, reference)
    }

    #[test]
    fn each_message_may_come_as_often_as_it_is_there() {
        let (_folder, reference) = mbox();
        assert_eq!(reference.count(), 3);
        let mut seen = reference.nothing_seen();
        seen.take(b"A: 1\r\n\r\nbody one\r\n").unwrap();
        assert_eq!(seen.complete().unwrap_err().kind, FailureKind::Lost);
        seen.take(b"B: 2\r\n\r\nbody two\r\n").unwrap();
        seen.take(b"B: 2\r\n\r\nbody two\r\n").unwrap();
        seen.complete().unwrap();
        assert_eq!(seen.take(b"A: 1\r\n\r\nbody one\r\n").unwrap_err().kind, FailureKind::Twice);
    }

    #[test]
    fn a_wrong_byte_is_pointed_at() {
        let (_folder, reference) = mbox();
        let failure = reference.nothing_seen().take(b"B: 2\r\n\r\nbody twx\r\n").unwrap_err();
        assert_eq!(failure.kind, FailureKind::Content);
        assert!(
            failure.text.contains("octet 15, where \"x\\r\\n\" came for \"o\\r\\n\""),
            "{}",
            failure.text
        );
    }

    #[test]
    fn a_maildir_is_new_and_cur() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in
            [("new/1.a", "one\n"), ("cur/2.b:2,S", "two"), ("tmp/3.c", "three"), ("cur/.hidden", "x")]
        {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let reference = ReferenceMailbox::read(folder.path()).unwrap();
        let mut seen = reference.nothing_seen();
        seen.take(b"two\r\n").unwrap();
        seen.take(b"one\r\n").unwrap();
        seen.complete().unwrap();
    }

    #[test]
    fn a_missing_folder_is_named() {
        assert!(
            ReferenceMailbox::read(Path::new("/nonexistent/mail"))
                .unwrap_err()
                .to_string()
                .contains("/nonexistent/mail")
        );
    }
}
