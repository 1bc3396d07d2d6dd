//! One connection: octets out, lines in, nothing interpreted.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::stream::BlockingStream;
use crate::ReceiveBuffer;

/// How long a client waits for the server. It bounds a failing test and decides no passing one: it is longer
/// than any of the server's own timeouts.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// The longest line, and the most that [`Pop3Connection::rest`] reads, in octets.
const MOST: usize = 64 << 20;

/// A connection in clear text or under TLS. A read or write that makes no progress within [`PATIENCE`] fails.
pub struct Pop3Connection {
    stream: BlockingStream,
    buffer: ReceiveBuffer,
}

impl Pop3Connection {
    /// Connects in clear text.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn connect(address: impl ToSocketAddrs) -> io::Result<Self> {
        Self::over(TcpStream::connect(address)?)
    }

    /// Uses a connection that exists already.
    ///
    /// # Errors
    ///
    /// The system's, from setting the timeouts.
    pub fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BlockingStream::Clear(stream), buffer: ReceiveBuffer::default() })
    }

    /// The same connection under TLS, with any certificate. `host` is the name to ask for.
    ///
    /// # Errors
    ///
    /// The handshake fails; or the server has sent clear text after its reply to STLS, which would otherwise
    /// pass for something said under TLS.
    pub fn secured(self, host: &str) -> io::Result<Self> {
        let unread = self.buffer.unread();
        if !unread.is_empty() {
            return Err(io::Error::other(format!(
                "the server sent \"{}\" before TLS",
                unread.escape_ascii()
            )));
        }
        Ok(Self { stream: self.stream.secured(host)?, buffer: self.buffer })
    }

    /// The socket, for what no well-behaved client does.
    pub fn socket(&self) -> &TcpStream {
        self.stream.socket()
    }

    /// Sends octets as they are.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.write_all(octets)
    }

    /// Reads the next line, with its end. At the end of the stream that is what has come of a line, and then
    /// nothing.
    ///
    /// # Errors
    ///
    /// The system's; the line is longer than 64 MiB.
    pub fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(line) = self.buffer.line() {
                return Ok(line);
            }
            if self.fill()? == 0 {
                return Ok(self.buffer.take());
            }
        }
    }

    /// Reads until the server closes the connection. A reset counts as closing. Under TLS the server must say
    /// that it closes (RFC 8314, section 3.4), since otherwise anyone could have cut the connection.
    ///
    /// # Errors
    ///
    /// The system's; the server sends more than 64 MiB.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.fill() {
                Ok(0) => return Ok(self.buffer.take()),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(self.buffer.take()),
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
    }

    /// Receives once; no octets when the server has closed the connection.
    fn fill(&mut self) -> io::Result<usize> {
        if self.buffer.unread().len() > MOST {
            return Err(io::Error::new(ErrorKind::InvalidData, "the server sends too much"));
        }
        loop {
            match self.stream.read(self.buffer.room()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(count) => {
                    self.buffer.received(count);
                    return Ok(count);
                }
            }
        }
    }
}
