//! mpopdctl ↔ supervisor, over the control socket. No message carries mail or a password.
//!
//! A client has at most one request under way: the supervisor reads the next one after its reply.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::payload::Payload;
use crate::report::SessionFigures;
use crate::steer::SteerQuestion;
use crate::wire::ChannelMessage;

/// The longest text of a reply, in octets.
pub const MOST_TEXT: usize = 32 * 1024;
/// The most ports in a status.
const MOST_PORTS: usize = 1024;
/// The longest version, in octets.
const MOST_VERSION: usize = 64;

/// A request of mpopdctl.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlRequest {
    /// Which daemon is this, and what has it done? Answered with [`ControlReply::Status`].
    Status,
    /// List the connections. Answered with any number of [`ControlReply::Connections`], then
    /// [`ControlReply::NoMoreConnections`].
    Who,
    /// End the sessions of this user, or this session: see [`SteerQuestion::Kick`]. Answered with
    /// [`ControlReply::Kicked`].
    Kick(String),
    /// Report the result of the next reload of this kind. Answered with [`ControlReply::Awaiting`] at once,
    /// so that the client can send the signal, and later with [`ControlReply::Reread`].
    Await(ReloadKind),
    /// Start the installed program and let it take over. Answered with [`ControlReply::Upgraded`].
    Upgrade,
}

impl ChannelMessage for ControlRequest {
    fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::Kick(who) => SteerQuestion::Kick(who.clone()).check(),
            Self::Status | Self::Who | Self::Await(_) | Self::Upgrade => Ok(()),
        }
    }
}

/// How the configuration is reloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReloadKind {
    /// SIGHUP: all sessions end, and the ports are bound again.
    Refresh,
    /// SIGUSR1: for sessions that start later.
    Config,
}

/// A reply of the supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlReply {
    /// To [`ControlRequest::Status`].
    Status(Status),
    /// To [`ControlRequest::Who`]: some of the connections, packed by [`crate::report::pack`].
    Connections(Payload),
    /// To [`ControlRequest::Who`]: there are no more.
    NoMoreConnections,
    /// To [`ControlRequest::Kick`]: the number of sessions that are being ended.
    Kicked(u32),
    /// To [`ControlRequest::Await`]: the next reload will be reported.
    Awaiting,
    /// The result of the reload.
    Reread(ReloadOutcome),
    /// To [`ControlRequest::Upgrade`]: this process serves from now on.
    Upgraded {
        /// The new supervisor.
        pid: u32,
    },
    /// The request is refused, for this reason.
    Refused(String),
}

impl ChannelMessage for ControlReply {
    fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::Status(status) => status.check(),
            Self::Refused(text) | Self::Reread(ReloadOutcome::Kept(text)) if text.len() > MOST_TEXT => {
                Err("a text out of bounds")
            }
            _ => Ok(()),
        }
    }
}

/// The result of a reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReloadOutcome {
    /// The new settings are in force.
    InForce {
        /// The present port.
        port: u16,
    },
    /// The old settings stay in force because of these errors, one a line.
    Kept(String),
}

impl ReloadOutcome {
    /// The old settings stay in force. A list of errors that is too long is cut at a line, and says so.
    pub fn kept(faults: &str) -> Self {
        if faults.len() <= MOST_TEXT {
            return Self::Kept(faults.to_owned());
        }
        const REST: &str = "\n(and more: mpopd -t shows all)";
        let mut end = MOST_TEXT - REST.len();
        while !faults.is_char_boundary(end) {
            end -= 1;
        }
        let shown = faults.get(..end).unwrap_or_default();
        let whole_lines = shown.rsplit_once('\n').map_or(shown, |(lines, _)| lines);
        Self::Kept(format!("{whole_lines}{REST}"))
    }
}

/// The identity and the statistics of the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its version.
    pub version: String,
    /// The pid of the supervisor.
    pub pid: u32,
    /// The addresses that it listens on.
    pub ports: Vec<Port>,
    /// Its run time in seconds.
    pub uptime: u64,
    /// The counts of all session roles together.
    pub figures: SessionFigures,
}

/// An address for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The address.
    pub address: SocketAddr,
    /// Whether TLS starts with the first octet.
    pub tls: bool,
}

impl Status {
    fn check(&self) -> Result<(), &'static str> {
        if self.ports.len() > MOST_PORTS || self.version.len() > MOST_VERSION {
            return Err("a status out of bounds");
        }
        self.figures.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{encode, tests::round_trip};

    #[test]
    fn requests_and_answers_survive() {
        for request in [
            ControlRequest::Status,
            ControlRequest::Who,
            ControlRequest::Kick("alice".to_owned()),
            ControlRequest::Await(ReloadKind::Refresh),
            ControlRequest::Await(ReloadKind::Config),
        ] {
            round_trip(&request);
        }
        let status = Status {
            version: "1.0".to_owned(),
            pid: 7,
            ports: vec![Port { address: "[::]:995".parse().unwrap(), tls: true }],
            uptime: 60,
            figures: SessionFigures::default(),
        };
        for answer in [
            ControlReply::Status(status),
            ControlReply::Connections(Payload::Inline(vec![0])),
            ControlReply::NoMoreConnections,
            ControlReply::Kicked(1),
            ControlReply::Awaiting,
            ControlReply::Reread(ReloadOutcome::InForce { port: 110 }),
            ControlReply::Reread(ReloadOutcome::kept("mpopd.conf:1: port: no")),
            ControlReply::Refused("later".to_owned()),
        ] {
            round_trip(&answer);
        }
    }

    #[test]
    fn bounds_hold() {
        assert!(encode(&ControlRequest::Kick("x".repeat(256))).is_err());
        assert!(encode(&ControlReply::Refused("x".repeat(MOST_TEXT + 1))).is_err());
        assert!(encode(&ControlReply::Reread(ReloadOutcome::Kept("x".repeat(MOST_TEXT + 1)))).is_err());
    }

    #[test]
    fn a_long_list_of_faults_is_cut_at_a_line_and_says_so() {
        let faults = "mpopd.conf:1: prot: unknown setting – did you mean port?\n".repeat(2000);
        let verdict = ReloadOutcome::kept(&faults);
        let ReloadOutcome::Kept(text) = &verdict else { panic!("{verdict:?}") };
        assert!(encode(&ControlReply::Reread(verdict.clone())).is_ok());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.last(), Some(&"(and more: mpopd -t shows all)"));
        assert!(lines[..lines.len() - 1].iter().all(|line| line.ends_with("did you mean port?")));
    }
}
