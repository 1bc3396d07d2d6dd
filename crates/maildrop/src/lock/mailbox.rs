//! All configured locks of one mailbox, taken and released together.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Instant;

use rustix::fs::FlockOperation;
use sys::ofd::{self, LockRange, RecordLock};
use vocabulary::LockMethod;

use super::dotlock::{Dotlock, DotlockAttempt, DotlockMaker};
use super::failure::{Busy, LockFailure};
use super::mail_group::MailGroup;
use crate::disk::{Disk, retry};
use crate::error::{OsError, is_denied};
use crate::notice::Notice;
use crate::settings::Settings;

/// What it takes to lock a mailbox.
#[derive(Clone, Copy)]
pub(crate) struct Locker<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) disk: &'a dyn Disk,
    pub(crate) group: Option<&'a dyn MailGroup>,
    pub(crate) host: &'a str,
    pub(crate) notify: &'a dyn Fn(&Notice),
}

/// A mailbox with all its configured locks. Dropping it releases them, the last taken first, and closes the
/// file.
///
/// The locks must be refreshed while they are held: whatever reads or writes for long takes the locked
/// mailbox and calls [`refresh`](Self::refresh) between two chunks.
pub(crate) struct LockedMailbox<'a> {
    /// As configured: the dotlock lies beside this name.
    path: &'a Path,
    /// A descriptor of its own, because a record lock belongs to the open file description.
    file: File,
    notify: &'a dyn Fn(&Notice),
    held: Vec<HeldLock<'a>>,
    lost: Cell<bool>,
}

enum HeldLock<'a> {
    Dotlock(Dotlock<'a>),
    Fcntl,
    Flock,
}

/// The result of one attempt to take all locks. After a hindered attempt none is held.
enum LockAttempt {
    Locked,
    Hindered { by: Busy, broke: bool },
}

/// Reports, when dropped, how long a lock was waited for, if it was.
struct WaitReport<'a> {
    since: Option<Instant>,
    mailbox: &'a Path,
    notify: &'a dyn Fn(&Notice),
}

impl Drop for WaitReport<'_> {
    fn drop(&mut self) {
        if let Some(since) = self.since {
            let path = self.mailbox.to_owned();
            (self.notify)(&Notice::WaitedForLock { path, time: since.elapsed() });
        }
    }
}

impl<'a> Locker<'a> {
    /// Takes all locks of the mailbox `file` at `path`, and tries as often as the settings say. `file` must
    /// be a descriptor of its own. A mailbox that is not `writable` may be read without a dotlock: nothing
    /// here can change it.
    pub(crate) fn lock(
        self,
        path: &'a Path,
        file: File,
        writable: bool,
    ) -> Result<LockedMailbox<'a>, LockFailure> {
        let lost = Cell::new(false);
        let mut mailbox = LockedMailbox { path, file, notify: self.notify, held: Vec::new(), lost };
        let mut tries = self.settings.retry_on_lock.max(1);
        let mut broke_one = false;
        let mut waited = WaitReport { since: None, mailbox: path, notify: self.notify };
        loop {
            let (busy, broke) = match self.try_once(&mut mailbox, writable)? {
                LockAttempt::Locked => return Ok(mailbox),
                LockAttempt::Hindered { by, broke } => (by, broke),
            };
            waited.since.get_or_insert_with(Instant::now);
            // Breaking a stale lock must not use up the last try.
            if broke && !broke_one {
                broke_one = true;
                tries += 1;
            }
            tries -= 1;
            if tries == 0 {
                return Err(LockFailure::Busy(busy));
            }
            std::thread::sleep(self.settings.retry_pause);
        }
    }

    /// Takes all locks, or releases those that it got.
    fn try_once(self, mailbox: &mut LockedMailbox<'a>, writable: bool) -> Result<LockAttempt, LockFailure> {
        let attempt = self.take_all(mailbox, writable);
        if !matches!(attempt, Ok(LockAttempt::Locked)) {
            mailbox.release();
        }
        attempt
    }

    fn take_all(self, mailbox: &mut LockedMailbox<'a>, writable: bool) -> Result<LockAttempt, LockFailure> {
        let path = mailbox.path;
        let failed = |error, doing| Err(LockFailure::Os(OsError::new(doing, path, error)));
        for method in &self.settings.lock_methods {
            let held = match method {
                LockMethod::Dotlock => match self.dotlock(path) {
                    Ok(DotlockAttempt::Taken(dotlock)) => HeldLock::Dotlock(dotlock),
                    Ok(DotlockAttempt::Busy(busy)) => return Ok(hindered(busy)),
                    Ok(DotlockAttempt::Broken(busy)) => {
                        return Ok(LockAttempt::Hindered { by: busy, broke: true });
                    }
                    Err(error) if !writable && is_denied(&error) => continue,
                    Err(error) => return failed(error, "make a lock file for this mailbox"),
                },
                LockMethod::Fcntl => {
                    let claim = if writable { RecordLock::Write } else { RecordLock::Read };
                    match ofd::set(&mailbox.file, claim, LockRange::All) {
                        Ok(true) => HeldLock::Fcntl,
                        Ok(false) => return Ok(hindered(Busy::new(path, "held with fcntl(2)"))),
                        Err(error) => return failed(error, "lock with fcntl(2)"),
                    }
                }
                LockMethod::Flock => {
                    let claim = if writable {
                        FlockOperation::NonBlockingLockExclusive
                    } else {
                        FlockOperation::NonBlockingLockShared
                    };
                    match retry(|| Ok(rustix::fs::flock(&mailbox.file, claim)?)) {
                        Ok(()) => HeldLock::Flock,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            return Ok(hindered(Busy::new(path, "held with flock(2)")));
                        }
                        Err(error) => return failed(error, "lock with flock(2)"),
                    }
                }
            };
            mailbox.held.push(held);
        }
        Ok(LockAttempt::Locked)
    }

    fn dotlock(self, mailbox: &Path) -> io::Result<DotlockAttempt<'a>> {
        let Locker { settings, disk, group, host, notify } = self;
        DotlockMaker { disk, group, host, stale: settings.stale_lock, notify }.take(mailbox)
    }
}

impl LockedMailbox<'_> {
    /// The mailbox's name as configured.
    pub(crate) fn path(&self) -> &Path {
        self.path
    }

    /// The mailbox, open for writing if the owner may write it.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Refreshes the locks; must be called at least every few seconds.
    pub(crate) fn refresh(&self) {
        if self.lost.get() {
            return;
        }
        for held in &self.held {
            if let HeldLock::Dotlock(dotlock) = held
                && !dotlock.refresh().unwrap_or(true)
            {
                (self.notify)(&Notice::LostLock { path: dotlock.path().to_owned() });
                self.lost.set(true);
            }
        }
    }

    /// Refreshes the locks. Returns `false` if another program has broken one of them.
    pub(crate) fn is_held(&self) -> bool {
        self.refresh();
        !self.lost.get()
    }

    fn release(&mut self) {
        while let Some(held) = self.held.pop() {
            match held {
                HeldLock::Dotlock(dotlock) => drop(dotlock),
                // Nothing can be done about a failure; closing the descriptor releases these, too.
                HeldLock::Fcntl => drop(ofd::set(&self.file, RecordLock::Release, LockRange::All)),
                HeldLock::Flock => drop(rustix::fs::flock(&self.file, FlockOperation::Unlock)),
            }
        }
    }
}

impl Drop for LockedMailbox<'_> {
    fn drop(&mut self) {
        self.release();
    }
}

fn hindered(by: Busy) -> LockAttempt {
    LockAttempt::Hindered { by, broke: false }
}
