//! What an administrator should read in the log, although nothing failed.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Something noticed while a maildrop was opened or closed.
#[derive(Debug)]
pub enum Notice {
    /// A dotlock was broken because it was too old.
    BrokeOldLock {
        /// The dotlock.
        path: PathBuf,
        /// How long nobody had refreshed it.
        age: Duration,
    },
    /// A dotlock was broken because the process that made it on this host is gone.
    BrokeOrphanedLock {
        /// The dotlock.
        path: PathBuf,
        /// That process.
        pid: u32,
    },
    /// Another program held the mailbox's lock, and it was waited for.
    WaitedForLock {
        /// The mailbox.
        path: PathBuf,
        /// For how long, whether the lock was had in the end or not.
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
    /// A rewrite was interrupted, and since then another program changed the mailbox: it was left as it
    /// is, and the journal was kept.
    JournalSetAside {
        /// The mailbox.
        path: PathBuf,
        /// The journal's name in the state folder; it holds the kept mail.
        name: String,
    },
    /// Indexes cannot be written to the state folder. Mail is served as always, but opening takes longer.
    NoIndex {
        /// Why not.
        source: io::Error,
    },
    /// The file of session locks cannot be used: this process alone keeps a second session out.
    NoSessionLocks {
        /// Why not.
        source: io::Error,
    },
    /// A file in a Maildir that cannot be read and is therefore not served.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Messages that were read could not be marked so (setting `status_header`). No mail is harmed; where deletions were wanted too, they
    /// are another matter.
    NotMarkedRead {
        /// The mailbox.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// What must be remembered so that no UIDL changes could not be written down; it is tried again at the next
    /// login.
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
                "{}: another program changed it after an interrupted rewrite; it is left as it is, the mail that was to be kept is in the state folder's journal/{name}",
                path.display()
            ),
            Self::NoIndex { source } => {
                write!(f, "the state folder takes no indexes, so opening maildrops takes longer: {source}")
            }
            Self::NoSessionLocks { source } => {
                write!(f, "the state folder takes no session locks, only this process keeps them: {source}")
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
