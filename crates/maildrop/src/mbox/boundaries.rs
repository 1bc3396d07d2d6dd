//! Which lines of an mbox begin and end messages (settings `message_start` and `message_end`).

use std::fmt;
use std::sync::Arc;

use super::digest::{content, is_space};
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::{primitives::StateID, syntax};
use regex_automata::{Anchored, Input};

/// The patterns of the lines that begin and end a message.
#[derive(Clone, Debug, Default)]
pub struct Boundaries(Option<Arc<BoundaryPatterns>>);

impl Boundaries {
    /// What begins a message by default: `From ` at the beginning of the line.
    pub const START: &str = "^From ";
    /// What ends a message by default: a line that is empty or holds only white space.
    pub const END: &str = r"^\s*$";

    /// The boundaries that two regular expressions describe. They match octets, not characters: `.` is one
    /// octet, and `\s`, `\w` and `\b` know ASCII only. A line matches without its line end, LF or CRLF; `^`
    /// and `$` are its two ends.
    ///
    /// # Errors
    ///
    /// [`BoundaryError`] says which pattern is no regular expression or takes too much memory to match.
    pub fn new(start: &str, end: &str) -> Result<Self, BoundaryError> {
        // The scanner has these two built in.
        if (start, end) == (Self::START, Self::END) {
            return Ok(Self::default());
        }
        Self::compiled(start, end)
    }

    pub(super) fn compiled(start: &str, end: &str) -> Result<Self, BoundaryError> {
        let texts = [start.to_owned(), end.to_owned()];
        let start =
            BoundaryPattern::new(start).map_err(|problem| BoundaryError::Start(problem.to_string()))?;
        let end = BoundaryPattern::new(end).map_err(|problem| BoundaryError::End(problem.to_string()))?;
        Ok(Self(Some(Arc::new(BoundaryPatterns { start, end, texts }))))
    }

    /// The patterns as text: start, end.
    pub(super) fn texts(&self) -> [&str; 2] {
        match &self.0 {
            Some(patterns) => patterns.texts.each_ref().map(String::as_str),
            None => [Self::START, Self::END],
        }
    }

    /// Whether `line` is neither a start line nor an end line, wherever it stands.
    pub(super) fn is_content(&self, line: &[u8]) -> bool {
        let text = content(line);
        match self.patterns() {
            None => !text.starts_with(b"From ") && !text.iter().all(|&octet| is_space(octet)),
            Some(BoundaryPatterns { start, end, .. }) => {
                let matches = |pattern: &BoundaryPattern| pattern.end(pattern.feed(pattern.begin(), text));
                !matches(start) && !matches(end)
            }
        }
    }

    /// The patterns; `None` for the default ones.
    pub(super) fn patterns(&self) -> Option<&BoundaryPatterns> {
        self.0.as_deref()
    }
}

/// Which pattern cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoundaryError {
    /// `message_start`.
    Start(String),
    /// `message_end`.
    End(String),
}

impl fmt::Display for BoundaryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(why) => write!(f, "message_start: {why}"),
            Self::End(why) => write!(f, "message_end: {why}"),
        }
    }
}

impl std::error::Error for BoundaryError {}

#[derive(Debug)]
pub(super) struct BoundaryPatterns {
    pub(super) start: BoundaryPattern,
    pub(super) end: BoundaryPattern,
    texts: [String; 2],
}

/// A pattern as an automaton that takes a line in pieces of any size: a line may be too long for the memory.
pub(super) struct BoundaryPattern {
    automaton: dense::DFA<Vec<u32>>,
    begin: StateID,
}

/// What is known after a part of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineMatch {
    /// It depends on the rest of the line.
    Open(StateID),
    /// The line matches, whatever follows.
    Yes,
    /// The line does not match, whatever follows.
    No,
}

impl BoundaryPattern {
    /// The most memory for an automaton, and for building it, in octets each.
    const MOST_MEMORY: usize = 1 << 20;

    fn new(pattern: &str) -> Result<Self, PatternProblem> {
        let most = Some(Self::MOST_MEMORY);
        let octets = syntax::Config::new().unicode(false).utf8(false);
        let nfa = thompson::Config::new().utf8(false).nfa_size_limit(most);
        let dfa = dense::Config::new()
            .start_kind(StartKind::Unanchored)
            .dfa_size_limit(most)
            .determinize_size_limit(most);
        let built = dense::Builder::new().syntax(octets).thompson(nfa).configure(dfa).build(pattern);
        let automaton = built.map_err(|error| PatternProblem::of(&error))?;
        let input = Input::new(b"").anchored(Anchored::No);
        let begin = automaton
            .start_state_forward(&input)
            .map_err(|error| PatternProblem::Invalid(error.to_string()))?;
        Ok(Self { automaton, begin })
    }

