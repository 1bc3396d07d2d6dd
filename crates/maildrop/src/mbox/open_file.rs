//! Opens the file of an mbox.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, Stat};

use crate::error::{Doing, OpenError, OsError, is_denied};
use crate::file_stamp::FileStamp;

/// Opens what must be a regular file for reading; `None` if nothing is there.
pub(super) fn open_to_read(path: &Path) -> Result<Option<(File, Stat)>, OpenError> {
    // O_NONBLOCK does not hang on a FIFO, and O_NOCTTY does not adopt a terminal.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(rustix::io::Errno::NXIO) => return Err(not_a_file(path, "a socket or device")),
        Err(errno) => return Err(OsError::new("open the mailbox", path, errno).into()),
    };
    let stat = rustix::fs::fstat(&file).doing("look at the mailbox", path)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(Some((file, stat))),
        FileType::Directory => Err(not_a_file(path, "a directory")),
        FileType::Fifo => Err(not_a_file(path, "a FIFO")),
        _ => Err(not_a_file(path, "a device")),
    }
}

fn not_a_file(path: &Path, found: &str) -> OpenError {
    let (path, found) = (path.to_owned(), found.to_owned());
    OpenError::NotAMaildrop { path, expected: "an mbox file", found }
}

/// Opens an mbox for reading and writing.
pub(super) fn open_to_write(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// Opens a descriptor of its own for the locks. Returns whether it is open for writing, too.
pub(super) fn open_to_lock(path: &Path, source: &File) -> Result<(File, bool), OpenError> {
    match open_to_write(path) {
        Ok(file) => Ok((file, true)),
        Err(error) if is_denied(&error) => {
            let file = match open_to_read(path)? {
                Some((file, _)) => file,
                None => source.try_clone().doing("open the mailbox once more", path)?,
            };
            Ok((file, false))
        }
        Err(error) => Err(OsError::new("open the mailbox", path, error).into()),
    }
}

/// Whether the file is still the one at `path`.
pub(super) fn is_at(path: &Path, file: &FileStamp) -> bool {
    rustix::fs::stat(path).is_ok_and(|stat| file.is_of(stat.st_dev, stat.st_ino))
}
