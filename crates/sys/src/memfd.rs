//! Memory that one process fills, seals and passes to another, which maps it (memfd_create(2)).
//!
//! After sealing, neither side can change or shrink the memory, so the mapping is immutable.

use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{MemfdFlags, SealFlags};

const SEALS: SealFlags =
    SealFlags::SEAL.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::WRITE);

/// A new sealed descriptor with `bytes`, to be passed to another process.
///
/// # Errors
///
/// What memfd_create(2), write(2) or fcntl(2) `F_ADD_SEALS` says; `ENOMEM` and `EMFILE` above all.
pub fn sealed(bytes: &[u8]) -> io::Result<OwnedFd> {
    let memory = rustix::fs::memfd_create("mpopd", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        match rustix::io::write(&memory, rest) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    rustix::fs::fcntl_add_seals(&memory, SEALS)?;
    Ok(memory)
}

/// A read-only mapping of sealed memory.
#[derive(Debug)]
pub struct Mapping {
    start: *const u8,
    length: usize,
}

// SAFETY: the mapping is read-only and its memory sealed, so threads share an immutable slice. munmap in
// `drop` may run on any thread.
unsafe impl Send for Mapping {}
// SAFETY: as for Send.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps memory that another process sealed. The descriptor is not needed any more afterwards.
    ///
    /// # Errors
    ///
    /// `InvalidData` when a seal is missing or the memory is empty or longer than `most` octets;
    /// otherwise what fcntl(2), fstat(2) or mmap(2) says.
    pub fn new(memory: impl AsFd, most: u64) -> io::Result<Self> {
        if !rustix::fs::fcntl_get_seals(&memory)?.contains(SEALS) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "shared memory without its seals"));
        }
        let size = u64::try_from(rustix::fs::fstat(&memory)?.st_size).unwrap_or(0);
        let length = usize::try_from(size).unwrap_or(0);
        if length == 0 || size > most {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "shared memory of an impossible size"));
        }
        // SAFETY: the kernel chooses the address, so no memory of ours is replaced; length and
        // descriptor are valid, as checked above.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ,
                libc::MAP_SHARED,
                memory.as_fd().as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { start: start.cast(), length })
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `start` is a live mapping of `length` readable octets until `drop`. The seals, which `new`
        // checked, deny every write and every truncation to every process.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this is the range that mmap returned, and no slice of it outlives self.
        unsafe { libc::munmap(self.start.cast_mut().cast(), self.length) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_is_what_is_mapped() {
        let bytes: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        let memory = sealed(&bytes).unwrap();
        assert_eq!(&*Mapping::new(&memory, 1 << 20).unwrap(), &bytes[..]);
        assert!(rustix::io::write(&memory, b"x").is_err(), "sealed memory can be written");
    }

    #[test]
    fn memory_that_its_giver_could_still_change_is_refused() {
        let open = rustix::fs::memfd_create("t", MemfdFlags::ALLOW_SEALING).unwrap();
        rustix::io::write(&open, b"x").unwrap();
        assert_eq!(Mapping::new(&open, 10).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn empty_and_too_large_memory_is_refused() {
        assert!(Mapping::new(sealed(b"").unwrap(), 10).is_err());
        assert!(Mapping::new(sealed(b"12345678901").unwrap(), 10).is_err());
    }
}
