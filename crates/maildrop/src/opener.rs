//! Opens maildrops.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use vocabulary::{Location, Storage};

use crate::disk::Disk;
use crate::error::OpenError;
use crate::lock::MailGroup;
use crate::maildir::Maildir;
use crate::maildrop::{Maildrop, MissingMaildrop};
use crate::mbox::{Mbox, ServeFrom};
use crate::migration::{UidlComparison, UidlScheme};
use crate::notice::Notice;
use crate::received::WithReceived;
use crate::settings::Settings;
use crate::shared::OwnerContext;
use crate::surrogate::WithSurrogates;

/// Opens the maildrops of one owner. One opener serves all threads of a process.
pub struct Opener {
    shared: Arc<OwnerContext>,
}

/// How one session wants its messages served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionOptions {
    /// Leave the files of [`Storage::Disk`] in the spool when the session ends.
    pub keep_spool: bool,
    /// Put a Received: line before each message, for this user.
    pub received_for: Option<String>,
    /// Serve all messages as they are: the client accepts UTF-8, or surrogates are turned off (RFC 6856).
    pub as_stored: bool,
}

impl Opener {
    /// An opener that keeps its session locks, journals and indexes in the directory `state`. That directory
    /// belongs to the owner and must be the same for all processes of that owner. `notify` receives what
    /// should be logged.
    ///
    /// If `state` is full or cannot be written, mail is still served, but without indexes, and session locks
    /// work only between the threads of this process. An mbox that needs a journal then keeps all its
    /// messages.
    ///
    /// # Errors
    ///
    /// What is in `state` already cannot be used.
    pub fn new(
        settings: Settings,
        state: OwnedFd,
        notify: impl Fn(&Notice) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Ok(Self { shared: Arc::new(OwnerContext::new(settings, state, notify)?) })
    }

    /// The same opener, which splits mailboxes of [`Storage::Disk`] into the directory `folder`. It belongs
    /// to the owner.
    #[must_use]
    pub fn with_spool(self, folder: OwnedFd) -> Self {
        self.changed(|shared| shared.spool = Some(Arc::new(File::from(folder))))
    }

    /// The same opener, which uses the rights of the mail group to make and remove dotlocks.
    #[must_use]
    pub fn with_mail_group(self, group: impl MailGroup + 'static) -> Self {
        self.changed(|shared| shared.group = Some(Box::new(group)))
    }

    /// The same opener, which changes files through `disk`.
    #[must_use]
    pub fn with_disk(self, disk: Arc<dyn Disk>) -> Self {
        self.changed(|shared| shared.disk = disk)
    }

    /// The UIDLs that the server `from` gave to the messages of the maildrop at `location`, each beside the
    /// one that this opener's settings give.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn compare(&self, location: &Location, from: &UidlScheme) -> Result<Vec<UidlComparison>, OpenError> {
        let path = &location.path;
        let compared = match location.storage {
            Storage::Mbox | Storage::Ram | Storage::Disk => {
                Mbox::open(&self.shared, path, ServeFrom::Mailbox)?.map(|mbox| mbox.compare(from))
            }
            Storage::Maildir => Maildir::open(&self.shared, path)?.map(|maildir| maildir.compare(from)),
        };
        Ok(compared.transpose()?.unwrap_or_default())
    }

    fn changed(mut self, change: impl FnOnce(&mut OwnerContext)) -> Self {
        // Only maildrops share it, and none has been opened yet.
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            change(shared);
        }
        self
    }

    /// Opens the maildrop at `location` for one session. One that does not exist is served as an empty
    /// maildrop.
    ///
    /// Blocks while the messages are found, and while another program holds the mailbox's lock, for as long
    /// as the settings allow.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]; the maildrop is unchanged and not locked.
    pub fn open(&self, location: &Location) -> Result<Box<dyn Maildrop>, OpenError> {
        self.open_for(location, &SessionOptions::default())
    }

    /// Opens the maildrop as [`Opener::open`] does, for a session with these options.
    ///
    /// # Errors
    ///
    /// As [`Opener::open`].
    pub fn open_for(
        &self,
        location: &Location,
        options: &SessionOptions,
    ) -> Result<Box<dyn Maildrop>, OpenError> {
        let opened = self.open_stored(location, options)?.unwrap_or_else(|| Box::new(MissingMaildrop));
        let opened: Box<dyn Maildrop> = match options.as_stored {
            true => opened,
            false => Box::new(WithSurrogates::new(opened, &location.path)),
        };
        Ok(match (&self.shared.settings.received, &options.received_for) {
            (Some(received), Some(user)) => Box::new(WithReceived::new(opened, received, user)),
            _ => opened,
        })
    }

    /// The maildrop with its messages as they are stored; `None` if there is none.
    fn open_stored(
        &self,
        location: &Location,
        options: &SessionOptions,
    ) -> Result<Option<Box<dyn Maildrop>>, OpenError> {
        let path: &Path = &location.path;
        let from = match location.storage {
            Storage::Mbox => ServeFrom::Mailbox,
            Storage::Ram => ServeFrom::Memory,
            Storage::Disk => ServeFrom::Spool { keep: options.keep_spool },
            Storage::Maildir => {
                let maildir = Maildir::open(&self.shared, path)?;
                return Ok(maildir.map(|maildir| Box::new(maildir) as _));
            }
        };
        Ok(Mbox::open(&self.shared, path, from)?.map(|mbox| Box::new(mbox) as _))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{Checksummed, IndexVersion};
    use crate::{MaildropUpdate, mbox};
    use std::fs;
    use vocabulary::LockMethod;

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
        let location = Location { storage: Storage::Mbox, path: path.clone() };
        let mail = opener().open(&location).unwrap();
        let all = uidls(&*mail);
        mail.commit(MaildropUpdate::deleting(&[1])).unwrap();

        let Opener { shared } = opener();
        let file = File::open(&path).unwrap();
        let key = shared.indexes.key(&file, &rustix::fs::fstat(&file).unwrap(), mbox::RULES).unwrap();
        let previous = mbox::previous_body(shared.indexes.find(&key).unwrap().body());
        let written = fs::read_dir(place.path().join("index")).unwrap().next().unwrap().unwrap();
        fs::write(written.path(), Checksummed::previous(&key, &previous)).unwrap();
        let version = || opener().shared.indexes.find(&key).unwrap().version();
        assert_eq!(version(), IndexVersion::Previous);

        assert_eq!(uidls(&*opener().open(&location).unwrap()), all[1..]);
        assert_eq!(version(), IndexVersion::Current);
    }
}
