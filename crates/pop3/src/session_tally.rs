//! Totals of a session.

use crate::FetchRequest;

/// Totals of a session, for the log line `logout` and for statistics. Octets are as LIST counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionTally {
    /// Messages sent by TOP.
    pub top: u32,
    /// Octets sent by TOP.
    pub top_octets: u64,
    /// Messages sent by RETR.
    pub retr: u32,
    /// Octets sent by RETR.
    pub retr_octets: u64,
    /// Messages removed at QUIT; marked messages that could not be removed are not counted.
    pub removed: u32,
    /// Messages in the maildrop at login.
    pub messages: u32,
    /// Octets in the maildrop at login.
    pub octets: u64,
}

impl SessionTally {
    /// Counts a message that was sent completely.
    pub(crate) fn sent(&mut self, request: FetchRequest, octets: u64) {
        let (messages, sum) = match request.lines {
            None => (&mut self.retr, &mut self.retr_octets),
            Some(_) => (&mut self.top, &mut self.top_octets),
        };
        *messages = messages.saturating_add(1);
        *sum = sum.saturating_add(octets);
    }
}
