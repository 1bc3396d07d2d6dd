//! What lies in a Maildir's two folders.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

use super::name;
use crate::file_stamp::FileStamp;

/// How often to read the folders again if they change meanwhile.
const ATTEMPTS: u32 = 5;

/// One of the folders whose files are messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Folder {
    /// Delivered, but not yet seen by a mail program.
    New,
    /// Seen by a mail program; the names may carry flags.
    Cur,
}

impl Folder {
    pub(super) const ALL: [Self; 2] = [Self::New, Self::Cur];

    /// Its index in [`Self::ALL`].
    pub(super) fn index(self) -> usize {
        match self {
            Self::New => 0,
            Self::Cur => 1,
        }
    }

    /// Its number in an index file.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::New => 0,
            Self::Cur => 1,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Cur => "cur",
        }
    }

    /// Opens the folder of the Maildir `root`.
    pub(super) fn open(self, root: &File) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(root, self.name(), flags, Mode::empty())?))
    }
}

/// A file or a link in one of the folders, which may be a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MaildirEntry {
    pub(super) folder: Folder,
    pub(super) name: Box<[u8]>,
    /// The inode of the file, or of the link that leads to it.
    pub(super) inode: u64,
    /// Whether it is a regular file, not a link to one. Then it keeps its contents as long as its inode lies
    /// under its name.
    pub(super) is_regular: bool,
    /// The time of delivery according to its name, in seconds since 1970.
    pub(super) delivered: u64,
    /// The length of the name's unique part.
    unique: usize,
}

impl MaildirEntry {
    pub(super) fn new(folder: Folder, name: Box<[u8]>, inode: u64, is_regular: bool) -> Self {
        let (delivered, unique) = (name::delivered(&name), name::unique(&name).len());
        Self { folder, name, inode, is_regular, delivered, unique }
    }

    /// Its path, relative to the Maildir.
    pub(super) fn path(&self) -> PathBuf {
        let mut path = PathBuf::from(self.folder.name());
        path.push(std::ffi::OsStr::from_bytes(&self.name));
        path
    }

    pub(super) fn unique(&self) -> &[u8] {
        self.name.get(..self.unique).unwrap_or_default()
    }

    /// The order of messages: by time of delivery, then by name.
    pub(super) fn order(&self) -> impl Ord + '_ {
        (self.delivered, self.unique(), self.folder, &self.name[..])
    }
}

/// Both folders at one moment.
pub(super) struct FolderListing {
    pub(super) entries: Vec<MaildirEntry>,
    /// What the folders looked like before they were read.
    pub(super) stamps: [FileStamp; 2],
}

/// Reads both folders.
///
/// A file that is renamed meanwhile may be missed or seen twice, so the folders are read again if they
/// changed. `new` is read before `cur`, because files move in that direction.
pub(super) fn list(root: &File) -> io::Result<FolderListing> {
    let folders = [Folder::New.open(root)?, Folder::Cur.open(root)?];
    let look = || Ok::<_, io::Error>([FileStamp::of(&folders[0])?, FileStamp::of(&folders[1])?]);
    let mut entries = Vec::new();
    let mut stamps = look()?;
    for _ in 0..ATTEMPTS {
        entries.clear();
        for (folder, directory) in Folder::ALL.into_iter().zip(&folders) {
            read(folder, directory, &mut entries)?;
        }
        let after = look()?;
        if stamps.iter().zip(&after).all(|(before, after)| before.looks_like(after)) {
            break;
        }
        stamps = after;
    }
    Ok(FolderListing { entries, stamps })
}

/// What both folders look like now. They are not opened.
pub(super) fn stamps(root: &File) -> Result<[FileStamp; 2], (Folder, io::Error)> {
    let stamp = |folder: Folder| {
        let stat = rustix::fs::statat(root, folder.name(), AtFlags::empty()).map_err(io::Error::from)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Ok(FileStamp::from_stat(&stat, root.as_fd())),
            _ => Err(io::Error::from(io::ErrorKind::NotADirectory)),
        }
    };
    let [new, cur] = Folder::ALL.map(|folder| stamp(folder).map_err(|error| (folder, error)));
    Ok([new?, cur?])
}

fn read(folder: Folder, directory: &File, entries: &mut Vec<MaildirEntry>) -> io::Result<()> {
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name.starts_with(b".") {
            continue;
        }
        // Not every file system tells the type here.
        let (kind, inode) = match entry.file_type() {
            FileType::Unknown => {
                match rustix::fs::statat(directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => (FileType::from_raw_mode(stat.st_mode), stat.st_ino),
                    // It has been renamed since. The folder's times show that.
                    Err(rustix::io::Errno::NOENT) => continue,
                    Err(errno) => return Err(errno.into()),
                }
            }
            kind => (kind, entry.ino()),
        };
        // A link may lead to a file.
        if matches!(kind, FileType::RegularFile | FileType::Symlink) {
            entries.push(MaildirEntry::new(folder, name.into(), inode, kind == FileType::RegularFile));
        }
    }
    Ok(())
}
