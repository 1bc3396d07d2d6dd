//! The text of a script, and its steps.

use std::fmt;

use crate::pattern::Pattern;

/// A dialogue.
#[derive(Debug)]
pub struct Script {
    pub(crate) steps: Vec<(usize, Step)>,
}

/// What happens next.
#[derive(Debug)]
pub(crate) enum Step {
    /// The rest is for servers that list such a capability.
    Needs(Pattern),
    /// The client sends this.
    Send(Vec<Piece>),
    /// The server says a line.
    Line(Pattern),
    /// One of the next lines up to a single dot is like this.
    Among(Pattern),
    /// None of them is like this.
    NotAmong(Pattern),
    /// The server says lines up to a single dot.
    Lines,
    /// The client begins TLS.
    Tls,
    /// The server closes the connection.
    End,
    /// The client drops the connection and connects anew.
    Anew,
    /// The next steps are for the connection of this number.
    At(u32),
}

/// A part of what the client sends.
#[derive(Debug)]
pub(crate) enum Piece {
    Octets(Vec<u8>),
    Value(Value),
}

/// What depends on the account.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value {
    User,
    Password,
    /// The same in base64.
    User64,
    Password64,
    /// The response of SASL PLAIN (RFC 4616) in base64.
    Plain,
}

/// A line that is no step.
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
    /// Reads a script.
    ///
    /// # Errors
    ///
    /// The first line that is no step.
    pub fn parse(text: &str) -> Result<Script, BadScript> {
        let mut steps = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let bad = |what| BadScript { line: number, what };
            let step = match line.split_once(": ").unwrap_or((line, "")) {
                ("", "") => continue,
                (comment, _) if comment.starts_with('#') => continue,
                ("C" | "C:", text) => {
                    let mut pieces = pieces(text).map_err(bad)?;
                    pieces.push(Piece::Octets(b"\r\n".to_vec()));
                    Step::Send(pieces)
                }
                ("c", text) => Step::Send(pieces(text).map_err(bad)?),
                ("N", text) => Step::Needs(Pattern::parse(text)),
                ("S" | "S:", text) => Step::Line(Pattern::parse(text)),
                ("+", text) => Step::Among(Pattern::parse(text)),
                ("-", text) => Step::NotAmong(Pattern::parse(text)),
                ("S*", "") => Step::Lines,
                ("T:", "") => Step::Tls,
                ("E:", "") => Step::End,
                ("---", "") => Step::Anew,
                (at, "") if at.starts_with('=') => {
                    Step::At(at[1..].parse().map_err(|_| bad("after = comes the number of a connection"))?)
                }
                _ => return Err(bad("a step begins with N:, C:, c:, S:, +:, -:, S*, T:, E:, --- or =")),
            };
            steps.push((number, step));
        }
        Ok(Script { steps })
    }
}

fn pieces(text: &str) -> Result<Vec<Piece>, &'static str> {
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
            "user" => Value::User,
            "password" => Value::Password,
            "user64" => Value::User64,
            "password64" => Value::Password64,
            "plain" => Value::Plain,
            _ => {
                let (times, text) = inside
                    .split_once('*')
                    .ok_or("in {} stands user, password, user64, password64, plain or N*TEXT")?;
                let times = times.parse().map_err(|_| "in {N*TEXT} N is a number")?;
                octets.extend(text.as_bytes().repeat(times));
                continue;
            }
        };
        pieces.push(Piece::Octets(std::mem::take(&mut octets)));
        pieces.push(Piece::Value(value));
    }
    octets.extend_from_slice(rest.as_bytes());
    pieces.push(Piece::Octets(octets));
    Ok(pieces)
}

/// The octet that stands behind a backslash, and what comes after it.
fn escaped(text: &str) -> Result<(u8, &str), &'static str> {
    let octet = match text.as_bytes().first() {
        Some(b'r') => b'\r',
        Some(b'n') => b'\n',
        Some(b'0') => 0,
        Some(b'\\') => b'\\',
        Some(b'x') => {
            let digits = text.get(1..3).ok_or("after \\x come two digits")?;
            let octet = u8::from_str_radix(digits, 16).map_err(|_| "after \\x come two digits")?;
            return Ok((octet, &text[3..]));
        }
        _ => return Err("after a backslash comes r, n, 0, x or a backslash"),
    };
    Ok((octet, &text[1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(line: &str) -> Vec<u8> {
        let script = Script::parse(line).unwrap();
        let Step::Send(pieces) = &script.steps[0].1 else { panic!("{line}") };
        let octets = pieces.iter().map(|piece| match piece {
            Piece::Octets(octets) => octets.clone(),
            Piece::Value(value) => format!("<{value:?}>").into_bytes(),
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
