//! The client's side of a connection: octets in and out, with patience and bounds.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use pop3::Shutdown;
use rustls::ServerConfig;
use tokio::io::Interest;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::backlog::Backlog;
use crate::transport::{Got, Transport};
use crate::visits::Visit;
use crate::{buffers, certificate};

/// What a client must take, in octets, within the time that it has: whoever takes an octet a second does not listen, and
/// a modem of the last century takes four times as much.
const LEAST_TAKEN: usize = buffers::CHUNK;

pub(crate) struct Stream {
    transport: Transport,
    visit: Arc<Visit>,
    /// How long the client may take to take [`LEAST_TAKEN`] octets, or all that is sent.
    patience: Duration,
    /// Received and not taken yet, from `taken` on.
    input: Vec<u8>,
    taken: usize,
    backlog: Backlog,
    /// The client will send no more.
    ended: bool,
}

impl Stream {
    pub(crate) fn new(transport: Transport, visit: Arc<Visit>, patience: Duration) -> Stream {
        let backlog = Backlog::default();
        Stream { transport, visit, patience, input: Vec::new(), taken: 0, backlog, ended: false }
    }

    /// Encrypts the connection, which the client must have agreed to by then. A step of a handshake is the longest that anybody
    /// computes here, so it waits for its turn, and after it all others have theirs.
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
                    self.visit.encrypted(self.transport.tls_version());
                    return Ok(());
                }
                Ok(Some(interest)) => self.ready(interest, until).await?,
                Err(error) => {
                    tracing::debug!("TLS handshake failed: {error}");
                    return Err(Shutdown::ClientGone);
                }
            }
        }
    }

    /// Whether the connection is encrypted.
    pub(crate) fn is_tls(&self) -> bool {
        self.transport.is_tls()
    }

    /// What only the two ends of the encrypted connection know; see [`Transport::channel_binding`].
    pub(crate) fn channel_binding(&self) -> Option<Vec<u8>> {
        self.transport.channel_binding()
    }

    /// Whom the client's verified certificate names, if it has shown one.
    pub(crate) fn certified_user(&self) -> Option<String> {
        self.transport.client_certificate().and_then(certificate::user)
    }

    /// The version of TLS as the log names it; `none` without.
    pub(crate) fn tls_version(&self) -> &'static str {
        self.transport.tls_version()
    }

    pub(crate) fn cipher(&self) -> Option<&'static str> {
        self.transport.cipher()
    }

    /// What was received and not taken yet.
    pub(crate) fn input(&self) -> &[u8] {
        self.input.get(self.taken..).unwrap_or_default()
    }

    /// Leaves only the last `left` octets of [`Stream::input`].
    pub(crate) fn take_all_but(&mut self, left: usize) {
        self.taken = self.input.len().saturating_sub(left);
        self.backlog.is(left);
        if left == 0 {
            buffers::give_back_input(&mut self.input);
            self.taken = 0;
        }
    }

    /// Waits until there is input, for as long as `until`.
    ///
    /// # Errors
    ///
    /// Why the connection is over instead.
    pub(crate) async fn fill(&mut self, until: Instant) -> Result<(), Shutdown> {
        loop {
            // Without TLS an idle client is the usual case here: asking the socket first would cost
            // a call for every command.
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

    /// Writes all of `out` and empties it. Meanwhile it keeps reading, within bounds.
    ///
    /// # Errors
    ///
    /// Why the connection is over instead.
    pub(crate) async fn send(&mut self, out: &mut Vec<u8>) -> Result<(), Shutdown> {
        let mut sent = 0;
        // From the first octet that finds no room on, and then for each piece that was taken.
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
                if sent >= piece + LEAST_TAKEN {
                    (until, piece) = (None, sent);
                }
                let until = *until.get_or_insert_with(|| Instant::now() + self.patience);
                self.wait_for_room(until).await.inspect_err(|why| {
                    if *why == Shutdown::Timeout {
                        self.transport.abandon();
                    }
                })?;
            }
        }
        if sent > 0 {
            self.visit.sent(sent);
        }
        out.clear();
        Ok(())
    }

    /// Writes what fits at once and closes, for a last word to a client that may not listen.
    pub(crate) fn send_last(&mut self, out: &[u8]) {
        if let Ok(sent) = self.transport.try_write(out) {
            self.visit.sent(sent);
        }
        self.transport.close();
    }

    async fn wait_for_room(&mut self, until: Instant) -> Result<(), Shutdown> {
        let listening = !self.ended && self.backlog.may_grow(self.input().len());
        let interest = if listening { Interest::READABLE | Interest::WRITABLE } else { Interest::WRITABLE };
        self.ready(interest, until).await?;
        if listening { self.receive() } else { Ok(()) }
    }

    async fn ready(&self, interest: Interest, until: Instant) -> Result<(), Shutdown> {
        tokio::select! {
            biased;
            why = self.visit.ending.told() => Err(why),
            ready = tokio::time::timeout_at(until, self.transport.ready(interest)) => match ready {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(_)) => Err(Shutdown::ClientGone),
                Err(_) => Err(Shutdown::Timeout),
            },
        }
    }

    /// Reads what is there, if anything is.
    fn receive(&mut self) -> Result<(), Shutdown> {
        self.make_room();
        let before = self.input.len();
        match self.transport.try_read(&mut self.input).map_err(gone)? {
            Got::End => self.ended = true,
            Got::Octets => {
                self.visit.received(self.input.len() - before);
                self.backlog.is(self.input().len());
            }
            Got::Nothing => {}
        }
        if self.input.is_empty() {
            buffers::give_back_input(&mut self.input);
        }
        Ok(())
    }
}

impl Stream {
    /// Makes room for what may come next. What is left moves to another buffer when this one is full, and never more often:
    /// a long pipeline would be copied again for each of its pieces. The old one is wiped.
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

/// A connection that cannot be read or written any more is one that the client left.
fn gone(_: io::Error) -> Shutdown {
    Shutdown::ClientGone
}
