//! Reads from and writes to a client, with timeouts and bounds.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use logging::step;
use pop3::Shutdown;
use rustls::ServerConfig;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::backlog::Backlog;
use super::transport::{ReadOutcome, Transport};
use super::{buffers, certificate};
use crate::table::ConnectionRecord;

/// How much a client must accept within its timeout, in octets. A client that accepts an octet a second is
/// not really reading; a modem of the last century is four times as fast as this.
const LEAST_ACCEPTED: usize = buffers::CHUNK;

/// The socket of a client, with the input that was read ahead.
pub(crate) struct ClientStream {
    transport: Transport,
    record: Arc<ConnectionRecord>,
    /// How long the client may take to accept [`LEAST_ACCEPTED`] octets, or all that is sent.
    timeout: Duration,
    /// Received and unread, from `taken` on.
    input: Vec<u8>,
    taken: usize,
    backlog: Backlog,
    /// The client will send no more.
    ended: bool,
}

impl ClientStream {
    pub(crate) fn new(socket: TcpStream, record: Arc<ConnectionRecord>, timeout: Duration) -> Self {
        let (transport, backlog) = (Transport::new(socket), Backlog::default());
        Self { transport, record, timeout, input: Vec::new(), taken: 0, backlog, ended: false }
    }

    /// Encrypts the connection; the client must have agreed to that. A step of a handshake is the longest
    /// computation of this role, so it waits for one of the `turns`, and then lets all other tasks run.
    ///
    /// # Errors
    ///
    /// Why the connection is over instead.
    pub(crate) async fn start_tls(
        &mut self,
        config: Arc<ServerConfig>,
        turns: &Semaphore,
        until: Instant,
    ) -> Result<(), Shutdown> {
        self.transport.start_tls(config).map_err(|_| Shutdown::ServerError)?;
        loop {
            let turn = turns.acquire().await;
            let done = self.transport.handshake();
            tokio::task::yield_now().await;
            drop(turn);
            match done {
                Ok(None) => {
                    self.record.encrypted(self.transport.tls_version());
                    return Ok(());
                }
                Ok(Some(interest)) => self.ready(interest, until).await?,
                Err(error) => {
                    step!(
                        self.record.session,
                        "session",
                        "starttls",
                        "TLS handshake failed",
                        error = %error
                    );
                    return Err(Shutdown::ClientGone);
                }
            }
        }
    }

    /// Whether the connection is encrypted.
    pub(crate) fn is_tls(&self) -> bool {
        self.transport.is_tls()
    }

    /// A value that only the two ends of the encrypted connection know; see [`Transport::channel_binding`].
    pub(crate) fn channel_binding(&self) -> Option<Vec<u8>> {
        self.transport.channel_binding()
    }

    /// The user name in the client's verified certificate, if it has sent one.
    pub(crate) fn certified_user(&self) -> Option<String> {
        self.transport.client_certificate().and_then(certificate::user)
    }

