//! mbox: all messages in one file, read and rewritten in place.
//!
//! [`scan`] finds the messages, [`read`] feeds it the file, [`digest`] says what a message is known by;
//! [`rewrite`] removes messages, with [`journal`] against crashes.
//!
//! The locks of delivery agents are held only while the file is parsed and while it is rewritten. In between the
//! file may grow; whether another program did more than that is found out before anything is sent
//! or removed.

mod digest;
mod journal;
mod read;
mod record;
mod rewrite;
mod scan;

use std::borrow::Cow;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags};

use self::digest::{Head, WINDOW};
use self::journal::Failure;
use self::read::{Job, ScanError};
use self::rewrite::Plan;
use self::scan::Message;
use crate::disk::retry;
use crate::error::{Doing, Refusal};
use crate::lock::Mailbox;
use crate::lock::session::SessionLock;
use crate::maildrop::{Body, Listing, Maildrop};
use crate::opener::Shared;
use crate::stamp::Stamp;
use crate::uidl::{self, Uidl};
use crate::{CommitError, FetchError, OpenError};

/// An opened mbox.
pub(crate) struct Mbox {
    shared: Arc<Shared>,
    path: PathBuf,
    /// Open for reading only: sessions get it.
    source: Arc<File>,
    messages: Vec<Message>,
    /// For messages of equal digests, which one of them each is, from 1.
    ordinals: Vec<u32>,
    /// What the file looked like when it was parsed.
    stamp: Stamp,
    _session: SessionLock,
}

impl Mbox {
    /// Opens the mbox at `path`; `None` if there is none.
    pub(crate) fn open(shared: &Arc<Shared>, path: &Path) -> Result<Option<Mbox>, OpenError> {
        // The file may be replaced while we wait for its lock, so it is looked at again under the lock.
        for _ in 0..3 {
            let Some(source) = open_to_read(path)? else { return Ok(None) };
            let found = Stamp::of(&source).doing("look at the mailbox", path)?;
            let Some(session) = shared.session(&source, path)? else { return Err(OpenError::InUse) };
            let (mailbox, writable) = open_to_lock(path, &source)?;
            let mut lock = shared.locker().lock(Mailbox { path, file: &mailbox, writable })?;
            let here = Stamp::of(&mailbox).doing("look at the mailbox", path)?;
            if !here.same_file(&found) || !is_at(path, &here) {
                continue;
            }
            rewrite::settle(shared, path, &mailbox, &mut || lock.keep())
                .doing("complete an interrupted rewrite of the mailbox", path)?;
            let stamp = Stamp::of(&mailbox).doing("look at the mailbox", path)?;
            let job = Job { file: &source, path, size: stamp.size(), limit: shared.settings.max_messages };
            let messages = job.run(&mut || lock.keep()).map_err(|error| error.at(path))?;
            drop(lock);
            let ordinals = uidl::ordinals(messages.iter().map(|message| message.digest));
            return Ok(Some(Mbox {
                shared: Arc::clone(shared),
                path: path.to_owned(),
                source: Arc::new(source),
                messages,
                ordinals,
                stamp,
                _session: session,
            }));
        }
        Err(OpenError::Locked { path: path.to_owned(), how: "other programs keep replacing it".to_owned() })
    }

    /// Whether the message can still be read where it was found.
    fn is_unchanged(&self, message: &Message) -> Result<bool, Refusal> {
        let length = usize::try_from(message.end - message.start).map_or(WINDOW, |all| all.min(WINDOW));
        let mut text = vec![0; length];
        match self.source.read_exact_at(&mut text, message.start) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
            answer => answer.doing("read the mailbox", &self.path)?,
        }
        Ok(Head::of(&text).digest(message.octets) == message.digest)
    }

    /// All messages of the file as it is now, those that the session knows first.
    fn messages_now(
        &self,
        mailbox: &File,
        now: &Stamp,
        keep: &mut dyn FnMut(),
    ) -> Result<Cow<'_, [Message]>, CommitError> {
        let changed = || CommitError::Changed { path: self.path.clone() };
        if self.stamp.proves_unchanged(now) {
            return Ok(Cow::Borrowed(&self.messages));
        }
        if now.size() < self.stamp.size() {
            return Err(changed());
        }
        let job = Job { file: mailbox, path: &self.path, size: now.size(), limit: u32::MAX };
        let messages = match job.run(keep) {
            Ok(messages) => messages,
            Err(ScanError::Refused(refusal)) => return Err(refusal.into()),
            Err(_) => return Err(changed()),
        };
        let same = |(before, now): (&Message, &Message)| {
            (before.start, before.octets, before.digest) == (now.start, now.octets, now.digest)
        };
        let all_there = messages.len() >= self.messages.len();
        if !all_there || !self.messages.iter().zip(&messages).all(same) {
            return Err(changed());
        }
        Ok(Cow::Owned(messages))
    }
}

