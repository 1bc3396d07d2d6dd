//! Whether a file is still the one that was read.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a file was when it was read: another stamp is another content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    octets: u64,
    modified: (i64, i64),
    /// Catches what keeps the other time, such as `cp -p`.
    changed: (i64, i64),
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            octets: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether the last change is so long ago, seen from when the reading `began`, that another one gets another time. File
    /// systems count time in ticks of milliseconds, some in seconds. A change "in the future" is that of a wrong clock.
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
        let stamp = Stamp::of(&file.as_file().metadata().unwrap());
        let changed = UNIX_EPOCH + Duration::new(stamp.changed.0 as u64, stamp.changed.1 as u32);
        assert!(!stamp.is_settled(changed));
        assert!(stamp.is_settled(changed + Duration::from_secs(60)));
        assert!(stamp.is_settled(changed - Duration::from_secs(3600)), "a wrong clock is not for ever");
    }
}
