//! The client's side of a connection: octets in and out, with patience and bounds.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use pop3::Shutdown;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::buffers;
use super::ending::Ending;

/// What a client may have sent, in octets, while it does not take our replies. Some clients write a
/// whole pipeline before they read: a server that stopped reading at once would wait for ever.
const MOST_BACKLOG: usize = 1 << 20;

pub(super) struct Stream {
    socket: TcpStream,
    ending: Arc<Ending>,
    /// How long the client may take to take anything.
    patience: Duration,
    /// Received and not taken yet, from `taken` on.
    input: Vec<u8>,
    taken: usize,
    /// The client will send no more.
    ended: bool,
}

impl Stream {
    pub(super) fn new(socket: TcpStream, ending: Arc<Ending>, patience: Duration) -> Stream {
        // A reply is written whole: waiting for more of it would only delay it.
        let _ = socket.set_nodelay(true);
        Stream { socket, ending, patience, input: Vec::new(), taken: 0, ended: false }
    }

    /// What was received and not taken yet.
    pub(super) fn input(&self) -> &[u8] {
        self.input.get(self.taken..).unwrap_or_default()
    }

    /// Leaves only the last `left` octets of [`Stream::input`].
    pub(super) fn take_all_but(&mut self, left: usize) {
        self.taken = self.input.len().saturating_sub(left);
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
    pub(super) async fn fill(&mut self, until: Instant) -> Result<(), Shutdown> {
        while self.input().is_empty() {
            if self.ended {
                return Err(Shutdown::ClientGone);
            }
            self.ready(Interest::READABLE, until).await?;
            self.receive()?;
        }
        Ok(())
    }

    /// Writes all of `out` and empties it. Meanwhile it keeps reading, within bounds.
    ///
    /// # Errors
    ///
    /// Why the connection is over instead.
    pub(super) async fn send(&mut self, out: &mut Vec<u8>) -> Result<(), Shutdown> {
        let mut sent = 0;
        while let Some(rest) = out.get(sent..).filter(|rest| !rest.is_empty()) {
            match self.socket.try_write(rest) {
                Ok(octets) => sent += octets,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let until = Instant::now() + self.patience;
                    let listening = !self.ended && self.input().len() < MOST_BACKLOG;
                    let interest =
                        if listening { Interest::READABLE | Interest::WRITABLE } else { Interest::WRITABLE };
                    self.ready(interest, until).await?;
                    if listening {
                        self.receive()?;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Shutdown::ClientGone),
            }
        }
        out.clear();
        Ok(())
    }

    /// Writes what fits at once, for a last word to a client that may not listen.
    pub(super) fn send_now(&self, out: &[u8]) {
        let _ = self.socket.try_write(out);
    }

    async fn ready(&self, interest: Interest, until: Instant) -> Result<(), Shutdown> {
        tokio::select! {
            biased;
            why = self.ending.told() => Err(why),
            ready = tokio::time::timeout_at(until, self.socket.ready(interest)) => match ready {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(_)) => Err(Shutdown::ClientGone),
                Err(_) => Err(Shutdown::Timeout),
            },
        }
    }

    /// Reads what is there, if anything is.
    fn receive(&mut self) -> Result<(), Shutdown> {
        if self.input.capacity() == 0 {
            self.input = buffers::input();
        }
        if self.taken > 0 {
            // What is left moves to a new buffer, and the old one is wiped.
            let mut left = buffers::input();
            left.extend_from_slice(self.input());
            buffers::give_back_input(&mut self.input);
            (self.input, self.taken) = (left, 0);
        }
        self.input.reserve(buffers::COMMANDS / 2);
        match self.socket.try_read_buf(&mut self.input) {
            Ok(0) => self.ended = true,
            Ok(_) => {}
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => {}
                _ => return Err(Shutdown::ClientGone),
            },
        }
        if self.input.is_empty() {
            buffers::give_back_input(&mut self.input);
        }
        Ok(())
    }
}
