//! Proof by its attributes that a file is unchanged.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, SystemTime};

use rustix::fs::Stat;

use crate::index::codec::Decoder;

/// A file system may give the same time to all changes within this span: two seconds on the coarsest one
/// (FAT).
const TICK: Duration = Duration::from_secs(2);
/// The times may come from another machine's clock, and that clock may be off by this much.
const CLOCKS_APART: Duration = Duration::from_secs(60);

/// File systems whose times come from this machine's clock, by their numbers in statfs(2): ext2 to ext4, XFS,
/// Btrfs, tmpfs, F2FS, ZFS, JFS, ReiserFS, bcachefs, overlayfs.
const LOCAL: [u64; 10] = [
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0x0102_1994,
    0xf2f5_2010,
    0x2fc1_2fc1,
    0x3153_464a,
    0x5265_4973,
    0xca45_1a4e,
    0x794c_7630,
];

/// What a file looked like before its contents were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileStamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    /// Whether a change right after the stamp was taken must have shown in the times.
    settled: bool,
}

impl FileStamp {
    /// The length of an encoded stamp, in octets.
    pub(crate) const ENCODED: usize = 57;

    /// The stamp of an open file or directory.
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        Ok(Self::from_stat(&rustix::fs::fstat(file)?, file.as_fd()))
    }

    /// The stamp of a file with the attributes `stat`, taken just now, on the file system of `beside`.
    pub(crate) fn from_stat(stat: &Stat, beside: BorrowedFd<'_>) -> Self {
        Self::at(stat, SystemTime::now(), || {
            rustix::fs::fstatfs(beside)
                .is_ok_and(|about| u64::try_from(about.f_type).is_ok_and(|number| LOCAL.contains(&number)))
        })
    }

    fn at(stat: &Stat, now: SystemTime, is_local: impl FnOnce() -> bool) -> Self {
        let time = |seconds, nanoseconds| (seconds, i64::try_from(nanoseconds).unwrap_or(0));
        let changed: (i64, i64) = time(stat.st_ctime, stat.st_ctime_nsec);
        let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let age = u64::try_from(changed.0).ok().and_then(|seconds| {
            since_epoch.checked_sub(Duration::new(seconds, u32::try_from(changed.1).unwrap_or(0)))
        });
        let settled = age.is_some_and(|age| age > CLOCKS_APART || age > TICK && is_local());
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: time(stat.st_mtime, stat.st_mtime_nsec),
            changed,
            settled,
        }
    }

    /// The same stamp, but it proves nothing.
    pub(crate) fn unsettled(self) -> Self {
        Self { settled: false, ..self }
    }

    /// Appends the [`ENCODED`](Self::ENCODED) stamp.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for number in [self.device, self.inode, self.size] {
            out.extend(number.to_le_bytes());
        }
        for number in [self.modified.0, self.modified.1, self.changed.0, self.changed.1] {
            out.extend(number.to_le_bytes());
        }
        out.push(u8::from(self.settled));
    }

    pub(crate) fn decode(reader: &mut Decoder<'_>) -> Option<Self> {
        Some(Self {
            device: reader.u64()?,
            inode: reader.u64()?,
            size: reader.u64()?,
            modified: (reader.i64()?, reader.i64()?),
            changed: (reader.i64()?, reader.i64()?),
            settled: reader.u8()? == 1,
        })
    }

    /// The file's size in octets.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Whether both belong to the same file, changed or not.
    pub(crate) fn same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// Whether it belongs to the file with this device and inode.
    pub(crate) fn is_of(&self, device: u64, inode: u64) -> bool {
        (self.device, self.inode) == (device, inode)
    }

    /// Whether both show the same attributes. That alone proves nothing.
    pub(crate) fn looks_like(&self, other: &Self) -> bool {
        Self { settled: other.settled, ..*self } == *other
    }

    /// Whether a file that now looks like `now` still holds what it held after this stamp was taken.
    ///
    /// Returns `false` if that cannot be known: the change time, which no program can set, must be the same,
    /// and must have been at least a tick of the file system's clock in the past when the stamp was taken.
    pub(crate) fn proves_unchanged(&self, now: &Self) -> bool {
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
        let fresh = FileStamp::of(&file).unwrap();
        assert!(!fresh.proves_unchanged(&fresh), "written within one tick");

        let later = SystemTime::now() + TICK * 2;
        let old = FileStamp::at(&stat, later, || true);
        assert!(old.proves_unchanged(&old));
        assert!(old.proves_unchanged(&fresh), "what is asked need not be old itself");
        assert!(!old.unsettled().proves_unchanged(&old));
        file.write_all(b"two").unwrap();
        let grown = FileStamp::at(&rustix::fs::fstat(&file).unwrap(), later, || true);
        assert!(!old.proves_unchanged(&grown));
        assert!(old.same_file(&grown));
    }

    #[test]
    fn another_machines_clock_gets_more_time() {
        let stat = rustix::fs::fstat(tempfile::tempfile().unwrap()).unwrap();
        for (after, local, settled) in
            [(1, true, false), (10, true, true), (10, false, false), (50, false, false), (100, false, true)]
        {
            let now = SystemTime::now() + Duration::from_secs(after);
            let stamp = FileStamp::at(&stat, now, || local);
            assert_eq!(stamp.proves_unchanged(&stamp), settled, "{after} s, {local}");
        }
        let before = SystemTime::now() - Duration::from_secs(1000);
        assert!(!FileStamp::at(&stat, before, || true).settled, "a time to come");
    }

    #[test]
    fn an_encoded_stamp_is_the_same() {
        let stat = rustix::fs::fstat(tempfile::tempfile().unwrap()).unwrap();
        for now in [SystemTime::now(), SystemTime::now() + CLOCKS_APART * 2] {
            let stamp = FileStamp::at(&stat, now, || true);
            let mut octets = Vec::new();
            stamp.encode(&mut octets);
            assert_eq!(octets.len(), FileStamp::ENCODED);
            assert_eq!(FileStamp::decode(&mut Decoder(&octets)), Some(stamp));
            octets.pop();
            assert_eq!(FileStamp::decode(&mut Decoder(&octets)), None);
        }
    }
}
