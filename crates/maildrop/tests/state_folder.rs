//! State folders that are full or cannot be written: mail is served all the same.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs::{self, File};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::*;
use maildrop::{Disk, Kernel, MaildropUpdate};
use vocabulary::Storage;

fn with<F: Format>(number: u32) -> F {
    let format = F::new();
    (1..=number).for_each(|number| format.deliver(format!("Subject: {number}\n\na line\n").as_bytes()));
    format
}

/// The index files.
fn indexes(place: &Place) -> Vec<PathBuf> {
    let folder = fs::read_dir(place.path("state/index")).unwrap();
    folder.map(|entry| entry.unwrap().path()).collect()
}

/// A disk that is full, except for the mail.
struct FullState;

impl Disk for FullState {
    fn create(&self, _: BorrowedFd<'_>, _: &Path) -> std::io::Result<File> {
        Err(std::io::ErrorKind::StorageFull.into())
    }
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> std::io::Result<usize> {
        Kernel.write_at(file, bytes, offset)
    }
    fn extend(&self, file: &File, length: u64) -> std::io::Result<()> {
        Kernel.extend(file, length)
    }
    fn truncate(&self, file: &File, length: u64) -> std::io::Result<()> {
        Kernel.truncate(file, length)
    }
    fn sync(&self, file: &File) -> std::io::Result<()> {
        Kernel.sync(file)
    }
    fn link(&self, dir: BorrowedFd<'_>, from: &Path, to: &Path) -> std::io::Result<()> {
        Kernel.link(dir, from, to)
    }
    fn rename(&self, dir: BorrowedFd<'_>, from: &Path, to: &Path) -> std::io::Result<()> {
        Kernel.rename(dir, from, to)
    }
    fn unlink(&self, dir: BorrowedFd<'_>, name: &Path) -> std::io::Result<()> {
        Kernel.unlink(dir, name)
    }
    fn touch(&self, file: &File, modified: bool) -> std::io::Result<()> {
        Kernel.touch(file, modified)
    }
}

#[test]
fn a_full_state_folder_is_noticed_once_and_stops_no_mail() {
    let maildir: Maildir = with(5);
    let opener = maildir.place().opener().with_disk(Arc::new(FullState));
    for left in [5, 4, 3] {
        let mut maildrop = opener.open(&maildir.location()).unwrap();
        assert_eq!(contents(&mut *maildrop).len(), left);
        maildrop.commit(MaildropUpdate::deleting(&[1])).unwrap();
    }
    let notices = maildir.place().notices();
    assert!(notices.len() == 1 && notices[0].contains("indexes"), "{notices:?}");
    assert!(indexes(maildir.place()).is_empty());
}

#[test]
fn a_state_folder_that_cannot_be_written_stops_no_mail() {
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "needs root");
        eprintln!("skipped: needs root to become another user");
        return;
    }
    let (maildir, mbox): (Maildir, Mbox) = (with(5), with(5));
    for (location, place) in [(maildir.location(), maildir.place()), (mbox.location(), mbox.place())] {
        let mail = walk(&location.path);
        for path in mail.iter().map(PathBuf::as_path).chain([place.folder.path()]) {
            std::os::unix::fs::chown(path, Some(65534), Some(65534)).unwrap();
        }
        let state = File::open(place.path("state")).unwrap();
        rustix::fs::fchmod(&state, rustix::fs::Mode::from_raw_mode(0o755)).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Only this thread becomes another user: the system call knows nothing about processes.
                rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(65534)).unwrap();
                let opener = place.opener();
                let mut maildrop = opener.open(&location).unwrap();
                assert!(opener.open(&location).is_err(), "one session at a time");
                assert_eq!(contents(&mut *maildrop).len(), 5);
                // An mbox cannot be rewritten without a journal, so nothing is removed.
                let removed = maildrop.commit(MaildropUpdate::deleting(&[2]));
                assert_eq!(removed.is_ok(), location.storage == Storage::Maildir);
                let left = opener.open(&location).unwrap().count();
                assert_eq!(left, if removed.is_ok() { 4 } else { 5 });
                opener
                    .open(&location)
                    .unwrap()
                    .commit(MaildropUpdate::deleting(&(1..=left).collect::<Vec<_>>()))
                    .unwrap();
                assert_eq!(opener.open(&location).unwrap().count(), 0);
            });
        });
        assert_eq!(place.notices().len(), 2, "no locks, no indexes");
    }
}

fn walk(path: &Path) -> Vec<PathBuf> {
    let mut all = vec![path.to_owned()];
    if path.is_dir() {
        all.extend(fs::read_dir(path).unwrap().flat_map(|entry| walk(&entry.unwrap().path())));
    }
    all
}
