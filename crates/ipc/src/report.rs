//! Reports of the session role: its counts, and the list of connections.

use std::io;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::payload::{Payload, PayloadOctets};

/// The longest list of connections, in octets.
pub const MOST_OCTETS: u64 = 512 * 1024 * 1024;
/// The longest user name, in octets.
pub const MOST_USER: usize = 255;
/// The most reasons of failed logins.
const MOST_REASONS: usize = 32;
/// The longest word in a report, in octets.
const MOST_WORD: usize = 32;

/// The counts of a session role. Totals count from the start of the server; those of a session role that
/// crashes are lost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionFigures {
    /// Present connections, logged in or not.
    pub connections: u64,
    /// Present sessions: connections that are logged in.
    pub sessions: u64,
    /// All accepted connections.
    pub connections_total: u64,
    /// Connections that were refused because there were too many.
    pub connections_refused: u64,
    /// Logins that opened a maildrop.
    pub logins: u64,
    /// Failed logins by the `reason` in the log. Each reason is listed once, even with 0.
    pub logins_failed: Vec<(String, u64)>,
    /// Octets sent to clients, before encryption.
    pub octets_sent: u64,
    /// Octets received from clients, after decryption.
    pub octets_received: u64,
}

impl SessionFigures {
    /// The number of failed logins.
    pub fn all_failed(&self) -> u64 {
        self.logins_failed.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Adds the counts of another session role.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in [
            (&mut self.connections, other.connections),
            (&mut self.sessions, other.sessions),
            (&mut self.connections_total, other.connections_total),
            (&mut self.connections_refused, other.connections_refused),
            (&mut self.logins, other.logins),
            (&mut self.octets_sent, other.octets_sent),
            (&mut self.octets_received, other.octets_received),
        ] {
            *sum = sum.saturating_add(count);
        }
        for (reason, count) in &other.logins_failed {
            match self.logins_failed.iter_mut().find(|(known, _)| known == reason) {
                Some((_, sum)) => *sum = sum.saturating_add(*count),
                None => self.logins_failed.push((reason.clone(), *count)),
            }
        }
    }

    /// The counts that remain when the session role has ended.
    pub fn totals(self) -> Self {
        Self { connections: 0, sessions: 0, ..self }
    }

    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.logins_failed.len() > MOST_REASONS
            || self.logins_failed.iter().any(|(reason, _)| !is_word(reason))
        {
            return Err("invalid reasons");
        }
        Ok(())
    }
}

/// One connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionInfo {
    /// Its number; the log has it in hexadecimal as `session=`.
    pub session: u64,
    /// The client's address.
    pub peer: IpAddr,
    /// The user, if logged in.
    pub user: Option<String>,
    /// The version of TLS as in the log; `none` without TLS.
    pub tls: String,
    /// Its state.
    pub state: Activity,
    /// Its age in seconds.
    pub seconds: u64,
    /// Seconds since the client last sent or received anything.
    pub idle: u64,
    /// The number of messages at login.
    pub messages: u32,
    /// Octets sent to the client, before encryption.
    pub octets_sent: u64,
}

/// The state of a connection, in the terms of RFC 1939, section 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activity {
    /// Nobody is logged in yet.
    Authorization,
    /// A maildrop is open.
    Transaction,
    /// The client has sent QUIT, and messages are being removed.
    Update,
}

impl Activity {
    /// The name of the state.
    pub fn word(self) -> &'static str {
        match self {
            Self::Authorization => "authorization",
            Self::Transaction => "transaction",
            Self::Update => "update",
        }
    }
}

/// Packs a list of connections: see [`Payload::pack`].
///
/// # Errors
///
/// What [`Payload::pack`] says.
pub fn pack(connections: &[ConnectionInfo]) -> io::Result<(Payload, Option<std::os::fd::OwnedFd>)> {
    let octets =
        postcard::to_allocvec(connections).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    Payload::pack(octets)
}

/// Unpacks what [`pack`] packed.
///
/// # Errors
///
/// `InvalidData` if the list is malformed or out of bounds.
pub fn unpack(octets: &PayloadOctets) -> io::Result<Vec<ConnectionInfo>> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "a malformed list of connections");
    match postcard::take_from_bytes::<Vec<ConnectionInfo>>(octets) {
        Ok((connections, [])) if connections.iter().all(ConnectionInfo::is_sound) => Ok(connections),
        _ => Err(invalid()),
    }
}

impl ConnectionInfo {
    fn is_sound(&self) -> bool {
        is_word(&self.tls) && self.user.as_ref().is_none_or(|user| user.len() <= MOST_USER)
    }
}

fn is_word(text: &str) -> bool {
    text.len() <= MOST_WORD && text.bytes().all(|octet| octet.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(session: u64) -> ConnectionInfo {
        ConnectionInfo {
            session,
            peer: "2001:db8::1".parse().unwrap(),
            user: Some("alice@example.org".to_owned()),
            tls: "TLSv1.3".to_owned(),
            state: Activity::Transaction,
            seconds: 90,
            idle: 3,
            messages: 17,
            octets_sent: 1 << 40,
        }
    }

    #[test]
    fn figures_are_added_by_name() {
        let failed = |reason: &str, count| (reason.to_owned(), count);
        let mut sum = SessionFigures { sessions: 2, logins: 3, ..SessionFigures::default() };
        sum.logins_failed = vec![failed("password", 1), failed("limit", 5)];
        let other =
            SessionFigures { sessions: 1, logins: u64::MAX, octets_sent: 7, ..SessionFigures::default() };
        sum.add(&SessionFigures { logins_failed: vec![failed("limit", 2), failed("in-use", 1)], ..other });
        assert_eq!((sum.sessions, sum.logins, sum.octets_sent), (3, u64::MAX, 7));
        assert_eq!(sum.logins_failed, [failed("password", 1), failed("limit", 7), failed("in-use", 1)]);
        assert_eq!((sum.all_failed(), sum.totals().sessions), (9, 0));
    }

    #[test]
    fn few_and_many_connections_survive() {
        for count in [0, 1, 10_000] {
            let connections: Vec<ConnectionInfo> = (0..count).map(connection).collect();
            let (payload, memory) = pack(&connections).unwrap();
            assert_eq!(memory.is_some(), count > 1000);
            assert_eq!(unpack(&payload.unpack(memory, MOST_OCTETS).unwrap()).unwrap(), connections);
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let long = ConnectionInfo { user: Some("u".repeat(MOST_USER + 1)), ..connection(1) };
        let cursor = ConnectionInfo { tls: "\x1b[2J".to_owned(), ..connection(1) };
        for wrong in [long, cursor] {
            let (payload, memory) = pack(&[wrong]).unwrap();
            assert!(unpack(&payload.unpack(memory, MOST_OCTETS).unwrap()).is_err());
        }
        let octets = postcard::to_allocvec(&[connection(1)][..]).unwrap();
        for cut in 0..octets.len() {
            assert!(unpack(&PayloadOctets::Own(octets[..cut].into())).is_err(), "cut at {cut}");
        }
    }
}
