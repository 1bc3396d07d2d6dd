//! Notes for a user's own log: the session role takes them, the maildrop process writes them.

use serde::{Deserialize, Serialize};

/// The most octets of notes in a message; a note counts [`Note::OCTETS`] and its text.
pub const MOST_OCTETS: usize = 8 * 1024;
/// The longest text of a note, in octets.
pub const MOST_TEXT: usize = 600;

/// How detailed a user's log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Detail {
    /// Connections and retrieved octets.
    Sessions,
    /// Also every command.
    Commands,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When it happened, in seconds since 1970, UTC.
    pub time: u64,
    /// What happened.
    pub what: Noted,
}

/// The event of a [`Note`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Noted {
    /// The session began.
    Opened,
    /// A message of this many octets was sent.
    Retrieved(u64),
    /// A command was received. It has no control characters.
    Command(String),
    /// The session has ended, for this reason.
    Closed(String),
}

impl Note {
    /// The size of a note without its text.
    pub const OCTETS: usize = 16;

    /// Its size.
    pub fn octets(&self) -> usize {
        Self::OCTETS + self.text().len()
    }

    fn text(&self) -> &str {
        match &self.what {
            Noted::Opened | Noted::Retrieved(_) => "",
            Noted::Command(text) | Noted::Closed(text) => text,
        }
    }
}

/// Checks the notes of one message.
///
/// # Errors
///
/// What is out of bounds.
pub(crate) fn check(notes: &[Note]) -> Result<(), &'static str> {
    if notes.iter().map(Note::octets).sum::<usize>() > MOST_OCTETS {
        return Err("too many notes for a user's log");
    }
    if notes.iter().any(|note| note.text().len() > MOST_TEXT || note.text().contains(char::is_control)) {
        return Err("a malformed note for a user's log");
    }
    Ok(())
}
