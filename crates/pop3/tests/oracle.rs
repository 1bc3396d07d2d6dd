//! The dialogue against an oracle: a model of RFC 1939 that was written apart from it, out of strings and vectors, with
//! none of its types. Any octets in any chunks must be answered as the oracle answers them whole.
//!
//! The oracle says of every reply what programs act on: the status, the response code, the numbers, the body. The words
//! for humans are not its business.

mod common;

use common::{Maildrop, PASSWORD, Session};
use pop3::{Commit, Policy};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

const MESSAGES: [&[u8]; 5] = [
    b"Subject: one\n\nbody\n.dot\nlast",
    b"",
    b".first\r\n\r\n\r\nmixed\nends\r",
    b"no body\nat all\n",
    b"\n\n\n",
];
/// What a client would have after RETR, written down by hand.
const DECODED: [&str; 5] = [
    "Subject: one\r\n\r\nbody\r\n.dot\r\nlast\r\n",
    "",
    ".first\r\n\r\n\r\nmixed\r\nends\r\r\n",
    "no body\r\nat all\r\n",
    "\r\n\r\n\r\n",
];
/// The message that the driver cannot read.
const BROKEN: usize = 4;
/// Small enough to be reached by chance.
const MAX_BAD: u32 = 4;

#[derive(Debug, PartialEq)]
enum Expected {
    /// `+OK`, with exactly this text if it matters.
    Ok(Option<String>),
    /// `-ERR`, with this response code or none.
    Err(Option<&'static str>),
    /// `+OK`, with exactly this text if it matters, and these decoded lines.
    Body(Option<String>, String),
}

/// The model. `user` is a name that waits for PASS, `mail` is there after the login.
#[derive(Default)]
struct Oracle {
    user: Option<String>,
    mail: Option<Mail>,
    failed: u32,
    bad: u32,
    over: bool,
    removed: Option<Vec<usize>>,
}

#[derive(Default)]
struct Mail {
    deleted: BTreeSet<usize>,
    last: usize,
}

impl Mail {
    fn kept(&self) -> Vec<usize> {
        (1..=MESSAGES.len()).filter(|n| !self.deleted.contains(n)).collect()
    }

    fn size(n: usize) -> usize {
        DECODED[n - 1].len()
    }

    fn count(&self) -> String {
        let (messages, octets) = self.stat();
        format!("{messages} messages ({octets} octets)")
    }

    fn stat(&self) -> (usize, usize) {
        let kept = self.kept();
        (kept.len(), kept.iter().map(|n| Self::size(*n)).sum())
    }
}

/// A bad command, or the end of a command that is not.
enum Verdict {
    Bad,
    Good(Expected),
}

impl Oracle {
    /// Everything that is answered to these octets.
    fn answer(&mut self, input: &[u8]) -> Vec<Expected> {
        let mut replies = Vec::new();
        let mut rest = input;
        while !self.over && !rest.is_empty() {
            let end = rest.iter().position(|octet| *octet == b'\n');
            let length = end.map_or(rest.len(), |end| end + 1);
            let line = &rest[..length];
            rest = &rest[length..];
            let verdict = match (length > 255, end) {
                (true, _) => Verdict::Bad,
                (false, None) if length == 255 => Verdict::Bad,
                (false, None) => break,
                (false, Some(_)) => self.command(line),
            };
            match verdict {
                Verdict::Good(reply) => {
                    self.bad = 0;
                    replies.push(reply);
                }
                Verdict::Bad => {
                    self.bad += 1;
                    self.over = self.bad == MAX_BAD;
                    replies.push(Expected::Err(None));
                }
            }
        }
        replies
    }

    fn command(&mut self, line: &[u8]) -> Verdict {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let space = line.iter().position(|octet| *octet == b' ').unwrap_or(line.len());
        let keyword = String::from_utf8_lossy(&line[..space]).to_ascii_uppercase();
        let argument = line.get(space + 1..).unwrap_or_default();
        // None of the generated arguments but passwords needs octets that are not text.
        let text = String::from_utf8_lossy(argument).into_owned();
        let words: Vec<&str> = text.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        match (keyword.as_str(), words.as_slice()) {
            ("CAPA", []) => good_body(
                None,
                "TOP\r\nUSER\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n",
            ),
            ("QUIT", []) => self.quit(),
            ("USER", [_, ..]) => self.user(argument),
            ("PASS", _) => self.pass(argument),
            (keyword, words) => match &mut self.mail {
                Some(mail) => mail.command(keyword, words),
                None => Verdict::Bad,
            },
        }
    }

