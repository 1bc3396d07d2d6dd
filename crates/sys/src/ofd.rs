//! Record locks that belong to an open file description (fcntl(2), `F_OFD_SETLK`).
//!
//! They conflict with the classic record locks of delivery agents (`F_SETLK`). Unlike those they are not
//! released when any thread of the process closes any descriptor of the file, and they exclude two threads
//! that have a description each.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// The largest offset that can be locked.
pub const MOST_OFFSET: u64 = i64::MAX.unsigned_abs() - 1;

/// What to do with the lock of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordLock {
    /// Take it, shared with other readers.
    Read,
    /// Take it exclusively. The descriptor must be open for writing.
    Write,
    /// Release it.
    Release,
}

/// The octets of a file that a lock covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockRange {
    /// The whole file, however long it becomes.
    All,
    /// The octet at this offset, at most [`MOST_OFFSET`]. It need not exist.
    Octet(u64),
}

/// Takes or releases a lock without waiting: `true` when done, `false` if another holder prevents it.
///
/// # Errors
///
/// `InvalidInput` for an offset beyond [`MOST_OFFSET`]. Otherwise those of fcntl(2), above all `ENOLCK` and
/// `EBADF`.
pub fn set(file: impl AsFd, claim: RecordLock, range: LockRange) -> io::Result<bool> {
    let lock = flock(claim, range)?;
    loop {
        // SAFETY: the descriptor is borrowed for the whole call, and the kernel only reads `lock`, a complete
        // `struct flock` on our stack.
        let answer = unsafe { libc::fcntl(file.as_fd().as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
        if answer == 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EAGAIN | libc::EACCES) => return Ok(false),
            _ => return Err(error),
        }
    }
}

/// Whether another description holds a lock on this range. Takes no lock itself.
///
/// # Errors
///
/// As [`set`].
pub fn is_held(file: impl AsFd, range: LockRange) -> io::Result<bool> {
    let mut lock = flock(RecordLock::Write, range)?;
    // SAFETY: the descriptor is borrowed for the whole call, and the kernel reads and writes `lock`, a
    // complete `struct flock` on our stack.
    match unsafe { libc::fcntl(file.as_fd().as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) } {
        0 => Ok(i32::from(lock.l_type) != libc::F_UNLCK),
        _ => Err(io::Error::last_os_error()),
    }
}

fn flock(claim: RecordLock, range: LockRange) -> io::Result<libc::flock> {
    let (start, length) = match range {
        LockRange::All => (0, 0),
        LockRange::Octet(at) if at <= MOST_OFFSET => {
            (libc::off_t::try_from(at).map_err(|_| io::ErrorKind::InvalidInput)?, 1)
        }
        LockRange::Octet(_) => return Err(io::ErrorKind::InvalidInput.into()),
    };
    let kind = match claim {
        RecordLock::Read => libc::F_RDLCK,
        RecordLock::Write => libc::F_WRLCK,
        RecordLock::Release => libc::F_UNLCK,
    };
    Ok(libc::flock {
        l_type: short(kind),
        l_whence: short(libc::SEEK_SET),
        l_start: start,
        l_len: length,
        l_pid: 0, // anything else is EINVAL for this kind of lock
    })
}

#[expect(clippy::cast_possible_truncation, reason = "the constants of fcntl(2) are small numbers")]
const fn short(constant: i32) -> libc::c_short {
    constant as libc::c_short
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    /// Two descriptions of one file.
    fn twice() -> (tempfile::NamedTempFile, File) {
        let one = tempfile::NamedTempFile::new().unwrap();
        let two = File::options().read(true).write(true).open(one.path()).unwrap();
        (one, two)
    }

    #[test]
    fn descriptions_exclude_each_other_even_in_one_process() {
        let (one, two) = twice();
        assert!(set(&one, RecordLock::Write, LockRange::All).unwrap());
        assert!(!set(&two, RecordLock::Write, LockRange::All).unwrap());
        assert!(!set(&two, RecordLock::Read, LockRange::Octet(9)).unwrap());
        assert!(set(&one, RecordLock::Release, LockRange::All).unwrap());
        assert!(set(&two, RecordLock::Write, LockRange::All).unwrap());
    }

    #[test]
    fn one_octet_leaves_the_others_free() {
        let (one, two) = twice();
        assert!(set(&one, RecordLock::Write, LockRange::Octet(MOST_OFFSET)).unwrap());
        assert!(set(&two, RecordLock::Write, LockRange::Octet(7)).unwrap());
        assert!(!set(&two, RecordLock::Write, LockRange::Octet(MOST_OFFSET)).unwrap());
        assert!(set(&two, RecordLock::Write, LockRange::Octet(MOST_OFFSET + 1)).is_err());
    }

    #[test]
    fn closing_the_description_releases() {
        let (one, two) = twice();
        let third = File::open(one.path()).unwrap();
        assert!(set(&two, RecordLock::Write, LockRange::All).unwrap());
        drop(third);
        assert!(
            !set(&one, RecordLock::Read, LockRange::All).unwrap(),
            "another descriptor's close released it"
        );
        drop(two);
        assert!(set(&one, RecordLock::Read, LockRange::All).unwrap());
    }
}
