//! A user's own log: the file that auth has opened, and the lines in it.

use std::fs::File;
use std::io::{self, Write as _};

use ipc::user_log::{Detail, Note, Noted};
use logging::{Untrusted, append, render};

pub(crate) struct UserLog {
    file: File,
    detail: Detail,
    /// Whether it was logged that the file cannot be written.
    complained: bool,
}

impl UserLog {
    pub(crate) fn new(file: File, detail: Detail) -> Self {
        Self { file, detail, complained: false }
    }

    pub(crate) fn detail(&self) -> Detail {
        self.detail
    }

    /// Writes what the session has noted. Lines that cannot be written are lost: the user's mail does not
    /// wait for them.
    pub(crate) fn write(&mut self, user: &str, notes: &[Note]) {
        if notes.is_empty() {
            return;
        }
        let mut text = Vec::with_capacity(notes.len() * 48);
        for note in notes {
            line(note, &mut text);
        }
        let written = append(&mut self.file, &text).and_then(|written| {
            if written == text.len() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
        });
        if let Err(error) = written
            && !std::mem::replace(&mut self.complained, true)
        {
            tracing::warn!(
                "the own log of user={} cannot be written and lacks lines: {error}",
                Untrusted(user.as_bytes())
            );
        }
    }
}

fn line(note: &Note, out: &mut Vec<u8>) {
    let date = render::date(note.time);
    let _ = match &note.what {
        Noted::Opened => writeln!(out, "{date} CONNECTION OPENED"),
        Noted::Retrieved(octets) => writeln!(out, "RETRieved\t{octets}\t{date}"),
        Noted::Command(text) => writeln!(out, "{date} {text}"),
        Noted::Closed(reason) => writeln!(out, "{date} CONNECTION CLOSED {reason}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_those_of_the_interface() {
        let mut out = Vec::new();
        for what in [
            Noted::Opened,
            Noted::Command("RETR 1".into()),
            Noted::Retrieved(1024),
            Noted::Closed("quit".into()),
        ] {
            line(&Note { time: 1_793_700_000, what }, &mut out);
        }
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "2026-11-03T10:00:00Z CONNECTION OPENED\n2026-11-03T10:00:00Z RETR 1\n\
             RETRieved\t1024\t2026-11-03T10:00:00Z\n2026-11-03T10:00:00Z CONNECTION CLOSED quit\n"
        );
    }
}
