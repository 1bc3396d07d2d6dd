//! A part of a file, and how it is read.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::widths::{at_most, to_u64};

/// How much is copied at a time, in octets.
pub(super) const CHUNK: usize = 1024 * 1024;

/// A part of a file, in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileRegion {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

impl FileRegion {
    pub(crate) fn end(&self) -> u64 {
        self.offset + self.length
    }

    /// Passes the region of `file` to `act` chunk by chunk, each with its offset in the region.
    pub(super) fn each_chunk(
        &self,
        file: &File,
        act: &mut dyn FnMut(u64, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut buffer = vec![0; at_most(self.length, CHUNK)];
        let mut done = 0;
        while done < self.length {
            let want = at_most(self.length - done, buffer.len());
            let chunk = &mut buffer[..want];
            file.read_exact_at(chunk, self.offset + done)?;
            act(done, chunk)?;
            done += to_u64(want);
        }
        Ok(())
    }

    /// A hash of the region of `file`.
    pub(super) fn hash(&self, file: &File) -> io::Result<[u8; 32]> {
        let mut hasher = blake3::Hasher::new();
        self.each_chunk(file, &mut |_, chunk| {
            hasher.update(chunk);
            Ok(())
        })?;
        Ok(*hasher.finalize().as_bytes())
    }
}
