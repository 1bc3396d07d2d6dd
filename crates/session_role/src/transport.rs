//! Octets over one connection, encrypted or not, without waiting: the caller waits for the socket.

use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;

use rustls::{ProtocolVersion, ServerConfig, ServerConnection};
use tokio::io::{Interest, Ready};
use tokio::net::TcpStream;

/// What TLS may hold encrypted and unsent, in octets.
const MOST_UNSENT: usize = 128 * 1024;

pub(crate) struct Transport {
    socket: TcpStream,
    tls: Option<Box<ServerConnection>>,
}

/// What [`Transport::try_read`] found.
pub(crate) enum Got {
    /// Octets were appended.
    Octets,
    /// Nothing now: wait for the socket.
    Nothing,
    /// The client sends no more.
    End,
}

impl Transport {
    pub(crate) fn new(socket: TcpStream) -> Transport {
        // A reply is written whole: waiting for more of it would only delay it.
        let _ = socket.set_nodelay(true);
        Transport { socket, tls: None }
    }

    /// Encrypts from here on. The handshake follows: see [`Transport::handshake`].
    pub(crate) fn start_tls(&mut self, config: Arc<ServerConfig>) -> io::Result<()> {
        let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
        tls.set_buffer_limit(Some(MOST_UNSENT));
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    /// Goes on with the handshake as far as the socket lets it. `None`: it is complete, or there is
    /// none; else what to wait for.
    ///
    /// # Errors
    ///
    /// The client does not speak TLS as it must, or is gone.
    pub(crate) fn handshake(&mut self) -> io::Result<Option<Interest>> {
        loop {
            if !self.try_flush()? {
                return Ok(Some(Interest::WRITABLE));
            }
            match &self.tls {
                Some(tls) if tls.is_handshaking() => {}
                _ => return Ok(None),
            }
            if !self.decrypt()? {
                return Ok(Some(Interest::READABLE));
            }
        }
    }

    /// Whether the connection is encrypted.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The version of TLS as the log names it; `none` without.
    pub(crate) fn tls_version(&self) -> &'static str {
        match self.tls.as_ref().map(|tls| tls.protocol_version()) {
            None => "none",
            Some(Some(ProtocolVersion::TLSv1_3)) => "TLSv1.3",
            Some(Some(ProtocolVersion::TLSv1_2)) => "TLSv1.2",
            Some(_) => "unknown",
        }
    }

    /// The cipher suite as the log names it (RFC 8314, section 4); nothing without TLS.
    pub(crate) fn cipher(&self) -> Option<&'static str> {
        self.tls.as_ref()?.negotiated_cipher_suite()?.suite().as_str()
    }

    /// The channel binding `tls-exporter` (RFC 9266). With TLS 1.2 it would only be safe with an extension that rustls does not
    /// tell of, so there is none.
    pub(crate) fn channel_binding(&self) -> Option<Vec<u8>> {
        let tls = self.tls.as_ref()?;
        if tls.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
            return None;
        }
        tls.export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", Some(b"")).ok()
    }

    /// The client's certificate in DER form, if it has shown one; it was verified in the handshake.
    pub(crate) fn client_certificate(&self) -> Option<&[u8]> {
        Some(self.tls.as_ref()?.peer_certificates()?.first()?.as_ref())
    }

    /// Waits for the socket.
    pub(crate) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.socket.ready(interest).await
    }

    /// Appends what has come to `input`, within its capacity.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub(crate) fn try_read(&mut self, input: &mut Vec<u8>) -> io::Result<Got> {
        loop {
            let read = match &mut self.tls {
                None => self.socket.try_read_buf(input),
                Some(tls) => {
                    let mut octets = [0; 2048];
                    let room = (input.capacity() - input.len()).clamp(1, octets.len());
                    let read = tls.reader().read(octets.get_mut(..room).unwrap_or_default());
                    if let Ok(length) = read {
                        input.extend_from_slice(octets.get(..length).unwrap_or_default());
                        zeroize::Zeroize::zeroize(&mut octets);
                    }
                    read
                }
            };
            match read {
                Ok(0) => return Ok(Got::End),
                Ok(_) => return Ok(Got::Octets),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A client that closes without saying so in TLS has closed all the same: what
                // matters is said with QUIT.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Got::End),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !self.decrypt()? {
                        return Ok(Got::Nothing);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes some of `octets` to be sent; 0 when there is no room now. With TLS, they are sent by
    /// [`Transport::try_flush`].
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub(crate) fn try_write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => tls.writer().write(octets),
            None => match self.socket.try_write(octets) {
                Err(error) if is_later(&error) => Ok(0),
                written => written,
            },
        }
    }

    /// Sends what TLS holds. Returns whether nothing is held any more.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub(crate) fn try_flush(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else { return Ok(true) };
        while tls.wants_write() {
            match tls.write_tls(&mut MessageSocket(&self.socket)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if is_later(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Says in TLS that nothing more comes.
    pub(crate) fn close(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = self.try_flush();
        }
    }

    /// With its end the connection is reset, and the kernel forgets what the client has not taken: it does not listen, and would
    /// be sent the rest for as long as it likes.
    pub(crate) fn abandon(&self) {
        // Otherwise it takes longer.
        let _ = self.socket.set_zero_linger();
    }

    /// Reads and decrypts what the socket has. Returns whether there was anything.
    fn decrypt(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else { return Ok(false) };
        match tls.read_tls(&mut MessageSocket(&self.socket)) {
            Ok(0) if tls.is_handshaking() => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(error) if is_later(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
        if let Err(error) = tls.process_new_packets() {
            // The alert that says what was wrong.
            let _ = self.try_flush();
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(true)
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// The socket as rustls reads and writes it.
struct MessageSocket<'a>(&'a TcpStream);

impl Read for MessageSocket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for MessageSocket<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.try_write(octets)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