    fn quit(&mut self) -> Verdict {
        self.over = true;
        if let Some(mail) = &self.mail {
            self.removed = Some(mail.deleted.iter().copied().collect());
        }
        ok(None)
    }

    fn user(&mut self, argument: &[u8]) -> Verdict {
        match String::from_utf8(argument.to_vec()) {
            Ok(name) if self.mail.is_none() => {
                let name = name.trim_matches([' ', '\t']);
                if name.contains(char::is_control) {
                    return Verdict::Bad;
                }
                self.user = Some(name.to_owned());
                ok(None)
            }
            _ => Verdict::Bad,
        }
    }

    fn pass(&mut self, password: &[u8]) -> Verdict {
        if self.mail.is_some() || password.is_empty() || password.contains(&0) {
            return Verdict::Bad;
        }
        let Some(user) = self.user.take() else { return Verdict::Bad };
        let code = match user.as_str() {
            _ if password != PASSWORD => "AUTH",
            "busy" => "IN-USE",
            "down" | "many" => "SYS/TEMP",
            _ => {
                self.mail = Some(Mail::default());
                return ok(None);
            }
        };
        self.failed += 1;
        self.over = self.failed == 3;
        Verdict::Good(Expected::Err(Some(code)))
    }
}

impl Mail {
    fn command(&mut self, keyword: &str, words: &[&str]) -> Verdict {
        let number = words.first().map(|word| number(word));
        match (keyword, words.len(), number) {
            ("STAT", 0, _) => {
                let (messages, octets) = self.stat();
                ok(Some(format!("{messages} {octets}")))
            }
            ("NOOP", 0, _) => ok(None),
            ("LAST", 0, _) => ok(Some(self.last.to_string())),
            ("RSET", 0, _) => {
                *self = Self::default();
                ok(None)
            }
            ("LIST", 0, _) => good_body(Some(self.count()), &self.table(|n| Self::size(n).to_string())),
            ("UIDL", 0, _) => good_body(None, &self.table(|n| format!("id<{n}>"))),
            ("LIST", 1, Some(Some(n))) => self.with(n, |_, n| ok(Some(format!("{n} {}", Self::size(n))))),
            ("UIDL", 1, Some(Some(n))) => self.with(n, |_, n| ok(Some(format!("{n} id<{n}>")))),
            ("DELE", 1, Some(Some(n))) => self.with(n, |mail, n| {
                mail.deleted.insert(n);
                ok(None)
            }),
            ("RETR", 1, Some(Some(n))) => self.with(n, |mail, n| {
                mail.last = mail.last.max(n);
                good_body(Some(format!("{} octets", Self::size(n))), DECODED[n - 1])
            }),
            ("TOP", 2, Some(Some(n))) => match words[1].parse::<u64>() {
                Ok(lines) if !words[1].starts_with('+') => {
                    self.with(n, |_, n| good_body(None, &top(DECODED[n - 1], lines)))
                }
                _ => Verdict::Bad,
            },
            _ => Verdict::Bad,
        }
    }

    /// Runs a command on a message that is there. RETR and TOP of the broken one fail.
    fn with(&mut self, n: usize, run: impl FnOnce(&mut Self, usize) -> Verdict) -> Verdict {
        if n > MESSAGES.len() || self.deleted.contains(&n) {
            return Verdict::Good(Expected::Err(None));
        }
        let last = self.last;
        match run(self, n) {
            Verdict::Good(Expected::Body(..)) if n == BROKEN => {
                self.last = last;
                Verdict::Good(Expected::Err(Some("SYS/TEMP")))
            }
            verdict => verdict,
        }
    }

