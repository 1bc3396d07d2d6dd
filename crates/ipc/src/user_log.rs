//! What goes into a user's own log: the session role notes it, the maildrop process writes it.

use serde::{Deserialize, Serialize};

/// The most octets of text and notes in one message; each note counts with [`Note::OCTETS`] and its text.
pub const MOST_OCTETS: usize = 8 * 1024;
/// The longest text of a note, in octets.
pub const MOST_TEXT: usize = 600;

/// How much a user's log tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Detail {
    /// Connections and what was retrieved.
    Sessions,
    /// Every command, too.
    Commands,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When it happened, in seconds since 1970, UTC.
    pub time: u64,
    /// What happened.
    pub what: Noted,
}

/// What a [`Note`] tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Noted {
    /// The session began.
    Opened,
    /// A message was sent, as so many octets.
    Retrieved(u64),
    /// A command was taken. Without control characters.
    Command(String),
    /// The session is over, for this reason.
    Closed(String),
}

impl Note {
    /// What a note without its text counts as.
    pub const OCTETS: usize = 16;

    /// What it counts as.
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
        return Err("a note for a user's log is none");
    }
    Ok(())
}
