//! Notes for a user's own log, kept until the maildrop process writes them.

use std::time::SystemTime;

use ipc::user_log::{Detail, MOST_OCTETS, MOST_TEXT, Note, Noted};
use logging::render;

/// When the notes have this size, in octets, they are written.
const ENOUGH: usize = MOST_OCTETS / 2;

/// The notes that are not written yet. There are none for a user without a log of their own.
pub(crate) struct UserLogNotes {
    detail: Option<Detail>,
    waiting: Vec<Note>,
    octets: usize,
}

impl UserLogNotes {
    pub(crate) fn new(detail: Option<Detail>) -> Self {
        Self { detail, waiting: Vec::new(), octets: 0 }
    }

    /// The maildrop was opened.
    pub(crate) fn opened(&mut self) {
        self.add(Detail::Sessions, || Noted::Opened);
    }

    /// A message was sent; `octets` is its size on the wire.
    pub(crate) fn retrieved(&mut self, octets: u64) {
        self.add(Detail::Sessions, || Noted::Retrieved(octets));
    }

    /// A command was carried out or refused.
    pub(crate) fn command(&mut self, text: impl std::fmt::Display) {
        self.add(Detail::Commands, || {
            let mut text: String = text.to_string().chars().filter(|c| !c.is_control()).collect();
            let end = (0..=MOST_TEXT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
            text.truncate(end);
            Noted::Command(text)
        });
    }

    /// The session ended for this reason.
    pub(crate) fn closed(&mut self, reason: &str) {
        self.add(Detail::Sessions, || Noted::Closed(reason.to_owned()));
    }

    /// Whether they must be written now.
    pub(crate) fn are_enough(&self) -> bool {
        self.octets >= ENOUGH
    }

    /// Takes the notes so far, to be written.
    pub(crate) fn take(&mut self) -> Vec<Note> {
        self.octets = 0;
        std::mem::take(&mut self.waiting)
    }

    /// Adds a note, if the log has this level of detail.
    fn add(&mut self, detail: Detail, what: impl FnOnce() -> Noted) {
        let wanted = match (self.detail, detail) {
            (None, _) | (Some(Detail::Sessions), Detail::Commands) => false,
            (Some(_), _) => true,
        };
        if wanted {
            let note = Note { time: render::now(SystemTime::now()), what: what() };
            self.octets += note.octets();
            self.waiting.push(note);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(detail: Option<Detail>) -> Vec<Noted> {
        let mut notes = UserLogNotes::new(detail);
        notes.opened();
        notes.command("RETR 1");
        notes.retrieved(7);
        notes.closed("quit");
        notes.take().into_iter().map(|note| note.what).collect()
    }

    #[test]
    fn only_what_the_log_tells_is_noted() {
        assert_eq!(noted(None), []);
        let sessions = [Noted::Opened, Noted::Retrieved(7), Noted::Closed("quit".into())];
        assert_eq!(noted(Some(Detail::Sessions)), sessions);
        assert_eq!(noted(Some(Detail::Commands)).len(), 4);
    }

    #[test]
    fn whatever_is_noted_can_be_handed_over() {
        let mut notes = UserLogNotes::new(Some(Detail::Commands));
        while !notes.are_enough() {
            notes.command("a\nb");
        }
        notes.command("\u{e9}".repeat(1000));
        let (ticket, notes) = (ipc::Ticket::issue().unwrap(), notes.take());
        assert!(ipc::wire::encode(&ipc::mail::ToMaildrop::Note { ticket, notes }).is_ok());
    }
}
