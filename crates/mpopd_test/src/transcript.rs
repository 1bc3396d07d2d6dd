//! The dialogue of a session, kept so that a failure can be shown with what led to it.

use std::fmt;
use std::time::{Duration, Instant};

/// Octets to keep; older lines are dropped first.
const KEPT: usize = 16 * 1024;

/// The lines of one session, newest last, with their times. Of the body of a multi-line reply only the size
/// is noted, and no password gets in here.
#[derive(Debug)]
pub(crate) struct Transcript {
    began: Instant,
    lines: Vec<TranscriptLine>,
    text: Vec<u8>,
    forgotten: usize,
}

#[derive(Debug)]
struct TranscriptLine {
    at: Duration,
    who: LineOrigin,
    /// Where the line ends in `text`.
    end: usize,
}

#[derive(Clone, Copy, Debug)]
enum LineOrigin {
    Client,
    Server,
    Note,
}

impl Transcript {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), lines: Vec::new(), text: Vec::new(), forgotten: 0 }
    }

    /// Discards the contents and keeps the memory, for the next session.
    pub(crate) fn restart(&mut self, began: Instant) {
        self.began = began;
        self.lines.clear();
        self.text.clear();
        self.forgotten = 0;
    }

    /// The client sent `line`, here without its CRLF.
    pub(crate) fn client(&mut self, line: &[u8], now: Instant) {
        self.push(LineOrigin::Client, &[line], now);
    }

    /// The server sent a status line.
    pub(crate) fn server(&mut self, indicator: &str, text: &[u8], now: Instant) {
        self.push(LineOrigin::Server, &[indicator.as_bytes(), b" ", text], now);
    }

    /// Adds something else that a reader wants to know.
    pub(crate) fn note(&mut self, text: &str, now: Instant) {
        self.push(LineOrigin::Note, &[text.as_bytes()], now);
    }

    fn push(&mut self, who: LineOrigin, pieces: &[&[u8]], now: Instant) {
        if self.text.len() > KEPT {
            self.forget_older_half();
        }
        for piece in pieces {
            self.text.extend_from_slice(piece);
        }
        let at = now.saturating_duration_since(self.began);
        self.lines.push(TranscriptLine { at, who, end: self.text.len() });
    }

    fn forget_older_half(&mut self) {
        let half = self.lines.len().div_ceil(2);
        let cut = self.lines[half - 1].end;
        self.lines.drain(..half);
        self.text.drain(..cut);
        for entry in &mut self.lines {
            entry.end -= cut;
        }
        self.forgotten += half;
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.forgotten > 0 {
            writeln!(f, "  ({} earlier lines are not kept)", self.forgotten)?;
        }
        let mut start = 0;
        for entry in &self.lines {
            let who = match entry.who {
                LineOrigin::Client => "C:",
                LineOrigin::Server => "S:",
                LineOrigin::Note => "  ",
            };
            let line = String::from_utf8_lossy(&self.text[start..entry.end]);
            writeln!(f, "  {:>9.3} ms  {who} {}", entry.at.as_secs_f64() * 1e3, line.escape_debug())?;
            start = entry.end;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_shown_in_order_and_made_harmless() {
        let mut transcript = Transcript::new();
        let now = transcript.began;
        transcript.server("+OK", b"ready \x1b[2J", now);
        transcript.client(b"STAT", now + Duration::from_micros(1500));
        let shown = transcript.to_string();
        assert_eq!(shown, "      0.000 ms  S: +OK ready \\u{1b}[2J\n      1.500 ms  C: STAT\n");
    }

    #[test]
    fn a_long_session_keeps_its_newest_lines() {
        let mut transcript = Transcript::new();
        let now = transcript.began;
        for n in 0..10_000 {
            transcript.client(format!("RETR {n}").as_bytes(), now);
        }
        let shown = transcript.to_string();
        assert!(shown.ends_with("C: RETR 9999\n") && shown.contains("earlier lines are not kept"));
        assert!(transcript.text.len() <= KEPT + 16);
        assert_eq!(shown.lines().count() + transcript.forgotten, 10_001);
    }
}
