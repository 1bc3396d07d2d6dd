//! Binding the ports.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

/// Connections that wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// A bound, listening socket and its address.
pub(crate) struct Listener {
    pub(crate) socket: OwnedFd,
    pub(crate) address: SocketAddr,
    pub(crate) security: Security,
}

/// How the connections of a port begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    /// In the clear.
    Plain,
    /// With a TLS handshake (RFC 8314, section 3).
    Tls,
}

/// Binds one port on every address. An address family that this machine does not have is left
/// out, as long as another is there: `listen = ["::", "0.0.0.0"]` is right everywhere.
///
/// # Errors
///
/// The address that could not be bound, and why.
pub(crate) fn bind(addresses: &[IpAddr], port: u16, security: Security) -> Result<Vec<Listener>, String> {
    let mut listeners = Vec::new();
    let mut missing = Vec::new();
    for address in addresses.iter().map(|address| SocketAddr::new(*address, port)) {
        match bind_one(address, security) {
            Ok(listener) => listeners.push(listener),
            Err(error) if is_missing_family(address, &error) => missing.push(address),
            Err(error) => return Err(cannot_bind(address, &error)),
        }
    }
    match (listeners.is_empty(), missing.first()) {
        (true, Some(address)) => Err(format!("cannot listen on {address}: this machine has no IPv6")),
        (true, None) => Err("cannot listen: no address is configured".to_owned()),
        (false, _) => Ok(listeners),
    }
}

fn bind_one(address: SocketAddr, security: Security) -> io::Result<Listener> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        // IPv4 is listened to by itself, or not at all: `listen` says so.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    let address = SocketAddr::try_from(rustix::net::getsockname(&socket)?)?;
    Ok(Listener { socket, address, security })
}

fn is_missing_family(address: SocketAddr, error: &io::Error) -> bool {
    use rustix::io::Errno;
    address.is_ipv6()
        && address.ip().is_unspecified()
        && [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL]
            .iter()
            .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

fn cannot_bind(address: SocketAddr, error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied => "; ports below 1024 need root",
        io::ErrorKind::AddrInUse => "; another program listens there",
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        _ => "",
    };
    format!("cannot listen on {address}: {error}{advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_is_found_and_a_taken_one_is_named() {
        let localhost = [IpAddr::from([127, 0, 0, 1])];
        let first = bind(&localhost, 0, Security::Plain).unwrap();
        let address = first[0].address;
        assert_ne!(address.port(), 0);
        let failure = bind(&localhost, address.port(), Security::Plain).err().unwrap();
        assert!(failure.contains(&address.to_string()), "{failure}");
        assert!(failure.contains("another program listens there"), "{failure}");
    }
}
