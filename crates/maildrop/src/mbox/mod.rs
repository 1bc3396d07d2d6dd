//! mbox: all messages in one file, read and rewritten in place.
//!
//! [`scan`] finds the messages, [`read`] feeds it the file, and [`digest`] computes what identifies a
//! message. [`update`] carries out the end of a session: [`plan`] removes messages and inserts the marks of
//! [`status_mark`], and [`journal`] makes that safe against crashes. [`index`] remembers everything for the
//! next time.
//!
//! The locks that delivery agents honour are held only while the file is parsed and while it is rewritten. A
//! file whose times prove that it is unchanged is not parsed, so it is opened without them. In between, the
//! file may grow; whether another program did more than that is checked before anything is sent or removed.

mod bodies;
mod boundaries;
mod digest;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod index;
mod journal;
mod lines;
mod message;
mod open_file;
mod plan;
mod read;
mod rescan;
mod scan;
mod status_mark;
mod uidl_source;
mod unquote;
mod update;

pub(crate) use self::bodies::ServeFrom;
pub use self::boundaries::{Boundaries, BoundaryError};
#[cfg(test)]
pub(crate) use self::index::previous_body;

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vocabulary::UnescapeFrom;

use self::bodies::Bodies;
use self::index::MboxIndex;
use self::journal::recovery;
use self::message::MboxMessage;
use self::open_file::{is_at, open_to_lock, open_to_read};
use self::rescan::MboxRescan;
use self::uidl_source::MboxUidlSource;
use self::update::MboxUpdate;
use crate::delivered::{Delivered, of_start_line};
use crate::error::{CommitError, Doing, FetchError, OpenError, OsError};
use crate::file_stamp::FileStamp;
use crate::index::IndexKey;
use crate::lock::session::SessionLock;
use crate::maildrop::{ListedMessage, Maildrop, MaildropUpdate, StoredMessage};
use crate::migration::{self, UidlComparison, UidlScheme, UidlSource as _};
use crate::settings::Settings;
use crate::shared::OwnerContext;
use crate::uidl::Uidl;
use crate::widths::to_usize;

/// The version of the rules by which an index is made.
pub(crate) const RULES: &[u8] = b"mbox 1";

/// A fetch copies no further messages into memory once it has copied this many octets.
const MOST_COPIED: u64 = 1024 * 1024;

/// An opened mbox.
pub(crate) struct Mbox {
    shared: Arc<OwnerContext>,
    path: PathBuf,
    key: IndexKey,
    bodies: Bodies,
    /// The messages, and what the file looked like when it was parsed.
    index: MboxIndex,
    /// The UIDLs, if they are not the default ones.
    uidls: Option<Vec<Uidl>>,
    _session: SessionLock,
}

