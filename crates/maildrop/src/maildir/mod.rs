//! Maildir: one file a message, in the folders `new` and `cur`.
//!
//! Other programs may move a message from `new` to `cur`, or change the flags in its name, at any time. What stays is
//! the unique part of its name, by which it is found again. We make no file here and rename none.

mod list;
mod measure;
mod name;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags};

use self::list::{Folder, Place};
use self::measure::Measure;
use crate::disk::retry;
use crate::error::{Doing, Refusal};
use crate::lock::session::SessionLock;
use crate::maildrop::{Body, Listing, Maildrop};
use crate::notice::Notice;
use crate::opener::Shared;
use crate::stamp::Stamp;
use crate::uidl::{self, Uidl};
use crate::{CommitError, FetchError, OpenError};

/// An opened Maildir.
pub(crate) struct Maildir {
    shared: Arc<Shared>,
    path: PathBuf,
    root: File,
    messages: Vec<Message>,
    /// What the folders looked like when the places of the messages were last read.
    stamps: [Stamp; 2],
    _session: SessionLock,
}

struct Message {
    /// Where it was last seen.
    place: Place,
    measure: Measure,
    /// For files of one unique name, which of them this is, from 1.
    ordinal: u32,
}

impl Maildir {
    /// Opens the Maildir at `path`; `None` if there is nothing.
    pub(crate) fn open(shared: &Arc<Shared>, path: &Path) -> Result<Option<Maildir>, OpenError> {
        let Some(root) = open_root(path)? else { return Ok(None) };
        let Some(session) = shared.session(&root, path)? else { return Err(OpenError::InUse) };
        let list::Listing { places, stamps } = list::list(&root).doing("list the Maildir", path)?;
        let limit = shared.settings.max_messages;
        if places.len() > limit as usize {
            return Err(OpenError::TooManyMessages { path: path.to_owned(), limit });
        }
        let messages = Vec::new();
        let root_path = path.to_owned();
        let shared = Arc::clone(shared);
        let mut maildir = Maildir { shared, path: root_path, root, messages, stamps, _session: session };
        maildir.messages = maildir.measured(places)?;
        Ok(Some(maildir))
    }

    /// The messages at `places`, in order.
    fn measured(&mut self, places: Vec<Place>) -> Result<Vec<Message>, OpenError> {
        let measures = measure::measure_all(&self.root, &places);
        let mut messages = Vec::with_capacity(places.len());
        let mut moved = Vec::new();
        for (place, measure) in places.into_iter().zip(measures) {
            match measure {
                Ok(Some(measure)) => messages.push(Message { place, measure, ordinal: 1 }),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => moved.push(place),
                Err(error) => self.unreadable(&place, error)?,
            }
        }
        // What was renamed since the folders were read is looked for once more.
        if !moved.is_empty() {
            let list::Listing { places, stamps } =
                list::list(&self.root).doing("list the Maildir", &self.path)?;
            self.stamps = stamps;
            let mut now = by_unique_name(places);
            let found: Vec<_> = moved.iter().filter_map(|place| now.remove(place.unique())).collect();
            for (place, measure) in found.iter().zip(measure::measure_all(&self.root, &found)) {
                match measure {
                    Ok(Some(measure)) => messages.push(Message { place: place.clone(), measure, ordinal: 1 }),
                    Err(error) if error.kind() != io::ErrorKind::NotFound => self.unreadable(place, error)?,
                    Ok(None) | Err(_) => {}
                }
            }
        }
        messages.sort_unstable_by(|a, b| a.place.order().cmp(&b.place.order()));
        // One file under two names of the same unique part: a program was interrupted between link(2) and unlink(2).
        messages.dedup_by(|later, first| {
            later.place.unique() == first.place.unique() && later.measure.inode == first.measure.inode
        });
        for index in 1..messages.len() {
            let (before, after) = messages.split_at_mut(index);
            if let (Some(before), Some(after)) = (before.last(), after.first_mut())
                && before.place.unique() == after.place.unique()
            {
                after.ordinal = before.ordinal + 1;
            }
        }
        Ok(messages)
    }

    /// A file that its owner may not read does not keep the others from being served; anything else does.
    fn unreadable(&self, place: &Place, source: io::Error) -> Result<(), OpenError> {
        let path = self.path.join(place.path());
        if source.kind() == io::ErrorKind::PermissionDenied {
            (self.shared.notify)(&Notice::Unreadable { path, source });
            return Ok(());
        }
        Err(OpenError::Io { doing: "read a message", path, source })
    }

    /// Finds the messages again after other programs have renamed files; `false` if nothing has changed since the last time.
    fn find_again(&mut self) -> io::Result<bool> {
        let now = list::stamps(&self.root)?;
        if self.stamps.iter().zip(&now).all(|(before, now)| before.proves_unchanged(now)) {
            return Ok(false);
        }
        let list::Listing { places, stamps } = list::list(&self.root)?;
        self.stamps = stamps;
        let mut now = by_unique_name(places);
        for message in &mut self.messages {
            // The second of two files with one unique name cannot be told from the first by name.
            if message.ordinal == 1
                && let Some(place) = now.remove(message.place.unique())
            {
                message.place = place;
            }
        }
        Ok(true)
    }

