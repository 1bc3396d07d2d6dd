//! What the role counts from its start on, for `mpopdctl status` and the metrics. When the role ends, the
//! supervisor gets the totals.

use std::time::Duration;

use ipc::report::SessionFigures;
use pop3::Verb;
use vocabulary::{LoginFailure, Storage};

use super::counter::Counter;
use super::histogram::Histogram;

/// All counters of the role.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Connections that are open, logged in or not.
    pub(crate) connections_open: Counter,
    /// Connections that are logged in.
    pub(crate) sessions_open: Counter,
    /// Connections that were accepted.
    pub(crate) connections: Counter,
    /// Connections that were refused, because there were too many or a proxy sent no header.
    pub(crate) connections_refused: Counter,
    /// Logins that opened a maildrop.
    pub(crate) logins: Counter,
    /// Logins that failed, in the order of [`LoginFailure::ALL`].
    failed: [Counter; LoginFailure::ALL.len()],
    /// Octets sent to clients, before encryption.
    pub(crate) octets_sent: Counter,
    /// Octets received from clients, after decryption.
    pub(crate) octets_received: Counter,
    /// Commands by verb.
    pub(crate) commands: CommandCounters,
    /// Messages sent by RETR.
    pub(crate) messages_retrieved: Counter,
    /// Messages sent by TOP.
    pub(crate) messages_topped: Counter,
    /// Messages removed at QUIT.
    pub(crate) messages_removed: Counter,
    /// How long logins took, from the client's command to their result.
    pub(crate) login_time: Histogram,
    /// How long RETR took.
    pub(crate) retr_time: Histogram,
    /// How long QUIT took.
    pub(crate) quit_time: Histogram,
    /// How long opening a maildrop took, in the order of [`Storage::ALL`].
    opens: [Histogram; Storage::ALL.len()],
    /// How often a mailbox was locked by another program.
    pub(crate) lock_waits: Counter,
    /// How long the role waited for such locks, in milliseconds.
    pub(crate) lock_wait_millis: Counter,
}

impl Counters {
    /// How long opening a maildrop took, by storage.
    pub(crate) fn opens(&self) -> impl Iterator<Item = (Storage, &Histogram)> {
        Storage::ALL.iter().copied().zip(&self.opens)
    }

    /// Records that a maildrop of this storage was opened.
    pub(crate) fn opened(&self, storage: Storage, took: Duration) {
        if let Some((_, histogram)) = self.opens().find(|(other, _)| *other == storage) {
            histogram.observe(took);
        }
    }

    /// The counter of logins that failed for this reason.
    pub(crate) fn failed(&self, reason: LoginFailure) -> &Counter {
        // `ALL` is in the order of declaration, and so are the counters.
        &self.failed[reason.index()]
    }

    /// The numbers as they are now.
    pub(crate) fn figures(&self) -> SessionFigures {
        let failed = |reason: LoginFailure| (reason.word().to_owned(), self.failed(reason).get());
        SessionFigures {
            connections: self.connections_open.get(),
            sessions: self.sessions_open.get(),
            connections_total: self.connections.get(),
            connections_refused: self.connections_refused.get(),
            logins: self.logins.get(),
            logins_failed: LoginFailure::ALL.iter().copied().map(failed).collect(),
            octets_sent: self.octets_sent.get(),
            octets_received: self.octets_received.get(),
        }
    }
}

/// Counts commands by verb, in the order of [`Verb::ALL`]; the last counter is for lines that are no command.
#[derive(Debug, Default)]
pub(crate) struct CommandCounters([Counter; Verb::ALL.len() + 1]);

impl CommandCounters {
    pub(crate) fn add(&self, verb: Option<Verb>) {
        let at = verb.and_then(|verb| Verb::ALL.iter().position(|other| *other == verb));
        if let Some(count) = self.0.get(at.unwrap_or(Verb::ALL.len())) {
            count.add(1);
        }
    }

    /// The number of commands by verb.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let verbs = Verb::ALL.iter().map(|verb| verb.keyword()).chain(["other"]);
        verbs.zip(self.0.iter().map(Counter::get))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_count_and_a_word_of_its_own() {
        let counters = Counters::default();
        for (times, reason) in (1..).zip(LoginFailure::ALL.iter().copied()) {
            counters.failed(reason).add(times);
        }
        let figures = counters.figures();
        assert_eq!(figures.all_failed(), (1..=11).sum::<u64>());
        for ((times, reason), (word, count)) in
            (1..).zip(LoginFailure::ALL.iter().copied()).zip(&figures.logins_failed)
        {
            assert_eq!((reason.word(), times), (word.as_str(), *count));
            assert_eq!(figures.logins_failed.iter().filter(|(other, _)| other == word).count(), 1);
        }
    }
}
