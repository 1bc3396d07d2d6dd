//! mbox: all messages in one file, read and rewritten in place.
//!
//! [`scan`] finds the messages, [`read`] feeds it the file, [`digest`] says what a message is known by;
//! [`update`] carries out what a session leaves to be done: [`rewrite`] removes messages and puts in the marks of [`status`], with
//! [`journal`] and [`room`] against crashes; [`index`] remembers all of it for the next time.
//!
//! The locks of delivery agents are held only while the file is parsed and while it is rewritten. A file that
//! proves by its times that it is as it was is not parsed, so it is opened without them. In between the
//! file may grow; whether another program did more than that is found out before anything is sent
//! or removed.

mod bodies;
mod boundaries;
mod digest;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod index;
mod journal;
mod lines;
mod read;
mod record;
mod rewrite;
mod room;
mod scan;
mod source;
mod status;
mod survey;
mod unquote;
mod update;

pub(crate) use self::bodies::ServeFrom;
pub use self::boundaries::{Boundaries, BoundaryError};
#[cfg(test)]
pub(crate) use self::index::former_body;

use std::borrow::Cow;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, Stat};

use self::bodies::Bodies;
use self::index::Index;
use self::scan::Message;
use self::source::Source;
use self::survey::Surveyor;
use crate::error::{Doing, Refusal};
use crate::index::Key;
use crate::lock::Mailbox;
use crate::lock::session::SessionLock;
use crate::maildrop::{Body, Listing, Maildrop, Update};
use crate::migration::{self, Source as _};
use crate::opener::Shared;
use crate::stamp::Stamp;
use crate::uidl::Uidl;
use crate::{CommitError, Delivered, FetchError, Moved, OpenError, Settings, UidlScheme, Unescape};

/// The version of the rules by which an index is made.
pub(crate) const RULES: &[u8] = b"mbox 1";

/// A fetch copies no more messages into memory once it has copied so many octets.
const MOST_COPIED: u64 = 1024 * 1024;

/// An opened mbox.
pub(crate) struct Mbox {
    shared: Arc<Shared>,
    path: PathBuf,
    key: Key,
    bodies: Bodies,
    /// The messages, and what the file looked like when it was parsed.
    index: Index,
    /// Where these are not the default ones.
    uidls: Option<Vec<Uidl>>,
    _session: SessionLock,
}

impl Mbox {
    /// Opens the mbox at `path`; `None` if there is none.
    pub(crate) fn open(
        shared: &Arc<Shared>,
        path: &Path,
        from: ServeFrom,
    ) -> Result<Option<Mbox>, OpenError> {
        // The file may be replaced while we wait for its lock, so it is looked at again under the lock.
        for _ in 0..3 {
            let Some((source, stat)) = open_to_read(path)? else { return Ok(None) };
            let found = Stamp::from_stat(&stat, source.as_fd());
            let Some(session) = shared.session(&stat, path)? else { return Err(OpenError::InUse) };
            let key = shared
                .indexes
                .key(&source, &stat, &rules(&shared.settings))
                .doing("look at the file system of the mailbox", path)?;
            let source = Arc::new(source);
            let Some((index, bodies)) = Mbox::read(shared, path, &source, &found, &key, from)? else {
                continue;
            };
            let named = migration::assign(shared, path, &Source { file: &source, index: &index });
            let uidls = named.doing("name the messages of", path)?;
            return Ok(Some(Mbox {
                shared: Arc::clone(shared),
                path: path.to_owned(),
                key,
                bodies,
                index,
                uidls,
                _session: session,
            }));
        }
        Err(OpenError::Locked { path: path.to_owned(), how: "other programs keep replacing it".to_owned() })
    }

    /// What the server `from` called the messages, beside what we call them.
    pub(crate) fn compare(&self, from: &UidlScheme) -> Result<Vec<Moved>, OpenError> {
        let source = Source { file: self.bodies.original(), index: &self.index };
        let uidls = self.uidls.clone().unwrap_or_else(|| source.defaults());
        let moved = migration::compare(from, &source, uidls);
        Ok(moved.doing("name the messages of", &self.path)?)
    }

