//! The files that hold indexes.
//!
//! Layout: a magic line that is also the version, a checksum, and what it covers: the identifier of the boot
//! in which the file was written, and the format's own part. The checksum also covers the key, so a file
//! under a wrong name is invalid.
//!
//! A file is written under another name and then renamed. It is not synced: what a crash leaves is whole, or
//! fails the checksum, or is an older file, and all of these are safe.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::key::IndexKey;
use crate::disk::{Disk, retry, write_all_at};

const MAGIC: &[u8; 16] = b"mpopd index   2\n";
/// The magic line of indexes that did not know about surrogates.
const MAGIC_1: &[u8; 16] = b"mpopd index   1\n";
/// Where the checksum begins, and where the part that it covers begins.
const CHECKSUM: usize = MAGIC.len();
const COVERED: usize = CHECKSUM + 32;
/// Where the format's part begins.
const BODY: usize = COVERED + 16;
/// The largest file that is read, in octets. Millions of messages need no more.
const MOST_OCTETS: u64 = 1 << 30;

/// The octets of a whole index file.
pub(crate) struct Checksummed {
    file: Vec<u8>,
    this_boot: bool,
    version: IndexVersion,
}

/// The layout by which an index was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IndexVersion {
    /// The previous one. Such an index only says which UIDLs were given.
    Previous,
    Current,
}

impl Checksummed {
    pub(super) fn new(key: &IndexKey, boot: &[u8; 16], body: &[u8]) -> Self {
        let mut file = Vec::with_capacity(BODY + body.len());
        file.extend(MAGIC);
        file.extend([0; COVERED - CHECKSUM]);
        file.extend(boot);
        file.extend(body);
        let checksum = checksum(key, &file[COVERED..]);
        file[CHECKSUM..COVERED].copy_from_slice(&checksum);
        Self { file, this_boot: true, version: IndexVersion::Current }
    }

    /// The octets of an index file as the previous version wrote it.
    #[cfg(test)]
    pub(crate) fn previous(key: &IndexKey, body: &[u8]) -> Vec<u8> {
        let mut file = Self::new(key, &[0; 16], body).file;
        file[..MAGIC_1.len()].copy_from_slice(MAGIC_1);
        file
    }

    fn open(key: &IndexKey, boot: &[u8; 16], file: Vec<u8>) -> Option<Self> {
        let covered = file.get(COVERED..)?;
        let version = match file.first_chunk()? {
            MAGIC => IndexVersion::Current,
            MAGIC_1 => IndexVersion::Previous,
            _ => return None,
        };
        let whole = file.get(CHECKSUM..COVERED)? == checksum(key, covered) && file.len() >= BODY;
        let this_boot = covered.starts_with(boot);
        whole.then_some(Self { file, this_boot, version })
    }

    /// The format's part.
    pub(crate) fn body(&self) -> &[u8] {
        self.file.get(BODY..).unwrap_or_default()
    }

    /// Differs if the contents differ.
    pub(crate) fn checksum(&self) -> [u8; 32] {
        self.file.get(CHECKSUM..COVERED).and_then(|octets| octets.try_into().ok()).unwrap_or_default()
    }

    /// Whether it was made since the machine was started. After a crash, a file's times may have survived
    /// while the change that set them did not. So times from before prove nothing.
    pub(crate) fn is_of_this_boot(&self) -> bool {
        self.this_boot
    }

    pub(crate) fn version(&self) -> IndexVersion {
        self.version
    }

    pub(super) fn size(&self) -> usize {
        self.file.len()
    }
}

/// Reads the index `key`; `None` if there is none that can be trusted.
pub(super) fn read(folder: &File, key: &IndexKey, boot: &[u8; 16]) -> Option<Checksummed> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(folder, name(key), flags, Mode::empty()).ok()?);
    let size =
        u64::try_from(rustix::fs::fstat(&file).ok()?.st_size).ok().filter(|&size| size < MOST_OCTETS)?;
    let mut octets = vec![0; usize::try_from(size).ok()?];
    file.read_exact(&mut octets).ok()?;
    Checksummed::open(key, boot, octets)
}

/// Writes the index `key`. At any time there is the old one or the new one.
pub(super) fn write(disk: &dyn Disk, folder: &File, key: &IndexKey, index: &Checksummed) -> io::Result<()> {
    let name = name(key);
    let draft = format!("{name}.new");
    let (name, draft) = (Path::new(&name), Path::new(&draft));
    let file = match retry(|| disk.create(folder.as_fd(), draft)) {
        // A crash left it behind: only the holder of the session lock writes it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            retry(|| disk.unlink(folder.as_fd(), draft))?;
            retry(|| disk.create(folder.as_fd(), draft))?
        }
        answer => answer?,
    };
    let written = write_all_at(disk, &file, &index.file, 0)
        .and_then(|()| retry(|| disk.rename(folder.as_fd(), draft, name)));
    written.inspect_err(|_| drop(disk.unlink(folder.as_fd(), draft)))
}

/// Removes the index `key`, if possible.
pub(super) fn remove(disk: &dyn Disk, folder: &File, key: &IndexKey) {
    let _ = retry(|| disk.unlink(folder.as_fd(), Path::new(&name(key))));
}

fn name(key: &IndexKey) -> String {
    blake3::Hash::from_bytes(key.0).to_hex()[..32].to_owned()
}

fn checksum(key: &IndexKey, covered: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new_keyed(&key.0).update(covered).finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Kernel;
    use std::fs;

    const KEY: IndexKey = IndexKey([7; 32]);
    const BOOT: [u8; 16] = [1; 16];

    #[test]
    fn what_was_written_is_read_and_nothing_else_is_believed() {
        let place = tempfile::tempdir().unwrap();
        let folder = File::open(place.path()).unwrap();
        let index = Checksummed::new(&KEY, &BOOT, b"what was found");
        write(&Kernel, &folder, &KEY, &index).unwrap();
        let read_now = || read(&folder, &KEY, &BOOT);
        let back = read_now().unwrap();
        assert_eq!((back.body(), back.checksum()), (&b"what was found"[..], index.checksum()));
        assert!(back.is_of_this_boot());
        assert!(!read(&folder, &KEY, &[2; 16]).unwrap().is_of_this_boot());

        let path = place.path().join(name(&KEY));
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            fs::write(&path, &whole[..at]).unwrap();
            assert!(read_now().is_none(), "cut at {at}");
            let mut torn = whole.clone();
            torn[at] ^= 1;
            fs::write(&path, torn).unwrap();
            assert!(read_now().is_none(), "changed at {at}");
        }
        let previous = [MAGIC_1, &whole[MAGIC.len()..]].concat();
        fs::write(&path, previous).unwrap();
        assert_eq!(read_now().unwrap().version(), IndexVersion::Previous);
        fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
        assert!(read_now().is_none(), "longer");
        let other = IndexKey([8; 32]);
        fs::write(place.path().join(name(&other)), &whole).unwrap();
        assert!(read(&folder, &other, &BOOT).is_none(), "another maildrop's");
    }

    #[test]
    fn a_draft_that_a_crash_left_is_in_no_ones_way() {
        let place = tempfile::tempdir().unwrap();
        let folder = File::open(place.path()).unwrap();
        fs::write(place.path().join(format!("{}.new", name(&KEY))), "half").unwrap();
        write(&Kernel, &folder, &KEY, &Checksummed::new(&KEY, &BOOT, b"x")).unwrap();
        assert_eq!(read(&folder, &KEY, &BOOT).unwrap().body(), b"x");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
        remove(&Kernel, &folder, &KEY);
        assert!(read(&folder, &KEY, &BOOT).is_none());
    }
}