    /// The version of TLS, for the log; `none` without TLS.
    pub(crate) fn tls_version(&self) -> &'static str {
        self.transport.tls_version()
    }

    /// The cipher suite, for the log; nothing without TLS.
    pub(crate) fn cipher(&self) -> Option<&'static str> {
        self.transport.cipher()
    }

    /// What was received and is unread.
    pub(crate) fn input(&self) -> &[u8] {
        self.input.get(self.taken..).unwrap_or_default()
    }

    /// Marks all but the last `left` octets of [`ClientStream::input`] as read.
    pub(crate) fn take_all_but(&mut self, left: usize) {
        self.taken = self.input.len().saturating_sub(left);
        self.backlog.set_unread(left);
        if left == 0 {
            buffers::give_back_input(&mut self.input);
            self.taken = 0;
        }
    }

    /// Waits until there is input, at most until `until`.
    ///
    /// # Errors
    ///
    /// Why the connection is over instead.
    pub(crate) async fn fill(&mut self, until: Instant) -> Result<(), Shutdown> {
        loop {
            // Without TLS the client is usually idle here: trying to read first would cost a system call for
            // every command.
            if self.transport.is_tls() {
                self.receive()?;
            }
            if !self.input().is_empty() {
                return Ok(());
            }
            if self.ended {
                return Err(Shutdown::ClientGone);
            }
            self.ready(Interest::READABLE, until).await?;
            self.receive()?;
        }
    }

    /// Writes all of `out` and empties it. Keeps reading meanwhile, within bounds.
    ///
    /// # Errors
    ///
    /// Why the connection is over instead.
    pub(crate) async fn send(&mut self, out: &mut Vec<u8>) -> Result<(), Shutdown> {
        let mut sent = 0;
        // The timeout starts when the socket is full, and again with each piece that the client accepts.
        let (mut until, mut piece) = (None, 0);
        loop {
            let rest = out.get(sent..).unwrap_or_default();
            if !rest.is_empty() {
                sent += self.transport.try_write(rest).map_err(gone)?;
            }
            let flushed = self.transport.try_flush().map_err(gone)?;
            if flushed && sent == out.len() {
                break;
            }
            if !flushed || sent < out.len() {
                if sent >= piece + LEAST_ACCEPTED {
                    (until, piece) = (None, sent);
                }
                let until = *until.get_or_insert_with(|| Instant::now() + self.timeout);
                self.wait_for_room(until).await.inspect_err(|why| {
                    if *why == Shutdown::Timeout {
                        self.transport.abandon();
                    }
                })?;
            }
        }
        if sent > 0 {
            self.record.sent(sent);
        }
        out.clear();
        Ok(())
    }

    /// Writes as much as the socket takes without waiting, and closes: a last reply to a client that may not
    /// read it.
    pub(crate) fn send_last(&mut self, out: &[u8]) {
        if let Ok(sent) = self.transport.try_write(out) {
            self.record.sent(sent);
        }
        self.transport.close();
    }

    async fn wait_for_room(&mut self, until: Instant) -> Result<(), Shutdown> {
        let readable = !self.ended && self.backlog.may_grow(self.input().len());
        let interest = if readable { Interest::READABLE | Interest::WRITABLE } else { Interest::WRITABLE };
        self.ready(interest, until).await?;
        if readable { self.receive() } else { Ok(()) }
    }

    async fn ready(&self, interest: Interest, until: Instant) -> Result<(), Shutdown> {
        tokio::select! {
            biased;
            why = self.record.stop.stopped() => Err(why),
            ready = tokio::time::timeout_at(until, self.transport.ready(interest)) => match ready {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(_)) => Err(Shutdown::ClientGone),
                Err(_) => Err(Shutdown::Timeout),
            },
        }
    }

    /// Reads what the socket has, if anything.
    fn receive(&mut self) -> Result<(), Shutdown> {
        self.make_room();
        let before = self.input.len();
        match self.transport.try_read(&mut self.input).map_err(gone)? {
            ReadOutcome::End => self.ended = true,
            ReadOutcome::Octets => {
                self.record.received(self.input.len() - before);
                self.backlog.set_unread(self.input().len());
            }
            ReadOutcome::Nothing => {}
        }
        if self.input.is_empty() {
            buffers::give_back_input(&mut self.input);
        }
        Ok(())
    }

    /// Makes room for the next read. The unread rest moves to another buffer only when this one is full:
    /// otherwise a long pipeline would be copied for each of its pieces. The old buffer is wiped.
    fn make_room(&mut self) {
        if self.input.capacity() - self.input.len() >= buffers::COMMANDS / 2 {
            return;
        }
        let left = self.input();
        let mut larger = match left.len() <= buffers::COMMANDS / 2 {
            true => buffers::input(),
            false => Vec::with_capacity(left.len() + buffers::COMMANDS.max(left.len() / 2)),
        };
        larger.extend_from_slice(left);
        buffers::give_back_input(&mut self.input);
        (self.input, self.taken) = (larger, 0);
    }
}

/// When the socket fails, the client has closed the connection.
fn gone(_: io::Error) -> Shutdown {
    Shutdown::ClientGone
}