    /// Nothing of a line has been seen.
    pub(super) fn begin(&self) -> LineMatch {
        self.judge(self.begin)
    }

    /// The next octets of the line.
    pub(super) fn feed(&self, so_far: LineMatch, octets: &[u8]) -> LineMatch {
        let LineMatch::Open(mut state) = so_far else { return so_far };
        for &octet in octets {
            state = self.automaton.next_state(state, octet);
            if self.automaton.is_special_state(state) {
                match self.judge(state) {
                    LineMatch::Open(_) => {}
                    known => return known,
                }
            }
        }
        LineMatch::Open(state)
    }

    /// Whether the line matches, now that it has ended.
    pub(super) fn end(&self, so_far: LineMatch) -> bool {
        match so_far {
            LineMatch::Open(state) => self.automaton.is_match_state(self.automaton.next_eoi_state(state)),
            known => known == LineMatch::Yes,
        }
    }

    fn judge(&self, state: StateID) -> LineMatch {
        if self.automaton.is_match_state(state) {
            LineMatch::Yes
        } else if self.automaton.is_dead_state(state) || self.automaton.is_quit_state(state) {
            LineMatch::No
        } else {
            LineMatch::Open(state)
        }
    }
}

/// Why a pattern cannot be used, by the administrator's mistake.
#[derive(Debug)]
enum PatternProblem {
    /// It takes more than [`BoundaryPattern::MOST_MEMORY`].
    TooLarge,
    /// It is no regular expression, for this reason.
    Invalid(String),
}

impl PatternProblem {
    fn of(error: &dense::BuildError) -> Self {
        let mut too_large = error.is_size_limit_exceeded();
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
            too_large |=
                cause.downcast_ref::<thompson::BuildError>().is_some_and(|nfa| nfa.size_limit().is_some());
        }
        if too_large {
            return Self::TooLarge;
        }
        // The message may have several lines, with the pattern and a marker in it. The last one is the
        // reason.
        let text = cause.to_string();
        let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it is not understood");
        Self::Invalid(last.trim().trim_start_matches("error: ").to_owned())
    }
}

impl fmt::Display for PatternProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => {
                let most = BoundaryPattern::MOST_MEMORY;
                write!(f, "it takes more than {most} octets to match; make it simpler")
            }
            Self::Invalid(reason) => f.write_str(reason),
        }
    }
}

impl fmt::Debug for BoundaryPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoundaryPattern")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, line: &[u8]) -> bool {
        let pattern = BoundaryPattern::new(pattern).unwrap();
        let whole = pattern.end(pattern.feed(pattern.begin(), line));
        let piecewise = line.chunks(1).fold(pattern.begin(), |so_far, piece| pattern.feed(so_far, piece));
        assert_eq!(pattern.end(piecewise), whole, "{line:?}");
        whole
    }

    #[test]
    fn lines_are_matched_as_octets() {
        for (pattern, line, expected) in [
            (Boundaries::START, &b"From a"[..], true),
            (Boundaries::START, b"From", false),
            (Boundaries::START, b">From a", false),
            (Boundaries::END, b"", true),
            (Boundaries::END, b" \t\x0b\x0c\r", true),
            (Boundaries::END, b" x", false),
            (r"^\x01\x01\x01\x01$", b"\x01\x01\x01\x01", true),
            (r"^\x01\x01\x01\x01$", b"\x01\x01\x01\x01\x01", false),
            ("end$", b"the end", true),
            ("end$", b"the end.", false),
            ("(?i)end", b"vENDor", true),
            (r"^.\xff", b"\xfe\xff", true),
            ("^é$", "é".as_bytes(), true),
            (r"\bword\b", b"a word.", true),
            (r"\bword\b", b"swords", false),
            ("(?m)^a$", b"a", true),
        ] {
            assert_eq!(matches(pattern, line), expected, "{pattern} {line:?}");
        }
    }

    #[test]
    fn what_cannot_match_any_more_is_known_at_once() {
        let pattern = BoundaryPattern::new(Boundaries::START).unwrap();
        assert_eq!(pattern.feed(pattern.begin(), b"X"), LineMatch::No);
        // A match is known one octet late.
        assert_eq!(pattern.feed(pattern.begin(), b"From  "), LineMatch::Yes);
    }

    #[test]
    fn what_is_no_pattern_says_why_in_one_line() {
        for (start, end, told) in [
            ("(", "$", "message_start: unclosed group"),
            ("^a", "[b", "message_end: unclosed character class"),
            (r"\p{Greek}", "$", "message_start: Unicode not allowed here"),
            ("(?:x{1000}){1000}", "$", "message_start: it takes more than"),
            ("[ab]*a[ab]{18}c", "$", "message_start: it takes more than"),
        ] {
            let error = Boundaries::new(start, end).unwrap_err().to_string();
            assert!(error.starts_with(told) && !error.contains('\n'), "{error}");
        }
    }
}
