//! Adding up what the logs say.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::Serialize;

use crate::moment::Moment;

/// The most users to tell apart; all others count only in the totals.
const MOST_USERS: usize = 1_000_000;
/// More days than a log can have, since a damaged log could name any number of them.
const MOST_DAYS: usize = 36_525;

/// Something that happened, according to a line of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogEvent {
    /// A user logged in.
    Connected,
    /// Messages were sent.
    Sent { messages: u64, octets: u64 },
    /// A login failed.
    Failed,
    /// A session ended.
    Ended,
}

/// Figures of a user, of a day, or of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct TrafficFigures {
    /// Sessions.
    pub(crate) connects: u64,
    /// Messages sent, whole or in part.
    pub(crate) messages: u64,
    /// Octets of these messages.
    pub(crate) bytes: u64,
}

/// Figures of one user, and when they begin and end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct UserFigures {
    #[serde(flatten)]
    pub(crate) figures: TrafficFigures,
    pub(crate) first: Option<Moment>,
    pub(crate) last: Option<Moment>,
}

/// Everything that the logs say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogTally {
    pub(crate) users: BTreeMap<String, UserFigures>,
    /// By day, counted from 1970-01-01. Lines without a date count for no day.
    pub(crate) days: BTreeMap<u32, TrafficFigures>,
    pub(crate) total: TrafficFigures,
    pub(crate) first: Option<Moment>,
    pub(crate) last: Option<Moment>,
    /// Failed logins, which only the central log has.
    pub(crate) failed: u64,
    /// Lines that should count, but cannot be read.
    pub(crate) torn: u64,
    /// Whether there are more users than are told apart.
    pub(crate) crowded: bool,
}

impl LogTally {
    /// Counts an event of a user. A failed login counts only in the total, since anyone can send any name.
    pub(crate) fn count(&mut self, user: &str, event: LogEvent, when: Option<Moment>) {
        let figures = match event {
            LogEvent::Connected => TrafficFigures { connects: 1, ..TrafficFigures::default() },
            LogEvent::Sent { messages, octets } => TrafficFigures { messages, bytes: octets, connects: 0 },
            LogEvent::Ended => TrafficFigures::default(),
            LogEvent::Failed => {
                self.failed += 1;
                return;
            }
        };
        self.total += figures;
        widen(&mut self.first, &mut self.last, when);
        if let Some(day) = when.map(Moment::day)
            && (self.days.len() < MOST_DAYS || self.days.contains_key(&day))
        {
            *self.days.entry(day).or_default() += figures;
        }
        if let Some(user) = self.user(user) {
            user.figures += figures;
            widen(&mut user.first, &mut user.last, when);
        }
    }

    /// The users, ordered by bytes fetched, most first.
    pub(crate) fn ranked(&self) -> Vec<(&str, &UserFigures)> {
        let mut users: Vec<_> = self.users.iter().map(|(name, user)| (name.as_str(), user)).collect();
        users.sort_by_key(|(_, user)| std::cmp::Reverse((user.figures.bytes, user.figures.connects)));
        users
    }

    fn user(&mut self, name: &str) -> Option<&mut UserFigures> {
        if !self.users.contains_key(name) {
            if self.users.len() >= MOST_USERS {
                self.crowded = true;
                return None;
            }
            self.users.insert(name.to_owned(), UserFigures::default());
        }
        self.users.get_mut(name)
    }
}

impl AddAssign for TrafficFigures {
    /// Saturates, since a damaged log can claim any number.
    fn add_assign(&mut self, other: Self) {
        self.connects = self.connects.saturating_add(other.connects);
        self.messages = self.messages.saturating_add(other.messages);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

fn widen(first: &mut Option<Moment>, last: &mut Option<Moment>, when: Option<Moment>) {
    let Some(when) = when else { return };
    *first = Some(first.map_or(when, |first| first.min(when)));
    *last = Some(last.map_or(when, |last| last.max(when)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_days_and_all_are_added_up() {
        let mut tally = LogTally::default();
        let at = |text: &str| Moment::parse(text);
        tally.count("bob", LogEvent::Connected, at("2026-11-02T23:59:59Z"));
        tally.count("bob", LogEvent::Sent { messages: 2, octets: 500 }, at("2026-11-03T00:00:01Z"));
        tally.count("amy", LogEvent::Connected, at("2026-11-01T00:00:00Z"));
        tally.count("amy", LogEvent::Connected, None);
        tally.count("eve", LogEvent::Failed, at("2026-11-05T00:00:00Z"));
        assert_eq!(tally.total, TrafficFigures { connects: 3, messages: 2, bytes: 500 });
        assert_eq!(tally.ranked().iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["bob", "amy"]);
        assert_eq!(tally.days.values().map(|day| day.connects).collect::<Vec<_>>(), [1, 1, 0]);
        assert_eq!((tally.first, tally.last), (at("2026-11-01T00:00:00Z"), at("2026-11-03T00:00:01Z")));
        assert_eq!(tally.failed, 1);
    }

    #[test]
    fn no_number_is_too_large() {
        let mut tally = LogTally::default();
        for _ in 0..2 {
            tally.count("a", LogEvent::Sent { messages: u64::MAX, octets: u64::MAX }, None);
        }
        assert_eq!(tally.total.bytes, u64::MAX);
    }
}
