//! The server to connect to.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::stream::AsyncStream;
use crate::tls;

/// A server: its addresses, looked up once, and what TLS with it needs.
pub struct RemoteServer {
    addresses: Vec<SocketAddr>,
    /// The index of the address that accepted last: `localhost` often has two, of which one listens.
    preferred: AtomicUsize,
    name: ServerName<'static>,
    tls: TlsConnector,
}

/// Why there is no server to connect to.
#[derive(Debug)]
pub enum LookupError {
    /// The host cannot be looked up.
    Host(String, io::Error),
    /// The host has no address.
    NoAddress(String),
    /// The cryptography provider supports no version of TLS.
    Tls(rustls::Error),
}

impl RemoteServer {
    /// Looks a host up; this blocks.
    ///
    /// # Errors
    ///
    /// There is no such host, or it has no address; the cryptography provider supports no version of TLS.
    pub fn look_up(host: &str, port: u16) -> Result<Self, LookupError> {
        let found = (host, port).to_socket_addrs().map_err(|error| LookupError::Host(host.to_owned(), error));
        let addresses: Vec<_> = found?.collect();
        let Some(first) = addresses.first() else { return Err(LookupError::NoAddress(host.to_owned())) };
        let name = tls::server_name(host, first.ip());
        let tls = TlsConnector::from(tls::client_config().map_err(LookupError::Tls)?);
        Ok(Self { addresses, preferred: AtomicUsize::new(0), name, tls })
    }

    /// Connects to the first address that accepts.
    pub(super) async fn connect(&self) -> io::Result<AsyncStream> {
        let preferred = self.preferred.load(Ordering::Relaxed);
        let mut failure = None;
        for offset in 0..self.addresses.len() {
            let index = (preferred + offset) % self.addresses.len();
            match TcpStream::connect(self.addresses[index]).await {
                Ok(socket) => {
                    if offset > 0 {
                        self.preferred.store(index, Ordering::Relaxed);
                    }
                    // Commands are short and wait for their replies: delaying them would only add latency.
                    socket.set_nodelay(true)?;
                    return Ok(AsyncStream::Clear(socket));
                }
                // Users expect to read about the first address.
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
    }

    /// Does the TLS handshake.
    pub(super) async fn secure(&self, stream: AsyncStream) -> io::Result<AsyncStream> {
        match stream {
            AsyncStream::Clear(socket) => {
                Ok(AsyncStream::Tls(Box::new(self.tls.connect(self.name.clone(), socket).await?)))
            }
            AsyncStream::Tls(_) => Err(io::Error::other("TLS within TLS")),
        }
    }
}

/// A TLS connector has no form worth showing.
impl fmt::Debug for RemoteServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteServer").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host, error) => write!(f, "host {host}: {error}"),
            Self::NoAddress(host) => write!(f, "host {host} has no address"),
            Self::Tls(error) => write!(f, "TLS: {error}"),
        }
    }
}

impl std::error::Error for LookupError {}
