//! Whether a file has changed since it was read.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The identity, size and times of a file. A different version means that the content may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileVersion {
    device: u64,
    inode: u64,
    octets: u64,
    modified: (i64, i64),
    /// Catches changes that preserve the modification time, such as `cp -p`.
    changed: (i64, i64),
}

impl FileVersion {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            octets: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether the last change was so long before the reading `began` that another change gets another time.
    /// File systems count time in ticks of milliseconds, some of seconds. A change "in the future" comes from
    /// a wrong clock.
    pub(crate) fn is_settled(&self, began: SystemTime) -> bool {
        const TICK: Duration = Duration::from_secs(2);
        let (Ok(seconds), Ok(nanoseconds)) = (u64::try_from(self.changed.0), u32::try_from(self.changed.1))
        else {
            return true;
        };
        let changed = UNIX_EPOCH + Duration::new(seconds, nanoseconds);
        let apart = match began.duration_since(changed) {
            Ok(since) => since,
            Err(until) => until.duration(),
        };
        apart > TICK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_settled_when_its_last_change_is_some_seconds_ago() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let stamp = FileVersion::of(&file.as_file().metadata().unwrap());
        let changed = UNIX_EPOCH
            + Duration::new(u64::try_from(stamp.changed.0).unwrap(), u32::try_from(stamp.changed.1).unwrap());
        assert!(!stamp.is_settled(changed));
        assert!(stamp.is_settled(changed + Duration::from_secs(60)));
        assert!(
            stamp.is_settled(changed - Duration::from_secs(3600)),
            "a wrong clock must not have an effect forever"
        );
    }
}
