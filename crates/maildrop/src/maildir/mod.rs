//! Maildir: one file per message, in the folders `new` and `cur`.
//!
//! At any time, other programs may move a message from `new` to `cur`, or change the flags in its name. The
//! unique part of its name stays the same, and by that it is found again. We create no file here and rename
//! none.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod index;
mod list;
mod message_sizes;
pub(crate) mod name;
mod quota;
mod rescan;
mod uidl_source;

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags};

use self::index::{MaildirIndex, MaildirMessage};
use self::list::{Folder, MaildirEntry};
use self::message_sizes::MessageSizes;
use self::quota::QuotaChange;
use self::rescan::{MaildirRescan, Rescanned, by_unique_name};
use self::uidl_source::MaildirUidlSource;
use crate::delivered::Delivered;
use crate::disk::retry;
use crate::error::{CommitError, Doing, FetchError, OpenError, OsError};
use crate::file_stamp::FileStamp;
use crate::index::IndexKey;
use crate::lock::session::SessionLock;
use crate::maildrop::{ListedMessage, Maildrop, MaildropUpdate, StoredMessage};
use crate::migration::{self, UidlComparison, UidlScheme, UidlSource as _};
use crate::shared::OwnerContext;
use crate::uidl::Uidl;
use crate::widths::{to_u32, to_usize};

/// The version of the rules by which an index is made.
const RULES: &[u8] = b"Maildir 1";

/// An opened Maildir.
pub(crate) struct Maildir {
    shared: Arc<OwnerContext>,
    path: PathBuf,
    root: File,
    key: IndexKey,
    /// The messages.
    index: MaildirIndex,
    /// Where the messages lie, if other programs have renamed files since the index was made.
    moved: Option<Vec<MaildirEntry>>,
    /// The UIDLs, if they are not the default ones.
    uidls: Option<Vec<Uidl>>,
    /// What the folders looked like when the entries of the messages were last read.
    stamps: [FileStamp; 2],
    _session: SessionLock,
}

impl Maildir {
    /// Opens the Maildir at `path`; `None` if there is nothing.
    pub(crate) fn open(shared: &Arc<OwnerContext>, path: &Path) -> Result<Option<Self>, OpenError> {
        let Some(root) = open_root(path)? else { return Ok(None) };
        let now = list::stamps(&root).map_err(|(folder, error)| no_folder(path, folder, error))?;
        let stat = rustix::fs::fstat(&root).doing("look at the Maildir", path)?;
        let Some(session) = shared.session(&stat, path)? else { return Err(OpenError::InUse) };
        let limit = shared.settings.max_messages;
        let key = shared.indexes.key(&root, &stat, RULES).doing("look at the Maildir's file system", path)?;
        let known = shared.indexes.find(&key).and_then(MaildirIndex::of);
        let index = match known {
            Some(index) if index.describes(&now) && index.count() <= limit => index,
            known => {
                let surveyor = MaildirRescan { root: &root, path, limit, notify: &*shared.notify };
                let Rescanned { messages, stamps } = surveyor.run(known.as_ref())?;
                MaildirIndex::keep(shared, &key, stamps, &messages, known)
            }
        };
        let source = MaildirUidlSource { root: &root, index: &index };
        let uidls = migration::assign(shared, path, &source).doing("assign UIDLs to the messages", path)?;
        Ok(Some(Self {
            shared: Arc::clone(shared),
            path: path.to_owned(),
            root,
            key,
            stamps: index.stamps(),
            index,
            moved: None,
            uidls,
            _session: session,
        }))
    }

    /// The UIDLs that the server `from` gave to the messages, each beside ours.
    pub(crate) fn compare(&self, from: &UidlScheme) -> Result<Vec<UidlComparison>, OpenError> {
        let source = MaildirUidlSource { root: &self.root, index: &self.index };
        let uidls = self.uidls.clone().unwrap_or_else(|| source.defaults());
        let moved = migration::compare(from, &source, uidls);
        Ok(moved.doing("assign UIDLs to the messages", &self.path)?)
    }

    /// The message at `at`, counted from 0, and where it was last seen.
    fn message(&self, at: usize) -> Option<MaildirMessage> {
        let message = self.index.message(at)?;
        match &self.moved {
            None => Some(message),
            Some(entries) => Some(MaildirMessage { entry: entries.get(at)?.clone(), ..message }),
        }
    }

    /// Finds the messages again after other programs have renamed files. Returns `false` if nothing has
    /// changed since the last time.
    fn find_again(&mut self) -> io::Result<bool> {
        let now = list::stamps(&self.root).map_err(|(_, error)| error)?;
        if self.stamps.iter().zip(&now).all(|(before, now)| before.proves_unchanged(now)) {
            return Ok(false);
        }
        let list::FolderListing { entries, stamps } = list::list(&self.root)?;
        self.stamps = stamps;
        let mut now = by_unique_name(entries);
        let messages = (0..to_usize(self.index.count())).map_while(|at| self.message(at));
        let entries = messages.map(|MaildirMessage { entry, ordinal, .. }| {
            // The second of two files with the same unique name cannot be told from the first by name.
            let found = if ordinal == 1 { now.remove(entry.unique()) } else { None };
            found.unwrap_or(entry)
        });
        self.moved = Some(entries.collect());
        Ok(true)
    }