    /// The index of the mailbox as it is now, and where its messages are read; `None` if it is another file than was `found`, or
    /// changes in spite of our locks.
    fn read(
        shared: &Arc<Shared>,
        path: &Path,
        source: &Arc<File>,
        found: &Stamp,
        key: &Key,
        from: ServeFrom,
    ) -> Result<Option<(Index, Bodies)>, OpenError> {
        let sealed = shared.indexes.find(key);
        let former = sealed.as_deref().map(index::former_ordinals).unwrap_or_default();
        let known = sealed.and_then(Index::of);
        let fits = |index: &Index, stamp: &Stamp| {
            index.is_of(stamp) && index.count() <= shared.settings.max_messages
        };
        if let ServeFrom::Mailbox = from
            && let Some(index) = &known
            && fits(index, found)
            && rewrite::nothing_waits(shared).doing("look for an interrupted rewrite of the mailbox", path)?
        {
            return Ok(known.map(|index| (index, Bodies::Mailbox(Arc::clone(source)))));
        }
        let (mailbox, writable) = open_to_lock(path, source)?;
        let mut lock = shared.locker().lock(Mailbox { path, file: &mailbox, writable })?;
        let here = Stamp::of(&mailbox).doing("look at the mailbox", path)?;
        if !here.same_file(found) || !is_at(path, &here) {
            return Ok(None);
        }
        rewrite::settle(shared, path, &mailbox, &mut || lock.keep())
            .doing("complete an interrupted rewrite of the mailbox", path)?;
        let stamp = Stamp::of(&mailbox).doing("look at the mailbox", path)?;
        let index = match known {
            Some(index) if fits(&index, &stamp) => index,
            known => {
                let surveyor = Surveyor { shared, key, path, file: source, stamp };
                surveyor.run(known.as_ref(), former, &mut || lock.keep())?
            }
        };
        let Some(bodies) = Bodies::of(&index, shared, path, source, from, &mut || lock.keep())? else {
            return Err(OpenError::InUse);
        };
        let after = Stamp::of(&mailbox).doing("look at the mailbox", path)?;
        Ok((matches!(from, ServeFrom::Mailbox) || stamp.looks_like(&after)).then_some((index, bodies)))
    }

    /// Whether the message can still be read where it was found in the mailbox `source`.
    fn is_there(&self, source: &File, message: &Message) -> Result<bool, Refusal> {
        match index::is_there(source, message) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
            answer => answer.doing("read the mailbox", &self.path),
        }
    }
}

impl Maildrop for Mbox {
    fn count(&self) -> u32 {
        self.index.count()
    }

    fn listing(&self, number: u32) -> Option<Listing> {
        let index = (number as usize).checked_sub(1)?;
        let (message, ordinal) = self.index.message(index)?;
        let uidl = match &self.uidls {
            Some(uidls) => *uidls.get(index)?,
            None => Uidl::of_digest(&message.digest, ordinal),
        };
        let without_quotes = |octets: u64| octets.saturating_sub(u64::from(message.quoted));
        let (octets, surrogate) = (without_quotes(message.octets), message.surrogate.map(without_quotes));
        Some(Listing { octets, surrogate, uidl })
    }

    fn fingerprint(&self) -> Option<[u8; 32]> {
        // Of the index alone: UIDLs of another server are not in it.
        self.uidls.is_none().then(|| self.index.sealed().checksum())
    }

    fn delivered(&self, number: u32) -> Option<Delivered> {
        let (message, _) = self.index.message((number as usize).checked_sub(1)?)?;
        crate::received::of_start_line(&self.bodies.start_line(&message).ok()?)
    }

