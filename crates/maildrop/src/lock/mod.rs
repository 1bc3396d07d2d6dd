//! Locks: [`session`] keeps a second session out of a maildrop, [`MailboxLock`] keeps delivery agents and
//! mail programs out of an mbox while it is parsed or rewritten.

mod dotlock;
pub(crate) mod session;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::FlockOperation;
use sys::ofd::{self, LockRange, RecordLock};

use self::dotlock::{Dotlock, Dotlocks, Try};
use crate::disk::{Disk, retry};
use crate::error::{CommitError, OpenError, Refusal};
use crate::notice::Notice;
use crate::{LockMethod, Settings};

/// The rights of the group that may write in the mail spool (setting `mailgroup`), for the moment of
/// making or removing a dotlock.
pub trait MailGroup: Send + Sync {
    /// Calls `action` once, on this thread, with those rights.
    ///
    /// # Errors
    ///
    /// When the rights cannot be taken; then `action` is not called.
    fn during(&self, action: &mut dyn FnMut()) -> io::Result<()>;
}

/// What taking a mailbox's locks needs.
#[derive(Clone, Copy)]
pub(crate) struct Locker<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) disk: &'a dyn Disk,
    pub(crate) group: Option<&'a dyn MailGroup>,
    pub(crate) host: &'a str,
    pub(crate) notify: &'a dyn Fn(&Notice),
}

/// The mailbox being locked.
#[derive(Clone, Copy)]
pub(crate) struct Mailbox<'a> {
    /// Its name as configured: the dotlock is beside that.
    pub(crate) path: &'a Path,
    /// A descriptor for the locks alone, since a record lock belongs to the open file description.
    pub(crate) file: &'a File,
    /// Whether the owner may write it. What nobody here can change may be read without a dotlock.
    pub(crate) writable: bool,
}

/// All configured locks of one mailbox; dropping it releases them, the last taken first.
pub(crate) struct MailboxLock<'a> {
    mailbox: Mailbox<'a>,
    notify: &'a dyn Fn(&Notice),
    held: Vec<Held<'a>>,
    lost: bool,
}

enum Held<'a> {
    Dotlock(Dotlock<'a>),
    Fcntl,
    Flock,
}

/// Why a mailbox was not locked.
#[derive(Debug)]
pub(crate) enum LockFailure {
    Busy(Busy),
    Refused(Refusal),
}

/// Another program is in the way.
#[derive(Debug)]
pub(crate) struct Busy {
    path: PathBuf,
    how: String,
}

impl Busy {
    fn new(path: &Path, how: impl Into<String>) -> Busy {
        Busy { path: path.to_owned(), how: how.into() }
    }
}

/// What came of one try for all locks. Hindered, none is held.
enum Attempt<'a> {
    Locked(MailboxLock<'a>),
    Hindered { by: Busy, broke: bool },
}

/// Tells in the end how long a lock was waited for, if it was.
struct Waited<'a> {
    since: Option<Instant>,
    mailbox: &'a Path,
    notify: &'a dyn Fn(&Notice),
}

impl Drop for Waited<'_> {
    fn drop(&mut self) {
        if let Some(since) = self.since {
            let path = self.mailbox.to_owned();
            (self.notify)(&Notice::WaitedForLock { path, time: since.elapsed() });
        }
    }
}

