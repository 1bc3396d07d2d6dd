//! A socket, with or without TLS.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The server's addresses, looked up once.
#[derive(Debug)]
pub(crate) struct Target {
    addresses: Vec<SocketAddr>,
    /// The one that answered last: `localhost` is often two addresses, of which one listens.
    preferred: AtomicUsize,
    name: ServerName<'static>,
}

impl Target {
    /// # Errors
    /// When the host has no address, in words.
    pub(crate) fn new(host: &str, port: u16) -> Result<Self, String> {
        let addresses: Vec<_> =
            (host, port).to_socket_addrs().map_err(|error| format!("host {host}: {error}"))?.collect();
        let Some(first) = addresses.first() else { return Err(format!("host {host} has no address")) };
        let name = ServerName::try_from(host.to_owned()).unwrap_or_else(|_| first.ip().into());
        Ok(Self { addresses, preferred: AtomicUsize::new(0), name })
    }

    /// Connects to the first of the server's addresses that answers.
    pub(crate) async fn connect(&self) -> io::Result<Stream> {
        let preferred = self.preferred.load(Ordering::Relaxed);
        let mut failure = None;
        for offset in 0..self.addresses.len() {
            let index = (preferred + offset) % self.addresses.len();
            match TcpStream::connect(self.addresses[index]).await {
                Ok(socket) => {
                    if offset > 0 {
                        self.preferred.store(index, Ordering::Relaxed);
                    }
                    // Commands are short and wait for their answers: held back, they would only be late.
                    socket.set_nodelay(true)?;
                    return Ok(Stream::Plain(socket));
                }
                // The first address is the one that people expect to read about.
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
    }

    /// Does the TLS handshake.
    pub(crate) async fn secure(&self, stream: Stream, tls: &TlsConnector) -> io::Result<Stream> {
        match stream {
            Stream::Plain(socket) => Ok(Stream::Tls(Box::new(tls.connect(self.name.clone(), socket).await?))),
            Stream::Tls(_) => Err(io::Error::other("TLS within TLS")),
        }
    }
}

/// What a connection reads and writes.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut into = ReadBuf::new(room);
        let read = match self {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, &mut into),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_read(cx, &mut into),
        };
        read.map_ok(|()| into.filled().len())
    }

    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, octets),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_write(cx, octets),
        }
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
        }
    }
}
