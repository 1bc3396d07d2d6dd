//! UIDLs that another server handed out (setting `uidl`), so that clients download nothing twice after a
//! move.
//!
//! A [`UidlScheme`] says what the old server called a message. [`claims`] makes sure that no two messages of
//! a mailbox get the same UIDL and that none changes later. A message that the old server never saw, or whose
//! old UIDL is not valid by RFC 1939, gets the default one.
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
pub use self::scheme::{UidlScheme, UidlSchemeError};
pub(crate) use self::source::{MOST_HEAD, UidlSource};
use crate::notice::Notice;
use crate::shared::OwnerContext;
use crate::uidl::Uidl;

/// A message's UIDLs before and after a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UidlComparison {
    /// The UIDL from the old server, unchanged; `None` if that server never saw the message.
    pub old: Option<Vec<u8>>,
    /// The UIDL from us.
    pub new: Uidl,
}

impl UidlComparison {
    /// Whether a client will recognize the message.
    pub fn is_same(&self) -> bool {
        self.old.as_deref() == Some(self.new.as_bytes())
    }
}

/// The UIDLs of all messages of the mailbox at `path`, by the scheme of the settings; `None` if they are the
/// default ones.
pub(crate) fn assign(
    shared: &OwnerContext,
    path: &Path,
    source: &dyn UidlSource,
) -> io::Result<Option<Vec<Uidl>>> {
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
    // A full disk must not keep users from their mail, least of all from deleting some.
    if let Some(folder) = folder
        && let Err(source) = memory.save(&*shared.disk, folder)
    {
        (shared.notify)(&Notice::UidlsNotKept { path: path.to_owned(), source });
    }
    Ok(Some(uidls))
}

/// The UIDLs that the old server `from` gave to the messages, each beside the `new` one.
pub(crate) fn compare(
    from: &UidlScheme,
    source: &dyn UidlSource,
    new: Vec<Uidl>,
) -> io::Result<Vec<UidlComparison>> {
    let old = from.old(source, &mut RememberedUidls::default())?;
    Ok(old.into_iter().zip(new).map(|(old, new)| UidlComparison { old, new }).collect())
}
