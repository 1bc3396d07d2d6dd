//! What the messages should be: the files of a Maildir or the messages of an mbox, for `--verify`.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::fault::{Fault, Kind};
use crate::mbox;

/// How many messages are looked at to say where a wrong one differs.
const CANDIDATES: usize = 1000;

/// The messages of one user. Kept are their digests and places, so that a mailbox larger than memory can be verified.
#[derive(Debug)]
pub(crate) struct Reference {
    messages: Vec<Message>,
    by_digest: HashMap<[u8; 32], usize>,
}

#[derive(Debug)]
struct Message {
    /// How often it is there: equal messages are one entry.
    copies: u32,
    /// Its first place.
    file: PathBuf,
    start: u64,
    length: usize,
    /// Octets in transfer.
    octets: usize,
}

impl Reference {
    /// Reads a Maildir (a folder with `cur` and `new`) or an mbox (a file).
    ///
    /// # Errors
    /// The system's, with the file's name, in words for the command line.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let mut reference = Self { messages: Vec::new(), by_digest: HashMap::new() };
        let named = |path: &Path, error: io::Error| format!("--verify {}: {error}", path.display());
        if !path.is_dir() {
            let text = fs::read(path).map_err(|error| named(path, error))?;
            for range in mbox::messages(&text) {
                reference.add(path, range.start as u64, &text[range]);
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
            None => self.messages.push(Message {
                copies: 1,
                file: file.to_owned(),
                start,
                length: stored.len(),
                octets: transfer.len(),
            }),
        }
    }

    /// A count for each message, all zero.
    pub(crate) fn nothing_seen(&self) -> Seen<'_> {
        self.seen(vec![0; self.messages.len()])
    }

    /// Counts of an earlier session, to go on from.
    pub(crate) fn seen(&self, times: Vec<u32>) -> Seen<'_> {
        Seen { reference: self, times }
    }

    /// Messages, equal ones counted each.
    pub(crate) fn count(&self) -> u64 {
        self.messages.iter().map(|message| u64::from(message.copies)).sum()
    }

    /// Where `content` first differs from the message that it is most like.
    fn difference(&self, content: &[u8]) -> String {
        // A wrong byte leaves the length as it was, so messages of the same length are looked at first.
        let mut candidates: Vec<&Message> = self.messages.iter().collect();
        candidates.sort_by_key(|message| message.octets.abs_diff(content.len()));
        let mut best: Option<(usize, &Message, Vec<u8>)> = None;
        for message in candidates.into_iter().take(CANDIDATES) {
            // What has gone meanwhile cannot be compared with.
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

impl Message {
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

/// Which messages of a reference came, and how often.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    reference: &'a Reference,
    times: Vec<u32>,
}

impl Seen<'_> {
    /// Takes the content of a message as it came: CRLF line ends, stuffed dots taken away.
    ///
    /// # Errors
    /// [`Kind::Content`] when it is no message of the reference, [`Kind::Twice`] when it came too often.
    pub(crate) fn take(&mut self, content: &[u8]) -> Result<(), Fault> {
        let digest = blake3::hash(content);
        let Some(&index) = self.reference.by_digest.get(digest.as_bytes()) else {
            return Err(Fault::new(Kind::Content, self.reference.difference(content)));
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
            return Err(Fault::new(Kind::Twice, text));
        }
        Ok(())
    }

    /// After a whole maildrop.
    ///
    /// # Errors
    /// [`Kind::Lost`] when a message of the reference did not come.
    pub(crate) fn complete(&self) -> Result<(), Fault> {
        let missing = |(message, times): &(&Message, &u32)| **times < message.copies;
        let mut missing = self.reference.messages.iter().zip(&self.times).filter(missing);
        let Some((first, _)) = missing.next() else { return Ok(()) };
        let text = match missing.count() {
            0 => format!("{} did not come", first.place()),
            more => format!("{} and {more} other messages did not come", first.place()),
        };
        Err(Fault::new(Kind::Lost, text))
    }

    /// How often each message came.
    pub(crate) fn times(&self) -> &[u32] {
        &self.times
    }
}

/// A stored message as POP3 must send it: each line ends in CRLF, the last one too. This is on purpose not the encoder
/// that the server uses: a fault there must not hide itself here.
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

    fn mbox() -> (tempfile::TempDir, Reference) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mbox");
        fs::write(
            &file,
            "From a\nA: 1\n\nbody one\n\nFrom b\nB: 2\n\nbody two\n\nFrom b\nB: 2\n\nbody two\n\n",
        )
        .unwrap();
        let reference = Reference::read(&file).unwrap();
        (folder, reference)
    }

    #[test]
    fn each_message_may_come_as_often_as_it_is_there() {
        let (_folder, reference) = mbox();
        assert_eq!(reference.count(), 3);
        let mut seen = reference.nothing_seen();
        seen.take(b"A: 1\r\n\r\nbody one\r\n").unwrap();
        assert_eq!(seen.complete().unwrap_err().kind, Kind::Lost);
        seen.take(b"B: 2\r\n\r\nbody two\r\n").unwrap();
        seen.take(b"B: 2\r\n\r\nbody two\r\n").unwrap();
        seen.complete().unwrap();
        assert_eq!(seen.take(b"A: 1\r\n\r\nbody one\r\n").unwrap_err().kind, Kind::Twice);
    }

    #[test]
    fn a_wrong_byte_is_pointed_at() {
        let (_folder, reference) = mbox();
        let fault = reference.nothing_seen().take(b"B: 2\r\n\r\nbody twx\r\n").unwrap_err();
        assert_eq!(fault.kind, Kind::Content);
        assert!(fault.text.contains("octet 15, where \"x\\r\\n\" came for \"o\\r\\n\""), "{}", fault.text);
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
        let reference = Reference::read(folder.path()).unwrap();
        let mut seen = reference.nothing_seen();
        seen.take(b"two\r\n").unwrap();
        seen.take(b"one\r\n").unwrap();
        seen.complete().unwrap();
    }

    #[test]
    fn a_missing_folder_is_named() {
        assert!(Reference::read(Path::new("/nonexistent/mail")).unwrap_err().contains("/nonexistent/mail"));
    }
}
