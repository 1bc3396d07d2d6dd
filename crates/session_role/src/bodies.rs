//! Reading a message from its descriptor without holding up the other connections.

use std::io::{self, IoSliceMut};

use rustix::io::{Errno, ReadWriteFlags, preadv2};

use crate::mail::Body;

/// Reads the next octets of a body, at `at` from its beginning, into `buffer`.
///
/// What the page cache holds is read at once; for what must come from a disk or a server, a thread
/// waits. Returns how many octets came, at most what is left of the body, and the buffer.
///
/// # Errors
///
/// `UnexpectedEof` when the file is shorter than the body: another program cut it. Otherwise what
/// preadv2(2) says.
pub(crate) async fn read(body: &Body, at: u64, mut buffer: Vec<u8>) -> (Vec<u8>, io::Result<usize>) {
    let left = body.length.saturating_sub(at);
    let want = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
    if want == 0 {
        return (buffer, Ok(0));
    }
    let offset = body.offset + at;
    match read_at(body, offset, &mut buffer, want, ReadWriteFlags::NOWAIT) {
        Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS) => {
            let body = Body { descriptor: body.descriptor.clone(), prefix: Vec::new(), ..*body };
            let read = tokio::task::spawn_blocking(move || {
                let got = read_at(&body, offset, &mut buffer, want, ReadWriteFlags::empty());
                (buffer, got)
            });
            match read.await {
                Ok((buffer, got)) => (buffer, complete(got)),
                Err(_) => (Vec::new(), Err(io::Error::other("the reading thread failed"))),
            }
        }
        got => (buffer, complete(got)),
    }
}

fn read_at(
    body: &Body,
    offset: u64,
    buffer: &mut [u8],
    want: usize,
    flags: ReadWriteFlags,
) -> Result<usize, Errno> {
    let Some(target) = buffer.get_mut(..want) else { return Err(Errno::INVAL) };
    loop {
        match preadv2(&*body.descriptor, &mut [IoSliceMut::new(target)], offset, flags) {
            Err(Errno::INTR) => {}
            got => return got,
        }
    }
}

fn complete(got: Result<usize, Errno>) -> io::Result<usize> {
    match got {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(octets) => Ok(octets),
        Err(errno) => Err(errno.into()),
    }
}
