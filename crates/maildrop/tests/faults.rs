//! A disk that fails, or a machine that stops, at every single operation of a commit.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use common::*;
use maildrop::{CommitError, Disk, Kernel, MaildropUpdate, Settings};

/// Lets `left` operations through, then fails one or all.
struct Faulty {
    left: AtomicU32,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The machine stops: this operation and all later ones do nothing, and a write is half done.
    Stop,
    /// This operation fails with this error number; the later ones work.
    Fail(i32),
}

impl Faulty {
    fn after(operations: u32, kind: Kind) -> Arc<Self> {
        Arc::new(Self { left: AtomicU32::new(operations), kind })
    }

    /// Whether any operation has failed.
    fn struck(&self) -> bool {
        self.left.load(Ordering::Relaxed) == u32::MAX
    }

    fn pass(&self) -> io::Result<()> {
        match self.left.load(Ordering::Relaxed) {
            u32::MAX if self.kind == Kind::Stop => return Err(io::Error::other("stopped")),
            u32::MAX => {}
            0 => {
                self.left.store(u32::MAX, Ordering::Relaxed);
                return Err(match self.kind {
                    Kind::Stop => io::Error::other("stopped"),
                    Kind::Fail(number) => io::Error::from_raw_os_error(number),
                });
            }
            left => self.left.store(left - 1, Ordering::Relaxed),
        }
        Ok(())
    }
}

impl Disk for Faulty {
    fn create(&self, dir: BorrowedFd<'_>, name: &Path) -> io::Result<File> {
        self.pass().and_then(|()| Kernel.create(dir, name))
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let fresh = !self.struck();
        if let Err(error) = self.pass() {
            if self.kind == Kind::Stop && fresh {
                Kernel.write_at(file, &bytes[..bytes.len() / 2], offset)?;
            }
            return Err(error);
        }
        // Short writes are allowed, and they happen.
        Kernel.write_at(file, &bytes[..bytes.len().min(250)], offset)
    }

    fn extend(&self, file: &File, length: u64) -> io::Result<()> {
        self.pass().and_then(|()| Kernel.extend(file, length))
    }

    fn truncate(&self, file: &File, length: u64) -> io::Result<()> {
        self.pass().and_then(|()| Kernel.truncate(file, length))
    }

    /// The next open sees at once what was written, so the test need not wait for a disk.
    fn sync(&self, _: &File) -> io::Result<()> {
        self.pass()
    }

    fn link(&self, dir: BorrowedFd<'_>, from: &Path, to: &Path) -> io::Result<()> {
        self.pass().and_then(|()| Kernel.link(dir, from, to))
    }

    fn rename(&self, dir: BorrowedFd<'_>, from: &Path, to: &Path) -> io::Result<()> {
        self.pass().and_then(|()| Kernel.rename(dir, from, to))
    }

    fn unlink(&self, dir: BorrowedFd<'_>, name: &Path) -> io::Result<()> {
        self.pass().and_then(|()| Kernel.unlink(dir, name))
    }

    fn touch(&self, file: &File, modified: bool) -> io::Result<()> {
        self.pass().and_then(|()| Kernel.touch(file, modified))
    }
}

fn message(number: u32) -> Vec<u8> {
    // The first one is so short that the marks of the others outweigh it.
    let lines = if number == 1 { 0 } else { number as usize * 3 };
    format!("Subject: {number}\n\n{}", format!("line of {number}\n").repeat(lines)).into_bytes()
}

fn marked(number: u32) -> Vec<u8> {
    [b"Status: RO\n", &message(number)[..]].concat()
}

fn five() -> Vec<Vec<u8>> {
    (1..=5).map(message).collect()
}

const DELETIONS: [&[u32]; 7] = [&[1], &[3], &[5], &[1, 3], &[2, 5], &[1, 2, 3, 4], &[1, 2, 3, 4, 5]];
/// The mailbox grows, or becomes shorter by less than a marker needs, or by more.
const READINGS: [MaildropUpdate<'static>; 3] = [
    MaildropUpdate { deleted: &[], read: &[1, 4] },
    MaildropUpdate { deleted: &[1], read: &[2, 3, 4, 5] },
    MaildropUpdate { deleted: &[3, 5], read: &[1, 3] },
];

/// When mail arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrival {
    Never,
    DuringTheSession,
    AfterTheFault,
    Both,
}

const ARRIVALS: [Arrival; 4] =
    [Arrival::Never, Arrival::DuringTheSession, Arrival::AfterTheFault, Arrival::Both];

fn marking() -> Settings {
    Settings { status_header: true, ..quick() }
}

