//! One line from a client, before and after a login. An independent parser for the grammar of the RFCs must
//! agree on the command, on the message that it names, and on whether it is valid.
//!
//! Input: the line, without its end.
#![no_main]

use fuzz::chunks;
use libfuzzer_sys::fuzz_target;
use pop3::{CommandError, LoginName, Step, Tls, Verb};
use pop3::{
    CommandRecord, Dialogue, MAX_COMMAND_LINE, MAX_SASL_LINE, MessageListing, MessageNumber, Plaintext,
    Policy,
};
use std::sync::Arc;

/// Three messages of seven octets.
struct Three;

impl MessageListing for Three {
    fn count(&self) -> u32 {
        3
    }

    fn octets(&self, _: MessageNumber) -> u64 {
        7
    }

    fn uidl(&self, _: MessageNumber) -> &[u8] {
        b"id"
    }

    fn total_octets(&self) -> u64 {
        21
    }
}

/// The arguments that a command takes.
enum Takes {
    Nothing,
    /// A message, or nothing.
    Optional,
    Message,
    /// A message and a number of lines.
    MessageAndLines,
    /// Not checked here.
    Other,
}

/// The result of the independent parser.
#[derive(Debug, PartialEq)]
enum Reading {
    Unknown,
    /// A command, whether its arguments are valid if that is checked, and the message that it names.
    Command(&'static str, Option<bool>, Option<u32>),
}

fuzz_target!(|line: &[u8]| {
    if line.contains(&b'\n') {
        return;
    }
    let whole = [line, b"\r\n"].concat();
    for logged_in in [false, true] {
        let (out, record) = say(&whole, &[255], logged_in);
        assert_eq!((out, record), say(&whole, &[0], logged_in));
        let Some(record) = record else { continue };
        check(line, whole.len(), logged_in, &record);
    }
});

fn say(line: &[u8], sizes: &[u8], logged_in: bool) -> (Vec<u8>, Option<CommandRecord>) {
    let tls = Tls::Offered(Plaintext::Allowed);
    let mut dialogue = Dialogue::new(Arc::new(Policy::default()), tls, Arc::new(["PLAIN"]));
    let mut out = Vec::new();
    if logged_in {
        let mut input = &b"USER alice\r\nPASS x\r\n"[..];
        assert!(matches!(dialogue.step(&mut input, &mut out), Step::Replied));
        assert!(matches!(dialogue.step(&mut input, &mut out), Step::Login(_)));
        let alice = LoginName::parse(b"alice").expect("a name");
        dialogue.logged_in(alice, Three, &mut out);
        dialogue.take_record();
        out.clear();
    }
    let mut record = None;
    for mut chunk in chunks(line, sizes) {
        loop {
            let step = dialogue.step(&mut chunk, &mut out);
            record = record.or(dialogue.take_record());
            match step {
                Step::NeedInput => break,
                Step::Replied => {}
                // An effect, which nobody answers.
                _ => return (out, record),
            }
        }
    }
    (out, record)
}

fn check(line: &[u8], length: usize, logged_in: bool, record: &CommandRecord) {
    let auth = line.len() >= 5 && line[..5].eq_ignore_ascii_case(b"AUTH ");
    let limit = if auth && !logged_in { MAX_SASL_LINE } else { MAX_COMMAND_LINE };
    if length > limit {
        assert_eq!(record.refused, Some(CommandError::LineTooLong(limit)));
        return;
    }
    match read(line) {
        // A command that was added after this target was written.
        Reading::Unknown if record.verb.is_some() => {
            let keyword = record.verb.map(Verb::keyword).unwrap_or_default();
            assert!(!COMMANDS.iter().any(|(name, _)| *name == keyword), "{record:?}");
        }
        Reading::Unknown => assert_eq!(record.refused, Some(CommandError::UnknownCommand)),
        Reading::Command(keyword, right, message) => {
            assert_eq!(record.verb.map(Verb::keyword), Some(keyword));
            let usage = matches!(record.refused, Some(CommandError::Usage(_)));
            let in_place =
                !matches!(record.refused, Some(CommandError::NotBeforeLogin | CommandError::NotAfterLogin));
            if let (Some(right), true) = (right, in_place) {
                assert_eq!(usage, !right, "{record:?}");
                assert_eq!(record.message.map(MessageNumber::get), message.filter(|_| right));
                let missing = matches!(record.refused, Some(CommandError::NoSuchMessage(_)));
                assert_eq!(missing, message.is_some_and(|number| number > 3) && right, "{record:?}");
            }
        }
    }
}

const COMMANDS: [(&str, Takes); 17] = [
    ("USER", Takes::Other),
    ("PASS", Takes::Other),
    ("STAT", Takes::Nothing),
    ("LIST", Takes::Optional),
    ("UIDL", Takes::Optional),
    ("RETR", Takes::Message),
    ("DELE", Takes::Message),
    ("TOP", Takes::MessageAndLines),
    ("NOOP", Takes::Nothing),
    ("RSET", Takes::Nothing),
    ("LAST", Takes::Nothing),
    ("QUIT", Takes::Nothing),
    ("CAPA", Takes::Nothing),
    ("STLS", Takes::Nothing),
    ("AUTH", Takes::Other),
    ("UTF8", Takes::Nothing),
    ("LANG", Takes::Other),
];

/// Keywords end at the first blank and are not case-sensitive. Arguments are words separated by blanks.
fn read(line: &[u8]) -> Reading {
    let mut parts = line.splitn(2, |octet| *octet == b' ');
    let keyword = parts.next().unwrap_or_default().to_ascii_uppercase();
    let Some((name, takes)) = COMMANDS.iter().find(|(name, _)| name.as_bytes() == keyword) else {
        return Reading::Unknown;
    };
    let argument = parts.next().unwrap_or_default();
    // Tabs count as blanks around arguments and after the blank that separates them, but do not separate.
    let argument = trimmed(argument);
    let words: Vec<&[u8]> = match argument.iter().position(|octet| *octet == b' ') {
        Some(end) => vec![&argument[..end], trimmed(&argument[end..])],
        None => Some(argument).into_iter().filter(|word| !word.is_empty()).collect(),
    };
    let message = |word: &[u8]| number(word).and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
    let (right, message) = match (takes, words.as_slice()) {
        (Takes::Other, _) => return Reading::Command(name, None, None),
        (Takes::Nothing | Takes::Optional, []) => (true, None),
        (Takes::Optional | Takes::Message, [word]) => (message(word).is_some(), message(word)),
        (Takes::MessageAndLines, [word, lines]) => {
            (message(word).is_some() && number(lines).is_some(), message(word))
        }
        _ => (false, None),
    };
    Reading::Command(name, Some(right), message)
}

fn trimmed(word: &[u8]) -> &[u8] {
    let blank = |octet: &u8| matches!(octet, b' ' | b'\t');
    let start = word.iter().position(|octet| !blank(octet)).unwrap_or(word.len());
    let end = word.iter().rposition(|octet| !blank(octet)).map_or(start, |last| last + 1);
    &word[start..end]
}

fn number(word: &[u8]) -> Option<u64> {
    let digits = word.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(word).ok().filter(|_| digits)?.parse().ok()
}
