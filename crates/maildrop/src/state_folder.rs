//! The folders inside an owner's state folder.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;

use rustix::fs::{Mode, OFlags};

/// Opens the folder `name` in the directory `state`, and makes it first if it does not exist.
pub(crate) fn open_or_make(state: BorrowedFd<'_>, name: &str) -> io::Result<File> {
    match rustix::fs::mkdirat(state, name, Mode::RWXU) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(errno) => return Err(errno.into()),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(state, name, flags, Mode::empty())?))
}
