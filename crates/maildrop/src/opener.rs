//! Opens maildrops.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

use crate::disk::{Disk, Kernel};
use crate::error::Doing;
use crate::lock::session::{SessionLock, SessionLocks};
use crate::lock::{Locker, MailGroup};
use crate::maildir::Maildir;
use crate::maildrop::{Empty, Maildrop};
use crate::mbox::Mbox;
use crate::notice::Notice;
use crate::{Location, OpenError, Settings};

/// Opens the maildrops of one owner; one of it serves all threads of a process.
pub struct Opener {
    shared: Arc<Shared>,
}

/// What all maildrops of a process share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) notify: Box<dyn Fn(&Notice) + Send + Sync>,
    /// The folder of the journals, in the owner's state folder.
    pub(crate) journals: File,
    group: Option<Box<dyn MailGroup>>,
    host: String,
    sessions: Arc<SessionLocks>,
}

impl Opener {
    /// An opener that keeps its session locks and journals in the directory `state`, which belongs to the owner and must be
    /// the same for all processes of that owner. `notify` gets what should be logged.
    ///
    /// # Errors
    ///
    /// When the lock file or the folder of journals cannot be made there.
    pub fn new(
        settings: Settings,
        state: OwnedFd,
        notify: impl Fn(&Notice) + Send + Sync + 'static,
    ) -> io::Result<Opener> {
        match rustix::fs::mkdirat(&state, "journal", Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let journals = File::from(rustix::fs::openat(&state, "journal", flags, Mode::empty())?);
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let sessions = Arc::new(SessionLocks::in_folder(state.as_fd())?);
        let shared = Shared {
            settings,
            disk: Arc::new(Kernel),
            notify: Box::new(notify),
            journals,
            group: None,
            host,
            sessions,
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
    /// The session lock of the maildrop that `file` is; `None` when a session has it.
    pub(crate) fn session(&self, file: &File, path: &Path) -> Result<Option<SessionLock>, OpenError> {
        let stat = rustix::fs::fstat(file).doing("look at the maildrop", path)?;
        Ok(self
            .sessions
            .take(stat.st_dev, stat.st_ino)
            .doing("take the session lock of the maildrop", path)?)
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
