//! The messages of an mbox. In any file, in chunks of any size, and if two threads share the file, both
//! scanners find what a third one finds that reads the whole file line by line. The octets are those on the
//! wire. Unquoting of `From ` lines gives the same as a naive version.
//!
//! Input: where to share, three chunk sizes, then the file.
#![no_main]

use fuzz::{Input, chunks, on_wire};
use libfuzzer_sys::fuzz_target;
use maildrop::Boundaries;
use maildrop::fuzzing::{FoundMessage, scan, scan_shared, unquote};
use std::sync::LazyLock;
use vocabulary::UnescapeFrom;

/// Boundaries, and which lines they match.
struct Rule {
    boundaries: Boundaries,
    begins: fn(&[u8]) -> bool,
    ends: fn(&[u8]) -> bool,
    /// Threads may share a file.
    shared: bool,
}

fn from_line(line: &[u8]) -> bool {
    line.starts_with(b"From ")
}

/// The white space of a regular expression's `\s`.
fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|octet| matches!(octet, b' ' | b'\t' | b'\r' | b'\x0b' | b'\x0c'))
}

fn is_mmdf(line: &[u8]) -> bool {
    line == b"\x01\x01\x01\x01"
}

static RULES: LazyLock<[Rule; 4]> = LazyLock::new(|| {
    let own = |start, end| Boundaries::new(start, end).expect("patterns");
    [
        Rule { boundaries: Boundaries::default(), begins: from_line, ends: is_blank, shared: true },
        // The same, written so that the slow scanner takes them.
        Rule { boundaries: own("^From( )", r"^\s*$"), begins: from_line, ends: is_blank, shared: false },
        Rule {
            boundaries: own(r"^\x01\x01\x01\x01$", r"^\x01\x01\x01\x01$"),
            begins: is_mmdf,
            ends: is_mmdf,
            shared: false,
        },
        Rule {
            boundaries: own("b$", "e"),
            begins: |line| line.ends_with(b"b"),
            ends: |line| line.contains(&b'e'),
            shared: false,
        },
    ]
});

fuzz_target!(|data: &[u8]| {
    let Some(Input { control: [share, sizes @ ..], content: file }) = Input::new(data, 4) else { return };
    for rule in RULES.iter() {
        let expected = naive(rule, file);
        let whole = scan(&rule.boundaries, [file]);
        check(file, &whole, &expected);
        assert_eq!(scan(&rule.boundaries, chunks(file, sizes)), whole);
        assert_eq!(scan(&rule.boundaries, chunks(file, &[0])), whole);
        if rule.shared {
            assert_eq!(scan_shared(file, usize::from(*share) * file.len() / 255), whole);
        }
    }
    for unescape in [UnescapeFrom::Mboxo, UnescapeFrom::Mboxrd] {
        let expected = naive_unquote(unescape, file);
        assert_eq!(unquote(unescape, [file]), expected);
        assert_eq!(unquote(unescape, chunks(file, sizes)), expected);
        assert_eq!(unquote(unescape, chunks(file, &[0])), expected);
    }
});

fn check(file: &[u8], found: &Option<Vec<FoundMessage>>, expected: &Option<Vec<[usize; 3]>>) {
    let places = |found: &FoundMessage| [found.start, found.content, found.end].map(|at| at as usize);
    let shown = found.as_ref().map(|found| found.iter().map(places).collect::<Vec<_>>());
    assert_eq!(shown, *expected);
    for message in found.iter().flatten() {
        let content = &file[message.content as usize..message.end as usize];
        assert_eq!(message.octets, on_wire(content).len() as u64, "{message:?}");
    }
}

/// The rule of mpopd.conf(5): a start line directly after the beginning of the file or after an end line
/// begins a message; the end line before it, and one at the end of the file, belong to none. What comes
/// before the first start line can only be end lines.
fn naive(rule: &Rule, file: &[u8]) -> Option<Vec<[usize; 3]>> {
    let mut lines = Vec::new();
    let mut at = 0;
    for line in file.split_inclusive(|octet| *octet == b'\n') {
        // A CR belongs to the end of a line only before its LF.
        let text = match line.strip_suffix(b"\n") {
            Some(text) => text.strip_suffix(b"\r").unwrap_or(text),
            None => line,
        };
        lines.push((at, text));
        at += line.len();
    }
    let mut messages: Vec<[usize; 3]> = Vec::new();
    let mut end_line = None;
    let mut may_begin = true;
    for (nth, (at, text)) in lines.iter().enumerate() {
        let begins = may_begin && (rule.begins)(text);
        let ends = !begins && (rule.ends)(text);
        if begins {
            let next = lines.get(nth + 1).map_or(file.len(), |(at, _)| *at);
            if let Some(message) = messages.last_mut() {
                message[2] = end_line.unwrap_or(*at);
            }
            messages.push([*at, next, file.len()]);
        } else if messages.is_empty() && !ends {
            return None;
        }
        end_line = ends.then_some(*at);
        may_begin = ends;
    }
    if let (Some(message), Some(end)) = (messages.last_mut(), end_line) {
        message[2] = end;
    }
    Some(messages)
}

/// The rule, line by line: in the body, `>From ` was once `From `, and in mboxrd `>>From ` was `>From `.
fn naive_unquote(unescape: UnescapeFrom, message: &[u8]) -> (Vec<u8>, u32) {
    let (mut out, mut removed, mut header) = (Vec::new(), 0, true);
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        let quotes = line.iter().take_while(|octet| **octet == b'>').count();
        let quoted = if unescape == UnescapeFrom::Mboxrd { quotes >= 1 } else { quotes == 1 };
        if !header && quoted && line[quotes..].starts_with(b"From ") {
            out.extend(&line[1..]);
            removed += 1;
        } else {
            out.extend(line);
        }
        header = header && !matches!(line, b"\n" | b"\r\n");
    }
    (out, removed)
}
