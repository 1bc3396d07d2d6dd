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
use crate::mbox::{Mbox, ServeFrom};
use crate::notice::Notice;
use crate::received::WithReceived;
use crate::spool::Spool;
use crate::surrogate::Surrogates;
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
    /// The folder in which mailboxes are taken apart.
    pub(crate) spool: Option<Arc<File>>,
    group: Option<Box<dyn MailGroup>>,
    host: String,
    sessions: Arc<SessionLocks>,
}

/// What one login asks for besides its messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Leave the files of [`Location::Disk`] in the spool when the session ends.
    pub keep_spool: bool,
    /// Put a Received: line before each message, for this user.
    pub received_for: Option<String>,
    /// Serve all messages as they are: the client takes UTF-8, or nobody gets surrogates (RFC 6856).
    pub as_stored: bool,
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
            spool: None,
            group: None,
            host,
            sessions: Arc::new(sessions),
        };
        Ok(Opener { shared: Arc::new(shared) })
    }

    /// The same opener, which takes apart mailboxes of [`Location::Disk`] in the directory `folder`; it belongs to the owner.
    #[must_use]
    pub fn with_spool(self, folder: OwnedFd) -> Opener {
        self.changed(|shared| shared.spool = Some(Arc::new(File::from(folder))))
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
            Location::Mbox(path) | Location::Ram(path) | Location::Disk(path) => {
                Mbox::open(&self.shared, path, ServeFrom::Mailbox)?.map(|mbox| mbox.compare(from))
            }
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
        self.open_for(location, &Wishes::default())
    }

    /// The same for a login that has wishes.
    ///
    /// # Errors
    ///
    /// As [`Opener::open`].
    pub fn open_for(&self, location: &Location, wishes: &Wishes) -> Result<Box<dyn Maildrop>, OpenError> {
        let mbox = |path, from| {
            Mbox::open(&self.shared, path, from).map(|mbox| mbox.map(|mbox| Box::new(mbox) as _))
        };
        let opened: Option<Box<dyn Maildrop>> = match location {
            Location::Mbox(path) => mbox(path, ServeFrom::Mailbox)?,
            Location::Ram(path) => mbox(path, ServeFrom::Memory)?,
            Location::Disk(path) => mbox(path, ServeFrom::Spool { keep: wishes.keep_spool })?,
            Location::Maildir(path) => {
                Maildir::open(&self.shared, path)?.map(|maildir| Box::new(maildir) as _)
            }
        };
        let opened = opened.unwrap_or_else(|| Box::new(Empty));
        let opened: Box<dyn Maildrop> = match wishes.as_stored {
            true => opened,
            false => Box::new(Surrogates::of(opened, location.path())),
        };
        Ok(match (&self.shared.settings.received, &wishes.received_for) {
            (Some(received), Some(user)) => Box::new(WithReceived::new(opened, received, user)),
            _ => opened,
        })
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

    /// The spool folder of the mailbox at `path`, which exists; `None` while somebody else has it.
    pub(crate) fn take_spool(&self, path: &Path, keep: bool) -> Result<Option<Spool>, OpenError> {
        let parent = self.spool.clone().ok_or_else(|| io::Error::other("no spool folder was given"));
        let taken = parent.and_then(|parent| Spool::take(Arc::clone(&self.disk), parent, path, keep));
        Ok(taken.doing("take the mailbox's folder in the spool", path)?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Version;
    use crate::{LockMethod, Update, mbox};
    use std::fs;

    fn uidls(mail: &dyn Maildrop) -> Vec<String> {
        (1..=mail.count()).map(|number| mail.listing(number).unwrap().uidl.to_string()).collect()
    }

    #[test]
    fn an_index_of_the_version_before_still_says_which_of_equal_messages_each_is() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("mbox");
        let opener = || {
            let state = File::open(place.path()).unwrap();
            let settings = Settings { lock_methods: vec![LockMethod::Fcntl], ..Settings::default() };
            Opener::new(settings, state.into(), |_| ()).unwrap()
        };
        fs::write(&path, "From a\nSubject: x\n\nx\n\n".repeat(3)).unwrap();
        let location = Location::Mbox(path.clone());
        let mail = opener().open(&location).unwrap();
        let all = uidls(&*mail);
        mail.commit(Update::deleting(&[1])).unwrap();

        let Opener { shared } = opener();
        let file = File::open(&path).unwrap();
        let key = shared.indexes.key(&file, &rustix::fs::fstat(&file).unwrap(), mbox::RULES).unwrap();
        let former = mbox::former_body(shared.indexes.find(&key).unwrap().body());
        let written = fs::read_dir(place.path().join("index")).unwrap().next().unwrap().unwrap();
        fs::write(written.path(), Sealed::former(&key, &former)).unwrap();
        let version = || opener().shared.indexes.find(&key).unwrap().version();
        assert_eq!(version(), Version::Former);

        assert_eq!(uidls(&*opener().open(&location).unwrap()), all[1..]);
        assert_eq!(version(), Version::Present);
    }
}