impl<'a> Locker<'a> {
    /// Takes all locks, trying as often as the settings say.
    pub(crate) fn lock(self, mailbox: Mailbox<'a>) -> Result<MailboxLock<'a>, LockFailure> {
        let mut tries = self.settings.retry_on_lock.max(1);
        let mut broke_one = false;
        let mut waited = Waited { since: None, mailbox: mailbox.path, notify: self.notify };
        loop {
            let (busy, broke) = match self.try_once(mailbox)? {
                Attempt::Locked(lock) => return Ok(lock),
                Attempt::Hindered { by, broke } => (by, broke),
            };
            waited.since.get_or_insert_with(Instant::now);
            // Having broken a stale lock must not use up the last try.
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

    fn try_once(self, mailbox: Mailbox<'a>) -> Result<Attempt<'a>, LockFailure> {
        let mut lock = MailboxLock { mailbox, notify: self.notify, held: Vec::new(), lost: false };
        for method in &self.settings.lock_methods {
            let held = match method {
                LockMethod::Dotlock => match self.dotlock(mailbox) {
                    Ok(Try::Taken(dotlock)) => Held::Dotlock(dotlock),
                    Ok(Try::Busy(busy)) => return Ok(hindered(busy)),
                    Ok(Try::Broken(busy)) => return Ok(Attempt::Hindered { by: busy, broke: true }),
                    Err(error) if !mailbox.writable && is_denied(&error) => continue,
                    Err(error) => {
                        return Err(refused(error, "make a lock file for this mailbox", mailbox.path));
                    }
                },
                LockMethod::Fcntl => {
                    let claim = if mailbox.writable { RecordLock::Write } else { RecordLock::Read };
                    match ofd::set(mailbox.file, claim, LockRange::All) {
                        Ok(true) => Held::Fcntl,
                        Ok(false) => return Ok(hindered(Busy::new(mailbox.path, "held with fcntl(2)"))),
                        Err(error) => return Err(refused(error, "lock with fcntl(2)", mailbox.path)),
                    }
                }
                LockMethod::Flock => {
                    let claim = if mailbox.writable {
                        FlockOperation::NonBlockingLockExclusive
                    } else {
                        FlockOperation::NonBlockingLockShared
                    };
                    match retry(|| Ok(rustix::fs::flock(mailbox.file, claim)?)) {
                        Ok(()) => Held::Flock,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            return Ok(hindered(Busy::new(mailbox.path, "held with flock(2)")));
                        }
                        Err(error) => return Err(refused(error, "lock with flock(2)", mailbox.path)),
                    }
                }
            };
            lock.held.push(held);
        }
        Ok(Attempt::Locked(lock))
    }

    fn dotlock(self, mailbox: Mailbox<'a>) -> io::Result<Try<'a>> {
        let Locker { settings, disk, group, host, notify } = self;
        Dotlocks { disk, group, host, stale: settings.stale_lock, notify }.take(mailbox.path)
    }
}

impl MailboxLock<'_> {
    /// Keeps the locks alive; to be called at least every few seconds.
    pub(crate) fn keep(&mut self) {
        if self.lost {
            return;
        }
        for held in &mut self.held {
            if let Held::Dotlock(dotlock) = held
                && !dotlock.keep().unwrap_or(true)
            {
                (self.notify)(&Notice::LostLock { path: dotlock.path().to_owned() });
                self.lost = true;
            }
        }
    }

    /// Keeps the locks alive, and says whether no other program has broken one of them.
    pub(crate) fn is_held(&mut self) -> bool {
        self.keep();
        !self.lost
    }
}

impl Drop for MailboxLock<'_> {
    fn drop(&mut self) {
        while let Some(held) = self.held.pop() {
            match held {
                Held::Dotlock(dotlock) => drop(dotlock),
                // A failure cannot be helped; closing the descriptor releases these, too.
                Held::Fcntl => drop(ofd::set(self.mailbox.file, RecordLock::Release, LockRange::All)),
                Held::Flock => drop(rustix::fs::flock(self.mailbox.file, FlockOperation::Unlock)),
            }
        }
    }
}

fn hindered<'a>(by: Busy) -> Attempt<'a> {
    Attempt::Hindered { by, broke: false }
}

/// Whether the rights for something are missing.
pub(crate) fn is_denied(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

fn refused(source: io::Error, doing: &'static str, path: &Path) -> LockFailure {
    LockFailure::Refused(Refusal::new(doing, path, source))
}

impl From<LockFailure> for OpenError {
    fn from(failure: LockFailure) -> OpenError {
        match failure {
            LockFailure::Busy(Busy { path, how }) => OpenError::Locked { path, how },
            LockFailure::Refused(refusal) => refusal.into(),
        }
    }
}

impl From<LockFailure> for CommitError {
    fn from(failure: LockFailure) -> CommitError {
        match failure {
            LockFailure::Busy(Busy { path, how }) => CommitError::Locked { path, how },
            LockFailure::Refused(refusal) => refusal.into(),
        }
    }
}
