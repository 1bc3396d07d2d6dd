//! Where the connections of a role come from.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A bound, listening socket and its address.
pub struct Listener {
    /// The socket.
    pub socket: OwnedFd,
    /// The address that it listens on.
    pub address: SocketAddr,
    /// How its connections begin.
    pub security: Security,
}

/// How the connections of a port begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// In the clear.
    Plain,
    /// With a TLS handshake (RFC 8314, section 3).
    Tls,
}

/// Where connections come from.
pub enum Arrivals {
    /// Sockets that listen.
    Listeners(Vec<Listener>),
    /// This one connection, and no other after it.
    One(OwnedFd, Security),
}

impl Arrivals {
    /// The sockets that listen.
    pub fn listeners(&self) -> &[Listener] {
        match self {
            Arrivals::Listeners(listeners) => listeners,
            Arrivals::One(..) => &[],
        }
    }

    /// All sockets.
    pub fn sockets(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Arrivals::Listeners(listeners) => {
                listeners.iter().map(|listener| listener.socket.as_fd()).collect()
            }
            Arrivals::One(connection, _) => vec![connection.as_fd()],
        }
    }

    /// The same sockets under these descriptors, which are as many and in the same order.
    pub fn under(&self, descriptors: Vec<OwnedFd>) -> Arrivals {
        let mut descriptors = descriptors.into_iter();
        match self {
            Arrivals::Listeners(listeners) => {
                let pairs = listeners.iter().zip(descriptors);
                Arrivals::Listeners(
                    pairs.map(|(listener, socket)| Listener { socket, ..*listener }).collect(),
                )
            }
            Arrivals::One(_, security) => match descriptors.next() {
                Some(connection) => Arrivals::One(connection, *security),
                None => Arrivals::Listeners(Vec::new()),
            },
        }
    }
}

impl Listener {
    /// A socket that somebody else has bound and listens on.
    ///
    /// # Errors
    ///
    /// It has no address of the internet's.
    pub fn of(socket: OwnedFd, security: impl FnOnce(u16) -> Security) -> io::Result<Listener> {
        let address = SocketAddr::try_from(rustix::net::getsockname(&socket)?)?;
        Ok(Listener { socket, address, security: security(address.port()) })
    }

    /// The same socket under a descriptor of its own, whose connections begin like this.
    ///
    /// # Errors
    ///
    /// No more descriptors.
    pub fn with(&self, security: Security) -> io::Result<Listener> {
        Ok(Listener { socket: self.socket.try_clone()?, address: self.address, security })
    }
}
