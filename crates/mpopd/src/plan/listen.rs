//! Binds the ports.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use session_role::{Listener, Security};

/// Connections that wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// The addresses and ports to listen on, and whether connections there start with TLS.
pub(crate) struct Wanted<'a> {
    pub(crate) addresses: &'a [IpAddr],
    pub(crate) ports: Vec<(u16, Security)>,
}

/// An address that cannot be listened on.
#[derive(Debug)]
pub(crate) enum ListenError {
    /// The configuration has no address.
    NoAddress,
    /// The only addresses are IPv6, which this machine does not have.
    NoIpv6(SocketAddr),
    /// The kernel refuses the address.
    Refused { address: SocketAddr, source: io::Error },
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("cannot listen: no address is configured"),
            Self::NoIpv6(address) => write!(f, "cannot listen on {address}: this machine has no IPv6"),
            Self::Refused { address, source } => {
                let advice = match source.kind() {
                    io::ErrorKind::PermissionDenied => "; ports below 1024 need root",
                    io::ErrorKind::AddrInUse => "; another program listens there",
                    io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
                    _ => "",
                };
                write!(f, "cannot listen on {address}: {source}{advice}")
            }
        }
    }
}

impl ListenError {
    fn is_in_use(&self) -> bool {
        matches!(self, Self::Refused { source, .. } if source.kind() == io::ErrorKind::AddrInUse)
    }
}

/// Listens on every address and port. Sockets in `present` that already listen there are reused, so that
/// no connection is refused meanwhile. An address family that this machine does not have is left out as long
/// as another is there: `listen = ["::", "0.0.0.0"]` works everywhere.
///
/// # Errors
///
/// The address that could not be bound, and why. The sockets in `present` are unchanged then.
pub(crate) fn bind(wanted: &Wanted<'_>, present: &[Listener]) -> Result<Vec<Listener>, ListenError> {
    let unwanted = unwanted(wanted, present);
    match bind_beside(wanted, present, Sharing::No) {
        // One of ours may be in the way: 0.0.0.0 where 127.0.0.1 is wanted now. For a moment they share the
        // port.
        Err(error) if error.is_in_use() && !unwanted.is_empty() => {
            share(unwanted.iter().copied(), true);
            let bound = bind_beside(wanted, present, Sharing::WithOurs);
            share(unwanted.into_iter().chain(bound.iter().flatten()), false);
            bound
        }
        bound => bound,
    }
}

/// Whether a socket may share its address with another one of this user that allows it, too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    No,
    WithOurs,
}

fn share<'a>(listeners: impl Iterator<Item = &'a Listener>, shared: bool) {
    for listener in listeners {
        // If that fails, binding reports the reason.
        let _ = sockopt::set_socket_reuseport(&listener.socket, shared);
    }
}

fn unwanted<'a>(wanted: &Wanted<'_>, present: &'a [Listener]) -> Vec<&'a Listener> {
    let is_wanted = |at: &SocketAddr| {
        wanted.addresses.contains(&at.ip()) && wanted.ports.iter().any(|(port, _)| *port == at.port())
    };
    present.iter().filter(|listener| !is_wanted(&listener.address)).collect()
}

fn bind_beside(
    wanted: &Wanted<'_>,
    present: &[Listener],
    sharing: Sharing,
) -> Result<Vec<Listener>, ListenError> {
    let mut listeners = Vec::new();
    for (port, security) in &wanted.ports {
        let already = listeners.len();
        let mut missing = None;
        for address in wanted.addresses.iter().map(|address| SocketAddr::new(*address, *port)) {
            let bound = match present.iter().find(|listener| listener.address == address) {
                Some(listener) => listener.with(*security),
                None => bind_one(address, *security, sharing),
            };
            match bound {
                Ok(listener) => listeners.push(listener),
                Err(error) if is_missing_family(address, &error) => missing = Some(address),
                Err(source) => return Err(ListenError::Refused { address, source }),
            }
        }
        if listeners.len() == already {
            return Err(missing.map_or(ListenError::NoAddress, ListenError::NoIpv6));
        }
    }
    Ok(listeners)
}

fn bind_one(address: SocketAddr, security: Security, sharing: Sharing) -> io::Result<Listener> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_socket_reuseport(&socket, sharing == Sharing::WithOurs)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    const LOCALHOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn wanted(addresses: &[IpAddr], port: u16) -> Wanted<'_> {
        Wanted { addresses, ports: vec![(port, Security::Plain)] }
    }

    fn bound(addresses: &[IpAddr], port: u16, present: &[Listener]) -> Vec<Listener> {
        bind(&wanted(addresses, port), present).unwrap()
    }

    #[test]
    fn a_free_port_is_found_and_a_taken_one_is_named() {
        let first = bound(&[LOCALHOST], 0, &[]);
        let address = first[0].address;
        assert_ne!(address.port(), 0);
        let failure = bind(&wanted(&[LOCALHOST], address.port()), &[]).err().unwrap().to_string();
        assert!(failure.contains(&address.to_string()), "{failure}");
        assert!(failure.contains("another program listens there"), "{failure}");
    }

    #[test]
    fn what_is_present_is_taken_over_with_the_connections_that_wait() {
        let first = bound(&[LOCALHOST], 0, &[]);
        let address = first[0].address;
        let waiting = std::net::TcpStream::connect(address).unwrap();
        let second = bound(&[LOCALHOST], address.port(), &first);
        drop(first);
        let socket = std::net::TcpListener::from(second.into_iter().next().unwrap().socket);
        assert_eq!(socket.accept().unwrap().1, waiting.local_addr().unwrap());
    }

    #[test]
    fn an_address_of_ours_is_not_in_the_way_of_another() {
        let other = IpAddr::from([127, 0, 0, 2]);
        let everywhere = IpAddr::from([0, 0, 0, 0]);
        let first = bound(&[everywhere], 0, &[]);
        let port = first[0].address.port();
        // 192.0.2.0/24 is nobody's (RFC 5737): the first is bound by then, and given up.
        let nobody = IpAddr::from([192, 0, 2, 1]);
        assert!(bind(&wanted(&[other, nobody], port), &first).is_err());
        std::net::TcpStream::connect((LOCALHOST, port)).expect("the old one listens");
        let second = bound(&[other], port, &first);
        drop(first);
        assert_eq!(second[0].address.ip(), other);
        assert!(std::net::TcpStream::connect((LOCALHOST, port)).is_err(), "the old one listens no more");
        std::net::TcpStream::connect((other, port)).expect("the new one listens");
        assert!(bind(&wanted(&[other], port), &[]).is_err(), "nobody else can share the port");
    }
}
