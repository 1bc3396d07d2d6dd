//! The text of a script, and its steps.

use std::fmt;

use crate::pattern::ReplyPattern;

/// A dialogue.
#[derive(Debug)]
pub struct Script {
    pub(crate) steps: Vec<(usize, ScriptStep)>,
}

/// What happens next.
#[derive(Debug)]
pub(crate) enum ScriptStep {
    /// The rest is for servers that list such a capability.
    Needs(ReplyPattern),
    /// The client sends this.
    Send(Vec<SentPiece>),
    /// The server sends a line.
    Line(ReplyPattern),
    /// The next multi-line reply has a line like this.
    Among(ReplyPattern),
    /// It has no line like this.
    NotAmong(ReplyPattern),
    /// The server sends lines up to a single dot.
    Lines,
    /// The client begins TLS.
    Tls,
    /// The server closes the connection.
    End,
    /// The client drops the connection and opens another.
    Anew,
    /// The next steps use the connection of this number.
    At(u32),
}

/// A part of what the client sends.
#[derive(Debug)]
pub(crate) enum SentPiece {
    Octets(Vec<u8>),
    Value(AccountValue),
}

/// Text that depends on the account.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AccountValue {
    User,
    Password,
    /// The same in base64.
    User64,
    Password64,
    /// The response of SASL PLAIN (RFC 4616) in base64.
    Plain,
}

/// A line that is not a step.
#[derive(Debug, PartialEq, Eq)]
pub struct BadScript {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: &'static str,
}

impl fmt::Display for BadScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for BadScript {}

impl Script {
    /// Parses a script.
    ///
    /// # Errors
    ///
    /// The first line that is not a step.
    pub fn parse(text: &str) -> Result<Self, BadScript> {
        let mut steps = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let bad = |what| BadScript { line: number, what };
            let step = match line.split_once(": ").unwrap_or((line, "")) {
                ("", "") => continue,
                (comment, _) if comment.starts_with('#') => continue,
                ("C" | "C:", text) => {
                    let mut pieces = pieces(text).map_err(bad)?;
                    pieces.push(SentPiece::Octets(b"\r\n".to_vec()));
                    ScriptStep::Send(pieces)
                }
                ("c", text) => ScriptStep::Send(pieces(text).map_err(bad)?),
                ("N", text) => ScriptStep::Needs(ReplyPattern::parse(text)),
                ("S" | "S:", text) => ScriptStep::Line(ReplyPattern::parse(text)),
                ("+", text) => ScriptStep::Among(ReplyPattern::parse(text)),
                ("-", text) => ScriptStep::NotAmong(ReplyPattern::parse(text)),
                ("S*", "") => ScriptStep::Lines,
                ("T:", "") => ScriptStep::Tls,
                ("E:", "") => ScriptStep::End,
                ("---", "") => ScriptStep::Anew,
                (at, "") if at.starts_with('=') => ScriptStep::At(
                    at[1..].parse().map_err(|_| bad("= is followed by the number of a connection"))?,
                ),
                _ => return Err(bad("a step begins with N:, C:, c:, S:, +:, -:, S*, T:, E:, --- or =")),
            };
            steps.push((number, step));
        }
        Ok(Self { steps })
    }
}

fn pieces(text: &str) -> Result<Vec<SentPiece>, &'static str> {
    let mut pieces = Vec::new();
    let mut octets = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '{']) {
        octets.extend_from_slice(&rest.as_bytes()[..at]);
        if let Some(escape) = rest[at..].strip_prefix('\\') {
            let (octet, after) = escaped(escape)?;
            octets.push(octet);
            rest = after;
            continue;
        }
        let (inside, after) = rest[at + 1..].split_once('}').ok_or("a { without a }")?;
        rest = after;
        let value = match inside {
            "user" => AccountValue::User,
            "password" => AccountValue::Password,
            "user64" => AccountValue::User64,
            "password64" => AccountValue::Password64,
            "plain" => AccountValue::Plain,
            _ => {
                let (times, text) = inside
                    .split_once('*')
                    .ok_or("between { and } there is user, password, user64, password64, plain or N*TEXT")?;
                let times = times.parse().map_err(|_| "N in {N*TEXT} is a number")?;
                octets.extend(text.as_bytes().repeat(times));
                continue;
            }
        };
        pieces.push(SentPiece::Octets(std::mem::take(&mut octets)));
        pieces.push(SentPiece::Value(value));
    }
    octets.extend_from_slice(rest.as_bytes());
    pieces.push(SentPiece::Octets(octets));
    Ok(pieces)
}

/// The octet that an escape stands for, and the text after it. `text` begins behind the backslash.
fn escaped(text: &str) -> Result<(u8, &str), &'static str> {
    let octet = match text.as_bytes().first() {
        Some(b'r') => b'\r',
        Some(b'n') => b'\n',
        Some(b'0') => 0,
        Some(b'\\') => b'\\',
        Some(b'x') => {
            let digits = text.get(1..3).ok_or("\\x is followed by two digits")?;
            let octet = u8::from_str_radix(digits, 16).map_err(|_| "\\x is followed by two digits")?;
            return Ok((octet, &text[3..]));
        }
        _ => return Err("a backslash is followed by r, n, 0, x or another backslash"),
    };
    Ok((octet, &text[1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(line: &str) -> Vec<u8> {
        let script = Script::parse(line).unwrap();
        let ScriptStep::Send(pieces) = &script.steps[0].1 else { panic!("{line}") };
        let octets = pieces.iter().map(|piece| match piece {
            SentPiece::Octets(octets) => octets.clone(),
            SentPiece::Value(value) => format!("<{value:?}>").into_bytes(),
        });
        octets.collect::<Vec<_>>().concat()
    }

    #[test]
    fn what_the_client_sends_is_octets() {
        assert_eq!(sent("C: NOOP"), b"NOOP\r\n");
        assert_eq!(sent("C: "), b"\r\n");
        assert_eq!(sent("c: a\\r\\n\\0\\xff\\\\"), b"a\r\n\0\xff\\");
        assert_eq!(sent("C: USER {user}x"), b"USER <User>x\r\n");
        assert_eq!(sent("c: {3*ab}{password}"), b"ababab<Password>");
    }

    #[test]
    fn a_line_that_is_no_step_is_named() {
        for (text, line) in [
            ("X: a", 1),
            ("# c\n\nC: {user", 3),
            ("C: \\q", 1),
            ("C: \\x1", 1),
            ("S*: x", 1),
            ("C: {a*b}", 1),
            ("=x", 1),
            ("T: now", 1),
        ] {
            assert_eq!(Script::parse(text).unwrap_err().line, line, "{text}");
        }
    }
}
