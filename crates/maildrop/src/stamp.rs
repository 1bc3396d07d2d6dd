//! Proof by its attributes that a file is unchanged.

use std::fs::File;
use std::io;
use std::time::{Duration, SystemTime};

use rustix::fs::Stat;

/// A file system may give the same time to all changes within this span: two seconds on the coarsest (FAT, some NFS).
const TICK: Duration = Duration::from_secs(2);

/// What a file looked like before its contents were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    /// Whether a change right after the stamp was taken would have had to show in the times.
    settled: bool,
}

impl Stamp {
    /// Of an open file, or of a directory.
    pub(crate) fn of(file: &File) -> io::Result<Stamp> {
        Ok(Stamp::from_stat(&rustix::fs::fstat(file)?, SystemTime::now()))
    }

    fn from_stat(stat: &Stat, now: SystemTime) -> Stamp {
        let changed = (stat.st_ctime, stat.st_ctime_nsec as i64);
        let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let settled = u64::try_from(changed.0)
            .is_ok_and(|seconds| Duration::new(seconds, changed.1 as u32) + TICK < since_epoch);
        Stamp {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: (stat.st_mtime, stat.st_mtime_nsec as i64),
            changed,
            settled,
        }
    }

    /// The file's size in octets.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Whether both are of the same file, changed or not.
    pub(crate) fn same_file(&self, other: &Stamp) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// Whether it is of the file with this device and inode.
    pub(crate) fn is_of(&self, device: u64, inode: u64) -> bool {
        (self.device, self.inode) == (device, inode)
    }

    /// Whether both show the same, which alone proves nothing.
    pub(crate) fn looks_like(&self, other: &Stamp) -> bool {
        Stamp { settled: other.settled, ..*self } == *other
    }

    /// Whether a file that now looks like `now` still holds what it held after this stamp was taken.
    ///
    /// Says no when it cannot be known: the change time, which no program can set, must be the same, and must
    /// have been a tick of the file system's clock in the past already.
    pub(crate) fn proves_unchanged(&self, now: &Stamp) -> bool {
        self.settled && self.looks_like(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_fresh_file_proves_nothing_and_an_old_one_does() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"one").unwrap();
        let stat = rustix::fs::fstat(&file).unwrap();
        let fresh = Stamp::from_stat(&stat, SystemTime::now());
        assert!(!fresh.proves_unchanged(&fresh), "written within one tick");

        let later = SystemTime::now() + TICK * 2;
        let old = Stamp::from_stat(&stat, later);
        assert!(old.proves_unchanged(&old));
        file.write_all(b"two").unwrap();
        let grown = Stamp::from_stat(&rustix::fs::fstat(&file).unwrap(), later);
        assert!(!old.proves_unchanged(&grown));
        assert!(old.same_file(&grown));
    }
}