    fn table(&self, value: impl Fn(usize) -> String) -> String {
        self.kept().into_iter().map(|n| format!("{n} {}\r\n", value(n))).collect()
    }
}

fn number(word: &str) -> Option<usize> {
    let digits = word.chars().all(|c| c.is_ascii_digit());
    word.parse::<u32>().ok().filter(|n| digits && *n > 0).map(|n| n as usize)
}

fn top(message: &str, lines: u64) -> String {
    let mut wanted = None;
    let mut kept = String::new();
    for line in message.split_inclusive("\r\n") {
        match &mut wanted {
            Some(0) => break,
            Some(lines) => *lines -= 1,
            None if line == "\r\n" => wanted = Some(lines),
            None => {}
        }
        kept.push_str(line);
    }
    kept
}

fn ok(text: Option<String>) -> Verdict {
    Verdict::Good(Expected::Ok(text))
}

fn good_body(text: Option<String>, body: &str) -> Verdict {
    Verdict::Good(Expected::Body(text, body.to_owned()))
}

/// Takes one line off the front.
fn line<'a>(output: &mut &'a str) -> &'a str {
    let (line, rest) =
        output.split_once("\r\n").unwrap_or_else(|| panic!("a reply is missing or not ended: {output:?}"));
    *output = rest;
    line
}

/// Checks what was sent, to its last octet.
fn check(mut output: &str, expected: &[Expected]) {
    for reply in expected {
        let status = line(&mut output);
        match reply {
            Expected::Ok(text) | Expected::Body(text, _) => {
                let sent =
                    status.strip_prefix("+OK ").unwrap_or_else(|| panic!("{status:?} in place of {reply:?}"));
                assert!(text.as_ref().is_none_or(|text| text == sent), "{status:?} in place of {reply:?}");
            }
            Expected::Err(code) => {
                let sent = status
                    .strip_prefix("-ERR ")
                    .unwrap_or_else(|| panic!("{status:?} in place of {reply:?}"));
                let sent = sent.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(code, _)| code);
                assert_eq!(sent, *code, "{status:?}");
            }
        }
        if let Expected::Body(_, body) = reply {
            let mut sent = String::new();
            loop {
                match line(&mut output) {
                    "." => break,
                    line => sent.extend([line.strip_prefix('.').unwrap_or(line), "\r\n"]),
                }
            }
            assert_eq!(&sent, body);
        }
    }
    assert_eq!(output, "", "more was sent than {expected:?}");
}

/// Lines of a client that knows the protocol, so that sessions become long and their state rich.
fn good_line() -> impl Strategy<Value = String> {
    let word = |words: &'static [&'static str]| prop::sample::select(words);
    let number = 1..=MESSAGES.len();
    prop_oneof![
        4 => word(&["STAT", "LIST", "UIDL", "LAST", "last", "NOOP", "CAPA"]).prop_map(String::from),
        1 => Just("RSET".to_owned()),
        6 => (word(&["RETR", "Retr", "DELE", "LIST", "uidl"]), number.clone()).prop_map(|(verb, n)| format!("{verb} {n}")),
        2 => (number, 0..4).prop_map(|(n, lines)| format!("TOP {n} {lines}")),
    ]
}

/// Lines around a login, right and wrong.
fn login_line() -> impl Strategy<Value = String> {
    let lines = [
        "USER alice",
        "USER busy",
        "USER down",
        "USER many",
        "PASS open sesame",
        "pass open sesame",
        "PASS wrong",
        "USER alice\r\nPASS open sesame",
        "USER alice\r\nPASS wrong",
        "USER busy\r\nPASS open sesame",
        "CAPA",
    ];
    prop::sample::select(lines.to_vec()).prop_map(String::from)
}

