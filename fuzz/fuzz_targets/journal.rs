//! A rewrite of an mbox that is interrupted at any operation. When it is opened again, the mailbox has all
//! messages or those that were not deleted, and what was delivered meanwhile. Whatever a damaged journal
//! says, the mailbox is left as it is, completed correctly, or restored.
//!
//! Input: an octet of switches, the operation that fails, which messages are deleted, and how the journal is
//! damaged (two octets); then the messages, each ended by an octet 255, and after an octet 254 what takes the
//! place of the journal.
#![no_main]

use fuzz::{Input, Place, on_wire, quick, received};
use libfuzzer_sys::fuzz_target;
use maildrop::{Disk, Kernel, Maildrop, MaildropUpdate, OpenError, SessionOptions, Settings};
use std::fs::{self, File};
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use vocabulary::{Location, Storage};

/// Messages that were read get a `Status:` line.
const MARKS: u8 = 1;
/// Mail is delivered before the mailbox is opened again.
const DELIVERY: u8 = 2;
/// The journal is damaged.
const DAMAGE: u8 = 4;
/// Something else takes its place, with the checksum of a journal.
const FORGED: u8 = 8;

const START: &[u8] = b"From a@example.org Mon Nov 23 10:00:00 2026\n";

/// Does nothing more from some operation on; the last write is half done.
struct Failing {
    left: AtomicUsize,
}

impl Failing {
    fn new(operations: usize) -> Self {
        Self { left: AtomicUsize::new(operations) }
    }

    fn check(&self) -> io::Result<()> {
        let take = |left: usize| left.checked_sub(1);
        match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => Ok(()),
            Err(_) => Err(io::Error::from_raw_os_error(5)),
        }
    }
}

impl Disk for Failing {
    fn create(&self, dir: BorrowedFd<'_>, name: &Path) -> io::Result<File> {
        self.check()?;
        Kernel.create(dir, name)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let last = self.left.load(Ordering::Relaxed) == 1;
        self.check()?;
        Kernel.write_at(file, if last { &bytes[..bytes.len().div_ceil(2)] } else { bytes }, offset)
    }

    fn extend(&self, file: &File, length: u64) -> io::Result<()> {
        self.check()?;
        Kernel.extend(file, length)
    }

    fn truncate(&self, file: &File, length: u64) -> io::Result<()> {
        self.check()?;
        Kernel.truncate(file, length)
    }

    fn sync(&self, _: &File) -> io::Result<()> {
        self.check()
    }

    fn link(&self, dir: BorrowedFd<'_>, from: &Path, to: &Path) -> io::Result<()> {
        self.check()?;
        Kernel.link(dir, from, to)
    }

    fn rename(&self, dir: BorrowedFd<'_>, from: &Path, to: &Path) -> io::Result<()> {
        self.check()?;
        Kernel.rename(dir, from, to)
    }

    fn unlink(&self, dir: BorrowedFd<'_>, name: &Path) -> io::Result<()> {
        self.check()?;
        Kernel.unlink(dir, name)
    }

    fn touch(&self, file: &File, modified: bool) -> io::Result<()> {
        self.check()?;
        Kernel.touch(file, modified)
    }
}

/// What lies in the mailbox is compared, not its surrogates.
const AS_STORED: SessionOptions = SessionOptions { keep_spool: false, received_for: None, as_stored: true };

