//! Why a client gets no further.

use std::fmt;
use std::io;
use std::time::Duration;

use pop3::ReplyError;

/// Why a client gets no further. The connection is of no use after any of these.
#[derive(Debug)]
pub enum ClientError {
    /// The system's error.
    Io(ClientStage, io::Error),
    /// Nothing moved for this long.
    Stalled(ClientStage, Duration),
    /// The server sent clear text after its reply to STLS, where the handshake was due.
    ClearText,
    /// The server closed the connection where a reply was due.
    Closed,
    /// What came is not a status line.
    NotPop3 {
        /// What is wrong with it.
        error: ReplyError,
        /// What the last read brought of it.
        received: Vec<u8>,
    },
}

/// What a client was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientStage {
    /// Connecting.
    Connect,
    /// The TLS handshake.
    Handshake,
    /// Sending commands.
    Send,
    /// Waiting for a reply.
    Receive,
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(stage, error) => write!(f, "{stage}: {error}"),
            Self::Stalled(stage, patience) => {
                write!(f, "{stage}: nothing moved for {} s", patience.as_secs_f64())
            }
            Self::ClearText => f.write_str("the server sent clear text after its answer to STLS"),
            Self::Closed => f.write_str("the server closed the connection"),
            Self::NotPop3 { error, received } => write!(f, "{error}: \"{}\"", received.escape_ascii()),
        }
    }
}

impl std::error::Error for ClientError {}

impl fmt::Display for ClientStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Handshake => "the TLS handshake",
            Self::Send => "sending",
            Self::Receive => "receiving",
        })
    }
}
