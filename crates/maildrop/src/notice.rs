//! What an administrator should find in the log although nothing failed.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Something that was noticed while a maildrop was opened or closed.
#[derive(Debug)]
pub enum Notice {
    /// A dotlock was broken because it was too old.
    BrokeOldLock {
        /// The dotlock.
        path: PathBuf,
        /// How long it had not been refreshed.
        age: Duration,
    },
    /// A dotlock was broken because the process on this host that made it is gone.
    BrokeOrphanedLock {
        /// The dotlock.
        path: PathBuf,
        /// That process.
        pid: u32,
    },
    /// Another program held the mailbox's lock, and we waited for it.
    WaitedForLock {
        /// The mailbox.
        path: PathBuf,
        /// For how long, whether we got the lock in the end or not.
        time: Duration,
    },
    /// Our dotlock was broken by another program while we held it.
    LostLock {
        /// The dotlock.
        path: PathBuf,
    },
    /// A rewrite that a crash had interrupted was completed.
    Replayed {
        /// The mailbox.
        path: PathBuf,
    },
    /// A rewrite was interrupted, and another program has changed the mailbox since then. The mailbox was
    /// left as it is, and the journal was kept.
    JournalSetAside {
        /// The mailbox.
        path: PathBuf,
        /// The journal's name in the state folder; it holds the kept mail.
        name: String,
    },
    /// Indexes cannot be written to the state folder. Mail is served as usual, but opening takes longer.
    NoIndex {
        /// Why not.
        source: io::Error,
    },
    /// The file of session locks cannot be used: only this process prevents a second session.
    NoSessionLocks {
        /// Why not.
        source: io::Error,
    },
    /// A file in a Maildir cannot be read and is therefore not served.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Messages that were read could not be marked as read (setting `status_header`). No mail is harmed. This
    /// says nothing about deletions in the same session.
    NotMarkedRead {
        /// The mailbox.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// What must be remembered so that no UIDL changes could not be written down. The next login tries again.
    UidlsNotKept {
        /// The mailbox.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BrokeOldLock { path, age } => {
                write!(f, "{}: lock untouched for {} s, broken", path.display(), age.as_secs())
            }
            Self::BrokeOrphanedLock { path, pid } => {
                write!(f, "{}: lock of process {pid}, which is gone, broken", path.display())
            }
            Self::WaitedForLock { path, time } => {
                write!(f, "{}: another program held its lock for {:.1} s", path.display(), time.as_secs_f64())
            }
            Self::LostLock { path } => {
                write!(f, "{}: another program broke this lock while it was held", path.display())
            }
            Self::Replayed { path } => {
                write!(f, "{}: an interrupted rewrite was completed", path.display())
            }
            Self::JournalSetAside { path, name } => write!(
                f,
                "{}: another program changed it after an interrupted rewrite; it is left as it is, the mail \
                 that was to be kept is in the state folder's journal/{name}",
                path.display()
            ),
            Self::NoIndex { source } => {
                write!(f, "indexes cannot be written to the state folder, so opening takes longer: {source}")
            }
            Self::NoSessionLocks { source } => {
                write!(
                    f,
                    "the state folder cannot hold session locks, so only this process has them: {source}"
                )
            }
            Self::Unreadable { path, source } => {
                write!(f, "{}: not served, it cannot be read: {source}", path.display())
            }
            Self::NotMarkedRead { path, why } => {
                write!(f, "{}: the messages that were read got no Status: line: {why}", path.display())
            }
            Self::UidlsNotKept { path, source } => write!(
                f,
                "{}: its UIDLs could not be written down in the state folder, and may change: {source}",
                path.display()
            ),
        }
    }
}
