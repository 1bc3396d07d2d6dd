//! UIDLs that another server handed out (setting `uidl`), so that clients download nothing twice after a move.
//!
//! A [`UidlScheme`] says what the old server called a message; [`claims`] sees to it that no two messages of a mailbox
//! get the same UIDL and that none changes later. A message that the old server never saw, or whose old UIDL
//! is none by RFC 1939, has the default one.
//!
//! What is read here was written by other programs: lines that make no sense are left out.

mod claims;
mod courier;
mod dovecot;
mod header;
mod memory;
mod template;

use std::fmt;
use std::io;
use std::path::Path;

use self::header::Head;
use self::memory::{Base, Memory};
use self::template::{Facts, Template};
use crate::notice::Notice;
use crate::opener::Shared;
use crate::uidl::Uidl;

/// The largest file of another server that is read, in octets: some 100 for each of `max_messages`.
const MOST_LIST: u64 = 256 << 20;
/// How much of a message is looked at for its header, in octets.
pub(crate) const MOST_HEAD: usize = 64 * 1024;

/// Where a message's UIDL comes from (setting `uidl`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UidlScheme(Scheme);

#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Scheme {
    #[default]
    Default,
    /// Dovecot's `pop3_uidl_format`.
    Dovecot(Template),
    Courier,
    FileName,
    /// Mail::POP3 3.x: the file name in a Maildir, `Message-Id:` written just so in an mbox.
    Original,
    MessageId,
    Qpopper,
    Popa3d,
}

/// The words that the setting takes, but for templates.
const WORDS: [(&str, Scheme); 7] = [
    ("default", Scheme::Default),
    ("courier", Scheme::Courier),
    ("qmail", Scheme::FileName),
    ("original-3x", Scheme::Original),
    ("message-id", Scheme::MessageId),
    ("qpopper", Scheme::Qpopper),
    ("popa3d", Scheme::Popa3d),
];

/// What Dovecot calls messages when nobody tells it otherwise.
const DOVECOT: &str = "%08Xu%08Xv";

impl UidlScheme {
    /// Reads the setting: `default`, `dovecot`, `courier`, `qmail`, `original-3x`, `message-id`, `qpopper`, `popa3d`, or a
    /// template with per cent signs.
    ///
    /// # Errors
    ///
    /// It is none of these, or a template that would give all messages the same UIDL.
    pub fn parse(text: &str) -> Result<UidlScheme, BadUidlScheme> {
        if let Some((_, scheme)) = WORDS.iter().find(|(word, _)| *word == text) {
            return Ok(UidlScheme(scheme.clone()));
        }
        let template = match text {
            "dovecot" => DOVECOT,
            _ if text.contains('%') => text,
            _ => return Err(BadUidlScheme(format!("{text:?} is no scheme of UIDLs"))),
        };
        let template = Template::parse(template).map_err(BadUidlScheme)?;
        Ok(UidlScheme(Scheme::Dovecot(template)))
    }

    /// Whether it is our own.
    pub(crate) fn is_default(&self) -> bool {
        self.0 == Scheme::Default
    }
}

/// Why a setting is no scheme of UIDLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadUidlScheme(String);

impl fmt::Display for BadUidlScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = WORDS.iter().map(|(word, _)| *word).collect();
        write!(f, "{}; use {}, dovecot, or a template such as \"{DOVECOT}\"", self.0, words.join(", "))
    }
}

impl std::error::Error for BadUidlScheme {}

/// What the schemes look at in a mailbox. Messages go by index from 0, in their order.
pub(crate) trait Source {
    /// Their default UIDLs, no two alike.
    fn defaults(&self) -> Vec<Uidl>;
    /// Whether each message is a file of its own.
    fn are_files(&self) -> bool;
    /// The unique part of a message's file name, where it has one.
    fn name(&self, index: usize) -> Option<Box<[u8]>>;
    /// A message from its beginning, [`MOST_HEAD`] octets at most; `None` if it has vanished.
    fn head(&self, index: usize) -> io::Result<Option<Vec<u8>>>;
    /// What a file beside the messages holds, if it has at most `most` octets; `None` without such a file.
    fn list(&self, name: &str, most: u64) -> io::Result<Option<Vec<u8>>>;
}

/// A message's UIDLs before and after a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// What the old server called it, as it is; `None` if that server never saw it.
    pub old: Option<Vec<u8>>,
    /// What we call it.
    pub new: Uidl,
}

impl Moved {
    /// Whether a client will know the message again.
    pub fn is_same(&self) -> bool {
        self.old.as_deref() == Some(self.new.as_bytes())
    }
}

