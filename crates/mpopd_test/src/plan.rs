//! What a run is to do, with every choice made.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::users::TestUser;

/// A run.
#[derive(Debug)]
pub(crate) struct LoadPlan {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) users: Vec<TestUser>,
    pub(crate) mode: SessionMode,
    pub(crate) tls: TlsMode,
    pub(crate) pace: Pace,
    /// Send many commands at once.
    pub(crate) pipeline: bool,
    /// Check what arrives; otherwise only status lines and terminators are looked at.
    pub(crate) check: bool,
    /// The most messages that a session downloads.
    pub(crate) messages: Option<u32>,
    /// How long sessions may begin.
    pub(crate) duration: Option<Duration>,
    /// The most sessions to begin.
    pub(crate) count: Option<u64>,
    /// How long the server may stay silent.
    pub(crate) patience: Duration,
    /// Stop when this many sessions have failed and none has succeeded.
    pub(crate) give_up: Option<u64>,
    /// Threads of the runtime.
    pub(crate) threads: usize,
    /// The mailbox to compare messages with; `%u` stands for the user's name.
    pub(crate) verify: Option<String>,
    /// The process id of a local server whose CPU and memory are reported.
    pub(crate) pid: Option<u32>,
    pub(crate) output: ReportOutput,
}

/// What a session does after it has logged in and sent STAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SessionMode {
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TlsMode {
    /// No TLS
    None,
    /// TLS after STLS (RFC 2595, section 4)
    Stls,
    /// TLS from the start (RFC 8314, section 3.3)
    Pop3s,
}

/// When sessions begin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "loop", rename_all = "lowercase")]
pub(crate) enum Pace {
    /// Each connection begins its next session when the last one has ended.
    Closed {
        connections: usize,
        /// Pause between two sessions of one connection.
        #[serde(rename = "pause_seconds", serialize_with = "seconds")]
        pause: Duration,
    },
    /// Sessions are due at fixed times, whatever the server does. One that finds all connections busy waits,
    /// and its wait counts.
    Open {
        /// Sessions per second.
        rate: f64,
        /// The most sessions at the same time.
        connections: usize,
    },
}

/// What is printed and written at the end.
#[derive(Clone, Debug)]
pub(crate) enum ReportOutput {
    /// Connects and seconds, as the original mpopd_test printed them.
    Classic,
    Summary {
        json: bool,
        html: Option<PathBuf>,
    },
}

impl Pace {
    /// The most sessions at the same time.
    pub(crate) fn connections(&self) -> usize {
        match *self {
            Self::Closed { connections, .. } | Self::Open { connections, .. } => connections,
        }
    }
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