    /// Does something to a message where it lies, and if it is not there any more, where it lies now.
    fn at_place<T>(
        &mut self,
        index: usize,
        act: impl Fn(&File, &Path) -> io::Result<T>,
    ) -> Option<io::Result<T>> {
        let answer = act(&self.root, &self.messages.get(index)?.place.path());
        match answer {
            Err(error) if error.kind() == io::ErrorKind::NotFound => match self.find_again() {
                Ok(true) => Some(act(&self.root, &self.messages.get(index)?.place.path())),
                Ok(false) => Some(Err(error)),
                Err(error) => Some(Err(error)),
            },
            answer => Some(answer),
        }
    }

    fn body(&mut self, index: usize) -> Result<Body, FetchError> {
        let number = index as u32 + 1;
        let opened = self.at_place(index, |root, path| {
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
        let stored = self.messages.get(index).map_or(0, |message| message.measure.stored);
        let same =
            FileType::from_raw_mode(stat.st_mode).is_file() && u64::try_from(stat.st_size) == Ok(stored);
        if !same {
            return Err(FetchError::Changed { number });
        }
        Ok(Body { source: Arc::new(file), offset: 0, length: stored })
    }
}

impl Maildrop for Maildir {
    fn count(&self) -> u32 {
        self.messages.len() as u32
    }

    fn listing(&self, number: u32) -> Option<Listing> {
        let message = self.messages.get((number as usize).checked_sub(1)?)?;
        Some(Listing { octets: message.measure.octets, uidl: message.uidl() })
    }

    fn fetch(&mut self, first: u32, window: u32) -> Result<Vec<Body>, FetchError> {
        let Some(from) = (first as usize).checked_sub(1) else {
            return Err(FetchError::NoSuchMessage { number: first });
        };
        let mut bodies = vec![self.body(from)?];
        let until = from.saturating_add(window as usize).min(self.messages.len());
        for index in from + 1..until {
            // What befalls a later message is told when it is asked for.
            let Ok(body) = self.body(index) else { break };
            bodies.push(body);
        }
        Ok(bodies)
    }

    fn commit(mut self: Box<Self>, deleted: &[u32]) -> Result<(), CommitError> {
        crate::maildrop::check_deleted(deleted, self.count())?;
        let disk = Arc::clone(&self.shared.disk);
        let mut touched = [false; 2];
        let mut remaining = Vec::new();
        let mut cause = None;
        for &number in deleted {
            let index = number as usize - 1;
            let removed = self.at_place(index, |root, path| retry(|| disk.unlink(root.as_fd(), path)));
            match removed.unwrap_or(Ok(())) {
                Ok(()) => {
                    if let Some(message) = self.messages.get(index) {
                        touched[message.place.folder as usize] = true;
                    }
                }
                // Somebody else has removed it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    remaining.push(number);
                    let place = self.messages.get(index).map(|message| message.place.path());
                    cause.get_or_insert((self.path.join(place.unwrap_or_default()), error));
                }
            }
        }
        for folder in Folder::ALL {
            if touched[folder as usize] {
                let synced = folder.open(&self.root).and_then(|directory| retry(|| disk.sync(&directory)));
                if let Err(source) = synced {
                    cause.get_or_insert((self.path.join(folder.name()), source));
                }
            }
        }
        match cause {
            None => Ok(()),
            Some((path, source)) => Err(CommitError::Partial { remaining, path, source }),
        }
    }
}

impl Message {
    /// The unique part of its name, or what stands for it where that is no UIDL or not unique.
    fn uidl(&self) -> Uidl {
        let unique = self.place.unique();
        match Uidl::new(unique) {
            Some(uidl) if self.ordinal == 1 => uidl,
            _ => Uidl::of_digest(&uidl::digest(blake3::Hasher::new().update(unique)), self.ordinal),
        }
    }
}

fn by_unique_name(places: Vec<Place>) -> HashMap<Box<[u8]>, Place> {
    places.into_iter().map(|place| (place.unique().into(), place)).collect()
}

fn open_root(path: &Path) -> Result<Option<File>, OpenError> {
    let not = |found: &str| OpenError::NotAMaildrop {
        path: path.to_owned(),
        wanted: "a Maildir, a directory with \"new\" and \"cur\"",
        found: found.to_owned(),
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(root) => File::from(root),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(rustix::io::Errno::NOTDIR) => return Err(not("no directory")),
        Err(errno) => return Err(Refusal::new("open the Maildir", path, errno).into()),
    };
    for (folder, missing) in
        [(Folder::New, "a directory without \"new\""), (Folder::Cur, "a directory without \"cur\"")]
    {
        match folder.open(&root) {
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(not(missing));
            }
            Err(source) => {
                let path = path.join(folder.name());
                return Err(Refusal::new("open the Maildir's folder", &path, source).into());
            }
        }
    }
    Ok(Some(root))
}
