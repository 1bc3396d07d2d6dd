//! Where the role's connections come from.

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
    /// Without encryption.
    Plain,
    /// With a TLS handshake (RFC 8314, section 3).
    Tls,
}

/// Where connections come from.
pub enum Arrivals {
    /// Listening sockets.
    Listeners(Vec<Listener>),
    /// This connection only.
    One(OwnedFd, Security),
}

impl Arrivals {
    /// The listening sockets.
    pub fn listeners(&self) -> &[Listener] {
        match self {
            Self::Listeners(listeners) => listeners,
            Self::One(..) => &[],
        }
    }

    /// All sockets.
    pub fn sockets(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Self::Listeners(listeners) => listeners.iter().map(|listener| listener.socket.as_fd()).collect(),
            Self::One(connection, _) => vec![connection.as_fd()],
        }
    }

    /// The same sockets with these descriptors, which are of the same number and in the same order.
    pub fn under(&self, descriptors: Vec<OwnedFd>) -> Self {
        let mut descriptors = descriptors.into_iter();
        match self {
            Self::Listeners(listeners) => {
                let pairs = listeners.iter().zip(descriptors);
                Self::Listeners(pairs.map(|(listener, socket)| Listener { socket, ..*listener }).collect())
            }
            Self::One(_, security) => match descriptors.next() {
                Some(connection) => Self::One(connection, *security),
                None => Self::Listeners(Vec::new()),
            },
        }
    }
}

impl Listener {
    /// Takes over a listening socket that another program has bound.
    ///
    /// # Errors
    ///
    /// It has no IP address.
    pub fn of(socket: OwnedFd, security: impl FnOnce(u16) -> Security) -> io::Result<Self> {
        let address = SocketAddr::try_from(rustix::net::getsockname(&socket)?)?;
        Ok(Self { socket, address, security: security(address.port()) })
    }

    /// The same socket with a descriptor of its own and with this security.
    ///
    /// # Errors
    ///
    /// There are no more descriptors.
    pub fn with(&self, security: Security) -> io::Result<Self> {
        Ok(Self { socket: self.socket.try_clone()?, address: self.address, security })
    }
}
