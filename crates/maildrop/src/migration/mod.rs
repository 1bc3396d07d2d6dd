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
mod message_header;
mod numbering;
mod remembered;
mod scheme;
mod source;
mod template;

use std::io;
use std::path::Path;

use self::remembered::RememberedUidls;
pub use self::scheme::{BadUidlScheme, UidlScheme};
pub(crate) use self::source::{MOST_HEAD, UidlSource};
use crate::notice::Notice;
use crate::shared::Shared;
use crate::uidl::Uidl;

/// A message's UIDLs before and after a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UidlComparison {
    /// What the old server called it, as it is; `None` if that server never saw it.
    pub old: Option<Vec<u8>>,
    /// What we call it.
    pub new: Uidl,
}

impl UidlComparison {
    /// Whether a client will know the message again.
    pub fn is_same(&self) -> bool {
        self.old.as_deref() == Some(self.new.as_bytes())
    }
}

/// The UIDLs of all messages of the mailbox at `path`, by the scheme of the settings; `None` if they have their defaults.
pub(crate) fn assign(shared: &Shared, path: &Path, source: &dyn UidlSource) -> io::Result<Option<Vec<Uidl>>> {
    let scheme = &shared.settings.uidl;
    if scheme.is_default() {
        return Ok(None);
    }
    let folder = shared.uidls.as_ref().ok();
    let mut memory = folder
        .map_or_else(|| Ok(RememberedUidls::default()), |folder| RememberedUidls::load(folder, path))?;
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
pub(crate) fn compare(
    from: &UidlScheme,
    source: &dyn UidlSource,
    new: Vec<Uidl>,
) -> io::Result<Vec<UidlComparison>> {
    let old = from.old(source, &mut RememberedUidls::default())?;
    Ok(old.into_iter().zip(new).map(|(old, new)| UidlComparison { old, new }).collect())
}
