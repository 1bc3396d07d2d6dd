//! Indexes: what was found out about a maildrop, so that it need not be found out again.
//!
//! An index is only a cache. It is used only if the maildrop itself proves, now, that it is unchanged; the
//! index of each format says how. An index that is missing, torn, of another version or of another maildrop
//! is ignored, and a new one gives the same UIDLs. There is one exception: if messages of an mbox are equal,
//! only the index knows in which order they came. So that is also read from an index of the previous version.
//!
//! - `store`: the files, one per maildrop, in the owner's state folder;
//! - `recent`: the indexes that were used last, in memory.
//!
//! The name of an index follows from the maildrop's file system and inode. So it is found after the maildrop
//! was renamed, and a maildrop that was restored from a backup, which has another inode, starts without an
//! index.

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
    /// Where the files lie; an error if the folder could not be made.
    folder: io::Result<File>,
    /// Identifies the time since the machine was last started.
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

    /// The key of the maildrop `file`, which has the attributes `stat` and is read by `rules`. The rules are
    /// everything that decides which messages are found.
    pub(crate) fn key(&self, file: &File, stat: &Stat, rules: &[u8]) -> io::Result<IndexKey> {
        let known = lock(&self.file_systems).get(&stat.st_dev).copied();
        let file_system = match known {
            Some(file_system) => file_system,
            None => {
                // Device numbers are assigned anew when the machine starts; this number mostly stays the
                // same.
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

    /// Keeps an index for the next time, in this process only.
    pub(crate) fn remember(&self, key: &IndexKey, body: &[u8]) -> Arc<Checksummed> {
        let index = Arc::new(Checksummed::new(key, &self.boot, body));
        lock(&self.recent).keep(*key, &index);
        index
    }

    /// Keeps an index for the next time. A failure to write it is reported once; it only costs time.
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

    /// Forgets an index that turned out to be wrong.
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

/// Identifies the time since the machine was last started (random(4)). If that is unknown, this process gets
/// an identifier of its own.
fn boot_id() -> [u8; 16] {
    let mut id = [0; 16];
    match std::fs::read("/proc/sys/kernel/random/boot_id") {
        Ok(text) if !text.is_empty() => {
            id.copy_from_slice(blake3::hash(&text).as_bytes().first_chunk().unwrap_or(&[0; 16]));
        }
        // All that matters then is that no other process has the same identifier.
        _ => drop(getrandom::fill(&mut id)),
    }
    id
}
