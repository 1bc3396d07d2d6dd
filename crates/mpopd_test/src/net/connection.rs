//! Commands out, replies in.

use std::fmt::{self, Write as _};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use pop3::{MultilineDecoder, ReplyError, ReplyKind, ReplyReader};
use tokio_rustls::TlsConnector;

use super::stream::Stream;
use super::{Buffer, Target, Watchdog};
use crate::fault::{Fault, Kind};
use crate::transcript::Transcript;

/// What a session needs and the next one uses again.
#[derive(Debug)]
pub(crate) struct Tools {
    pub(crate) buffer: Buffer,
    pub(crate) watchdog: Watchdog,
    pub(crate) transcript: Transcript,
    /// Commands that wait for [`Connection::flush`].
    out: String,
    /// Octets received by all connections of the run.
    traffic: Arc<AtomicU64>,
}

impl Tools {
    pub(crate) fn new(watchdog: Watchdog, traffic: Arc<AtomicU64>) -> Self {
        Self { buffer: Buffer::new(), watchdog, transcript: Transcript::new(), out: String::new(), traffic }
    }
}

/// A connection to the server. `what` in its calls names the command that an answer is awaited to, for faults.
#[derive(Debug)]
pub(crate) struct Connection<'a> {
    stream: Stream,
    tools: &'a mut Tools,
    replies: ReplyReader,
    text: Vec<u8>,
    /// When the server last sent something.
    heard: Instant,
}

impl<'a> Connection<'a> {
    /// Connects; with `tls`, the handshake comes before the greeting (port 995).
    ///
    /// # Errors
    /// The network's, and silence.
    pub(crate) async fn open(target: &Target, tools: &'a mut Tools) -> Result<Self, Fault> {
        let began = Instant::now();
        tools.buffer.clear();
        tools.out.clear();
        tools.transcript.restart(began);
        tools.watchdog.feed(began);
        let connecting = target.connect();
        let stream = match watched(&mut tools.watchdog, connecting).await {
            Some(connected) => connected.map_err(|error| Fault::io("connecting", &error))?,
            None => return Err(stalled(&tools.watchdog, &"the connection")),
        };
        let replies = ReplyReader::default();
        Ok(Self { stream, tools, replies, text: Vec::new(), heard: Instant::now() })
    }

    /// Goes on in TLS.
    ///
    /// # Errors
    /// A failed handshake; clear text that the server sent where the handshake was due.
    pub(crate) async fn secure(self, target: &Target, tls: &TlsConnector) -> Result<Self, Fault> {
        let Self { stream, tools, replies, text, .. } = self;
        if !tools.buffer.unread().is_empty() {
            return Err(Fault::new(Kind::Tls, "the server sent clear text after its answer to STLS"));
        }
        tools.watchdog.feed(Instant::now());
        let shaking = target.secure(stream, tls);
        let stream = match watched(&mut tools.watchdog, shaking).await {
            Some(shaken) => {
                shaken.map_err(|error| Fault::new(Kind::Tls, format!("the TLS handshake failed: {error}")))?
            }
            None => return Err(stalled(&tools.watchdog, &"the TLS handshake")),
        };
        let heard = Instant::now();
        tools.transcript.note("TLS", heard);
        Ok(Self { stream, tools, replies, text, heard })
    }

    /// Queues a command. The transcript gets `shown` in its place, where it holds a secret.
    pub(crate) fn queue(&mut self, command: fmt::Arguments<'_>, shown: Option<&str>) {
        let start = self.tools.out.len();
        // Writing to a String cannot fail.
        let _ = self.tools.out.write_fmt(command);
        let line = shown.map_or(&self.tools.out.as_bytes()[start..], str::as_bytes);
        self.tools.transcript.client(line, self.heard);
        self.tools.out.push_str("\r\n");
    }

    /// Sends what is queued, and tells when.
    ///
    /// # Errors
    /// The network's, and a server that takes nothing.
    pub(crate) async fn flush(&mut self) -> Result<Instant, Fault> {
        let now = Instant::now();
        let Tools { watchdog, out, .. } = &mut *self.tools;
        let stream = &mut self.stream;
        watchdog.feed(now);
        let mut sent = 0;
        let flushed = poll_fn(|cx| {
            while sent < out.len() {
                match stream.poll_write(cx, &out.as_bytes()[sent..]) {
                    Poll::Ready(Ok(count)) => sent += count,
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                    Poll::Pending => return bark(watchdog, cx),
                }
            }
            match stream.poll_flush(cx) {
                Poll::Ready(flushed) => Poll::Ready(Some(flushed)),
                Poll::Pending => bark(watchdog, cx),
            }
        })
        .await;
        out.clear();
        match flushed {
            Some(Ok(())) => Ok(now),
            Some(Err(error)) => Err(Fault::io("sending", &error)),
            None => {
                Err(stalled(&self.tools.watchdog, &"sending: the server takes no more, and the end of it"))
            }
        }
    }

