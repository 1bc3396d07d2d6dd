//! One connection, encrypted or not, with calls that never wait: the caller waits for the socket.

use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;

use rustls::{ProtocolVersion, ServerConfig, ServerConnection};
use tokio::io::{Interest, Ready};
use tokio::net::TcpStream;

/// How much encrypted and unsent data TLS may hold, in octets.
const MOST_UNSENT: usize = 128 * 1024;

/// A socket, with TLS once the handshake has started.
pub(super) struct Transport {
    socket: TcpStream,
    tls: Option<Box<ServerConnection>>,
}

/// The result of [`Transport::try_read`].
pub(super) enum ReadOutcome {
    /// Octets were appended.
    Octets,
    /// Nothing to read now: wait for the socket.
    Nothing,
    /// The client sends no more.
    End,
}

impl Transport {
    pub(super) fn new(socket: TcpStream) -> Self {
        // Replies are written whole, so waiting for more data would only delay them.
        let _ = socket.set_nodelay(true);
        Self { socket, tls: None }
    }

    /// Encrypts from now on. The handshake follows: see [`Transport::handshake`].
    pub(super) fn start_tls(&mut self, config: Arc<ServerConfig>) -> io::Result<()> {
        let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
        tls.set_buffer_limit(Some(MOST_UNSENT));
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    /// Continues the handshake as far as the socket allows. Returns what to wait for; `None` when the
    /// handshake is complete, or there is none.
    ///
    /// # Errors
    ///
    /// The client breaks the rules of TLS, or is gone.
    pub(super) fn handshake(&mut self) -> io::Result<Option<Interest>> {
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
    pub(super) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The version of TLS, for the log; `none` without TLS.
    pub(super) fn tls_version(&self) -> &'static str {
        match self.tls.as_ref().map(|tls| tls.protocol_version()) {
            None => "none",
            Some(Some(ProtocolVersion::TLSv1_3)) => "TLSv1.3",
            Some(Some(ProtocolVersion::TLSv1_2)) => "TLSv1.2",
            Some(_) => "unknown",
        }
    }

    /// The cipher suite, for the log (RFC 8314, section 4); nothing without TLS.
    pub(super) fn cipher(&self) -> Option<&'static str> {
        self.tls.as_ref()?.negotiated_cipher_suite()?.suite().as_str()
    }

    /// The channel binding `tls-exporter` (RFC 9266). There is none with TLS 1.2, where it is only safe with
    /// an extension that rustls does not report.
    pub(super) fn channel_binding(&self) -> Option<Vec<u8>> {
        let tls = self.tls.as_ref()?;
        if tls.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
            return None;
        }
        tls.export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", Some(b"")).ok()
    }

    /// The client's certificate in DER form, if it has sent one; the handshake has verified it.
    pub(super) fn client_certificate(&self) -> Option<&[u8]> {
        Some(self.tls.as_ref()?.peer_certificates()?.first()?.as_ref())
    }

    /// Waits for the socket.
    pub(super) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.socket.ready(interest).await
    }

    /// Appends what the socket has to `input`, within its capacity.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub(super) fn try_read(&mut self, input: &mut Vec<u8>) -> io::Result<ReadOutcome> {
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
                Ok(0) => return Ok(ReadOutcome::End),
                Ok(_) => return Ok(ReadOutcome::Octets),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A client may close without the alert of TLS. Truncation does no harm: only QUIT changes
                // anything.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(ReadOutcome::End),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !self.decrypt()? {
                        return Ok(ReadOutcome::Nothing);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Accepts some of `octets` for sending, and returns how many; 0 when there is no room now. With TLS,
    /// [`Transport::try_flush`] sends them.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub(super) fn try_write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => tls.writer().write(octets),
            None => match self.socket.try_write(octets) {
                Err(error) if is_later(&error) => Ok(0),
                written => written,
            },
        }
    }

    /// Sends what TLS holds. Returns whether everything is sent.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub(super) fn try_flush(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else { return Ok(true) };
        while tls.wants_write() {
            match tls.write_tls(&mut TlsSocket(&self.socket)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if is_later(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Sends the alert of TLS that nothing follows.
    pub(super) fn close(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = self.try_flush();
        }
    }

    /// Makes the end of the connection a reset, so that the kernel discards what the client has not accepted.
    /// Otherwise the kernel would keep trying for a client that does not read.
    pub(super) fn abandon(&self) {
        // If this fails, the kernel gives up later.
        let _ = self.socket.set_zero_linger();
    }

    /// Reads and decrypts what the socket has. Returns whether it had anything.
    fn decrypt(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else { return Ok(false) };
        match tls.read_tls(&mut TlsSocket(&self.socket)) {
            Ok(0) if tls.is_handshaking() => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(error) if is_later(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
        if let Err(error) = tls.process_new_packets() {
            // Sends the alert that says what is wrong.
            let _ = self.try_flush();
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(true)
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Lets rustls read and write the socket.
struct TlsSocket<'a>(&'a TcpStream);

impl Read for TlsSocket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for TlsSocket<'_> {
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
