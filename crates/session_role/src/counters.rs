//! What the role counts from its start on, for `mpopdctl status` and the metrics. At its end the
//! supervisor gets the totals.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ipc::report::Figures;
use pop3::Verb;
use vocabulary::{LoginFailure, Storage};

use crate::histogram::Histogram;

/// One number that several threads count.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, more: u64) {
        // No other memory depends on it.
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, less: u64) {
        self.0.fetch_sub(less, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All that is counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Connections that are open, logged in or not.
    pub(crate) connections_open: Count,
    /// Connections that are logged in.
    pub(crate) sessions_open: Count,
    /// Connections that were accepted.
    pub(crate) connections: Count,
    /// Connections that were turned away because there were too many.
    pub(crate) connections_refused: Count,
    /// Logins that opened a maildrop.
    pub(crate) logins: Count,
    /// Logins that failed, in the order of [`LoginFailure::ALL`].
    failed: [Count; LoginFailure::ALL.len()],
    /// Octets sent to clients, before encryption.
    pub(crate) octets_sent: Count,
    /// Octets received from clients, after decryption.
    pub(crate) octets_received: Count,
    /// Commands by verb.
    pub(crate) commands: Commands,
    /// Messages sent by RETR.
    pub(crate) messages_retrieved: Count,
    /// Messages sent by TOP.
    pub(crate) messages_topped: Count,
    /// Messages removed at QUIT.
    pub(crate) messages_removed: Count,
    /// How long logins took, from what the client said to what became of it.
    pub(crate) login_time: Histogram,
    /// How long messages took to be retrieved.
    pub(crate) retr_time: Histogram,
    /// How long QUIT took.
    pub(crate) quit_time: Histogram,
    /// How long maildrops took to be opened, in the order of [`Storage::ALL`].
    opens: [Histogram; Storage::ALL.len()],
    /// How often another program held a mailbox's lock.
    pub(crate) lock_waits: Count,
    /// For how long that was waited for, in milliseconds.
    pub(crate) lock_wait_millis: Count,
}

impl Counters {
    /// How long maildrops of each storage took to be opened.
    pub(crate) fn opens(&self) -> impl Iterator<Item = (Storage, &Histogram)> {
        Storage::ALL.iter().copied().zip(&self.opens)
    }

    /// A maildrop of this storage was opened.
    pub(crate) fn opened(&self, storage: Storage, took: Duration) {
        if let Some((_, histogram)) = self.opens().find(|(other, _)| *other == storage) {
            histogram.observe(took);
        }
    }

    /// Logins that failed for this reason.
    pub(crate) fn failed(&self, reason: LoginFailure) -> &Count {
        // `ALL` is in the order of declaration, and so are the counts.
        &self.failed[reason.index()]
    }

    /// The numbers as they are now.
    pub(crate) fn figures(&self) -> Figures {
        let failed = |reason: LoginFailure| (reason.word().to_owned(), self.failed(reason).get());
        Figures {
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

/// Commands by verb, in the order of [`Verb::ALL`]; the last are those that are none.
#[derive(Debug, Default)]
pub(crate) struct Commands([Count; Verb::ALL.len() + 1]);

impl Commands {
    pub(crate) fn add(&self, verb: Option<Verb>) {
        let at = verb.and_then(|verb| Verb::ALL.iter().position(|other| *other == verb));
        if let Some(count) = self.0.get(at.unwrap_or(Verb::ALL.len())) {
            count.add(1);
        }
    }

    /// How many there were of each.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let verbs = Verb::ALL.iter().map(|verb| verb.keyword()).chain(["other"]);
        verbs.zip(self.0.iter().map(Count::get))
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