impl Mbox {
    /// Opens the mbox at `path`; `None` if there is none.
    pub(crate) fn open(
        shared: &Arc<OwnerContext>,
        path: &Path,
        from: ServeFrom,
    ) -> Result<Option<Self>, OpenError> {
        // The file may be replaced while we wait for its lock, so it is checked again under the lock.
        for _ in 0..3 {
            let Some((source, stat)) = open_to_read(path)? else { return Ok(None) };
            let found = FileStamp::from_stat(&stat, source.as_fd());
            let Some(session) = shared.session(&stat, path)? else { return Err(OpenError::InUse) };
            let key = shared
                .indexes
                .key(&source, &stat, &rules(&shared.settings))
                .doing("look at the file system of the mailbox", path)?;
            let source = Arc::new(source);
            let Some((index, bodies)) = Self::read(shared, path, &source, &found, &key, from)? else {
                continue;
            };
            let named = migration::assign(shared, path, &MboxUidlSource { file: &source, index: &index });
            let uidls = named.doing("assign UIDLs to the messages", path)?;
            return Ok(Some(Self {
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

    /// The UIDLs that the server `from` gave to the messages, each beside ours.
    pub(crate) fn compare(&self, from: &UidlScheme) -> Result<Vec<UidlComparison>, OpenError> {
        let source = MboxUidlSource { file: self.bodies.original(), index: &self.index };
        let uidls = self.uidls.clone().unwrap_or_else(|| source.defaults());
        let compared = migration::compare(from, &source, uidls);
        Ok(compared.doing("assign UIDLs to the messages", &self.path)?)
    }

    /// The index of the mailbox as it is now, and where its messages are read. `None` if it is no longer the
    /// file that was `found`, or if it changes in spite of our locks.
    fn read(
        shared: &Arc<OwnerContext>,
        path: &Path,
        source: &Arc<File>,
        found: &FileStamp,
        key: &IndexKey,
        from: ServeFrom,
    ) -> Result<Option<(MboxIndex, Bodies)>, OpenError> {
        let stored = shared.indexes.find(key);
        let previous = stored.as_deref().map(index::previous_ordinals).unwrap_or_default();
        let known = stored.and_then(MboxIndex::of);
        let fits = |index: &MboxIndex, stamp: &FileStamp| {
            index.describes(stamp) && index.count() <= shared.settings.max_messages
        };
        if let ServeFrom::Mailbox = from
            && let Some(index) = &known
            && fits(index, found)
            && recovery::nothing_pending(shared)
                .doing("look for an interrupted rewrite of the mailbox", path)?
        {
            return Ok(known.map(|index| (index, Bodies::Mailbox(Arc::clone(source)))));
        }
        let (file, writable) = open_to_lock(path, source)?;
        let mailbox = shared.locker().lock(path, file, writable)?;
        let here = FileStamp::of(mailbox.file()).doing("look at the mailbox", path)?;
        if !here.same_file(found) || !is_at(path, &here) {
            return Ok(None);
        }
        recovery::recover(shared, &mailbox).doing("complete an interrupted rewrite of the mailbox", path)?;
        let stamp = FileStamp::of(mailbox.file()).doing("look at the mailbox", path)?;
        let index = match known {
            Some(index) if fits(&index, &stamp) => index,
            known => {
                let rescan = MboxRescan { shared, key, mailbox: &mailbox, file: source, stamp };
                rescan.run(known.as_ref(), previous)?
            }
        };
        let Some(bodies) = Bodies::new(&index, shared, &mailbox, source, from)? else {
            return Err(OpenError::InUse);
        };
        let after = FileStamp::of(mailbox.file()).doing("look at the mailbox", path)?;
        Ok((matches!(from, ServeFrom::Mailbox) || stamp.looks_like(&after)).then_some((index, bodies)))
    }

    /// Whether the message still lies where it was found in the mailbox `source`.
    fn is_there(&self, source: &File, message: &MboxMessage) -> Result<bool, OsError> {
        match index::is_there(source, message) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            answer => answer.doing("read the mailbox", &self.path),
        }
    }
}

impl Maildrop for Mbox {
    fn count(&self) -> u32 {
        self.index.count()
    }

    fn listing(&self, number: u32) -> Option<ListedMessage> {
        let index = to_usize(number).checked_sub(1)?;
        let (message, ordinal) = self.index.message(index)?;
        let uidl = match &self.uidls {
            Some(uidls) => *uidls.get(index)?,
            None => Uidl::of_digest(&message.digest, ordinal),
        };
        let without_quotes = |octets: u64| octets.saturating_sub(u64::from(message.quoted));
        let (octets, surrogate) = (without_quotes(message.octets), message.surrogate.map(without_quotes));
        Some(ListedMessage { octets, surrogate, uidl })
    }

    fn fingerprint(&self) -> Option<[u8; 32]> {
        // The index alone is not enough if there are UIDLs of another server: they are not in it.
        self.uidls.is_none().then(|| self.index.stored().checksum())
    }

    fn delivered(&self, number: u32) -> Option<Delivered> {
        let (message, _) = self.index.message(to_usize(number).checked_sub(1)?)?;
        of_start_line(&self.bodies.start_line(&message).ok()?)
    }

    fn fetch(&mut self, first: u32, window: u32) -> Result<Vec<StoredMessage>, FetchError> {
        let no_such = FetchError::NoSuchMessage { number: first };
        let Some(from) = to_usize(first).checked_sub(1) else { return Err(no_such) };
        // A copy cannot change; the mailbox may have been changed.
        let in_doubt = match self.bodies.mailbox() {
            None => None,
            Some(source) => {
                let now = FileStamp::of(source).doing("look at the mailbox", &self.path)?;
                (!self.index.describes(&now)).then_some(source)
            }
        };
        let until = from.saturating_add(to_usize(window.max(1)));
        let mut bodies = Vec::new();
        let mut copied = 0;
        let messages = (from..until).map_while(|at| self.index.message(at));
        for ((message, _), number) in messages.zip(first..) {
            if copied > MOST_COPIED {
                break;
            }
            if let Some(source) = in_doubt
                && !self.is_there(source, &message)?
            {
                break;
            }
            let body = self.bodies.body(number, &message, self.shared.settings.unescape_from);
            match body.doing("read a message", &self.path) {
                Ok((body, memory)) => {
                    bodies.push(body);
                    copied += memory;
                }
                Err(error) if bodies.is_empty() => return Err(error.into()),
                // An error about a later message is reported when that message is asked for.
                Err(_) => break,
            }
        }
        match bodies.is_empty() {
            true if from < to_usize(self.index.count()) => Err(FetchError::Changed { number: first }),
            true => Err(no_such),
            false => Ok(bodies),
        }
    }

    fn marks_read(&self) -> bool {
        self.shared.settings.status_header
    }

    fn commit(self: Box<Self>, update: MaildropUpdate<'_>) -> Result<(), CommitError> {
        update.check(self.count())?;
        let read = if self.marks_read() { update.read } else { &[] };
        let Self { shared, path, key, index, .. } = &*self;
        MboxUpdate { shared, path, key, index }.run(MaildropUpdate { read, ..update })
    }
}

/// The rules by which the messages of an mbox are found and their octets counted, as octets.
fn rules(settings: &Settings) -> Cow<'static, [u8]> {
    let Settings { boundaries, unescape_from, .. } = settings;
    if boundaries.patterns().is_none() && *unescape_from == UnescapeFrom::None {
        return Cow::Borrowed(RULES);
    }
    let mut rules = RULES.to_vec();
    for text in boundaries.texts() {
        rules.push(0);
        rules.extend(text.as_bytes());
    }
    // These numbers are part of the names of stored indexes: they must not change.
    let unescape = match unescape_from {
        UnescapeFrom::None => 0,
        UnescapeFrom::Mboxo => 1,
        UnescapeFrom::Mboxrd => 2,
    };
    rules.extend([0, unescape]);
    Cow::Owned(rules)
}
