//! A port that no other program gets.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with, sockopt};

/// A TCP port of 127.0.0.1, reserved for one daemon.
///
/// The socket here is bound but never listens. With SO_REUSEADDR on both sides, a daemon may still listen on
/// the port, while the kernel does not give it to a program that asks for any port. So there is no race
/// between finding a port and using it.
pub(crate) struct Port {
    pub(crate) number: u16,
    _held: OwnedFd,
}

impl Port {
    pub(crate) fn reserve() -> Self {
        let held = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)
            .expect("a socket");
        sockopt::set_socket_reuseaddr(&held, true).expect("SO_REUSEADDR");
        bind(&held, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address =
            SocketAddr::try_from(getsockname(&held).expect("the port's number")).expect("an inet address");
        Self { number: address.port(), _held: held }
    }
}
