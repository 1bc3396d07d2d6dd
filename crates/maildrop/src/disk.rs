//! Every operation that changes a file, in one place.
//!
//! The crash and fault tests rely on this: they record each operation, lose or tear what was not synced, and
//! return the errors of a full or failing disk.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{AtFlags, FallocateFlags, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};

use crate::widths::to_u64;

/// The operations. Names are relative to the directory `dir`.
pub trait Disk: Send + Sync {
    /// Makes a new file for reading and writing, mode 0600; `AlreadyExists` if the name is taken.
    fn create(&self, dir: BorrowedFd<'_>, name: &Path) -> io::Result<File>;
    /// Writes some of `bytes` at `offset`. Returns how many octets were written.
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Makes the file at least `length` octets long: zeros are added at its end, and space on the disk is
    /// reserved for them (fallocate(2)).
    fn extend(&self, file: &File, length: u64) -> io::Result<()>;
    /// Cuts the file to `length` octets.
    fn truncate(&self, file: &File, length: u64) -> io::Result<()>;
    /// Makes durable what was done to a file, or to the names in a directory (fsync(2)).
    fn sync(&self, file: &File) -> io::Result<()>;
    /// Gives a file a second name; `AlreadyExists` if that is taken.
    fn link(&self, dir: BorrowedFd<'_>, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file another name, and takes that name away from any file that had it.
    fn rename(&self, dir: BorrowedFd<'_>, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file's name.
    fn unlink(&self, dir: BorrowedFd<'_>, name: &Path) -> io::Result<()>;
    /// Sets the access time of a file to now, and with `modified` the modification time, too.
    fn touch(&self, file: &File, modified: bool) -> io::Result<()>;
}

/// The kernel's own operations.
#[derive(Debug, Clone, Copy, Default)]
pub struct Kernel;

impl Disk for Kernel {
    fn create(&self, dir: BorrowedFd<'_>, name: &Path) -> io::Result<File> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(File::from(rustix::fs::openat(dir, name, flags, Mode::RUSR | Mode::WUSR)?))
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        file.write_at(bytes, offset)
    }

    fn extend(&self, file: &File, length: u64) -> io::Result<()> {
        let from = file.metadata()?.len();
        let more = length.saturating_sub(from);
        // The range begins at the present end, so what others append meanwhile is not overwritten.
        if more > 0 {
            rustix::fs::fallocate(file, FallocateFlags::empty(), from, more)?;
        }
        Ok(())
    }

    fn truncate(&self, file: &File, length: u64) -> io::Result<()> {
        Ok(rustix::fs::ftruncate(file, length)?)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        Ok(rustix::fs::fsync(file)?)
    }

    fn link(&self, dir: BorrowedFd<'_>, from: &Path, to: &Path) -> io::Result<()> {
        Ok(rustix::fs::linkat(dir, from, dir, to, AtFlags::empty())?)
    }

    fn rename(&self, dir: BorrowedFd<'_>, from: &Path, to: &Path) -> io::Result<()> {
        Ok(rustix::fs::renameat(dir, from, dir, to)?)
    }

    fn unlink(&self, dir: BorrowedFd<'_>, name: &Path) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(dir, name, AtFlags::empty())?)
    }

    fn touch(&self, file: &File, modified: bool) -> io::Result<()> {
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let omit = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        let times = Timestamps { last_access: now, last_modification: if modified { now } else { omit } };
        Ok(rustix::fs::futimens(file.as_fd(), &times)?)
    }
}

/// Repeats an operation for as long as a signal interrupts it.
pub(crate) fn retry<T>(mut operation: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            answer => return answer,
        }
    }
}

/// Writes all of `bytes` at `offset`.
pub(crate) fn write_all_at(
    disk: &dyn Disk,
    file: &File,
    mut bytes: &[u8],
    mut offset: u64,
) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = retry(|| disk.write_at(file, bytes, offset))?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = bytes.get(written..).unwrap_or_default();
        offset += to_u64(written);
    }
    Ok(())
}
