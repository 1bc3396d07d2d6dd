//! The content of the screen: the last answers, and the changes since the ones before.

use std::collections::VecDeque;
use std::time::Instant;

use ipc::control::Status;
use ipc::report::{ConnectionInfo, SessionFigures};

/// How many seconds of the past are kept.
const PAST: usize = 120;

/// The content of the screen.
#[derive(Debug, Default)]
pub(crate) struct TopState {
    pub(crate) status: Option<Status>,
    /// The connections, the most recently active first.
    pub(crate) connections: Vec<ConnectionInfo>,
    pub(crate) rates: Rates,
    /// Octets sent in each second, the newest last.
    pub(crate) past: VecDeque<u64>,
    /// Why there is no newer answer.
    pub(crate) trouble: Option<String>,
    answered: Option<Instant>,
}

/// Rates per second between the last two answers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Rates {
    pub(crate) connections: f64,
    pub(crate) logins: f64,
    pub(crate) failures: f64,
    pub(crate) octets_sent: f64,
}

impl TopState {
    /// The daemon has answered.
    pub(crate) fn update(&mut self, now: Instant, status: Status, mut connections: Vec<ConnectionInfo>) {
        connections.sort_by_key(|connection| (connection.idle, connection.session));
        self.rates = match (&self.status, self.answered) {
            (Some(before), Some(answered)) => {
                let seconds = now.saturating_duration_since(answered).as_secs_f64();
                Rates::between(&before.figures, &status.figures, seconds)
            }
            _ => Rates::default(),
        };
        if self.past.len() == PAST {
            self.past.pop_front();
        }
        self.past.push_back(whole(self.rates.octets_sent));
        self.connections = connections;
        self.status = Some(status);
        self.answered = Some(now);
        self.trouble = None;
    }

    /// There is no answer.
    pub(crate) fn lost(&mut self, why: String) {
        self.trouble = Some(why);
        self.connections.clear();
        self.rates = Rates::default();
    }
}

impl Rates {
    /// A counter that is smaller than before was reset by a restart; its rate is 0.
    fn between(before: &SessionFigures, now: &SessionFigures, seconds: f64) -> Self {
        let rate = |before: u64, now: u64| {
            if seconds > 0.0 { float(now.saturating_sub(before)) / seconds } else { 0.0 }
        };
        Self {
            connections: rate(before.connections_total, now.connections_total),
            logins: rate(before.logins, now.logins),
            failures: rate(before.all_failed(), now.all_failed()),
            octets_sent: rate(before.octets_sent, now.octets_sent),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
fn float(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is not negative, and the cast saturates"
)]
fn whole(rate: f64) -> u64 {
    rate as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn status(logins: u64, octets_sent: u64) -> Status {
        let figures = SessionFigures { logins, octets_sent, ..SessionFigures::default() };
        Status { version: String::new(), pid: 1, ports: Vec::new(), uptime: 1, figures }
    }

    #[test]
    fn rates_are_what_changed_in_a_second() {
        let (mut state, start) = (TopState::default(), Instant::now());
        state.update(start, status(10, 1000), Vec::new());
        assert_eq!(state.rates, Rates::default(), "nothing to compare with");
        state.update(start + Duration::from_secs(2), status(14, 5000), Vec::new());
        assert_eq!((state.rates.logins, state.rates.octets_sent), (2.0, 2000.0));
        state.update(start + Duration::from_secs(3), status(1, 100), Vec::new());
        assert_eq!(state.rates, Rates::default(), "counters that began anew");
        assert_eq!(state.past, [0, 2000, 0]);
        for second in 4..200 {
            state.update(start + Duration::from_secs(second), status(1, 100), Vec::new());
        }
        assert_eq!(state.past.len(), PAST);
    }

    #[test]
    fn what_is_lost_comes_back() {
        let (mut state, start) = (TopState::default(), Instant::now());
        state.update(start, status(10, 1000), Vec::new());
        state.lost("gone".to_owned());
        assert!(state.trouble.is_some());
        state.update(start + Duration::from_secs(1), status(11, 1000), Vec::new());
        assert_eq!((state.trouble, state.rates.logins), (None, 1.0));
    }
}
