//! The model.

#![allow(unreachable_pub, reason = "a module of a test program")]

use super::common::PASSWORD;
use std::collections::BTreeSet;

pub const MESSAGES: [&[u8]; 5] = [
    b"Subject: one\n\nbody\n.dot\nlast",
    b"",
    b".first\r\n\r\n\r\nmixed\nends\r",
    b"no body\nat all\n",
    b"\n\n\n",
];
/// What a client has after RETR, written by hand.
const DECODED: [&str; 5] = [
    "Subject: one\r\n\r\nbody\r\n.dot\r\nlast\r\n",
    "",
    ".first\r\n\r\n\r\nmixed\r\nends\r\r\n",
    "no body\r\nat all\r\n",
    "\r\n\r\n\r\n",
];
/// The number of the message that the driver cannot read.
pub const BROKEN: usize = 4;
/// Small enough for random input to reach it.
pub const MAX_BAD: u32 = 4;

#[derive(Debug, PartialEq)]
pub enum Expected {
    /// `+OK`, with exactly this text if it matters.
    Ok(Option<String>),
    /// `-ERR`, with this response code or none.
    Err(Option<&'static str>),
    /// `+OK`, with exactly this text if it matters, and these decoded lines.
    Body(Option<String>, String),
    /// `+ ` and this text.
    Challenge(&'static str),
}

/// The model. `user` is the name from USER until PASS, `mail` exists after the login, `exchange` is the
/// mechanism of an open exchange with the responses so far.
#[derive(Default)]
pub struct Oracle {
    passwords_forbidden: bool,
    pub encrypted: bool,
    utf8: bool,
    german: bool,
    exchange: Option<(&'static str, Vec<Vec<u8>>)>,
    user: Option<String>,
    mail: Option<Mail>,
    pub failed: u32,
    bad: u32,
    pub over: bool,
    pub removed: Option<Vec<usize>>,
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

    fn count(&self, german: bool) -> String {
        let (messages, octets) = self.stat();
        match german {
            false => format!("{messages} messages ({octets} octets)"),
            true => format!("{messages} Nachrichten ({octets} Oktette)"),
        }
    }

    fn stat(&self) -> (usize, usize) {
        let kept = self.kept();
        (kept.len(), kept.iter().map(|n| Self::size(*n)).sum())
    }
}

/// The result of a line.
enum Verdict {
    /// A bad command.
    Bad,
    /// A refusal that leaves the count of bad commands as it is.
    Ended,
    /// A command that resets that count.
    Good(Expected),
}

impl Oracle {
    pub fn new(passwords_forbidden: bool) -> Self {
        Self { passwords_forbidden, ..Self::default() }
    }

    /// All replies to these octets, which came in chunks that end at `chunk_ends`.
    pub fn answer(&mut self, input: &[u8], chunk_ends: &BTreeSet<usize>) -> Vec<Expected> {
        let mut replies = Vec::new();
        let mut rest = input;
        while !self.over && !rest.is_empty() {
            let end = rest.iter().position(|octet| *octet == b'\n');
            let length = end.map_or(rest.len(), |end| end + 1);
            let line = &rest[..length];
            rest = &rest[length..];
            let more = !chunk_ends.contains(&(input.len() - rest.len()));
            let auth = line.len() >= 5 && line[..5].eq_ignore_ascii_case(b"AUTH ");
            let limit = if self.exchange.is_some() || auth && self.mail.is_none() { 12_288 } else { 255 };
            let verdict = match (length > limit, end, self.exchange.take()) {
                (false, None, exchange) if length < limit => {
                    self.exchange = exchange;
                    break;
                }
                (false, Some(_), Some(exchange)) => self.response(line, exchange),
                (false, Some(_), None) => self.command(line, more),
                (_, _, Some(_)) => self.exchange_ended(),
                (_, _, None) => Verdict::Bad,
            };
            match verdict {
                Verdict::Ended => replies.push(Expected::Err(None)),
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

    fn command(&mut self, line: &[u8], more: bool) -> Verdict {
        let line = without_end(line);
        let space = line.iter().position(|octet| *octet == b' ').unwrap_or(line.len());
        let keyword = String::from_utf8_lossy(&line[..space]).to_ascii_uppercase();
        let argument = line.get(space + 1..).unwrap_or_default();
        // Of the generated arguments only passwords need octets that are not UTF-8.
        let text = String::from_utf8_lossy(argument).into_owned();
        // Tabs count as blanks around arguments and after the blank that separates them, but do not separate.
        let trim = |text| str::trim_matches(text, [' ', '\t']);
        let words: Vec<&str> = match trim(&text).split_once(' ') {
            Some((first, second)) => vec![first, trim(second)],
            None => Some(trim(&text)).into_iter().filter(|word| !word.is_empty()).collect(),
        };
        match (keyword.as_str(), words.as_slice()) {
            ("CAPA", []) => {
                let user = if self.passwords_forbidden && !self.encrypted { "" } else { "USER\r\n" };
                let sasl = self.offered().join(" ");
                let stls = if self.encrypted || self.mail.is_some() { "" } else { "STLS\r\n" };
                let rest = "UIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n";
                good_body(
                    None,
                    &format!("TOP\r\n{user}SASL {sasl}\r\n{rest}{stls}EXPIRE NEVER\r\nUTF8 USER\r\nLANG\r\n"),
                )
            }
            ("STLS", []) if self.mail.is_none() && !self.encrypted => {
                self.over = more;
                if more {
                    return Verdict::Ended;
                }
                if self.utf8 {
                    return Verdict::Bad;
                }
                (self.encrypted, self.user) = (true, None);
                ok(None)
            }
            ("UTF8", []) if self.mail.is_none() => {
                self.utf8 = true;
                ok(None)
            }
            ("LANG", []) => good_body(None, "en English\r\nde Deutsch\r\n"),
            ("LANG", [range]) => self.language(range),
            ("AUTH", []) if self.mail.is_none() => {
                good_body(None, &self.offered().iter().map(|name| format!("{name}\r\n")).collect::<String>())
            }
            ("AUTH", [_, ..]) if self.mail.is_none() => self.auth(&text),
            ("QUIT", []) => self.quit(),
            ("USER", [_, ..]) => self.user(argument),
            ("PASS", _) => self.pass(argument),
            (keyword, words) => match &mut self.mail {
                Some(mail) => mail.command(keyword, words, self.german),
                None => Verdict::Bad,
            },
        }
    }

    /// Only ranges whose primary subtag has two letters find a language.
    fn language(&mut self, range: &str) -> Verdict {
        let fits =
            |part: &str| (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric());
        let primary = range.split('-').next().unwrap_or_default().to_ascii_lowercase();
        let (german, text) = match primary.as_str() {
            "de" => (true, "de die Sprache ist Deutsch"),
            "en" | "*" => (false, "en the language is English"),
            _ if range.split('-').all(fits) => return Verdict::Good(Expected::Err(None)),
            _ => return Verdict::Bad,
        };
        if range != "*" && !range.split('-').all(fits) {
            return Verdict::Bad;
        }
        self.german = german;
        ok(Some(text.to_owned()))
    }

    fn quit(&mut self) -> Verdict {
        self.over = true;
        if let Some(mail) = &self.mail {
            self.removed = Some(mail.deleted.iter().copied().collect());
        }
        ok(None)
    }

    fn offered(&self) -> &'static [&'static str] {
        if self.encrypted { &["XOAUTH2", "LOGIN", "PLAIN"] } else { &["LOGIN", "PLAIN"] }
    }

    fn auth(&mut self, argument: &str) -> Verdict {
        let (name, initial) = match argument.trim_matches([' ', '\t']).split_once(' ') {
            Some((name, initial)) => (name, Some(initial)),
            None => (argument.trim_matches([' ', '\t']), None),
        };
        let initial = match initial {
            None => None,
            Some("=") => Some(Vec::new()),
            Some(text) => match unbase64(text.as_bytes()) {
                Some(octets) => Some(octets),
                None => return Verdict::Bad,
            },
        };
        let name = name.to_ascii_uppercase();
        match self.offered().iter().find(|offered| **offered == name) {
            Some(mechanism) => {
                self.user = None;
                self.exchanged(mechanism, initial.into_iter().collect())
            }
            None if self.passwords_forbidden && !self.encrypted && name == "XOAUTH2" => {
                Verdict::Good(Expected::Err(None))
            }
            None => Verdict::Bad,
        }
    }

    fn response(&mut self, line: &[u8], (mechanism, mut said): (&'static str, Vec<Vec<u8>>)) -> Verdict {
        match unbase64(without_end(line)) {
            Some(octets) => {
                said.push(octets);
                self.exchanged(mechanism, said)
            }
            None => self.exchange_ended(),
        }
    }

    fn exchange_ended(&mut self) -> Verdict {
        self.failed += 1;
        self.over = self.failed == 3;
        Verdict::Ended
    }

    /// What the mechanisms of the test driver answer.
    fn exchanged(&mut self, mechanism: &'static str, said: Vec<Vec<u8>>) -> Verdict {
        let challenge = match (mechanism, said.len()) {
            ("PLAIN" | "XOAUTH2", 0) => "",
            ("LOGIN", 0) => "VXNlciBOYW1lAA==",
            ("LOGIN", 1) => "UGFzc3dvcmQA",
            ("XOAUTH2", 1) if said[0] != PASSWORD => "eyJzdGF0dXMiOiI0MDEifQ==",
            ("XOAUTH2", 1) => return self.login("alice", PASSWORD),
            ("PLAIN", 1) => {
                let message = String::from_utf8_lossy(&said[0]).into_owned();
                return match message.split('\0').collect::<Vec<_>>()[..] {
                    ["", user, password] => self.sasl_login(user, password.as_bytes()),
                    _ => self.sasl_login("", b""),
                };
            }
            ("LOGIN", 2) => return self.sasl_login(&String::from_utf8_lossy(&said[0]), &said[1]),
            _ => return self.sasl_login("", b""),
        };
        self.exchange = Some((mechanism, said));
        Verdict::Good(Expected::Challenge(challenge))
    }

    fn user(&mut self, argument: &[u8]) -> Verdict {
        match String::from_utf8(argument.to_vec()) {
            Ok(name) if self.mail.is_none() => {
                let name = name.trim_matches([' ', '\t']);
                if name.contains(char::is_control) {
                    return Verdict::Bad;
                }
                self.user = Some(name.to_owned());
                if self.passwords_forbidden && !self.encrypted {
                    return Verdict::Good(Expected::Err(None));
                }
                ok(None)
            }
            _ => Verdict::Bad,
        }
    }

    fn pass(&mut self, password: &[u8]) -> Verdict {
        if self.mail.is_some() || password.is_empty() || password.contains(&0) {
            return Verdict::Bad;
        }
        if self.passwords_forbidden && !self.encrypted {
            return Verdict::Good(Expected::Err(None));
        }
        let Some(user) = self.user.take() else { return Verdict::Bad };
        self.login(&user, password)
    }

    /// A name must not be empty, too long, or contain control characters. USER checks that earlier.
    fn sasl_login(&mut self, user: &str, password: &[u8]) -> Verdict {
        let name = (1..=255).contains(&user.len()) && !user.contains(char::is_control);
        self.login(user, if name { password } else { b"wrong" })
    }

    fn login(&mut self, user: &str, password: &[u8]) -> Verdict {
        let code = match user {
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
    fn command(&mut self, keyword: &str, words: &[&str], german: bool) -> Verdict {
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
            ("LIST", 0, _) => good_body(Some(self.count(german)), &self.table(|n| Self::size(n).to_string())),
            ("UIDL", 0, _) => good_body(None, &self.table(|n| format!("id<{n}>"))),
            ("LIST", 1, Some(Some(n))) => self.with(n, |_, n| ok(Some(format!("{n} {}", Self::size(n))))),
            ("UIDL", 1, Some(Some(n))) => self.with(n, |_, n| ok(Some(format!("{n} id<{n}>")))),
            ("DELE", 1, Some(Some(n))) => self.with(n, |mail, n| {
                mail.deleted.insert(n);
                ok(None)
            }),
            ("RETR", 1, Some(Some(n))) => self.with(n, |mail, n| {
                mail.last = mail.last.max(n);
                good_body(
                    Some(format!("{} {}", Self::size(n), if german { "Oktette" } else { "octets" })),
                    DECODED[n - 1],
                )
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

    /// Runs a command on a message that exists. RETR and TOP of the broken one fail.
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

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Base64 to the letter: six bits per character, whole octets, zeros in the remaining bits, padding to four
/// characters.
fn unbase64(text: &[u8]) -> Option<Vec<u8>> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.iter().rposition(|c| *c != b'=').map_or(0, |last| last + 1);
    if !text.len().is_multiple_of(4) || text.len() - digits > 2 {
        return None;
    }
    let mut bits = String::new();
    for c in &text[..digits] {
        bits.push_str(&format!("{:06b}", ALPHABET.iter().position(|digit| digit == c)?));
    }
    let left = bits.split_off(bits.len() / 8 * 8);
    let octets = bits.as_bytes().chunks(8).map(|octet| std::str::from_utf8(octet).ok());
    let octets = octets.map(|octet| u8::from_str_radix(octet?, 2).ok()).collect::<Option<Vec<u8>>>()?;
    (!left.contains('1')).then_some(octets)
}

fn number(word: &str) -> Option<usize> {
    let digits = word.chars().all(|c| c.is_ascii_digit());
    word.parse::<u32>().ok().filter(|n| digits && *n > 0).and_then(|n| n.try_into().ok())
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
