//! Completes rewrites that a crash interrupted.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{Mode, OFlags};

use super::name::{self, JournalName, Resemblance};
use super::padding::Padding;
use super::place::{JournalPlace, RewriteFailure, folder};
use super::rewrite::{RewriteJournal, RewriteState};
use crate::lock::LockedMailbox;
use crate::notice::Notice;
use crate::shared::OwnerContext;
use crate::widths::to_u64;

/// What lies under the name of a journal.
enum JournalFile {
    Rewrite(RewriteJournal),
    Padding(Padding),
    /// Nothing that is whole.
    Broken,
}

/// Whether no rewrite of any mailbox can be waiting to be completed.
pub(crate) fn nothing_pending(shared: &OwnerContext) -> io::Result<bool> {
    folder(shared).map_or(Ok(true), |folder| Ok(name::list(folder)?.is_empty()))
}

/// Completes the rewrite of this mailbox that a crash interrupted, if there is one.
pub(crate) fn recover(shared: &OwnerContext, mailbox: &LockedMailbox<'_>) -> io::Result<()> {
    // Without a folder there is no journal.
    let Ok(folder) = folder(shared) else { return Ok(()) };
    let names = name::list(folder)?;
    if names.is_empty() {
        return Ok(());
    }
    let ours = JournalName::of(mailbox.path(), mailbox.file())?;
    for name in names {
        let place = JournalPlace::new(shared, &ours, &name)?;
        if let Some(finished) = name::of_draft(&name) {
            if ours.resembles(finished).same_path {
                place.remove()?;
            }
            continue;
        }
        // Devices get new numbers when the machine starts, so a journal is known by path or inode.
        let Resemblance { same_inode, same_path } = ours.resembles(&name);
        if !same_inode && !same_path {
            continue;
        }
        let journal = match look(place)? {
            JournalFile::Rewrite(journal) => journal,
            JournalFile::Padding(padding) => {
                // The record holds no mail that anybody could need.
                if !padding.remove(place, mailbox)? && same_path {
                    place.remove()?;
                }
                continue;
            }
            JournalFile::Broken => {
                if same_path {
                    set_aside(shared, mailbox, place)?;
                }
                continue;
            }
        };
        match journal.state(mailbox.file())? {
            RewriteState::Pending => {
                journal.complete(place, mailbox).map_err(RewriteFailure::into_error)?;
                (shared.notify)(&Notice::Replayed { path: mailbox.path().to_owned() });
            }
            RewriteState::Done if same_path => place.remove()?,
            RewriteState::Foreign if same_path => set_aside(shared, mailbox, place)?,
            // It belongs to another mailbox, on another file system.
            RewriteState::Done | RewriteState::Foreign => {}
        }
    }
    Ok(())
}

/// Reads what lies under the name.
fn look(place: JournalPlace<'_>) -> io::Result<JournalFile> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(place.folder, place.name, flags, Mode::empty())?);
    let mut octets = [0; Padding::ENCODED];
    if file.metadata()?.len() == to_u64(octets.len()) {
        file.read_exact_at(&mut octets, 0)?;
        if let Some(padding) = Padding::decode(&octets) {
            return Ok(JournalFile::Padding(padding));
        }
    }
    Ok(RewriteJournal::open(file)?.map_or(JournalFile::Broken, JournalFile::Rewrite))
}

/// Keeps a journal that cannot be used, so that an administrator can look at it.
fn set_aside(shared: &OwnerContext, mailbox: &LockedMailbox<'_>, place: JournalPlace<'_>) -> io::Result<()> {
    let aside = name::aside(place.name);
    place.rename(&aside)?;
    (shared.notify)(&Notice::JournalSetAside { path: mailbox.path().to_owned(), name: aside });
    Ok(())
}
