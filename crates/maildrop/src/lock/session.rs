//! The session lock: one session per maildrop (RFC 1939, section 4). It disappears with its holder, however
//! the holder ends.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{Mode, OFlags};
use sys::ofd::{self, LockRange, RecordLock};

/// All session locks of one owner: record locks on single octets of one file in the owner's state folder.
///
/// The locks are kept apart from the mail because delivery agents take theirs on the mailbox itself, and must
/// be able to deliver during a session. The octet follows from device and inode, so a maildrop has one lock
/// whatever path leads to it. Record locks keep processes apart; within this process, the set does.
#[derive(Debug)]
pub(crate) struct SessionLocks {
    /// `None` if the file cannot be used.
    file: Option<File>,
    held: Mutex<HashSet<u64>>,
}

impl SessionLocks {
    /// The locks whose file lies in the directory `state`.
    pub(crate) fn in_folder(state: BorrowedFd<'_>) -> io::Result<Self> {
        let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = rustix::fs::openat(state, "sessions.lock", flags, Mode::RUSR | Mode::WUSR)?;
        Ok(Self { file: Some(File::from(file)), held: Mutex::default() })
    }

    /// Locks that only this process sees.
    pub(crate) fn of_this_process() -> Self {
        Self { file: None, held: Mutex::default() }
    }

    /// Takes the lock of the maildrop with this device and inode; `None` if a session holds it.
    pub(crate) fn take(self: &Arc<Self>, device: u64, inode: u64) -> io::Result<Option<SessionLock>> {
        let key = key(device, inode);
        let mut held = self.held();
        if held.contains(&key) || !self.set(RecordLock::Write, key)? {
            return Ok(None);
        }
        held.insert(key);
        Ok(Some(SessionLock { locks: Arc::clone(self), key }))
    }

    fn set(&self, claim: RecordLock, key: u64) -> io::Result<bool> {
        self.file.as_ref().map_or(Ok(true), |file| ofd::set(file, claim, LockRange::Octet(key)))
    }

    fn held(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A held session lock. Dropping it releases it.
#[derive(Debug)]
pub(crate) struct SessionLock {
    locks: Arc<SessionLocks>,
    key: u64,
}

impl Drop for SessionLock {
    fn drop(&mut self) {
        let mut held = self.locks.held();
        // It is released before another thread can find the key free. If that fails, the octet stays locked
        // until this process ends, and there is still only one session at a time.
        let _ = self.locks.set(RecordLock::Release, self.key);
        held.remove(&self.key);
    }
}

/// A 63-bit number for a file.
fn key(device: u64, inode: u64) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&device.to_le_bytes());
    hasher.update(&inode.to_le_bytes());
    let mut octets = [0; 8];
    hasher.finalize_xof().fill(&mut octets);
    u64::from_le_bytes(octets) % ofd::MOST_OFFSET
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn one_holder_in_a_process_and_between_processes() {
        let folder = tempfile::tempdir().unwrap();
        let state = File::open(folder.path()).unwrap();
        let ours = Arc::new(SessionLocks::in_folder(state.as_fd()).unwrap());
        // To the kernel, another open file description is like another process.
        let theirs = Arc::new(SessionLocks::in_folder(state.as_fd()).unwrap());

        let lock = ours.take(1, 2).unwrap().unwrap();
        assert!(ours.take(1, 2).unwrap().is_none());
        assert!(theirs.take(1, 2).unwrap().is_none());
        let other = theirs.take(1, 3).unwrap().unwrap();
        drop(lock);
        let lock = theirs.take(1, 2).unwrap().unwrap();
        assert!(ours.take(1, 2).unwrap().is_none());
        drop((lock, other));
        assert!(ours.take(1, 2).unwrap().is_some());
    }

    #[test]
    fn without_a_file_the_threads_of_a_process_keep_apart() {
        let locks = Arc::new(SessionLocks::of_this_process());
        let lock = locks.take(1, 2).unwrap().unwrap();
        assert!(locks.take(1, 2).unwrap().is_none());
        drop(lock);
        assert!(locks.take(1, 2).unwrap().is_some());
    }
}
