//! Indexes: what was found out about a maildrop, so that it need not be found out again.
//!
//! An index is a cache and nothing else. It is believed only where the maildrop itself proves, now, that it is
//! still as it was; a format's own index says how. One that is missing, torn, of another version or
//! of another maildrop is as good as none, and making it anew gives the same UIDLs. Only of equal messages in an mbox an index knows more than they
//! tell: in which order they came. So that is read from an index of the version before, too.
//!
//! - [`store`]: the files, one a maildrop, in the owner's state folder;
//! - [`recent`]: the last ones used, in memory.
//!
//! What an index is called follows from the maildrop's file system and inode. So it is found again however the maildrop is
//! renamed, and what was restored from a backup, which has another inode, begins with no index.

pub(crate) mod codec;
mod key;
mod recent;
mod store;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::Stat;

pub(crate) use self::key::IndexKey;
use self::recent::RecentIndexes;
pub(crate) use self::store::{Checksummed, IndexVersion};
use crate::disk::Disk;
use crate::notice::Notice;
use crate::state_folder;

/// All indexes of one owner.
pub(crate) struct Indexes {
    /// Where the files lie; `None` where no folder could be made.
    folder: io::Result<File>,
    /// Which start of the machine this is.
    boot: [u8; 16],
    recent: Mutex<RecentIndexes>,
    /// The lasting names of the file systems that were met, by device number.
    file_systems: Mutex<HashMap<u64, u64>>,
    complained: AtomicBool,
}

impl Indexes {
    /// The indexes whose files lie in the directory `state`.
    pub(crate) fn in_folder(state: BorrowedFd<'_>) -> Self {
        Self {
            folder: state_folder::open_or_make(state, "index"),
            boot: boot_id(),
            recent: Mutex::default(),
            file_systems: Mutex::default(),
            complained: AtomicBool::new(false),
        }
    }

    /// The key of the maildrop that is `file`, with the attributes `stat`, when it is read by `rules`: whatever
    /// decides what its messages are.
    pub(crate) fn key(&self, file: &File, stat: &Stat, rules: &[u8]) -> io::Result<IndexKey> {
        let known = lock(&self.file_systems).get(&stat.st_dev).copied();
        let file_system = match known {
            Some(file_system) => file_system,
            None => {
                // Device numbers are given anew at each start of the machine; this one mostly stays.
                let file_system = rustix::fs::fstatvfs(file)?.f_fsid;
                lock(&self.file_systems).insert(stat.st_dev, file_system);
                file_system
            }
        };
        let mut hasher = blake3::Hasher::new();
        hasher.update(&file_system.to_le_bytes());
        hasher.update(&stat.st_ino.to_le_bytes());
        hasher.update(rules);
        Ok(IndexKey(*hasher.finalize().as_bytes()))
    }

    /// The last index that was kept under `key`, if it is whole.
    pub(crate) fn find(&self, key: &IndexKey) -> Option<Arc<Checksummed>> {
        if let Some(index) = lock(&self.recent).find(key) {
            return Some(index);
        }
        let index = Arc::new(store::read(self.folder.as_ref().ok()?, key, &self.boot)?);
        lock(&self.recent).keep(*key, &index);
        Some(index)
    }

    /// Keeps an index for the next time in this process only.
    pub(crate) fn remember(&self, key: &IndexKey, body: &[u8]) -> Arc<Checksummed> {
        let index = Arc::new(Checksummed::new(key, &self.boot, body));
        lock(&self.recent).keep(*key, &index);
        index
    }

    /// Keeps an index for the next time. A failure to write it is noticed once, and costs time only.
    pub(crate) fn keep(
        &self,
        disk: &dyn Disk,
        notify: &dyn Fn(&Notice),
        key: &IndexKey,
        body: &[u8],
    ) -> Arc<Checksummed> {
        let index = self.remember(key, body);
        let written = match &self.folder {
            Ok(folder) => store::write(disk, folder, key, &index),
            Err(error) => Err(error.kind().into()),
        };
        if let Err(source) = written
            && !self.complained.swap(true, Ordering::Relaxed)
        {
            notify(&Notice::NoIndex { source });
        }
        index
    }

    /// Forgets an index that has turned out to be wrong.
    pub(crate) fn forget(&self, disk: &dyn Disk, key: &IndexKey) {
        lock(&self.recent).forget(key);
        if let Ok(folder) = &self.folder {
            store::remove(disk, folder, key);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which start of the machine this is (random(4)). Where that cannot be known, this process is a start of its own.
fn boot_id() -> [u8; 16] {
    let mut id = [0; 16];
    match std::fs::read("/proc/sys/kernel/random/boot_id") {
        Ok(text) if !text.is_empty() => {
            id.copy_from_slice(blake3::hash(&text).as_bytes().first_chunk().unwrap_or(&[0; 16]));
        }
        // Then all that matters is that no other process has the same.
        _ => drop(getrandom::fill(&mut id)),
    }
    id
}