/// The UIDLs of all messages of the mailbox at `path`, by the scheme of the settings; `None` if they have their defaults.
pub(crate) fn assign(shared: &Shared, path: &Path, source: &dyn Source) -> io::Result<Option<Vec<Uidl>>> {
    let scheme = &shared.settings.uidl;
    if scheme.is_default() {
        return Ok(None);
    }
    let folder = shared.uidls.as_ref().ok();
    let mut memory = folder.map_or_else(|| Ok(Memory::default()), |folder| Memory::load(folder, path))?;
    let old = scheme.old(source, &mut memory)?;
    let valid = old.iter().map(|old| old.as_deref().and_then(Uidl::new)).collect();
    let uidls = claims::settle(valid, source.defaults(), &mut memory);
    // A full disk must not keep a user from the mail, least of all from deleting some.
    if let Some(folder) = folder
        && let Err(source) = memory.save(&*shared.disk, folder)
    {
        (shared.notify)(&Notice::UidlsNotKept { path: path.to_owned(), source });
    }
    Ok(Some(uidls))
}

/// What the old server `from` called the messages, which we now call `new`.
pub(crate) fn compare(from: &UidlScheme, source: &dyn Source, new: Vec<Uidl>) -> io::Result<Vec<Moved>> {
    let old = from.old(source, &mut Memory::default())?;
    Ok(old.into_iter().zip(new).map(|(old, new)| Moved { old, new }).collect())
}

impl UidlScheme {
    /// What the old server called each message. `memory` bounds that to what it knew when we first looked.
    fn old(&self, source: &dyn Source, memory: &mut Memory) -> io::Result<Vec<Option<Vec<u8>>>> {
        let defaults = source.defaults();
        let all = 0..defaults.len();
        let from_header = |of: &dyn Fn(&Head<'_>) -> Option<Vec<u8>>| {
            all.clone().map(|index| Ok(source.head(index)?.and_then(|head| of(&Head::of(&head))))).collect()
        };
        match &self.0 {
            Scheme::Default => Ok(defaults.iter().map(|uidl| Some(uidl.as_bytes().to_vec())).collect()),
            Scheme::FileName => Ok(all.map(|index| source.name(index).map(Vec::from)).collect()),
            Scheme::Original if source.are_files() => UidlScheme(Scheme::FileName).old(source, memory),
            Scheme::Original => from_header(&|head| head.original_message_id()),
            Scheme::MessageId => from_header(&|head| head.value(b"Message-ID")),
            Scheme::Qpopper => from_header(&|head| head.value(b"X-UIDL")),
            Scheme::Popa3d => from_header(&|head| Some(head.popa3d())),
            Scheme::Courier => {
                let text = source.list(courier::FILE, MOST_LIST)?.unwrap_or_default();
                let list = courier::List::parse(&text);
                let base = memory.base_or(list.base);
                Ok(all.map(|index| list.uidl(&source.name(index)?, base)).collect())
            }
            Scheme::Dovecot(template) if source.are_files() => {
                let text = source.list(dovecot::FILE, MOST_LIST)?.unwrap_or_default();
                let list = dovecot::List::parse(&text);
                let base = memory.base_or(list.base);
                Ok(all.map(|index| list.uidl(&source.name(index)?, base, template)).collect())
            }
            Scheme::Dovecot(template) => in_mbox(template, source, memory, defaults.len()),
        }
    }
}

/// Dovecot's names for the messages of an mbox: it writes its numbers into their headers.
fn in_mbox(
    template: &Template,
    source: &dyn Source,
    memory: &mut Memory,
    count: usize,
) -> io::Result<Vec<Option<Vec<u8>>>> {
    let mut olds = Vec::with_capacity(count);
    let mut base = memory.base();
    for index in 0..count {
        let head = source.head(index)?.unwrap_or_default();
        let head = Head::of(&head);
        if index == 0 {
            // Remembered, since it goes with the first message; and since whoever sends mail could write another.
            base = memory.base_or(head.imap_base());
        }
        // Judged without its neighbours, which may go. A sender who makes one up can only take the place of a message that
        // is not there, and hide this one from clients that had that.
        let uid = head.uid().filter(|&uid| base.is_some_and(|base| uid < base.next));
        let md5 = head.dovecot();
        let hex = header::hex(&md5);
        let validity = base.map(|base| base.validity);
        olds.push(template.fill(&Facts { uid, validity, file: None, guid: Some(&hex), md5: Some(&hex) }));
    }
    Ok(olds)
}

/// The base that counts, if what a list says of itself agrees with what is remembered.
fn agreed(listed: Option<Base>, base: Option<Base>) -> Option<Base> {
    base.filter(|base| listed.is_some_and(|listed| listed.validity == base.validity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_is_a_word_or_a_template() {
        for (word, scheme) in WORDS {
            assert_eq!(UidlScheme::parse(word), Ok(UidlScheme(scheme)));
        }
        assert_eq!(UidlScheme::parse("dovecot"), UidlScheme::parse("%08Xu%08Xv"));
        let told = UidlScheme::parse("cyrus").unwrap_err().to_string();
        assert!(told.starts_with("\"cyrus\" is no scheme of UIDLs; use default, courier,"), "{told}");
        assert!(UidlScheme::parse("%v").is_err() && UidlScheme::parse("").is_err());
    }
}
