//! Where a journal lies, and how it gets there and disappears.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use super::name::{self, JournalName};
use crate::disk::{Disk, retry};
use crate::shared::OwnerContext;

/// Where the journal of a mailbox lies, and how anything is written.
#[derive(Clone, Copy)]
pub(crate) struct JournalPlace<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) folder: &'a File,
    /// The journal's name in the folder.
    pub(super) name: &'a str,
    /// Where the mailbox lies, for people who look into a journal.
    pub(super) path: &'a Path,
}

/// What a new journal replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replaces {
    Nothing,
    Padding,
    Journal,
}

/// How far a rewrite got before it failed.
#[derive(Debug)]
pub(crate) enum RewriteFailure {
    /// The mailbox is unchanged, and no journal is left.
    Untouched(io::Error),
    /// A journal is left. It completes the rewrite when the mailbox is opened again.
    Interrupted(io::Error),
}

impl RewriteFailure {
    pub(super) fn into_error(self) -> io::Error {
        match self {
            Self::Untouched(error) | Self::Interrupted(error) => error,
        }
    }
}

/// The folder of journals.
///
/// # Errors
///
/// The kind of error with which it could not be made.
pub(super) fn folder(shared: &OwnerContext) -> io::Result<&File> {
    shared.journals.as_ref().map_err(|error| error.kind().into())
}

impl<'a> JournalPlace<'a> {
    /// The place of the journal `name`, which may belong to the mailbox whose journal is called `ours`.
    pub(crate) fn new(shared: &'a OwnerContext, ours: &'a JournalName, name: &'a str) -> io::Result<Self> {
        Ok(Self { disk: &*shared.disk, folder: folder(shared)?, name, path: ours.path() })
    }

    /// Removes what lies here, durably.
    pub(super) fn remove(&self) -> io::Result<()> {
        retry(|| self.disk.unlink(self.folder.as_fd(), Path::new(self.name)))?;
        retry(|| self.disk.sync(self.folder))
    }

    /// Gives what lies here another name, durably.
    pub(super) fn rename(&self, name: &str) -> io::Result<()> {
        retry(|| self.disk.rename(self.folder.as_fd(), Path::new(self.name), Path::new(name)))?;
        retry(|| self.disk.sync(self.folder))
    }

    /// Puts here what `fill` writes into a file: whole and durable, or not at all.
    pub(super) fn install<T>(
        self,
        replaces: Replaces,
        fill: impl FnOnce(&File) -> io::Result<T>,
    ) -> Result<T, RewriteFailure> {
        let name = name::draft(self.name);
        let draft = JournalPlace { name: &name, ..self };
        let folder = self.folder.as_fd();
        let (from, to) = (Path::new(&name), Path::new(self.name));
        let written = draft
            .fill(fill)
            .and_then(|filled| retry(|| self.disk.rename(folder, from, to)).map(|()| filled))
            .inspect_err(|_| drop(self.disk.unlink(folder, from)))
            .map_err(RewriteFailure::Untouched)?;
        match retry(|| self.disk.sync(self.folder)) {
            Ok(()) => Ok(written),
            // Nothing has been done yet, so the journal may stay or go. But if it stays, we must know it.
            Err(error) if replaces == Replaces::Nothing && self.remove().is_ok() => {
                Err(RewriteFailure::Untouched(error))
            }
            Err(error) => Err(RewriteFailure::Interrupted(error)),
        }
    }

    /// Makes a file here, and makes durable what `fill` writes into it.
    fn fill<T>(&self, fill: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
        let (disk, folder, name) = (self.disk, self.folder.as_fd(), Path::new(self.name));
        let file = match retry(|| disk.create(folder, name)) {
            // A crash left it behind: only the holder of the session lock writes it.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                retry(|| disk.unlink(folder, name))?;
                retry(|| disk.create(folder, name))?
            }
            answer => answer?,
        };
        let filled = fill(&file)?;
        retry(|| disk.sync(&file))?;
        Ok(filled)
    }
}