    /// Does something to a message where it lies. If the message is not there any more, does it where it lies
    /// now.
    fn with_path<T>(
        &mut self,
        index: usize,
        act: impl Fn(&File, &Path) -> io::Result<T>,
    ) -> Option<io::Result<T>> {
        let answer = act(&self.root, &self.message(index)?.entry.path());
        match answer {
            Err(error) if error.kind() == io::ErrorKind::NotFound => match self.find_again() {
                Ok(true) => Some(act(&self.root, &self.message(index)?.entry.path())),
                Ok(false) => Some(Err(error)),
                Err(error) => Some(Err(error)),
            },
            answer => Some(answer),
        }
    }

    fn body(&mut self, index: usize) -> Result<StoredMessage, FetchError> {
        let number = to_u32(index).saturating_add(1);
        let opened = self.with_path(index, |root, path| {
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            Ok(File::from(rustix::fs::openat(root, path, flags, Mode::empty())?))
        });
        let file = match opened.ok_or(FetchError::NoSuchMessage { number })? {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(FetchError::Vanished { number });
            }
            file => file.doing("open a message", &self.path)?,
        };
        let stat = rustix::fs::fstat(&file).doing("look at a message", &self.path)?;
        let stored = self.index.message(index).map_or(0, |message| message.measure.stored);
        let same =
            FileType::from_raw_mode(stat.st_mode).is_file() && u64::try_from(stat.st_size) == Ok(stored);
        if !same {
            // What the index says about this file is no longer true.
            self.shared.indexes.forget(&*self.shared.disk, &self.key);
            return Err(FetchError::Changed { number });
        }
        Ok(StoredMessage { source: Arc::new(file), offset: 0, length: stored, prefix: Vec::new() })
    }
}

impl Maildrop for Maildir {
    fn count(&self) -> u32 {
        self.index.count()
    }

    fn listing(&self, number: u32) -> Option<ListedMessage> {
        let index = to_usize(number).checked_sub(1)?;
        let message = self.index.message(index)?;
        let uidl = match &self.uidls {
            Some(uidls) => *uidls.get(index)?,
            None => message.uidl(),
        };
        let MessageSizes { octets, surrogate, .. } = message.measure;
        Some(ListedMessage { octets, surrogate, uidl })
    }

    fn fingerprint(&self) -> Option<[u8; 32]> {
        // The index alone is not enough if there are UIDLs of another server: they are not in it.
        self.uidls.is_none().then(|| self.index.stored().checksum())
    }

    fn delivered(&self, number: u32) -> Option<Delivered> {
        Delivered::at(self.message(to_usize(number).checked_sub(1)?)?.entry.delivered)
    }

    fn fetch(&mut self, first: u32, window: u32) -> Result<Vec<StoredMessage>, FetchError> {
        let Some(from) = to_usize(first).checked_sub(1) else {
            return Err(FetchError::NoSuchMessage { number: first });
        };
        let mut bodies = vec![self.body(from)?];
        let until = from.saturating_add(to_usize(window)).min(to_usize(self.index.count()));
        for index in from + 1..until {
            // An error about a later message is reported when that message is asked for.
            let Ok(body) = self.body(index) else { break };
            bodies.push(body);
        }
        Ok(bodies)
    }

    /// What was read is not recorded: the flags in the names belong to other programs.
    fn commit(mut self: Box<Self>, update: MaildropUpdate<'_>) -> Result<(), CommitError> {
        update.check(self.count())?;
        let disk = Arc::clone(&self.shared.disk);
        let mut touched = [false; 2];
        let mut freed = QuotaChange::default();
        let mut remaining = Vec::new();
        let mut cause = None;
        for &number in update.deleted {
            let index = to_usize(number) - 1;
            let removed = self.with_path(index, |root, path| retry(|| disk.unlink(root.as_fd(), path)));
            match removed.unwrap_or(Ok(())) {
                Ok(()) => {
                    if let Some(message) = self.message(index) {
                        touched[message.entry.folder.index()] = true;
                        freed.add(&message);
                    }
                }
                // Another program has removed it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    remaining.push(number);
                    let entry = self.message(index).map(|message| message.entry.path());
                    cause.get_or_insert((self.path.join(entry.unwrap_or_default()), error));
                }
            }
        }
        for folder in Folder::ALL {
            if touched[folder.index()] {
                let synced = folder.open(&self.root).and_then(|directory| retry(|| disk.sync(&directory)));
                if let Err(source) = synced {
                    cause.get_or_insert((self.path.join(folder.name()), source));
                }
            }
        }
        // The mail is gone, whatever happens to the quota. Agents count again now and then.
        let _ = freed.record(&*disk, &self.root);
        match cause {
            None => Ok(()),
            Some((path, source)) => Err(CommitError::Partial { remaining, path, source }),
        }
    }
}

fn open_root(path: &Path) -> Result<Option<File>, OpenError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(root) => Ok(Some(File::from(root))),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(rustix::io::Errno::NOTDIR) => Err(no_maildir(path, "no directory")),
        Err(errno) => Err(OsError::new("open the Maildir", path, errno).into()),
    }
}

fn no_folder(path: &Path, folder: Folder, error: io::Error) -> OpenError {
    match (error.kind(), folder) {
        (io::ErrorKind::NotFound | io::ErrorKind::NotADirectory, Folder::New) => {
            no_maildir(path, "a directory without \"new\"")
        }
        (io::ErrorKind::NotFound | io::ErrorKind::NotADirectory, Folder::Cur) => {
            no_maildir(path, "a directory without \"cur\"")
        }
        _ => OsError::new("look at the Maildir's folder", &path.join(folder.name()), error).into(),
    }
}

fn no_maildir(path: &Path, found: &str) -> OpenError {
    OpenError::NotAMaildrop {
        path: path.to_owned(),
        expected: "a Maildir, a directory with \"new\" and \"cur\"",
        found: found.to_owned(),
    }
}
