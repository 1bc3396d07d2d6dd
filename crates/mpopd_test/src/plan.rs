//! What a run is to do, every choice made.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use tokio_rustls::TlsConnector;

use crate::users::User;

/// A run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) users: Vec<User>,
    pub(crate) mode: Mode,
    pub(crate) tls: Tls,
    pub(crate) pace: Pace,
    /// Many commands in one go.
    pub(crate) pipeline: bool,
    /// Look at what comes; without it only at status lines and terminators.
    pub(crate) check: bool,
    /// Download at most so many messages a session.
    pub(crate) messages: Option<u32>,
    /// Begin no session after this time.
    pub(crate) duration: Option<Duration>,
    /// Begin no more than so many sessions.
    pub(crate) count: Option<u64>,
    /// How long the server may be silent.
    pub(crate) patience: Duration,
    /// Stop when so many sessions failed and none succeeded.
    pub(crate) give_up: Option<u64>,
    /// Threads of the runtime.
    pub(crate) threads: usize,
    /// Where the messages are to compare with; `%u` stands for the user's name.
    pub(crate) verify: Option<String>,
    /// A local server, whose CPU and memory are told.
    pub(crate) pid: Option<u32>,
    pub(crate) output: Output,
}

/// What a session does after it has logged in and asked STAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// Nothing more: USER, PASS, STAT, QUIT
    Login,
    /// LIST and UIDL
    List,
    /// LIST, UIDL and RETR of each message
    Retr,
    /// The same and DELE of each message; accounts for every message once over the whole run
    Drain,
}

/// Whether and when TLS begins.
pub(crate) enum Tls {
    None,
    /// After STLS (RFC 2595, section 4).
    Stls(TlsConnector),
    /// With the connection (RFC 8314, section 3.3).
    Pop3s(TlsConnector),
}

/// When sessions begin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "loop", rename_all = "lowercase")]
pub(crate) enum Pace {
    /// Each connection begins its next session when the last one is done.
    Closed {
        connections: usize,
        /// Rest between two sessions of one connection.
        #[serde(rename = "pause_seconds", serialize_with = "seconds")]
        pause: Duration,
    },
    /// Sessions are due at fixed times, whatever the server does. What finds all connections busy waits, and its wait counts.
    Open {
        /// Sessions a second.
        rate: f64,
        /// The most at a time.
        connections: usize,
    },
}

/// What is printed and written at the end.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    /// Connects and seconds, as the first mpopd_test had it.
    Classic,
    Summary {
        json: bool,
        html: Option<PathBuf>,
    },
}

impl Tls {
    /// The word of `--tls`.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Stls(_) => "stls",
            Self::Pop3s(_) => "pop3s",
        }
    }
}

/// A connector has no form worth showing.
impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Pace {
    /// Sessions at a time, at most.
    pub(crate) fn connections(&self) -> usize {
        match *self {
            Self::Closed { connections, .. } | Self::Open { connections, .. } => connections,
        }
    }
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