impl Maildrop for Mbox {
    fn count(&self) -> u32 {
        self.messages.len() as u32
    }

    fn listing(&self, number: u32) -> Option<Listing> {
        let index = (number as usize).checked_sub(1)?;
        let message = self.messages.get(index)?;
        let ordinal = self.ordinals.get(index).copied().unwrap_or(1);
        Some(Listing { octets: message.octets, uidl: Uidl::of_digest(&message.digest, ordinal) })
    }

    fn fetch(&mut self, first: u32, window: u32) -> Result<Vec<Body>, FetchError> {
        let no_such = FetchError::NoSuchMessage { number: first };
        let Some(from) = (first as usize).checked_sub(1) else { return Err(no_such) };
        let now = Stamp::of(&self.source).doing("look at the mailbox", &self.path)?;
        let unchanged = self.stamp.proves_unchanged(&now);
        let mut bodies = Vec::new();
        for message in self.messages.iter().skip(from).take(window.max(1) as usize) {
            if !unchanged && !self.is_unchanged(message)? {
                break;
            }
            let source = Arc::clone(&self.source);
            bodies.push(Body { source, offset: message.content, length: message.length() });
        }
        match bodies.is_empty() {
            true if from < self.messages.len() => Err(FetchError::Changed { number: first }),
            true => Err(no_such),
            false => Ok(bodies),
        }
    }

    fn commit(self: Box<Self>, deleted: &[u32]) -> Result<(), CommitError> {
        crate::maildrop::check_deleted(deleted, self.count())?;
        if deleted.is_empty() {
            return Ok(());
        }
        let (shared, path) = (&*self.shared, &*self.path);
        let changed = || CommitError::Changed { path: path.to_owned() };
        let mailbox = open_to_write(path).doing("open the mailbox to rewrite it", path)?;
        let mut lock = shared.locker().lock(Mailbox { path, file: &mailbox, writable: true })?;
        let now = Stamp::of(&mailbox).doing("look at the mailbox", path)?;
        if !now.same_file(&self.stamp) || !is_at(path, &now) {
            return Err(changed());
        }
        let messages = self.messages_now(&mailbox, &now, &mut || lock.keep())?;
        if !lock.is_held() {
            return Err(CommitError::Locked {
                path: path.to_owned(),
                how: "another program broke our lock".to_owned(),
            });
        }
        let Some(plan) = Plan::new(&messages, deleted, now.size()) else { return Err(changed()) };
        let outcome = plan.run(shared, path, &mailbox, &mut || lock.keep());
        if messages.len() == self.messages.len() && outcome.is_ok() {
            // All that is left has been listed to its owner: for the shell, there is no new mail. Only a courtesy.
            let _ = retry(|| shared.disk.touch(&mailbox, false));
        }
        outcome.map_err(|failure| {
            let path = path.to_owned();
            match failure {
                Failure::Untouched(source) => CommitError::Io { doing: "rewrite the mailbox", path, source },
                Failure::Interrupted(source) => {
                    CommitError::Interrupted { doing: "rewrite the mailbox", path, source }
                }
            }
        })
    }
}

/// Opens what must be a regular file; `None` if there is nothing.
fn open_to_read(path: &Path) -> Result<Option<File>, OpenError> {
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
        FileType::RegularFile => Ok(Some(file)),
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
                Some(file) => file,
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
