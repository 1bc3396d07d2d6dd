//! Commands out, replies in.

use std::fmt::{self, Write as _};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Instant;

use pop3::{MultilineDecoder, ReplyKind};

use super::error::{ClientError, ClientStage};
use super::inactivity_timer::InactivityTimer;
use super::server::RemoteServer;
use super::stream::AsyncStream;
use crate::ReceiveBuffer;

/// The memory of one session, which the next one uses again.
#[derive(Debug)]
pub struct SessionBuffers {
    received: ReceiveBuffer,
    /// Commands that wait for [`AsyncPop3Client::flush`].
    out: String,
    timer: InactivityTimer,
    /// Octets received by all connections that share it.
    traffic: Arc<AtomicU64>,
}

impl SessionBuffers {
    /// Buffers for a client that gives up when `timer` goes off and adds the octets that it receives to
    /// `traffic`.
    pub fn new(timer: InactivityTimer, traffic: Arc<AtomicU64>) -> Self {
        Self { received: ReceiveBuffer::default(), out: String::new(), timer, traffic }
    }
}

/// A connection to the server.
#[derive(Debug)]
pub struct AsyncPop3Client<'a> {
    stream: AsyncStream,
    buffers: &'a mut SessionBuffers,
    /// When the server last sent something.
    heard: Instant,
}

impl<'a> AsyncPop3Client<'a> {
    /// Connects. On port 995 the handshake ([`secured`](Self::secured)) comes next, elsewhere the greeting.
    ///
    /// # Errors
    ///
    /// The network's; a server that does not react.
    pub async fn connect(
        server: &RemoteServer,
        buffers: &'a mut SessionBuffers,
    ) -> Result<Self, ClientError> {
        buffers.received.clear();
        buffers.out.clear();
        let stream = bounded(&mut buffers.timer, ClientStage::Connect, server.connect()).await?;
        Ok(Self { stream, buffers, heard: Instant::now() })
    }

    /// Continues under TLS.
    ///
    /// # Errors
    ///
    /// A failed handshake; clear text that the server sent where the handshake was due.
    pub async fn secured(self, server: &RemoteServer) -> Result<Self, ClientError> {
        let Self { stream, buffers, .. } = self;
        if !buffers.received.unread().is_empty() {
            return Err(ClientError::ClearText);
        }
        let stream = bounded(&mut buffers.timer, ClientStage::Handshake, server.secure(stream)).await?;
        Ok(Self { stream, buffers, heard: Instant::now() })
    }

    /// Queues a command, and returns its line as it will be sent, without the CRLF.
    pub fn queue(&mut self, command: fmt::Arguments<'_>) -> &str {
        let out = &mut self.buffers.out;
        let start = out.len();
        // Writing to a String cannot fail.
        let _ = out.write_fmt(command);
        let end = out.len();
        out.push_str("\r\n");
        &out[start..end]
    }

    /// Sends what is queued, and returns the moment at which it began to.
    ///
    /// # Errors
    ///
    /// The network's; a server that accepts nothing.
    pub async fn flush(&mut self) -> Result<Instant, ClientError> {
        let now = Instant::now();
        let SessionBuffers { timer, out, .. } = &mut *self.buffers;
        let stream = &mut self.stream;
        timer.restart(now);
        let mut sent = 0;
        let flushed = poll_fn(|cx| {
            while sent < out.len() {
                match stream.poll_write(cx, &out.as_bytes()[sent..]) {
                    Poll::Ready(Ok(count)) => sent += count,
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                    Poll::Pending => return timer.bound(Poll::Pending, cx),
                }
            }
            let flushed = stream.poll_flush(cx);
            timer.bound(flushed, cx)
        })
        .await;
        out.clear();
        finished(timer, ClientStage::Send, flushed).map(|()| now)
    }

    /// Reads a status line and returns how it begins; the text behind that is in
    /// [`reply_text`](Self::reply_text).
    ///
    /// # Errors
    ///
    /// A connection that ends or stalls; a line that is not a status line.
    pub async fn reply(&mut self) -> Result<ReplyKind, ClientError> {
        loop {
            match self.buffers.received.status() {
                Ok(Some(kind)) => return Ok(kind),
                Ok(None) => self.fill().await?,
                Err(error) => {
                    let received = self.buffers.received.take();
                    return Err(ClientError::NotPop3 { error, received });
                }
            }
        }
    }

    /// The text of the status line that was read last, without its indicator.
    pub fn reply_text(&self) -> &[u8] {
        self.buffers.received.status_text()
    }

    /// Reads the body of a multi-line reply into `sink`, dot-stuffing undone. Returns the number of lines
    /// that began with a dot that was not doubled, against RFC 1939, section 3.
    ///
    /// # Errors
    ///
    /// A connection that ends or stalls before the terminator.
    pub async fn body(&mut self, mut sink: impl FnMut(&[u8])) -> Result<u64, ClientError> {
        let mut decoder = MultilineDecoder::default();
        while !self.buffers.received.body(&mut decoder, &mut sink) {
            self.fill().await?;
        }
        Ok(decoder.lone_dots())
    }

    /// When the server last sent something, which is when its latest reply arrived.
    pub fn heard(&self) -> Instant {
        self.heard
    }

    /// Receives once.
    async fn fill(&mut self) -> Result<(), ClientError> {
        let SessionBuffers { received, timer, traffic, .. } = &mut *self.buffers;
        let stream = &mut self.stream;
        let room = received.room();
        let read = poll_fn(|cx| {
            let read = stream.poll_read(cx, room);
            timer.bound(read, cx)
        })
        .await;
        let count = finished(timer, ClientStage::Receive, read)?;
        if count == 0 {
            return Err(ClientError::Closed);
        }
        self.heard = Instant::now();
        timer.restart(self.heard);
        traffic.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
        received.received(count);
        Ok(())
    }
}

/// Awaits `work`, but no longer than the timer allows.
async fn bounded<T>(
    timer: &mut InactivityTimer,
    stage: ClientStage,
    work: impl Future<Output = io::Result<T>>,
) -> Result<T, ClientError> {
    timer.restart(Instant::now());
    let mut work = pin!(work);
    let done = poll_fn(|cx| {
        let progress = work.as_mut().poll(cx);
        timer.bound(progress, cx)
    })
    .await;
    finished(timer, stage, done)
}

fn finished<T>(
    timer: &InactivityTimer,
    stage: ClientStage,
    done: Option<io::Result<T>>,
) -> Result<T, ClientError> {
    match done {
        Some(done) => done.map_err(|error| ClientError::Io(stage, error)),
        None => Err(ClientError::Stalled(stage, timer.patience())),
    }
}