fuzz_target!(|data: &[u8]| {
    let Some(Input { control: &[switches, fails, deleted, at, how], content }) = Input::new(data, 5) else {
        return;
    };
    let (content, forged) = match content.iter().position(|octet| *octet == 254) {
        Some(end) => (&content[..end], &content[end + 1..]),
        None => (content, &b""[..]),
    };
    if content.windows(5).any(|octets| octets == b"From ") {
        return;
    }
    let messages: Vec<&[u8]> = content.split(|octet| *octet == 255).take(8).collect();
    let mailbox: Vec<u8> = messages.iter().flat_map(|message| [START, message, b"\n\n"].concat()).collect();
    let chosen = |bits: u8| (1..=messages.len() as u32).filter(move |number| bits >> (number % 8) & 1 != 0);
    let deleted: Vec<u32> = chosen(deleted).collect();
    let read: Vec<u32> = chosen(0b1010_1010).collect();
    let update = MaildropUpdate { deleted: &deleted, read: &read };
    let settings = || Settings { status_header: switches & MARKS != 0, ..quick() };

    // What the mailbox should become.
    let clean = Place::new();
    let whole = put(&clean, &mailbox);
    let before = seen(clean.opener(settings()).open_for(&whole, &AS_STORED)).expect("a mailbox");
    let session = clean.opener(settings()).open_for(&whole, &AS_STORED).expect("a mailbox");
    session.commit(update).expect("room in memory");
    let done = fs::read(&whole.path).expect("the mailbox");
    let after = seen(clean.opener(settings()).open_for(&whole, &AS_STORED)).expect("a mailbox");

    // What the mailbox does become.
    let place = Place::new();
    let location = put(&place, &mailbox);
    let failing = Arc::new(Failing::new(usize::from(fails) + 1));
    let session =
        place.opener(settings()).with_disk(failing).open_for(&location, &AS_STORED).expect("a mailbox");
    let _ = session.commit(update);
    let left = fs::read(&location.path).expect("the mailbox");
    let delivered = if switches & DELIVERY != 0 { [START, b"new\n\n"].concat() } else { Vec::new() };
    let mut mail = left.clone();
    mail.extend(&delivered);
    fs::write(&location.path, &mail).expect("mail");

    let journal = journal(&place);
    if switches & (DAMAGE | FORGED) != 0 {
        if switches & FORGED != 0 {
            forge(&place, journal.as_deref(), &location, forged);
        } else if let Some(journal) = &journal {
            damage(journal, at, how);
        }
        let opened = seen(place.opener(settings()).open_for(&location, &AS_STORED));
        let now = fs::read(&location.path).expect("the mailbox");
        let untouched = now == mail;
        let is = |mailbox: &[u8]| now == [mailbox, &delivered].concat();
        assert!(
            switches & FORGED != 0 || untouched || is(&done) || is(&mailbox),
            "the mailbox was\n{}\nand became\n{}\nnot\n{}\nwith {:?} messages",
            mail.escape_ascii(),
            now.escape_ascii(),
            done.escape_ascii(),
            opened.map(|seen| seen.len())
        );
        return;
    }
    let opened = seen(place.opener(settings()).open_for(&location, &AS_STORED)).expect("a mailbox");
    let new: Vec<Vec<u8>> =
        delivered.strip_prefix(START).map(|new| on_wire(&new[..new.len() - 1])).into_iter().collect();
    let is = |expected: &[Vec<u8>]| opened == [expected, &new].concat();
    assert!(is(&before) || is(&after), "{opened:?}\nbefore {before:?}\nafter {after:?}");
    assert_eq!(self::journal(&place), None, "nothing is left to be done");
});

fn put(place: &Place, mailbox: &[u8]) -> Location {
    let path = place.path("mbox");
    fs::write(&path, mailbox).expect("a mailbox");
    Location { storage: Storage::Mbox, path }
}

fn journal(place: &Place) -> Option<PathBuf> {
    let entries = fs::read_dir(place.path("state/journal")).ok()?;
    entries
        .map(|entry| entry.expect("a journal").path())
        .find(|path| !path.to_string_lossy().contains("aside"))
}

fn damage(journal: &Path, at: u8, how: u8) {
    let mut octets = fs::read(journal).expect("a journal");
    let place = usize::from(at) * octets.len() / 256;
    match (octets.get_mut(place), how) {
        (Some(octet), 1..) => *octet ^= how,
        _ => octets.truncate(place),
    }
    fs::write(journal, octets).expect("a journal");
}

/// Puts a tail and a record in place of the journal, with a correct length and checksum. The record is what
/// comes from the beginning of its first line on.
fn forge(place: &Place, journal: Option<&Path>, location: &Location, forged: &[u8]) {
    let name = match journal {
        Some(journal) => journal.to_owned(),
        // No rewrite got that far: one that does shows the name of a journal.
        None => {
            let probe = Arc::new(Failing::new(8));
            let opener = place.opener(quick()).with_disk(probe);
            let Ok(session) = opener.open(location) else { return };
            let _ = session.commit(MaildropUpdate::deleting(&[1]));
            match self::journal(place) {
                Some(journal) => journal,
                None => return,
            }
        }
    };
    const MAGIC: &[u8] = b"mpopd journal 2\n";
    let record = forged.windows(MAGIC.len()).position(|octets| octets == MAGIC).unwrap_or(forged.len());
    let length = (forged.len() - record) as u32;
    let checksum = blake3::hash(forged);
    let octets = [forged, &length.to_le_bytes(), checksum.as_bytes()].concat();
    fs::write(name, octets).expect("a journal");
}

/// All messages, with the octets that a client gets; nothing if it is no mailbox.
fn seen(opened: Result<Box<dyn Maildrop>, OpenError>) -> Option<Vec<Vec<u8>>> {
    let mut maildrop = match opened {
        Ok(maildrop) => maildrop,
        Err(OpenError::NotAMaildrop { .. }) => return None,
        Err(error) => panic!("{error}"),
    };
    let mut all = Vec::new();
    for number in 1..=maildrop.count() {
        let bodies = maildrop.fetch(number, 1).expect("a message that is there");
        let body = bodies.first().expect("what was asked for");
        all.push(received(body));
    }
    Some(all)
}
