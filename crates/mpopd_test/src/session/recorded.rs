//! A client that writes down what is said, and names the command that failed.

use std::fmt;
use std::time::Instant;

use pop3::ReplyKind;
use pop3_client::asynchronous::{AsyncPop3Client, ClientError, ClientStage, RemoteServer, SessionBuffers};

use crate::failure::{FailureKind, SessionFailure};
use crate::transcript::Transcript;

/// Octets shown of a reply that is not POP3.
const SHOWN: usize = 60;

/// A connection whose dialogue goes into a transcript. In its methods `what` names the command that a reply
/// is awaited for.
#[derive(Debug)]
pub(super) struct RecordedClient<'a> {
    client: AsyncPop3Client<'a>,
    transcript: &'a mut Transcript,
}

impl<'a> RecordedClient<'a> {
    /// Connects.
    ///
    /// # Errors
    ///
    /// The network's; silence.
    pub(super) async fn connect(
        server: &RemoteServer,
        buffers: &'a mut SessionBuffers,
        transcript: &'a mut Transcript,
    ) -> Result<Self, SessionFailure> {
        transcript.restart(Instant::now());
        let connected = AsyncPop3Client::connect(server, buffers).await;
        let client = connected.map_err(|error| failure(error, &"the connection"))?;
        Ok(Self { client, transcript })
    }

    /// Continues under TLS.
    ///
    /// # Errors
    ///
    /// A failed handshake; clear text that the server sent where the handshake was due.
    pub(super) async fn secured(self, server: &RemoteServer) -> Result<Self, SessionFailure> {
        let Self { client, transcript } = self;
        let secured = client.secured(server).await;
        let client = secured.map_err(|error| failure(error, &"the TLS handshake"))?;
        transcript.note("TLS", client.heard());
        Ok(Self { client, transcript })
    }

    /// Queues a command. The transcript gets `shown` instead, where the command holds a secret.
    pub(super) fn queue(&mut self, command: fmt::Arguments<'_>, shown: Option<&str>) {
        let now = self.client.heard();
        let line = self.client.queue(command);
        self.transcript.client(shown.unwrap_or(line).as_bytes(), now);
    }

    /// Sends what is queued, and returns the moment at which it began to.
    ///
    /// # Errors
    ///
    /// The network's; a server that accepts nothing.
    pub(super) async fn flush(&mut self) -> Result<Instant, SessionFailure> {
        self.client.flush().await.map_err(|error| failure(error, &"the commands"))
    }

    /// Reads a status line: whether it is +OK, and its text.
    ///
    /// # Errors
    ///
    /// A connection that ends or stalls; a line that is not a status line.
    pub(super) async fn reply(
        &mut self,
        what: &(dyn fmt::Display + Sync),
    ) -> Result<(bool, &[u8]), SessionFailure> {
        let kind = self.client.reply().await.map_err(|error| failure(error, what))?;
        let indicator = match kind {
            ReplyKind::Ok => "+OK",
            ReplyKind::Err => "-ERR",
            ReplyKind::Challenge => "+",
        };
        let text = self.client.reply_text();
        self.transcript.server(indicator, text, self.client.heard());
        Ok((kind == ReplyKind::Ok, text))
    }

    /// Reads the body of a multi-line reply into `sink`, dot-stuffing undone. Returns the number of lines
    /// that began with a dot that was not doubled.
    ///
    /// # Errors
    ///
    /// [`FailureKind::NoTerminator`] when the connection ends or stalls before the terminator; the network's.
    pub(super) async fn body(
        &mut self,
        what: &(dyn fmt::Display + Sync),
        mut sink: impl FnMut(&[u8]),
    ) -> Result<u64, SessionFailure> {
        let mut octets = 0;
        let counted = |run: &[u8]| {
            octets += run.len();
            sink(run);
        };
        let ended = self.client.body(counted).await;
        ended.map_err(|error| match failure(error, what) {
            SessionFailure { kind: FailureKind::Closed | FailureKind::Stalled, text } => SessionFailure::new(
                FailureKind::NoTerminator,
                format!("the terminator is missing after {octets} octets of content: {text}"),
            ),
            other => other,
        })
    }

    /// When the server last sent something, which is when its latest reply arrived.
    pub(super) fn heard(&self) -> Instant {
        self.client.heard()
    }

    /// Puts a line of our own into the transcript.
    pub(super) fn note(&mut self, text: &str) {
        self.transcript.note(text, self.client.heard());
    }
}

fn failure(error: ClientError, what: &dyn fmt::Display) -> SessionFailure {
    match error {
        ClientError::Io(ClientStage::Handshake, error) => {
            SessionFailure::new(FailureKind::Tls, format!("the TLS handshake failed: {error}"))
        }
        ClientError::Io(ClientStage::Receive, error) => {
            SessionFailure::io(&format!("reading the answer to {what}"), &error)
        }
        ClientError::Io(stage @ (ClientStage::Connect | ClientStage::Send), error) => {
            SessionFailure::io(&stage.to_string(), &error)
        }
        ClientError::Stalled(stage, patience) => {
            let missing = match stage {
                ClientStage::Connect | ClientStage::Handshake => what.to_string(),
                ClientStage::Send => "sending: the server accepts no more".to_owned(),
                ClientStage::Receive => format!("the answer to {what}"),
            };
            let seconds = patience.as_secs_f64();
            let text = format!("nothing came for {seconds} s; still missing: {missing}");
            SessionFailure::new(FailureKind::Stalled, text)
        }
        ClientError::ClearText => SessionFailure::new(FailureKind::Tls, error.to_string()),
        ClientError::Closed => SessionFailure::new(
            FailureKind::Closed,
            format!("the server closed the connection before the answer to {what}"),
        ),
        ClientError::NotPop3 { error, received } => {
            let shown = String::from_utf8_lossy(&received[..received.len().min(SHOWN)]);
            let text = format!("the answer to {what}: {error}: \"{}\"", shown.escape_debug());
            SessionFailure::new(FailureKind::NotPop3, text)
        }
    }
}
