//! The spool of storage mode `disk`: a folder for each open mailbox, with one file per message.
//!
//! The spool is a copy. The mailbox stays unchanged until QUIT, so nothing that happens to the spool can lose
//! mail. What a crash leaves behind is removed when the mailbox is opened again.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::disk::{Disk, retry, write_all_at};
use crate::widths::to_u64;

/// How often to try again if the folder is removed while it is being opened.
const ATTEMPTS: u32 = 5;

/// The folder of one mailbox, locked. Dropping it removes the folder.
pub(crate) struct Spool {
    disk: Arc<dyn Disk>,
    parent: Arc<File>,
    name: OsString,
    folder: File,
    /// How many messages have been written.
    count: u32,
    /// Leave everything in place when dropped.
    keep: bool,
}

impl Spool {
    /// The empty folder of the mailbox at `path`, made in `parent` if it does not exist; `None` while another
    /// process holds it.
    ///
    /// # Errors
    ///
    /// What mkdirat(2), openat(2), flock(2) or unlinkat(2) says.
    pub(crate) fn take(
        disk: Arc<dyn Disk>,
        parent: Arc<File>,
        path: &Path,
        keep: bool,
    ) -> io::Result<Option<Self>> {
        let name = name_of(path)?;
        for _ in 0..ATTEMPTS {
            match rustix::fs::mkdirat(&parent, &name, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno.into()),
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let folder = match rustix::fs::openat(&parent, &name, flags, Mode::empty()) {
                Ok(folder) => File::from(folder),
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(errno.into()),
            };
            // An OS lock: it disappears with its holder, however the holder ends.
            match retry(|| Ok(rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive)?)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
            // The previous holder removes the folder when it ends.
            if is_at(&parent, &name, &folder)? {
                let spool = Self { disk, parent, name, folder, count: 0, keep };
                spool.remove_leftovers()?;
                return Ok(Some(spool));
            }
        }
        Err(io::Error::other("the spool folder is removed again and again"))
    }

    /// Begins the next message.
    pub(crate) fn message(&mut self) -> io::Result<SpoolFile<'_>> {
        let number = self.count + 1;
        let file = retry(|| self.disk.create(self.folder.as_fd(), &file_name(number)))?;
        self.count = number;
        Ok(SpoolFile { disk: &*self.disk, file, length: 0 })
    }

    /// Opens a message for reading. Messages count from 1.
    pub(crate) fn open(&self, number: u32) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.folder, file_name(number), flags, Mode::empty())?))
    }

    /// Removes what a crash, or a session that kept its files, has left.
    fn remove_leftovers(&self) -> io::Result<()> {
        for entry in Dir::read_from(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                let name = Path::new(std::ffi::OsStr::from_bytes(name));
                retry(|| self.disk.unlink(self.folder.as_fd(), name))?;
            }
        }
        Ok(())
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        // What cannot be removed now is removed when the mailbox is opened again.
        for number in 1..=self.count {
            let _ = retry(|| self.disk.unlink(self.folder.as_fd(), &file_name(number)));
        }
        let _ = rustix::fs::unlinkat(&self.parent, &self.name, AtFlags::REMOVEDIR);
    }
}

/// A message that is being written.
pub(crate) struct SpoolFile<'a> {
    disk: &'a dyn Disk,
    file: File,
    length: u64,
}

impl SpoolFile<'_> {
    pub(crate) fn append(&mut self, octets: &[u8]) -> io::Result<()> {
        write_all_at(self.disk, &self.file, octets, self.length)?;
        self.length += to_u64(octets.len());
        Ok(())
    }
}

fn file_name(number: u32) -> PathBuf {
    PathBuf::from(number.to_string())
}

/// The mailbox's own name, so that people find its folder, and a hash of its path, because names may be the
/// same.
fn name_of(path: &Path) -> io::Result<OsString> {
    let path = std::fs::canonicalize(path)?;
    let hash = blake3::hash(path.as_os_str().as_bytes()).to_hex();
    let mut name = path.file_name().unwrap_or_default().as_bytes().to_vec();
    name.truncate(200);
    name.extend(b"-");
    name.extend(&hash.as_bytes()[..16]);
    Ok(std::os::unix::ffi::OsStringExt::from_vec(name))
}

fn is_at(parent: &File, name: &OsString, folder: &File) -> io::Result<bool> {
    let ours = rustix::fs::fstat(folder)?;
    match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(there) => Ok((there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Kernel;
    use std::fs;

    fn take(top: &Path, keep: bool) -> Option<Spool> {
        let parent = Arc::new(File::open(top).unwrap());
        Spool::take(Arc::new(Kernel), parent, &top.join("alice"), keep).unwrap()
    }

    fn files(top: &Path) -> Vec<String> {
        let folders =
            fs::read_dir(top).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
        let names = |folder: PathBuf| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        folders.flat_map(names).map(|name| name.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn one_holder_and_nothing_left_behind() {
        let top = tempfile::tempdir().unwrap();
        fs::write(top.path().join("alice"), "").unwrap();
        let mut spool = take(top.path(), false).unwrap();
        spool.message().unwrap().append(b"one").unwrap();
        spool.message().unwrap();
        assert_eq!(fs::read(top.path().join(&spool.name).join("1")).unwrap(), b"one");
        assert!(take(top.path(), false).is_none(), "somebody has it");
        assert_eq!(files(top.path()).len(), 2, "and nobody has touched it");
        drop(spool);
        assert_eq!(fs::read_dir(top.path()).unwrap().count(), 1, "the folder is gone");
        assert!(take(top.path(), false).is_some());
    }

    #[test]
    fn what_was_kept_or_left_by_a_crash_goes_at_the_next_time() {
        let top = tempfile::tempdir().unwrap();
        fs::write(top.path().join("alice"), "").unwrap();
        let mut spool = take(top.path(), true).unwrap();
        spool.message().unwrap();
        drop(spool);
        assert_eq!(files(top.path()), ["1"]);
        let spool = take(top.path(), false).unwrap();
        assert!(files(top.path()).is_empty());
        drop(spool);
        assert_eq!(fs::read_dir(top.path()).unwrap().count(), 1);
    }
}
