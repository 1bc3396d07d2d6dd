//! What a session did.

use crate::Request;

/// What a session did, for the log line `logout` and for statistics. All octets are as LIST counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages sent by TOP.
    pub top: u32,
    /// Octets sent by TOP.
    pub top_octets: u64,
    /// Messages sent by RETR.
    pub retr: u32,
    /// Octets sent by RETR.
    pub retr_octets: u64,
    /// Messages removed at QUIT. Marks that came to nothing do not count.
    pub removed: u32,
    /// Messages in the maildrop at login.
    pub messages: u32,
    /// Octets in the maildrop at login.
    pub octets: u64,
}

impl Tally {
    /// A message was sent to its end.
    pub(crate) fn sent(&mut self, request: Request, octets: u64) {
        let (messages, sum) = match request.lines {
            None => (&mut self.retr, &mut self.retr_octets),
            Some(_) => (&mut self.top, &mut self.top_octets),
        };
        *messages = messages.saturating_add(1);
        *sum = sum.saturating_add(octets);
    }
}