/// Lines that are mostly wrong.
fn bad_line() -> impl Strategy<Value = Vec<u8>> {
    let word = |words: &'static [&'static str]| prop::sample::select(words);
    let number = word(&["0", "02", "6", "-1", "+1", "4294967297", "x", " 2 ", "1 1", ""]);
    let verb = word(&["STAT", "LIST", "UIDL", "RETR", "DELE", "NOOP", "RSET", "LAST", "CAPA", "HELP"]);
    let top = (word(&["1", "9", "0"]), word(&["-1", "+1", "", "99"]));
    let text = prop_oneof![
        4 => (verb, number).prop_map(|(verb, number)| format!("{verb} {number}")),
        1 => top.prop_map(|(number, lines)| format!("TOP {number} {lines}")),
        1 => word(&["USER", "PASS", "PASS ", "USER a\tb", "QUIT now", ""]).prop_map(String::from),
        1 => (240usize..270).prop_map(|length| format!("NOOP{}", " ".repeat(length - 4))),
    ];
    prop_oneof![4 => text.prop_map(String::into_bytes), 1 => vec(any::<u8>(), 0..12)]
}

fn client_line() -> impl Strategy<Value = Vec<u8>> {
    let content = prop_oneof![
        40 => good_line().prop_map(String::into_bytes),
        8 => login_line().prop_map(String::into_bytes),
        8 => bad_line(),
        1 => Just(b"QUIT".to_vec()),
    ];
    let ends: &[&str] = &["\r\n", "\r\n", "\r\n", "\r\n", "\n", "\n", "\r\r\n", ""];
    (content, prop::sample::select(ends)).prop_map(|(mut line, end)| {
        line.extend(end.as_bytes());
        line
    })
}

/// A dialogue that begins with attempts to log in, or inside a session.
fn dialogue() -> impl Strategy<Value = Vec<u8>> {
    let login =
        vec(login_line().prop_map(|line| format!("{line}\r\n")), 0..8).prop_map(|lines| lines.concat());
    let start = prop_oneof![Just("USER alice\r\nPASS open sesame\r\n".to_owned()), login];
    (start, vec(client_line(), 0..50))
        .prop_map(|(start, lines)| [start.into_bytes(), lines.concat()].concat())
}

fn session(maildrop: &Arc<Maildrop>) -> Session {
    let policy = Policy { max_bad_commands: MAX_BAD, ..Policy::default() };
    let mut session = Session::with(maildrop, policy, pop3::Plaintext::Allowed);
    session.commit = Commit::Done;
    session.broken = Some(BROKEN as u32);
    session
}

/// Runs the input in chunks of these sizes, taken in turn, and compares it with the oracle.
fn compare(input: &[u8], sizes: &[usize]) {
    let mut session = session(&Maildrop::new(&MESSAGES));
    let mut rest = input;
    for size in sizes.iter().cycle() {
        if rest.is_empty() || session.closed.is_some() {
            break;
        }
        let (chunk, tail) = rest.split_at((*size).min(rest.len()));
        session.read_size = *size;
        session.receive(chunk);
        rest = tail;
    }
    let mut oracle = Oracle::default();
    let expected = oracle.answer(input);
    check(&String::from_utf8_lossy(&session.out), &expected);
    assert_eq!(session.closed.is_some(), oracle.over);
    let removed = oracle.removed.map(|removed| removed.into_iter().map(|n| n as u32).collect());
    assert_eq!(session.removed, removed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_dialogue_in_any_chunks_is_answered_as_the_oracle_says(
        input in dialogue(), sizes in vec(1usize..300, 1..5),
    ) {
        compare(&input, &sizes);
        compare(&input, &[1]);
    }

    #[test]
    fn any_octets_in_any_chunks_are_answered_as_the_oracle_says(
        input in vec(any::<u8>(), 0..2000), sizes in vec(1usize..300, 1..5),
    ) {
        compare(&input, &sizes);
    }
}

#[test]
fn the_oracle_and_the_dialogue_agree_on_a_whole_session() {
    let input = b"CAPA\r\nUSER alice\r\nPASS open sesame\r\nSTAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nRETR 2\r\nRETR 3\r\n\
        RETR 4\r\nRETR 5\r\nTOP 1 0\r\nTOP 3 1\r\nLAST\r\nDELE 1\r\nDELE 5\r\nLIST\r\nRSET\r\nDELE 2\r\nSTAT\r\nQUIT\r\n";
    compare(input, &[7]);
    let mut oracle = Oracle::default();
    assert_eq!(oracle.answer(input).len(), 21);
    assert_eq!(oracle.removed, Some(vec![2]));
}
