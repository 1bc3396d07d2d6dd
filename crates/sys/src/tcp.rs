//! TCP options that no library sets for us.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Bounds the octets that the kernel buffers before it can send them (tcp(7) `TCP_NOTSENT_LOWAT`). If set on
/// a listening socket, connections that are accepted later inherit the bound.
///
/// Without it the kernel buffers megabytes for a client that does not read.
///
/// # Errors
///
/// What setsockopt(2) says.
pub fn limit_unsent(socket: impl AsFd, octets: u32) -> io::Result<()> {
    /// The length of a `u32`.
    const LENGTH: libc::socklen_t = 4;
    // SAFETY: the pointer and the length are those of a live value of the type of the option.
    let done = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_NOTSENT_LOWAT,
            (&raw const octets).cast(),
            LENGTH,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn accepted_connections_have_it_and_take_no_more_than_fits() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        limit_unsent(&listener, 64 * 1024).unwrap();
        let _silent = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut accepted, _) = listener.accept().unwrap();
        accepted.set_nonblocking(true).unwrap();
        let mut taken = 0;
        while let Ok(octets) = accepted.write(&[0; 16 * 1024]) {
            taken += octets;
        }
        // Without the option on the listening socket, the kernel would take megabytes.
        assert!((64 * 1024..2 << 20).contains(&taken), "{taken}");
        assert!(limit_unsent(std::io::stdin(), 1).is_err());
    }
}