/// Runs a commit against a disk that fails after `operations`, and checks what is there afterwards. Returns
/// `false` if there were not that many operations.
fn run<F: Format>(update: MaildropUpdate<'_>, arrival: Arrival, operations: u32, kind: Kind) -> bool {
    let MaildropUpdate { deleted, read } = update;
    let all = five();
    let format = F::with(&all.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let disk = Faulty::after(operations, kind);
    let opener = format.place().opener_with(marking()).with_disk(Arc::clone(&disk) as Arc<dyn Disk>);
    let what = format!("{update:?}, {arrival:?}, after {operations}");
    let mut expected = all.clone();
    // If it cannot be opened, nothing was removed.
    let mut outcome = Err(deleted.to_vec());
    match opener.open(&format.location()) {
        Ok(maildrop) => {
            if matches!(arrival, Arrival::DuringTheSession | Arrival::Both) {
                format.deliver(&message(6));
                expected.push(message(6));
            }
            outcome = maildrop.commit(update).map_err(|error| match error {
                CommitError::Interrupted { .. } => Vec::new(),
                error => error.remaining(deleted).to_vec(),
            });
        }
        Err(error) => assert!(disk.struck(), "{what}: {error}"),
    }
    if kind == Kind::Stop && disk.struck() {
        // These are dotlocks of a dead process. Here the process lives, so they are removed by hand.
        let _ = std::fs::remove_file(format.place().path("mbox.lock"));
    }
    if matches!(arrival, Arrival::AfterTheFault | Arrival::Both) {
        format.deliver(&message(7));
        expected.push(message(7));
    }
    let struck = disk.struck();
    let no_more = Vec::new();
    let remaining = outcome.as_ref().err().unwrap_or(&no_more);
    // A missing mark was reported; no other mail is a reason to fail.
    let noticed = format.place().notices().iter().any(|notice| notice.contains("Status: line"));
    let may_lack_marks = noticed || outcome.is_err() || !F::MARKS_READ;
    for attempt in 0..2 {
        let mut maildrop = format.open();
        let there = contents(&mut *maildrop);
        let mut rest = there.as_slice();
        for (number, message) in (1..).zip(&expected) {
            let is_marked = read.contains(&number) && rest.first() == Some(&marked(number));
            let is_there = is_marked || rest.first() == Some(message);
            if is_there && read.contains(&number) && !is_marked {
                assert!(may_lack_marks, "{what}: message {number} has no mark");
            }
            if is_there {
                rest = &rest[1..];
            }
            let was_deleted = deleted.contains(&number);
            assert!(is_there || was_deleted, "{what}: message {number} is lost ({outcome:?})");
            if outcome.is_ok() {
                assert!(is_there != was_deleted, "{what}: message {number} is back");
            }
            // If the machine stopped, nobody heard of it.
            if remaining.contains(&number) && kind != Kind::Stop {
                assert!(is_there, "{what}: message {number} must remain ({outcome:?})");
            }
        }
        assert!(rest.is_empty(), "{what}: too many messages, attempt {attempt}");
    }
    assert!(!format.place().path("mbox.lock").exists(), "{what}: locked");
    let journals = format.place().path("state/journal");
    assert_eq!(std::fs::read_dir(journals).unwrap().count(), 0, "{what}: a journal is left");
    struck
}

fn enumerate<F: Format>(kind: Kind) {
    // Copies of an mbox are rewritten like the mbox itself; only how they are made differs.
    let mut updates = DELETIONS.map(MaildropUpdate::deleting).to_vec();
    updates.extend(READINGS);
    let (updates, arrivals) = if F::IS_COPY {
        (&[updates[3], READINGS[1]][..], &ARRIVALS[3..])
    } else {
        (&updates[..], &ARRIVALS[..])
    };
    for &update in updates {
        for &arrival in arrivals {
            let mut operations = 0;
            while run::<F>(update, arrival, operations, kind) {
                operations += 1;
            }
            assert!(operations > 1, "the disk was not used");
        }
    }
}

/// The cases, for each kind of maildrop.
macro_rules! faults {
    ($($name:ident: $format:ty;)*) => {
        $(mod $name {
            use super::*;

            #[test]
            fn the_machine_stops() {
                enumerate::<$format>(Kind::Stop);
            }

            #[test]
            fn an_operation_fails() {
                for error in [rustix::io::Errno::IO, rustix::io::Errno::NOSPC, rustix::io::Errno::DQUOT] {
                    enumerate::<$format>(Kind::Fail(error.raw_os_error()));
                }
            }

            #[test]
            fn an_operation_is_interrupted() {
                enumerate::<$format>(Kind::Fail(rustix::io::Errno::INTR.raw_os_error()));
            }
        })*
    };
}

faults! {
    mbox: Mbox;
    ram: Ram;
    disk: common::Disk;
    maildir: Maildir;
}

/// After an interrupted rewrite, and more mail, the disk fails while everything is repaired.
#[test]
fn an_operation_fails_while_an_interrupted_rewrite_is_completed() {
    let with = |mbox: &Mbox, disk: &Arc<Faulty>| {
        mbox.place().opener_with(marking()).with_disk(Arc::clone(disk) as Arc<dyn Disk>)
    };
    let fault = Kind::Fail(rustix::io::Errno::IO.raw_os_error());
    // Whether the machine stopped, and whether the disk failed after that.
    let run = |update: MaildropUpdate<'_>, stop: u32, fail: u32| {
        let all = five();
        let mbox = Mbox::with(&all.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let stopping = Faulty::after(stop, Kind::Stop);
        if let Ok(maildrop) = with(&mbox, &stopping).open(&mbox.location()) {
            let _ = maildrop.commit(update);
        }
        let _ = std::fs::remove_file(mbox.place().path("mbox.lock"));
        mbox.deliver(&message(6));
        let failing = Faulty::after(fail, fault);
        // This may well be refused; the next time must not be.
        drop(with(&mbox, &failing).open(&mbox.location()));
        mbox.deliver(&message(7));
        let there = contents(&mut *mbox.open());
        let mut rest = there.as_slice();
        for number in 1..=7 {
            let is_there =
                rest.first().is_some_and(|first| *first == message(number) || *first == marked(number));
            let what = format!("{update:?}, stopped after {stop}, failed after {fail}: message {number}");
            assert!(is_there || update.deleted.contains(&number), "{what}");
            rest = &rest[usize::from(is_there)..];
        }
        assert!(rest.is_empty());
        (stopping.struck(), failing.struck())
    };
    for update in [MaildropUpdate::deleting(&[2]), READINGS[0], READINGS[1]] {
        let mut stop = 0;
        while run(update, stop, u32::MAX - 1).0 {
            let mut fail = 0;
            while run(update, stop, fail).1 {
                fail += 1;
            }
            stop += 1;
        }
        assert!(stop > 10, "{stop}");
    }
}
