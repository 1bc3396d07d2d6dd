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
use maildrop::{CommitError, Disk, Kernel};

/// Lets `left` operations through, then fails one or all.
struct Faulty {
    left: AtomicU32,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The machine stops: this operation and all later ones do nothing. A write is done by half.
    Stop,
    /// This one operation fails with this error number, the later ones work.
    Fail(i32),
}

impl Faulty {
    fn after(operations: u32, kind: Kind) -> Arc<Faulty> {
        Arc::new(Faulty { left: AtomicU32::new(operations), kind })
    }

    /// Whether it has failed at all.
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
        // Short writes are allowed, and happen.
        Kernel.write_at(file, &bytes[..bytes.len().min(250)], offset)
    }

    fn truncate(&self, file: &File, length: u64) -> io::Result<()> {
        self.pass().and_then(|()| Kernel.truncate(file, length))
    }

    /// What was written is seen at once by the next open; for that, no disk has to be waited for.
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
    format!("Subject: {number}\n\n{}", format!("line of {number}\n").repeat(number as usize * 3)).into_bytes()
}

fn five() -> Vec<Vec<u8>> {
    (1..=5).map(message).collect()
}

const DELETIONS: [&[u32]; 7] = [&[1], &[3], &[5], &[1, 3], &[2, 5], &[1, 2, 3, 4], &[1, 2, 3, 4, 5]];

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

/// Runs a commit against a disk that fails after `operations`, and checks what is there afterwards; `false`
/// when the disk was not asked that often.
fn run<F: Format>(deleted: &[u32], arrival: Arrival, operations: u32, kind: Kind) -> bool {
    let all = five();
    let format = F::with(&all.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let disk = Faulty::after(operations, kind);
    let opener = format.place().opener().with_disk(Arc::clone(&disk) as Arc<dyn Disk>);
    let what = format!("{deleted:?}, {arrival:?}, after {operations}");
    let mut expected = all.clone();
    // Not to be opened, that is to say nothing removed.
    let mut outcome = Err(deleted.to_vec());
    match opener.open(&format.location()) {
        Ok(maildrop) => {
            if matches!(arrival, Arrival::DuringTheSession | Arrival::Both) {
                format.deliver(&message(6));
                expected.push(message(6));
            }
            outcome = maildrop.commit(deleted).map_err(|error| match error {
                CommitError::Interrupted { .. } => Vec::new(),
                error => error.remaining(deleted).to_vec(),
            });
        }
        Err(error) => assert!(disk.struck(), "{what}: {error}"),
    }
    if kind == Kind::Stop && disk.struck() {
        // Dotlocks of a dead process: here it lives, so they go by hand.
        let _ = std::fs::remove_file(format.place().path("mbox.lock"));
    }
    if matches!(arrival, Arrival::AfterTheFault | Arrival::Both) {
        format.deliver(&message(7));
        expected.push(message(7));
    }
    let struck = disk.struck();
    let no_more = Vec::new();
    let remaining = outcome.as_ref().err().unwrap_or(&no_more);
    for attempt in 0..2 {
        let mut maildrop = format.open();
        let there = contents(&mut *maildrop);
        let mut rest = there.as_slice();
        for (number, message) in (1..).zip(&expected) {
            let is_there = rest.first() == Some(message);
            if is_there {
                rest = &rest[1..];
            }
            let was_deleted = deleted.contains(&number);
            assert!(is_there || was_deleted, "{what}: message {number} is lost ({outcome:?})");
            if outcome.is_ok() {
                assert!(is_there != was_deleted, "{what}: message {number} is back");
            }
            // Of a machine that stopped, no one got to know.
            if remaining.contains(&number) && kind != Kind::Stop {
                assert!(is_there, "{what}: message {number} was to remain ({outcome:?})");
            }
        }
        assert!(rest.is_empty(), "{what}: more than there was, attempt {attempt}");
    }
    assert!(!format.place().path("mbox.lock").exists(), "{what}: locked");
    let journals = format.place().path("state/journal");
    assert_eq!(std::fs::read_dir(journals).unwrap().count(), 0, "{what}: a journal is left");
    struck
}

fn enumerate<F: Format>(kind: Kind) {
    // Copies of an mbox are rewritten as the mbox itself; of special interest is only how they are made.
    let (deletions, arrivals) =
        if F::IS_COPY { (&DELETIONS[3..4], &ARRIVALS[3..]) } else { (&DELETIONS[..], &ARRIVALS[..]) };
    for &deleted in deletions {
        for &arrival in arrivals {
            let mut operations = 0;
            while run::<F>(deleted, arrival, operations, kind) {
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
