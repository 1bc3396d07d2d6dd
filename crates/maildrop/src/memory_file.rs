//! Copies in memory that a session can read but nobody can change (memfd_create(2)).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{MemfdFlags, SealFlags};

use crate::disk::retry;
use crate::widths::to_u64;

/// How much is copied at a time, in octets.
const CHUNK: usize = 256 * 1024;

/// A copy that is being filled.
pub(crate) struct MemoryFile {
    file: File,
    length: u64,
}

impl MemoryFile {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        Ok(Self { file: File::from(rustix::fs::memfd_create("mpopd-mail", flags)?), length: 0 })
    }

    pub(crate) fn append(&mut self, octets: &[u8]) -> io::Result<()> {
        self.file.write_all_at(octets, self.length)?;
        self.length += to_u64(octets.len());
        Ok(())
    }

    /// Makes the filled memory read-only.
    pub(crate) fn seal(self) -> io::Result<File> {
        rustix::fs::fcntl_add_seals(
            &self.file,
            SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE,
        )?;
        Ok(self.file)
    }
}

/// Passes `length` octets of a file from `offset` on to `act`, chunk by chunk.
///
/// # Errors
///
/// Those of read(2) and of `act`; `UnexpectedEof` if the file is shorter.
pub(crate) fn each_chunk(
    file: &File,
    offset: u64,
    length: u64,
    act: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; usize::try_from(length).map_or(CHUNK, |length| length.min(CHUNK))];
    let mut done = 0;
    while done < length {
        let want = usize::try_from(length - done).map_or(buffer.len(), |left| left.min(buffer.len()));
        let got = retry(|| file.read_at(&mut buffer[..want], offset + done))?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        act(&buffer[..got])?;
        done += to_u64(got);
    }
    Ok(())
}
