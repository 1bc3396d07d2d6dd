//! Binding the ports.

use std::io;
use std::net::{IpAddr, SocketAddr};

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use session_role::{Listener, Security};

/// Connections that wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// What is to be listened on: the ports and their addresses, and how connections begin there.
pub(crate) struct Wanted<'a> {
    pub(crate) addresses: &'a [IpAddr],
    pub(crate) ports: Vec<(u16, Security)>,
}

/// Listens on every address and port. What `present` listens on already is taken over, so that no connection is refused
/// meanwhile. An address family that this machine does not have is left out, as long as another is there:
/// `listen = ["::", "0.0.0.0"]` is right everywhere.
///
/// # Errors
///
/// The address that could not be bound, and why. What `present` listens on is as it was then.
pub(crate) fn bind(wanted: &Wanted<'_>, present: &[Listener]) -> Result<Vec<Listener>, String> {
    let unwanted = unwanted(wanted, present);
    match bind_beside(wanted, present, Sharing::No) {
        // One of ours may be what is in the way: 0.0.0.0 where 127.0.0.1 is wanted from now on. For a moment they share the port.
        Err(Failed { in_use: true, .. }) if !unwanted.is_empty() => {
            share(unwanted.iter().copied(), true);
            let bound = bind_beside(wanted, present, Sharing::WithOurs);
            share(unwanted.into_iter().chain(bound.iter().flatten()), false);
            bound
        }
        bound => bound,
    }
    .map_err(|failed| failed.what)
}

/// Whether a socket may be bound where another one of this user's listens that allows it, too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    No,
    WithOurs,
}

fn share<'a>(listeners: impl Iterator<Item = &'a Listener>, shared: bool) {
    for listener in listeners {
        // Where that fails, binding says what is in the way.
        let _ = sockopt::set_socket_reuseport(&listener.socket, shared);
    }
}

struct Failed {
    what: String,
    /// Somebody listens there.
    in_use: bool,
}

fn unwanted<'a>(wanted: &Wanted<'_>, present: &'a [Listener]) -> Vec<&'a Listener> {
    let is_wanted = |at: &SocketAddr| {
        wanted.addresses.contains(&at.ip()) && wanted.ports.iter().any(|(port, _)| *port == at.port())
    };
    present.iter().filter(|listener| !is_wanted(&listener.address)).collect()
}

fn bind_beside(wanted: &Wanted<'_>, present: &[Listener], sharing: Sharing) -> Result<Vec<Listener>, Failed> {
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
                Err(error) => return Err(cannot_bind(address, &error)),
            }
        }
        if listeners.len() == already {
            let what = match missing {
                Some(address) => format!("cannot listen on {address}: this machine has no IPv6"),
                None => "cannot listen: no address is configured".to_owned(),
            };
            return Err(Failed { what, in_use: false });
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

fn cannot_bind(address: SocketAddr, error: &io::Error) -> Failed {
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied => "; ports below 1024 need root",
        io::ErrorKind::AddrInUse => "; another program listens there",
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        _ => "",
    };
    Failed {
        what: format!("cannot listen on {address}: {error}{advice}"),
        in_use: error.kind() == io::ErrorKind::AddrInUse,
    }
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
        let failure = bind(&wanted(&[LOCALHOST], address.port()), &[]).err().unwrap();
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
