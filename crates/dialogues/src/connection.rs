//! One connection to the server, in the clear or under TLS.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

/// A server that says nothing for so long will not say it.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest line that is read, and the most that is read to the end, in octets.
const MOST: u64 = 1 << 20;

pub(crate) struct Connection(BufReader<Stream>);

enum Stream {
    Clear(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Connection {
    /// Connects to `HOST:PORT`.
    pub(crate) fn open(address: &str) -> io::Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Connection(BufReader::new(Stream::Clear(stream))))
    }

    pub(crate) fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(octets)
    }

    /// The next line with its end; of no octets when the server has closed the connection.
    pub(crate) fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        (&mut self.0).take(MOST).read_until(b'\n', &mut line)?;
        Ok(line)
    }

    /// What comes until the server closes the connection. Under TLS it has to say that it does (RFC 8314, section 3.4): else the
    /// end could be anybody's doing.
    pub(crate) fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        match (&mut self.0).take(MOST).read_to_end(&mut rest) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(rest),
            Err(error) => Err(error),
            Ok(_) => Ok(rest),
        }
    }

    /// The same connection under TLS. `address` is where it leads.
    ///
    /// # Errors
    ///
    /// The handshake fails, or the server has said more than it was asked, which would now pass for something said under TLS.
    pub(crate) fn encrypted(self, address: &str) -> io::Result<Connection> {
        let unread = self.0.buffer().to_vec();
        let Stream::Clear(socket) = self.0.into_inner() else {
            return Err(io::Error::other("the connection is under TLS already"));
        };
        if !unread.is_empty() {
            return Err(io::Error::other(format!(
                "the server says {:?} before TLS",
                unread.escape_ascii().to_string()
            )));
        }
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let config = any_certificate::client_config().map_err(io::Error::other)?;
        let client = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(client, socket);
        stream.conn.complete_io(&mut stream.sock)?;
        Ok(Connection(BufReader::new(Stream::Tls(Box::new(stream)))))
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Clear(stream) => stream.read(into),
            Stream::Tls(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Clear(stream) => stream.write(octets),
            Stream::Tls(stream) => stream.write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Clear(stream) => stream.flush(),
            Stream::Tls(stream) => stream.flush(),
        }
    }
}
