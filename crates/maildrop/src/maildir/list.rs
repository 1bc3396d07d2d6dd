//! What lies in a Maildir's two folders.

use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::fs::{Dir, FileType, Mode, OFlags};

use super::name;
use crate::stamp::Stamp;

/// How often to read the folders again when they changed meanwhile.
const ATTEMPTS: u32 = 5;

/// One of the folders whose files are messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Folder {
    /// Delivered, not yet seen by a mail program.
    New,
    /// Seen by a mail program; the names may carry flags.
    Cur,
}

impl Folder {
    pub(super) const ALL: [Folder; 2] = [Folder::New, Folder::Cur];

    pub(super) fn name(self) -> &'static str {
        match self {
            Folder::New => "new",
            Folder::Cur => "cur",
        }
    }

    /// Opens the folder of the Maildir `root`.
    pub(super) fn open(self, root: &File) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(root, self.name(), flags, Mode::empty())?))
    }
}

/// Where a message lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) folder: Folder,
    pub(super) name: Box<[u8]>,
}

impl Place {
    /// Relative to the Maildir.
    pub(super) fn path(&self) -> PathBuf {
        let mut path = PathBuf::from(self.folder.name());
        path.push(std::ffi::OsStr::from_bytes(&self.name));
        path
    }

    pub(super) fn unique(&self) -> &[u8] {
        name::unique(&self.name)
    }

    /// The order of messages: by time of delivery, then by name.
    pub(super) fn order(&self) -> impl Ord + '_ {
        (name::delivered(&self.name), self.unique(), self.folder, &self.name[..])
    }
}

/// Both folders at one moment.
pub(super) struct Listing {
    pub(super) places: Vec<Place>,
    /// What the folders looked like before they were read.
    pub(super) stamps: [Stamp; 2],
}

/// Reads both folders.
///
/// A file that is renamed meanwhile may be missed or seen twice, so they are read again if they changed; and `new`
/// before `cur`, since files move in that direction.
pub(super) fn list(root: &File) -> io::Result<Listing> {
    let folders = [Folder::New.open(root)?, Folder::Cur.open(root)?];
    let look = || Ok::<_, io::Error>([Stamp::of(&folders[0])?, Stamp::of(&folders[1])?]);
    let mut places = Vec::new();
    let mut stamps = look()?;
    for _ in 0..ATTEMPTS {
        places.clear();
        for (folder, directory) in Folder::ALL.into_iter().zip(&folders) {
            read(folder, directory, &mut places)?;
        }
        let after = look()?;
        if stamps.iter().zip(&after).all(|(before, after)| before.looks_like(after)) {
            break;
        }
        stamps = after;
    }
    Ok(Listing { places, stamps })
}

/// What both folders look like now.
pub(super) fn stamps(root: &File) -> io::Result<[Stamp; 2]> {
    let [new, cur] = Folder::ALL;
    Ok([Stamp::of(&new.open(root)?)?, Stamp::of(&cur.open(root)?)?])
}

fn read(folder: Folder, directory: &File, places: &mut Vec<Place>) -> io::Result<()> {
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        // Not every file system tells the type here; and a link may lead to a file.
        let maybe_file =
            matches!(entry.file_type(), FileType::RegularFile | FileType::Symlink | FileType::Unknown);
        if maybe_file && !name.starts_with(b".") {
            places.push(Place { folder, name: name.into() });
        }
    }
    Ok(())
}
