//! What all maildrops of a process share.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, Stat};

use crate::disk::{Disk, Kernel};
use crate::error::{Doing, OpenError, is_denied};
use crate::index::{Checksummed, IndexKey, Indexes};
use crate::lock::session::{SessionLock, SessionLocks};
use crate::lock::{Locker, MailGroup};
use crate::notice::Notice;
use crate::settings::Settings;
use crate::spool::Spool;
use crate::state_folder;

/// The settings, the owner's state folder, and the ways to change files and to report.
pub(crate) struct OwnerContext {
    pub(crate) settings: Settings,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) notify: Box<dyn Fn(&Notice) + Send + Sync>,
    /// The folder of the journals, in the owner's state folder; an error if it could not be made.
    pub(crate) journals: io::Result<File>,
    pub(crate) indexes: Indexes,
    /// The folder of what is remembered about UIDLs, in the owner's state folder; an error if it could not be
    /// made.
    pub(crate) uidls: io::Result<File>,
    /// The folder into which mailboxes of [`vocabulary::Storage::Disk`] are split.
    pub(crate) spool: Option<Arc<File>>,
    pub(crate) group: Option<Box<dyn MailGroup>>,
    host: String,
    sessions: Arc<SessionLocks>,
}

impl OwnerContext {
    /// What is kept in the directory `state`. The disk is the kernel's; there is no spool and no mail group.
    ///
    /// # Errors
    ///
    /// The journals that are there cannot be reached, or the session locks cannot be used.
    pub(crate) fn new(
        settings: Settings,
        state: OwnedFd,
        notify: impl Fn(&Notice) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let journals = state_folder::open_or_make(state.as_fd(), "journal");
        if rustix::fs::statat(&state, "journal", AtFlags::empty()).is_ok()
            && let Err(error) = journals
        {
            // An interrupted rewrite may be waiting there.
            return Err(error);
        }
        let sessions = match SessionLocks::in_folder(state.as_fd()) {
            Err(source) if is_full_or_read_only(&source) => {
                notify(&Notice::NoSessionLocks { source });
                SessionLocks::of_this_process()
            }
            locks => locks?,
        };
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Ok(Self {
            settings,
            disk: Arc::new(Kernel),
            notify: Box::new(notify),
            journals,
            indexes: Indexes::in_folder(state.as_fd()),
            uidls: state_folder::open_or_make(state.as_fd(), "uidl"),
            spool: None,
            group: None,
            host,
            sessions: Arc::new(sessions),
        })
    }

    /// The session lock of the maildrop with the attributes `stat`; `None` if a session holds it.
    pub(crate) fn session(&self, stat: &Stat, path: &Path) -> Result<Option<SessionLock>, OpenError> {
        Ok(self
            .sessions
            .take(stat.st_dev, stat.st_ino)
            .doing("take the session lock of the maildrop", path)?)
    }

    /// Keeps the index of a maildrop for the next time it is opened.
    pub(crate) fn keep_index(&self, key: &IndexKey, body: &[u8]) -> Arc<Checksummed> {
        self.indexes.keep(&*self.disk, &*self.notify, key, body)
    }

    /// The spool folder of the mailbox at `path`, which exists; `None` while another process holds it. With
    /// `keep`, its files stay after the session.
    pub(crate) fn take_spool(&self, path: &Path, keep: bool) -> Result<Option<Spool>, OpenError> {
        let parent = self.spool.clone().ok_or_else(|| io::Error::other("no spool folder was given"));
        let taken = parent.and_then(|parent| Spool::take(Arc::clone(&self.disk), parent, path, keep));
        Ok(taken.doing("take the mailbox's folder in the spool", path)?)
    }

    /// What it takes to lock a mailbox.
    pub(crate) fn locker(&self) -> Locker<'_> {
        Locker {
            settings: &self.settings,
            disk: &*self.disk,
            group: self.group.as_deref(),
            host: &self.host,
            notify: &*self.notify,
        }
    }
}

/// Whether a folder is full or cannot be written at all.
fn is_full_or_read_only(error: &io::Error) -> bool {
    is_denied(error) || matches!(error.kind(), io::ErrorKind::QuotaExceeded | io::ErrorKind::StorageFull)
}
