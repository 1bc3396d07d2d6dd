//! Opens maildrops.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags, Stat};

use crate::disk::{Disk, Kernel};
use crate::error::Doing;
use crate::index::{Indexes, Key, Sealed};
use crate::lock::session::{SessionLock, SessionLocks};
use crate::lock::{Locker, MailGroup};
use crate::maildir::Maildir;
use crate::maildrop::{Empty, Maildrop};
use crate::mbox::Mbox;
use crate::notice::Notice;
use crate::{Location, Moved, OpenError, Settings, UidlScheme};

/// Opens the maildrops of one owner; one of it serves all threads of a process.
pub struct Opener {
    shared: Arc<Shared>,
}

/// What all maildrops of a process share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) notify: Box<dyn Fn(&Notice) + Send + Sync>,
    /// The folder of the journals, in the owner's state folder; an error where none could be made.
    pub(crate) journals: io::Result<File>,
    pub(crate) indexes: Indexes,
    /// The folder of what is remembered of UIDLs, in the owner's state folder; an error where none could be made.
    pub(crate) uidls: io::Result<File>,
    group: Option<Box<dyn MailGroup>>,
    host: String,
    sessions: Arc<SessionLocks>,
}

impl Opener {
    /// An opener that keeps its session locks, journals and indexes in the directory `state`, which belongs to the owner and must be
    /// the same for all processes of that owner. `notify` gets what should be logged.
    ///
    /// Where `state` is full or cannot be written, mail is still served: without indexes, and with
    /// session locks between the threads of this process only. An mbox that needs a journal then keeps all its messages.
    ///
    /// # Errors
    ///
    /// When what is there cannot be used.
    pub fn new(
        settings: Settings,
        state: OwnedFd,
        notify: impl Fn(&Notice) + Send + Sync + 'static,
    ) -> io::Result<Opener> {
        let journals = folder_in(state.as_fd(), "journal");
        if rustix::fs::statat(&state, "journal", AtFlags::empty()).is_ok()
            && let Err(error) = journals
        {
            // An interrupted rewrite may be waiting there.
            return Err(error);
        }
        let sessions = match SessionLocks::in_folder(state.as_fd()) {
            Err(source) if takes_nothing(&source) => {
                notify(&Notice::NoSessionLocks { source });
                SessionLocks::of_this_process()
            }
            locks => locks?,
        };
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let shared = Shared {
            settings,
            disk: Arc::new(Kernel),
            notify: Box::new(notify),
            journals,
            indexes: Indexes::in_folder(state.as_fd()),
            uidls: folder_in(state.as_fd(), "uidl"),
            group: None,
            host,
            sessions: Arc::new(sessions),
        };
        Ok(Opener { shared: Arc::new(shared) })
    }

    /// The same opener, which uses the rights of the mail group to make and remove dotlocks.
    #[must_use]
    pub fn with_mail_group(self, group: impl MailGroup + 'static) -> Opener {
        self.changed(|shared| shared.group = Some(Box::new(group)))
    }

    /// The same opener, which changes files through `disk`.
    #[must_use]
    pub fn with_disk(self, disk: Arc<dyn Disk>) -> Opener {
        self.changed(|shared| shared.disk = disk)
    }

    /// What the server `from` called the messages of the maildrop at `location`, beside what this opener's settings call them.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn compare(&self, location: &Location, from: &UidlScheme) -> Result<Vec<Moved>, OpenError> {
        let moved = match location {
            Location::Mbox(path) => Mbox::open(&self.shared, path)?.map(|mbox| mbox.compare(from)),
            Location::Maildir(path) => {
                Maildir::open(&self.shared, path)?.map(|maildir| maildir.compare(from))
            }
        };
        Ok(moved.transpose()?.unwrap_or_default())
    }

    fn changed(mut self, change: impl FnOnce(&mut Shared)) -> Opener {
        // Only maildrops share it, and none has been opened yet.
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            change(shared);
        }
        self
    }

    /// Opens the maildrop at `location` for one session. What does not exist is an empty maildrop.
    ///
    /// Blocks while the messages are found, and while another program holds the mailbox's lock, as long as the
    /// settings say.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]; the maildrop is as it was, and not locked.
    pub fn open(&self, location: &Location) -> Result<Box<dyn Maildrop>, OpenError> {
        let opened: Option<Box<dyn Maildrop>> = match location {
            Location::Mbox(path) => Mbox::open(&self.shared, path)?.map(|mbox| Box::new(mbox) as _),
            Location::Maildir(path) => {
                Maildir::open(&self.shared, path)?.map(|maildir| Box::new(maildir) as _)
            }
        };
        Ok(opened.unwrap_or_else(|| Box::new(Empty)))
    }
}

impl Shared {
    /// The session lock of the maildrop with the attributes `stat`; `None` when a session has it.
    pub(crate) fn session(&self, stat: &Stat, path: &Path) -> Result<Option<SessionLock>, OpenError> {
        Ok(self
            .sessions
            .take(stat.st_dev, stat.st_ino)
            .doing("take the session lock of the maildrop", path)?)
    }

    /// Keeps what was found out about a maildrop, for the next time it is opened.
    pub(crate) fn keep_index(&self, key: &Key, body: &[u8]) -> Arc<Sealed> {
        self.indexes.keep(&*self.disk, &*self.notify, key, body)
    }

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

/// Opens the folder `name` in `state`, made if need be.
pub(crate) fn folder_in(state: BorrowedFd<'_>, name: &str) -> io::Result<File> {
    match rustix::fs::mkdirat(state, name, Mode::RWXU) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(errno) => return Err(errno.into()),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(state, name, flags, Mode::empty())?))
}

/// Whether a folder is full or cannot be written at all.
fn takes_nothing(error: &io::Error) -> bool {
    crate::lock::is_denied(error)
        || matches!(error.kind(), io::ErrorKind::QuotaExceeded | io::ErrorKind::StorageFull)
}
