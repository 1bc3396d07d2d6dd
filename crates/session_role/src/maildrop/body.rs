//! The body of a message, and how to read it without delaying other connections.

use std::io::{self, IoSliceMut};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::{Errno, ReadWriteFlags, preadv2};

/// The body of a message.
pub(crate) struct MessageBody {
    pub(crate) descriptor: Arc<OwnedFd>,
    /// Where it begins in the file, in octets.
    pub(crate) offset: u64,
    /// Its length as stored, in octets.
    pub(crate) length: u64,
    /// Header lines that precede it.
    pub(crate) prefix: Vec<u8>,
}

impl MessageBody {
    /// Reads the next octets, at `at` from the beginning, into `buffer`. Returns the buffer and the number of
    /// octets read, at most the rest of the body.
    ///
    /// Data in the page cache is read at once. Data that must come from a disk or a server is read by another
    /// thread.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` when the file is shorter than the body, because another program truncated it.
    /// Otherwise those of preadv2(2).
    pub(crate) async fn read(&self, at: u64, mut buffer: Vec<u8>) -> (Vec<u8>, io::Result<usize>) {
        let left = self.length.saturating_sub(at);
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        if want == 0 {
            return (buffer, Ok(0));
        }
        let offset = self.offset + at;
        match read_at(&self.descriptor, offset, &mut buffer, want, ReadWriteFlags::NOWAIT) {
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS) => {
                let descriptor = self.descriptor.clone();
                let read = tokio::task::spawn_blocking(move || {
                    let read = read_at(&descriptor, offset, &mut buffer, want, ReadWriteFlags::empty());
                    (buffer, read)
                });
                match read.await {
                    Ok((buffer, read)) => (buffer, complete(read)),
                    Err(_) => (Vec::new(), Err(io::Error::other("the reading thread failed"))),
                }
            }
            read => (buffer, complete(read)),
        }
    }
}

fn read_at(
    descriptor: &OwnedFd,
    offset: u64,
    buffer: &mut [u8],
    want: usize,
    flags: ReadWriteFlags,
) -> Result<usize, Errno> {
    let Some(target) = buffer.get_mut(..want) else { return Err(Errno::INVAL) };
    loop {
        match preadv2(descriptor, &mut [IoSliceMut::new(target)], offset, flags) {
            Err(Errno::INTR) => {}
            read => return read,
        }
    }
}

fn complete(read: Result<usize, Errno>) -> io::Result<usize> {
    match read {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(octets) => Ok(octets),
        Err(errno) => Err(errno.into()),
    }
}