    fn fetch(&mut self, first: u32, window: u32) -> Result<Vec<Body>, FetchError> {
        let no_such = FetchError::NoSuchMessage { number: first };
        let Some(from) = (first as usize).checked_sub(1) else { return Err(no_such) };
        // A copy is what it was; the mailbox may have been changed.
        let in_doubt = match self.bodies.mailbox() {
            None => None,
            Some(source) => {
                let now = Stamp::of(source).doing("look at the mailbox", &self.path)?;
                (!self.index.is_of(&now)).then_some(source)
            }
        };
        let until = from.saturating_add(window.max(1) as usize);
        let mut bodies = Vec::new();
        let mut copied = 0;
        for (at, (message, _)) in (from..until).map_while(|at| Some((at, self.index.message(at)?))) {
            if copied > MOST_COPIED {
                break;
            }
            if let Some(source) = in_doubt
                && !self.is_there(source, &message)?
            {
                break;
            }
            let body = self.bodies.body(at as u32 + 1, &message, self.shared.settings.unescape_from);
            match body.doing("read a message", &self.path) {
                Ok((body, memory)) => {
                    bodies.push(body);
                    copied += memory;
                }
                Err(refusal) if bodies.is_empty() => return Err(refusal.into()),
                // What befalls a later message is told when it is asked for.
                Err(_) => break,
            }
        }
        match bodies.is_empty() {
            true if from < self.index.count() as usize => Err(FetchError::Changed { number: first }),
            true => Err(no_such),
            false => Ok(bodies),
        }
    }

    fn marks_read(&self) -> bool {
        self.shared.settings.status_header
    }

    fn commit(self: Box<Self>, update: Update<'_>) -> Result<(), CommitError> {
        update.check(self.count())?;
        let read = if self.marks_read() { update.read } else { &[] };
        let update = Update { read, ..update };
        let outcome = if update.is_empty() { Ok(()) } else { self.rewrite(update) };
        match outcome {
            Err(error) if update.deleted.is_empty() => {
                self.not_marked(error);
                Ok(())
            }
            outcome => outcome,
        }
    }
}

/// By which rules the messages of an mbox are found, and their octets counted.
fn rules(settings: &Settings) -> Cow<'static, [u8]> {
    let Settings { boundaries, unescape_from, .. } = settings;
    if boundaries.patterns().is_none() && *unescape_from == Unescape::None {
        return Cow::Borrowed(RULES);
    }
    let mut rules = RULES.to_vec();
    for text in boundaries.texts() {
        rules.push(0);
        rules.extend(text.as_bytes());
    }
    rules.extend([0, *unescape_from as u8]);
    Cow::Owned(rules)
}

/// Opens what must be a regular file; `None` if there is nothing.
fn open_to_read(path: &Path) -> Result<Option<(File, Stat)>, OpenError> {
    // Not to hang on a FIFO, nor to adopt a terminal.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(rustix::io::Errno::NXIO) => return Err(not_a_file(path, "a socket or device")),
        Err(errno) => return Err(Refusal::new("open the mailbox", path, errno).into()),
    };
    let stat = rustix::fs::fstat(&file).doing("look at the mailbox", path)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(Some((file, stat))),
        FileType::Directory => Err(not_a_file(path, "a directory")),
        FileType::Fifo => Err(not_a_file(path, "a FIFO")),
        _ => Err(not_a_file(path, "a device")),
    }
}

fn not_a_file(path: &Path, found: &str) -> OpenError {
    let (path, found) = (path.to_owned(), found.to_owned());
    OpenError::NotAMaildrop { path, wanted: "an mbox file", found }
}

fn open_to_write(path: &Path) -> std::io::Result<File> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// A descriptor of its own for the locks, and whether it is open for writing.
fn open_to_lock(path: &Path, source: &File) -> Result<(File, bool), OpenError> {
    match open_to_write(path) {
        Ok(file) => Ok((file, true)),
        Err(error) if crate::lock::is_denied(&error) => {
            let file = open_to_read(path)?;
            let file = match file {
                Some((file, _)) => file,
                None => source.try_clone().doing("open the mailbox once more", path)?,
            };
            Ok((file, false))
        }
        Err(error) => Err(Refusal::new("open the mailbox", path, error).into()),
    }
}

/// Whether the file is still the one at `path`.
fn is_at(path: &Path, file: &Stamp) -> bool {
    rustix::fs::stat(path).is_ok_and(|stat| file.is_of(stat.st_dev, stat.st_ino))
}