    /// Reads a status line: whether it is +OK, and its text.
    ///
    /// # Errors
    /// A connection that ends or stalls, and what is no status line.
    pub(crate) async fn reply(&mut self, what: &(dyn fmt::Display + Sync)) -> Result<(bool, &[u8]), Fault> {
        let ok = loop {
            let mut input = self.tools.buffer.unread();
            let offered = input.len();
            match self.replies.read(&mut input) {
                Ok(Some(reply)) => {
                    let indicator = match reply.kind() {
                        ReplyKind::Ok => "+OK",
                        ReplyKind::Err => "-ERR",
                        ReplyKind::Challenge => "+",
                    };
                    self.tools.transcript.server(indicator, reply.text(), self.heard);
                    self.text.clear();
                    self.text.extend_from_slice(reply.text());
                    let ok = reply.is_ok();
                    drop(reply);
                    let used = offered - input.len();
                    self.tools.buffer.consume(used);
                    break ok;
                }
                Ok(None) => self.tools.buffer.consume(offered),
                Err(error) => return Err(self.not_pop3(what, error)),
            }
            self.fill(what).await?;
        };
        Ok((ok, &self.text))
    }

    /// Reads the body of a multi-line reply into `sink`, stuffed dots taken away.
    ///
    /// # Errors
    /// [`Kind::NoTerminator`] when the connection ends or stalls before the terminator; the network's.
    pub(crate) async fn body(
        &mut self,
        what: &(dyn fmt::Display + Sync),
        mut sink: impl FnMut(&[u8]),
    ) -> Result<MultilineDecoder, Fault> {
        let mut decoder = MultilineDecoder::default();
        let mut octets = 0;
        loop {
            let step = decoder.decode(self.tools.buffer.unread(), |run| {
                octets += run.len();
                sink(run);
            });
            self.tools.buffer.consume(step.consumed);
            if step.ended {
                return Ok(decoder);
            }
            self.fill(what).await.map_err(|fault| match fault.kind {
                Kind::Closed | Kind::Stalled => Fault::new(
                    Kind::NoTerminator,
                    format!("the terminator is missing after {octets} octets of content: {}", fault.text),
                ),
                _ => fault,
            })?;
        }
    }

    /// When the server last sent something: the moment that its newest answer came.
    pub(crate) fn heard(&self) -> Instant {
        self.heard
    }

    /// Puts a line of our own into the transcript.
    pub(crate) fn note(&mut self, text: &str) {
        self.tools.transcript.note(text, self.heard);
    }

    async fn fill(&mut self, what: &(dyn fmt::Display + Sync)) -> Result<(), Fault> {
        let Tools { buffer, watchdog, traffic, .. } = &mut *self.tools;
        let stream = &mut self.stream;
        let room = buffer.room();
        let read = poll_fn(|cx| match stream.poll_read(cx, room) {
            Poll::Ready(read) => Poll::Ready(Some(read)),
            Poll::Pending => bark(watchdog, cx),
        })
        .await;
        match read {
            Some(Ok(0)) => Err(Fault::new(
                Kind::Closed,
                format!("the server closed the connection before the answer to {what}"),
            )),
            Some(Ok(count)) => {
                self.heard = Instant::now();
                watchdog.feed(self.heard);
                traffic.fetch_add(count as u64, Ordering::Relaxed);
                buffer.received(count);
                Ok(())
            }
            Some(Err(error)) => Err(Fault::io(&format!("reading the answer to {what}"), &error)),
            None => Err(stalled(watchdog, &format_args!("the answer to {what}"))),
        }
    }

    fn not_pop3(&self, what: &(dyn fmt::Display + Sync), error: ReplyError) -> Fault {
        let came = self.tools.buffer.unread();
        let came = String::from_utf8_lossy(&came[..came.len().min(60)]);
        Fault::new(Kind::NotPop3, format!("the answer to {what}: {error}: \"{}\"", came.escape_debug()))
    }
}

fn bark<T>(watchdog: &mut Watchdog, cx: &mut Context<'_>) -> Poll<Option<T>> {
    watchdog.poll(cx).map(|()| None)
}

/// Awaits `work`, or nothing once the watchdog barks.
async fn watched<T>(
    watchdog: &mut Watchdog,
    work: impl Future<Output = io::Result<T>>,
) -> Option<io::Result<T>> {
    let mut work = pin!(work);
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => bark(watchdog, cx),
    })
    .await
}

fn stalled(watchdog: &Watchdog, what: &dyn fmt::Display) -> Fault {
    let seconds = watchdog.patience().as_secs_f64();
    Fault::new(Kind::Stalled, format!("nothing came for {seconds} s; still missing: {what}"))
}
