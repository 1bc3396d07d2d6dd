//! Supervisor ↔ session: orders and questions in one direction, answers in the other.

use serde::{Deserialize, Serialize};

use crate::LoginId;
use crate::payload::Payload;
use crate::report::SessionFigures;
use crate::wire::ChannelMessage;

/// The longest name in [`SteerQuestion::Kick`], in octets.
pub const MOST_WHO: usize = 255;

/// The most logins of [`ToSession::Unanswered`].
pub const MOST_LOGINS: usize = 256;

/// A message of the supervisor to the session role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToSession {
    /// The descriptor of this message is the channel to a new maildrop process.
    Maildrop,
    /// A maildrop process has ended, and these logins will not be answered.
    Unanswered(Vec<LoginId>),
    /// Send `-ERR [SYS/TEMP]` to every client, close all connections and exit. Updates under way are
    /// completed first.
    ShutDown,
    /// Stop accepting, because another session role does. Exit when the last connection has ended.
    Retire,
    /// Roles were restarted.
    Restarted(Restarts),
    /// Answer this with [`FromSession`].
    Ask {
        /// The number that the answer repeats.
        number: u64,
        /// The question.
        question: SteerQuestion,
    },
}

/// The number of unexpected ends of each role since the supervisor started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restarts {
    /// The session role.
    pub session: u64,
    /// Auth processes.
    pub auth: u64,
    /// Maildrop processes that ended with an error; they are started again when they are needed.
    pub maildrop: u64,
    /// The log role.
    pub log: u64,
    /// The program mpopd-directory.
    pub directory: u64,
}

impl Restarts {
    /// The name and the number of each role.
    pub fn each(&self) -> [(&'static str, u64); 5] {
        let Self { session, auth, maildrop, log, directory } = *self;
        [("session", session), ("auth", auth), ("maildrop", maildrop), ("log", log), ("directory", directory)]
    }
}

/// A question of an administrator, which the supervisor passes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SteerQuestion {
    /// The counts.
    Figures,
    /// The list of connections.
    Connections,
    /// End the sessions of this user or, if there are none, the session with this number, in hexadecimal as
    /// in the log. Their deletions are not carried out. The answer is the number of sessions.
    Kick(String),
}

impl ChannelMessage for ToSession {
    fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::Ask { question, .. } => question.check(),
            Self::Unanswered(logins) if logins.len() > MOST_LOGINS => Err("too many logins"),
            Self::Unanswered(_) | Self::Maildrop | Self::ShutDown | Self::Retire | Self::Restarted(_) => {
                Ok(())
            }
        }
    }
}

impl SteerQuestion {
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::Kick(who) if who.is_empty() || who.len() > MOST_WHO => Err("a name out of bounds"),
            Self::Kick(_) | Self::Figures | Self::Connections => Ok(()),
        }
    }
}

/// A message of the session role to the supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromSession {
    /// It accepts connections.
    Ready,
    /// The answer to [`ToSession::Ask`].
    Answer {
        /// The number of the question.
        number: u64,
        /// The answer.
        answer: SteerAnswer,
    },
    /// All connections have ended, and the role exits now. These are its counts.
    Ending(SessionFigures),
}

/// An answer of the session role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SteerAnswer {
    /// To [`SteerQuestion::Figures`].
    Figures(SessionFigures),
    /// To [`SteerQuestion::Connections`]: packed by [`crate::report::pack`].
    Connections(Payload),
    /// To [`SteerQuestion::Kick`]: the number of sessions that are being ended.
    Kicked(u32),
    /// It cannot be answer now; the session role has logged why.
    Failed,
}

impl ChannelMessage for FromSession {
    fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::Answer { answer: SteerAnswer::Figures(figures), .. } | Self::Ending(figures) => {
                figures.check()
            }
            Self::Answer { .. } | Self::Ready => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{encode, tests::round_trip};

    const LOGIN: LoginId = LoginId { generation: u32::MAX, number: u64::MAX };

    #[test]
    fn all_survive() {
        round_trip(&ToSession::Maildrop);
        round_trip(&ToSession::ShutDown);
        round_trip(&ToSession::Unanswered(vec![LOGIN; MOST_LOGINS]));
        round_trip(&ToSession::Retire);
        round_trip(&FromSession::Ready);
        round_trip(&ToSession::Restarted(Restarts { auth: u64::MAX, ..Restarts::default() }));
        for question in
            [SteerQuestion::Figures, SteerQuestion::Connections, SteerQuestion::Kick("alice".to_owned())]
        {
            round_trip(&ToSession::Ask { number: u64::MAX, question });
        }
        let figures =
            SessionFigures { logins_failed: vec![("password".to_owned(), 3)], ..SessionFigures::default() };
        round_trip(&FromSession::Ending(figures.clone()));
        for answer in [
            SteerAnswer::Figures(figures),
            SteerAnswer::Connections(Payload::Sealed),
            SteerAnswer::Kicked(2),
            SteerAnswer::Failed,
        ] {
            round_trip(&FromSession::Answer { number: 7, answer });
        }
    }

    #[test]
    fn bounds_hold() {
        assert!(encode(&ToSession::Unanswered(vec![LOGIN; MOST_LOGINS + 1])).is_err());
        let kick = |who: String| ToSession::Ask { number: 1, question: SteerQuestion::Kick(who) };
        assert!(encode(&kick("u".repeat(MOST_WHO))).is_ok());
        assert!(encode(&kick("u".repeat(MOST_WHO + 1))).is_err());
        assert!(encode(&kick(String::new())).is_err());
        let answer = |word: &str| {
            let figures =
                SessionFigures { logins_failed: vec![(word.to_owned(), 3)], ..SessionFigures::default() };
            FromSession::Answer { number: 1, answer: SteerAnswer::Figures(figures) }
        };
        assert!(encode(&answer("two words")).is_err());
    }
}
