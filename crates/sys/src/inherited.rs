//! Descriptors that this program inherited, by number.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// Takes over an inherited descriptor and sets close-on-exec.
///
/// A program calls this at its start, once for each number, and only for numbers that its parent named as
/// passed to it (sd_listen_fds(3) and the like).
///
/// # Errors
///
/// `EBADF`: there is no such descriptor, or it is one of the three standard ones.
pub fn take(number: RawFd) -> io::Result<OwnedFd> {
    if number < 3 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: fcntl(2) with F_SETFD takes numbers, and returns EBADF if there is no such descriptor.
    if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call above found it open. By the contract of this function the parent passed it, so no
    // object of ours owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::{AsRawFd, IntoRawFd};

    #[test]
    fn what_is_open_is_taken_and_nothing_else() {
        let (passed, _other) = crate::seqpacket::pair().unwrap();
        rustix::io::fcntl_setfd(&passed, rustix::io::FdFlags::empty()).unwrap();
        let number = passed.into_raw_fd();
        let taken = take(number).unwrap();
        assert_eq!(taken.as_raw_fd(), number);
        assert_eq!(rustix::io::fcntl_getfd(&taken).unwrap(), rustix::io::FdFlags::CLOEXEC);
        assert!(take(1 << 20).is_err() && take(2).is_err() && take(-1).is_err());
    }
}
